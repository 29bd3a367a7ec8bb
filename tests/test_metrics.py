"""The gate must let real variety through and catch every cheap way of looking good."""

import pytest
import torch

from course_utils.data import load_digits
from course_utils.metrics import class_spread, fit_ruler, passes_gate, sample_quality, shifted

PER_CLASS = 20


@pytest.fixture(scope="module")
def digits():
    return load_digits()


@pytest.fixture(scope="module")
def ruler(digits):
    return fit_ruler(digits)


@pytest.fixture(scope="module")
def asked_for():
    return torch.arange(10).repeat_interleave(PER_CLASS)


def of_each_class(images, labels, count=PER_CLASS):
    return torch.cat([images[labels == label][:count] for label in range(10)])


def noise_like(images, seed=0):
    return torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def train(digits):
    return of_each_class(digits.train_images, digits.train_labels)


@pytest.fixture(scope="module")
def unseen(digits):
    return of_each_class(digits.test_images, digits.test_labels)


def test_the_classifier_is_98_percent_right_on_real_test_digits(ruler):
    assert ruler.test_accuracy >= 0.98


def test_real_unseen_digits_pass(digits, ruler):
    quality = sample_quality(digits.test_images, digits.test_labels, ruler)
    assert passes_gate(quality)
    assert quality.diversity == pytest.approx(1, abs=1e-5)


def test_training_images_fed_back_fail_as_copies(train, asked_for, ruler):
    quality = sample_quality(train, asked_for, ruler)
    assert quality.copies == 1
    assert not passes_gate(quality)


def test_half_of_the_samples_copied_still_fails(train, unseen, asked_for, ruler):
    half = torch.where(torch.arange(len(train))[:, None, None, None] % 2 == 0, train, unseen)
    assert not passes_gate(sample_quality(half, asked_for, ruler))


@pytest.mark.parametrize("strength", [0.1, 0.3, 0.5, 0.7])
def test_training_images_behind_noise_fail(train, asked_for, ruler, strength):
    samples = train + strength * noise_like(train)
    assert not passes_gate(sample_quality(samples, asked_for, ruler))


def test_training_images_moved_by_a_pixel_are_copies(digits, ruler, asked_for):
    moved = shifted(digits.train_images)[3]
    samples = of_each_class(moved, digits.train_labels)
    assert sample_quality(samples, asked_for, ruler).copies == 1


@pytest.mark.parametrize("count", [1, 2, 3, 5, 10])
def test_a_few_perfect_images_per_class_fail(digits, asked_for, ruler, count):
    few = of_each_class(digits.test_images, digits.test_labels, count).view(10, count, 1, 16, 16)
    samples = few.repeat(1, PER_CLASS // count + 1, 1, 1, 1)[:, :PER_CLASS].flatten(0, 1)
    quality = sample_quality(samples, asked_for, ruler)
    assert quality.recognised >= 0.95
    assert not passes_gate(quality)


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.5, 0.7, 1.0])
def test_the_mean_digit_of_each_class_behind_noise_fails(digits, asked_for, ruler, strength):
    images, labels = digits.train_images, digits.train_labels
    means = torch.stack([images[labels == label].mean(0) for label in range(10)])[asked_for]
    samples = means + strength * noise_like(means)
    assert not passes_gate(sample_quality(samples, asked_for, ruler))


def test_noise_fails(train, asked_for, ruler):
    quality = sample_quality(noise_like(train), asked_for, ruler)
    assert quality.recognised < 0.3
    assert quality.strays > 0.9


def test_exploded_samples_fail_and_do_not_crash(train, asked_for, ruler):
    samples = torch.where(noise_like(train) > 0, torch.nan, torch.inf)
    assert not passes_gate(sample_quality(samples, asked_for, ruler))


def test_good_images_of_the_wrong_class_are_not_recognised(unseen, asked_for, ruler):
    assert sample_quality(unseen, (asked_for + 1) % 10, ruler).recognised < 0.05


def test_diversity_falls_as_samples_collapse_towards_their_mean(unseen, asked_for, ruler):
    means = unseen.view(10, PER_CLASS, 1, 16, 16).mean(1)[asked_for]
    measured = [
        sample_quality(means + keep * (unseen - means), asked_for, ruler).diversity
        for keep in (1.0, 0.75, 0.5, 0.25, 0.0)
    ]
    assert measured == sorted(measured, reverse=True)
    assert measured[2] == pytest.approx(measured[0] / 2, rel=1e-3)
    assert measured[4] == pytest.approx(0, abs=1e-4)


def test_class_spread_is_the_mean_distance_between_two_of_a_class():
    features = torch.tensor([[0.0, 0.0], [3.0, 4.0], [9.0, 9.0], [9.0, 9.0]])
    spread = class_spread(features, torch.tensor([0, 0, 1, 1]), 2)
    assert spread.tolist() == [5.0, 0.0]


def test_every_number_is_printed_with_its_limit(unseen, asked_for, ruler):
    lines = str(sample_quality(unseen, asked_for, ruler)).splitlines()
    assert [line.split()[1] for line in lines] == [
        "recognised",
        "diversity",
        "near-copies",
        "strays",
    ]
