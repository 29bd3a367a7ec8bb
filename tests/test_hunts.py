"""Bug hunts: broken code fails, mended code passes, and the same seed gives the same hunt."""

import ast
import json
from random import Random

import nbformat
import pytest

from course_utils import card, practice
from course_utils.cli import main
from course_utils.engine.exercise import load_lesson
from course_utils.exam.plan import built_lessons
from grader.exam import hunts, symptoms
from grader.exam.hunts import draw_hunt, hunt_data, hunt_notebook, write_hunt
from grader.exam.mistakes import (
    applied,
    compatible,
    draw_mistakes,
    parts,
    passes,
    quiet_edits,
)
from grader.misconceptions import Edit, load_edits
from grader.reference import reference_code
from grader.source import load_source
from grader.submission import Unusable

EXERCISES = [
    (lesson, e.id)
    for lesson in built_lessons()
    for e in load_lesson(lesson).exercises.values()
    if e.kind == "code"
]
SOME = [("04_ddpm", "reverse_mean"), ("04_ddpm", "forward_diffusion"), ("03_unet", "UpBlock")]


@pytest.fixture
def cards(monkeypatch):
    shown = []
    monkeypatch.setattr(card, "show", shown.append)
    return shown


@pytest.mark.parametrize(("lesson", "name"), EXERCISES)
def test_the_reference_passes_and_a_drawn_mistake_fails(lesson, name):
    e = load_lesson(lesson)[name]
    assert passes(lesson, e, load_source(lesson).references[name])
    edits = draw_mistakes(lesson, name, 1, Random(f"one {name}"))
    assert len(edits) == 1
    assert not passes(lesson, e, applied(lesson, name, edits))


@pytest.mark.slow
@pytest.mark.parametrize(("lesson", "name"), EXERCISES)
def test_every_hunt_of_one_mistake_is_failed_by_the_broken_code(lesson, name):
    e = load_lesson(lesson)[name]
    for edit in load_edits(lesson)[name]:
        assert not passes(lesson, e, applied(lesson, name, (edit,))), edit.id


@pytest.mark.parametrize(("lesson", "name"), SOME)
@pytest.mark.parametrize("level", [2, 3])
def test_several_mistakes_stay_a_hunt_until_the_last_one_is_mended(lesson, name, level):
    e = load_lesson(lesson)[name]
    for seed in range(3):
        edits = draw_mistakes(lesson, name, level, Random(seed))
        assert 1 <= len(edits) <= level
        ast.parse(applied(lesson, name, edits))
        for left in (edits[:1], edits[1:] or edits, edits):
            assert not passes(lesson, e, applied(lesson, name, left))


def test_edits_that_overlap_or_undo_each_other_are_no_hunt():
    first, *_ = load_edits("04_ddpm")["reverse_mean"]
    assert applied("04_ddpm", "reverse_mean", (first, first)) is None
    nothing = Edit("nothing", "eps) /", "eps)  /", "")
    assert not compatible("04_ddpm", "reverse_mean", (nothing,))


@pytest.mark.parametrize(("lesson", "name"), SOME)
def test_quiet_mistakes_neither_crash_nor_change_a_shape(lesson, name):
    every = {edit.id for edit in load_edits(lesson)[name]}
    assert {edit.id for edit in quiet_edits(lesson, name)} <= every


def test_the_same_seed_gives_the_same_hunt_and_other_seeds_give_others():
    assert draw_hunt(None, 2, 5) == draw_hunt(None, 2, 5)
    assert len({draw_hunt(None, 1, seed).code for seed in range(30)}) > 20


def test_there_are_thousands_of_combinations():
    pairs = sum(n * (n - 1) // 2 for n in (len(quiet_edits(*where)) for where in EXERCISES))
    assert pairs > 1000


# The notebook ------------------------------------------------------------------------------


def played(tmp_path, monkeypatch, level, seed, lesson="04_ddpm"):
    """(hunt, names of the notebook up to the check)."""
    monkeypatch.chdir(tmp_path)
    path = write_hunt(lesson, level, seed, tmp_path)
    space = {"__name__": "__main__"}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and not cell.source.startswith("check("):
            exec(cell.source, space)
    return draw_hunt(lesson, level, seed), space


@pytest.mark.parametrize(("level", "seed"), [(1, 10), (2, 5), (3, 8)])
def test_check_says_when_it_is_mended(level, seed, tmp_path, monkeypatch, cards):
    hunt, space = played(tmp_path, monkeypatch, level, seed)
    exec(f"check({hunt.exercise.target})", space)
    assert cards[-1].headline == f"{hunt.name}: not yet"
    assert all(edit.message not in repr(cards[-1]) for edit in hunt.edits)
    exec(reference_code(hunt.lesson, hunt.exercise), space)
    exec(f"check({hunt.exercise.target})", space)
    assert cards[-1].headline == f"{hunt.name}: all right"


def test_hints_tell_how_many_then_one_mistake_after_the_other(tmp_path, monkeypatch, cards):
    hunt, space = played(tmp_path, monkeypatch, 2, 5)
    for _ in range(2 + len(hunt.edits)):
        exec(f"check.hint('{hunt.name}')", space)
    assert str(len(hunt.edits)) in cards[0].message
    assert [c.message for c in cards[2:]] == [edit.message for edit in hunt.edits]
    exec(f"check.solution('{hunt.name}')", space)
    assert cards[-1].code == reference_code(hunt.lesson, hunt.exercise)


@pytest.mark.parametrize("seed", range(3))
def test_no_half_mended_code_passes_on_the_hunts_own_inputs(seed):
    hunt = draw_hunt("03_unet", 2, seed)
    for part in parts(hunt.edits):
        code = applied(hunt.lesson, hunt.exercise.id, part)
        assert not passes(hunt.lesson, hunt.exercise, code, hunt.seed)
    right = load_source(hunt.lesson).references[hunt.exercise.id]
    assert passes(hunt.lesson, hunt.exercise, right, hunt.seed)


def test_the_files_hold_no_reference_and_no_edit():
    hunt = draw_hunt("04_ddpm", 1, 3)
    blob = hunt_data(hunt)
    (edit,) = hunt.edits
    reference = reference_code(hunt.lesson, hunt.exercise)
    own = [line.strip() for line in reference.splitlines() if line not in hunt.code]
    text = json.dumps(hunt_notebook(hunt))
    for line in own:
        assert line.encode() not in blob and line not in text
    assert edit.message.encode()[:20] in blob and edit.message[:20] not in text


@pytest.mark.parametrize(("lesson", "name"), SOME)
def test_the_symptom_shows_numbers_of_the_broken_and_the_right_code(lesson, name):
    e = load_lesson(lesson)[name]
    code = applied(lesson, name, quiet_edits(lesson, name)[:1])
    found = symptoms.symptom_of(lesson, e, code)
    assert "| what | right | this code |" in found.text
    assert found.picture[:4] == b"\x89PNG" and "attachment:picture.png" in found.text


def test_a_crash_is_shown_as_the_message_that_a_learner_would_see():
    e = load_lesson("04_ddpm")["reverse_mean"]
    code = "def reverse_mean(x_t, t, eps, schedule):\n    return x_t / schedule['alpha']\n"
    assert "KeyError: 'alpha'" in symptoms.symptom_of("04_ddpm", e, code).text


def test_an_endless_broken_function_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(symptoms, "SECONDS", 0.2)
    e = load_lesson("04_ddpm")["reverse_mean"]
    right = load_source("04_ddpm").references["reverse_mean"]
    slow = right.replace("    beta =", "    while x_t.shape[0] == 8: pass\n    beta =")
    wrong = slow.replace("eps) /", "eps) *")
    assert "| mean |" in symptoms.symptom_of("04_ddpm", e, wrong).text


def test_a_hunt_is_not_written_over_work_that_is_there(tmp_path):
    write_hunt("04_ddpm", 1, 1, tmp_path)
    with pytest.raises(Unusable, match="is there already"):
        write_hunt("04_ddpm", 1, 1, tmp_path)


@pytest.mark.parametrize("level", [0, 4, -1])
def test_levels_are_one_to_three(level, tmp_path):
    with pytest.raises(Unusable, match="1 to 3"):
        write_hunt(None, level, 1, tmp_path)


def test_the_command_names_the_file_and_how_to_get_it_again(tmp_path, capsys):
    assert main(["hunt", "04_ddpm", "--seed", "4", "--to", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "course hunt 04_ddpm --level 1 --seed 4" in said
    assert len(list(tmp_path.glob("hunt_*_1_4.*"))) == 2
    assert main(["hunt", "04_dpm", "--to", str(tmp_path)]) == 2
    assert "there are: 01_pytorch" in capsys.readouterr().err


def test_without_a_seed_a_weak_spot_is_chosen(monkeypatch):
    lines = [{"what": "check", "lesson": "04_ddpm", "exercise": "drop_labels", "mistake": "x"}]
    known = hunts.standing(lines)
    monkeypatch.setattr(hunts, "standing", lambda: known)
    assert draw_hunt(None, 1, hunts.fresh_seed(None, 1)).exercise.id == "drop_labels"


def test_a_notebook_without_its_data_says_what_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="must lie beside the notebook"):
        practice.HuntChecker("hunt_x_1_1", tmp_path)
