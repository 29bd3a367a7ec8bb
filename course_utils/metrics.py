"""Honest numbers for generated images: the class asked for, varied, new, and like real ones?

Everything is measured against real images, with a `Ruler` fitted on them once. Most distances are
taken between *features*, the principal components that hold 90 % of the training images' variance:
there, pixel noise neither makes samples look varied nor hides a copied image.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

MIN_RECOGNISED = 0.95
MIN_DIVERSITY = 0.60
MAX_STRAYS = 0.10
COPY_QUANTILE = 0.02
STRAY_QUANTILE = 0.99


@dataclass(frozen=True)
class Ruler:
    """What `sample_quality` measures with: a classifier, and what is normal for real images."""

    projection: Any  # principal components of the training images
    classifier: Any  # an SVM on their features; it never saw a generated image
    test_accuracy: float  # of the classifier, on real test images
    pixels: torch.Tensor  # training images (N, H * W)
    features: torch.Tensor  # training images and their shifts by one pixel (9 * N, K)
    spread: torch.Tensor  # within-class spread of real test images (num_classes,)
    copy_distance: float  # features nearer than this to a training image's: a near-copy
    stray_distance: float  # pixels farther than this from every training image: not a digit
    real_copies: float  # the share of near-copies among real test images


@dataclass(frozen=True)
class SampleQuality:
    """The gate's four numbers, as fractions, and the share of near-copies that is allowed."""

    recognised: float
    diversity: float
    copies: float
    strays: float
    max_copies: float

    def criteria(self):
        """One (what, value, limit, passed) for each number of the gate."""
        recognised, diversity = self.recognised, self.diversity
        copies, strays, limit = self.copies, self.strays, self.max_copies
        return [
            ("recognised", recognised, f">= {MIN_RECOGNISED:.0%}", recognised >= MIN_RECOGNISED),
            ("diversity", diversity, f">= {MIN_DIVERSITY:.0%}", diversity >= MIN_DIVERSITY),
            ("near-copies", copies, f"<= {limit:.1%}", copies <= limit),
            ("strays", strays, f"<= {MAX_STRAYS:.0%}", strays <= MAX_STRAYS),
        ]

    def __str__(self):
        return "\n".join(
            f"{'pass' if passed else 'FAIL'}  {what:<12}{value:7.1%}   gate: {limit}"
            for what, value, limit, passed in self.criteria()
        )


def fit_ruler(digits):
    """Fit components, classifier and thresholds on real images (`course_utils.data.Digits`)."""
    from sklearn.decomposition import PCA
    from sklearn.svm import SVC

    train, test = digits.train_images.cpu(), digits.test_images.cpu()
    projection = PCA(0.9, random_state=0).fit(train.flatten(1))
    features = torch.cat([project(projection, moved) for moved in shifted(train)])
    test_features = project(projection, test)
    copy_distance = nearest(test_features, features).quantile(COPY_QUANTILE).item()
    to_train = nearest(test.flatten(1), train.flatten(1))
    classifier = SVC(C=5).fit(project(projection, train), digits.train_labels.cpu())
    test_labels = digits.test_labels.cpu()
    return Ruler(
        projection=projection,
        classifier=classifier,
        test_accuracy=classifier.score(test_features, test_labels),
        pixels=train.flatten(1),
        features=features,
        spread=class_spread(test_features, test_labels, digits.num_classes),
        copy_distance=copy_distance,
        stray_distance=to_train.quantile(STRAY_QUANTILE).item(),
        real_copies=_share_of_copies(test_features, features, copy_distance),
    )


def sample_quality(images, labels, ruler):
    """Measure generated images (N, 1, H, W) against the labels (N,) that were asked for.

    recognised: share that the classifier reads as the label.
    diversity: mean distance between two samples of a class, relative to real test images; mean over
    classes. 0 where every sample of a class is the same.
    copies: share nearer to a training image, or to another sample, than 98 % of real test images
    are to a training image. A training image moved by a pixel still counts as that image.
    strays: share farther from every training image than 99 % of real test images are.
    """
    images = images.detach().cpu().float().nan_to_num().clamp(-1, 1)
    labels = labels.cpu()
    features = project(ruler.projection, images)
    spread = class_spread(features, labels, len(ruler.spread))
    predicted = torch.as_tensor(ruler.classifier.predict(features))
    to_train = nearest(images.flatten(1), ruler.pixels)
    return SampleQuality(
        recognised=(predicted == labels).float().mean().item(),
        diversity=(spread / ruler.spread).nanmean().item(),
        copies=_share_of_copies(features, ruler.features, ruler.copy_distance),
        strays=(to_train > ruler.stray_distance).float().mean().item(),
        max_copies=_no_more_than(ruler.real_copies, len(images)),
    )


def passes_gate(quality):
    """Whether a `SampleQuality` is on the right side of all four limits."""
    return all(passed for *_, passed in quality.criteria())


def class_spread(features, labels, num_classes):
    """Mean distance between two different samples of each class: (N, K), (N,) -> (num_classes,).

    NaN for a class with fewer than two samples.
    """
    groups = [features[labels == label] for label in range(num_classes)]
    return torch.stack([torch.pdist(group).mean() for group in groups])


def nearest(points, others):
    """Distance from each point (N, K) to the nearest of others (M, K): (N,)."""
    return torch.stack([torch.cdist(points, some).amin(1) for some in others.split(5_000)]).amin(0)


def shifted(images):
    """The images (N, 1, H, W) as they are and moved by one pixel in all eight directions: nine."""
    height, width = images.shape[-2:]
    padded = F.pad(images, (1, 1, 1, 1), value=-1.0)
    windows = [(i, j) for i in range(3) for j in range(3)]
    return [padded[..., i : i + height, j : j + width] for i, j in windows]


def project(projection, images):
    """Features of images (N, 1, H, W): float32 (N, K)."""
    return torch.as_tensor(projection.transform(images.flatten(1).numpy()), dtype=torch.float32)


def _share_of_copies(features, train_features, copy_distance):
    between = torch.cdist(features, features).fill_diagonal_(torch.inf).amin(1)
    closest = torch.minimum(between, nearest(features, train_features))
    return (closest < copy_distance).float().mean().item()


def _no_more_than(share, n):
    """The share allowed among n samples: three standard errors above what real images have.

    A generator as far from the training images as real ones fails by bad luck once in 700 tries.
    """
    return share + 3 * (share * (1 - share) / n) ** 0.5
