"""What a learner has done, as lines of one local file. It is never sent anywhere.

Every check, hint, drill and exam adds one line; everything that is shown is read back from them.
The file is `.progress/progress.jsonl` in the course's folder. The environment variable
COURSE_PROGRESS names another one; "off" keeps nothing.
"""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UTC = timezone.utc


def path() -> Path | None:
    """The file; None where nothing is to be kept."""
    named = os.environ.get("COURSE_PROGRESS", "")
    if named == "off" or "NBGRADER_EXECUTION" in os.environ:
        return None
    if named:
        return Path(named)
    home = ROOT if (ROOT / "pyproject.toml").is_file() else Path.home()
    return home / ".progress" / "progress.jsonl"


def now() -> datetime:
    return datetime.now(UTC)


def note(what: str, **facts: object) -> None:
    """Add a line. A file that cannot be written is no reason to stop a lesson."""
    file = path()
    if file is None:
        return
    line = json.dumps({"what": what, "at": now().isoformat(timespec="milliseconds")} | facts)
    try:
        _append(file, line.encode() + b"\n")
    except OSError as error:
        print(f"progress: {file} cannot be written ({error.strerror}); your work is not affected")


def _append(file: Path, line: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        print(f"progress: kept from now on in {file}, and nowhere else")
    with file.open("ab+") as lines:
        if lines.tell() > 0:
            lines.seek(-1, os.SEEK_END)
            line = line if lines.read(1) == b"\n" else b"\n" + line  # the last one was cut short
        lines.write(line)


def events(*kinds: str) -> list[dict]:
    """All lines, or those of some kinds, from the oldest on. Damaged lines are taken out."""
    file = path()
    if file is None or not file.is_file():
        return []
    lines = file.read_bytes().splitlines()
    found = [event for event in map(_event, lines) if event]
    if len(found) < len(lines):
        _rebuild(file, found, len(lines) - len(found))
    return [event for event in found if not kinds or event["what"] in kinds]


def _event(line: bytes) -> dict | None:
    try:
        event = json.loads(line)
        datetime.fromisoformat(event["at"])
        return event if isinstance(event["what"], str) else None
    except (ValueError, TypeError, KeyError):
        return None


def _rebuild(file: Path, good: list[dict], lost: int) -> None:
    text = "".join(json.dumps(event) + "\n" for event in good)
    fresh = file.with_suffix(".new")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(file)
    except OSError:
        return
    print(f"progress: {lost} damaged lines were taken out of {file}; {len(good)} are kept")


def moment(event: dict) -> datetime:
    """When it happened."""
    found = datetime.fromisoformat(event["at"])
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def export(target: Path) -> int:
    """Write all lines as one JSON list; returns how many there are."""
    found = events()
    target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return len(found)


def delete() -> bool:
    """Delete the file; False where there is none."""
    file = path()
    if file is None or not file.is_file():
        return False
    file.unlink()
    if file.parent.name == ".progress":
        shutil.rmtree(file.parent, ignore_errors=True)
    return True
