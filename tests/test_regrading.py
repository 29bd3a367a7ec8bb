"""Graded again: nothing twice, nothing stale, and no failure of ours on a student's account."""

import inspect

import handin
import pytest
from classroom import LESSON, MISTAKE, Counting, exported, grade, grades

from grader import autograde as module
from grader import journal
from grader.autograde import Terms, grade_task
from grader.gradebook import GradebookWriter
from grader.judge import Judge
from grader.source import load_source
from grader.submission import read_submission


def test_a_second_run_grades_nothing_and_changes_nothing(course, canned, tmp_path):
    grade(course, Counting(canned))
    first = exported(course, tmp_path)
    again = Counting(canned)
    grade(course, again)
    assert again.asked == []
    assert exported(course, tmp_path) == first


def test_a_changed_exercise_is_graded_anew_alone(course, canned, monkeypatch):
    grade(course, Counting(canned))
    before = journal.exercise_fingerprint
    changed = {"guided_noise": "another probe"}
    fresh = lambda lesson, name: changed.get(name) or before(lesson, name)  # noqa: E731
    monkeypatch.setattr(journal, "exercise_fingerprint", fresh)
    again = Counting(canned)
    grade(course, again)
    assert again.asked == [["guided_noise"]] * 3


def test_a_new_submission_is_graded_anew_from_the_changed_cell_on(course, canned):
    grade(course, Counting(canned))
    folder = course.submission(LESSON, "student-2").parent
    handin.save(handin.solved(sample_cfg=handin.with_mistake("sample_cfg")), folder)
    again = Counting(canned)
    results = grade(course, again)
    assert "linear_beta_schedule" not in again.asked[0] and "sample_cfg" in again.asked[0]
    assert results["student-2"].score < results["student-1"].score


def changed_by(change):
    """Exercises of the lesson whose verdicts are computed anew after a change by the author."""
    fingerprint = journal.exercise_fingerprint.__wrapped__
    before = {name: fingerprint(LESSON, name) for name in handin.EXERCISES}
    change()
    return {name for name in before if fingerprint(LESSON, name) != before[name]}


def test_a_new_reference_concerns_its_exercise_its_hunt_and_what_needs_it(monkeypatch):
    references = load_source(LESSON).references
    new = references["guided_noise"] + "# new\n"
    changed = changed_by(lambda: monkeypatch.setitem(references, "guided_noise", new))
    assert changed == {"guided_noise", "hunt_idle_guidance", "sample_cfg"}


@pytest.mark.parametrize(
    ("name", "users"),
    [
        ("_label_draws", {"cfg_train_step"}),
        ("noise_outputs", {"sample_ddpm", "sample_cfg", "hunt_grainy_samples"}),
        ("GuidedCalls", {"sample_cfg"}),
    ],
)
def test_a_new_helper_of_probes_concerns_the_exercises_that_use_it(name, users, monkeypatch):
    plain = inspect.getsource

    def edited(what):
        return plain(what) + "# new\n" * (getattr(what, "__name__", "") == name)

    assert changed_by(lambda: monkeypatch.setattr(inspect, "getsource", edited)) == users


def lost(terms, submission, names):
    raise RuntimeError("the machine went away")


def test_a_lost_worker_never_becomes_a_zero(course, canned):
    results = grade(course, Counting(lost))
    assert all(r.score is None for r in results.values())
    assert grades(course) == {}
    assert grade(course, Counting(canned))["student-1"].score > 0


@pytest.mark.parametrize("failure", ["a lost worker", "no notebook", "no disk"])
def test_no_grade_of_older_work_stays_where_new_work_cannot_be_graded(
    failure, course, canned, tmp_path, monkeypatch
):
    grade(course, Counting(canned))
    folder = course.submission(LESSON, "student-2").parent
    other = handin.solved(sample_cfg=handin.with_mistake("sample_cfg"))
    handin.save({} if failure == "no notebook" else other, folder)
    if failure == "no disk":
        monkeypatch.setattr(GradebookWriter, "_write_notebook", lambda *a: 1 / 0)
    results = grade(course, Counting(lost if failure == "a lost worker" else canned))
    assert results["student-2"].score is None and results["student-2"].reason
    stored = [g for (s, _), g in grades(course).items() if s == "student-2" and type(g) is tuple]
    assert stored and set(stored) == {(None, None, True)}
    assert not (course.root / "autograded" / "student-2" / LESSON).exists()
    row = next(r for r in exported(course, tmp_path).decode().splitlines() if "student-2" in r)
    assert row.endswith(",")
    monkeypatch.undo()
    handin.save(handin.solved(**MISTAKE), folder)
    assert grade(course, Counting(canned), resume=True)["student-2"].score > 0


def test_points_given_by_hand_survive_a_new_run(course, canned):
    grade(course, Counting(canned))
    with course.api.gradebook as gradebook:
        cell = gradebook.find_grade("test_reverse_mean", LESSON, LESSON, "student-2")
        cell.manual_score = 5.0
        gradebook.db.commit()
    grade(course, Counting(canned))
    assert grades(course)["student-2", "test_reverse_mean"][1:] == (5.0, True)


def test_a_worker_with_too_weak_a_sandbox_refuses_unless_told_otherwise(course, monkeypatch):
    """A cluster's machines may differ: each one tries its own before it grades."""
    submission = read_submission(course.submission(LESSON, "student-1"), LESSON)
    monkeypatch.setattr(Judge, "try_sandbox", lambda *a: (["limits"], []))
    weak = Counting()
    results = grade(course, weak)
    assert all(r.score is None and "sandbox here is only limits" in r.reason
               for s, r in results.items() if s != "student-4")  # fmt: skip
    verdicts = grade_task(Terms(course.secret, unsafe=True), submission, ["reverse_mean"])
    assert verdicts["reverse_mean"]["score"] == 8


def test_a_cluster_gets_work_for_a_gpu_one_at_a_time(monkeypatch):
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    asked = {}
    client = type("", (), {"__init__": lambda s, a: None, "get_executor": lambda s, **k: asked | k})
    monkeypatch.setattr(distributed, "Client", client)
    assert module.cluster_executor("tcp://somewhere", "cuda") == {"resources": {"GPU": 1}}
    assert module.cluster_executor("tcp://somewhere") == {}
