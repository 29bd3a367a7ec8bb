"""README and docs: what they tell people to type exists, what they count is true."""

import contextlib
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.cli import main
from course_utils.engine.exercise import lesson_ids, load_lesson
from grader import quiz
from grader.misconceptions import load_edits
from grader.verify import load_alternatives

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def names(paths):
    return [path.name for path in paths]


def blocks(page: Path, *languages: str) -> list[str]:
    """Code blocks of the page in one of these languages ("" where none is given)."""
    return [text for language, text in FENCE.findall(page.read_text()) if language in languages]


def typed(page: Path) -> list[list[str]]:
    """Every command that the page shows, in a block or between backticks, as words."""
    shown = blocks(page, "")
    shown += re.findall(r"`([^`\n]+)`", FENCE.sub("", page.read_text()))
    lines = [line for text in shown for line in text.splitlines()]
    parts = (part.split() for line in lines for part in re.split(r"&&|;", line))
    return [words for words in parts if words]


def help_of(*words: str) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0, words
    return said.getvalue()


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_course_command_and_option_exists(page):
    for program, *words in typed(page):
        if program != "course" or not words or words[0].startswith("-"):
            continue
        described = help_of(words[0])
        for option in (word for word in words if word.startswith("--")):
            assert option in described, f"course {words[0]} has no {option}"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_make_target_exists(page):
    for program, *words in typed(page):
        for target in words[:1] if program == "make" else []:
            done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_script_that_is_run_exists_and_has_the_options(page):
    for words in typed(page):
        for script in (word for word in words[:2] if word.startswith("scripts/")):
            text = (ROOT / script).read_text()
            assert all(f'"{word}"' in text for word in words if word.startswith("--")), words


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_link_to_a_file_resolves(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_file_and_folder_that_is_named_exists(page):
    ours = r"(?:notebooks|course_utils|solutions|grader|tests|docs|scripts)"
    for path in re.findall(rf"`({ours}/[\w./]*)`", page.read_text()):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_no_path_of_one_machine_is_shown(page):
    assert not re.search(r"(?<![\w.])/(home|root|tmp|work|Users|mnt|opt)/", page.read_text())


def row_of(lesson: str) -> str:
    """The README's table row of a lesson, counted from the tree."""
    every = load_lesson(lesson).exercises.values()
    count = {kind: sum(e.kind == kind for e in every) for kind in ("code", "hunt")}
    edits = sum(map(len, load_edits(lesson).values()))
    known = load_alternatives(lesson)
    others = sum(len(known.get(e.id, [])) for e in every if e.kind == "code")
    points = sum(e.points for e in every)
    cells = [f"`{lesson}` {load_lesson(lesson).title}", count["code"], count["hunt"]]
    cells += [len(quiz.load(lesson)), edits, others, f"{points:g}"]
    return "| " + " | ".join(map(str, cells)) + " |"


def test_readme_counts_each_lesson_as_the_tree_has_it():
    shown = (ROOT / "README.md").read_text().splitlines()
    missing = [row for row in map(row_of, lesson_ids()) if row not in shown]
    assert not missing, "rows that belong into README.md:\n" + "\n".join(missing)


# The author's walk-through -----------------------------------------------------------------

PROVE = """
from course_utils.engine.exercise import load_lesson
from grader.build import build_lesson
from grader.verify import SECRET_SEEDS, load_alternatives, verify_exercise

build_lesson("04_ddpm")
e = load_lesson("04_ddpm")["signal_to_noise"]
others = load_alternatives("04_ddpm")[e.id]
row = verify_exercise("04_ddpm", e, others, SECRET_SEEDS)
print(row)
assert not row.problems
"""


@pytest.mark.slow
def test_the_authors_walk_through_gives_an_exercise_that_verifies(tmp_path):
    for folder in ("course_utils", "grader", "solutions", "notebooks"):
        ignored = shutil.ignore_patterns("__pycache__", "checkpoints")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    page = ROOT / "docs" / "author.md"
    reference, probe, edits, others = blocks(page, "python")
    added = {
        "solutions/04_ddpm.py": reference,
        "course_utils/exercises/04_ddpm.py": probe,
        "course_utils/text/en/04_ddpm.toml": blocks(page, "toml")[0],
        "grader/misconceptions/04_ddpm.py": "from grader.misconceptions import Edit\n"
        f"MISCONCEPTIONS |= {{\n{edits}}}\n",
        "grader/alternatives/04_ddpm.py": others,
    }
    for path, text in added.items():
        with (tmp_path / path).open("a") as file:
            file.write("\n\n" + text)
    done = subprocess.run(
        [sys.executable, "-c", PROVE], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
