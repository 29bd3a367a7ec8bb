"""The best noise predictor for a finite set of images: it tests samplers without training."""

import torch


class PerfectDenoiser:
    """Knows every image by heart; no model has a smaller mean squared error on these images.

    Its guess of x_0 is the mean of the images, each weighted by how likely it became x_t:
    softmax_i(-|x_t - sqrt(alpha_bar_t) x_i|^2 / (2 (1 - alpha_bar_t))). It is called like a model,
    with or without labels; a label that none of the images has (the null class) means all of them.
    """

    def __init__(self, images, alpha_bar, labels=None):
        self.known, self.labels = images.flatten(1).double(), labels  # (N, D), (N,)
        self.energy = self.known.square().sum(1) / 2  # (N,)
        self.alpha_bar = alpha_bar  # (T,)
        self.asked = []  # every x_t it was called with

    def __call__(self, x_t, t, labels=None):
        """The predicted noise, shaped like x_t (B, …), for timesteps t (B,)."""
        self.asked.append(x_t)
        alpha_bar = _like(self.alpha_bar[t], x_t)
        return (x_t - alpha_bar.sqrt() * self.clean(x_t, t, labels)) / (1 - alpha_bar).sqrt()

    def clean(self, x_t, t, labels=None):
        """The mean of all images that x_t may have been made from, shaped like x_t (B, …)."""
        alpha_bar = self.alpha_bar[t].double()[:, None]  # (B, 1)
        overlap = x_t.flatten(1).double() @ self.known.T  # (B, N)
        score = (alpha_bar.sqrt() * overlap - alpha_bar * self.energy) / (1 - alpha_bar)
        if labels is not None:
            score = score.masked_fill(~self._allowed(labels), -torch.inf)
        return (score.softmax(1) @ self.known).to(x_t.dtype).view_as(x_t)

    def _allowed(self, labels):
        same = labels[:, None] == self.labels  # (B, N)
        return same | ~same.any(1, keepdim=True)


def _like(values, x):
    return values.reshape(-1, *[1] * (x.dim() - 1)).to(x.dtype)
