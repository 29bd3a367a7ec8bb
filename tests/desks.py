"""What students and the instructor do in their browsers, step by step."""

import json

import attack_spying
import handin
from attack_world import World
from browser import (
    LESSON,
    MENDED,
    WRONG,
    OpenLesson,
    assert_readable,
    diagnosis,
    picture,
    sync_api,
)  # fmt: skip

SECOND = "cosine_beta_schedule"  # the exercise that student-1 leaves wrong
ANSWER = "I forgot the root. The pictures did not fade into noise."
expect = sync_api.expect

# What students do ----------------------------------------------------------------------------


def open_assignments(page) -> None:
    page.get_by_role("menuitem", name="Nbgrader").click()
    page.locator(".lm-Menu-item", has_text="Assignment List").click()


def fetch(page) -> None:
    open_assignments(page)
    released = page.locator("#released_assignments_list")
    expect(released).to_contain_text(LESSON)
    released.get_by_role("button", name="Fetch").click()
    page.locator("#fetched_assignments_list .assignment-notebooks-link").click()


def submit(page) -> None:
    page.locator(".lm-TabBar-tab", has_text="Assignments").click()
    page.locator("#fetched_assignments_list").get_by_role("button", name="Submit").click()
    expect(page.locator("#submitted_assignments_list")).to_contain_text("UTC")


def solve(page, notebook) -> None:
    """A mistake that the card names, its repair, a second mistake, an answer in words."""
    page.locator("#fetched_assignments_list .nested_list_item a").click()
    page.locator("#jp-main-statusbar", has_text="(ipykernel) | Idle").wait_for()
    lesson = OpenLesson(page, notebook)
    lesson.run(lesson.first_code_cell())
    lesson.run(lesson.cell("given-2"))
    card = lesson.try_out(WRONG)
    expect(card).to_contain_text(diagnosis())
    picture(page, "class-2-named-mistake")
    card = lesson.try_out(MENDED)
    expect(card).to_contain_text("forward_diffusion: all right")
    picture(page, "class-3-mended")
    lesson.write(lesson.cell(SECOND), handin.with_mistake(SECOND))
    answer = lesson.cell("written_surprise")
    answer.scroll_into_view_if_needed()
    answer.dblclick()
    lesson.write(answer, ANSWER)


def validate(page) -> None:
    """nbgrader's own button saves, then names what does not pass yet, and only that."""
    page.get_by_role("button", name="Validate", exact=True).click()
    told = page.locator(".jp-Dialog", has_text="Validation Results")
    expect(told).to_contain_text(f"{SECOND} does not pass its check")
    expect(told).not_to_contain_text("forward_diffusion does not pass")
    picture(page, "class-4-validated")
    told.locator(".jp-mod-accept").click()


def put_attack(school) -> None:
    """An attack from the corpus, in the place of the lesson that student-2 has fetched."""
    world = World(*[school.data / "home" / "instructor" / "class" / ".course" / "secret"] * 3, 1, 1)
    notebook = attack_spying.ATTACKS[0].build(world)
    path = school.data / "home" / "student-2" / LESSON / f"{LESSON}.ipynb"
    path.write_text(json.dumps(notebook))  # keeps its owner


# What the instructor does --------------------------------------------------------------------


def press(page, button) -> None:
    """A button of formgrader that answers with a message."""
    button.click()
    expect(page.locator(".modal-title")).to_have_text("Success")
    page.locator(".modal").get_by_role("button", name="OK").click()
    expect(page.locator(".modal-backdrop")).to_have_count(0)


def collect_and_grade(page, school) -> None:
    page.goto(school.address("user/instructor/formgrader"))
    press(page, page.locator("td.collect a"))
    picture(page, "class-5-collected")
    page.locator("td.num-submissions a").click()
    for student in ("student-1", "student-2"):
        row = page.locator("tr", has=page.get_by_text(student, exact=True))
        expect(row.locator(".status")).to_have_text("needs autograding")
        press(page, row.locator(".autograde a"))
    first, second = (
        page.locator("tr", has=page.get_by_text(s, exact=True)) for s in ("student-1", "student-2")
    )
    expect(first.locator(".status")).to_have_text("needs manual grading")
    expect(second.locator(".status")).to_have_text("graded")
    picture(page, "class-6-graded")


def read_diagnosis_and_give_points(page, points: str) -> None:
    row = page.locator("tr", has=page.get_by_text("student-1", exact=True))
    row.locator(".student-name a").click()
    page.locator("td.name a").click()
    card = page.locator(".course-card", has_text=f"{SECOND}:")
    assert_readable(card)
    card.scroll_into_view_if_needed()
    picture(page, "class-7-diagnosis")
    expect(page.locator(".panel", has_text=ANSWER).last).to_be_visible()
    score = page.locator("input#written_surprise")
    with page.expect_response(lambda r: "/api/grade/" in r.url and r.request.method == "PUT"):
        score.fill(points)
        score.press("Tab")
    picture(page, "class-8-points-by-hand")


def release_feedback(page, school) -> None:
    page.goto(school.address("user/instructor/formgrader"))
    press(page, page.locator("td.generate-feedback a"))
    press(page, page.locator("td.release-feedback a"))


def open_page(page, name: str):
    """Open an HTML file from JupyterLab's list of files; what it shows."""
    page.locator(".jp-DirListing-item", has_text=name).dblclick()
    return page.frame_locator(".jp-HTMLViewer iframe, .jp-IFrame iframe").locator("body")


def open_report(page, school):
    page.goto(school.address("user/instructor/lab"))
    page.locator(".jp-LauncherCard", has_text="Terminal").click()
    page.locator(".jp-Terminal").click()
    page.keyboard.type(f"course report {LESSON}\n")
    return open_page(page, f"{LESSON}-report.html")
