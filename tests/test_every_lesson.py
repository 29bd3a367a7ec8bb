"""What holds for every lesson: its exercises, misconceptions, alternatives, hunts and quiz fit
together, and wrong code that nobody listed does not pass (`mutants_<lesson>.py`)."""

import importlib
from dataclasses import replace

import pytest
from lessons import SECRET, checked, edited, is_named, judged

from course_utils.engine.exercise import lesson_ids, load_lesson
from grader import quiz
from grader.misconceptions import load_hunts
from grader.paths import SOLUTIONS
from grader.reference import edits_of, expected, hunt_code
from grader.source import read_cells
from grader.verify import diagnose_code, load_alternatives, verify_exercise

LESSONS = lesson_ids()
MUTANTS = {lesson: importlib.import_module(f"mutants_{lesson}") for lesson in LESSONS}
QUESTIONS = [(lesson, number) for lesson in LESSONS for number in range(len(quiz.load(lesson)))]
UNNAMED = [(lesson, *what) for lesson in LESSONS for what in MUTANTS[lesson].UNNAMED]


def each(*kinds):
    """Parametrises with every exercise of these kinds, of every lesson."""
    every = [(lesson, e) for lesson in LESSONS for e in load_lesson(lesson).exercises.values()]
    chosen = [(lesson, e) for lesson, e in every if e.kind in kinds]
    return pytest.mark.parametrize(
        ("lesson", "e"), chosen, ids=[f"{lesson}-{e.id}" for lesson, e in chosen]
    )


@each("code", "hunt", "quiz")
def test_judge_and_check_tell_right_from_wrong_and_name_each_misconception(lesson, e):
    alternatives = load_alternatives(lesson).get(e.id, [])
    assert verify_exercise(lesson, e, alternatives, seeds=(SECRET,)).problems == []


@each("hunt")
def test_each_hunt_is_named_as_the_mistake_that_it_hides(lesson, e):
    code, planted = hunt_code(lesson, e), load_hunts(lesson)[e.id]
    assert is_named(judged(lesson, e, code), planted)
    assert is_named(checked(lesson, e, code), planted)


@each("hunt")
def test_hints_of_a_hunt_do_not_show_the_line(lesson, e):
    edit = next(x for x in edits_of(lesson, e) if x.id == load_hunts(lesson)[e.id])
    shown = [line for line in (edit.old, edit.new) if line.strip()]
    assert not [hint for hint in (e.title, *e.hints) if any(line in hint for line in shown)]


@each("code")
def test_mutants_fail(lesson, e):
    unnamed = replace(expected(lesson, e.id, SECRET), mistakes=[])  # naming would only cost time
    for what, (old, new) in MUTANTS[lesson].MUTANTS[e.id].items():
        found = diagnose_code(lesson, e, edited(lesson, e, old, new), SECRET, unnamed)
        assert not found.passed, f"{what}: it passes"


@pytest.mark.parametrize(("lesson", "exercise", "old", "new"), UNNAMED)
def test_an_unlisted_mistake_is_not_given_the_name_of_another(lesson, exercise, old, new):
    e = load_lesson(lesson)[exercise]
    found = judged(lesson, e, edited(lesson, e, old, new))
    assert not found.passed and found.mistake is None


@each("code")
def test_messages_teach_in_a_few_sentences_and_show_no_code_of_the_solution(lesson, e):
    for edit in edits_of(lesson, e):
        assert 30 < len(edit.message) < 260 and edit.message.endswith((".", ".)")), edit.id
        assert edit.old not in edit.message, edit.id


@pytest.mark.parametrize(("lesson", "number"), QUESTIONS)
def test_each_choice_of_a_question_is_explained(lesson, number):
    question = quiz.load(lesson)[number]
    letters, right = set(question.choices), set(question.right)
    assert 3 <= len(letters) <= 4 and right <= letters
    assert letters - right <= set(question.wrong) <= letters - {question.right}
    assert question.explanation and all(question.wrong.values())


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_quiz_has_ten_questions_some_of_them_with_several_right_answers(lesson):
    right = [len(question.right) for question in quiz.load(lesson)]
    assert len(right) == 10 and min(right) == 1 and max(right) > 1


@pytest.mark.parametrize("lesson", LESSONS)
def test_lesson_script_keeps_to_the_house_style(lesson):
    path = SOLUTIONS / f"{lesson}.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 700
    cells = read_cells(path)
    texts = [cell.name for cell in cells if cell.kind == "markdown"]
    assert all(texts) and len(set(texts)) == len(texts)
    shown = [cell.source for cell in cells if cell.kind == "code" and cell.role == "show"]
    assert max(sum(bool(line.strip()) for line in code.splitlines()) for code in shown) <= 20
