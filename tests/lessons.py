"""What the judge and the check in the notebook say of any code for an exercise."""

from course_utils.engine.answers import PUBLIC_SEED, load_answers
from grader.reference import expected, reference_code
from grader.verify import diagnose_code

SECRET = "tests of the lessons"


def judged(lesson, e, code):
    """On secret cases."""
    return diagnose_code(lesson, e, code, SECRET, expected(lesson, e.id, SECRET))


def checked(lesson, e, code):
    """On the public cases, with the answers that are shipped."""
    return diagnose_code(lesson, e, code, PUBLIC_SEED, load_answers(lesson)[e.id])


def edited(lesson, e, old, new):
    """The reference with a piece of it replaced, which stands there exactly once."""
    reference = reference_code(lesson, e)
    assert reference.count(old) == 1, old
    return reference.replace(old, new)


def is_named(found, name):
    return not found.passed and found.mistake is not None and found.mistake.id == name
