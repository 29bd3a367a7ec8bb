"""The commands of a person who prepares for an exam and has the solutions at hand."""

from __future__ import annotations

from pathlib import Path

from grader.paths import NOTEBOOKS

PRACTICE = NOTEBOOKS / "practice"


def add_commands(commands, add) -> None:
    """`course hunt`; `course exam` is completed in `course_utils.commands`."""
    hunt = add(commands, "hunt", run_hunt, "write a bug hunt: find the mistakes in working code")
    hunt.add_argument("lesson", nargs="?", metavar="LESSON", help="of this lesson; else of any")
    hunt.add_argument("--level", type=int, default=1, help="how many mistakes: 1, 2 or 3")
    hunt.add_argument("--seed", type=int, help="to get the same hunt again")
    hunt.add_argument("--to", type=Path, default=PRACTICE, metavar="DIR", help="where to write it")


def run_hunt(args) -> int:
    import torch

    from grader.exam.hunts import fresh_seed, write_hunt

    torch.set_num_threads(1)
    level = args.level
    seed = fresh_seed(args.lesson, level) if args.seed is None else args.seed
    path = write_hunt(args.lesson, level, seed, args.to)
    scope = f"{args.lesson} " if args.lesson else ""
    print(f"{path}: open it in JupyterLab")
    print(f"the same hunt again: course hunt {scope}--level {level} --seed {seed}")
    return 0
