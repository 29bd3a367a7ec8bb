"""`course exam new` and `course exam submit`."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from course_utils import card, progress
from course_utils.engine.exercise import is_exam, lesson_text
from course_utils.exam.plan import MINUTES, exam_id, exam_lesson, fingerprint
from grader.exam.build import build_exam
from grader.exam.feedback import READY, Feedback, feedback
from grader.paths import NOTEBOOKS
from grader.submission import Submission, Unusable, collect, read_notebook

PRACTICE = NOTEBOOKS / "practice"
LARGEST = 10**9


def new_exam(seed: int | None, folder: Path | None) -> Path:
    """Write a fresh exam; a new sitting of it begins. Returns the notebook's path."""
    seed = 1 + secrets.randbelow(10**6) if seed is None else seed
    if not 0 <= seed < LARGEST:
        raise Unusable(f"--seed {seed}: give a whole number from 0 to {LARGEST - 1}")
    exam = exam_id(seed)
    folder = (folder or PRACTICE) / exam
    if folder.exists():
        raise Unusable(f"{folder}: is there already; take it away to sit this exam afresh")
    notebook, _ = build_exam(exam, folder)
    progress.note("exam", exam=exam, step="made")
    return notebook


def submit(path: Path, seed: str | None = None) -> tuple[Path, Feedback]:
    """Grade an exam's notebook and write its report beside it."""
    from grader.judge import Judge

    submission = read_exam(path)
    with Judge(seed) as judge:
        found = feedback(submission, judge.grade(submission))
    progress.note("exam", exam=found.exam, step="submit", score=found.score, ready=found.ready)
    for m in found.mistakes:
        facts = {"lesson": m.lesson, "exercise": m.exercise, "mistake": m.id, "kind": "exam"}
        progress.note("check", passed=False, **facts)
    report = path.with_name(f"{path.stem}-report.html")
    report.write_text(report_page(found, report.parent), encoding="utf-8")
    return report, found


def read_exam(path: Path) -> Submission:
    """The submission in an exam's notebook."""
    notebook = read_notebook(path)
    about = notebook.metadata.get("course", {})
    exam = about.get("lesson") if isinstance(about, dict) else None
    if not isinstance(exam, str) or not is_exam(exam):
        raise Unusable(f"{path}: not an exam of this course; make one with `course exam new`")
    if about.get("plan") != fingerprint(exam):
        raise Unusable(f"{path}: the lessons have changed since it was made; make the exam again")
    return collect(notebook, exam)


def report_page(found: Feedback, folder: Path) -> str:
    """The report as one HTML page without anything from elsewhere."""
    pages = Environment(loader=PackageLoader("grader"), autoescape=True)
    pages.filters["code"] = lambda text: Markup(card.marked_up(text))
    pages.filters["minutes"] = lambda value: "–" if value is None else f"{value:.0f}"

    def lesson_link(lesson: str) -> str:
        target = NOTEBOOKS / lesson / f"{lesson}.ipynb"
        return Path(os.path.relpath(target, folder.resolve())).as_posix()

    return pages.get_template("exam_report.html").render(
        found=found,
        title=exam_lesson(found.exam).title,
        total_minutes=MINUTES,
        ready_at=READY,
        words=lesson_text("exam")["report"],
        lesson_link=lesson_link,
    )
