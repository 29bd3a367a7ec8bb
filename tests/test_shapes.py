"""Captioned shapes: what is drawn is what the caption says, and the split is real."""

import pytest
import torch

from course_utils import shapes


@pytest.fixture(scope="module")
def data():
    return shapes.load_shapes(train=300, test=100, unseen=60)


def test_pictures_are_float32_between_minus_one_and_one(data):
    for part in data:
        assert part.images.shape[1:] == (3, 16, 16) and part.images.dtype == torch.float32
        assert part.images.min() >= -1 and part.images.max() <= 1


def test_the_same_seed_gives_the_same_pictures_and_another_one_others(data):
    again, other = (shapes.load_shapes(train=300, test=100, unseen=60, seed=s) for s in (0, 1))
    assert torch.equal(again.train.images, data.train.images)
    assert not torch.equal(other.train.images, data.train.images)


def test_no_test_picture_is_a_training_picture(data):
    distances = torch.cdist(data.test.images.flatten(1), data.train.images.flatten(1))
    assert distances.min() > 0


def test_held_out_pairs_occur_in_the_unseen_part_and_nowhere_else(data):
    def pairs(part):
        return {(shapes.COLOURS[c], shapes.SHAPES[s]) for _, c, s, _ in part.attributes.tolist()}

    assert pairs(data.unseen) == set(shapes.HELD_OUT)
    assert not (pairs(data.train) | pairs(data.test)) & set(shapes.HELD_OUT)


def test_every_word_of_a_held_out_pair_is_known_from_training(data):
    words = {word for text in data.train.captions for word in text.split()}
    assert {word for pair in shapes.HELD_OUT for word in pair} <= words


def test_there_are_120_captions_and_all_of_them_differ():
    seen, unseen = shapes.all_attributes(), shapes.all_attributes(held_out=True)
    captions = {shapes.caption(row) for row in torch.cat([seen, unseen]).tolist()}
    assert (len(seen), len(unseen), len(captions)) == (100, 20, 120)


def test_captions_read_like_sentences():
    assert shapes.caption((0, 0, 0, 1)) == "a small red circle on the left"
    assert shapes.caption((1, 2, 2, 0), place=False) == "a large blue triangle"


@pytest.mark.parametrize("image_size", [16, 32])
def test_large_shapes_cover_more_pixels_than_small_ones(image_size):
    rows = shapes.all_attributes()
    images = shapes.render(rows, image_size, torch.Generator().manual_seed(0))
    assert images.shape == (100, 3, image_size, image_size)
    painted = (images.amax(1) > 0).float().mean((1, 2))
    assert painted[rows[:, 0] == 0].max() < painted[rows[:, 0] == 1].min()


@pytest.mark.parametrize(("place", "axis", "side"), [(1, 3, 0), (2, 3, 1), (3, 2, 0), (4, 2, 1)])
def test_shapes_stand_where_the_caption_says(place, axis, side):
    rows = shapes.all_attributes()
    rows = rows[rows[:, 3] == place]
    painted = (shapes.render(rows, 16, torch.Generator().manual_seed(0)).amax(1, True) > 0).float()
    halves = [half.sum((1, 2, 3)) for half in painted.chunk(2, dim=axis)]
    assert (halves[side] > halves[1 - side]).all()


def test_colours_are_those_of_the_caption():
    rows = shapes.all_attributes()
    images = shapes.render(rows, 16, torch.Generator().manual_seed(0))
    brightest = images.flatten(2).amax(2)  # (N, 3)
    for colour, channel in ((0, 0), (1, 1), (2, 2)):
        assert (brightest[rows[:, 1] == colour].argmax(1) == channel).all()


def test_the_three_shapes_have_about_the_same_area():
    rows = torch.tensor([[1, 0, shape, 0] for shape in range(3)]).repeat(20, 1)
    images = shapes.render(rows, 32, torch.Generator().manual_seed(0))
    painted = (images[:, 0] > 0).float().mean((1, 2))
    areas = [painted[rows[:, 2] == shape].mean() for shape in range(3)]
    assert max(areas) < 1.35 * min(areas)
