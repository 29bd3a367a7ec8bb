"""`course autograde`: a class graded side by side, each verdict once, written by one writer.

Work goes through a `concurrent.futures` executor: threads that share one warm parent on this
machine, or an existing Dask cluster. Learners' code never runs in these threads; it runs in players.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache

from grader import canaries, journal
from grader.course import MARK, Course
from grader.gradebook import GradebookWriter
from grader.judge import Judge
from grader.submission import Submission, Unusable, collect, read_notebook
from grader.verdict import CaseVerdict, ExerciseVerdict


@dataclass
class Result:
    """One submission: its score, or the reason why a person has to look at it."""

    student: str
    score: float | None = None
    reason: str = ""
    remarks: list[str] = field(default_factory=list)


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
    layers = canaries.check(_judge(course.secret), lesson, private, unsafe)
    return "+".join(layers)


def autograde(
    course: Course, lesson: str, executor: Executor, resume: bool = False
) -> Iterator[Result]:
    """Grade every submission of a lesson; results come in the order in which they are done.

    Verdicts in the journal are not computed again. With `resume`, what stands in the gradebook
    from these same verdicts is not written again either.
    """
    journal_file = journal.Journal(course.journal(lesson))
    secret = course.secret
    _judge(secret).prepare(lesson)
    futures: dict[Future, _Work] = {}
    with GradebookWriter(course, lesson) as writer:
        for student in course.students(lesson):
            try:
                work = _read(course, lesson, student, secret, journal_file)
            except Unusable as error:
                yield Result(student, reason=str(error))
                continue
            except Exception as error:  # nobody's file may stop the class
                yield Result(student, reason=f"cannot be read ({type(error).__name__})")
                continue
            if not work.missing:
                yield _result(writer, work, journal_file, resume)
                continue
            futures[executor.submit(grade_task, secret, work.submission, work.missing)] = work
        for future in as_completed(futures):
            work = futures.pop(future)
            error = future.exception()
            if error:
                yield Result(work.student, reason=f"grading broke off ({type(error).__name__})")
                continue
            entries = {work.keys[name]: verdict for name, verdict in future.result().items()}
            journal_file.add(entries)
            work.verdicts |= entries
            yield _result(writer, work, journal_file, resume)


def grade_task(secret: str, submission: Submission, names: list[str]) -> dict[str, dict]:
    """Verdicts of some exercises of a submission. Runs in a worker; plain data in and out."""
    verdict = _judge(secret).grade(submission, only=set(names))
    return {e["id"]: e for e in verdict.to_dict()["exercises"] if e["id"] in names}


@cache
def _judge(secret: str) -> Judge:
    """The judge of this process and its warm parent."""
    return Judge(secret)


def local_executor(workers: int) -> Executor:
    """So many submissions at a time on this machine, from one warm parent."""
    return ThreadPoolExecutor(max_workers=workers)


def cluster_executor(address: str) -> Executor:
    """An existing Dask cluster; each worker keeps a warm parent of its own."""
    from distributed import Client

    return Client(address).get_executor()


def _read(course: Course, lesson: str, student: str, secret: str, known: journal.Journal) -> _Work:
    path = course.submission(lesson, student)
    notebook = read_notebook(path)
    submission = collect(notebook, lesson)
    if not submission.cells:
        raise Unusable(f"{path}: no exercise of {lesson} is in it")
    keys = journal.keys(submission, secret, "cpu")
    found = {key: known.get(key) for key in keys.values()}
    return _Work(student, notebook, submission, keys, {k: v for k, v in found.items() if v})


def _result(writer: GradebookWriter, work: _Work, known: journal.Journal, resume: bool) -> Result:
    """What stands in the gradebook now. Whatever cannot be stored is left to a person."""
    try:
        return _stored(writer, work, known, resume)
    except Exception as error:  # nobody's work may stop the class
        writer.gradebook.db.rollback()
        return Result(work.student, reason=f"cannot be stored ({type(error).__name__})")


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
