"""One PyTorch thread, one warm judge for all tests of a worker, learners' notebooks, a class."""

import json
import os
import shutil

import handin
import pytest
import torch
from learner import Learner

from course_utils import card
from grader.autograde import Terms, grade_task
from grader.course import Course
from grader.judge import Judge

torch.set_num_threads(1)
os.environ["COURSE_PROGRESS"] = "off"  # nobody's own progress is touched by tests


@pytest.fixture(scope="session")
def judge():
    """Grades with a fixed secret. Its warm parent starts once."""
    with Judge("the secret of the tests") as judge:
        yield judge


@pytest.fixture
def loud_learner():
    """A solved notebook whose cards are printed."""
    return Learner()


@pytest.fixture
def learner(loud_learner, monkeypatch):
    """A solved notebook whose cards are collected."""
    monkeypatch.setattr(card, "show", loud_learner.shown.append)
    return loud_learner


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A course folder with a released lesson; made once, copied for each test."""
    course = Course.create(tmp_path_factory.mktemp("made") / "class")
    course.release(handin.LESSON)
    return course.root


@pytest.fixture
def course(released, tmp_path):
    """A released lesson with four submissions, one of them not a notebook."""
    course = Course(shutil.copytree(released, tmp_path / "class"))
    for student, notebook in (
        ("student-1", handin.solved()),
        ("student-2", handin.solved(reverse_mean=handin.with_mistake("reverse_mean"))),
        ("student-3", handin.untouched()),
        ("student-4", {}),
    ):
        handin.save(notebook, course.submission(handin.LESSON, student).parent)
    return course


@pytest.fixture(scope="module")
def canned():
    """Verdicts by code, computed once: storing does not depend on how they are made."""
    known = {}

    def run(terms, submission, names):
        key = json.dumps([submission.cells, submission.helpers])
        if key not in known:
            known[key] = grade_task(Terms("canned"), submission, list(submission.cells))
        return {name: known[key][name] for name in names}

    return run
