"""The set-up: one list of dependencies behind every door, one line when something is missing."""

import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from tree import copy_tree

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())
PIP_PART = next(d["pip"] for d in CONDA["dependencies"] if isinstance(d, dict))
LOCK = [Requirement(line) for line in (ROOT / "requirements.lock").read_text().splitlines()]


def run(*command, cwd, **env):
    """One command, away from the make, pip and uv settings of whoever runs the tests."""
    theirs = ("MAKE", "MFLAGS", "PIP_", "UV_")
    ours = {k: v for k, v in os.environ.items() if not k.startswith(theirs)}
    ours |= {"PIP_CONFIG_FILE": os.devnull} | {k: str(v) for k, v in env.items()}
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=ours, capture_output=True, text=True
    )


# The lock ---------------------------------------------------------------------------------


def test_lock_pins_every_package_to_one_version_and_names_no_address():
    for pin in LOCK:
        assert re.fullmatch(r"==[\w.+!]+", str(pin.specifier)), pin
        assert pin.url is None, pin
    assert "/" not in (ROOT / "requirements.lock").read_text()


def test_lock_satisfies_every_dependency_of_pyproject():
    project = PYPROJECT["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    for need in map(Requirement, wanted + PYPROJECT["build-system"]["requires"]):
        pins = [p for p in LOCK if canonicalize_name(p.name) == canonicalize_name(need.name)]
        versions = [str(pin.specifier).removeprefix("==") for pin in pins]
        assert versions, f"{need} is not in requirements.lock: make lock"
        assert all(v in need.specifier for v in versions), f"{need}: {versions}"


# The conda door ---------------------------------------------------------------------------


def test_conda_allows_the_pythons_the_package_allows():
    python = next(d for d in CONDA["dependencies"] if str(d).startswith("python "))
    assert SpecifierSet(python.split()[1]) == SpecifierSet(PYPROJECT["project"]["requires-python"])


def test_conda_brings_pip_and_leaves_all_packages_to_the_lock():
    names = [d.split()[0] for d in CONDA["dependencies"] if isinstance(d, str)]
    assert names == ["python", "pip"]
    assert PIP_PART == ["-r requirements.lock", "-e ."]


def test_conda_pip_part_installs_what_is_installed_here_and_the_package(tmp_path):
    """Called as conda calls it: a requirements file beside environment.yml, from that folder."""
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "README.md").touch()
    specs = tmp_path / "condaenv.test.requirements.txt"
    specs.write_text("\n".join(PIP_PART))
    offline = ["--dry-run", "--no-index", "--no-build-isolation"]
    pip = [sys.executable, "-m", "pip", "install", "-U", "--exists-action=b"]
    done = run(*pip, *offline, "-r", specs, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.findall("Would install (.*)", done.stdout) == ["diffusion-course-0.1.0"]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("conda"), reason="conda is not installed")
def test_the_conda_commands_give_an_environment_with_the_course(tmp_path):
    lines = (ROOT / "environment.yml").read_text().splitlines()
    typed = [line.strip("# ") for line in lines if line.startswith("#   conda")]
    assert len(typed) == 2
    script = ["set -e", 'eval "$(conda shell.bash hook)"', *typed, "course --help"]
    folders = {"CONDA_ENVS_PATH": str(tmp_path / "envs")}
    course = copy_tree(tmp_path / "course")
    subprocess.run(
        ["bash", "-c", "\n".join(script)], cwd=course, env=os.environ | folders, check=True
    )


# scripts/setup.sh -------------------------------------------------------------------------

BACKEND = """
import pathlib, zipfile

INFO = {
    "METADATA": "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n",
    "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "RECORD": "",
}

def build_editable(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(pathlib.Path(folder) / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in INFO.items():
            wheel.writestr("tiny-1.0.dist-info/" + name, text)
    return "tiny-1.0-py3-none-any.whl"
"""


@pytest.fixture
def course(tmp_path):
    """A folder with the real script, an empty lock and a package that needs nothing to be built."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup.sh", tmp_path / "scripts")
    (tmp_path / "requirements.lock").write_text("# empty\n")
    (tmp_path / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    )
    (tmp_path / "backend.py").write_text(BACKEND)
    return tmp_path


@pytest.fixture
def set_up(course):
    """Runs the set-up in `course`, without network: the only index is a port nobody listens on."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        index = f"http://127.0.0.1:{closed.getsockname()[1]}"
        defaults = {"PYTHON": sys.executable, "NEED_MB": 0, "PIP_INDEX_URL": index}
        yield lambda **env: run("sh", "scripts/setup.sh", cwd=course, **(defaults | env))


def script(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def the_line(done):
    """The last line of a set-up that failed, after checking that it is the only one of its kind."""
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    *before, last = done.stderr.splitlines()
    assert not [line for line in before if line.startswith("Set-up")]
    assert last.startswith("Set-up stopped: ")
    return last


def test_script_takes_the_pythons_the_package_allows():
    allowed = SpecifierSet(PYPROJECT["project"]["requires-python"])
    text = (ROOT / "scripts" / "setup.sh").read_text()
    low, high = re.search(r"\((3, \d+)\) <= sys.version_info < \((3, \d+)\)", text).groups()
    assert SpecifierSet(f">={low},<{high}".replace(", ", ".")) == allowed
    newest = int(high.split()[1]) - 1
    assert f"Python {low} to 3.{newest} is needed".replace(", ", ".") in text
    assert all(f"python3.{minor}" in text for minor in range(int(low.split()[1]), newest + 1))


def test_without_a_python_that_fits_one_line_says_which_is_needed(course, set_up):
    tools = course / "tools"
    script(tools / "python3", "exit 1")
    for name in ("sh", "dirname", "uname", "cat", "cksum", "head"):
        (tools / name).symlink_to(shutil.which(name))
    assert "Python 3.10 to 3.14 is needed" in the_line(set_up(PYTHON="", PATH=tools))


def test_without_the_venv_module_one_line_names_the_package_to_install(course, set_up):
    (course / "broken").mkdir()
    (course / "broken" / "ensurepip.py").write_text("raise ImportError")
    python = script(
        course / "tools" / "python3", f'PYTHONPATH={course}/broken exec "{sys.executable}" "$@"'
    )
    line = the_line(set_up(PYTHON=python))
    assert "no venv module" in line
    assert "apt install python3-venv" in line
    assert not (course / ".venv").exists()


def test_too_small_a_disk_is_said_before_anything_is_written(course, set_up):
    line = the_line(set_up(NEED_MB=10**9))
    assert "not enough disk space" in line
    assert "1000000000 MB are needed" in line
    assert not (course / ".venv").exists()


def test_without_network_one_line_says_so_and_the_environment_at_hand_stays(course, set_up):
    assert set_up().returncode == 0
    lock = course / "requirements.lock"
    lock.write_text("not-at-hand==1.0\n")
    assert "no network" in the_line(set_up())
    lock.write_text("# empty\n")
    again = set_up()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_second_run_does_nothing_and_needs_nothing(course, set_up):
    first = set_up()
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("Set-up: creating .venv")
    before = {path: path.stat().st_mtime_ns for path in course.rglob("*")}
    again = set_up(PYTHON="/no/python/here", NEED_MB=10**9)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert {path: path.stat().st_mtime_ns for path in course.rglob("*")} == before


@pytest.mark.parametrize("state", ["unfinished", "/where/the/folder/was\n123 4"])
def test_interrupted_or_moved_environment_is_made_afresh(course, set_up, state):
    half_a_package = course / ".venv" / "lib" / "half.py"
    half_a_package.parent.mkdir(parents=True)
    half_a_package.touch()
    (course / ".venv" / "set-up").write_text(state + "\n")
    done = set_up()
    assert done.returncode == 0, done.stderr
    assert not half_a_package.exists()


# The Makefile and the CI script -----------------------------------------------------------


def test_make_lab_passes_options_on():
    shown = run("make", "-n", "lab", "ARGS=--no-browser --port 9000", cwd=ROOT).stdout
    assert "scripts/setup.sh" in shown
    assert shown.rstrip().endswith("--no-browser --port 9000")


@pytest.mark.slow
def test_make_lab_opens_jupyterlab_on_the_lessons():
    command = ["make", "lab", "ARGS=--no-browser --port=0 --allow-root"]
    with subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as lab:
        said = list(itertools.takewhile(lambda line: "is running at" not in line, lab.stderr))
        os.killpg(lab.pid, signal.SIGINT)
        os.killpg(lab.pid, signal.SIGTERM)
        said += lab.stderr
    assert any(f"directory: {ROOT / 'notebooks'}" in line for line in said), "".join(said)


def test_make_alone_lists_every_command():
    listed = run("make", cwd=ROOT).stdout
    for target in ("lab", "test", "build", "verify", "bench", "lock"):
        assert f"make {target} " in listed


@pytest.fixture
def ci(tmp_path):
    """Runs .ci/run where every command only says its name, and apt-get fails."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    tools = tmp_path / "tools"
    script(tools / "apt-get", "exit 100")
    script(tools / "make", 'echo "made $*"')
    for name in ("bash", "dirname", "basename", "env"):
        (tools / name).symlink_to(shutil.which(name))
    (tmp_path / ".venv").mkdir()
    for lesson in ("03_unet", "04_ddpm"):
        (tmp_path / "notebooks" / lesson).mkdir(parents=True)
    for name in ("python", "course"):
        script(tmp_path / ".venv" / "bin" / name, f'echo "{name} $*"')
    return lambda: run(tmp_path / ".ci" / "run", cwd="/", PATH=tools)


def test_ci_goes_on_without_chromium_and_runs_every_step(ci):
    done = ci()
    assert done.returncode == 0, done.stderr
    assert "browser tests will be skipped" in done.stdout
    said = [line for line in done.stdout.splitlines() if line.startswith(("made", "py", "course"))]
    assert said == [
        "made test",
        "python -m pytest -m slow",
        "course build --check",
        "course verify",
        "python -m grader.run_solution 03_unet --save build/notebooks/03_unet.ipynb",
        "python -m grader.run_solution 04_ddpm --save build/notebooks/04_ddpm.ipynb",
        "made site",
    ]


def test_ci_stops_at_the_first_step_that_fails(ci, tmp_path):
    script(tmp_path / ".venv" / "bin" / "course", "exit 3")
    done = ci()
    assert done.returncode == 3
    assert "run_solution" not in done.stdout
