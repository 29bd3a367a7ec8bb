"""Brings a course folder that an older version made up to date. Submissions are never touched.

The folder says in `.course/course.json` which format it has; one that says nothing has format 0.

    1  the first with a stamp
    2  formgrader's button notes its verdicts for `course report`; own questions in `written/`
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

from grader.submission import Unusable

MARK = ".course"  # folder that makes a folder a course; holds what students must never see
FORMAT = 2
CONFIG = "nbgrader_config.py"
NOTED = '"grader.nbgrader_steps.Noted"'
SAVED = re.compile(r'^( *)"nbgrader\.preprocessors\.SaveAutoGrades",\n', re.M)


def format_of(root: Path) -> int:
    """Raises Unusable where the stamp cannot be read."""
    stamp = root / MARK / "course.json"
    if not stamp.is_file():
        return 0
    try:
        return int(json.loads(stamp.read_text())["format"])
    except (ValueError, KeyError, TypeError):
        raise Unusable(f"{stamp}: cannot be read; restore it from a copy of the folder") from None


def bring_up_to_date(root: Path) -> None:
    """Change what the format asks for, say so in one line. Raises Unusable where it cannot."""
    found = format_of(root)
    if found > FORMAT:
        raise Unusable(f"{root}: made by a newer version (format {found}); this reads {FORMAT}")
    if found == FORMAT:
        return
    _note_verdicts(root / CONFIG, found)
    (root / "written").mkdir(exist_ok=True)
    write_stamp(root)
    print(f"course: {root} brought from format {found} to {FORMAT}", file=sys.stderr)


def write_stamp(root: Path) -> None:
    _replace(root / MARK / "course.json", json.dumps({"format": FORMAT}) + "\n")


def _note_verdicts(config: Path, found: int) -> None:
    """Add the step to the configuration, which the instructor may have changed; keep a copy."""
    text = config.read_text(encoding="utf-8") if config.is_file() else ""
    if NOTED in text or "grader.nbgrader_steps.Judged" not in text:
        return  # done already, or stock nbgrader grades here
    changed, places = SAVED.subn(rf"\g<0>\g<1>{NOTED},\n", text)
    if places != 1:
        raise Unusable(f"{config}: put {NOTED} behind SaveAutoGrades, then run this again")
    shutil.copy2(config, config.with_name(f"{CONFIG}.format-{found}"))
    _replace(config, changed)


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
