"""What lesson 05 is given: CLIP in small and pretrained, batches, word maps, judge, figures."""

import json

import pytest
import torch

from course_utils import prompt_figures, shape_judge, tiny_clip
from course_utils.data import DataUnavailable
from course_utils.shapes import Pictures, all_attributes, load_shapes, render
from course_utils.word_maps import (
    attention_weights,
    cached_keys_and_values,
    recorded_attention,
    word_maps,
)
from grader.source import load_source


@pytest.fixture
def reference():
    return load_source("05_text_to_image").namespace()


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

    text = {"context_length": 77, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1}
    vision = {"image_size": 16, "layers": 1, "width": 16, "head_width": 8, "patch_size": 8}
    about = {"embed_dim": 8, "vision_cfg": vision, "text_cfg": text}
    (tmp_path / "tiny-test.json").write_text(json.dumps(about))
    open_clip.add_model_config(tmp_path)
    model = open_clip.create_model("tiny-test")
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    loaded, tokenize = tiny_clip.pretrained_clip("tiny-test", tmp_path / "weights.safetensors")
    tokens = tokenize(["a small red circle"])
    torch.testing.assert_close(loaded.encode_text(tokens), model.eval().encode_text(tokens))
    assert reference["encode_text_sequence"](loaded, tokens).shape == (1, 77, 8)
    pictures = load_shapes(train=1, test=8, unseen=1).test
    classify = reference["zero_shot_classify"]
    assert "of 8 pictures" in tiny_clip.zero_shot_report(loaded, tokenize, classify, pictures)


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
        assert picture.png(dpi=40).startswith(b"\x89PNG") and len(picture.alt) >= 20
