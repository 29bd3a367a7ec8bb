"""Lesson 05: its misconceptions, its alternatives, its quiz, and wrong code that nobody listed."""

import json

import pytest
import torch
from mutants_05_text_to_image import MUTANTS

from course_utils import prompt_figures, shape_judge, tiny_clip
from course_utils.data import DataUnavailable
from course_utils.engine.answers import PUBLIC_SEED, load_answers
from course_utils.engine.exercise import load_lesson
from course_utils.exercises.clip_toys import TextTower
from course_utils.shapes import Pictures, all_attributes, load_shapes, render
from course_utils.word_maps import (
    attention_weights,
    cached_keys_and_values,
    recorded_attention,
    word_maps,
)
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
    assert set(question.wrong) == set(question.choices) - {question.right}
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


def test_a_clip_is_stored_without_the_rows_of_tokens_that_no_caption_uses(tmp_path):
    model, tokens = tiny_clip.build_clip(), tiny_clip.tokenizer()(["a small red circle"])
    with torch.no_grad():
        model.token_embedding.weight[tokens] += 1
        model.ln_final.bias += 1
    tiny_clip.save_clip(model, tokens, tmp_path / "clip.safetensors")
    assert (tmp_path / "clip.safetensors").stat().st_size < 1_200_000
    again = tiny_clip.load_clip(tmp_path / "clip.safetensors")
    torch.testing.assert_close(again.encode_text(tokens), model.eval().encode_text(tokens))


def test_a_pretrained_model_is_read_from_a_local_file(tmp_path, reference):
    import open_clip
    from safetensors.torch import save_file

    about = {
        "embed_dim": 8,
        "vision_cfg": {
            "image_size": 16,
            "layers": 1,
            "width": 16,
            "head_width": 8,
            "patch_size": 8,
        },
        "text_cfg": {
            "context_length": 77,
            "vocab_size": 49408,
            "width": 8,
            "heads": 2,
            "layers": 1,
        },
    }
    (tmp_path / "tiny-test.json").write_text(json.dumps(about))
    open_clip.add_model_config(tmp_path)
    model = open_clip.create_model("tiny-test")
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    loaded, tokenize = tiny_clip.pretrained_clip("tiny-test", tmp_path / "weights.safetensors")
    tokens = tokenize(["a small red circle"])
    torch.testing.assert_close(loaded.encode_text(tokens), model.eval().encode_text(tokens))
    assert reference["encode_text_sequence"](loaded, tokens).shape == (1, 77, 8)


def test_missing_weights_are_explained_in_one_line(tmp_path):
    with pytest.raises(DataUnavailable, match="no weights for ViT-B-32") as found:
        tiny_clip.pretrained_clip("ViT-B-32", tmp_path / "nowhere.safetensors")
    assert "\n" not in str(found.value)


def test_no_two_captions_of_a_batch_are_equal():
    pictures = load_shapes(train=300, test=1, unseen=1).train
    batches = tiny_clip.distinct_batches(pictures, 40, torch.Generator().manual_seed(0))
    for _ in range(3):
        images, rows = next(batches)
        assert len(rows.unique(dim=0)) == 40 == len(images)


def test_captions_are_encoded_once_and_some_are_dropped():
    pictures, asked = load_shapes(train=200, test=1, unseen=1).train, []

    def encode(texts):
        asked.append(len(texts))
        return torch.full((len(texts), 4, 2), float(texts != [""]))

    batches = tiny_clip.encoded_batches(pictures, encode, 100, p_empty=0.3)
    kept = torch.cat([next(batches)[1][:, 0, 0] for _ in range(20)])
    assert len(asked) == 2 and 0.6 < kept.mean() < 0.8


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


def test_recorded_attention_is_that_of_the_layer_and_sums_to_one(reference):
    layer = reference["SpatialTransformer"](8, 6, 2)
    context = torch.randn(1, 5, 6)
    with recorded_attention(layer, 2) as records:
        layer(torch.randn(1, 8, 4, 4), context)
    assert [tuple(w.shape) for w in records] == [(1, 2, 16, 5)]
    torch.testing.assert_close(records[0].sum(-1), torch.ones(1, 2, 16))
    maps = word_maps(records, 16, 3)
    torch.testing.assert_close(maps[0, 1].flatten(), records[0][0, :, :, 1].mean(0))
    with pytest.raises(ValueError, match="64 pixels"):
        word_maps(records, 64, 3)


def test_attention_weights_explain_the_output(reference):
    layer = reference["CrossAttention"](8, 6, 2)
    x, context = torch.randn(1, 3, 8), torch.randn(1, 5, 6)
    v = layer.to_v(context).unflatten(-1, (2, 4)).transpose(1, 2)
    mixed = (attention_weights(layer, x, context, 2) @ v).transpose(1, 2).flatten(2)
    torch.testing.assert_close(layer(x, context), x + layer.out_proj(mixed))


def test_cached_keys_and_values_change_no_number_and_leave_nothing_behind(reference):
    layer = reference["CrossAttention"](8, 6, 2)
    x, contexts = torch.randn(2, 3, 8), torch.randn(2, 2, 5, 6).unbind()
    plain = [layer(x, context) for context in contexts]
    with cached_keys_and_values(layer):
        for context, want in [*zip(contexts, plain, strict=True)] * 2:
            assert torch.equal(layer(x, context), want)
    assert not [name for m in layer.modules() for name in vars(m) if name == "forward"]


def test_the_judge_that_ships_reads_new_renderings():
    judge, rows = shape_judge.load_judge(), all_attributes().repeat(5, 1)
    pictures = Pictures(render(rows, 16, torch.Generator().manual_seed(77)), rows)
    assert shape_judge.prompt_quality(judge, *pictures).colour_and_shape >= 0.99


def test_shares_count_attributes_and_their_pairs():
    asked = torch.zeros(4, 4, dtype=torch.long)
    found = asked.clone()
    found[0, 1], found[1, 2], found[1, 3] = 1, 1, 1
    shares = shape_judge.shares_right(found, asked)
    assert (shares.size, shares.colour, shares.shape, shares.place) == (1, 0.75, 0.75, 0.75)
    assert (shares.colour_and_shape, shares.everything) == (0.5, 0.5)
    assert "colour and shape" in str(shares) and not shape_judge.passes_gate(shares)


def test_every_figure_becomes_a_png_with_a_description():
    image, quality = torch.rand(3, 16, 16) * 2 - 1, shape_judge.PromptQuality(*[0.5] * 6)
    pictures = [
        prompt_figures.show_captioned(torch.stack([image] * 3), ["a", "b", "c"], columns=2),
        prompt_figures.show_similarities(torch.eye(2), torch.stack([image] * 2), ["a", "b"]),
        prompt_figures.show_word_maps(image, ["a", "b"], torch.rand(2, 8, 8)),
        prompt_figures.plot_scales([1, 2], [quality, quality]),
    ]
    for picture in pictures:
        assert picture.png(dpi=40).startswith(b"\x89PNG") and len(picture.alt) > 20
