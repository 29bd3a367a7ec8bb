"""The cells of an exam: set-up, given parts, the tasks section by section, the final gate."""

from __future__ import annotations

from functools import cached_property

from course_utils.engine.exercise import lesson_text
from course_utils.exam.plan import MINUTES, SECTIONS, Section, Task, exam_lesson, tasks
from grader.exam import cells
from grader.source import Cell, LessonSource, load_source

SCHEDULE = ("linear_beta_schedule", "precompute_schedule")
GATE_LESSON = "04_ddpm"


class ExamSource(LessonSource):
    """What `LessonSource` is for a script, put together from the scripts of several lessons."""

    def __init__(self, exam: str) -> None:
        self.lesson, self.text = exam, lesson_text("exam")
        self.tasks = tasks(exam)
        self.lessons = sorted({t.lesson for t in self.tasks if t.base} | {GATE_LESSON})
        self.references = {
            name: code
            for lesson in self.lessons
            for name, code in load_source(lesson).references.items()
        }

    @cached_property
    def cells(self) -> list[Cell]:
        """In the order of the notebook."""
        found = [self._words("welcome"), self._setup_cell(), self._show("clock", "check.start()")]
        found += [self._words("given"), *self._given_cells()]
        for section in SECTIONS:
            found += self._section(section)
        return [*found, *self._gate(), self._words("end")]

    def given_names(self) -> list[tuple[str, str]]:
        """(lesson, exercise) of all parts that tasks and the gate need and nobody asks for."""
        wanted = []
        for lesson in self.lessons:
            names = set(cells.closure(lesson, self._asked(lesson)))
            if lesson == GATE_LESSON:
                parts = (*SCHEDULE, *self.gate_parts)
                names |= {*parts, *cells.closure(lesson, parts)}
            own = load_source(lesson).references
            wanted += [(lesson, n) for n in own if n in names - set(self._asked())]
        return wanted

    def _asked(self, lesson: str | None = None) -> list[str]:
        """The exercises that the exam asks for, of one lesson or of all."""
        return [t.base.id for t in self.tasks if t.base and lesson in (None, t.lesson)]

    @property
    def gate_parts(self) -> tuple[str, ...]:
        """The functions that train and sample at the gate: those that the exam asks for, if any."""
        asked = self._asked()
        step = "cfg_train_step" if "cfg_train_step" in asked else "ddpm_train_step"
        sampler = "sample_cfg" if "sample_cfg" in asked else "sample_ddpm"
        helpers = [] if step == "cfg_train_step" else ["drop_labels"]
        helpers += [] if sampler == "sample_cfg" else ["guided_noise"]
        return (*helpers, step, sampler)

    def _words(self, name: str, **facts: object) -> Cell:
        facts |= {"title": exam_lesson(self.lesson).title, "minutes": MINUTES}
        return Cell("markdown", self.text[name]["text"].strip().format(**facts), "text", name)

    def _show(self, name: str, code: str) -> Cell:
        return Cell("code", code, "show", name)

    def _setup_cell(self) -> Cell:
        lines = [cells.imports(self.lessons), "", "from course_utils.exam import sit", ""]
        return Cell("code", "\n".join([*lines, f'check = sit("{self.lesson}")']), "setup", "setup")

    def _given_cells(self) -> list[Cell]:
        """Helpers that the lessons give, then references. Each name once."""
        parts = {name: self.references[name] for _, name in self.given_names()}
        codes = [*parts.values(), *(self.references[name] for name in self._asked())]
        parts = self._helpers(codes) | parts
        return [
            Cell("code", code.strip(), "given", f"given-{name}") for name, code in parts.items()
        ]

    def _helpers(self, codes: list[str]) -> dict[str, str]:
        """What the code uses of the lessons' given definitions, and what these use in turn.

        A given definition that is an exercise of another lesson is left to that exercise.
        """
        every: dict[str, str] = {}
        for lesson in self.lessons:
            for name, code in cells.definitions(lesson).items():
                if name not in self.references:
                    every.setdefault(name, code)
        used: set[str] = set()
        while new := (cells.words_of([*codes, *map(every.get, used)]) & set(every)) - used:
            used |= new
        return {name: code for name, code in every.items() if name in used}

    def _section(self, section: Section) -> list[Cell]:
        about = self.text[f"section_{section.id}"]
        head = about["text"].strip().format(points=section.points, minutes=section.minutes)
        found = [Cell("markdown", head, "text", f"section-{section.id}")]
        for task in self.tasks:
            if task.section == section:
                found += self._task(task)
        return found

    def _task(self, task: Task) -> list[Cell]:
        name, kind = task.exercise.id, task.slot.kind
        if task.base and kind == "todo":
            mine = [c for c in load_source(task.lesson).cells if c.name == name]
            text = next(c for c in mine if c.kind == "markdown").source
            return [Cell("markdown", text, "text", name), next(c for c in mine if c.kind == "code")]
        facts = {"target": task.exercise.target, "count": task.slot.questions}
        text = self.text["hunt_task" if kind == "hunt" else kind]["text"].strip().format(**facts)
        role = "hunt" if kind == "hunt" else "quiz"
        return [Cell("markdown", text, "text", name), Cell("code", "", role, name)]

    def _gate(self) -> list[Cell]:
        words = self.text["gate"]
        *_, step, sampler = self.gate_parts
        parts = words["head"].format(exam=self.lesson) + words[step] + words[sampler]
        return [
            self._words("gate"),
            self._show("gate-parts", parts.strip()),
            self._show("gate-train", words["train"].strip()),
            self._show("gate-judge", words["judge"].strip()),
        ]
