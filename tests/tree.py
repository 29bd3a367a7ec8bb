"""A copy of the repository's files, for commands that write into it, and what these need."""

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEFT_OUT = (".git", ".venv", ".progress", "build", "__pycache__")


def copy_tree(folder: Path) -> Path:
    """Copy what a clone has, and what was edited, into a new folder; returns the folder."""
    return Path(shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT)))


def environment(**changed: str) -> dict[str, str]:
    """In which `course` and its like are found, as after `. .venv/bin/activate`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path} | changed
