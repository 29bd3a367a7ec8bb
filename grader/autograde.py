"""`course autograde`: a class graded side by side, each verdict once, written by one writer.

Work goes through a `concurrent.futures` executor: threads that share one warm parent on this
machine, or an existing Dask cluster. Learners' code never runs in these threads, but in players.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cache

from grader import canaries, journal
from grader.course import MARK, Course
from grader.gradebook import GradebookWriter
from grader.judge import Judge, need_device
from grader.submission import Submission, Unusable, collect, read_notebook
from grader.verdict import CaseVerdict, ExerciseVerdict

AHEAD = 200  # submissions read before others are graded: enough for a cluster, little memory


@dataclass
class Result:
    """One submission: its score, or the reason why a person has to look at it."""

    student: str
    score: float | None = None
    reason: str = ""
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Terms:
    """How work is graded, here or on a worker."""

    secret: str
    device: str = "cpu"
    unsafe: bool = False


@dataclass
class _Work:
    """A submission and what is known of its verdicts so far."""

    student: str
    notebook: object
    submission: Submission
    keys: dict[str, str]
    verdicts: dict[str, dict]

    @property
    def missing(self) -> list[str]:
        return [name for name, key in self.keys.items() if key not in self.verdicts]


def trusted_with(course: Course, lesson: str, unsafe: bool = False) -> str:
    """The level of this machine's sandbox, tried. Raises Unusable where it does not suffice."""
    private = (course.root / MARK / "secret", course.root / "gradebook.db")
    layers = canaries.check(_judge(course.secret, "cpu"), lesson, private, unsafe)
    return "+".join(layers)


def autograde(
    course: Course,
    lesson: str,
    executor: Executor,
    resume: bool = False,
    device: str = "cpu",
    unsafe: bool = False,
) -> Iterator[Result]:
    """Grade every submission of a lesson; results come in the order in which they are done.

    Verdicts in the journal are not computed again. With `resume`, what stands in the gradebook
    from these same verdicts is not written again either.
    """
    known = journal.Journal(course.journal(lesson))
    terms = Terms(course.secret, device, unsafe)
    if device == "cpu":  # workers may have a GPU where this process has none
        _judge(terms.secret, device).prepare(lesson)
    running: dict[Future, _Work] = {}
    with GradebookWriter(course, lesson) as writer:
        for student in course.students(lesson):
            work = _read_or_reason(course, lesson, student, known, device)
            if isinstance(work, str):
                yield _left_to_a_person(writer, student, work, known)
            elif not work.missing:
                yield _result(writer, work, known, resume)
            else:
                running[executor.submit(grade_task, terms, work.submission, work.missing)] = work
            if len(running) >= AHEAD:
                yield from _finished(running, writer, known, resume)
        while running:
            yield from _finished(running, writer, known, resume)


def _finished(running: dict, writer: GradebookWriter, known: journal.Journal, resume: bool):
    """Results of what is graded by now; waits for the first."""
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        work, error = running.pop(future), future.exception()
        if error:
            reason = f"grading broke off ({type(error).__name__})"
            reason = str(error) if isinstance(error, Unusable) else reason
            yield _left_to_a_person(writer, work.student, reason, known)
            continue
        entries = {work.keys[name]: verdict for name, verdict in future.result().items()}
        known.add(entries)
        work.verdicts |= entries
        yield _result(writer, work, known, resume)


def grade_task(terms: Terms, submission: Submission, names: list[str]) -> dict[str, dict]:
    """Verdicts of some exercises of a submission. Runs in a worker; plain data in and out.

    Raises Unusable where the worker has no such device, or where its own sandbox does not suffice.
    """
    verdict = _tried_judge(terms, submission.lesson).grade(submission, only=set(names))
    return {e["id"]: e for e in verdict.to_dict()["exercises"] if e["id"] in names}


@cache
def _judge(secret: str, device: str) -> Judge:
    """The judge of this process and its warm parent."""
    return Judge(secret, device)


@cache
def _tried_judge(terms: Terms, lesson: str) -> Judge:
    """The judge of this process, its sandbox tried: a cluster's machines may differ."""
    need_device(terms.device)
    judge = _judge(terms.secret, terms.device)
    canaries.check(judge, lesson, unsafe=terms.unsafe)
    return judge


def local_executor(workers: int) -> Executor:
    """So many submissions at a time on this machine, from one warm parent."""
    return ThreadPoolExecutor(max_workers=workers)


def cluster_executor(address: str, device: str = "cpu") -> Executor:
    """An existing Dask cluster; each worker keeps a warm parent of its own.

    Work for a GPU goes to workers that were started with `--resources "GPU=1"`.
    """
    from distributed import Client

    needs = {"resources": {"GPU": 1}} if device == "cuda" else {}
    return Client(address).get_executor(**needs)


def _read_or_reason(
    course: Course, lesson: str, student: str, known: journal.Journal, device: str
) -> _Work | str:
    try:
        return _read(course, lesson, student, known, device)
    except Unusable as error:
        return str(error)
    except Exception as error:  # nobody's file may stop the class
        return f"cannot be read ({type(error).__name__})"


def _read(course: Course, lesson: str, student: str, known: journal.Journal, device: str) -> _Work:
    path = course.submission(lesson, student)
    notebook = read_notebook(path)
    submission = collect(notebook, lesson)
    if not submission.cells:
        raise Unusable(f"{path}: no exercise of {lesson} is in it")
    keys = journal.keys(submission, course.secret, device)
    found = {key: known.get(key) for key in keys.values()}
    return _Work(student, notebook, submission, keys, {k: v for k, v in found.items() if v})


def _result(writer: GradebookWriter, work: _Work, known: journal.Journal, resume: bool) -> Result:
    """What stands in the gradebook now. Whatever cannot be stored is left to a person."""
    try:
        return _stored(writer, work, known, resume)
    except Exception as error:  # nobody's work may stop the class
        writer.gradebook.db.rollback()
        reason = f"cannot be stored ({type(error).__name__})"
        return _left_to_a_person(writer, work.student, reason, known)


def _left_to_a_person(
    writer: GradebookWriter, student: str, reason: str, known: journal.Journal
) -> Result:
    """No grade: neither a zero nor one from before, which was for other work or other tests."""
    with contextlib.suppress(Exception):  # where that fails too, the reason still names the student
        writer.withdraw(student)
        if known.get(journal.WRITTEN + student):
            known.add({journal.WRITTEN + student: []})
    return Result(student, reason=reason)


def _stored(writer: GradebookWriter, work: _Work, known: journal.Journal, resume: bool) -> Result:
    """Bring the gradebook up to date; with `resume`, only if it holds other verdicts."""
    mark, verdicts = journal.WRITTEN + work.student, list(work.keys.values())
    if resume and known.get(mark) == verdicts:
        score = writer.score(work.student)
    else:
        exercises = [_from_dict(work.verdicts[key]) for key in verdicts]
        score = writer.write(work.student, work.notebook, work.submission, exercises)
        known.add({mark: verdicts})
    return Result(work.student, score, remarks=work.submission.remarks)


def _from_dict(data: dict) -> ExerciseVerdict:
    cases = [CaseVerdict(**case) for case in data["cases"]]
    return ExerciseVerdict(**(data | {"cases": cases}))
