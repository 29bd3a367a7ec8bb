"""The check of a bug hunt that `course hunt` made. Its answers lie beside the notebook."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from course_utils.check import Checker
from course_utils.engine.answers import Expected, from_data
from course_utils.engine.codec import unpack
from course_utils.engine.exercise import Exercise, Lesson, load_lesson

PRACTICE = "practice"  # the name of the lesson that hunts count for in progress


class MissingData(FileNotFoundError):
    """The file that belongs to a notebook is not beside it; the message says what to do."""

    def _render_traceback_(self) -> list[str]:
        """IPython's hook: a notebook shows the message alone."""
        return [str(self)]


class HuntChecker(Checker):
    """Checks one mended function: `check = HuntChecker("hunt_ddpm_loss_1_7")`."""

    def __init__(self, name: str, folder: str | Path = ".") -> None:
        data = data_beside(name, folder)
        super().__init__(data["lesson"])
        self.seed, self._expected = data["seed"], from_data(data["expected"])
        self._origin, base = self.lesson.id, self.lesson[data["exercise"]]
        about = {"hints": tuple(data["hints"]), "needs": (), "kind": "hunt", "base": base.id}
        hunt = replace(base, id=name, **about)
        self.lesson = Lesson(PRACTICE, self.lesson.title, {name: hunt})

    def _answers(self, exercise: Exercise) -> Expected:
        return self._expected

    def _solution(self, exercise: Exercise) -> str:
        from grader.reference import reference_code

        return reference_code(self._origin, load_lesson(self._origin)[exercise.base])


def data_beside(name: str, folder: str | Path = ".") -> dict:
    """The data that belong to a notebook. Raises MissingData where they are not there."""
    file = Path(folder) / f"{name}.safetensors"
    if not file.is_file():
        raise MissingData(f"{file.name} must lie beside the notebook; make both again")
    return unpack(file.read_bytes())
