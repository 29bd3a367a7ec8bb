"""What a check shows: a compact card as HTML, and the same as plain text."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

import torch

from course_utils import sketch
from course_utils.engine.answers import Expected
from course_utils.engine.diagnose import Diagnosis, Outcomes
from course_utils.engine.exercise import Exercise, Lesson
from course_utils.engine.runner import TIMEOUT

GOOD, BAD, PLAIN = "#009e73", "#d55e00", "#0072b2"


@dataclass(frozen=True)
class Row:
    """One property of the answer."""

    name: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True)
class Card:
    """A headline, what holds and what does not, and what it means."""

    headline: str
    colour: str
    rows: list[Row] = field(default_factory=list)
    message: str = ""
    picture: str | None = None
    footer: str = ""
    code: str = ""

    def __repr__(self) -> str:
        lines = [self.headline]
        lines += [f"  {'✓' if r.passed else '✗'} {_joined(r.name, r.detail)}" for r in self.rows]
        lines += [f"  {text}" for text in (self.message, self.footer) if text]
        lines += [f"    {line}" for line in self.code.splitlines()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(_html_row(row) for row in self.rows)
        message = f'<p style="margin:6px 0">{marked_up(self.message)}</p>' if self.message else ""
        code = f"<pre>{escape(self.code)}</pre>" if self.code else ""
        footer = f'<p style="margin:6px 0;opacity:.75">{marked_up(self.footer)}</p>'
        return (
            f'<div class="course-card" style="border-left:4px solid {self.colour};'
            f'padding:4px 12px;margin:4px 0;max-width:52em;line-height:1.45">'
            f"<b>{escape(self.headline)}</b>"
            f'<ul style="list-style:none;margin:4px 0;padding:0">{rows}</ul>'
            f"{message}{self.picture or ''}{footer if self.footer else ''}{code}</div>"
        )


def show(card: Card) -> None:
    """Display in a notebook, print elsewhere."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        get_ipython = None
    if get_ipython and get_ipython() is not None:
        display(card)
    else:
        print(card)


def build(
    e: Exercise,
    got: Outcomes,
    found: Diagnosis,
    answers: Expected,
    blocked: Exercise | None = None,
) -> Card:
    """The card of a checked exercise. `blocked` is an earlier exercise to mend first."""
    error = next((o["error"] for o in got.values() if "error" in o), None)
    if found.passed:
        return Card(f"{e.id}: all right", GOOD, _rows(e, got, found, answers))
    if error and not blocked and _is_stub(e, error):
        return Card(f"{e.id}: not written yet", PLAIN, footer=_hint_offer(e))
    message = _blocked(blocked) if blocked else _message(e, error, found)
    return Card(
        f"{e.id}: not yet",
        BAD,
        _rows(e, got, found, answers),
        message,
        _picture(got, found, answers),
        _hint_offer(e),
    )


def _is_stub(e: Exercise, error: dict) -> bool:
    own = (e.target, "__init__", "forward", None)
    return error["type"] == "NotImplementedError" and error["function"] in own


def _rows(e: Exercise, got: Outcomes, found: Diagnosis, answers: Expected) -> list[Row]:
    """Outputs of the ordinary cases, one row each; every further case, one row each."""
    if e.kind == "quiz":
        return _quiz_rows(e, got, found, answers)
    ordinary = [s.name for s in e.cases if s.group == "values"]
    rows: dict[str, Row] = {}
    for case in ordinary:
        for name in answers.want[case].get("outputs", {}):
            wrong = found.wrong[case].get(name)
            if name not in rows or (wrong and rows[name].passed):
                rows[name] = Row(name, wrong is None, f"{case}: {wrong.message}" if wrong else "")
        if "error" in found.wrong[case]:
            return [Row("runs to its end", False)]
    others = [_case_row(s.name, found) for s in e.cases if s.group != "values"]
    return [*rows.values(), *others]


def _case_row(case: str, found: Diagnosis) -> Row:
    wrong = found.wrong[case]
    detail = "; ".join(f"{name}: {d.message}" for name, d in wrong.items())
    return Row(case, not wrong, detail)


def _message(e: Exercise, error: dict | None, found: Diagnosis) -> str:
    if e.kind == "quiz":
        return ""  # each row explains itself
    if found.mistake and e.kind != "hunt":
        return found.mistake.message
    return explain_error(error) if error else ""


def explain_error(error: dict) -> str:
    """A sentence about an exception of the learner's code."""
    where = f" (line {error['line']} of {error['function']})" if error.get("line") else ""
    kind, message = error["type"], error["message"]
    if kind == TIMEOUT:
        return "It was stopped: it ran for too long. Is there a loop that never ends?"
    if kind == "WrongReturn":
        return message[0].upper() + message[1:] + "."
    if kind == "NotImplementedError":
        return f"`{error['function']}` is called here and is not written yet."
    if kind in ("SystemExit", "KeyboardInterrupt"):
        return f"The code ended with {kind}{where} instead of returning a result."
    if kind == "NameError":
        return f"{message}{where}. Is it imported or defined in a cell that you ran?"
    return f"{kind}: {message}{where}"


def _blocked(e: Exercise) -> str:
    return f"`{e.id}`, which is called here, does not pass its own check. Mend that one first."


def _picture(got: Outcomes, found: Diagnosis, answers: Expected) -> str | None:
    for case, outputs in found.wrong.items():
        for name, wrong in outputs.items():
            want = answers.want[case].get("outputs", {}).get(name)
            if wrong.kind == "value" and isinstance(want, torch.Tensor):
                return sketch.compare(want, got[case]["outputs"][name])
    return None


def quiz_comments(e: Exercise, got: Outcomes, answers: Expected) -> dict[str, str]:
    """Question → what to know about the letters that were chosen."""
    (case,) = (spec.name for spec in e.cases)
    given, right = got[case].get("outputs", {}), answers.want[case]["outputs"]
    comments = {}
    for name, letters in given.items():
        if not letters:
            comments[name] = "not answered yet"
        elif letters == right[name]:
            comments[name] = answers.notes.get(name, "")
        else:
            comments[name] = _wrong_choice(case, name, letters, right[name], answers)
    return comments


def _wrong_choice(case: str, name: str, letters: str, right: str, answers: Expected) -> str:
    for m in answers.mistakes:
        if m.outcomes[case]["outputs"][name] in set(letters) - set(right):
            return m.message
    return "Right so far, but not complete." if set(letters) < set(right) else ""


def _quiz_rows(e: Exercise, got: Outcomes, found: Diagnosis, answers: Expected) -> list[Row]:
    (case,) = (spec.name for spec in e.cases)
    if "error" in got[case]:
        return [Row("answers", False, explain_error(got[case]["error"]))]
    comments = quiz_comments(e, got, answers)
    return [Row(name, name not in found.wrong[case], text) for name, text in comments.items()]


def _hint_offer(e: Exercise) -> str:
    return f'Stuck? `check.hint("{e.id}")` shows a hint ({len(e.hints)} in all).' if e.hints else ""


def hint(e: Exercise, tier: int) -> Card:
    if not e.hints:
        return Card(f"{e.id}: there are no hints for this one", PLAIN)
    tier = max(1, min(tier, len(e.hints)))
    again = f'`check.hint("{e.id}")` again for the next one.'
    last = f'This was the last hint. Learning alone? `check.solution("{e.id}")`.'
    more = again if tier < len(e.hints) else last
    return Card(f"{e.id}: hint {tier} of {len(e.hints)}", PLAIN, [], e.hints[tier - 1], None, more)


def hints_first(e: Exercise) -> Card:
    return Card(f"{e.id}: the solution comes after the hints", PLAIN, footer=_hint_offer(e))


def no_solution(e: Exercise) -> Card:
    return Card(f"{e.id}: the solutions are not part of this copy of the course", PLAIN)


def solution(e: Exercise, code: str) -> Card:
    """The course's answer; others are as good if they pass the check."""
    return Card(f"{e.id}: one solution", PLAIN, code=code)


def missing(exercises: list[Exercise]) -> Card:
    names = ", ".join(e.id for e in exercises)
    verb = "needs" if len(exercises) == 1 else "need"
    return Card(f"This cell waits: {names} {verb} solving first.", PLAIN)


def unknown(target: object, lesson: Lesson) -> Card:
    names = ", ".join(e.target for e in lesson.exercises.values())
    called = name_of(target) or type(target).__name__
    return Card(f"{called} is no exercise of this lesson.", PLAIN, message=f"There are: {names}.")


def name_of(target: object) -> str:
    """The `__name__` of a learner's object; "" where it has none or cannot be asked."""
    try:
        name = target.__name__
    except BaseException:  # asking runs the object's own code
        return ""
    return name if type(name) is str else ""


def _joined(name: str, detail: str) -> str:
    return f"{name}: {detail}" if detail else name


def _html_row(row: Row) -> str:
    mark, colour = ("✓", GOOD) if row.passed else ("✗", BAD)
    detail = f' <span style="opacity:.8">— {marked_up(row.detail)}</span>' if row.detail else ""
    return f'<li><span style="color:{colour}"><b>{mark}</b></span> {escape(row.name)}{detail}</li>'


def marked_up(text: str) -> str:
    """Escaped text in which `x` is set as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
