"""`course report`: one page about a class: who solved what, which misconceptions it holds."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader
from rapidfuzz import fuzz, process
from scipy.sparse.csgraph import connected_components

from course_utils.engine.exercise import Exercise, load_lesson
from grader.course import Course
from grader.journal import Journal
from grader.submission import Submission, Unusable, read_submission

ALIKE = 97.0  # percent of the characters, after renaming
ENOUGH_CODE = 400  # characters; shorter work is alike by nature


@dataclass(frozen=True)
class ExerciseRow:
    """How a class did on one exercise."""

    exercise: Exercise
    words: Counter  # pass, partial, fail, … → how many
    mean_share: float
    misconceptions: list[tuple[str, str, int]]  # id, message, how many hold it
    slowest: float


def write_report(course: Course, lesson: str, target: Path) -> Path:
    """Write the page; raises Unusable where nothing was graded yet."""
    verdicts = graded(course, lesson)
    if not verdicts:
        raise Unusable(f"nothing of {lesson} was graded yet; run `course autograde {lesson}` first")
    rows = [_row(e, verdicts) for e in load_lesson(lesson).exercises.values()]
    waiting = sorted(set(course.students(lesson)) - set(verdicts))
    page = Environment(loader=PackageLoader("grader"), autoescape=True)
    text = page.get_template("report.html").render(
        lesson=load_lesson(lesson),
        students=len(verdicts),
        rows=rows,
        totals=_totals(verdicts),
        alike=near_duplicates(course, lesson),
        waiting=waiting,
        timeouts=_with_word(verdicts, "timeout"),
    )
    target.write_text(text, encoding="utf-8")
    return target


def graded(course: Course, lesson: str) -> dict[str, dict[str, dict]]:
    """Student → exercise → verdict, as last written to the gradebook."""
    journal = Journal(course.journal(lesson))
    found = {}
    for mark, keys in journal.written():
        verdicts = [journal.get(key) for key in keys]
        found[mark] = {v["id"]: v for v in verdicts if v}
    return {student: exercises for student, exercises in found.items() if exercises}


def _row(e: Exercise, verdicts: dict) -> ExerciseRow:
    mine = [v[e.id] for v in verdicts.values() if e.id in v]
    held = Counter((v["misconception"], v["message"]) for v in mine if v["misconception"])
    shares = [v["score"] / v["max_score"] for v in mine]
    return ExerciseRow(
        exercise=e,
        words=Counter(v["verdict"] for v in mine),
        mean_share=sum(shares) / max(len(shares), 1),
        misconceptions=[(name, text, count) for (name, text), count in held.most_common()],
        slowest=max((v["seconds"] for v in mine), default=0.0),
    )


def _totals(verdicts: dict) -> list[float]:
    return sorted(sum(v["score"] for v in one.values()) for one in verdicts.values())


def _with_word(verdicts: dict, word: str) -> list[tuple[str, str]]:
    pairs = (
        (s, v["id"]) for s, one in verdicts.items() for v in one.values() if v["verdict"] == word
    )
    return sorted(pairs)


@dataclass(frozen=True)
class Alike:
    """Submissions of which each is nearly the same as another one of them."""

    students: list[str]
    least: float  # percent of the characters, of the pairs that connect them
    most: float


def near_duplicates(course: Course, lesson: str) -> list[Alike]:
    """Groups of submissions that are the same but for names, comments and layout.

    Solutions that follow the lesson closely are alike too: a group is a place to look.
    """
    codes = {}
    for student in course.students(lesson):
        try:
            submission = read_submission(course.submission(lesson, student), lesson)
        except Unusable:
            continue
        code = _own_code(submission)
        if len(code) >= ENOUGH_CODE:
            codes[student] = code
    return _groups(sorted(codes), _likeness([codes[s] for s in sorted(codes)]))


def _likeness(codes: list[str]) -> np.ndarray:
    """Likeness of all pairs in percent; 0 where it is less than ALIKE."""
    return process.cdist(codes, codes, scorer=fuzz.ratio, score_cutoff=ALIKE, workers=-1)


def _groups(students: list[str], likeness: np.ndarray) -> list[Alike]:
    """Connected students, the largest group first."""
    count, label = connected_components(likeness >= ALIKE, directed=False)
    groups = []
    for group in range(count):
        inside = np.flatnonzero(label == group)
        pairs = [likeness[a, b] for a, b in combinations(inside, 2) if likeness[a, b] >= ALIKE]
        if pairs:
            groups.append(Alike([students[i] for i in inside], min(pairs), max(pairs)))
    return sorted(groups, key=lambda g: (-len(g.students), g.students))


def _own_code(submission: Submission) -> str:
    """Everything the learner wrote, with names replaced by their order of appearance."""
    cells = [submission.helpers.get(name, "") + code for name, code in submission.cells.items()]
    return "\n".join(_renamed(code) for code in cells)


def _renamed(code: str) -> str:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return code
    order: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = order.setdefault(node.id, f"n{len(order)}")
        elif isinstance(node, ast.arg):
            node.arg = order.setdefault(node.arg, f"n{len(order)}")
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value = ast.Constant("")  # docstrings are the lesson's
    return ast.unparse(tree)
