"""A copy of the repository's files, for commands that write into it."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEFT_OUT = (".git", ".venv", ".progress", "build", "__pycache__")


def copy_tree(folder: Path) -> Path:
    """Copy what a clone has, and what was edited, into a new folder; returns the folder."""
    return Path(shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT)))
