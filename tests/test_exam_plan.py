"""What an exam is made of: any seed gives a whole one; references solve it and stubs do not."""

import re
from functools import cache

import nbformat
import pytest

from course_utils.engine.answers import load_answers, public_seed
from course_utils.engine.diagnose import diagnose
from course_utils.engine.exercise import is_exam, lesson_ids, load_lesson
from course_utils.exam import plan
from course_utils.exam.plan import MINUTES, SECTIONS, TWINS, exam_id, needed, tasks
from grader import quiz
from grader.exam.build import SHIPPED, exam_text
from grader.exam.mistakes import outcomes
from grader.exam.planted import planted
from grader.exam.sheets import sheets
from grader.notebook import build_notebook
from grader.reference import outcomes_of, reference_code, stub_code
from grader.source import load_source, run_code
from grader.submission import grade_id
from grader.verdict import judge_exercise

EVERY = [exam_id(seed) for seed in range(200)]
SOME = EVERY[:12]


def asked(exam):
    return [task for task in tasks(exam) if task.base]


@pytest.mark.parametrize("start", range(0, 200, 50))
def test_every_seed_gives_a_whole_exam_without_a_duplicate_task(start):
    for exam in EVERY[start : start + 50]:
        found = tasks(exam)
        bases = [task.base.id for task in asked(exam)]
        assert len(set(bases)) == len(bases)
        assert len({task.exercise.id for task in found}) == len(found)
        assert sum(task.exercise.points for task in found) == 100
        assert sum(task.exercise.minutes for task in found) == MINUTES == 80


def test_sections_have_the_curriculums_weights_and_minutes():
    assert [(s.points, s.minutes) for s in SECTIONS] == [(30, 25), (25, 20), (25, 20), (20, 15)]
    for section in SECTIONS:
        assert sum(slot.points for slot in section.slots) == section.points
        assert sum(slot.minutes for slot in section.slots) == section.minutes


def test_no_task_gives_another_away_or_needs_one_that_comes_later():
    for exam in EVERY:
        names = {task.base.id for task in asked(exam)}
        assert all(len(group & names) < 2 for group in TWINS), exam
        seen = set()
        for task in asked(exam):
            assert not needed(task.lesson, task.base) & (names - seen), (exam, task.exercise.id)
            seen.add(task.base.id)


def test_text_conditioning_and_sampling_ask_for_lesson_05():
    text, sampling = (
        {e.id for place, lesson, e in plan.candidates() if (place, lesson[:2]) == (section, "05")}
        for section in ("conditioning", "sampling")
    )
    assert {"clip_contrastive_loss", "CrossAttention", "SpatialTransformer"} <= text
    assert sampling == {"posterior_step", "sample_text_to_image", "generate_image"}
    drawn = {(t.section.id, t.base.id) for exam in EVERY for t in asked(exam)}
    assert {("conditioning", name) for name in text} <= drawn
    assert {("sampling", name) for name in sampling} <= drawn


def test_two_hundred_seeds_give_two_hundred_exams():
    assert len({plan.fingerprint(exam) for exam in EVERY}) > 195  # of the tasks alone
    assert len({tuple(planted(exam).items()) for exam in EVERY}) > 195


def test_the_same_seed_gives_the_same_exam():
    first = exam_text("exam_7")
    for remembered in (tasks, plan.exam_lesson, sheets, planted):
        remembered.cache_clear()
    load_source.cache_clear()
    assert exam_text("exam_7") == first


@pytest.mark.parametrize("name", ["exam_7", "exam_0", "exam_123456789"])
def test_names_of_exams(name):
    assert is_exam(name) and name not in lesson_ids()


@pytest.mark.parametrize("name", ["exam_", "exam_07", "exam_x", "exam_-1", "04_ddpm", "exam_7 "])
def test_names_of_no_exams(name):
    assert not is_exam(name)


@pytest.mark.parametrize("exam", SOME)
def test_a_sheet_asks_nothing_twice_and_has_what_its_task_promises(exam):
    texts = [q.text for questions in sheets(exam).values() for q in questions]
    assert len(set(texts)) == len(texts)
    for task in tasks(exam):
        if task.slot.questions:
            assert len(sheets(exam)[task.exercise.id]) == task.slot.questions


@pytest.mark.parametrize("exam", SOME)
def test_a_block_to_name_stands_nowhere_else_in_the_exam_and_does_not_say_its_name(exam):
    elsewhere = {task.base.id for task in asked(exam)}
    elsewhere |= {name for _, name in load_source(exam).given_names()}
    for task in tasks(exam):
        for question in sheets(exam)[task.exercise.id] if task.slot.kind == "blocks" else []:
            name = question.choices[question.right].strip("`")
            assert name not in elsewhere
            assert not re.search(rf"\b{name}\b", question.text)


# Solvable ----------------------------------------------------------------------------------


@cache
def judged(lesson, base, code):
    """Outcome and diagnosis of some code of a lesson's exercise, on the lesson's public cases."""
    e, facts = load_lesson(lesson)[base], load_answers(lesson)[base]
    got = outcomes(lesson, e, code)
    return got, diagnose(e, got, facts.want, [])


def score(exam, code_of):
    """Points of an exam in which every cell is what `code_of(exam, exercise)` gives."""
    total = 0.0
    for task in tasks(exam):
        code = code_of(exam, task.exercise)
        if task.base:
            got, found = judged(task.lesson, task.base.id, code)
        else:
            got, found = sheet_judged(exam, task, code)
        total += judge_exercise(task.exercise, got, found).score
    return round(total, 6)


def sheet_judged(exam, task, code):
    e = task.exercise
    right = run_code(quiz.solution(sheets(exam)[e.id], e.target), "<right>")[e.target]
    given = run_code(code, "<sheet>")[e.target]
    got, want = ({"your answers": {"outputs": e.probe(a, None)}} for a in (given, right))
    return got, diagnose(e, got, want, [])


@pytest.mark.parametrize("exam", SOME[:4])
def test_references_reach_all_points_and_stubs_none(exam):
    assert score(exam, reference_code) == 100
    assert score(exam, stub_code) == 0


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 200, 25))
def test_every_one_of_200_exams_builds_and_is_solvable(start):
    for exam in EVERY[start : start + 25]:
        assert score(exam, reference_code) == 100
        assert score(exam, stub_code) == 0
        nbformat.validate(nbformat.reads(exam_text(exam), as_version=4))


def where_asked():
    """(lesson, exercise, kind) → the first exam that asks for it so."""
    found = {}
    for exam in EVERY:
        for task in asked(exam):
            found.setdefault((task.lesson, task.base.id, task.slot.kind), exam)
    return found


@pytest.mark.parametrize("task, exam", where_asked().items(), ids=str)
def test_every_task_can_be_solved_with_what_its_exam_gives(task, exam):
    lesson, base, kind = task
    e = next(t.exercise for t in asked(exam) if (t.base.id, t.slot.kind) == (base, kind))
    got, _ = outcomes_of(exam, e, reference_code(exam, e), public_seed(lesson))
    found = diagnose(e, got, load_answers(lesson)[base].want, [])
    assert found.passed, found


# The notebook ------------------------------------------------------------------------------


@pytest.mark.parametrize("exam", SOME[:3])
@pytest.mark.parametrize("version", ["student", "source", "solution"])
def test_the_notebook_is_sound_in_every_version(exam, version):
    notebook = build_notebook(exam, version)
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    graded = {grade_id(cell) for cell in notebook.cells}
    assert {task.exercise.id for task in tasks(exam)} <= graded


@pytest.mark.parametrize("exam", SOME)
def test_nothing_that_is_asked_is_given(exam):
    cells = build_notebook(exam, "student").cells
    given = "\n".join(c.source for c in cells if "given" in c.id and c.cell_type == "code")
    for task in asked(exam):
        assert not re.search(rf"^(def|class) {task.base.id}\b", given, re.M), task.base.id
    for _, name in load_source(exam).given_names():
        assert given.count(f"def {name}(") + given.count(f"class {name}(") == 1


@pytest.mark.parametrize("exam", SOME)
def test_a_hunt_shows_the_reference_with_one_mistake(exam):
    for task in asked(exam):
        shown = stub_code(exam, task.exercise)
        if task.slot.kind == "hunt":
            assert shown != reference_code(exam, task.exercise)
            assert f"{task.base.id}(" in shown and "NotImplementedError" not in shown
        else:
            assert "NotImplementedError" in shown


def test_three_exams_are_shipped():
    assert len(SHIPPED) == len({plan.fingerprint(exam) for exam in SHIPPED}) == 3


def test_an_exam_says_so_when_there_are_too_few_lessons(monkeypatch):
    monkeypatch.setattr(plan, "built_lessons", lambda: [])
    tasks.cache_clear()
    with pytest.raises(LookupError, match="too few lessons"):
        tasks("exam_99999")
