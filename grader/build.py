"""`course build`: solutions → notebooks and public answers."""

from __future__ import annotations

import ast
from pathlib import Path

from course_utils.engine.answers import (
    PUBLIC_SEED,
    Expected,
    load_answers,
    read_answers,
    write_answers,
)
from course_utils.engine.codec import CodecError
from course_utils.engine.compare import difference, differences
from course_utils.engine.exercise import is_exam, load_lesson
from grader.notebook import build_notebook, notebook_text
from grader.paths import ANSWERS, NOTEBOOKS
from grader.reference import expected
from grader.source import load_source


def lesson_files(lesson: str) -> dict[Path, str]:
    """Every text file that is built for a lesson, below notebooks/."""
    folder = NOTEBOOKS / lesson
    files = {folder / f"{lesson}.ipynb": notebook_text(build_notebook(lesson, "student"))}
    for earlier in load_lesson(lesson).builds_on:
        files[folder / f"{module_name(earlier)}.py"] = answers_module(earlier)
    return files


def module_name(lesson: str) -> str:
    """ "03_unet" → "lesson_03"."""
    return f"lesson_{lesson[:2]}"


def answers_module(lesson: str) -> str:
    """An earlier lesson's answers as a module, for the lessons that build on it."""
    source = load_source(lesson)
    cells = [c.source for c in source.cells if c.role in ("setup", "given")]
    imports = [line for cell in cells[:1] for line in plain_imports(cell)]
    given = [c.source for c in source.cells if c.role == "given"]
    head = f'"""Answers of lesson {lesson}, written by `course build`."""'
    parts = [head, "\n".join(imports), *given, *source.references.values()]
    return "\n\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def plain_imports(code: str) -> list[str]:
    """The import lines of a set-up cell that do not concern the course itself."""
    nodes = [n for n in ast.parse(code).body if isinstance(n, (ast.Import, ast.ImportFrom))]
    lines = (ast.unparse(n) for n in nodes)
    return [line for line in lines if "course_utils" not in line]


def answers_bytes(lesson: str) -> bytes:
    """Public answers of a lesson, as shipped."""
    exercises = load_lesson(lesson).exercises
    return write_answers({name: expected(lesson, name, PUBLIC_SEED) for name in exercises})


def build_lesson(lesson: str) -> list[Path]:
    """Write what is out of date of the notebook, its modules and the public answers; returns the
    paths written. Answers that differ by rounding alone are left as they are."""
    stale = stale_files(lesson)
    if is_exam(lesson):
        from grader.exam.build import build_exam

        return build_exam(lesson, NOTEBOOKS / lesson) if stale else []
    files = lesson_files(lesson)
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[path].encode() if path in files else answers_bytes(lesson))
    load_answers.cache_clear()
    return stale


def stale_files(lesson: str) -> list[Path]:
    """Built files that a rebuild would change: text by the byte, answers beyond rounding."""
    if is_exam(lesson):
        from grader.exam.build import stale_exam

        return stale_exam(lesson, NOTEBOOKS / lesson)
    files = lesson_files(lesson)
    stale = [p for p, text in files.items() if not p.exists() or p.read_bytes() != text.encode()]
    answers = ANSWERS / f"{lesson}.safetensors"
    if not answers.exists() or not _same_answers(lesson, answers.read_bytes()):
        stale.append(answers)
    return stale


def _same_answers(lesson: str, blob: bytes) -> bool:
    try:
        shipped = read_answers(blob)
    except (CodecError, LookupError, TypeError):  # written by an older version, or cut short
        return False
    fresh = read_answers(answers_bytes(lesson))
    if list(shipped) != list(fresh):
        return False
    return all(_same_facts(lesson, name, shipped[name], fresh[name]) for name in fresh)


def _same_facts(lesson: str, name: str, old: Expected, new: Expected) -> bool:
    tolerances = load_lesson(lesson)[name].tolerances
    known = [(m.id, m.message) for m in old.mistakes] == [(m.id, m.message) for m in new.mistakes]
    pairs = [(old.want, new.want)]
    pairs += [(a.outcomes, b.outcomes) for a, b in zip(old.mistakes, new.mistakes, strict=False)]
    same = all(
        not differences(was[case], outcome, tolerances)
        for was, now in pairs
        for case, outcome in now.items()
    )
    return known and same and old.notes == new.notes and not difference(old.givens, new.givens)
