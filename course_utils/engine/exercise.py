"""An exercise: a probe, its cases, and what a learner should know before starting."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from course_utils.engine.case import FAKE_CUDA, Case, CaseSpec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Probe = Callable[[object, Case], dict]


@dataclass(frozen=True)
class Exercise:
    """One thing to write.

    id: name of the function, grade id of its cell, name of its probe, id of its test.
    needs: earlier exercises whose references stand in while this one is graded.
    tolerances: output name → relative tolerance, where the default of the dtype is too strict.
    kind: "code", "hunt" (repair a broken reference) or "quiz" (points per output).
    """

    id: str
    probe: Probe
    cases: tuple[CaseSpec, ...]
    title: str
    hints: tuple[str, ...]
    points: float
    minutes: int
    difficulty: int
    importance: int
    section: str
    needs: tuple[str, ...] = ()
    tolerances: dict[str, float] = field(default_factory=dict)
    kind: str = "code"
    base: str | None = None  # the exercise a hunt was made from
    target: str = ""  # name of the object in the learner's notebook

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", self.target or self.id)


@dataclass(frozen=True)
class Lesson:
    """The exercises of one lesson, in the order of the notebook."""

    id: str
    title: str
    exercises: dict[str, Exercise]
    builds_on: tuple[str, ...] = ()  # lessons whose answers come along as modules

    def __getitem__(self, exercise: str) -> Exercise:
        return self.exercises[exercise]

    def of_target(self, name: str) -> Exercise | None:
        return next((e for e in self.exercises.values() if e.target == name), None)


class Registry:
    """What a lesson's module fills: `@registry.exercise(...)` above each probe.

    Titles and hints are prose; they stand in `course_utils/text/<language>/<lesson>.toml`.
    """

    def __init__(self, lesson: str, builds_on: tuple[str, ...] = ()) -> None:
        self.text = lesson_text(lesson)
        self.lesson = Lesson(lesson, self.text["lesson"]["title"], {}, builds_on)

    def exercise(self, *, cases: list[CaseSpec], device: bool = True, **about) -> Callable:
        """Register the decorated probe. `device` adds the case on a pretend GPU."""

        def register(probe: Probe) -> Probe:
            specs = (*cases, FAKE_CUDA) if device else tuple(cases)
            about["needs"] = tuple(about.get("needs", ()))
            self._add(probe.__name__, probe=probe, cases=specs, **about)
            return probe

        return register

    def hunt(self, id: str, base: str, **about) -> None:
        """A bug hunt: the reference of `base` with one mistake in it; same probe, same cases."""
        same = ("probe", "cases", "section", "needs", "tolerances")
        inherited = {name: getattr(self.lesson[base], name) for name in same}
        self._add(id, **inherited, kind="hunt", base=base, **about)

    def quiz(self, questions: int, **about) -> None:
        """Questions answered by letters in a dict `quiz_answers`."""
        numbers = range(1, questions + 1)

        def probe(answers: dict, case: Case) -> dict:
            return {f"question {n}": letters(answers, n) for n in numbers}

        about = {"section": "quiz", "difficulty": 2, "importance": 3} | about
        cases = (CaseSpec("your answers"),)
        self._add("quiz", probe=probe, cases=cases, kind="quiz", target="quiz_answers", **about)

    def _add(self, id: str, **about) -> None:
        assert id not in self.lesson.exercises, f"two exercises are called {id}"
        prose = {"title": self.text[id]["title"], "hints": tuple(self.text[id].get("hints", ()))}
        self.lesson.exercises[id] = Exercise(id=id, **prose, **about)


def lesson_text(lesson: str, language: str = "en") -> dict:
    """Titles and hints of a lesson's exercises, by exercise id."""
    path = resources.files("course_utils") / "text" / language / f"{lesson}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def letters(answers: dict, number: int) -> str:
    """The letters given for a question, sorted: "ca" and "A, C" both mean "ac"."""
    given = answers.get(number, "") if isinstance(answers, dict) else ""
    return "".join(sorted(set(str(given).lower()) & set("abcdefgh")))


@cache
def load_lesson(lesson: str) -> Lesson:
    """The exercises of a lesson such as "04_ddpm", or of an exam such as "exam_7".

    Raises LookupError naming the lessons.
    """
    if is_exam(lesson):
        from course_utils.exam.plan import exam_lesson

        return exam_lesson(lesson)
    if lesson not in lesson_ids():
        raise LookupError(f"no lesson {lesson!r}; there are: {', '.join(lesson_ids())}")
    return importlib.import_module(f"course_utils.exercises.{lesson}").registry.lesson


def is_exam(lesson: str) -> bool:
    """Whether this is the id of an exam: they are lessons too, made from a seed."""
    return bool(re.fullmatch(r"exam_(0|[1-9]\d{0,8})", lesson))


def lesson_ids() -> list[str]:
    """The lessons that are written. Exams are not among them: there is one for every seed."""
    import course_utils.exercises as package

    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(name for name in names if name[0].isdigit())
