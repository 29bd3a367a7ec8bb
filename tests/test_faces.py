"""Pictures to fill: rendered faces, folders of real image files, and what is said without any."""

import pytest
import torch
from PIL import Image

from course_utils import faces, inpainting
from course_utils.data import DataUnavailable
from course_utils.face_rendering import render_faces
from course_utils.inpainting_training import TrainingRun, one_cycle


def write_images(folder, count, size=(178, 218), suffix="jpg"):
    """Image files as CelebA has them, each of one grey."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(1, count + 1):
        grey = 10 * n + 5 * (suffix == "png")
        Image.new("RGB", size, (grey, grey, grey)).save(folder / f"{n:06d}.{suffix}")


@pytest.fixture
def celeba(tmp_path):
    """A folder with JPEG and PNG files, a text file, an empty file and half a picture."""
    folder = tmp_path / "img_align_celeba"
    write_images(folder, 12)
    write_images(folder, 3, size=(40, 60), suffix="png")
    (folder / "notes.txt").write_text("no picture")
    (folder / "empty.jpg").write_bytes(b"")
    whole = (folder / "000001.jpg").read_bytes()
    (folder / "half.jpg").write_bytes(whole[: len(whole) // 2])
    return tmp_path


def test_rendered_faces_have_the_promised_form_and_are_always_the_same():
    first, second = (faces.load_faces("faces", image_size=32) for _ in range(2))
    assert first.train_images.shape == (4000, 3, 32, 32) and first.val_images.shape == (
        400,
        3,
        32,
        32,
    )
    assert first.train_images.dtype == torch.float32 and first.train_images.abs().max() <= 1
    assert torch.equal(first.train_images, second.train_images)


def test_rendered_faces_vary_so_much_that_the_mean_face_is_a_poor_answer():
    images = render_faces(300, torch.Generator().manual_seed(1))
    assert (images - images.mean(0)).abs().mean() > 0.3


def test_rendered_faces_are_more_alike_left_and_right_than_two_faces_are():
    images = render_faces(300, torch.Generator().manual_seed(1))
    mirrored = (images - images.flip(3)).abs().mean()
    assert mirrored < 0.3 * (images - images.roll(1, 0)).abs().mean()


@pytest.mark.parametrize("size", [16, 31, 64])
def test_faces_can_be_rendered_at_any_size(size):
    assert render_faces(2, torch.Generator().manual_seed(0), size).shape == (2, 3, size, size)


def test_digits_are_a_second_set():
    digits = faces.load_faces("digits", image_size=16)
    assert digits.train_images.shape == (1347, 3, 16, 16) and digits.val_images.abs().max() <= 1
    assert torch.equal(digits.val_images[:, 0], digits.val_images[:, 2])


@pytest.mark.parametrize("size", [16, 33])
def test_a_folder_of_images_is_read_at_any_size_and_the_rest_is_counted(celeba, size, capsys):
    found = faces.load_faces("celeba", celeba, image_size=size)
    assert found.train_images.shape[1:] == (3, size, size)
    assert len(found.train_images) + len(found.val_images) == 15
    assert found.skipped == 3 and "left out 3 files" in capsys.readouterr().out


def test_images_keep_their_grey(celeba):
    found = faces.load_faces("celeba", celeba)
    assert found.train_images[0].mean() == pytest.approx(10 / 127.5 - 1, abs=0.02)


def test_training_and_validation_share_no_image(celeba):
    found = faces.load_faces("celeba", celeba)
    apart = torch.cdist(found.train_images[:, 0, 0, :1], found.val_images[:, 0, 0, :1])
    assert len(found.val_images) >= 1 and apart.min() > 0.01


def test_celebas_own_split_is_used_where_its_file_is(tmp_path):
    write_images(tmp_path / "celeba" / "img_align_celeba", 6)
    lines = [f"{n:06d}.jpg {part}" for n, part in enumerate([0, 0, 1, 0, 1, 0], start=1)]
    (tmp_path / "celeba" / faces.PARTITION).write_text("\n".join(lines))
    found = faces.load_faces("celeba", tmp_path)
    assert [len(found.train_images), len(found.val_images)] == [4, 2]


def test_a_limit_bounds_what_is_read(celeba):
    found = faces.load_faces("celeba", celeba, limit=5)
    assert len(found.train_images) + len(found.val_images) == 5


@pytest.mark.parametrize("content", ["nothing", "no folder", "no images"])
def test_a_folder_without_images_is_one_line_that_says_what_to_do(tmp_path, content):
    folder = tmp_path / "data"
    if content != "no folder":
        folder.mkdir()
    if content == "no images":
        (folder / "readme.txt").write_text("nothing to see")
    with pytest.raises(DataUnavailable) as caught:
        faces.load_faces("celeba", folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


def test_an_unknown_name_names_the_known_ones():
    with pytest.raises(ValueError, match="faces, digits, celeba"):
        faces.load_faces("cats")


def test_a_download_that_fails_leaves_nothing(tmp_path, monkeypatch):
    import torchvision

    def refuse(root, **_):
        (tmp_path / "begun").mkdir()
        raise RuntimeError("no network")

    monkeypatch.setattr(torchvision.datasets, "CelebA", refuse)
    with pytest.raises(DataUnavailable, match="put CelebA"):
        faces.load_faces("celeba", tmp_path / "data", download=True)
    assert not (tmp_path / "data").exists()


# Judging what was filled ---------------------------------------------------------------------


def test_errors_count_inside_the_hole_alone():
    truth = torch.zeros(2, 3, 4, 4)
    mask = torch.zeros(2, 1, 4, 4)
    mask[..., :2, :2] = 1
    filled = truth + 0.5 * mask + 7 * (1 - mask)
    assert inpainting.mae(filled, truth, mask) == pytest.approx(0.5)
    assert inpainting.psnr(filled, truth, mask) == pytest.approx(12.04, abs=0.01)


def test_fillings_leave_visible_pixels_alone_and_see_nothing_of_the_hole():
    images = render_faces(2, torch.Generator().manual_seed(0))
    mask = torch.zeros(2, 1, 32, 32)
    mask[..., 8:20, 10:22] = 1
    for fill in (inpainting.mean_fill, inpainting.biharmonic_fill):
        filled = fill(images, mask)
        torch.testing.assert_close(filled * (1 - mask), images * (1 - mask), atol=1e-5, rtol=0)
        hidden = fill(torch.where(mask > 0, torch.ones_like(images), images), mask)
        torch.testing.assert_close(hidden, filled, atol=1e-4, rtol=0)


def test_results_table_has_a_row_for_each_filling():
    truth, mask = torch.zeros(4, 1, 2, 2), torch.ones(4, 1, 2, 2)
    rows = inpainting.results_table({"half": truth + 0.5}, truth, mask).splitlines()
    assert rows[1].split() == ["half", *["0.500"] * 5, "12.0", "dB"]


# A run that can be interrupted ---------------------------------------------------------------


class Small(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.zeros(3))

    def forward(self, batch):
        return ((batch[0].mean((0, 2, 3)) - self.w) ** 2).sum()


def one_epoch(run):
    for batch in run:
        loss = run.model(batch)
        run.optimizer.zero_grad()
        loss.backward()
        run.optimizer.step()
    return run.keeping(lambda model, _: (model.w[0].item(), 20.0))(run.model, None)


def start(folder, model=None, epochs=3, seed=0):
    images = render_faces(6, torch.Generator().manual_seed(seed), 8)

    def make_mask(mode, size, generator):
        return torch.ones(1, size, size)

    return TrainingRun(model or Small(), images, make_mask, epochs, 4, "run", 0, folder)


def test_an_interrupted_run_goes_on_with_weights_optimizer_and_epochs(tmp_path):
    first = start(tmp_path)
    value = one_epoch(first)
    second = start(tmp_path)
    assert second.epochs_left == 2 and second.values == [value] and second.psnr == [20.0]
    assert torch.equal(second.model.w, first.model.w)
    old, new = (run.optimizer.state_dict()["state"][0] for run in (first, second))
    assert all(torch.equal(old[name], new[name]) for name in old)


def test_a_finished_run_holds_its_best_weights_and_leaves_no_files(tmp_path):
    run = start(tmp_path)
    values = [one_epoch(run) for _ in range(3)]
    history = run.finish()
    assert history["val_mae"] == values and values[history["best_epoch"]] == min(values)
    assert history["val_psnr"] == [20.0] * 3
    assert float(run.model.w[0].detach()) == pytest.approx(min(values))
    assert not list(tmp_path.iterdir())


def test_a_file_of_another_model_is_ignored(tmp_path):
    one_epoch(start(tmp_path))
    assert start(tmp_path, torch.nn.Linear(2, 2)).epochs_left == 3


def test_a_run_with_other_images_is_not_gone_on_with(tmp_path):
    one_epoch(start(tmp_path))
    assert start(tmp_path, seed=1).epochs_left == 3


def test_the_learning_rate_rises_then_falls_to_almost_nothing():
    assert one_cycle(0.0) < 0.1 and one_cycle(0.1) == 1 and one_cycle(1.0) < 1e-6
