# Other correct solutions of lesson 04: each must pass, whatever its style.

# %% exercise="forward_diffusion" style="einops"
from einops import rearrange


def forward_diffusion(x_0, t, schedule):
    eps = torch.normal(torch.zeros_like(x_0), 1.0)
    flat = rearrange(x_0, "b ... -> b (...)")
    a, b = schedule["alpha_bar"][t].sqrt(), (1 - schedule["alpha_bar"][t]).sqrt()
    x_t = a[:, None] * flat + b[:, None] * eps.reshape(flat.shape)
    return x_t.reshape(x_0.shape), eps
