"""Progress: one local file that survives damage, and what is read from it."""

import json
import os

import pytest

from course_utils import progress
from course_utils.cli import main
from course_utils.standing import standing, summary


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "mine" / "progress.jsonl"
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    return path


def check(exercise, passed, lesson="04_ddpm", kind="code", mistake=None):
    facts = {"lesson": lesson, "exercise": exercise, "kind": kind}
    return {"what": "check", **facts, "passed": passed, "mistake": mistake}


def hint(exercise, lesson="practice"):
    return {"what": "hint", "lesson": lesson, "exercise": exercise}


def mended(exercise):
    return check(exercise, True, "practice", "hunt")


# The file ----------------------------------------------------------------------------------


def test_a_new_file_is_told_once(file, capsys):
    progress.note("check", exercise="x")
    progress.note("check", exercise="y")
    assert capsys.readouterr().out == f"progress: kept from now on in {file}, and nowhere else\n"
    assert [e["exercise"] for e in progress.events()] == ["x", "y"]


DAMAGE = {
    "half a line": b'{"what": "check", "at": "20',
    "no JSON": b"\x00\xff\xfe rubbish",
    "JSON of another kind": b"[1, 2, 3]",
    "no time": b'{"what": "check"}',
    "a wrong time": b'{"what": "check", "at": "yesterday"}',
    "a kind that is no text": b'{"what": 3, "at": "2030-01-01T00:00:00+00:00"}',
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_lines_are_taken_out_with_one_line_of_notice(damage, file, capsys):
    progress.note("check", exercise="before")
    file.write_bytes(file.read_bytes() + damage)
    progress.note("check", exercise="after")
    capsys.readouterr()
    assert [e["exercise"] for e in progress.events()] == ["before", "after"]
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "1 damaged lines were taken out" in said
    assert len(progress.events()) == 2 and capsys.readouterr().out == ""


def test_a_file_that_is_rubbish_altogether_is_started_anew(file, capsys):
    file.parent.mkdir()
    file.write_bytes(os.urandom(5000).replace(b"{", b""))
    assert progress.events() == []
    progress.note("check", exercise="x")
    assert len(progress.events()) == 1


def test_a_missing_file_is_no_progress(file):
    assert progress.events() == [] and not progress.delete()
    assert "0 of" in repr(summary())


def test_off_keeps_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    progress.note("check", exercise="x")
    assert progress.path() is None and progress.events() == []
    assert capsys.readouterr().out == ""


def test_nothing_is_noted_while_nbgrader_runs_a_notebook(file, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    progress.note("check", exercise="x")
    assert not file.exists()


def test_a_place_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch, capsys):
    (tmp_path / "taken").write_text("a file, not a folder")
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "taken" / "progress.jsonl"))
    progress.note("check", exercise="x")
    assert "cannot be written" in capsys.readouterr().out


def test_it_can_be_exported_and_deleted(file, tmp_path, capsys):
    progress.note("drill", topic="latents", right=True)
    target = tmp_path / "mine.json"
    assert main(["progress", "--export", str(target)]) == 0
    (line,) = json.loads(target.read_text())
    assert line["topic"] == "latents"
    assert main(["progress", "--delete"]) == 0
    assert not file.exists()
    assert main(["progress"]) == 0
    assert "Your progress" in capsys.readouterr().out


def test_the_check_in_a_notebook_notes_what_it_saw(file, learner):
    from handin import reference, with_mistake

    learner.card("reverse_mean", with_mistake("reverse_mean"))
    learner.card("reverse_mean", reference("reverse_mean"))
    learner.hint("reverse_mean")
    first, second, third = progress.events()
    assert first["mistake"] and not first["passed"] and second["passed"]
    assert third["what"] == "hint"
    learner.run("check.progress()")
    assert "met: 1, overcome: 1" in learner.shown[-1].message


# What is read from it ----------------------------------------------------------------------


def test_a_mistake_is_overcome_once_its_exercise_is_solved():
    lines = [check("a", False, mistake="m"), check("b", False, mistake="n"), check("a", True)]
    found = standing(lines)
    assert found.met == {("04_ddpm", "a", "m"), ("04_ddpm", "b", "n")}
    assert found.overcome == {("04_ddpm", "a", "m")}


def test_a_hint_ends_the_streak_of_mended_hunts():
    lines = [mended("h1"), mended("h2"), hint("h3"), mended("h3"), mended("h4")]
    found = standing(lines)
    assert (len(found.mended), found.streak, found.best_streak) == (4, 1, 2)


def test_a_hunt_that_is_checked_twice_counts_once():
    assert standing([mended("h1"), mended("h1")]).streak == 1


def test_drills_and_exams_are_counted():
    exam = {"what": "exam", "exam": "exam_7", "step": "submit", "score": 81.5}
    drill = {"what": "drill", "topic": "latents"}
    found = standing([drill | {"right": True}, drill | {"right": False}, exam])
    assert (found.drills, found.drills_right) == (2, 1)
    assert found.exams == [("exam_7", 81.5)]


def test_lines_of_an_unknown_kind_or_without_facts_do_no_harm():
    lines = [{"what": "later"}, {"what": "check"}, {"what": "exam", "step": "submit"}]
    assert standing(lines).streak == 0


def test_the_card_says_what_is_solved_what_comes_next_and_how_many_minutes_are_left(file):
    progress.note(**check("polynomial_grad", True, "01_pytorch"))
    shown = repr(summary())
    assert "01_pytorch: 1 of" in shown and "minutes left" in shown
    assert "Next: `MLPClassifier` in 01_pytorch" in shown
    assert "<li>" in summary()._repr_html_()
