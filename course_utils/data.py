"""The course's images: embedded digits that need no network, MNIST and FashionMNIST where they are.

Every loader returns a `Digits`: float32 images (N, 1, H, W) in [-1, 1], int64 labels (N,), split
into real training and test images.
"""

import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F

IDX_FILES = tuple(
    f"{part}-{kind}"
    for part in ("train", "t10k")
    for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
)


class DataUnavailable(RuntimeError):
    """The wanted images are not on this machine; the message says what to do, in one line."""

    def _render_traceback_(self):
        """IPython's hook: a notebook shows the message alone."""
        return [f"{type(self).__name__}: {self}"]


class Digits(NamedTuple):
    """Ten classes of grey images: float32 (N, 1, H, W) in [-1, 1] and int64 labels (N,)."""

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    num_classes: int = 10


def load_digits(name="digits", root="data", download=False):
    """Return the `Digits` called name: "digits" (16x16), "mnist" or "fashion-mnist" (both 32x32).

    "digits" is scikit-learn's set of 1,797 handwritten 8x8 images and always there. The others are
    read from root with torchvision, and fetched only where download is true. Raises
    `DataUnavailable` where files are missing or unreadable, `ValueError` for another name.
    """
    loaders = {"digits": _embedded_digits, "mnist": _idx_digits, "fashion-mnist": _idx_digits}
    if name not in loaders:
        raise ValueError(f"name must be one of {', '.join(loaders)}; got {name!r}")
    return loaders[name](name, Path(root), download)


def has_digits(name, root="data"):
    """Whether `load_digits(name, root)` can do without a download."""
    return name == "digits" or all(
        (_raw_folder(name, Path(root)) / file).is_file() for file in IDX_FILES
    )


def random_batches(images, labels, batch_size, generator):
    """Yield (x_0, labels) for ever: shuffled passes over the data, without incomplete batches."""
    while True:
        order = torch.randperm(len(images), generator=generator).to(images.device)
        for chosen in order.split(batch_size):
            if len(chosen) == min(batch_size, len(images)):
                yield images[chosen], labels[chosen]


def _embedded_digits(name, root, download):
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    digits = datasets.load_digits()
    train, test = train_test_split(
        range(len(digits.target)), test_size=0.25, stratify=digits.target, random_state=0
    )
    pixels = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16  # (N, 1, 8, 8)
    images = _enlarge(pixels) * 2 - 1
    labels = torch.tensor(digits.target, dtype=torch.int64)
    return Digits(images[train], labels[train], images[test], labels[test])


def _enlarge(pixels):
    """Double 8x8 images in [0, 1] by cubic interpolation, cut back to [0, 1]: (N, 1, 16, 16).

    The cubic kernel keeps strokes sharp where the linear one blurs them; it overshoots a little.
    """
    return F.interpolate(pixels, scale_factor=2, mode="bicubic", align_corners=False).clamp(0, 1)


def _idx_digits(name, root, download):
    if download and not has_digits(name, root):
        _download(name, root)
    try:
        train, test = (_dataset_class(name)(root, train=train) for train in (True, False))
    except (RuntimeError, OSError, ValueError, AssertionError) as error:
        raise DataUnavailable(_by_hand(name, root, "cannot be read")) from error
    return Digits(_to_images(train), train.targets.long(), _to_images(test), test.targets.long())


def _to_images(dataset):
    """(N, 28, 28) bytes -> float32 (N, 1, 32, 32) in [-1, 1], with a black border of two pixels."""
    return F.pad(dataset.data[:, None].float() / 127.5 - 1, (2, 2, 2, 2), value=-1.0)


def _download(name, root):
    """Fetch into a temporary folder and move the files into place when all of them are there."""
    with tempfile.TemporaryDirectory(prefix="download-") as unfinished:
        try:
            _dataset_class(name)(unfinished, download=True)
        except (RuntimeError, OSError) as error:
            raise DataUnavailable(_by_hand(name, root, "could not be downloaded")) from error
        folder = _raw_folder(name, root)
        folder.mkdir(parents=True, exist_ok=True)
        for file in IDX_FILES:
            shutil.move(_raw_folder(name, Path(unfinished)) / file, folder / file)


def _by_hand(name, root, problem):
    return f"{name} {problem}: put {', '.join(IDX_FILES)} (unzipped) into {_raw_folder(name, root)}"


def _raw_folder(name, root):
    return root / _dataset_class_name(name) / "raw"


def _dataset_class_name(name):
    return {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}[name]


def _dataset_class(name):
    import torchvision

    return getattr(torchvision.datasets, _dataset_class_name(name))
