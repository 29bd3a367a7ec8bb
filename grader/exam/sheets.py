"""The questions of an exam: blocks to name, shapes to compute, short questions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from random import Random

from course_utils.drills import orders
from course_utils.drills.question import Question as DrillQuestion
from course_utils.drills.topics import ask
from course_utils.engine.exercise import Exercise, lesson_text, load_lesson
from course_utils.exam.plan import TWINS, Task, built_lessons, candidates, tasks
from grader import quiz
from grader.quiz import Question
from grader.source import load_source

QUIZZES = {  # section → lessons whose quizzes it draws from
    "unet": ("03",), "training": ("01", "04"), "conditioning": ("02", "04", "05"),
    "sampling": ("04", "06", "07"),
}  # fmt: skip
SHAPES = {
    "unet": ("unet_table", "conv_chain"), "conditioning": ("attention",),
    "sampling": ("model_calls", "latents", "order"),
}  # fmt: skip
LETTERS = "abcd"


@cache
def sheets(exam: str) -> dict[str, list[Question]]:
    """Sheet id → its questions. No question occurs twice in an exam."""
    draw, used = Random(f"{exam} sheets"), set()
    makers = {"blocks": _blocks, "shapes": _shapes, "quiz": _quiz}
    found = {
        task.exercise.id: makers[task.slot.kind](exam, task, draw, used)
        for task in sorted(tasks(exam), key=lambda t: len(QUIZZES[t.section.id]))
        if task.slot.questions
    }
    return {t.exercise.id: found[t.exercise.id] for t in tasks(exam) if t.slot.questions}


def _quiz(exam: str, task: Task, draw: Random, used: set[str]) -> list[Question]:
    """Questions of the lessons' quizzes. Lessons that are not built are passed over."""
    lessons = [name for name in built_lessons() if name[:2] in QUIZZES[task.section.id]]
    pool = [q for name in lessons for q in quiz.load(name) if q.text not in used]
    chosen = draw.sample(pool, task.slot.questions)
    used.update(q.text for q in chosen)
    return chosen


def _shapes(exam: str, task: Task, draw: Random, used: set[str]) -> list[Question]:
    """Drills with exactly one right answer."""
    topics = list(SHAPES[task.section.id])
    draw.shuffle(topics)
    found = []
    while len(found) < task.slot.questions:
        topic = topics[len(found) % len(topics)]
        asked = _drill(topic, draw)
        if asked.text not in used:
            used.add(asked.text)
            text = f"\n\n```text\n{asked.text}\n```" if "\n" in asked.text else asked.text
            found.append(Question(text, {}, _literal(asked.right), asked.explanation, {}))
    return found


def _drill(topic: str, draw: Random) -> DrillQuestion:
    if topic != "order":
        return ask(topic, draw.randrange(2**31))
    kind = draw.choice(["training", "sampling"])
    lines = orders.STRICT_TRAINING if kind == "training" else orders.STRICT_SAMPLING
    return orders.order_question(kind, lines, draw)


def _literal(right: object) -> str | int | tuple:
    return tuple(right) if isinstance(right, list) else right


def _blocks(exam: str, task: Task, draw: Random, used: set[str]) -> list[Question]:
    """References without their names. Nothing that stands elsewhere in the exam."""
    found = []
    taken = _elsewhere(exam)
    pool = [(lesson, e) for lesson, e in _nameable(task.section.id) if e.id not in taken | used]
    for lesson, e in draw.sample(pool, task.slot.questions):
        used.add(e.id)
        found.append(_block(lesson, e, draw))
    return found


def _elsewhere(exam: str) -> set[str]:
    asked = {t.base.id for t in tasks(exam) if t.base}
    return asked | {name for _, name in load_source(exam).given_names()}


def _nameable(section: str) -> Iterator[tuple[str, Exercise]]:
    return ((lesson, e) for place, lesson, e in candidates() if place == section)


def _block(lesson: str, e: Exercise, draw: Random) -> Question:
    """One question: the code, its name and three others that look alike from outside."""
    text = lesson_text("exam")["blocks"]
    code = anonymous(load_source(lesson).references[e.id], e.id)
    is_class = e.id[0].isupper()
    twins = {e.id}.union(*(group for group in TWINS if e.id in group))
    alike = [x for home in built_lessons() for x in load_lesson(home).exercises.values()]
    alike = [x for x in alike if x.kind == "code" and x.id[0].isupper() == is_class]
    others = draw.sample([x for x in alike if x.id not in twins], len(LETTERS) - 1)
    choices = [e, *others]
    draw.shuffle(choices)
    lettered = dict(zip(LETTERS, choices, strict=True))
    return Question(
        text=text["question"] + f"\n\n```python\n{code}\n```",
        choices={c: f"`{x.id}`" for c, x in lettered.items()},
        right=next(c for c, x in lettered.items() if x is e),
        explanation=text["why"].format(name=e.id, title=e.title, lesson=lesson),
        wrong={
            c: text["wrong"].format(name=x.id, title=x.title, right=e.id)
            for c, x in lettered.items()
            if x is not e
        },
    )


def anonymous(code: str, name: str) -> str:
    """Code without its name, docstrings and comments."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            node.body = body[1:] or [ast.Pass()]
    return re.sub(rf"\b{name}\b", "Mystery" if name[0].isupper() else "mystery", ast.unparse(tree))
