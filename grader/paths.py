"""Where things are in a checkout of the course."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOLUTIONS = ROOT / "solutions"
NOTEBOOKS = ROOT / "notebooks"
ALTERNATIVES = ROOT / "grader" / "alternatives"
ANSWERS = ROOT / "course_utils" / "exercises" / "answers"
