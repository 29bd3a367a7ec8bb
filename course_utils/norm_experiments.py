"""BatchNorm against GroupNorm, measured: who else is in the batch, and how noisy are they?"""

import torch
import torch.nn.functional as F
from torch import nn

NORMS = {"BatchNorm": nn.BatchNorm2d, "GroupNorm": lambda channels: nn.GroupNorm(4, channels)}


def denoiser(norm, channels=12, seed=0):
    """A small network that guesses the noise in grey images: three blocks and a convolution."""
    torch.manual_seed(seed)
    layers, before = [], 1
    for _ in range(3):
        layers += [nn.Conv2d(before, channels, 3, padding=1), NORMS[norm](channels), nn.SiLU()]
        before = channels
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 3, padding=1))


def noisy_images(images, levels, generator):
    """Images with a share `levels` (B,) of noise in their variance, and that noise."""
    noise = torch.randn(images.shape, generator=generator)
    levels = levels.reshape(-1, 1, 1, 1)
    return (1 - levels).sqrt() * images + levels.sqrt() * noise, noise


@torch.no_grad()
def effect_of_company(images, batch_sizes, draws=20):
    """How far the output of one image moves when the others in its batch change, relative to its
    own spread; a dict norm -> {batch size: share}. Train mode, untrained networks."""
    moves = {}
    for norm in NORMS:
        net, generator = denoiser(norm), torch.Generator().manual_seed(0)
        moves[norm] = {n: _moved(net, images, n, draws, generator) for n in batch_sizes}
    return moves


def _moved(net, images, size, draws, generator):
    outputs = []
    for _ in range(draws):
        others = 1 + torch.randperm(len(images) - 1, generator=generator)[: size - 1]
        outputs.append(net(torch.cat([images[:1], images[others]]))[0])
    outputs = torch.stack(outputs)  # (draws, 1, H, W)
    return (outputs.std(0).mean() / outputs.mean(0).std()).item()


def compare_norms(digits, batch_sizes, seen=4096, seed=0):
    """Train denoisers on mixed noise levels; every one sees the same number of images.

    Returns a dict name -> {batch size: loss on test images}: each norm in eval mode, and BatchNorm
    in train mode, in batches of the size that it was trained with.
    """
    from tqdm.auto import tqdm

    losses = {"BatchNorm, eval mode": {}, "BatchNorm, train mode": {}, "GroupNorm": {}}
    with tqdm(total=2 * len(batch_sizes), desc="training denoisers", unit="network") as bar:
        for size in batch_sizes:
            nets = {}
            for norm in NORMS:
                nets[norm] = train_denoiser(norm, digits.train_images, size, seen // size, seed)
                bar.update()
            batch_norm, group_norm = nets["BatchNorm"], nets["GroupNorm"]
            losses["BatchNorm, train mode"][size] = test_loss(batch_norm.train(), digits, size)
            losses["BatchNorm, eval mode"][size] = test_loss(batch_norm.eval(), digits, size)
            losses["GroupNorm"][size] = test_loss(group_norm.eval(), digits, size)
    return losses


def train_denoiser(norm, images, batch_size, num_steps, seed=0):
    """A denoiser trained on images with a noise level of its own for each."""
    net, generator = denoiser(norm, seed=seed).train(), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(num_steps):
        chosen = torch.randint(len(images), (batch_size,), generator=generator)
        levels = torch.rand(batch_size, generator=generator)
        x_t, noise = noisy_images(images[chosen], levels, generator)
        optimizer.zero_grad()
        F.mse_loss(net(x_t), noise).backward()
        optimizer.step()
    return net


@torch.no_grad()
def test_loss(net, digits, batch_size, count=256):
    """Mean squared error of the noise on test images, in batches of mixed noise levels.

    The network's running statistics are the same afterwards, also in train mode.
    """
    kept = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    generator, total = torch.Generator().manual_seed(1), 0.0
    levels = torch.rand(count, generator=generator)
    x_t, noise = noisy_images(digits.test_images[:count], levels, generator)
    for x, target in zip(x_t.split(batch_size), noise.split(batch_size), strict=True):
        total += F.mse_loss(net(x), target).item() * len(x)
    net.load_state_dict(kept)
    return total / count
