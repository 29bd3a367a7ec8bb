"""Misconceptions about noise levels and the loss inside the hole (lesson 07)."""

from grader.misconceptions import Edit

GAMMAS = [
    Edit(
        "last_level_at_zero",
        "return before[t] + u * (gammas[t] - before[t])",
        "return gammas[t - 1] + u * (gammas[t] - gammas[t - 1])",
        "At t = 0 you take index −1, which Python reads as the last entry: pure noise. Before "
        "the first step nothing is noised, so that level is 1.",
    ),
    Edit(
        "zero_before_the_first",
        "torch.ones_like(gammas[:1])",
        "torch.zeros_like(gammas[:1])",
        "Your level before the first step is 0, which is pure noise. γ is the share of the "
        "image: it is 1 before any noise.",
    ),
    Edit(
        "no_level_before_the_first",
        "torch.ones_like(gammas[:1])",
        "gammas[:1]",
        "At t = 0 both neighbours are γ_0, so levels between 1 and γ_0 never occur. The level "
        "before the first step is 1.",
    ),
    Edit(
        "next_step_instead",
        "return before[t] + u * (gammas[t] - before[t])",
        "after = torch.cat([gammas[1:], gammas[-1:]])\n"
        "    return gammas[t] + u * (after[t] - gammas[t])",
        "You go from γ_t to γ_{t+1}. The level lies between γ_{t−1} and γ_t.",
    ),
    Edit(
        "u_turned_round",
        "before[t] + u * (gammas[t] - before[t])",
        "gammas[t] + u * (before[t] - gammas[t])",
        "u is turned round: u = 0 gives γ_t instead of γ_{t−1}. As a distribution it is the "
        "same, but the formula starts at γ_{t−1}.",
    ),
    Edit(
        "one_u_for_all",
        "return before",
        "u = u[:1]\n    return before",
        "Every sample of the batch got the first sample's u. Each has its own.",
    ),
    Edit(
        "one_t_for_all",
        "return before",
        "t = t[:1].expand_as(t)\n    return before",
        "Every sample got the first sample's t. Look up all of them.",
    ),
    Edit(
        "product_forgotten",
        "u * (gammas[t] - before[t])",
        "u * gammas[t]",
        "You add u · γ_t. Only the difference between the neighbours is scaled by u.",
    ),
    Edit(
        "no_level_between",
        "return before[t] + u * (gammas[t] - before[t])",
        "return gammas[t]",
        "You return γ_t and ignore u. The network would only ever see T different levels.",
    ),
    Edit(
        "table_on_the_cpu",
        "torch.ones_like(gammas[:1])",
        "torch.ones(1, dtype=gammas.dtype)",
        "The values are right on the CPU, but your 1 stays there when the gammas are on a GPU. "
        "Make it like gammas.",
    ),
]

LOSS = [
    Edit(
        "loss_everywhere",
        "(eps - noise) ** 2 * mask\n    return error.sum() / (mask.sum() * y_0.shape[1])",
        "(eps - noise) ** 2\n    return error.mean()",
        "You count the error of the whole image. Outside the hole there is no noise to be "
        "found: those pixels teach the wrong thing and drown the others.",
    ),
    Edit(
        "mean_over_the_image",
        "return error.sum() / (mask.sum() * y_0.shape[1])",
        "return error.mean()",
        "You divide by all pixels, so examples with a small hole count little and the loss "
        "depends on the mask. Divide by the values in the hole.",
    ),
    Edit(
        "channels_forgotten",
        "(mask.sum() * y_0.shape[1])",
        "mask.sum()",
        "Your loss is C times too large: the mask has one channel, the error has C. Divide by "
        "mask.sum() · C.",
    ),
    Edit(
        "mean_per_example",
        "return error.sum() / (mask.sum() * y_0.shape[1])",
        "return (error.sum((1, 2, 3)) / (mask.sum((1, 2, 3)).clamp(min=1) * y_0.shape[1])).mean()",
        "You take the mean per example and then the mean of those. Here all hole pixels of the "
        "batch count alike: one sum, divided by mask.sum() · C.",
    ),
    Edit(
        "noise_everywhere",
        "y_hat = noisy * mask + y_0 * (1 - mask)",
        "y_hat = noisy",
        "You noise the whole image. Outside the hole the network should see the clean pixels: "
        "y_0 · (1 − mask).",
    ),
    Edit(
        "hole_is_clean",
        "y_hat = noisy * mask + y_0 * (1 - mask)",
        "y_hat = noisy * (1 - mask) + y_0 * mask",
        "The mask is turned round: the visible part is noised, and the answer lies open in the "
        "hole.",
    ),
    Edit(
        "condition_last",
        "torch.cat([y_cond, y_hat], dim=1)",
        "torch.cat([y_hat, y_cond], dim=1)",
        "The two images are in the wrong order. The model expects cat[y_cond, y_hat].",
    ),
    Edit(
        "truth_as_condition",
        "torch.cat([y_cond, y_hat], dim=1)",
        "torch.cat([y_0, y_hat], dim=1)",
        "The network is shown the true image as condition. Training looks wonderful, and then "
        "there is no truth to show: use y_cond.",
    ),
    Edit(
        "gamma_without_root",
        "gamma.sqrt() * y_0",
        "gamma * y_0",
        "You scale y_0 by γ. γ is a variance; the image is scaled by its square root.",
    ),
    Edit(
        "variance_for_deviation",
        "(1 - gamma).sqrt() * noise",
        "(1 - gamma) * noise",
        "You scale the noise by 1 − γ, which is a variance. Use its square root.",
    ),
    Edit(
        "roles_swapped",
        "gamma.sqrt() * y_0 + (1 - gamma).sqrt() * noise",
        "(1 - gamma).sqrt() * y_0 + gamma.sqrt() * noise",
        "The factors are swapped. γ is the share of the image: near 1 almost nothing is noised.",
    ),
    Edit(
        "clean_image_predicted",
        "(eps - noise) ** 2",
        "(eps - y_0) ** 2",
        "You compare the prediction with the clean image. This model predicts the noise.",
    ),
    Edit(
        "absolute_error",
        "(eps - noise) ** 2 * mask",
        "(eps - noise).abs() * mask",
        "You sum absolute errors. The loss here is the squared error; MAE is for judging results.",
    ),
    Edit(
        "level_as_images",
        "dim=1), gammas_t)",
        "dim=1), gamma)",
        "The model gets γ as (B, 1, 1, 1). It expects one number per sample, (B,): the "
        "embedding is made from those.",
    ),
    Edit(
        "level_of_the_first",
        "gamma = gammas_t[:, None, None, None]",
        "gamma = gammas_t[:1, None, None, None]",
        "Every image got the noise level of the first one, while the model is told another. Use"
        " all of gammas_t.",
    ),
]
