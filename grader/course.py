"""An nbgrader course folder: where it is, its secret, and the steps that an instructor takes."""

from __future__ import annotations

import os
import secrets
import sys
from functools import cached_property
from importlib import resources
from pathlib import Path

from nbgrader.utils import parse_utc
from traitlets.config import PyFileConfigLoader

from course_utils.engine.exercise import is_exam, load_lesson
from grader import upgrade
from grader.build import answers_module, module_name
from grader.exam.build import exam_data
from grader.notebook import build_notebook, notebook_text
from grader.submission import Unusable
from grader.upgrade import MARK
from grader.written import add_questions

FOLDERS = ("source", "release", "submitted", "autograded", "feedback", "written")


class Course:
    """A course folder, brought up to date. Raises Unusable where there is none, or it is newer."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        if not (self.root / MARK / "secret").is_file():
            raise Unusable(f"{root}: not a course folder; make one with `course init {root}`")
        upgrade.bring_up_to_date(self.root)

    @classmethod
    def above(cls, path: Path) -> Course:
        """The course folder that `path` is in."""
        path = path.resolve()
        for folder in (path, *path.parents):
            if (folder / MARK).is_dir():
                return cls(folder)
        raise Unusable(f"{path}: not inside a course folder; make one with `course init DIR`")

    @classmethod
    def create(cls, root: Path) -> Course:
        """Lay out a new course folder. Nothing that exists is touched."""
        if (root / MARK).exists():
            raise Unusable(f"{root}: is a course folder already; nothing was changed")
        if root.exists() and any(root.iterdir()):
            raise Unusable(f"{root}: not empty; name a folder that does not exist yet")
        for name in (*FOLDERS, MARK):
            (root / name).mkdir(parents=True)
        (root / MARK).chmod(0o700)
        secret = root / MARK / "secret"
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_hex(32))
        upgrade.write_stamp(root)
        template = resources.files("grader") / "templates" / "nbgrader_config.py.template"
        (root / "nbgrader_config.py").write_text(template.read_text())
        course = cls(root)
        course.api.gradebook.close()  # opening it creates gradebook.db
        return course

    @property
    def secret(self) -> str:
        """What the hidden cases grow from."""
        return (self.root / MARK / "secret").read_text().strip()

    @cached_property
    def api(self):
        """nbgrader's own Python interface to this folder, with the folder's configuration."""
        from nbgrader.apps import NbGraderAPI

        # nbgrader starts `alembic` by name; it stands beside this interpreter.
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        config = PyFileConfigLoader("nbgrader_config.py", path=str(self.root)).load_config()
        config.CourseDirectory.root = str(self.root)
        return NbGraderAPI(config=config)

    def release(self, lesson: str) -> Path:
        """Write the source notebook and let nbgrader make the release version of it."""
        folder = self.root / "source" / lesson
        folder.mkdir(exist_ok=True)
        notebook = build_notebook(lesson, "source")
        add_questions(notebook, self.root / "written" / f"{lesson}.toml")
        (folder / f"{lesson}.ipynb").write_text(notebook_text(notebook), encoding="utf-8")
        for earlier in load_lesson(lesson).builds_on:
            text = answers_module(earlier)
            (folder / f"{module_name(earlier)}.py").write_text(text, encoding="utf-8")
        if is_exam(lesson):
            (folder / f"{lesson}.safetensors").write_bytes(exam_data(lesson))
        _expect_success(self.api.generate_assignment(lesson, force=True), f"releasing {lesson}")
        return self.root / "release" / lesson

    def submission(self, lesson: str, student: str) -> Path:
        """The notebook that was handed in. A link might lead to somebody else's work."""
        path = self.root / "submitted" / student / lesson / f"{lesson}.ipynb"
        if any(part.is_symlink() for part in (path, path.parent, path.parent.parent)):
            raise Unusable(f"{path}: is or lies behind a link; ask for the file itself")
        return path

    @staticmethod
    def is_timestamp(path: Path) -> bool:
        """Whether a `timestamp.txt` holds a point in time and nothing else."""
        if path.is_symlink() or not path.is_file() or path.stat().st_size > 100:
            return False
        try:
            return bool(parse_utc(path.read_text().strip()))
        except (ValueError, OverflowError):
            return False

    @staticmethod
    def is_submission_secret(path: Path) -> bool:
        """Whether a file is what nbgrader writes to find the feedback of a submission."""
        if path.is_symlink() or not path.is_file() or path.stat().st_size > 200:
            return False
        return path.read_bytes().isalnum()

    def exchange_files(self, folder: Path) -> list[Path]:
        """nbgrader's own files in a folder that was handed in, if they are what they should be."""
        stamp, secret = folder / "timestamp.txt", folder / "submission_secret.txt"
        found = [stamp] if self.is_timestamp(stamp) else []
        return found + ([secret] if self.is_submission_secret(secret) else [])

    def journal(self, lesson: str) -> Path:
        """Where `course autograde` notes what it has graded."""
        return self.root / MARK / f"{lesson}.journal.jsonl"

    def students(self, lesson: str) -> list[str]:
        """Who handed in this lesson."""
        if not (self.root / "release" / lesson).is_dir():
            raise Unusable(f"{lesson} was not released yet; run `course release {lesson}` first")
        found = sorted(p.parent.name for p in (self.root / "submitted").glob(f"*/{lesson}"))
        if not found:
            raise Unusable(f"no submission in {self.root / 'submitted'}/<student>/{lesson}")
        return found

    def feedback(self, lesson: str) -> Path:
        """Write the pages that students read."""
        _expect_success(self.api.generate_feedback(lesson, force=True), f"feedback for {lesson}")
        return self.root / "feedback"


def _expect_success(result: dict, doing: str) -> None:
    if not result["success"]:
        raise Unusable(f"{doing} failed: {_reason(result)}")


def _reason(result: dict) -> str:
    """The last telling line of what nbgrader logged."""
    lines = (result.get("log", "") + "\n" + result.get("error", "")).strip().split("\n")
    telling = [line for line in lines if "Unusable" in line or "ERROR" in line] or lines
    return telling[-1].split("Unusable: ")[-1].strip()
