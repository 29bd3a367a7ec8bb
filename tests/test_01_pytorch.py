"""Lesson 01: its misconceptions, alternatives, quiz and tools, and wrong code nobody listed."""

import re

import pytest
import torch
from mutants_01_pytorch import MUTANTS
from torch import nn

from course_utils import symptoms
from course_utils.data import load_digits
from course_utils.engine.answers import PUBLIC_SEED, load_answers
from course_utils.engine.exercise import load_lesson
from course_utils.graph_memory import GraphMemory, memory_of_steps
from course_utils.mystery_runs import mystery_runs
from course_utils.norm_experiments import effect_of_company
from course_utils.shape_questions import conv_chain
from course_utils.tensor_figures import receptive_field, show_conv_windows
from grader import quiz
from grader.misconceptions import load_hunts
from grader.reference import edits_of, expected, hunt_code, reference_code, stub_code
from grader.source import load_source
from grader.verify import diagnose_code, load_alternatives

LESSON = "01_pytorch"
SECRET = "tests of lesson 01"
EXERCISES = load_lesson(LESSON).exercises
CODE = [e for e in EXERCISES.values() if e.kind == "code"]
HUNTS = [e for e in EXERCISES.values() if e.kind == "hunt"]
QUESTIONS = quiz.load(LESSON)
ANSWERS = load_source(LESSON).namespace()


def ids(exercises):
    return [e.id for e in exercises]


def judged(e, code):
    """What the judge says of code, on secret cases."""
    return diagnose_code(LESSON, e, code, SECRET, expected(LESSON, e.id, SECRET))


def checked(e, code):
    """What the check in the notebook says of code, with the answers that are shipped."""
    return diagnose_code(LESSON, e, code, PUBLIC_SEED, load_answers(LESSON)[e.id])


def is_named(found, name):
    return not found.passed and found.mistake is not None and found.mistake.id == name


@pytest.mark.parametrize("e", EXERCISES.values(), ids=ids(EXERCISES.values()))
def test_reference_passes_every_secret_case_without_an_error(e):
    assert judged(e, reference_code(LESSON, e)).passed
    assert not [case for case, o in expected(LESSON, e.id, SECRET).want.items() if "error" in o]


@pytest.mark.parametrize("e", EXERCISES.values(), ids=ids(EXERCISES.values()))
def test_stub_fails(e):
    assert not judged(e, stub_code(LESSON, e)).passed


@pytest.mark.parametrize("e", CODE, ids=ids(CODE))
def test_each_misconception_is_named_as_itself_by_judge_and_check(e):
    reference = reference_code(LESSON, e)
    for edit in edits_of(LESSON, e):
        code = edit.apply(reference)
        assert is_named(judged(e, code), edit.id), f"the judge misses {edit.id}"
        assert is_named(checked(e, code), edit.id), f"the check misses {edit.id}"


@pytest.mark.parametrize("e", CODE, ids=ids(CODE))
def test_messages_teach_in_a_few_sentences_and_show_no_code_of_the_solution(e):
    for edit in edits_of(LESSON, e):
        assert 30 < len(edit.message) < 260 and edit.message.endswith("."), edit.id
        assert edit.old not in edit.message, edit.id


@pytest.mark.parametrize("e", HUNTS, ids=ids(HUNTS))
def test_each_hunt_is_named_as_the_mistake_that_it_hides_and_its_hints_do_not_show_the_line(e):
    code, planted = hunt_code(LESSON, e), load_hunts(LESSON)[e.id]
    assert is_named(judged(e, code), planted) and is_named(checked(e, code), planted)
    edit = next(x for x in edits_of(LESSON, e) if x.id == planted)
    shown = [line for line in (edit.old, edit.new) if line.strip()]
    assert not [hint for hint in (e.title, *e.hints) if any(line in hint for line in shown)]


@pytest.mark.parametrize("e", CODE, ids=ids(CODE))
def test_each_alternative_passes(e):
    for style, code in load_alternatives(LESSON)[e.id]:
        found = judged(e, code)
        assert found.passed, f"{style}: {found.wrong}"


@pytest.mark.parametrize("e", CODE, ids=ids(CODE))
def test_mutants_fail(e):
    reference = reference_code(LESSON, e)
    for what, (old, new) in MUTANTS[e.id].items():
        assert reference.count(old) == 1, what
        assert not judged(e, reference.replace(old, new)).passed, f"{what}: it passes"


@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_quiz_has_one_explanation_per_choice(number):
    question = QUESTIONS[number]
    assert 3 <= len(question.choices) <= 4 and set(question.right) <= set(question.choices)
    assert set(question.wrong) == set(question.choices) - set(question.right)
    assert question.explanation and all(question.wrong.values())


def test_the_numbers_in_the_quiz_are_those_of_real_layers():
    size = next(q for q in QUESTIONS if "MaxPool" in q.text)
    parameters = next(q for q in QUESTIONS if "How many" in q.text)
    layers = nn.Sequential(nn.Conv2d(3, 16, 5, stride=2, padding=1), nn.MaxPool2d(2))
    height, width = layers(torch.zeros(1, 3, 32, 32)).shape[2:]
    assert size.choices[size.right] == f"{height}×{width}"
    count = sum(p.numel() for p in nn.Conv2d(32, 64, 3).parameters())
    assert parameters.choices[parameters.right] == f"{count:,}"


@pytest.mark.parametrize("seed", range(40))
def test_a_shape_question_agrees_with_the_formula_of_the_exercise(seed):
    question = conv_chain(seed)
    height = question.input_shape[2]
    for layer, shape in zip(question.model, question.shapes, strict=True):
        if isinstance(layer, nn.Conv2d):
            settings = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
            height = ANSWERS["conv_out_size"](height, *(pair[0] for pair in settings))
            assert shape[2] == shape[3] == height
        height = shape[2] if len(shape) > 2 else height
    assert question.answer(question.right).startswith("Right")
    assert "axis 0" in question.answer((0, *question.right[1:]))
    assert "axes" in question.answer(()) and "Not answered" in question.answer(None)
    assert str(question.right) in question.explain() and str(question) == str(conv_chain(seed))


def test_memory_of_the_graph_grows_with_the_steps_and_only_with_gradients():
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.SiLU(), nn.Conv2d(4, 1, 3, padding=1))

    def walk(steps, after=lambda x: x):
        x = torch.randn(2, 1, 8, 8)
        for _ in range(steps):
            x = after(x - 0.1 * net(x))

    weights = list(net.parameters())
    kept = memory_of_steps(walk, [1, 8], weights)
    assert kept[8] == 8 * kept[1] > 0
    cut = memory_of_steps(lambda n: walk(n, torch.detach), [1, 8], weights)
    assert cut == {1: kept[1], 8: kept[1]}
    assert memory_of_steps(torch.no_grad()(walk), [1, 8], weights) == {1: 0, 8: 0}
    with GraphMemory() as memory:
        walk(3)
    assert memory.now == 0 < memory.peak


def test_receptive_field_and_drawn_places_agree_with_arithmetic():
    stack = nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=1) for _ in range(3)))
    assert int((receptive_field(stack, 1, 17) > 0).any(0).sum()) == 7
    assert "fits 5 times" in show_conv_windows(10, 3, 2, 1).alt
    assert "fits 6 times" in show_conv_windows(10, 3, 1, 0, 2).alt


def test_three_of_the_four_programs_are_wrong_without_an_error():
    runs = mystery_runs(load_digits(), epochs=5)
    accuracy = {letter: run.accuracy for letter, run in runs.items()}
    assert accuracy["B"] > 0.9 and all(accuracy[letter] < 0.9 for letter in "ACD")


def test_groupnorm_alone_does_not_look_at_the_neighbours():
    moves = effect_of_company(load_digits().train_images, [2, 16])
    assert max(moves["GroupNorm"].values()) < 1e-5 < 0.02 < min(moves["BatchNorm"].values())


def test_symptoms_show_in_the_hunts_and_are_gone_in_the_references(capsys):
    digits, seen = load_digits(), {}
    for e in HUNTS:
        broken = load_source(LESSON).variant(hunt_code(LESSON, e), e.id)[e.id]
        for function in (broken, ANSWERS[e.base]):
            if e.base == "MLPClassifier":
                seen[function] = symptoms.final_loss(function, digits) < 1.46
            elif e.base == "evaluate":
                seen[function] = symptoms.on_pretend_gpu(function).startswith("No devices")
            else:
                symptoms.print_epochs(function, digits)
                losses = re.findall(r"loss +([\d.]+)", capsys.readouterr().out)
                seen[function] = float(losses[-1]) < 0.6
        assert not seen[broken] and seen[ANSWERS[e.base]], e.id
