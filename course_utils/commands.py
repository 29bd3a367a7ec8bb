"""The commands that need no solutions: drills, progress, the state of an exam."""

from __future__ import annotations

from argparse import ArgumentParser
from importlib.util import find_spec
from pathlib import Path


def add_commands(commands) -> None:
    """Add the learner's commands to the parser of `course`."""
    drill = _add(commands, "drill", run_drill, "short questions: shapes, schedules, blocks, orders")
    drill.add_argument("topic", nargs="*", metavar="TOPIC", help="only of these topics")
    drill.add_argument("--count", type=int, default=10, help="how many questions")
    drill.add_argument("--seed", type=int, help="to get the same questions again")
    standing = _add(commands, "progress", run_progress, "what is solved, what next, minutes left")
    standing.add_argument("--export", type=Path, metavar="FILE", help="write all of it as JSON")
    standing.add_argument("--delete", action="store_true", help="forget everything")
    exam = _add(commands, "exam", run_exam, "a timed mock exam: write one, its clock, hand it in")
    exam.add_argument("action", choices=("new", "status", "submit"))
    exam.add_argument("notebook", nargs="?", type=Path, metavar="NOTEBOOK", help="to hand in")
    exam.add_argument("--seed", type=int, help="new: every number is another exam")
    exam.add_argument("--to", type=Path, metavar="DIR", help="new: where to write it")


def _add(commands, name: str, run, text: str) -> ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    return command


def run_drill(args) -> int:
    import torch

    from course_utils.drills.session import in_terminal
    from course_utils.drills.topics import TOPICS

    torch.set_num_threads(1)
    unknown = set(args.topic) - set(TOPICS)
    if unknown:
        raise Unusable(f"no topic {min(unknown)!r}; there are: {', '.join(TOPICS)}")
    return in_terminal(args.topic, args.count, args.seed)


def run_progress(args) -> int:
    from course_utils import progress
    from course_utils.standing import summary

    if args.delete:
        print("progress: deleted" if progress.delete() else "progress: there was none")
    elif args.export:
        print(f"{args.export}: {progress.export(args.export)} lines")
    else:
        print(summary())
    return 0


def run_exam(args) -> int:
    if args.action == "status":
        return _exam_status()
    if find_spec("grader") is None:
        raise Unusable(f"`course exam {args.action}` needs the solutions, which are not here")
    return _new_exam(args) if args.action == "new" else _submit_exam(args)


def _exam_status() -> int:
    from course_utils import progress
    from course_utils.exam import clock

    exams = dict.fromkeys(event.get("exam") for event in progress.events("exam"))
    running = [exam for exam in exams if clock.started(exam)]
    for exam in running:
        print(f"{exam}: {clock.left(exam)}")
    if not running:
        print("no exam was started yet: open its notebook; `course exam new` makes one")
    return 0


def _new_exam(args) -> int:
    from grader.exam.sitting import new_exam

    print(f"{new_exam(args.seed, args.to)}: open it in JupyterLab; the clock starts there")
    return 0


def _submit_exam(args) -> int:
    from grader.exam.sitting import submit

    if args.notebook is None:
        raise Unusable("which notebook? course exam submit NOTEBOOK")
    report, found = submit(args.notebook)
    for s in found.sections:
        print(f"{s.title}: {s.score:g} of {s.section.points}")
    print(f"{found.score:g} of 100 points; the report: {report}")
    return 0


class Unusable(Exception):
    """The input cannot be used; the message is one line."""
