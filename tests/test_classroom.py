"""A class on JupyterHub, driven in a real browser from the release of a lesson to its feedback.

The steps of the story build on each other, so they are one test. What students must not reach is
tried afterwards, on the same running class.
"""

import os
import shutil
import subprocess
import sys

import handin
import hub
import psutil
import pytest
from browser import CHROMIUM, LESSON, NEEDED, OFFLINE, ROOT, listens, picture, sync_api
from desks import (
    SECOND,
    collect_and_grade,
    fetch,
    open_assignments,
    open_page,
    open_report,
    put_attack,
    read_diagnosis_and_give_points,
    release_feedback,
    solve,
    submit,
    validate,
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
expect = sync_api.expect


@pytest.fixture(scope="module")
def school():
    """The running class."""
    made = subprocess.run(["make", "build/proxy/node_modules/.bin/configurable-http-proxy"],
                          cwd=ROOT, capture_output=True, text=True)  # fmt: skip
    if made.returncode:
        pytest.skip(f"the proxy could not be installed: {made.stderr.strip()[-300:]}")
    with hub.running(LESSON) as school:
        yield school


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=OFFLINE)
        yield chromium
        chromium.close()


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
