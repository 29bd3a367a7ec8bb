"""What was graded already: one line per exercise of a submission, appended and never changed.
Of lines with the same key the last one counts.

A line's key is a hash of everything the verdict depends on. So an interrupted run goes on where it
stopped, a repeated run grades nothing twice, and a changed exercise is graded anew alone.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import os
import platform
import sys
from functools import cache
from importlib.metadata import version
from itertools import chain
from pathlib import Path

from course_utils.engine.exercise import Exercise, load_lesson
from grader.reference import edits_of, reference_code
from grader.source import load_source
from grader.submission import Submission

PROBES = "course_utils.exercises."
WRITTEN = "written:"  # before a student's name: the verdicts that were put into the gradebook


class Journal:
    """Verdicts by key, in a file of JSON lines. Only one process may write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._verdicts = dict(_read(path))

    def get(self, key: str) -> dict | list | None:
        return self._verdicts.get(key)

    def written(self) -> list[tuple[str, list[str]]]:
        """(student, keys of the verdicts) of everything that stands in the gradebook."""
        marks = ((k, v) for k, v in self._verdicts.items() if k.startswith(WRITTEN))
        return [(key.removeprefix(WRITTEN), keys) for key, keys in marks]

    def add(self, entries: dict) -> None:
        """Append what is new and see to it that it is on disk."""
        new = {key: value for key, value in entries.items() if self._verdicts.get(key) != value}
        if not new:
            return
        lines = [json.dumps(entry) for entry in new.items()]
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        self._verdicts |= new


def _read(path: Path):
    """The entries of a journal. A last line that was cut short by a crash is taken off."""
    if not path.exists():
        return
    whole = path.read_bytes()
    kept = whole[: whole.rfind(b"\n") + 1]
    if kept != whole:
        with path.open("r+b") as file:
            file.truncate(len(kept))
    for line in kept.splitlines():
        yield json.loads(line)


def keys(submission: Submission, secret: str, device: str) -> dict[str, str]:
    """Exercise id → key of its verdict.

    It covers the learner's cells up to and with this one, because later cells may use earlier ones.
    """
    context = [secret, device, *environment()]
    code: list[str] = []
    found = {}
    for e in load_lesson(submission.lesson).exercises.values():
        code += [submission.helpers.get(e.id, ""), submission.cells.get(e.id, "")]
        present = str(e.id in submission.cells)
        parts = [*context, exercise_fingerprint(submission.lesson, e.id), present, *code]
        found[e.id] = _digest(parts)
    return found


@cache
def exercise_fingerprint(lesson: str, name: str) -> str:
    """Everything on the author's side that an exercise's verdict depends on."""
    e = load_lesson(lesson)[name]
    facts = [e.cases, e.tolerances, e.points, e.needs, e.kind, edits_of(lesson, e)]
    needed = [load_source(lesson).references[need] for need in e.needs]
    probe = _sources(e.probe)
    return _digest([*probe, repr(facts), reference_code(lesson, e), _setup(lesson), *needed])


def _sources(what: object, seen: set | None = None) -> list[str]:
    """The source of a probe and of all that it uses from the exercises' package."""
    seen = set() if seen is None else seen
    home = getattr(what, "__module__", "")
    if what in seen or not str(home).startswith(PROBES):
        return []
    seen.add(what)
    space, text = vars(sys.modules[home]), inspect.getsource(what)
    names = (node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name))
    used = [space[name] for name in dict.fromkeys(names) if name in space]
    constants = [repr(value) for value in used if isinstance(value, (str, int, float, tuple))]
    parts = [_sources(value, seen) for value in used if callable(value)]
    return [text, *constants, *chain.from_iterable(parts)]


def _setup(lesson: str) -> str:
    return load_source(lesson).setup()


@cache
def environment() -> tuple[str, ...]:
    """What rounding may depend on, and the code that compares and grades."""
    packages = Path(__file__).resolve().parent, Path(inspect.getfile(Exercise)).parent
    code = [path.read_text("utf-8") for folder in packages for path in sorted(folder.glob("*.py"))]
    return (platform.python_version(), platform.machine(), version("torch"), _digest(code))


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
