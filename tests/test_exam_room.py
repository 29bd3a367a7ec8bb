"""In the exam: the check knows only the form, the clock goes on, the gate cannot be prepared."""

import json
from datetime import timedelta

import pytest
import torch

from course_utils import card, progress
from course_utils.cli import main
from course_utils.engine.answers import load_answers, public_seed
from course_utils.engine.codec import unpack
from course_utils.engine.compare import differences
from course_utils.exam import clock, forms, gate, room, sit
from course_utils.exam.plan import MINUTES, exam_lesson, tasks
from grader.exam.build import exam_data, exam_text, paths
from grader.exam.mistakes import usual
from grader.exam.sheets import sheets
from grader.misconceptions import load_edits
from grader.reference import reference_code, stub_code
from grader.source import load_source, run_code

EXAM = "exam_2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The exam's data, as it lies beside the notebook."""
    folder = tmp_path_factory.mktemp("exam")
    paths(EXAM, folder)[1].write_bytes(exam_data(EXAM))
    return folder


@pytest.fixture
def cards(monkeypatch):
    shown = []
    monkeypatch.setattr(card, "show", shown.append)
    return shown


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.jsonl"))
    monkeypatch.setattr(clock, "_started_here", {})


def checked(folder, cards, target, code):
    """The card of a task that is written as `code`; everything else is solved."""
    space = dict(load_source(EXAM).namespace())
    run_code(code, "<cell of a learner>", space)
    space["check"] = room.ExamChecker(EXAM, folder)
    exec(f"check({target})", space)
    return cards[-1]


CODE = [task.exercise for task in tasks(EXAM) if task.base]
SHEETS = [task.exercise for task in tasks(EXAM) if not task.base]


@pytest.mark.parametrize("e", CODE, ids=lambda e: e.id)
def test_a_right_and_a_nearly_right_task_look_the_same(e, folder, cards):
    shown = checked(folder, cards, e.target, reference_code(EXAM, e))
    assert "the form is right" in shown.headline
    if e.kind == "hunt":
        assert repr(checked(folder, cards, e.target, stub_code(EXAM, e))) == repr(shown)
    else:
        stub = checked(folder, cards, e.target, stub_code(EXAM, e))
        assert "not written yet" in stub.headline


@pytest.mark.parametrize("e", SHEETS, ids=lambda e: e.id)
def test_a_sheet_is_only_counted(e, folder, cards):
    right = reference_code(EXAM, e)
    total = len(sheets(EXAM)[e.id])
    assert f"{total} of {total} answered" in checked(folder, cards, e.target, right).headline
    blank = stub_code(EXAM, e)
    assert f"0 of {total} answered" in checked(folder, cards, e.target, blank).headline


def loud_mistakes(kind):
    """(exercise, code) of tasks whose code holds a mistake that shows in this way."""
    for task in tasks(EXAM):
        if task.base and task.slot.kind == "todo":
            e, facts = task.base, load_answers(task.lesson)[task.base.id]
            for mistake in facts.mistakes:
                wrong = [
                    "error" if "error" in mistake.outcomes[case] else d.kind
                    for case in usual(e)
                    for d in differences(
                        mistake.outcomes[case], facts.want[case], e.tolerances
                    ).values()
                ]
                if wrong and set(wrong) == {kind}:
                    edits = load_edits(task.lesson)[e.id]
                    edit = next(x for x in edits if x.id == mistake.id)
                    yield task.exercise, edit.apply(reference_code(EXAM, task.exercise))


def test_a_crash_is_told(folder, cards):
    for e, code in loud_mistakes("error"):
        assert "does not run" in checked(folder, cards, e.target, code).headline


def test_a_wrong_shape_is_told(folder, cards):
    for e, code in loud_mistakes("shape"):
        assert "the form is wrong" in checked(folder, cards, e.target, code).headline


def test_there_are_no_hints_and_no_solutions(folder, cards):
    check = room.ExamChecker(EXAM, folder)
    check.hint("guided_noise")
    check.solution("guided_noise")
    assert {c.headline for c in cards} == {"There are no hints in an exam."}


def test_a_missing_or_outdated_file_is_told_in_a_line(tmp_path, folder, cards, monkeypatch):
    e = CODE[0]
    checked(tmp_path, cards, e.target, reference_code(EXAM, e))
    assert "must lie beside this notebook" in cards[-1].headline
    monkeypatch.setattr(room, "fingerprint", lambda exam: "another")
    checked(folder, cards, e.target, reference_code(EXAM, e))
    assert "The lessons have changed" in cards[-1].headline


def test_the_file_holds_no_values_letters_or_code(folder):
    data = unpack(paths(EXAM, folder)[1].read_bytes())
    assert set(data["tasks"]) == {e.id for e in CODE}  # nothing about sheets
    text = json.dumps([task["forms"] for task in data["tasks"].values()])  # no tensor in it
    blob = paths(EXAM, folder)[1].read_bytes()
    assert '"tensor"' in text
    for e in CODE:
        own = set(reference_code(EXAM, e).splitlines()) - set(exam_text(EXAM).splitlines())
        assert all(line.strip().encode() not in blob for line in own if len(line.strip()) > 20)


def test_the_inputs_are_other_ones_than_the_lessons(folder):
    assert public_seed(EXAM) != public_seed("04_ddpm") == "public"


# Forms -------------------------------------------------------------------------------------

VALUES = [torch.zeros(2, 3), 1.5, 3, [torch.zeros(1), 2.0], {"a": torch.ones(2)}, "text", True]


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_a_value_fits_its_own_form_and_not_another(value):
    form = forms.form_of(value)
    assert forms.difference(value, form) is None
    other = forms.form_of(torch.zeros(7, 7))
    assert "expected shape" in str(forms.difference(value, other)) or not isinstance(
        value, torch.Tensor
    )


def test_differences_of_form_are_named():
    form = forms.form_of(torch.zeros(2, 3))
    assert forms.difference(torch.zeros(3, 2), form) == "expected shape (2, 3), got (3, 2)"
    assert "float64" in forms.difference(torch.zeros(2, 3).double(), form)
    assert forms.difference(1.0, form) == "expected a tensor, got float"
    assert forms.difference([1.0], [form, form]).startswith("expected 2 values")
    assert "a, b" in forms.difference({"a": 1}, forms.form_of({"a": 1, "b": 2}))


# The clock ---------------------------------------------------------------------------------


def test_the_clock_starts_once_and_survives_the_kernel(kept, monkeypatch):
    assert clock.minutes_used(EXAM) is None and "has not started" in clock.left(EXAM)
    clock.start(EXAM)
    first = clock.started(EXAM)
    monkeypatch.setattr(clock, "_started_here", {})  # another kernel
    clock.start(EXAM)
    assert clock.started(EXAM) == pytest.approx(first, abs=timedelta(seconds=1))
    assert len(progress.events("exam")) == 1


def test_without_progress_the_clock_runs_as_long_as_the_kernel(monkeypatch):
    monkeypatch.setattr(clock, "_started_here", {})
    clock.start(EXAM)
    assert clock.minutes_used(EXAM) < 1


def test_a_new_sitting_starts_the_clock_anew(kept, monkeypatch):
    clock.start(EXAM)
    progress.note("exam", exam=EXAM, step="made")
    monkeypatch.setattr(clock, "_started_here", {})
    assert clock.started(EXAM) is None


def test_the_time_left_and_the_time_over_are_told(monkeypatch):
    for minutes, text in ((10, "70 of 80 minutes left"), (MINUTES + 5, "are over, 5 ago")):
        start = progress.now() - timedelta(minutes=minutes)
        monkeypatch.setattr(clock, "_started_here", {EXAM: start})
        assert text.split()[0] in clock.left(EXAM) and text.split()[-1] in clock.left(EXAM)


def test_status_lists_running_exams(kept, capsys):
    assert main(["exam", "status"]) == 0
    assert "no exam was started" in capsys.readouterr().out
    clock.start(EXAM)
    assert main(["exam", "status"]) == 0
    assert f"{EXAM}: 80 of 80 minutes left" in capsys.readouterr().out


def test_every_check_shows_the_time_and_is_noted(kept, folder, cards):
    clock.start(EXAM)
    e = CODE[0]
    assert "minutes left" in checked(folder, cards, e.target, reference_code(EXAM, e)).footer
    assert progress.events("exam")[-1]["task"] == e.id


def test_sitting_reads_nothing_before_the_first_check(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sit(EXAM).lesson is exam_lesson(EXAM)


# The gate ----------------------------------------------------------------------------------


@pytest.fixture
def the_gate(kept, monkeypatch):
    monkeypatch.setattr(gate.plotting, "show", lambda picture: None)
    return gate.Gate(EXAM)


def test_labels_are_drawn_anew_and_cover_every_digit():
    one, two = gate.secret_labels(), gate.secret_labels()
    assert len(one) == gate.SAMPLES and not torch.equal(one, two)
    assert one.bincount(minlength=10).min() >= gate.LEAST_PER_CLASS


def test_real_unseen_digits_pass_and_training_images_do_not(the_gate, capsys):
    digits = the_gate.digits

    def drawn_from(images, known):
        def sample(network, labels, shape):
            return torch.stack([images[(known == n).nonzero().flatten()][i % 40] for i, n in
                                enumerate(labels)])  # fmt: skip

        return sample

    the_gate.judge(drawn_from(digits.train_images, digits.train_labels))
    assert "gate: not passed yet" in capsys.readouterr().out
    event = progress.events("exam")[-1]
    assert not event["passed"] and event["numbers"]["near-copies"] == 1


def test_one_image_of_each_digit_again_and_again_does_not_pass(the_gate, capsys):
    digits = the_gate.digits
    first = torch.stack([digits.test_images[digits.test_labels == n][0] for n in range(10)])
    the_gate.judge(lambda network, labels, shape: first[labels])
    assert "gate: not passed yet" in capsys.readouterr().out
    assert progress.events("exam")[-1]["numbers"]["diversity"] == 0


def test_what_is_not_written_yet_is_a_line_and_no_error(the_gate, capsys):
    def step(network, x_0, labels, optimizer):
        raise NotImplementedError

    the_gate.train(step, 3)
    the_gate.judge(lambda network, labels, shape: undefined)  # noqa: F821
    said = capsys.readouterr().out
    assert said.count("gate:") == 2 and "NameError" not in said.split("gate:")[1]


def test_the_network_learns_from_the_learners_steps(the_gate):
    from grader.source import load_source

    answers = load_source("04_ddpm").namespace()
    schedule = answers["precompute_schedule"](answers["linear_beta_schedule"](gate.T))
    losses = []

    def step(network, x_0, labels, optimizer):
        args = (x_0[:8], labels[:8], schedule, optimizer, 0.1, 10)
        losses.append(answers["cfg_train_step"](network, *args))
        return losses[-1]

    the_gate.train(step, 40)
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
