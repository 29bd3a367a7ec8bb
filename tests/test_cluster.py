"""What docs/cluster.md says of a cluster that is started by hand is typed here."""

import contextlib
import os
import signal
import subprocess

import pytest
import torch
from classroom import grades
from slurm import free_ports
from test_docs import ROOT, blocks
from tree import environment

GRADED = {"student-1", "student-2", "student-3"}  # the fourth handed in no notebook
BY_HAND, _, GPUS = blocks(ROOT / "docs" / "cluster.md", "")


def commands(block):
    return [line.split(" #")[0].strip() for line in block.strip().splitlines()]


@contextlib.contextmanager
def in_background(lines, folder):
    """The commands, each in a process group of its own; they are ended with what they started."""
    processes = []
    try:
        for line in lines:
            options = {"cwd": folder, "env": environment(), "start_new_session": True}
            processes.append(subprocess.Popen(["bash", "-c", line], **options))
        yield
    finally:
        for process in processes:
            os.killpg(process.pid, signal.SIGTERM)
        for process in processes:
            process.wait()


def typed(lines, course):
    """Type commands on one machine: the last one grades, the ones before go on beside it."""
    port = str(free_ports(1)[0])
    lines = [line.replace("FIRST", "127.0.0.1").replace("8786", port) for line in lines]
    with in_background(lines[:-1], course.root.parent):
        return subprocess.run(
            ["bash", "-c", lines[-1]], cwd=course.root, env=environment(), stdout=subprocess.PIPE
        )


@pytest.mark.slow
def test_a_cluster_that_is_started_by_hand_grades_the_class(course):
    done = typed(commands(BY_HAND), course)
    assert done.returncode == 1  # a person has to look at student-4
    assert {student for student, _ in grades(course)} == GRADED


@pytest.mark.slow
def test_workers_with_a_gpu_grade_the_class_and_others_give_no_zeros(course):
    done = typed([commands(BY_HAND)[0], *commands(GPUS)], course)
    assert done.returncode == 1
    found = {student for student, _ in grades(course)}
    assert found == (GRADED if torch.cuda.is_available() else set())
