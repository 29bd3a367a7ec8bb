"""Lesson 02: its misconceptions, its alternatives, its quiz, and wrong code that nobody listed."""

import pytest
import torch
from mutants_02_attention import MUTANTS

from course_utils import attention_figures as figures
from course_utils.attention_lab import attention_maps, influence, milliseconds
from course_utils.engine.answers import PUBLIC_SEED, load_answers
from course_utils.engine.exercise import load_lesson
from course_utils.token_data import digit_patches, digit_rows, left_of
from grader import quiz
from grader.misconceptions import load_hunts
from grader.reference import edits_of, expected, hunt_code, reference_code, stub_code
from grader.source import load_source
from grader.verify import diagnose_code, load_alternatives

LESSON = "02_attention"
SECRET = "tests of lesson 02"
EXERCISES = load_lesson(LESSON).exercises
CODE = [e for e in EXERCISES.values() if e.kind == "code"]
HUNTS = [e for e in EXERCISES.values() if e.kind == "hunt"]
QUESTIONS = quiz.load(LESSON)


def ids(exercises):
    return [e.id for e in exercises]


@pytest.fixture(autouse=True)
def one_thread():
    """The probes' tensors are tiny: threads would only get in each other's way."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def reference():
    return load_source(LESSON).namespace()


def judged(e, code):
    """What the judge says of code, on secret cases."""
    return diagnose_code(LESSON, e, code, SECRET, expected(LESSON, e.id, SECRET))


def checked(e, code):
    """What the check in the notebook says of code, with the answers that are shipped."""
    return diagnose_code(LESSON, e, code, PUBLIC_SEED, load_answers(LESSON)[e.id])


def is_named(found, name):
    return not found.passed and found.mistake is not None and found.mistake.id == name


@pytest.mark.parametrize("e", EXERCISES.values(), ids=ids(EXERCISES.values()))
def test_reference_passes_every_secret_case(e):
    assert judged(e, reference_code(LESSON, e)).passed


@pytest.mark.parametrize("e", EXERCISES.values(), ids=ids(EXERCISES.values()))
def test_reference_raises_no_error_that_a_wrong_answer_could_share(e):
    assert not [case for case, o in expected(LESSON, e.id, SECRET).want.items() if "error" in o]


@pytest.mark.parametrize("e", EXERCISES.values(), ids=ids(EXERCISES.values()))
def test_stub_fails(e):
    assert not judged(e, stub_code(LESSON, e)).passed


@pytest.mark.parametrize("e", [*CODE, EXERCISES["quiz"]], ids=[*ids(CODE), "quiz"])
def test_each_misconception_is_named_as_itself_by_judge_and_check(e):
    reference = reference_code(LESSON, e)
    for edit in edits_of(LESSON, e):
        code = edit.apply(reference)
        assert is_named(judged(e, code), edit.id), f"the judge misses {edit.id}"
        assert is_named(checked(e, code), edit.id), f"the check misses {edit.id}"


@pytest.mark.parametrize("e", HUNTS, ids=ids(HUNTS))
def test_each_hunt_is_named_as_the_mistake_that_it_hides(e):
    code = hunt_code(LESSON, e)
    planted = load_hunts(LESSON)[e.id]
    assert is_named(judged(e, code), planted) and is_named(checked(e, code), planted)


@pytest.mark.parametrize("e", HUNTS, ids=ids(HUNTS))
def test_hints_of_a_hunt_do_not_show_the_line(e):
    edit = next(x for x in edits_of(LESSON, e) if x.id == load_hunts(LESSON)[e.id])
    shown = [text for text in (edit.old, edit.new) if text]
    assert not [hint for hint in (e.title, *e.hints) for text in shown if text in hint]


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


@pytest.mark.parametrize(
    ("exercise", "old", "new"),
    [
        ("scaled_dot_product_attention", "** 0.5", "** 0.25"),
        ("split_heads", "transpose(1, 2)", "transpose(1, 2).flip(1)"),
        ("MultiHeadSelfAttention", "self.to_k(x)", "self.to_k(x.flip(1))"),
        ("sinusoidal_table", "angles.cos()", "-angles.cos()"),
        ("TransformerEncoderBlock", "nn.GELU()", "nn.SiLU()"),
        ("SpatialSelfAttention", "return x + ", "return 0.5 * x + "),
    ],
)
def test_an_unlisted_mistake_is_not_given_the_name_of_another(exercise, old, new):
    e = EXERCISES[exercise]
    found = judged(e, reference_code(LESSON, e).replace(old, new))
    assert not found.passed and found.mistake is None


@pytest.mark.parametrize("e", CODE, ids=ids(CODE))
def test_messages_teach_in_a_few_sentences_and_show_no_code_of_the_solution(e):
    for edit in edits_of(LESSON, e):
        assert 30 < len(edit.message) < 260 and edit.message.endswith("."), edit.id
        assert edit.old not in edit.message, edit.id


def test_a_naive_softmax_that_is_right_for_ordinary_scores_passes():
    """Subtracting the largest score is good practice; the exercise does not ask for it."""
    styles = dict(load_alternatives(LESSON)["scaled_dot_product_attention"])
    e = EXERCISES["scaled_dot_product_attention"]
    assert judged(e, styles["naive exp and clamp"]).passed


def test_pixels_may_be_read_column_by_column_when_they_are_put_back_so():
    styles = dict(load_alternatives(LESSON)["SpatialSelfAttention"])
    e = EXERCISES["SpatialSelfAttention"]
    assert judged(e, styles["column by column: attention does not mind"]).passed


def test_nan_is_told_apart_from_wrong_numbers():
    e = EXERCISES["scaled_dot_product_attention"]
    code = next(x for x in edits_of(LESSON, e) if x.id == "blocked_rows_are_nan")
    wrong = judged(e, code.apply(reference_code(LESSON, e))).wrong
    assert set(wrong["a row in which nothing may be attended to"]) == {"no NaN"}


@pytest.mark.parametrize("heads", [3, 5, 16])
def test_module_refuses_heads_that_do_not_divide_the_width(reference, heads):
    module = reference["MultiHeadSelfAttention"](8, heads)
    with pytest.raises(ValueError, match="cannot be cut"):
        module(torch.randn(1, 2, 8))


def test_reference_agrees_with_pytorch(reference):
    mine, theirs = reference["MultiHeadSelfAttention"](12, 3), torch.nn.MultiheadAttention(12, 3)
    theirs.out_proj.load_state_dict(mine.out_proj.state_dict())
    layers = (mine.to_q, mine.to_k, mine.to_v)
    theirs.in_proj_weight.data = torch.cat([layer.weight for layer in layers])
    theirs.in_proj_bias.data = torch.cat([layer.bias for layer in layers])
    x = torch.randn(5, 2, 12)  # (L, B, D)
    torch.testing.assert_close(mine(x.transpose(0, 1)).transpose(0, 1), theirs(x, x, x)[0])


def test_a_fully_masked_row_leaves_finite_gradients(reference):
    q, k, v = (torch.randn(2, 3, 4, requires_grad=True) for _ in range(3))
    mask = torch.tensor([True, False, True])[:, None].expand(3, 3)
    out, _ = reference["scaled_dot_product_attention"](q, k, v, mask)
    out.square().sum().backward()
    assert all(x.grad.isfinite().all() for x in (q, k, v))


@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_quiz_has_one_explanation_per_choice(number):
    question = QUESTIONS[number]
    assert 3 <= len(question.choices) <= 4 and set(question.right) <= set(question.choices)
    assert set(question.wrong) == set(question.choices) - {question.right}
    assert question.explanation and all(question.wrong.values())


def test_quiz_has_ten_questions_and_some_with_several_right_answers():
    assert len(QUESTIONS) == 10
    assert any(len(q.right) > 1 for q in QUESTIONS) and any(len(q.right) == 1 for q in QUESTIONS)


def test_every_figure_becomes_a_png_with_a_description():
    image, weights = torch.rand(1, 16, 16) * 2 - 1, torch.rand(16, 16)
    heads = torch.arange(24).reshape(1, 2, 3, 4)
    pictures = [
        figures.show_heat_maps({"one": weights, "zero": torch.zeros(2, 2)}),
        figures.show_heat_maps({str(n): weights for n in range(5)}, signed=True, columns=3),
        figures.plot_against([1, 10], {"a": [1.0, 2.0]}, "x", "y", log=(True, True)),
        figures.show_heads({"right": heads}, d_model=8),
        figures.show_patch_attention(image, weights, [0, 5]),
        figures.show_shares(torch.tensor([1.0, 0.0]), [0.1, 10.0]),
        figures.show_clocks(torch.tensor([[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]]), [0, 1]),
    ]
    for picture in pictures:
        assert picture.png(dpi=40).startswith(b"\x89PNG") and len(picture.alt) > 20


@pytest.mark.parametrize("explore", [figures.explore_shares, figures.explore_clocks])
def test_sliders_come_with_a_still_picture(explore, capsys):
    explore(torch.rand(6) if explore is figures.explore_shares else torch.rand(12, 4))
    assert "[figure:" in capsys.readouterr().out


def test_one_attention_layer_reaches_every_pixel_and_three_convolutions_do_not(reference):
    torch.manual_seed(0)
    stack = torch.nn.Sequential(*(torch.nn.Conv2d(8, 8, 3, padding=1) for _ in range(3)))
    assert int((influence(stack) > -6).sum()) == 49
    assert (influence(reference["SpatialSelfAttention"](8, 2)) > -6).all()
    assert milliseconds(stack, torch.randn(1, 8, 4, 4), repeats=1) > 0


def test_attention_maps_are_the_weights_of_each_head(reference):
    block = reference["TransformerEncoderBlock"](8, 2)
    x = torch.randn(5, 8)
    inside = block.norm1(x[None])
    q, k = (
        reference["split_heads"](layer(inside), 2) for layer in (block.attn.to_q, block.attn.to_k)
    )
    _, weights = reference["scaled_dot_product_attention"](q, k, k)
    torch.testing.assert_close(torch.stack(attention_maps(block, x, 2)), weights[0])


def test_patches_are_read_row_by_row():
    image = torch.arange(64.0).reshape(1, 1, 8, 8)
    patches = digit_patches(image)
    assert patches.shape == (1, 4, 16)
    assert patches[0, 1].tolist() == image[0, 0, :4, 4:].flatten().tolist()


def test_rows_of_digits_come_with_the_labels_of_their_left_neighbours():
    images, labels = torch.arange(10.0).reshape(10, 1, 1, 1), torch.arange(10)
    tokens, row_labels = digit_rows(images, labels, 5, 4, torch.Generator().manual_seed(0))
    assert torch.equal(tokens.squeeze(-1).long(), row_labels)
    left = left_of(row_labels)
    assert (left[:, 0] == -100).all() and torch.equal(left[:, 1:], row_labels[:, :-1])
