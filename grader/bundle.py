"""`course bundle`: what students get, and nothing else, as one zip file."""

from __future__ import annotations

import zipfile
from pathlib import Path

from grader.exam.build import SHIPPED
from grader.paths import ROOT

FILES = ("Makefile", "scripts/setup.sh", "environment.yml", "pyproject.toml", "requirements.lock")
FOLDERS = ("notebooks", "course_utils")
LEFT_OUT = ("__pycache__", ".ipynb_checkpoints", "practice")
TOP = "diffusion-course"


def bundle(target: Path, exams: bool = False) -> list[str]:
    """Write the zip file; returns the names of the files in it.

    exams: with the mock exams. They show parts of the solutions: what an exam does not ask for is
    given, and a bug hunt is a reference with one mistake.
    """
    left_out = set(LEFT_OUT) | (set() if exams else set(SHIPPED))
    names = sorted([*FILES, *_in_folders(left_out)])
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(ROOT / name, f"{TOP}/{name}")
        archive.write(ROOT / "docs" / "student.md", f"{TOP}/README.md")
    return [*names, "README.md"]


def _in_folders(left_out: set[str]) -> list[str]:
    paths = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    return [
        path.relative_to(ROOT).as_posix()
        for path in paths
        if path.is_file() and not left_out.intersection(path.parts)
    ]
