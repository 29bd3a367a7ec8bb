"""What the training scripts share: a lesson's own cells, run with other numbers in them."""

import argparse
import contextlib
import sys
import time
import types

from course_utils import training
from grader.build import answers_module, module_name
from grader.source import load_source, without_markers

QUICK = 25  # steps, or epochs
quick = False  # whether --quick was typed


class Solved:
    """A check for which every exercise is solved, but for those that are named."""

    def __init__(self, *unsolved):
        self.unsolved = set(unsolved)

    def solved(self, *names):
        return self.unsolved.isdisjoint(names)


def described(text):
    """A parser of options whose help is a script's docstring."""
    form = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(description=text, formatter_class=form)


def read_options(parser):
    """The options that were typed, --quick among them."""
    global quick
    told = f"end trainings after {QUICK} steps, to see that all runs; what it stores is no good"
    parser.add_argument("--quick", action="store_true", help=told)
    options = parser.parse_args()
    if "seed" in options:
        print(f"seed {options.seed}")
    quick = options.quick
    if quick:
        whole = training.run_steps
        training.run_steps = lambda step, n, *words: whole(step, min(n, QUICK), *words)
    return options


def names_of(lesson, *earlier, unsolved=()):
    """The names of a lesson whose references have run; earlier lessons can be imported from now."""
    for name in earlier:
        sys.modules[module_name(name)] = module = types.ModuleType(module_name(name))
        exec(answers_module(name), module.__dict__)
    return dict(load_source(lesson).namespace()) | {"check": Solved(*unsolved)}


def run_cells(space, lesson, names, *changes):
    """Run code cells of a lesson, in the order of names, and print how long each takes.

    changes: pairs (old text, new text). Raises ValueError for a cell, or an old text, that is not
    there.
    """
    cells = {c.name: without_markers(c.source) for c in load_source(lesson).cells if is_shown(c)}
    if missing := set(names) - set(cells):
        raise ValueError(f"{lesson} has no code cells {sorted(missing)}")
    codes = {name: cells[name] for name in names}
    for old, new in changes:
        if not any(old in code for code in codes.values()):
            raise ValueError(f"none of these cells of {lesson} has the text {old!r}")
        codes = {name: code.replace(old, new) for name, code in codes.items()}
    for name, code in codes.items():
        with timed(name), gate_left_open():
            exec(compile(code, name, "exec"), space)


@contextlib.contextmanager
def gate_left_open():
    """After a quick training no gate is passed; it is only said."""
    try:
        yield
    except AssertionError as error:
        if not quick:
            raise
        print(f"not passed, after {QUICK} steps: {error}")


def is_shown(cell):
    """Whether a cell is code that shows or trains something, neither a hunt nor a quiz."""
    return cell.kind == "code" and cell.role == "show"


@contextlib.contextmanager
def timed(what):
    """Print the wall and CPU seconds of what happens inside."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{what}: {wall:.1f} s, {cpu:.1f} s of CPU time", flush=True)
