"""Lesson 01: the numbers in its quiz, its instruments, and the symptoms of its hunts."""

import re

import pytest
import torch
from torch import nn

from course_utils import symptoms
from course_utils.data import load_digits
from course_utils.engine.exercise import load_lesson
from course_utils.graph_memory import GraphMemory, memory_of_steps
from course_utils.mystery_runs import mystery_runs
from course_utils.norm_experiments import effect_of_company
from course_utils.shape_questions import conv_chain
from course_utils.tensor_figures import receptive_field, show_conv_windows
from grader import quiz
from grader.reference import hunt_code
from grader.source import load_source

LESSON = "01_pytorch"
EXERCISES = load_lesson(LESSON).exercises
HUNTS = [e for e in EXERCISES.values() if e.kind == "hunt"]
QUESTIONS = quiz.load(LESSON)
ANSWERS = load_source(LESSON).namespace()


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
