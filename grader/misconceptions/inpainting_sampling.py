"""Misconceptions about one step back (lesson 07)."""

from grader.misconceptions import Edit

START = [
    Edit(
        "division_forgotten",
        "return (y_t - spread * noise) / signal",
        "return y_t - spread * noise",
        "You take the noise out, but what is left is √ᾱ_t · y_0. Divide by √ᾱ_t.",
    ),
    Edit(
        "alpha_bar_without_root",
        'schedule["sqrt_alpha_bar"]',
        'schedule["alpha_bar"]',
        "You divide by ᾱ_t. The image was scaled by its square root.",
    ),
    Edit(
        "variance_for_deviation",
        'schedule["sqrt_one_minus_alpha_bar"]',
        '1 - schedule["alpha_bar"]',
        "You scale the noise by 1 − ᾱ_t, its variance. Use the square root.",
    ),
    Edit(
        "one_step_only",
        'schedule["sqrt_alpha_bar"]',
        'schedule["sqrt_alpha"]',
        "You undo one step, with α_t. To get back to the clean image all t + 1 steps are "
        "undone: ᾱ_t, with a bar.",
    ),
    Edit(
        "noise_added",
        "(y_t - spread * noise)",
        "(y_t + spread * noise)",
        "You add the noise. It is in y_t already: take it out.",
    ),
    Edit(
        "noise_unscaled",
        "spread * noise",
        "noise",
        "You subtract the noise at full strength. y_t contains √(1 − ᾱ_t) of it.",
    ),
    Edit(
        "clamped",
        "return (y_t - spread * noise) / signal",
        "return ((y_t - spread * noise) / signal).clamp(-1, 1)",
        "You clamp the result. That happens later, in p_sample; this function only solves the "
        "equation.",
    ),
    Edit(
        "first_t_for_all",
        "signal = ",
        "t = t[:1]\n    signal = ",
        "Every sample got the first sample's t. Each has its own.",
    ),
]

POSTERIOR = [
    Edit(
        "factors_swapped",
        "of_start, t, y_t) * y_0_hat + per_sample(of_now, t, y_t) * y_t",
        "of_now, t, y_t) * y_0_hat + per_sample(of_start, t, y_t) * y_t",
        "The two factors have changed places. A test: at t = 0 the mean must be ŷ_0.",
    ),
    Edit(
        "start_without_root",
        "before.sqrt() * schedule",
        "before * schedule",
        "The factor of ŷ_0 contains ᾱ_{t−1} without its square root.",
    ),
    Edit(
        "now_without_root",
        'schedule["sqrt_alpha"]',
        'schedule["alphas"]',
        "The factor of y_t contains α_t without its square root.",
    ),
    Edit(
        "same_step_twice",
        "before = torch.cat([torch.ones_like(alpha_bar[:1]), alpha_bar[:-1]])",
        "before = alpha_bar",
        "You use ᾱ_t where ᾱ_{t−1} belongs: the step before. Shift the table by one, with a 1 "
        "in front.",
    ),
    Edit(
        "last_entry_in_front",
        "before = torch.cat([torch.ones_like(alpha_bar[:1]), alpha_bar[:-1]])",
        "before = alpha_bar.roll(1)",
        "At t = 0 you take the last entry of ᾱ, pure noise. Before the first step nothing was "
        "noised: ᾱ_{−1} = 1.",
    ),
    Edit(
        "standard_deviation",
        'per_sample(schedule["posterior_variance"], t, y_t)',
        'per_sample(schedule["posterior_variance"].sqrt(), t, y_t)',
        "You return the standard deviation. The second result is the variance; p_sample takes "
        "the root.",
    ),
    Edit(
        "beta_as_variance",
        'schedule["posterior_variance"]',
        'schedule["betas"]',
        "You return β_t as variance. Lesson 04's sampler used it, but the posterior's own "
        "variance is β̃_t, which is 0 at t = 0.",
    ),
    Edit(
        "variance_flat",
        'return mean, per_sample(schedule["posterior_variance"], t, y_t)',
        'return mean, schedule["posterior_variance"][t]',
        "Your variance is (B,). It will be multiplied with images: shape it (B, 1, 1, 1).",
    ),
    Edit(
        "variance_per_pixel",
        'return mean, per_sample(schedule["posterior_variance"], t, y_t)',
        'return mean, per_sample(schedule["posterior_variance"], t, y_t).expand_as(mean)',
        "Your variance has the shape of the images. One number per sample is asked for, (B, 1, "
        "1, 1); broadcasting does the rest.",
    ),
    Edit(
        "mean_alone",
        'return mean, per_sample(schedule["posterior_variance"], t, y_t)',
        "return mean",
        "You return the mean alone. Return the pair (mean, variance).",
    ),
    Edit(
        "betas_with_the_wrong_part",
        'before.sqrt() * schedule["betas"] / (1 - alpha_bar)',
        'before.sqrt() * schedule["betas"] / (1 - before).clamp(min=1e-8)',
        "You divide by 1 − ᾱ_{t−1}. Both factors share the denominator 1 − ᾱ_t.",
    ),
]

P_SAMPLE = [
    Edit(
        "timestep_for_level",
        'schedule["alpha_bar"][t])',
        "t)",
        "You hand the timestep to the model. This one is told the noise level: ᾱ_t, one per "
        "sample.",
    ),
    Edit(
        "root_as_level",
        'schedule["alpha_bar"][t])',
        'schedule["sqrt_alpha_bar"][t])',
        "The model gets √ᾱ_t. In training its noise level γ was ᾱ_t itself: tell it the same now.",
    ),
    Edit(
        "one_step_level",
        'schedule["alpha_bar"][t])',
        'schedule["alphas"][t])',
        "The model gets α_t, the share that one step keeps. The noise level is the product of "
        "all steps so far: ᾱ_t, with a bar.",
    ),
    Edit(
        "level_as_images",
        'schedule["alpha_bar"][t])',
        'per_sample(schedule["alpha_bar"], t, y_t))',
        "The model gets the noise level as (B, 1, 1, 1). It expects (B,).",
    ),
    Edit(
        "condition_last",
        "torch.cat([y_cond, y_t], dim=1)",
        "torch.cat([y_t, y_cond], dim=1)",
        "The two images are in the wrong order: cat[y_cond, y_t], as in training.",
    ),
    Edit(
        "not_clamped",
        ".clamp(-1, 1)",
        "",
        "ŷ_0 is not clamped. Early in the chain it is far outside [−1, 1], and its errors are "
        "carried along.",
    ),
    Edit(
        "clamped_to_positive",
        ".clamp(-1, 1)",
        ".clamp(0, 1)",
        "You clamp ŷ_0 to [0, 1]. Images in this course lie in [−1, 1].",
    ),
    Edit(
        "result_clamped",
        "return mean + variance.sqrt() * z",
        "return (mean + variance.sqrt() * z).clamp(-1, 1)",
        "You clamp y_{t−1} as well. It still contains noise, which may leave [−1, 1]: only ŷ_0 "
        "is clamped.",
    ),
    Edit(
        "variance_for_deviation",
        "variance.sqrt() * z",
        "variance * z",
        "You multiply z by the variance. Noise is multiplied by the standard deviation, its "
        "square root.",
    ),
    Edit(
        "no_noise",
        "return mean + variance.sqrt() * z",
        "return mean",
        "No noise is added, so the chain loses its spread and the holes become smooth. Add "
        "√variance · z.",
    ),
    Edit(
        "beta_as_variance",
        "return mean + variance.sqrt() * z",
        'return mean + per_sample(schedule["betas"], t, y_t).sqrt() * z',
        "You add noise with variance β_t, so there is noise at t = 0 as well. The posterior's "
        "variance is β̃_t, which ends at 0.",
    ),
    Edit(
        "own_noise",
        "return mean",
        "z = torch.randn_like(y_t)\n    return mean",
        "You draw noise of your own and ignore z. Use the one that is handed in.",
    ),
    Edit(
        "spread_of_the_first",
        "variance.sqrt() * z",
        "variance[:1].sqrt() * z",
        "Every sample got the spread of the first one. The variance holds one number per sample.",
    ),
]
