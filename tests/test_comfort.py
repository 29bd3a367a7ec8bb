"""A lesson as a person meets it in JupyterLab: contents, windows, keyboard, figures, dark."""

import re
import shutil

import pytest
from browser import (
    NEEDED,
    ROOT,
    OpenLesson,
    assert_readable,
    choose_dark_theme,
    jupyter_lab,
    page,
    picture,
    sync_api,
)  # fmt: skip

__all__ = ["page"]  # a fixture
pytestmark = NEEDED
LESSON = "01_pytorch"
SIZES = {"wide": (1300, 850), "small": (800, 600)}
expect = sync_api.expect
CRISP = "i => [i.naturalWidth, i.getBoundingClientRect().width, i.alt.length]"


@pytest.fixture
def lesson(page, tmp_path):
    """The lesson, open, in a kernel that is idle."""
    notebook = tmp_path / "lessons" / LESSON / f"{LESSON}.ipynb"
    shutil.copytree(ROOT / "notebooks" / LESSON, notebook.parent)
    with jupyter_lab(tmp_path / "lessons", tmp_path) as address:
        page.goto(address(f"lab/tree/{LESSON}/{LESSON}.ipynb"))
        page.locator("#jp-main-statusbar", has_text="Idle").wait_for()
        yield OpenLesson(page, notebook, LESSON)


def heading(page, text: str):
    return page.locator(".jp-Notebook h2", has_text=text).first


def test_a_lesson_opens_with_its_contents_and_leads_to_every_part(lesson, page):
    contents = lesson.cell("contents")
    titles = contents.locator("a[href^='#']").all_inner_texts()
    assert len(titles) >= 5 and len(titles) == contents.locator("li").count()
    for title, (name, (width, height)) in zip(titles[1:], SIZES.items(), strict=False):
        page.set_viewport_size({"width": width, "height": height})
        link = contents.get_by_role("link", name=title, exact=True)
        link.scroll_into_view_if_needed()
        picture(page, f"comfort-{name}-contents")
        link.click()
        expect(heading(page, title)).to_be_in_viewport()
        picture(page, f"comfort-{name}-part")
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, "the window scrolls sideways"


def test_an_exercise_folds_under_its_heading(lesson, page):
    text, code = lesson.cell("polynomial_grad-text"), lesson.cell("polynomial_grad")
    code.scroll_into_view_if_needed()
    expect(code.locator(".cm-content")).to_be_visible()
    text.click()
    text.locator(".jp-collapseHeadingButton").click()
    expect(code).to_be_hidden()
    expect(lesson.cell("test_polynomial_grad")).to_be_hidden()
    picture(page, "comfort-folded")
    text.locator(".jp-collapseHeadingButton").click()
    expect(code.locator(".cm-content")).to_be_visible()


def test_a_lesson_can_be_worked_through_with_the_keyboard_alone(lesson, page):
    lesson.cell("welcome").wait_for()
    for _ in range(3):  # the welcome, the contents, the first code cell
        page.keyboard.press("Shift+Enter")
    expect(lesson.first_code_cell().locator(".jp-InputPrompt")).to_have_text("[1]:")
    exercise = lesson.ids.index("01-pytorch-polynomial-grad")
    for _ in range(exercise - 3):
        page.keyboard.press("ArrowDown")
    expect(lesson.cell("polynomial_grad")).to_have_class(re.compile("jp-mod-active"))
    page.keyboard.press("Enter")
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("def polynomial_grad(x):\n    return 2 * x + 3")
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    card = lesson.cell("test_polynomial_grad").locator(".course-card")
    expect(card).to_contain_text("polynomial_grad")
    picture(page, "comfort-keyboard")


def test_figures_are_crisp_and_have_words_and_the_dark_theme_is_readable(lesson, page):
    lesson.run(lesson.first_code_cell())
    lesson.run(lesson.cell("tools"))
    figure = lesson.cell("figure-memory")
    lesson.run(figure)
    lesson.run(lesson.cell("polynomial_grad"))
    lesson.run(lesson.cell("test_polynomial_grad"))
    image = figure.locator("img")
    image.scroll_into_view_if_needed()
    dots, width, words = image.evaluate(CRISP)
    assert dots >= 1.9 * width and words > 20
    for name, (wide, high) in SIZES.items():
        page.set_viewport_size({"width": wide, "height": high})
        image.scroll_into_view_if_needed()
        picture(page, f"comfort-{name}-figure")
    choose_dark_theme(page)
    image.scroll_into_view_if_needed()
    picture(page, "comfort-dark-figure")
    card = lesson.cell("test_polynomial_grad").locator(".course-card")
    card.scroll_into_view_if_needed()
    picture(page, "comfort-dark-card")
    assert_readable(card)


def test_a_long_cell_shows_how_far_it_is_and_how_long_it_will_take(lesson, page):
    cell = lesson.cell("polynomial_grad")
    lesson.write(cell, "from course_utils.training import run_steps\nrun_steps(lambda: 0.5, 40);")
    lesson.run(cell)
    expect(cell.locator(".jp-OutputArea")).to_contain_text(re.compile(r"40/40\s*\[\d+:\d+<\d+:\d+"))
    expect(page.get_by_text("Jupyter news")).to_have_count(0)  # nobody is asked about it
    picture(page, "comfort-progress")
