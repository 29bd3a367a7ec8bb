"""Lesson 05: its misconceptions, its alternatives, its quiz, and wrong code that nobody listed."""

import pytest
import torch
from mutants_05_text_to_image import MUTANTS

from course_utils import tiny_clip
from course_utils.engine.answers import PUBLIC_SEED, load_answers
from course_utils.engine.exercise import load_lesson
from course_utils.exercises.clip_toys import TextTower
from grader import quiz
from grader.misconceptions import load_hunts
from grader.reference import edits_of, expected, hunt_code, reference_code, stub_code
from grader.source import load_source
from grader.verify import diagnose_code, load_alternatives

LESSON = "05_text_to_image"
SECRET = "tests of lesson 05"
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


@pytest.mark.parametrize("e", CODE, ids=ids(CODE))
def test_messages_teach_in_a_few_sentences_and_show_no_code_of_the_solution(e):
    for edit in edits_of(LESSON, e):
        assert 30 < len(edit.message) < 260 and edit.message.endswith("."), edit.id
        assert edit.old not in edit.message, edit.id


@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_quiz_has_one_explanation_per_choice(number):
    question = QUESTIONS[number]
    assert 3 <= len(question.choices) <= 4 and set(question.right) <= set(question.choices)
    assert set(question.wrong) == set(question.choices) - set(question.right)
    assert question.explanation and all(question.wrong.values())


def test_quiz_has_ten_questions_and_some_with_several_right_answers():
    assert len(QUESTIONS) == 10
    assert any(len(q.right) > 1 for q in QUESTIONS) and any(len(q.right) == 1 for q in QUESTIONS)


@pytest.fixture(scope="module")
def clip():
    return tiny_clip.build_clip(width=16, layers=1).eval()


def test_the_sequence_agrees_with_open_clips_own_pooled_output(reference, clip):
    tokens = tiny_clip.tokenizer()(["a small red circle", "a square", ""])
    states = reference["encode_text_sequence"](clip, tokens)
    pooled = states[torch.arange(3), tokens.argmax(-1)] @ clip.text_projection
    torch.testing.assert_close(pooled, clip.encode_text(tokens))


def test_the_probes_text_tower_has_the_attributes_of_open_clips(clip):
    tower = TextTower(20, 6, 8, 4)
    parts = ("token_embedding", "positional_embedding", "transformer", "ln_final", "attn_mask",
             "text_projection", "text_pool_type", "context_length", "vocab_size")  # fmt: skip
    assert all(hasattr(tower, name) and hasattr(clip, name) for name in parts)


def test_the_probes_text_tower_pools_and_projects_as_open_clip_does(reference):
    tower, tokens = TextTower(20, 6, 8, 4).eval(), torch.tensor([[18, 3, 19, 0, 0, 0]])
    torch.nn.init.normal_(tower.text_projection)
    states = reference["encode_text_sequence"](tower, tokens)
    torch.testing.assert_close(states[:, 2] @ tower.text_projection, tower.encode_text(tokens))


def test_the_loss_is_open_clips_own_once_the_scale_is_exponentiated(reference):
    from open_clip.loss import ClipLoss

    images, texts = torch.randn(2, 5, 8)
    scale = torch.tensor(1.3)
    unit = reference["normalize_embeddings"]
    theirs = ClipLoss()(unit(images), unit(texts), scale.exp())
    torch.testing.assert_close(reference["clip_contrastive_loss"](images, texts, scale), theirs)


def test_cross_attention_agrees_with_pytorch(reference):
    layer, theirs = reference["CrossAttention"](8, 8, 2), torch.nn.MultiheadAttention(8, 2)
    stacked = [layer.to_q.weight, layer.to_k.weight, layer.to_v.weight]
    theirs.in_proj_weight.data = torch.cat(stacked).data
    theirs.out_proj = layer.out_proj
    x, context = torch.randn(5, 8), torch.randn(4, 8)
    expected_ = x + theirs(layer.norm(x), context, context)[0]
    torch.testing.assert_close(layer(x[None], context[None])[0], expected_)


@pytest.mark.parametrize("heads", [3, 5, 16])
def test_cross_attention_refuses_heads_that_do_not_divide_the_width(reference, heads):
    with pytest.raises(ValueError, match="cannot be cut"):
        reference["CrossAttention"](8, 6, heads)


def test_posterior_step_without_clamping_is_lesson_04s_mean(reference):
    """Inside [-1, 1] the detour by the clean image changes nothing."""
    schedule = reference["precompute_schedule"](torch.linspace(0.01, 0.2, 10, dtype=torch.float64))
    x_t, eps = 0.1 * torch.randn(2, 4, 3, dtype=torch.float64)
    t = torch.tensor([1, 4, 8, 9])
    zero = torch.zeros_like(x_t)
    beta, spread = schedule["betas"][t], schedule["sqrt_one_minus_alpha_bar"][t]
    mean = (x_t - (beta / spread)[:, None] * eps) / schedule["sqrt_alpha"][t][:, None]
    torch.testing.assert_close(reference["posterior_step"](x_t, eps, t, schedule, zero), mean)
