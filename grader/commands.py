"""The instructor's and the author's commands. Each imports what it needs when it runs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from grader.exam import commands as exam_commands


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
        if name == "autograde":
            _add_scale(command)
    report = _add(commands, "report", run_report, "write a page about the class")
    report.add_argument("lesson", metavar="LESSON")
    export = _add(commands, "export", run_export, "write the grades as a table")
    export.add_argument("--format", choices=("canvas", "moodle", "csv"), default="csv")
    export.add_argument("--to", type=Path, default=Path("grades.csv"), metavar="FILE")
    for command in (report, export):
        command.add_argument("--course", type=Path, default=Path(), help="the course folder")
    bundle = _add(commands, "bundle", run_bundle, "pack what students get into a zip file")
    bundle.add_argument("--to", type=Path, default=Path("course.zip"), metavar="FILE")
    bundle.add_argument("--exams", action="store_true", help="with the mock exams")
    build = _add(commands, "build", run_build, "make notebooks and answers from the solutions")
    build.add_argument("--check", action="store_true", help="only say what is out of date")
    verify = _add(commands, "verify", run_verify, "prove that exercises do what they should")
    verify.add_argument("lesson", nargs="?", metavar="LESSON")
    exam_commands.add_commands(commands, _add)


def _add_scale(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    command.add_argument("--workers", type=int, default=1, help="submissions at a time")
    command.add_argument("--scheduler", metavar="ADDR", help="an existing Dask cluster, tcp://…")
    command.add_argument(
        "--resume", action="store_true", help="leave what an interrupted run has written"
    )
    command.add_argument(
        "--unsafe", action="store_true", help="grade even where the sandbox is too weak"
    )


def _add(commands, name: str, run, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    return command


def run_grade(args) -> int:
    from grader import canaries
    from grader.judge import Judge, need_device
    from grader.submission import read_submission

    need_device(args.device)
    submission = read_submission(args.notebook)
    with Judge(args.seed or _secret_near(args.notebook), args.device) as judge:
        canaries.check(judge, submission.lesson)
        verdict = judge.grade(submission)
    if args.json:
        print(json.dumps(verdict.to_dict(), indent=1, ensure_ascii=False))
    else:
        _print_verdict(verdict)
    for remark in submission.remarks:
        print(f"note: {remark}", file=sys.stderr)
    return 0


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
        said = e.message or "; ".join(dict.fromkeys(c.detail for c in e.cases if not c.passed))
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
    from course_utils.engine.exercise import is_exam, lesson_ids
    from grader.course import Course
    from grader.submission import Unusable

    if args.lesson not in lesson_ids() and not is_exam(args.lesson):
        raise Unusable(f"no lesson {args.lesson!r}; there are: {', '.join(lesson_ids())}")
    return Course.above(args.course)


def run_release(args) -> int:
    folder = _course(args).release(args.lesson)
    print(f"{folder}: give this to your students")
    return 0


def run_autograde(args) -> int:
    from tqdm import tqdm

    from grader.autograde import autograde, trusted_with

    course = _course(args)
    students = course.students(args.lesson)
    print(f"sandbox: {trusted_with(course, args.lesson, args.unsafe)}")
    executor = _executor(args)
    results = []
    with tqdm(total=len(students), unit="submission", desc=args.lesson) as bar:
        for result in autograde(
            course, args.lesson, executor, args.resume, args.device, args.unsafe
        ):
            results.append(result)
            bar.update()
    return _print_summary(results)


def _executor(args):
    from grader.autograde import cluster_executor, local_executor
    from grader.judge import need_device

    if args.scheduler:
        return cluster_executor(args.scheduler, args.device)
    need_device(args.device)
    return local_executor(1 if args.device == "cuda" else args.workers)  # one at a time on a GPU


def _print_summary(results) -> int:
    graded = [r for r in results if r.score is not None]
    for r in sorted(graded, key=lambda r: r.student):
        print(f"{r.student}: {r.score:g}", *(f"(note: {remark})" for remark in r.remarks))
    failed = [r for r in results if r.score is None]
    print(f"{len(graded)} graded, {len(failed)} need a person")
    for r in failed:
        print(f"{r.student}: no grade was written: {r.reason}", file=sys.stderr)
    return 1 if failed else 0


def run_feedback(args) -> int:
    print(f"{_course(args).feedback(args.lesson)}: one page per student")
    return 0


def run_report(args) -> int:
    from grader.report import write_report

    course = _course(args)
    print(write_report(course, args.lesson, course.root / f"{args.lesson}-report.html"))
    return 0


def run_export(args) -> int:
    from grader.course import Course
    from grader.export import FORMATS

    course = Course.above(args.course)
    with course.api.gradebook as gradebook:
        FORMATS[args.format](to=str(args.to), parent=course.api).export(gradebook)
    print(args.to)
    return 0


def run_bundle(args) -> int:
    from grader.bundle import bundle

    print(f"{args.to}: {len(bundle(args.to, args.exams))} files for students")
    return 0


def run_build(args) -> int:
    from course_utils.engine.exercise import lesson_ids
    from grader.build import build_lesson, stale_files
    from grader.exam.build import SHIPPED

    every = [*lesson_ids(), *SHIPPED]
    if not args.check:
        for path in (path for lesson in every for path in build_lesson(lesson)):
            print(path)
        return 0
    stale = [path for lesson in every for path in stale_files(lesson)]
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
