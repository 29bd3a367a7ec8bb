"""A class on JupyterHub, driven in a real browser from the release of a lesson to its feedback.

The steps of the story build on each other, so they are one test. What students must not reach is
tried afterwards, on the same running class.
"""

import json
import os
import shutil
import subprocess
import sys

import attack_spying
import handin
import hub
import psutil
import pytest
from attack_world import World
from browser import (
    CHROMIUM,
    LESSON,
    MENDED,
    NEEDED,
    OFFLINE,
    ROOT,
    WRONG,
    OpenLesson,
    assert_readable,
    diagnosis,
    listens,
    picture,
    sync_api,
)  # fmt: skip

from grader.course import Course
from grader.hub.classroom import FIRST_UID, PEOPLE, Classroom

pytestmark = [
    *NEEDED,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root gives each person an own user"),
    pytest.mark.skipif(
        bool(subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode),
        reason="this system lets nobody make mount namespaces",
    ),
    pytest.mark.skipif(not shutil.which("npm"), reason="npm, which brings the proxy, is missing"),
]
SECOND = "cosine_beta_schedule"  # the exercise that student-1 leaves wrong
ANSWER = "I forgot the root. The pictures did not fade into noise."
expect = sync_api.expect


@pytest.fixture(scope="module")
def school():
    """The running class."""
    made = subprocess.run(["make", "build/proxy/node_modules/.bin/configurable-http-proxy"],
                          cwd=ROOT, capture_output=True, text=True)  # fmt: skip
    assert made.returncode == 0, made.stderr
    with hub.running(LESSON) as school:
        yield school


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=OFFLINE)
        yield chromium
        chromium.close()


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


# The story -----------------------------------------------------------------------------------


def points_of(school, student: str) -> dict[str, float]:
    with Course(school.data / "home" / "instructor" / "class").api.gradebook as gradebook:
        notebook = gradebook.find_submission_notebook(LESSON, LESSON, student)
        return {grade.name: grade.score for grade in notebook.grades}


def test_a_lesson_goes_from_its_release_to_the_feedback_that_a_student_reads(school, chromium):
    with hub.logged_in(chromium, school, "student-1") as page:
        fetch(page)
        picture(page, "class-1-fetched")
        solve(page, school.data / "home" / "student-1" / LESSON / f"{LESSON}.ipynb")
        validate(page)
        submit(page)
    with hub.logged_in(chromium, school, "student-2") as page:
        fetch(page)
        put_attack(school)
        submit(page)
    with hub.logged_in(chromium, school, "instructor") as page:
        collect_and_grade(page, school)
        read_diagnosis_and_give_points(page, "3")
        release_feedback(page, school)
        expect(open_report(page, school)).to_contain_text("2 submissions graded")
        picture(page, "class-9-report")
    with hub.logged_in(chromium, school, "student-1") as page:
        open_assignments(page)
        submitted = page.locator("#submitted_assignments_list")
        submitted.get_by_role("button", name="Fetch Feedback").click()
        page.get_by_text("(view feedback)").click()
        feedback = open_page(page, f"{LESSON}.html")
        expect(feedback).to_contain_text("Score: 11.8 / 108")
        expect(feedback).to_contain_text(handin.message_of(SECOND))
        picture(page, "class-10-feedback")
    attacked = points_of(school, "student-2")
    for_its_form = 0.2 * handin.EXERCISES["forward_diffusion"].points  # as without the attack
    assert attacked["test_forward_diffusion"] <= for_its_form
    assert attacked["test_guided_noise"] == handin.EXERCISES["guided_noise"].points


# What students must not reach ----------------------------------------------------------------


@pytest.fixture(scope="module")
def student(school, chromium):
    """student-2's browser."""
    with hub.logged_in(chromium, school, "student-2") as page:
        yield page


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("user/student-2/formgrader", 404),
        ("user/student-2/formgrader/api/assignments", 404),
        ("user/instructor/formgrader", 403),
        ("user/instructor/api/contents", 403),
        ("user/student-1/api/contents", 403),
        ("user/student-1/files/04_ddpm/04_ddpm.ipynb", 403),
        ("hub/admin", 403),
        ("hub/api/users", 403),
    ],
)
def test_a_student_cannot_open(school, student, path, status):
    assert student.request.get(school.address(path)).status == status


@pytest.mark.parametrize("place", ["instructor/class", "student-1", "../hub/passwords.json"])
def test_a_students_programs_cannot_read(school, place):
    path = school.data / "home" / place
    assert path.exists()
    done = as_person(school, "student-2", "cat" if path.is_file() else "ls", str(path))
    assert done.returncode != 0 and "Permission denied" in done.stderr and not done.stdout


@pytest.mark.parametrize("place", ["solutions", "grader", "tests", ".git", "build/screenshots"])
def test_a_student_sees_nothing_of_the_authors_folders(school, place):
    assert (ROOT / place).exists()
    done = as_person(school, "student-2", "ls", str(ROOT / place))
    assert done.returncode != 0 and "No such file" in done.stderr


def test_a_student_cannot_list_what_others_handed_in(school):
    inbound = school.data / "exchange" / "diffusion" / "inbound"
    done = as_person(school, "student-2", "ls", str(inbound))
    assert done.returncode != 0 and not done.stdout


def as_person(school, name: str, *command: str) -> subprocess.CompletedProcess:
    """A command through the door by which the hub starts a person's server."""
    environment = os.environ | Classroom(school.data).environment()
    inside = psutil.Process(school.process.pid).children()[0].pid
    enter = ["nsenter", f"--target={inside}", "--mount", "--pid"]
    enter += [sys.executable, "-m", "grader.hub.enter", name, *command]
    return subprocess.run(enter, env=environment, cwd=ROOT, capture_output=True, text=True)


def test_a_server_runs_as_its_person_who_cannot_become_anybody_else(school, student):
    servers = {}
    for process in psutil.Process(school.process.pid).children(recursive=True):
        if process.cmdline()[1:3] == ["-m", "jupyterhub.singleuser"]:
            uids = set(process.uids())
            servers[process.environ()["JUPYTERHUB_USER"]] = uids
    assert servers["student-2"] == {FIRST_UID + PEOPLE.index("student-2")}
    assert all(servers[n] == {FIRST_UID + PEOPLE.index(n)} for n in servers)
    told = as_person(school, "student-2", "grep", "NoNewPrivs", "/proc/self/status").stdout
    assert told.split() == ["NoNewPrivs:", "1"]


def test_work_under_another_ones_name_is_not_collected_and_does_not_hide_the_real_one(school):
    inbound = school.data / "exchange" / "diffusion" / "inbound"
    forged, real = (f"{student}+{LESSON}+{year}-01-01 00:00:00.0 UTC+x" for student, year in
                    (("student-3", 2099), ("student-3", 2098)))  # fmt: skip
    for thief, folder in (("student-2", forged), ("student-3", real)):
        words = f"mkdir '{inbound / folder}'; echo {thief} > '{inbound / folder}/by.txt'"
        assert as_person(school, thief, "sh", "-c", words).returncode == 0
    told = as_person(school, "instructor", "nbgrader", "collect", LESSON)
    assert told.returncode == 0, told.stderr
    kept = school.data / "home" / "instructor" / "class" / "submitted" / "student-3" / LESSON
    assert (kept / "by.txt").read_text() == "student-3\n"


def test_ctrl_c_ends_everything(school):
    begun = psutil.Process(school.process.pid).children(recursive=True)
    assert len(begun) > 3 and listens(school.port)
    school.stop()
    assert not [p for p in begun if p.is_running()] and not listens(school.port)
