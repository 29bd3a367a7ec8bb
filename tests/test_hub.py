"""`make classroom` before anything is started: refusals, folders, who sees what."""

import os
import subprocess

import pytest

from grader.hub import __main__ as hub
from grader.hub.classroom import FIRST_UID, PEOPLE, ROOT, Classroom, Unusable
from grader.hub.enter import view_of


@pytest.fixture
def proxy(tmp_path, monkeypatch):
    """A proxy that seems to be there."""
    path = tmp_path / "configurable-http-proxy"
    path.touch()
    monkeypatch.setattr(hub, "PROXY", path)


@pytest.fixture
def together(tmp_path):
    classroom = Classroom(tmp_path / "class", together=True)
    classroom.lay_out()
    return classroom


def test_without_the_proxy_it_says_what_brings_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(hub, "PROXY", tmp_path / "nothing")
    assert hub.main(["--data", str(tmp_path / "class")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "npm" in said
    assert not (tmp_path / "class").exists()


def test_without_root_it_refuses_and_names_the_other_way(proxy, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert hub.main(["--data", str(tmp_path / "class")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "only root" in said and "--together" in said


def test_where_people_cannot_be_kept_apart_it_refuses(proxy, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: failed)
    with pytest.raises(Unusable, match="mount namespaces"):
        hub.check(Classroom(tmp_path))


def test_folders_and_passwords_are_their_owners_alone(together):
    for name in PEOPLE:
        assert together.home(name).stat().st_mode & 0o777 == 0o700
    assert together.state.stat().st_mode & 0o077 == 0
    assert together.exchange.stat().st_mode & 0o7777 == 0o1777
    words = together.passwords()
    assert set(words) == set(PEOPLE) and len(set(words.values())) == len(PEOPLE)
    assert min(map(len, words.values())) >= 12


def test_a_second_start_changes_nothing_that_people_have(together):
    before = together.passwords()
    (together.home("student-1") / "mine.txt").write_text("mine")
    together.lay_out()
    assert together.passwords() == before
    assert (together.home("student-1") / "mine.txt").read_text() == "mine"


def test_everybody_has_a_number_that_nobody_else_has(tmp_path):
    classroom = Classroom(tmp_path)
    numbers = [classroom.uid(name) for name in PEOPLE]
    assert len(set(numbers)) == len(PEOPLE) and min(numbers) == FIRST_UID


def test_a_student_is_shown_the_course_but_nothing_else_of_the_repository(tmp_path):
    covered, shown = view_of(Classroom(tmp_path), "student-1")
    assert any(ROOT.is_relative_to(top) for top in covered)
    inside = {place for place in shown if place.is_relative_to(ROOT)}
    assert ROOT / "course_utils" in inside
    assert not {ROOT, ROOT / "grader", ROOT / "solutions", ROOT / ".git"} & inside


def test_the_instructor_sees_the_repository(tmp_path):
    assert ROOT in view_of(Classroom(tmp_path), "instructor")[1]
