"""`course bundle`: what students get, and nothing else, as one zip file."""

from __future__ import annotations

import zipfile
from pathlib import Path

from grader.paths import ROOT

FILES = ("Makefile", "scripts/setup.sh", "environment.yml", "pyproject.toml", "requirements.lock")
FOLDERS = ("notebooks", "course_utils")
LEFT_OUT = ("__pycache__", ".ipynb_checkpoints")
TOP = "diffusion-course"


def bundle(target: Path) -> list[str]:
    """Write the zip file; returns the names of the files in it."""
    names = sorted([*FILES, *_in_folders()])
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(ROOT / name, f"{TOP}/{name}")
        archive.write(ROOT / "docs" / "student.md", f"{TOP}/README.md")
    return [*names, "README.md"]


def _in_folders() -> list[str]:
    paths = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    return [
        path.relative_to(ROOT).as_posix()
        for path in paths
        if path.is_file() and not set(LEFT_OUT).intersection(path.parts)
    ]
