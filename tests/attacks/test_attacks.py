"""Every attack: no points for a wrong answer, no canary, no harm to others, and always a verdict."""

import json
import os
import resource
import socket

import attack_answers
import attack_cells
import attack_display
import attack_patches
import attack_process
import attack_spying
import attack_wire
import handin
import psutil
import pytest
from attack_world import CANARY, GRADED, TARGET, WRONG, World, notebook

from grader.judge import Judge
from grader.nbgrader_steps import verdict_card
from grader.submission import Unusable, read_submission

FAMILIES = (
    attack_answers, attack_patches, attack_display, attack_process, attack_spying, attack_wire,
    attack_cells,
)  # fmt: skip
ATTACKS = [attack for family in FAMILIES for attack in family.ATTACKS]
NAMES = [f"{f.__name__[7:]}: {a.name}" for f in FAMILIES for a in f.ATTACKS]
VERDICTS = {"pass", "partial", "fail", "error", "timeout", "missing"}
LEAKED = (CANARY, "Secret_", "<script", "onerror", "\x1b")


@pytest.fixture(scope="module")
def guarded_judge():
    """A judge whose players stand under limits of the test's own, should the sandbox fail."""
    os.environ["COURSE_CANARY"] = CANARY
    with Judge("a secret " + CANARY, seconds=1.5) as judge:
        judge.grace = 1.0
        judge.try_sandbox(handin.LESSON, {})  # so the parent starts, and no spare players yet
        parent = judge._host._process.pid
        guard(parent)
        yield judge
        judge._host.drop_spares()
        left = psutil.Process(parent).children(recursive=True)
        left = psutil.wait_procs(left, timeout=10)[1]  # those that were killed need a moment
        for process in left:
            process.kill()
    del os.environ["COURSE_CANARY"]
    assert not left, "players outlived their submissions"


def guard(pid: int) -> None:
    """Hard limits that every player inherits and cannot raise."""
    held = psutil.Process(pid).memory_info().vms
    for what, most in (
        (resource.RLIMIT_AS, held + 3 * 2**30),
        (resource.RLIMIT_NPROC, 200),
        (resource.RLIMIT_FSIZE, 256 * 2**20),
        (resource.RLIMIT_NOFILE, 1024),
    ):
        resource.prlimit(pid, what, (most, most))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Files that hold the canary, and a port that somebody listens to."""
    root = tmp_path_factory.mktemp("class")
    places = [root / name for name in ("secret", "gradebook.db", "other.ipynb")]
    for path in places:
        path.write_text(CANARY)
        path.chmod(0o644)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield World(*places, port=server.getsockname()[1], judge=os.getpid())
    assert all(path.read_text() == CANARY for path in places)


def graded(judge, made, folder):
    submission = read_submission(handin.save(made, folder), handin.LESSON)
    verdict = judge.grade(submission, only=GRADED)
    return {e.id: e for e in verdict.exercises}


@pytest.fixture(scope="module")
def honest(guarded_judge, tmp_path_factory):
    """Points that the wrong answer earns without any attack, and those of the right ones."""
    found = graded(guarded_judge, notebook(WRONG), tmp_path_factory.mktemp("honest"))
    points = {name: e.score for name, e in found.items()}
    assert points[TARGET] < found[TARGET].max_score / 2
    assert all(points[name] == found[name].max_score for name in GRADED - {TARGET})
    return points


@pytest.mark.parametrize("attack", ATTACKS, ids=NAMES)
def test_attack_gains_nothing(attack, guarded_judge, world, honest, tmp_path):
    try:
        found = graded(guarded_judge, attack.build(world), tmp_path)
    except Unusable as error:  # a notebook that cannot be read has a reason instead of a grade
        assert str(error).startswith(str(tmp_path)) and "\n" not in str(error)
        return
    assert set(found) == GRADED
    assert all(e.verdict in VERDICTS for e in found.values())
    assert found[TARGET].score <= honest[TARGET]
    assert {name: found[name].score for name in attack.keeps} == {
        n: honest[n] for n in attack.keeps
    }
    assert all(e.score <= honest[name] for name, e in found.items())
    shown = json.dumps([vars(e) for e in found.values()], default=vars, ensure_ascii=False)
    shown += "".join(verdict_card(e)._repr_html_() for e in found.values())
    assert not [text for text in LEAKED if text in shown], shown


def test_a_submission_after_all_attacks_is_graded_as_before(guarded_judge, honest, tmp_path):
    found = graded(guarded_judge, notebook(WRONG), tmp_path)
    assert {name: e.score for name, e in found.items()} == honest
