"""The instructor's and the author's commands. Each imports what it needs when it runs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def add_commands(commands) -> None:
    """Add every command of this package to the parser of `course`."""
    grade = _add(commands, "grade", run_grade, "grade one notebook and print the verdicts")
    grade.add_argument("notebook", type=Path, metavar="NOTEBOOK")
    grade.add_argument("--json", action="store_true", help="print one JSON object")
    grade.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    grade.add_argument("--seed", help="draw the hidden cases from this seed, to repeat a grade")
    init = _add(commands, "init", run_init, "lay out a course folder for a class")
    init.add_argument("dir", type=Path, metavar="DIR")
    for name, run, text in (
        ("release", run_release, "write the student version of a lesson"),
        ("autograde", run_autograde, "grade every submission of a lesson"),
        ("feedback", run_feedback, "write the feedback pages of a lesson"),
    ):
        command = _add(commands, name, run, text)
        command.add_argument("lesson", metavar="LESSON")
        command.add_argument("--course", type=Path, default=Path(), help="the course folder")
    build = _add(commands, "build", run_build, "make notebooks and answers from the solutions")
    build.add_argument("--check", action="store_true", help="only say what is out of date")
    verify = _add(commands, "verify", run_verify, "prove that exercises do what they should")
    verify.add_argument("lesson", nargs="?", metavar="LESSON")


def _add(commands, name: str, run, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    return command


def run_grade(args) -> int:
    from grader.judge import Judge
    from grader.submission import read_submission

    _need_device(args.device)
    submission = read_submission(args.notebook)
    with Judge(args.seed or _secret_near(args.notebook), args.device) as judge:
        verdict = judge.grade(submission)
    if args.json:
        print(json.dumps(verdict.to_dict(), indent=1, ensure_ascii=False))
    else:
        _print_verdict(verdict)
    for remark in submission.remarks:
        print(f"note: {remark}", file=sys.stderr)
    return 0


def _need_device(device: str) -> None:
    from grader.submission import Unusable

    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise Unusable("no CUDA device was found; use --device cpu")


def _secret_near(path: Path) -> str | None:
    """The secret of the course folder that the notebook lies in; None where it lies in none."""
    from grader.course import Course
    from grader.submission import Unusable

    try:
        return Course.above(path).secret
    except Unusable:
        return None


def _print_verdict(verdict) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("exercise", "points", "verdict", "what was seen", box=None, pad_edge=False)
    for e in verdict.exercises:
        said = e.message or "; ".join(c.detail for c in e.cases if not c.passed)
        table.add_row(e.id, f"{e.score:g} / {e.max_score:g}", e.verdict, Text(said))
    console = Console()
    console.print(table)
    total = f"{verdict.score:g} of {verdict.max_score:g} points"
    about = f"{verdict.seconds:.1f} s, sandbox: {verdict.sandbox}, device: {verdict.device}"
    console.print(Text(f"{verdict.lesson}: {total} ({about})"))


def run_init(args) -> int:
    from grader.course import Course

    course = Course.create(args.dir)
    print(f"{course.root}: ready. Next: cd {args.dir} && course release 04_ddpm")
    return 0


def _course(args):
    from course_utils.engine.exercise import lesson_ids
    from grader.course import Course
    from grader.submission import Unusable

    if args.lesson not in lesson_ids():
        raise Unusable(f"no lesson {args.lesson!r}; there are: {', '.join(lesson_ids())}")
    return Course.above(args.course)


def run_release(args) -> int:
    folder = _course(args).release(args.lesson)
    print(f"{folder}: give this to your students")
    return 0


def run_autograde(args) -> int:
    from tqdm import tqdm

    course = _course(args)
    failures = {}
    for student in tqdm(course.students(args.lesson), unit="submission", desc=args.lesson):
        reason = course.autograde(args.lesson, student)
        if reason:
            failures[student] = reason
            continue
        score, most = course.score(args.lesson, student)
        tqdm.write(f"{student}: {score:g} of {most:g}")
    for student, reason in failures.items():
        print(f"{student}: needs a look, no grade was written: {reason}", file=sys.stderr)
    return 1 if failures else 0


def run_feedback(args) -> int:
    print(f"{_course(args).feedback(args.lesson)}: one page per student")
    return 0


def run_build(args) -> int:
    from course_utils.engine.exercise import lesson_ids
    from grader.build import build_lesson, stale_files

    if not args.check:
        for path in (path for lesson in lesson_ids() for path in build_lesson(lesson)):
            print(path)
        return 0
    stale = [path for lesson in lesson_ids() for path in stale_files(lesson)]
    for path in stale:
        print(f"{path}: out of date; run `course build`", file=sys.stderr)
    return 1 if stale else 0


def run_verify(args) -> int:
    import torch
    from rich.console import Console
    from rich.table import Table

    from course_utils.engine.exercise import lesson_ids
    from grader.verify import verify_lesson

    torch.set_num_threads(1)
    lessons = [args.lesson] if args.lesson else lesson_ids()
    rows = [row for lesson in lessons for row in verify_lesson(lesson)]
    table = Table("exercise", "cases", "misconceptions", "alternatives", "result", box=None)
    for r in rows:
        result = "\n".join(r.problems) or "ok"
        table.add_row(r.exercise, str(r.cases), str(r.misconceptions), str(r.alternatives), result)
    Console().print(table)
    return 1 if any(r.problems for r in rows) else 0
