"""A training run with holes: batches, learning rate, progress bar, and a file to resume from."""

import json
import math
import tempfile
from pathlib import Path

import torch

from course_utils.inpainting import KINDS

FOLDER = Path(tempfile.gettempdir()) / "diffusion-course"  # outlives a kernel, not a machine


class TrainingRun:
    """The training loader of `fit`: one pass over it is one epoch of steps_per_epoch batches.

    Each batch is (y_0 (B, C, H, W), mask (B, 1, H, W)), drawn at random from images and from holes
    of make_mask. The learning rate rises for a tenth of the run and falls to almost zero.
    `keeping(validate)` writes everything to a file after each epoch: a new run with the same name,
    seed and images goes on from there.
    """

    batch_size, peak, hole_count = 16, 3e-3, 1000

    def __init__(self, model, images, make_mask, epochs, steps_per_epoch, name, seed, folder=None):
        self.model, self.epochs, self.steps_per_epoch = model, epochs, steps_per_epoch
        self.path = Path(folder or FOLDER) / f"{name}-{epochs}x{steps_per_epoch}-{seed}.safetensors"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.best_path = self.path.with_suffix(".best.safetensors")  # of this part of the run
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=self.peak)
        self.generator = torch.Generator().manual_seed(seed)
        device = next(model.parameters()).device
        self.images, self.holes = images.to(device), self._draw_holes(make_mask, images).to(device)
        self.values, self.psnr, self.bar = [], [], None
        self._resume()

    @property
    def epochs_left(self):
        return self.epochs - len(self.values)

    def __len__(self):
        return self.steps_per_epoch

    def __iter__(self):
        from tqdm.auto import tqdm

        done, total = len(self.values) * len(self), self.epochs * len(self)
        self.bar = self.bar or tqdm(total=total, initial=done, desc="training", unit="step")
        for step in range(done, done + len(self)):
            for group in self.optimizer.param_groups:
                group["lr"] = self.peak * one_cycle((step + 1) / total)
            yield self._batch()
            self.bar.update()

    def keeping(self, validate):
        """Makes `fit`'s validate, which returns the MAE, of one that returns (MAE, PSNR).

        It also keeps the state of the run. Both values stand in the progress bar.
        """

        def validate_and_keep(model, loader):
            value, psnr = validate(model, loader)
            better = value < min(self.values, default=math.inf)
            self.values.append(value)
            self.psnr.append(psnr)
            self._keep(better)
            self.bar.set_postfix(val_mae=f"{value:.4f}", val_psnr=f"{psnr:.1f} dB")
            if not self.epochs_left:
                self.bar.close()
            return value

        return validate_and_keep

    def finish(self):
        """The best weights of all parts of the run are in the model; its files are removed."""
        from safetensors.torch import load_file

        self.model.load_state_dict(load_file(self._best))
        for file in (self.path, self._best, self.best_path):
            file.unlink(missing_ok=True)
        best = self.values.index(min(self.values))
        return {"val_mae": self.values, "val_psnr": self.psnr, "best_epoch": best}

    @property
    def _images(self):
        """Tells one set of images from another."""
        return f"{tuple(self.images.shape)} {self.images.double().mean():.6f}"

    @property
    def _best(self):
        return self.path.with_suffix(".whole.safetensors")  # the best of all parts

    def _draw_holes(self, make_mask, images):
        kinds = (KINDS[i % len(KINDS)] for i in range(self.hole_count))
        return torch.stack([make_mask(kind, images.shape[-1], self.generator) for kind in kinds])

    def _batch(self):
        def some(x):
            chosen = torch.randint(len(x), (self.batch_size,), generator=self.generator)
            return x[chosen.to(x.device)]

        y_0, mask = some(self.images), some(self.holes)
        flip = torch.rand(len(y_0), 1, 1, 1, generator=self.generator) < 0.5
        return torch.where(flip.to(y_0.device), y_0.flip(3), y_0), mask

    def _keep(self, better):
        from safetensors.torch import save_file

        weights = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        moments = {
            f"optimizer.{i}.{name}": value
            for i, state in self.optimizer.state_dict()["state"].items()
            for name, value in state.items()
        }
        about = {"values": json.dumps([self.values, self.psnr]), "images": self._images}
        unfinished = self.path.with_suffix(".part")
        save_file(_plain(weights | moments), unfinished, metadata=about)
        unfinished.replace(self.path)  # an interrupt leaves the old file or the new one
        if better:
            save_file(_plain(self.model.state_dict()), self._best)

    def _resume(self):
        """Go on where an interrupted run stopped; one of other images or nets is ignored."""
        from safetensors import safe_open

        if not (self.path.is_file() and self._best.is_file()):
            return
        with safe_open(self.path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            values, psnr = json.loads(file.metadata()["values"])
            same = file.metadata()["images"] == self._images
        weights = _part(tensors, "model.")
        mine = {name: value.shape for name, value in self.model.state_dict().items()}
        same = same and {name: value.shape for name, value in weights.items()} == mine
        if not same or len(values) >= self.epochs:
            return
        self.model.load_state_dict(weights)
        state = self.optimizer.state_dict()
        for name, value in _part(tensors, "optimizer.").items():
            number, what = name.split(".")
            state["state"].setdefault(int(number), {})[what] = value
        self.optimizer.load_state_dict(state)
        self.values, self.psnr = values, psnr
        self.generator.manual_seed(len(values))
        print(f"going on after epoch {len(values) - 1}, from {self.path.name}")


def one_cycle(done):
    """Share of the peak learning rate after a share of the run: up for a tenth, then down to 0."""
    if done < 0.1:
        return 0.04 + 0.96 * done / 0.1
    return 0.5 * (1 + math.cos(math.pi * (done - 0.1) / 0.9))


def _plain(tensors):
    return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}


def _part(tensors, prefix):
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
