"""Pictures to fill holes in: faces rendered by code, digits, and CelebA where its files are.

`load_faces` returns `Faces`: float32 images (N, C, S, S) in [-1, 1], split for training and
validation. Files that are no images, or broken ones, are left out and counted.
"""

import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F

from course_utils.data import DataUnavailable, load_digits
from course_utils.face_rendering import render_faces

RENDERED = (4000, 400)  # for training, for validation
PARTITION = "list_eval_partition.txt"  # CelebA's own split: file name, then 0, 1 or 2
NAMES = ("faces", "digits", "celeba")


class Faces(NamedTuple):
    """float32 images (N, C, S, S) in [-1, 1], and how many files could not be read."""

    train_images: torch.Tensor
    val_images: torch.Tensor
    skipped: int = 0


def load_faces(name="faces", root="data", image_size=32, limit=20_000, download=False):
    """Return `Faces` called name: "faces" (rendered, always there), "digits" or "celeba".

    All have three channels, so that one network fits; digits are grey.
    CelebA is read from root/celeba/img_align_celeba (torchvision's place), from
    root/img_align_celeba or from root itself, at most limit images; it is fetched with torchvision
    only where download is true. Raises `DataUnavailable` where there are no images, `ValueError`
    for another name.
    """
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}; got {name!r}")
    if name == "faces":
        train, val = RENDERED
        images = render_faces(train + val, torch.Generator().manual_seed(0), image_size)
        return Faces(images[:train], images[train:])
    if name == "digits":
        digits = load_digits()
        parts = (
            _scaled(images, image_size) for images in (digits.train_images, digits.test_images)
        )
        return Faces(*(grey.expand(-1, 3, -1, -1).contiguous() for grey in parts))
    if download and not _folder(Path(root)):
        _download(Path(root))
    return read_folder(_folder(Path(root)) or Path(root), image_size, limit)


def has_celeba(root="data"):
    """Whether `load_faces("celeba", root)` finds a folder without a download."""
    return _folder(Path(root)) is not None


def read_folder(folder, image_size=32, limit=20_000):
    """`Faces` from all images in a folder, cropped to squares; other files are skipped and counted.

    The split is CelebA's own where its file stands beside the folder; otherwise every tenth image,
    by name, is for validation.
    """
    from tqdm.auto import tqdm

    folder = Path(folder)
    paths = sorted(p for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []
    train, val, skipped = [], [], 0
    for path in tqdm(paths[:limit], desc="reading images", disable=len(paths) < 1000):
        image = _read_image(path, image_size)
        if image is None:
            skipped += 1
            continue
        (val if _is_for_validation(path, folder, len(train) + len(val)) else train).append(image)
    if not train or not val:
        raise DataUnavailable(_by_hand(folder, len(train) + len(val)))
    if skipped:
        print(f"left out {skipped} files of {folder} that cannot be read as pictures")
    return Faces(torch.stack(train), torch.stack(val), skipped)


def _read_image(path, image_size):
    """The middle square of an image file, float32 (3, S, S) in [-1, 1]; None if unreadable."""
    import numpy as np
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as file:
            image = ImageOps.fit(file.convert("RGB"), (image_size, image_size), Image.BOX)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1


def _is_for_validation(path, folder, number):
    parts = _partition(folder)
    return parts[path.name] == 1 if path.name in parts else number % 10 == 9 or number == 1


def _partition(folder, known={}):  # noqa: B006 - a cache: the file has 200,000 lines
    for place in (folder, folder.parent):
        file = place / PARTITION
        if file.is_file():
            if file not in known:
                lines = (line.split() for line in file.read_text().splitlines())
                known[file] = {words[0]: int(words[1]) for words in lines if len(words) == 2}
            return known[file]
    return {}


def _scaled(images, size):
    if images.shape[-1] == size:
        return images
    shape = {"size": (size, size), "mode": "bicubic", "align_corners": False}
    return F.interpolate(images, **shape).clamp(-1, 1)


def _folder(root):
    places = (root / "celeba" / "img_align_celeba", root / "img_align_celeba")
    return next((place for place in places if place.is_dir()), None)


def _download(root):
    """Fetch into a temporary folder; move it into place only when all of it is there."""
    import torchvision

    with tempfile.TemporaryDirectory(prefix="download-") as unfinished:
        try:
            torchvision.datasets.CelebA(unfinished, download=True)
        except Exception as error:  # whatever the host, the network or a missing helper says
            raise DataUnavailable(_by_hand(root / "celeba" / "img_align_celeba", 0)) from error
        root.mkdir(parents=True, exist_ok=True)
        shutil.move(Path(unfinished) / "celeba", root / "celeba")


def _by_hand(folder, found):
    what = f"{found} readable images in {folder}" if found else f"no images in {folder}"
    return f"{what}: put CelebA's aligned pictures (000001.jpg, …), or ten of your own, there"
