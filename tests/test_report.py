"""What an instructor sees of a class: progress, a summary, and one page."""

import re

import handin
import numpy as np
import pytest
from classroom import LESSON, Counting, grade

from course_utils.cli import main
from grader import report

RENAMED = {
    "reverse_mean": handin.reference("reverse_mean").replace("eps", "predicted"),
    "guided_noise": handin.reference("guided_noise") + "\n# my own work\n",
}


def test_progress_counts_and_a_summary_says_who_needs_a_person(course, canned, capsys, monkeypatch):
    monkeypatch.setattr("grader.autograde.local_executor", lambda workers: Counting(canned))
    code = main(["autograde", LESSON, "--course", str(course.root), "--unsafe"])
    out, err = capsys.readouterr()
    assert code == 1 and "3 graded, 1 need a person" in out and "student-1: 104" in out
    assert re.search(r"4/4 \[\d\d:\d\d<\d\d:\d\d, .*(submission/s|s/submission)\]", err)
    assert re.search(r"student-4: no grade was written: .*not a notebook", err)


def test_the_page_shows_shares_misconceptions_groups_and_who_is_waiting(course, canned, tmp_path):
    handin.save(handin.solved(**RENAMED), course.submission(LESSON, "student-5").parent)
    grade(course, Counting(canned))
    page = report.write_report(course, LESSON, tmp_path / "page.html").read_text("utf-8")
    assert "4 submissions graded" in page and "student-4: no grade was written" in page
    assert "3 submissions are nearly the same" in page
    assert "student-1, student-2, student-5" in page
    assert "<b>1</b> × " in page and "src=" not in page and "<script" not in page


def test_submissions_that_are_alike_are_grouped_also_by_way_of_others():
    likeness = np.array([[100, 98, 0, 0], [98, 100, 97.5, 0], [0, 97.5, 100, 0], [0, 0, 0, 100]])
    (group,) = report._groups(["a", "b", "c", "d"], likeness)
    assert group == report.Alike(["a", "b", "c"], 97.5, 98)


@pytest.mark.parametrize("change", RENAMED)
def test_new_names_and_comments_do_not_make_it_other_code(change):
    assert report._renamed(RENAMED[change]) == report._renamed(handin.reference(change))
