"""The grade: full points for the reference, none for nothing, and every mistake alone."""

import json
import re
from dataclasses import asdict

import pytest
from handin import (
    EXERCISES,
    LESSON,
    attempted,
    cell_of,
    graded,
    lost_points,
    of_kind,
    planted_bug,
    reference,
    save,
    solved,
    untouched,
    with_mistake,
)

from course_utils.cli import main
from grader.conversation import exercise_seed
from grader.judge import Judge
from grader.nbgrader_steps import verdict_card
from grader.reference import expected, reference_code
from grader.submission import collect

POINTS = {e.id: float(e.points) for e in EXERCISES.values()}
CODE = [e.id for e in of_kind("code")]


# Points ---------------------------------------------------------------------------------------


def test_the_reference_gets_full_points(judge):
    verdict = judge.grade(collect(solved(), LESSON))
    assert {e.id: e.verdict for e in verdict.exercises} == dict.fromkeys(EXERCISES, "pass")
    assert {e.id: e.score for e in verdict.exercises} == POINTS
    assert verdict.score == verdict.max_score == sum(POINTS.values())


def test_an_untouched_notebook_gets_nothing(judge):
    verdict = judge.grade(collect(untouched(), LESSON))
    assert verdict.score == 0 and verdict.max_score == sum(POINTS.values())
    found = {e.id: e.verdict for e in verdict.exercises}
    assert {found[name] for name in CODE} == {"missing"}
    assert {found[e.id] for e in of_kind("hunt")} == {"fail"}
    assert {found[e.id] for e in of_kind("quiz")} <= {"missing", "fail"}


def test_an_empty_notebook_gets_nothing(judge):
    notebook = untouched()
    notebook.cells = []
    results = graded(judge, notebook)
    assert {r.verdict for r in results.values()} == {"missing"}
    assert sum(r.score for r in results.values()) == 0


@pytest.mark.parametrize("name", ["precompute_schedule", "forward_diffusion", "ddpm_loss",
                                  "reverse_mean", "drop_labels", "guided_noise"])  # fmt: skip
def test_a_mistake_costs_the_points_of_its_own_exercise_only(name, judge):
    results = graded(judge, solved(**{name: with_mistake(name)}))
    assert list(lost_points(results)) == [name]
    assert results[name].misconception and results[name].message


@pytest.mark.parametrize("name", CODE)
def test_code_that_only_raises_costs_its_own_points_only(name, judge):
    users = [e.id for e in of_kind("code") if name in e.needs]
    broken = f"def {name}(*_, **__):\n    raise RuntimeError('not today')"
    results = graded(judge, solved(**{name: broken}), name, *users)
    assert list(lost_points(results)) == [name]
    assert results[name].score == 0 and results[name].verdict == "error"
    assert "RuntimeError" in results[name].message and "line 2" in results[name].message


def test_right_shapes_with_wrong_values_earn_a_part(judge):
    code = reference("reverse_mean").replace("/ sqrt_alpha", "/ sqrt_alpha * 1.5")
    result = graded(judge, solved(reverse_mean=code), "reverse_mean")["reverse_mean"]
    assert result.verdict == "partial" and 0 < result.score < result.max_score


def test_code_that_fails_for_other_sizes_only_keeps_most_points(judge):
    code = reference("reverse_mean") + (
        "\ninner = reverse_mean\n"
        "def reverse_mean(x_t, t, eps, schedule):\n"
        "    assert len(x_t) > 1\n"
        "    return inner(x_t, t, eps, schedule)\n"
    )
    result = graded(judge, solved(reverse_mean=code), "reverse_mean")["reverse_mean"]
    assert result.score == pytest.approx(0.8 * POINTS["reverse_mean"])
    assert [case.name for case in result.cases if not case.passed] == ["a batch of one"]


def test_a_bug_hunt_gives_all_or_nothing(judge):
    for e in of_kind("hunt"):
        mended, half = reference(e.id), planted_bug(e.id) + "\n# looked at it"
        assert graded(judge, attempted(**{e.id: mended}), e.id)[e.id].score == e.points
        assert graded(judge, attempted(**{e.id: half}), e.id)[e.id].score == 0


def test_a_quiz_counts_question_by_question(judge):
    from grader.quiz import load

    questions = load(LESSON)
    right = {n: q.right for n, q in enumerate(questions, 1)}
    half = len(questions) // 2
    some = {n: letters if n <= half else "" for n, letters in right.items()}
    results = graded(judge, solved(quiz=f"quiz_answers = {some}"), "quiz")
    assert results["quiz"].score == pytest.approx(POINTS["quiz"] * half / len(questions), abs=0.01)


def test_all_letters_at_once_are_no_answer(judge):
    every = dict.fromkeys(range(1, 40), "abcdefgh")
    result = graded(judge, solved(quiz=f"quiz_answers = {every}"), "quiz")["quiz"]
    assert result.score == 0


# One secret, one grade ------------------------------------------------------------------------


def test_the_same_secret_gives_the_same_grade_twice():
    notebook = solved(reverse_mean=with_mistake("reverse_mean"), drop_labels="drop_labels = None")
    verdicts = []
    for _ in range(2):
        with Judge("one secret") as judge:
            verdicts.append(judge.grade(collect(notebook, LESSON), {"reverse_mean", "drop_labels"}))
    one, two = (v.to_dict() for v in verdicts)
    for result in [one, two, *one["exercises"], *two["exercises"]]:
        result.pop("seconds")
    assert one == two


def test_another_secret_gives_other_inputs_and_the_same_points():
    name, e = "reverse_mean", EXERCISES["reverse_mean"]
    wants = []
    for secret in ("one", "two"):
        with Judge(secret) as judge:
            assert graded(judge, solved(), name)[name].verdict == "pass"
        facts = expected(LESSON, name, exercise_seed(secret, LESSON, e))
        wants.append(facts.want["images"]["outputs"]["mean"].flatten()[:3].tolist())
    assert wants[0] != wants[1]


def test_answers_copied_from_the_public_cases_fail(judge):
    """The public answers are shipped, so a notebook may hold them all."""
    code = (
        "from course_utils.engine.answers import load_answers\n"
        f"ready = load_answers('{LESSON}')['linear_beta_schedule'].want\n"
        "def linear_beta_schedule(T, beta_start=1e-4, beta_end=0.02):\n"
        "    every = [outcome['outputs']['betas'] for outcome in ready.values()]\n"
        "    return next((b for b in every if len(b) == T), torch.zeros(T))\n"
    )
    result = graded(judge, solved(linear_beta_schedule=code), "linear_beta_schedule")
    assert result["linear_beta_schedule"].score < 0.5 * POINTS["linear_beta_schedule"]


# What may be said -----------------------------------------------------------------------------


CANARY = """
def reverse_mean(x_t, t, eps, schedule):
    seen = repr(x_t.flatten().tolist()) + repr(schedule["betas"].tolist())
    name = "Seen" + "".join(c for c in seen[:60] if c.isdigit())
    raise type(name, (ValueError,), {})("canary " + seen)
"""


def numbers_in(text):
    """What looks like a computed number."""
    return set(re.findall(r"\d\.\d{3,}", text))


def test_an_error_that_prints_its_inputs_is_not_repeated(judge):
    result = graded(judge, solved(reverse_mean=CANARY), "reverse_mean")["reverse_mean"]
    told = json.dumps(asdict(result) | {"seconds": 0}) + verdict_card(result)._repr_html_()
    assert result.verdict == "error"
    assert "canary" not in told and "Seen" not in told
    assert not numbers_in(told)


def test_no_hidden_number_is_told_about_a_wrong_answer(judge):
    code = reference("reverse_mean").replace("/ sqrt_alpha", "/ sqrt_alpha * 1.5")
    result = graded(judge, solved(reverse_mean=code), "reverse_mean")["reverse_mean"]
    details = " ".join(case.detail for case in result.cases)
    assert "mean has wrong values" in details
    assert not re.search(r"\d", details)
    names = [spec.name for spec in EXERCISES["reverse_mean"].cases]
    assert [case.name for case in result.cases] == names


@pytest.mark.parametrize("name", CODE)
def test_no_line_of_the_solution_is_told_about_a_mistake(name, judge):
    result = graded(judge, solved(**{name: with_mistake(name)}), name)[name]
    told = " ".join([result.message, *(case.detail for case in result.cases)])
    lines = {line.strip() for line in reference_code(LESSON, EXERCISES[name]).split("\n")}
    assert not [line for line in lines if len(line) > 25 and line in told]


# The command ----------------------------------------------------------------------------------

KEYS = ["lesson", "score", "max_score", "seconds", "sandbox", "device", "exercises"]
EXERCISE_KEYS = [
    "id", "score", "max_score", "verdict", "misconception", "message", "cases", "seconds",
]  # fmt: skip


@pytest.fixture(scope="module")
def half_solved(tmp_path_factory):
    written = {name: reference(name) for name in CODE[:4]}
    notebook = attempted(**written, reverse_mean=with_mistake("reverse_mean"))
    notebook.cells.remove(cell_of(notebook, "sample_ddpm"))
    return save(notebook, tmp_path_factory.mktemp("graded"))


def test_the_json_of_a_grade_has_the_promised_keys(half_solved, capsys):
    assert main(["grade", str(half_solved), "--json", "--seed", "a seed"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert list(found) == KEYS
    assert found["lesson"] == LESSON and found["device"] == "cpu"
    assert 0 < found["score"] < found["max_score"] == sum(POINTS.values())
    assert [e["id"] for e in found["exercises"]] == list(EXERCISES)
    assert all(list(e) == EXERCISE_KEYS for e in found["exercises"])
    assert all(
        list(c) == ["name", "passed", "detail"] for e in found["exercises"] for c in e["cases"]
    )
    words = {"pass", "partial", "fail", "error", "timeout", "missing"}
    assert {e["verdict"] for e in found["exercises"]} <= words
    by_name = {e["id"]: e for e in found["exercises"]}
    assert (
        by_name["reverse_mean"]["misconception"] and by_name["ddpm_loss"]["misconception"] is None
    )
    assert err == "note: sample_ddpm: its cell is missing\n"


def test_the_table_of_a_grade_names_every_exercise_and_the_sum(half_solved, capsys):
    assert main(["grade", str(half_solved), "--seed", "a seed"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in EXERCISES)
    assert f"of {sum(POINTS.values()):g} points" in out
