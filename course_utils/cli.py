"""The console command `course`. What needs the solutions is offered only where they are."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec

from course_utils import commands as learner


def main(argv: list[str] | None = None) -> int:
    """Run one command. Exit code 2, with one line, where the input cannot be used."""
    parser = argparse.ArgumentParser(
        prog="course", description="Lessons, checks and grades of the diffusion course."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    learner.add_commands(commands)
    if find_spec("grader"):
        from grader.commands import add_commands

        add_commands(commands)
    args = parser.parse_args(argv)
    try:
        return args.run(args) or 0
    except KeyboardInterrupt:
        print("course: interrupted; what was finished is kept", file=sys.stderr)
        return 130
    except Exception as error:
        if type(error).__name__ != "Unusable":
            raise
        print(f"course: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
