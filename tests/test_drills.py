"""Drills: answers agree with independent calculations, and repetition brings mistakes back."""

import math
import re
from datetime import datetime, timedelta, timezone
from itertools import permutations
from random import Random

import pytest
import torch
from torch import nn

from course_utils import card, progress
from course_utils.cli import main
from course_utils.drills import Drill, blocks, orders, schedules, shapes
from course_utils.drills.deck import deck, next_topic
from course_utils.drills.question import Question, read
from course_utils.drills.topics import TOPICS, ask
from course_utils.shape_questions import conv_chain

START = datetime(2030, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_seed_gives_the_same_question_and_its_own_answer_is_right(topic):
    for seed in range(90):
        question = ask(topic, seed)
        assert (question.text, question.right) == (ask(topic, seed).text, ask(topic, seed).right)
        assert question.judge(question.shown) and question.explanation
    assert len({ask(topic, seed).text for seed in range(40)}) > 10


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("nonsense", ["", "?", None, (), {}, "(1, 2", 10**30, float("nan"), [None]])
def test_nonsense_is_wrong_and_raises_nothing(topic, nonsense):
    assert not ask(topic, 0).judge(nonsense)


# Against independent calculations ----------------------------------------------------------


def conv_side(side, kernel, stride=1, padding=0, dilation=1):
    return (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def test_conv_sizes_agree_with_the_formula_and_with_real_convolutions():
    for seed in range(300):
        draw = Random(seed)
        kernel, stride = draw.randint(1, 7), draw.randint(1, 4)
        padding, dilation = draw.randint(0, kernel // 2), draw.randint(1, 3)
        side = draw.randint(dilation * (kernel - 1) + 1, 64)
        layer = nn.Conv2d(1, 1, kernel, stride, padding, dilation)
        real = layer(torch.zeros(1, 1, side, side)).shape[-1]
        assert real == conv_side(side, kernel, stride, padding, dilation)
    for seed in range(100):
        question = ask("conv_size", seed)
        numbers = map(int, re.findall(r"\d+", question.text))
        side, _, kernel, stride, padding, dilation = numbers
        assert question.right == conv_side(side, kernel, stride, padding, dilation)


def after(layer, shape):
    """Output shape by arithmetic alone."""
    batch, channels, *sides = shape
    if isinstance(layer, nn.Flatten):
        return batch, math.prod((channels, *sides))
    if isinstance(layer, nn.AdaptiveAvgPool2d):
        return batch, channels, layer.output_size, layer.output_size
    if isinstance(layer, nn.MaxPool2d):
        return (batch, channels, *(side // 2 for side in sides))
    about = layer.kernel_size[0], layer.stride[0], layer.padding[0], layer.dilation[0]
    return (batch, layer.out_channels, *(conv_side(side, *about) for side in sides))


def test_chains_agree_with_arithmetic():
    for seed in range(100):
        question = conv_chain(seed)
        shape = question.input_shape
        for layer, real in zip(question.model, question.shapes, strict=True):
            shape = after(layer, shape)
            assert shape == real
        assert question.right == shape


def test_the_unet_table_agrees_with_the_courses_own_unet():
    from course_utils.unet_lab import trace_shapes_of
    from grader.source import load_source

    UNet = load_source("03_unet").namespace()["UNet"]
    for seed in range(20):
        draw = Random(seed)
        channels, c, size = draw.choice([1, 3]), 8 * draw.randint(1, 4), 8 * draw.randint(1, 4)
        stages = shapes.unet_stages(2, channels, c, size)
        model = UNet(channels, c, time_emb_dim=8).to("meta")
        x, t = shapes.meta(2, channels, size, size), torch.zeros(2, device="meta")
        seen = trace_shapes_of(model, x, t)
        for name, shape in seen.items():
            mine = stages.get(name.replace(" skip", "'s skip"))
            assert mine in (None, (2, *shape)), name


def test_the_unet_table_agrees_with_arithmetic():
    for seed in range(100):
        draw = Random(seed)
        b, channels, c = draw.randint(1, 9), draw.choice([1, 3]), 8 * draw.randint(1, 9)
        size = 8 * draw.randint(1, 9)
        stages = shapes.unet_stages(b, channels, c, size)
        for level in (1, 2, 3):
            width, side = c * 2 ** (level - 1), size // 2 ** (level - 1)
            assert stages[f"down{level}'s skip"] == (b, width, side, side)
            assert stages[f"down{level}"] == (b, 4 * width, side // 2, side // 2)
            assert stages[f"down{level}_proj"] == (b, 2 * width, side // 2, side // 2)
            assert stages[f"up{level} after the concatenation"] == (b, 3 * width, side, side)
            assert stages[f"up{level}"] == (b, width, side, side)
        assert stages["bottleneck"] == (b, 8 * c, size // 8, size // 8)


def test_attention_shapes_agree_with_torchs_own_layer():
    for seed in range(100):
        draw = Random(seed)
        batch, heads, d = draw.randint(1, 4), draw.choice([1, 2, 4]), draw.choice([2, 8])
        length, source = draw.randint(1, 20), draw.randint(1, 20)
        found = shapes.attention_shapes(batch, heads, d, length, source)
        layer = nn.MultiheadAttention(heads * d, heads, batch_first=True)
        x, context = torch.zeros(batch, length, heads * d), torch.zeros(batch, source, heads * d)
        out, weights = layer(x, context, context, average_attn_weights=False)
        assert found["merged"] == tuple(out.shape) and found["weights"] == tuple(weights.shape)
        assert found["q"] == (batch, heads, length, d) and found["k"] == (batch, heads, source, d)


def test_latents_agree_with_arithmetic():
    for seed in range(100):
        draw = Random(seed)
        factor, channels, size = (
            draw.choice([4, 8, 16]),
            draw.randint(1, 16),
            64 * draw.randint(1, 9),
        )
        expected = (2, channels, size // factor, size // factor)
        assert shapes.latent_shape(2, size, factor, channels) == expected


def left_by_hand(kind, T, first, last):
    """alpha_bar in plain Python."""
    product, found = 1.0, []
    for t in range(T):
        if kind == "cosine":
            start = math.cos(0.008 / 1.008 * math.pi / 2) ** 2
            found.append(math.cos(((t + 1) / T + 0.008) / 1.008 * math.pi / 2) ** 2 / start)
            continue
        share = t / (T - 1)
        if kind == "linear":
            beta = first + (last - first) * share
        else:
            beta = (first**0.5 + (last**0.5 - first**0.5) * share) ** 2
        product *= 1 - beta
        found.append(product)
    return found


@pytest.mark.parametrize("kind", ["linear", "scaled", "cosine"])
def test_schedules_agree_with_plain_python(kind):
    for seed in range(35):
        draw = Random(seed)
        T, ends = draw.choice([100, 200, 500, 1000]), draw.choice(schedules.ENDS)
        found = schedules.signal_left(kind, T, ends).tolist()
        assert found == pytest.approx(left_by_hand(kind, T, *ends), rel=1e-6, abs=1e-12)


def test_the_measured_facts_of_the_curriculum_hold():
    linear = schedules.signal_left("linear", 1000, (1e-4, 0.02))
    cosine = schedules.signal_left("cosine", 1000, (1e-4, 0.02))
    assert int((linear < 0.5).nonzero()[0]) == 259 and int((cosine < 0.5).nonzero()[0]) == 496
    assert int((linear < 0.01).nonzero()[0]) == 673 and int((cosine < 0.01).nonzero()[0]) == 935
    assert linear[500].item() == pytest.approx(0.0778, abs=1e-4)


def test_model_calls_agree_with_arithmetic():
    for seed in range(100):
        draw = Random(seed)
        T, batch, steps = 1000, draw.randint(1, 64), draw.choice([1, 20, 50, 1000])
        guided, together = draw.random() < 0.5, draw.random() < 0.5
        found = schedules.count_calls(T, steps, guided, together, batch)
        assert found["calls"] == steps * (2 if guided and not together else 1)
        assert found["images"] == steps * batch * (2 if guided else 1)


def test_training_orders_are_right_exactly_when_their_dependencies_are_met():
    t, noise, x_t, loss, zero, back, step = orders.TRAINING
    chain = [(t, x_t), (noise, x_t), (x_t, loss), (loss, back), (back, step)]
    want, wrong_seen = orders.result_of(orders.TRAINING), 0
    for order in Random(0).sample(list(permutations(orders.TRAINING)), 300):
        met = all(order.index(a) < order.index(b) for a, b in chain)
        met = met and not order.index(back) < order.index(zero) < order.index(step)
        assert (orders.result_of(order) == want) == met, order
        wrong_seen += not met
    assert wrong_seen > 200


def test_sampling_orders_are_right_exactly_when_their_dependencies_are_met():
    t, eps, mean, z, x = orders.SAMPLING
    chain = [(t, eps), (eps, mean), (mean, x), (z, x)]
    for order in permutations(orders.SAMPLING):
        met = all(order.index(a) < order.index(b) for a, b in chain)
        assert (orders.result_of(order) == orders.result_of(orders.SAMPLING)) == met, order


@pytest.mark.parametrize("lines", [orders.STRICT_TRAINING, orders.STRICT_SAMPLING])
def test_the_exams_orders_have_exactly_one_right_answer(lines):
    right = orders.result_of(lines)
    assert right is not None
    assert [order for order in permutations(lines) if orders.result_of(order) == right] == [lines]


@pytest.mark.parametrize("name", blocks.FAMILIES)
def test_the_code_of_a_block_is_what_it_is_called_and_not_what_it_is_not(name):
    family = blocks.FAMILIES[name]
    torch.manual_seed(0)
    inputs = family.inputs()
    for kind, code in family.codes.items():
        agree = {other for other, real in family.real.items() if blocks.same(code, real, inputs)}
        assert kind in agree
        assert len(agree) <= 2, agree  # two names of one thing


def test_both_names_of_one_thing_count():
    asked = (ask("blocks", seed) for seed in range(400))
    assert any(len(question.right) == 2 for question in asked)


# Answers as people type them ---------------------------------------------------------------


@pytest.mark.parametrize("typed", ["(8, 16, 7, 7)", "8, 16, 7, 7", "[8,16,7,7]", (8, 16, 7, 7)])
def test_shapes_can_be_typed_in_several_ways(typed):
    assert read(typed) == [8, 16, 7, 7]
    assert read(torch.Size([8, 16, 7, 7])) == [8, 16, 7, 7]


@pytest.mark.parametrize("typed", ["bdac", "B D A C", "b, d, a, c", "b-d-a-c"])
def test_letters_can_be_typed_in_several_ways(typed):
    assert read(typed) == "bdac"


def test_numbers_are_right_within_their_tolerance():
    question = Question("x", "", 0.5, "", tolerance=0.05)
    assert question.judge("0.51") and question.judge(0.49) and not question.judge("0.6")
    assert not question.judge(True)


# Repetition --------------------------------------------------------------------------------


def event(topic, right, minutes):
    at = START + timedelta(minutes=minutes)
    return {"what": "drill", "at": at.isoformat(), "topic": topic, "right": right}


def test_what_was_wrong_returns_sooner_than_what_was_right():
    cards = deck([event("latents", True, 0), event("attention", False, 0)])
    assert cards["attention"].due < cards["latents"].due
    later = START + timedelta(minutes=2)
    assert next_topic(cards, later) == "attention"


def test_what_stays_right_returns_later_and_later():
    gaps, events = [], []
    for minutes in (0, 11, 60 * 24 * 3, 60 * 24 * 20):
        events.append(event("latents", True, minutes))
        gaps.append(deck(events)["latents"].due - START - timedelta(minutes=minutes))
    assert gaps == sorted(gaps) and gaps[-1] > timedelta(days=10)


def test_new_topics_come_before_those_that_are_not_due():
    cards = deck([event("conv_size", True, 0)])
    assert next_topic(cards, START + timedelta(seconds=1)) == "conv_chain"
    assert next_topic(cards, START, ["conv_size"]) == "conv_size"


# Sessions ----------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.jsonl"))


def test_a_drill_in_a_notebook_judges_explains_and_goes_on(kept, monkeypatch):
    shown = []
    monkeypatch.setattr(card, "show", shown.append)
    drill = Drill("latents", "attention")
    first = drill.question
    assert drill.answer(first.right) and not drill.answer("nonsense")
    assert shown[1].headline == "Right." and first.explanation == shown[1].code
    assert shown[3].headline.startswith("Not yet. Right is:")
    assert [e["right"] for e in progress.events("drill")] == [True, False]
    with pytest.raises(ValueError, match="there are: conv_size"):
        Drill("cooking")


def test_a_drill_in_the_terminal(kept, monkeypatch, capsys):
    lines = iter([ask("latents", 3).shown, "???", "(1,)", ""])
    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    assert main(["drill", "latents", "--seed", "3", "--count", "5"]) == 0
    said = capsys.readouterr().out
    assert "Right." in said and "could not be read" in said and "1 of 2 right." in said


def test_an_ended_input_ends_the_drill(kept, monkeypatch):
    def ended(_):
        raise EOFError

    monkeypatch.setattr("builtins.input", ended)
    assert main(["drill", "--seed", "0"]) == 0


def test_an_unknown_topic_is_refused_in_a_line(capsys):
    assert main(["drill", "cooking"]) == 2
    assert "no topic 'cooking'" in capsys.readouterr().err
