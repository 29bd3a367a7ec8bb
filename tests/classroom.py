"""A class for tests of grading: an executor that counts, and what stands in the gradebook."""

from concurrent.futures import Executor, Future

import handin

from grader.autograde import autograde, grade_task
from grader.export import CanvasExportPlugin

LESSON = handin.LESSON
MISTAKE = {"reverse_mean": handin.with_mistake("reverse_mean")}


class Counting(Executor):
    """Runs tasks at once and notes what was asked of them."""

    def __init__(self, run=grade_task):
        self.asked, self.run = [], run

    def submit(self, task, terms, submission, names):
        self.asked.append(sorted(names))
        future = Future()
        try:
            future.set_result(self.run(terms, submission, names))
        except Exception as error:
            future.set_exception(error)
        return future


def grade(course, executor, resume=False):
    return {r.student: r for r in autograde(course, LESSON, executor, resume)}


def grades(course):
    """Everything that the gradebook says of every graded cell, and the comments."""
    found = {}
    with course.api.gradebook as gradebook:
        for submission in gradebook.assignment_submissions(LESSON):
            for grade in submission.notebooks[0].grades:
                about = grade.auto_score, grade.manual_score, grade.needs_manual_grade
                found[submission.student_id, grade.name] = about
            for comment in submission.notebooks[0].comments:
                found[submission.student_id, comment.name] = comment.auto_comment
    return found


def exported(course, folder):
    path = folder / "grades.csv"
    with course.api.gradebook as gradebook:
        CanvasExportPlugin(to=str(path)).export(gradebook)
    return path.read_bytes()
