"""References that stand in for earlier exercises must not come back as answers."""

import re

import handin
import pytest

from course_utils.engine.case import Case
from course_utils.engine.exercise import lesson_ids, load_lesson
from grader.reference import expected, outcomes_of, reference_code
from grader.submission import collect

LESSON = handin.LESSON
KEEP = {  # how a hunt's cell gets at the reference of what it was made from
    "calls it by its name": "def {hunt}(*args): return {base}(*args)\n",
    "takes what an earlier cell kept": "import builtins\n{hunt} = builtins.kept\n",
    "takes it from the garbage collector": """
import gc, types
found = [f for f in gc.get_objects() if isinstance(f, types.FunctionType)]
{hunt} = next(f for f in found if f.__name__ == "{base}" and f.__code__.co_filename == "<given>")
""",
    "takes it from a file": """
import marshal, types
{hunt} = types.FunctionType(marshal.load(open("/tmp/kept", "rb")), globals())
""",
    "takes it from an earlier request": """
import gc
found = [o for o in gc.get_objects() if type(o).__name__ == "Player"]
{hunt} = found[0].given["{base}"]
""",
}
KEEPER = """
import builtins, marshal
builtins.kept = {base}
try:
    marshal.dump({base}.__code__, open("/tmp/kept", "wb"))
except (OSError, ValueError, AttributeError): pass
def {user}(*args, **kwargs): raise ValueError
"""
HUNTS = [
    ("hunt_exploding_samples", "reverse_mean", "sample_ddpm"),
    ("hunt_nan_samples", "reverse_mean", "sample_cfg"),
    ("hunt_idle_guidance", "guided_noise", "sample_cfg"),
]


@pytest.mark.parametrize("how", KEEP)
@pytest.mark.parametrize(("hunt", "base", "user"), HUNTS, ids=[h[0] for h in HUNTS])
def test_a_reference_is_no_answer_to_a_hunt(judge, hunt, base, user, how):
    names = {"hunt": hunt, "base": base, "user": user}
    cells = {user: KEEPER.format(**names), hunt: KEEP[how].format(**names)}
    submission = collect(handin.attempted(**cells), LESSON)
    verdict = judge.grade(submission, only={base, user, "hunt_grainy_samples", hunt})
    assert [(e.id, e.score) for e in verdict.exercises if e.score] == []


@pytest.mark.parametrize("lesson", lesson_ids())
def test_inputs_come_from_declared_needs_only(lesson, monkeypatch):
    """What `case.given` hands out is an earlier reference's; the judge keeps track of `needs`.

    What the lesson's own given cells define stands in every notebook: no reference is shown.
    """
    asked = {}
    plain = Case.given
    exercises = load_lesson(lesson).exercises

    def given(self, name, *args):
        asked.setdefault(current, set()).add(name)
        return plain(self, name, *args)

    monkeypatch.setattr(Case, "given", given)
    for current, e in exercises.items():
        expected(lesson, e.id, "a seed for this test alone")
        assert asked.get(current, set()) & set(exercises) <= set(e.needs), current


@pytest.mark.parametrize("group", ["values", "robustness"])
@pytest.mark.parametrize("lesson", lesson_ids())
def test_no_exercise_can_be_passed_with_constants(lesson, group):
    """In each group of cases some output depends on the secret. (A quiz has only one answer.)"""
    constant = []
    for e in load_lesson(lesson).exercises.values():
        code = reference_code(lesson, e)
        wants = [outcomes_of(lesson, e, code, f"seed {n}")[0] for n in (1, 2, 3)]
        names = [s.name for s in e.cases if s.group == group and not s.fake_cuda]
        if e.kind != "quiz" and names and len({repr([w[n] for n in names]) for w in wants}) == 1:
            constant.append(e.id)
    assert not constant


def test_stand_ins_carry_no_text():
    from grader.conversation import compiled_reference

    for name, e in handin.EXERCISES.items():
        if e.kind == "code":
            code = compiled_reference(LESSON, name)
            assert not re.search(rb"SOLUTION|Ho et al|Nichol", code), name
