"""What README and docs tell people to type is typed here, or by the test that is named here."""

import subprocess
import sys
from pathlib import Path

import handin
import pytest
from handin import LESSON
from test_docs import PAGES, ROOT, blocks
from tree import copy_tree, environment

CI = ".ci/run"  # is run as a whole for every change
ELSEWHERE = {
    "make lab": "tests/test_setup.py",
    "make test": CI,
    "make classroom": "tests/test_classroom.py",
    "make site": "tests/test_site.py",
    "course build": "tests/test_docs_commands.py",
    "course verify": CI,
    "course exam": "tests/test_docs_commands.py",
    "course hunt": "tests/test_docs_commands.py",
    "course drill": "tests/test_docs_commands.py",
    "course progress": "tests/test_docs_commands.py",
    "jupyter lab": "tests/test_browser.py",
    "dask": "tests/test_cluster.py",
    "course autograde 04_ddpm --scheduler": "tests/test_cluster.py",
    "CUDA_VISIBLE_DEVICES=": "tests/test_cluster.py",
    "sbatch": "tests/test_slurm.py",
    "squeue": "tests/test_slurm.py",
    ".venv/bin/python scripts/": "tests/test_scripts.py",  # with --quick
    "git diff": "tests/test_docs_commands.py",
    "make bench": "tests/test_docs_commands.py",
}
TYPED = (ROOT / "README.md", ROOT / "docs" / "instructor.md")
GIVEN = ("make setup", ". .venv/bin/activate")  # tests/test_setup.py; here all is set up


def lines_of(page: Path) -> list[str]:
    """The commands in a page's blocks, one by one."""
    text = [line for block in blocks(page, "") for line in block.splitlines()]
    parts = [part.split("#")[0].strip() for line in text for part in line.split("&&")]
    return [part for part in parts if part]


def is_known(command: str) -> bool:
    return any(command.startswith(known) for known in (*ELSEWHERE, *GIVEN))


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_every_command_is_typed_by_a_test(page):
    if page not in TYPED:
        unknown = [command for command in lines_of(page) if not is_known(command)]
        assert not unknown


def test_the_tests_that_are_named_exist():
    assert all((ROOT / path).is_file() for path in ELSEWHERE.values())


def script_of(page: Path, notebook: str) -> list[str]:
    """The page's own commands, in their order, but for those that other tests type."""
    commands = [command for command in lines_of(page) if not is_known(command)]
    return [command.replace("NOTEBOOK", notebook) for command in commands]


@pytest.mark.slow
@pytest.mark.parametrize("page", TYPED, ids=[page.name for page in TYPED])
def test_the_commands_of_a_page_work_in_their_order(page, tmp_path):
    prepared = tmp_path / "work"
    handin.save(handin.attempted(guided_noise=handin.with_mistake("guided_noise")), prepared)
    path = f"submitted/student-1/{LESSON}"
    hand_in = f"mkdir -p {path} && cp {prepared}/{LESSON}.ipynb {path}/"
    commands = script_of(page, f"{path}/{LESSON}.ipynb")
    assert "course init class" in commands and f"course feedback {LESSON}" in commands
    place = commands.index(f"course release {LESSON}") + 1
    script = "\n".join(["set -ex", *commands[:place], hand_in, *commands[place:]])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "class" / "feedback" / "student-1" / LESSON / f"{LESSON}.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "some parts"])
def test_the_benchmarks_print_their_rows(whole):
    """The whole with fewer simulated submissions, as the page allows."""
    every, some = [c for c in lines_of(ROOT / "docs" / "benchmarks.md") if "make bench" in c]
    command = f'{every} ARGS="--simulated 200"' if whole else some
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "| the same, isolated |" in done.stdout and "| each further worker |" in done.stdout
    assert ("| this grader, 1 worker, against stock |" in done.stdout) == whole


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a clone, not an archive")
def test_an_author_builds_verifies_and_reads_the_diff_of_a_changed_sentence(tmp_path):
    """The commands of the author's page, in their order, in a clone."""
    clone = tmp_path / "course"
    here = {"cwd": clone, "text": True, "stdout": subprocess.PIPE, "check": True}
    subprocess.run(["git", "clone", "-q", "--shared", ROOT, clone], check=True)
    subprocess.run(["git", "checkout", "-qB", "main"], **here)
    subprocess.run(["git", "checkout", "-qb", "reworded"], **here)
    lesson, notebook = (f"{LESSON}{kind}" for kind in (".py", ".ipynb"))
    text = (clone / "solutions" / lesson).read_text()
    old, new = "Make $x_t$ from $x_0$ in one jump", "Make $x_t$ from $x_0$ in a single jump"
    assert text.count(old) == 1
    (clone / "solutions" / lesson).write_text(text.replace(old, new))
    commands = lines_of(ROOT / "docs" / "author.md")
    here["env"] = environment(PYTHONPATH=str(clone))
    shown = [subprocess.run(command.split(), **here).stdout for command in commands]
    built, verified, diff, outdated = shown
    assert str(clone / "notebooks" / LESSON / notebook) in built.splitlines()
    assert verified.count(" ok ") > 10 and not outdated
    assert new in diff and f"b/solutions/{lesson}" in diff


@pytest.mark.slow
@pytest.mark.parametrize("name", ["exam.md", "student.md"])
def test_what_someone_types_who_learns_alone_works_in_its_order(name, tmp_path):
    """Every drill is answered with its first choice."""
    commands = [c for c in lines_of(ROOT / "docs" / name) if c.startswith("course")]
    done = subprocess.run(
        ["bash", "-c", "\n".join(["set -ex", *commands])],
        cwd=(folder := copy_tree(tmp_path / "course")),
        env=environment(PYTHONPATH=str(folder)),
        input="a\n" * 200,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert [c for c in commands if f"+ {c}\n" not in done.stderr] == []


# Late work, as the instructor's page shows it --------------------------------------------------


def late_rules() -> tuple[str, str, str]:
    """(nbgrader's own rule, the file of an own rule, the lines that name it)"""
    return tuple(blocks(ROOT / "docs" / "instructor.md", "python"))


@pytest.mark.slow
@pytest.mark.parametrize("own", [False, True], ids=["nbgraders rule", "own rule"])
def test_late_work_costs_what_the_page_says(own, course, canned):
    from classroom import Counting, grade

    stock, plugin, named = late_rules()
    with course.api.gradebook as gradebook:
        gradebook.update_or_create_assignment(LESSON, duedate="2027-01-15 18:00:00 UTC")
    stamp = course.submission(LESSON, "student-1").parent / "timestamp.txt"
    stamp.write_text("2027-01-16 19:00:00.000000 UTC")  # the second day has begun
    (course.root / "late.py").write_text(plugin)
    config = course.root / "nbgrader_config.py"
    config.write_text(config.read_text() + (named if own else stock))
    worked = course.root
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(worked)
        patch.syspath_prepend(str(worked))
        del course.__dict__["api"]
        grade(course, Counting(canned))
        with course.api.gradebook as gradebook:
            found = gradebook.find_submission(LESSON, "student-1")
            score, penalty = found.score, found.late_submission_penalty
    sys.modules.pop("late", None)
    assert penalty == pytest.approx(0.2 * score if own else score) and score > 0


# An exercise in under 40 lines -----------------------------------------------------------------


def test_the_walked_through_exercise_takes_less_than_40_lines():
    page = ROOT / "docs" / "author.md"
    reference, probe, misconceptions, _ = blocks(page, "python")
    parts = [reference, probe, misconceptions, *blocks(page, "toml")]
    written = [line for part in parts for line in part.splitlines() if line.strip()]
    assert len(written) < 40


def test_the_written_question_of_the_page_can_be_used(tmp_path):
    from grader.written import read_questions

    path = tmp_path / "questions.toml"
    (question,) = blocks(ROOT / "docs" / "instructor.md", "toml")
    path.write_text(question)
    assert read_questions(path)["why_noise"]["points"] == 4
