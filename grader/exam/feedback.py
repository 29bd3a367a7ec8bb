"""What a graded exam says: points per section, time per task, mistakes, what to practise next."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from course_utils import progress
from course_utils.engine.exercise import lesson_text
from course_utils.exam import clock
from course_utils.exam.plan import MINUTES, SECTIONS, Section, Task, tasks
from grader import quiz
from grader.exam.planted import edits_by_base, planted
from grader.submission import Submission
from grader.verdict import ExerciseVerdict, Verdict

READY = 95.0  # of 100 points


@dataclass(frozen=True)
class TaskRow:
    """One task as graded. `minutes` is None where it was never checked."""

    task: Task
    verdict: ExerciseVerdict
    minutes: float | None
    notes: list[str] = field(default_factory=list)

    @property
    def lost(self) -> float:
        return self.verdict.max_score - self.verdict.score


@dataclass(frozen=True)
class SectionRow:
    """A section: its points and the minutes that its tasks took."""

    section: Section
    title: str
    score: float
    minutes: float | None
    rows: list[TaskRow]


@dataclass(frozen=True)
class Mistake:
    """A misconception that was met, and where to read again."""

    id: str
    message: str
    lesson: str
    exercise: str
    title: str


@dataclass(frozen=True)
class Feedback:
    """Everything that the report shows."""

    exam: str
    score: float
    sections: list[SectionRow]
    mistakes: list[Mistake]
    minutes: float | None
    gate: dict | None
    advice: list[str]

    @property
    def ready(self) -> bool:
        """Whether points, time and gate are all good enough."""
        in_time = self.minutes is not None and self.minutes <= MINUTES
        return self.score >= READY and in_time and bool(self.gate and self.gate["passed"])


def feedback(submission: Submission, verdict: Verdict) -> Feedback:
    """Verdicts and the progress file, put together."""
    exam = submission.lesson
    events = sitting(exam)
    spent = minutes_per_task(events)
    verdicts = {v.id: v for v in verdict.exercises}
    rows = [
        TaskRow(t, verdicts[t.exercise.id], spent.get(t.exercise.id), _notes(submission, t))
        for t in tasks(exam)
    ]
    return Feedback(
        exam=exam,
        score=verdict.score,
        sections=[_section(section, rows) for section in SECTIONS],
        mistakes=[m for m in (_mistake(exam, row) for row in rows) if m],
        minutes=_total(events),
        gate=next((e for e in reversed(events) if e.get("step") == "gate"), None),
        advice=_advice(rows),
    )


def sitting(exam: str) -> list[dict]:
    """The lines of the present sitting: those from its first start on, up to the first hand-in."""
    events = [e for e in progress.events("exam") if e.get("exam") == exam]
    begin = clock.started(exam, events)
    if begin is None:
        return []
    return [e for e in events if progress.moment(e) >= begin]


def minutes_per_task(events: list[dict]) -> dict[str, float]:
    """The time up to each check since the check before counts for the task that is checked."""
    spent: dict[str, float] = {}
    before = None
    for event in events:
        now = progress.moment(event)
        if event.get("step") == "check" and before:
            task = event.get("task", "")
            spent[task] = spent.get(task, 0.0) + (now - before).total_seconds() / 60
        before = now
    return spent


def _total(events: list[dict]) -> float | None:
    """Minutes from the start to the last check before the final gate, or to the last line."""
    working = [e for e in events if e.get("step") in ("start", "check")]
    if not working:
        return None
    span = progress.moment(working[-1]) - progress.moment(working[0])
    return span.total_seconds() / 60


def _section(section: Section, rows: list[TaskRow]) -> SectionRow:
    mine = [row for row in rows if row.task.section == section]
    timed = [row.minutes for row in mine if row.minutes is not None]
    title = lesson_text("exam")[f"section_{section.id}"]["title"]
    score = round(sum(row.verdict.score for row in mine), 2)
    return SectionRow(section, title, score, sum(timed) if timed else None, mine)


def _mistake(exam: str, row: TaskRow) -> Mistake | None:
    """The misconception of a task of code; a hunt that was not mended shows its planted one."""
    task = row.task
    if task.base is None or not row.lost:
        return None
    name = row.verdict.misconception
    if task.slot.kind == "hunt":
        name = name or planted(exam)[task.exercise.id]
    edit = next((e for e in edits_by_base(exam)[task.base.id] if e.id == name), None)
    return edit and Mistake(edit.id, edit.message, task.lesson, task.base.id, task.base.title)


def _notes(submission: Submission, task: Task) -> list[str]:
    """For a sheet: what was answered wrongly, what is right, and why."""
    if task.base is not None:
        return []
    words, found = lesson_text("exam")["report"], []
    given = literal(submission.cells.get(task.exercise.id, ""), task.exercise.target)
    for number, question in enumerate(quiz.questions_of(submission.lesson, task.exercise), 1):
        right = task.exercise.probe({number: question.right}, None)[f"question {number}"]
        mine = task.exercise.probe(given, None)[f"question {number}"]
        if mine != right:
            facts = {"number": number, "mine": given.get(number) or words["nothing"]}
            facts |= {"right": question.right, "why": question.explanation}
            found.append(words["wrong_answer"].format(**facts))
    return found


def literal(code: str, target: str) -> dict:
    """The dict of answers in a cell, read without running it; {} where there is none."""
    try:
        body = ast.parse(code).body
        values = [n.value for n in body if isinstance(n, ast.Assign) and _names(n, target)]
        found = ast.literal_eval(values[-1]) if values else {}
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return {}
    return found if isinstance(found, dict) else {}


def _names(node: ast.Assign, target: str) -> bool:
    return any(isinstance(t, ast.Name) and t.id == target for t in node.targets)


def _advice(rows: list[TaskRow]) -> list[str]:
    """What to practise, the most expensive loss first."""
    words = lesson_text("exam")["report"]
    found = []
    for row in sorted(rows, key=lambda row: -row.lost):
        if row.lost:
            text = words["advice_" + row.task.slot.kind]
            base = row.task.base.id if row.task.base else ""
            facts = {"lost": f"{row.lost:g}", "exercise": base, "lesson": row.task.lesson or ""}
            found.append(text.format(**facts))
    coded = [row for row in rows if row.task.base and row.minutes]
    slow = [row for row in coded if row.minutes > 1.5 * row.task.slot.minutes]
    for row in sorted(slow, key=lambda r: r.task.slot.minutes - r.minutes)[:2]:
        facts = {"name": row.task.exercise.id, "minutes": round(row.minutes)}
        found.append(words["advice_slow"].format(**facts, planned=row.task.slot.minutes))
    return list(dict.fromkeys(found))
