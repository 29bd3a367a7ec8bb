"""What docs/cluster.md says of SLURM is typed here, word by word, on a SLURM of one node."""

import re
import shutil
import sys
from importlib.util import find_spec

import pytest
import slurm
from classroom import grade, grades
from test_docs import ROOT, blocks
from test_docs_commands import lines_of

from grader.autograde import local_executor
from grader.course import Course

PAGE = ROOT / "docs" / "cluster.md"
WORKERS = 8  # in one job of the page
ROOM = {"cpus": 10, "megabytes": 28_000}  # for the job that grades and one job of workers
MISSING = slurm.missing()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not find_spec("dask_jobqueue"), reason="dask-jobqueue is not installed"),
    pytest.mark.skipif(bool(MISSING), reason=f"no SLURM here: {', '.join(MISSING)} not found"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with slurm.one_node(tmp_path_factory.mktemp("slurm"), "compute", **ROOM) as cluster:
        yield cluster


@pytest.fixture
def home(course):
    """A home folder with the course, the class and the page's two files."""
    folder = course.root.parent
    (folder / "course").mkdir()
    (folder / "course" / ".venv").symlink_to(sys.prefix)
    (program,), (script,) = blocks(PAGE, "python"), blocks(PAGE, "bash")
    (folder / "grade_class.py").write_text(program)
    (folder / "grade_class.sbatch").write_text(script)
    return folder


def submit(cluster, home):
    """Type the page's commands. Gives the number of the job."""
    commands = [line for line in lines_of(PAGE) if line.startswith(("sbatch", "squeue"))]
    assert commands == ["sbatch grade_class.sbatch", "squeue --me"]
    cluster.environment["HOME"] = str(home)
    said = cluster.run("bash", "-ec", "\n".join(commands), cwd=home)
    (job,) = re.findall(r"Submitted batch job (\d+)", said)
    assert re.search(rf"^ *{job} +compute ", said, re.M), "squeue does not show the job"
    return job


def test_the_job_of_the_page_grades_the_class_on_workers_of_slurm(cluster, course, home):
    alone = Course(shutil.copytree(course.root, home / "alone"))
    job = submit(cluster, home)
    cluster.wait_until_idle_after(job)
    said = (home / f"slurm-{job}.out").read_text()
    grade(alone, local_executor(1))
    assert grades(course) == grades(alone), said
    assert "3 graded, 1 need a person" in said and "student-4: no grade was written" in said
    (grading,) = cluster.jobs("grade-class")
    assert grading["ExitCode"] == "1:0"  # a person has to look at student-4

    (log,) = set(home.glob("slurm-*.out")) - {home / f"slurm-{job}.out"}  # the others found no room
    registered = re.findall(r"Registered to: +tls://", log.read_text())
    assert len(registered) == WORKERS
    assert [job["JobState"] for job in cluster.jobs("grading")] == ["CANCELLED"] * 4


@pytest.mark.parametrize("options", [(), ("--batch", "--signal=TERM")], ids=["by hand", "by time"])
def test_a_job_that_is_stopped_leaves_no_workers_behind(options, cluster, home):
    """The second way is what `#SBATCH --signal=B:TERM@60` of the page asks for."""
    before = len(cluster.jobs("grading"))
    job = submit(cluster, home)
    with cluster.output(job, home) as lines:
        assert any("submission" in line for line in lines)  # the bar has moved
        cluster.run("scancel", *options, job)
    cluster.wait_until_idle_after(job)
    assert "\nstopped\n" in (home / f"slurm-{job}.out").read_text()
    assert [job["JobState"] for job in cluster.jobs("grading")[before:]] == ["CANCELLED"] * 4
