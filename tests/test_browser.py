"""A new student and a new instructor, in a real JupyterLab in a real browser."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from browser import (
    LESSON,
    MENDED,
    NEEDED,
    ROOT,
    WRONG,
    OpenLesson,
    assert_readable,
    choose_dark_theme,
    diagnosis,
    jupyter_lab,
    page,
    picture,
    sync_api,
)  # fmt: skip

__all__ = ["page"]  # a fixture
pytestmark = NEEDED

# The student -------------------------------------------------------------------------------


def test_student_reads_the_named_mistake_mends_it_and_is_told_that_all_is_right(page, tmp_path):
    notebook = tmp_path / "lessons" / LESSON / f"{LESSON}.ipynb"
    shutil.copytree(ROOT / "notebooks" / LESSON, notebook.parent)
    with jupyter_lab(tmp_path / "lessons", tmp_path) as address:
        page.goto(address(f"lab/tree/{LESSON}/{LESSON}.ipynb"))
        lesson = OpenLesson(page, notebook)
        page.locator("#jp-main-statusbar", has_text="(ipykernel) | Idle").wait_for()
        picture(page, "student-1-opened")
        lesson.run(lesson.first_code_cell())
        lesson.run(lesson.cell("given-2"))

        card = lesson.try_out(WRONG)
        sync_api.expect(card).to_contain_text("forward_diffusion: not yet")
        sync_api.expect(card).to_contain_text(diagnosis())
        picture(page, "student-2-named-mistake")
        assert_readable(card)

        choose_dark_theme(page)
        card.scroll_into_view_if_needed()
        picture(page, "student-3-named-mistake-dark")
        assert_readable(card)

        card = lesson.try_out(MENDED)
        sync_api.expect(card).to_contain_text("forward_diffusion: all right")
        picture(page, "student-4-mended-dark")


# The instructor ----------------------------------------------------------------------------


def course(*arguments: str, cwd: Path) -> str:
    """What a `course` command prints; it must succeed."""
    command = [sys.executable, "-m", "course_utils.cli", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def hand_in(folder: Path, student: str) -> None:
    """The released lesson with WRONG in it, handed in."""
    place = folder / "submitted" / student / LESSON
    shutil.copytree(folder / "release" / LESSON, place)
    notebook = json.loads((place / f"{LESSON}.ipynb").read_text())
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "forward_diffusion":
            cell["source"] = WRONG
    (place / f"{LESSON}.ipynb").write_text(json.dumps(notebook))


@pytest.fixture
def class_folder(tmp_path):
    """A class with two equal submissions; the first one is graded from the command line."""
    course("init", "class", cwd=tmp_path)
    folder = tmp_path / "class"
    course("release", LESSON, cwd=folder)
    hand_in(folder, "student-1")
    course("autograde", LESSON, cwd=folder)
    hand_in(folder, "student-2")
    return folder


def test_instructor_grades_with_formgraders_button_and_reads_the_diagnosis(
    page, class_folder, tmp_path
):
    with jupyter_lab(class_folder, tmp_path) as address:
        page.goto(address("formgrader"))
        page.get_by_role("link", name=LESSON).wait_for()
        picture(page, "instructor-1-assignments")

        page.locator("td.num-submissions a").click()
        first, second = (
            page.locator("tr", has=page.get_by_text(name, exact=True))
            for name in ("student-1", "student-2")
        )
        sync_api.expect(second.locator(".status")).to_have_text("needs autograding")
        picture(page, "instructor-2-before-the-button")
        handed_in = sorted(class_folder.glob("submitted/**/*"))
        second.locator(".autograde a").click()
        page.locator(".modal-title").wait_for()
        assert sorted(class_folder.glob("submitted/**/*")) == handed_in, "submissions were touched"
        sync_api.expect(page.locator(".modal-title")).to_have_text("Success")
        picture(page, "instructor-3-button-pressed")
        page.get_by_role("button", name="OK").click()
        sync_api.expect(second.locator(".status")).to_have_text("graded")
        score = first.locator(".score").inner_text()
        assert re.fullmatch(r"[\d.]+ / [\d.]+", score)
        assert second.locator(".score").inner_text() == score

        second.locator(".student-name a").click()
        page.locator("td.name a").click()
        card = page.locator(".course-card", has_text="forward_diffusion:")
        sync_api.expect(card).to_contain_text(diagnosis())
        card.scroll_into_view_if_needed()
        picture(page, "instructor-4-diagnosis")
        assert_readable(card)
