"""The course's images: the embedded digits, and the IDX files of MNIST and FashionMNIST."""

import struct
import subprocess
import sys

import pytest
import torch

from course_utils import data


def write_idx(path, values):
    """Write a uint8 tensor in the IDX format: magic number, sizes (big-endian), bytes."""
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    path.write_bytes(header + values.numpy().tobytes())


@pytest.fixture
def fake_mnist(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    generator = torch.Generator().manual_seed(0)
    for part, count in (("train", 12), ("t10k", 5)):
        pixels = torch.randint(0, 256, (count, 28, 28), dtype=torch.uint8, generator=generator)
        pixels[0, 0, :2] = torch.tensor([0, 255], dtype=torch.uint8)
        write_idx(raw / f"{part}-images-idx3-ubyte", pixels)
        write_idx(raw / f"{part}-labels-idx1-ubyte", torch.arange(count, dtype=torch.uint8) % 10)
    return tmp_path


def test_embedded_digits_have_the_promised_shapes_and_range():
    digits = data.load_digits()
    assert digits.train_images.shape == (1347, 1, 16, 16)
    assert digits.test_images.shape == (450, 1, 16, 16)
    assert digits.train_images.dtype == torch.float32
    assert digits.train_labels.dtype == torch.int64
    assert digits.train_images.min() == -1
    assert digits.train_images.max() == 1


def test_embedded_digits_are_split_the_same_way_every_time():
    first, second = data.load_digits(), data.load_digits()
    assert torch.equal(first.train_images, second.train_images)


def test_split_is_stratified_and_shares_no_image():
    digits = data.load_digits()
    share = digits.test_labels.bincount() / digits.train_labels.bincount()
    assert share.min() > 0.3 and share.max() < 0.37
    assert torch.cdist(digits.test_images.flatten(1), digits.train_images.flatten(1)).min() > 0


def test_enlarged_digits_keep_strokes_and_background():
    originals = torch.zeros(1, 1, 8, 8)
    originals[..., 3:5] = 1
    shown = data._enlarge(originals)
    assert shown.shape == (1, 1, 16, 16)
    assert (shown[..., 7:9] > 0.99).all()
    assert (shown[..., :4] == 0).all()


def test_mnist_is_read_from_idx_files(fake_mnist):
    digits = data.load_digits("mnist", root=fake_mnist)
    assert digits.train_images.shape == (12, 1, 32, 32)
    assert digits.test_labels.tolist() == [0, 1, 2, 3, 4]
    assert digits.train_images[0, 0, 2, 2] == -1
    assert digits.train_images[0, 0, 2, 3] == 1
    assert (digits.train_images[:, :, :2] == -1).all()


def test_fashion_mnist_has_its_own_folder(fake_mnist):
    (fake_mnist / "MNIST").rename(fake_mnist / "FashionMNIST")
    assert data.has_digits("fashion-mnist", fake_mnist)
    assert len(data.load_digits("fashion-mnist", root=fake_mnist).train_images) == 12


def test_missing_files_are_one_line_that_says_where_to_put_them(tmp_path):
    with pytest.raises(data.DataUnavailable) as caught:
        data.load_digits("mnist", root=tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    assert "train-images-idx3-ubyte" in message
    assert str(tmp_path / "MNIST" / "raw") in message
    assert len(caught.value._render_traceback_()) == 1


def test_a_truncated_file_is_reported_not_read(fake_mnist):
    path = fake_mnist / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(data.DataUnavailable, match="cannot be read"):
        data.load_digits("mnist", root=fake_mnist)


def test_a_failed_download_leaves_nothing_behind(tmp_path, monkeypatch):
    import torchvision

    def half_a_download(self):
        from pathlib import Path

        raw = Path(self.raw_folder)
        raw.mkdir(parents=True)
        (raw / "train-images-idx3-ubyte.gz").write_bytes(b"half")
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz")

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", half_a_download)
    root = tmp_path / "data"
    with pytest.raises(data.DataUnavailable, match="could not be downloaded"):
        data.load_digits("mnist", root=root, download=True)
    assert not root.exists()


def test_a_finished_download_is_moved_into_place(fake_mnist, tmp_path, monkeypatch):
    import shutil

    import torchvision

    def local_download(self):
        shutil.copytree(fake_mnist / "MNIST" / "raw", self.raw_folder)

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", local_download)
    root = tmp_path / "fresh"
    assert len(data.load_digits("mnist", root=root, download=True).train_images) == 12
    assert [path.name for path in root.iterdir()] == ["MNIST"]


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="digits, mnist, fashion-mnist"):
        data.load_digits("cifar")


def test_random_batches_visit_every_image_once_per_pass():
    images = torch.arange(12.0).view(12, 1, 1, 1)
    batches = data.random_batches(images, torch.arange(12), 4, torch.Generator().manual_seed(0))
    labels = torch.cat([next(batches)[1] for _ in range(3)])
    assert sorted(labels.tolist()) == list(range(12))


def test_importing_the_helpers_loads_no_heavy_library():
    modules = ["data", "metrics", "plotting", "training", "checkpoints"]
    code = "import sys\n" + "\n".join(f"import course_utils.{name}" for name in modules)
    code += "\nprint([m for m in ('sklearn', 'matplotlib', 'torchvision') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
