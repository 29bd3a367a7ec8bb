"""Every figure is drawn by one call, needs no screen, and has a description."""

import html

import pytest
import torch
from IPython.core.formatters import DisplayFormatter

from course_utils import plotting
from course_utils.metrics import SampleQuality


@pytest.fixture
def images():
    return torch.rand(20, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture
def schedule():
    alpha_bar = torch.linspace(1, 0.01, 10)
    return {"alpha_bar": alpha_bar, "sqrt_alpha_bar": alpha_bar.sqrt()}


@pytest.fixture
def pictures(images, schedule):
    frames, labels = [images[:2], images[2:4]], torch.arange(10).repeat(2)
    quality = SampleQuality(0.99, 0.85, 0.02, 0.0, 0.05)
    return [
        plotting.show_images(images),
        plotting.show_rows([images[:5], images[5:10]], ["first", "second"]),
        plotting.show_class_sheet(images, labels, columns=2),
        plotting.show_forward_process(frames, [0, 9], schedule),
        plotting.show_reverse_process(frames, [9, 0]),
        plotting.show_nearest(images[:3], images),
        plotting.plot_schedules({"linear": schedule}),
        plotting.plot_loss([1.0, 0.5, 0.25]),
        plotting.plot_guidance_sweep([1.0, 2.0], [quality, quality], chosen=2.0),
    ]


def test_every_figure_becomes_a_png_with_a_description(pictures):
    for picture in pictures:
        assert picture.png().startswith(b"\x89PNG")
        assert len(picture.alt) > 20


def test_a_notebook_gets_an_image_with_alt_text(pictures):
    for picture in pictures:
        data, _ = DisplayFormatter().format(picture)
        assert f'alt="{html.escape(picture.alt)}"' in data["text/html"]
        assert picture.alt in data["text/plain"]


def test_show_prints_the_description_where_nothing_can_be_drawn(images, capsys):
    plotting.show(plotting.show_images(images, alt="twenty random images").figure, "alt given here")
    assert capsys.readouterr().out == "[figure: alt given here]\n"


def test_tile_puts_images_row_by_row_and_fills_up_with_white():
    images = torch.tensor([-1.0, 1.0, -1.0]).view(3, 1, 1, 1)
    assert plotting.tile(images, columns=2, gap=0).squeeze(-1).tolist() == [[0, 1], [0, 1]]


def test_colour_images_keep_their_channels():
    assert plotting.tile(torch.zeros(4, 3, 8, 8), columns=2).shape == (18, 18, 3)


def test_a_figure_leaves_pyplot_alone(images):
    plotting.show_images(images).png()
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []
