"""Misconceptions about noise schedules (lesson 04)."""

from grader.misconceptions import Edit

LINEAR = [
    Edit(
        "end_left_out",
        "torch.linspace(beta_start, beta_end, T)",
        "torch.linspace(beta_start, beta_end, T + 1)[:-1]",
        "The last beta is a little below beta_end. Both ends belong to the schedule: "
        "the first entry is beta_start and the last is beta_end.",
    ),
    Edit(
        "one_too_many",
        "beta_end, T)",
        "beta_end, T + 1)",
        "There are T + 1 betas. One beta per step makes T entries; the list needs no entry "
        "for the clean image.",
    ),
    Edit(
        "falling",
        "torch.linspace(beta_start, beta_end, T)",
        "torch.linspace(beta_end, beta_start, T)",
        "The betas fall. Small betas come first: the first steps add little noise, "
        "the last ones much.",
    ),
    Edit(
        "ends_hard_coded",
        "torch.linspace(beta_start, beta_end, T)",
        "torch.linspace(1e-4, 0.02, T)",
        "The usual ends are right, but other ends change nothing. "
        "Use the arguments beta_start and beta_end, not the numbers of the paper.",
    ),
    Edit(
        "roots_spaced_evenly",
        "torch.linspace(beta_start, beta_end, T)",
        "torch.linspace(beta_start**0.5, beta_end**0.5, T) ** 2",
        "The square roots of your betas are evenly spaced. That is the scaled-linear schedule of "
        "Stable Diffusion. Here the betas themselves are evenly spaced.",
    ),
    Edit(
        "constant_ratio",
        "torch.linspace(beta_start, beta_end, T)",
        "beta_start * (beta_end / beta_start) ** torch.linspace(0, 1, T)",
        "Neighbouring betas have a constant ratio: that is a geometric schedule. "
        "A linear schedule has a constant difference.",
    ),
    Edit(
        "alphas_returned",
        "return torch.linspace",
        "return 1 - torch.linspace",
        "You return 1 − β, which are the alphas. This function returns the betas: small numbers.",
    ),
]

COSINE = [
    Edit(
        "square_forgotten",
        "* torch.pi / 2) ** 2",
        "* torch.pi / 2)",
        "Your f is the cosine itself. In the paper f is its square, f(i) = cos²(…), because f "
        "stands for ᾱ, and a cosine is only its root.",
    ),
    Edit(
        "alpha_bar_returned",
        "1 - f[1:] / f[:-1]",
        "f[1:] / f[0]",
        "You return ᾱ_t = f(t+1)/f(0). The betas come from the ratio of neighbours: "
        "β_t = 1 − f(t+1)/f(t).",
    ),
    Edit(
        "alphas_returned",
        "1 - f[1:] / f[:-1]",
        "f[1:] / f[:-1]",
        "You return f(t+1)/f(t), which is α_t. The beta is what is missing to 1: β_t = 1 − α_t.",
    ),
    Edit(
        "not_clipped",
        "betas.clamp(1e-5, 0.999)",
        "betas",
        "The betas are not clipped. At the end f reaches 0, so the last beta is 1, and α would be "
        "0: the sampler divides by √α. Keep the betas in [1e-5, 0.999].",
    ),
    Edit(
        "no_lower_clip",
        "clamp(1e-5, 0.999)",
        "clamp(max=0.999)",
        "The betas are clipped from above only. With a small offset s the first betas fall below "
        "1e-5: keep them in [1e-5, 0.999], at both ends.",
    ),
    Edit(
        "ratio_upside_down",
        "f[1:] / f[:-1]",
        "f[:-1] / f[1:]",
        "Your ratio is f(t)/f(t+1). It is above 1, so every beta becomes negative and is clipped "
        "to 1e-5. The later value stands on top: f(t+1)/f(t).",
    ),
    Edit(
        "one_point_too_few",
        "torch.arange(T + 1,",
        "torch.arange(T,",
        "There are T − 1 betas. A ratio needs two neighbours, so T betas need f at T + 1 points, "
        "i = 0 … T.",
    ),
    Edit(
        "offset_left_out",
        "(i / T + s) / (1 + s)",
        "i / T",
        "The offset s is not used. f(i) = cos²((i/T + s)/(1 + s) · π/2): the offset keeps the "
        "first betas from being too small.",
    ),
    Edit(
        "offset_not_normalised",
        "(i / T + s) / (1 + s)",
        "(i / T + s)",
        "You add s but do not divide by 1 + s. Then the cosine goes past zero before i = T and "
        "ᾱ rises again at the end.",
    ),
]

PRECOMPUTE = [
    Edit(
        "product_of_betas",
        "torch.cumprod(alphas, dim=0)",
        "torch.cumprod(betas, dim=0)",
        "Your ᾱ is the running product of the betas. What is left of the image after t steps is "
        "the product of what each step keeps: ᾱ_t = α_0 · α_1 · … · α_t.",
    ),
    Edit(
        "no_running_product",
        "torch.cumprod(alphas, dim=0)",
        "alphas",
        "Your ᾱ equals α: what one step keeps. The bar stands for the product of all steps so far, "
        "ᾱ_t = α_0 · … · α_t.",
    ),
    Edit(
        "posterior_is_beta",
        "betas * (1 - alpha_bar_before) / (1 - alpha_bar)",
        "betas",
        "Your posterior variance equals β. The variance of q(x_{t−1} | x_t, x_0) is smaller: "
        "β_t (1 − ᾱ_{t−1})/(1 − ᾱ_t).",
    ),
    Edit(
        "zero_before_the_first",
        "torch.ones_like(alpha_bar[:1])",
        "torch.zeros_like(alpha_bar[:1])",
        "The first posterior variance must be 0. Before the first step the image is clean: "
        "ᾱ_{−1} = 1. You put 0 there, which means pure noise.",
    ),
    Edit(
        "next_for_previous",
        "torch.cat([torch.ones_like(alpha_bar[:1]), alpha_bar[:-1]])",
        "torch.cat([alpha_bar[1:], alpha_bar[-1:]])",
        "For ᾱ_{t−1} you took ᾱ_{t+1}: the list is shifted the wrong way. Put a 1 in front and "
        "drop the last entry.",
    ),
    Edit(
        "posterior_upside_down",
        "betas * (1 - alpha_bar_before) / (1 - alpha_bar)",
        "betas * (1 - alpha_bar) / (1 - alpha_bar_before)",
        "The fraction in the posterior variance is upside down, so it divides by zero at t = 0. "
        "It is β_t (1 − ᾱ_{t−1})/(1 − ᾱ_t), never larger than β_t.",
    ),
    Edit(
        "root_of_the_wrong_thing",
        "(1 - alpha_bar).sqrt()",
        "1 - alpha_bar.sqrt()",
        "You compute 1 − √ᾱ. The spread of the noise is √(1 − ᾱ): subtract first, then take the "
        "root. Only then do signal² and noise² add up to 1.",
    ),
    Edit(
        "spread_without_root",
        "(1 - alpha_bar).sqrt()",
        "1 - alpha_bar",
        "The entry sqrt_one_minus_alpha_bar holds 1 − ᾱ, a variance. It needs the square root: "
        "a standard deviation.",
    ),
    Edit(
        "bar_under_sqrt_alpha",
        "alphas.sqrt()",
        "alpha_bar.sqrt()",
        "The entry sqrt_alpha holds √ᾱ. Without a bar it belongs to one single step: √α_t.",
    ),
    Edit(
        "one_on_the_cpu",
        "torch.ones_like(alpha_bar[:1])",
        "torch.ones(1)",
        "The values are right on the CPU, but a tensor that you make yourself stays there when the "
        "betas are on a GPU. Make it like alpha_bar: same device and dtype.",
    ),
    Edit(
        "float32_forced",
        "1 - betas",
        "1 - betas.float()",
        "Betas in float64 give numbers in float32. Keep the dtype of the betas: "
        "users of float64 want its precision.",
    ),
]

COMPARE = [
    Edit(
        "order_swapped",
        "(linear_beta_schedule(T), cosine_beta_schedule(T))",
        "(cosine_beta_schedule(T), linear_beta_schedule(T))",
        "The two numbers are in the wrong order: first the linear schedule, then the cosine one.",
    ),
    Edit(
        "below_counted",
        "alpha_bar >= threshold",
        "alpha_bar < threshold",
        "You count the steps below the threshold. ᾱ falls, so the first index below it is the "
        "number of steps that are not yet below.",
    ),
    Edit(
        "tensor_returned",
        "int((alpha_bar >= threshold).sum())",
        "(alpha_bar >= threshold).sum()",
        "The numbers are right, but they are tensors. Return Python ints: int(…) or .item().",
    ),
    Edit(
        "last_above",
        "(alpha_bar >= threshold).sum())",
        "(alpha_bar >= threshold).sum()) - 1",
        "You return the last index at or above the threshold. Asked for is the first one below it, "
        "one step later.",
    ),
    Edit(
        "counted_from_one",
        "(alpha_bar >= threshold).sum())",
        "(alpha_bar >= threshold).sum()) + 1",
        "Both numbers are one too large. Timesteps are counted from 0 in this course, "
        "while the paper counts from 1.",
    ),
    Edit(
        "none_means_zero",
        "int((alpha_bar >= threshold).sum())",
        "int((alpha_bar < threshold).int().argmax())",
        "Where ᾱ never falls below the threshold you return 0: argmax of a list without any True "
        "is 0. Return T in that case.",
    ),
    Edit(
        "threshold_hard_coded",
        ">= threshold",
        ">= 0.01",
        "Your function always looks for 0.01. Use the argument threshold.",
    ),
    Edit(
        "root_of_alpha_bar",
        '["alpha_bar"]',
        '["sqrt_alpha_bar"]',
        "You compare √ᾱ with the threshold, and it falls below 0.01 much later than ᾱ itself. "
        "Look up alpha_bar.",
    ),
    Edit(
        "alpha_without_bar",
        '["alpha_bar"]',
        '["alphas"]',
        "You compare α_t with the threshold: what a single step keeps, always close to 1. "
        "What is left of the image is the product so far, ᾱ_t.",
    ),
]
