"""Misconceptions about skipping steps: which timesteps, and one step of DDIM (lesson 06)."""

from grader.misconceptions import Edit

SPACED = "[round(i * spacing) for i in reversed(range(num_steps))]"
DRAWN = "(torch.randn_like(x_t) if z is None else z)"

TIMESTEPS = [
    Edit(
        "stops_at_19",
        SPACED,
        "list(range(T - 1, -1, -(T // num_steps)))",
        "Your stride is T // num_steps. For 50 of 1000 the list ends at 19, so t = 0 is never "
        "visited; and where T is not a multiple, there are too many entries.",
    ),
    Edit(
        "leading",
        SPACED,
        "[i * (T // num_steps) for i in reversed(range(num_steps))]",
        "Your list does not start at T − 1. Sampling starts from pure noise, so the first question "
        "must be asked at the noisiest timestep. Some libraries call this spacing leading.",
    ),
    Edit(
        "trailing",
        SPACED,
        "[round(T * (i + 1) / num_steps) - 1 for i in reversed(range(num_steps))]",
        "Your list starts at T − 1 but does not end at 0. With n entries there are n − 1 gaps "
        "between T − 1 and 0. Some libraries call this spacing trailing.",
    ),
    Edit(
        "rising",
        "reversed(range(num_steps))",
        "range(num_steps)",
        "Your timesteps rise. Sampling goes from noise to image: T − 1 first, 0 last.",
    ),
    Edit(
        "starts_at_T",
        "(T - 1) / (num_steps - 1)",
        "T / (num_steps - 1)",
        "Your list starts at T. Timesteps are counted from 0, so the last one is T − 1, "
        "and index T does not exist.",
    ),
    Edit(
        "one_gap_too_many",
        "(T - 1) / (num_steps - 1)",
        "(T - 1) / num_steps",
        "You divide T − 1 by the number of entries. n entries have n − 1 gaps between them.",
    ),
    Edit(
        "clean_image_in_the_list",
        SPACED,
        "[round(i * spacing) for i in reversed(range(num_steps))] + [-1]",
        "Your list ends with −1. The model is never asked about the clean image: −1 is only the "
        "target of the last step, and the sampler adds it.",
    ),
    Edit(
        "fractions",
        "[round(i * spacing) for",
        "[i * spacing for",
        "Some of your timesteps are fractions. They are indices into the schedule: "
        "round them to whole numbers.",
    ),
    Edit(
        "one_step_at_0",
        "return [T - 1]",
        "return [0]",
        "For a single step you return [0]. The one question must be asked about pure noise, "
        "at T − 1.",
    ),
    Edit(
        "too_many_allowed",
        "if not 1 <= num_steps <= T:",
        "if not 1 <= num_steps:",
        "More steps than timesteps went through, so some timesteps repeat. "
        "Raise a ValueError where num_steps > T.",
    ),
    Edit(
        "none_allowed",
        "if not 1 <= num_steps <= T:",
        "if num_steps > T:",
        "Zero or fewer steps went through. Raise a ValueError where num_steps < 1.",
    ),
]

STEP = [
    Edit(
        "minus_one_reads_the_last",
        'F.pad(schedule["alpha_bar"], (0, 1), value=1.0)',
        'schedule["alpha_bar"]',
        "At t_prev = −1 you read alpha_bar[−1]. In Python that is the last entry: nearly pure "
        "noise. The clean image has ᾱ = 1.",
    ),
    Edit(
        "clean_taken_for_t_0",
        'F.pad(schedule["alpha_bar"], (0, 1), value=1.0)',
        'torch.cat([schedule["alpha_bar"], schedule["alpha_bar"][:1]])',
        "At t_prev = −1 you use ᾱ_0, so the last step leaves the noise of t = 0 in the picture. "
        "−1 means the clean image, ᾱ = 1.",
    ),
    Edit(
        "alpha_without_bar",
        'F.pad(schedule["alpha_bar"]',
        'F.pad(schedule["alphas"]',
        "You look up α, what one step keeps. A jump over many steps needs what all of them keep: "
        "ᾱ.",
    ),
    Edit(
        "first_t_for_all",
        ".reshape(-1), x_t)",
        ".reshape(-1)[:1], x_t)",
        "Every sample was moved with the first sample's t. t and t_prev may hold one timestep per "
        "sample.",
    ),
    Edit(
        "noise_added",
        "x_0 = (x_t - (1",
        "x_0 = (x_t + (1",
        "You add the predicted noise to get the clean image. Take it out: "
        "x̂_0 = (x_t − √(1−ᾱ_t) ε)/√ᾱ_t.",
    ),
    Edit(
        "spread_without_root",
        "x_0 = (x_t - (1 - now).sqrt() * eps)",
        "x_0 = (x_t - (1 - now) * eps)",
        "In x̂_0 the noise is multiplied by 1 − ᾱ_t. Its standard deviation is the root, √(1−ᾱ_t).",
    ),
    Edit(
        "not_rescaled",
        "/ now.sqrt()",
        "",
        "The estimate of the clean image is not divided by √ᾱ_t. x_t holds the image in a "
        "shrunken size: undo that.",
    ),
    Edit(
        "signal_without_root",
        "then.sqrt() * x_0",
        "then * x_0",
        "You multiply x̂_0 by ᾱ_prev. An image at noise level t_prev holds √ᾱ_prev of it: "
        "the root is missing.",
    ),
    Edit(
        "clean_image_returned",
        "x_prev = then.sqrt() * x_0 + (1 - then - sigma**2).sqrt() * eps",
        "x_prev = x_0",
        "You return x̂_0, the guess of the clean image. One step only goes to t_prev: "
        "put the noise of that level back.",
    ),
    Edit(
        "fresh_noise_for_the_direction",
        "sigma**2).sqrt() * eps",
        "sigma**2).sqrt() * torch.randn_like(x_t)",
        "You put fresh noise back. DDIM puts back the noise that the model predicted; "
        "that is why nothing is left to chance at eta = 0.",
    ),
    Edit(
        "same_noise_level_put_back",
        "(1 - then - sigma**2)",
        "(1 - now - sigma**2)",
        "You put back as much noise as there was at t. The new noise level is that of t_prev: "
        "√(1 − ᾱ_prev − σ²).",
    ),
    Edit(
        "sigma_not_taken_off",
        "(1 - then - sigma**2)",
        "(1 - then)",
        "With eta above 0 there is too much noise: the fresh part σ² must be taken off the "
        "predicted part, √(1 − ᾱ_prev − σ²).",
    ),
    Edit(
        "eta_left_out",
        "sigma = eta * (",
        "sigma = (",
        "eta only switches the noise on. It scales σ: at eta = 0.5 there is half as much fresh "
        "noise as at eta = 1.",
    ),
    Edit(
        "eta_under_the_root",
        "eta * ((1 - then) / (1 - now) * (1 - now / then)).sqrt()",
        "(eta * (1 - then) / (1 - now) * (1 - now / then)).sqrt()",
        "eta stands under the root. It scales the standard deviation σ, so it belongs in front of "
        "the root.",
    ),
    Edit(
        "sigma_of_one_big_step",
        "((1 - then) / (1 - now) * (1 - now / then))",
        "(1 - now / then)",
        "Your σ is η√(1 − ᾱ_t/ᾱ_prev). The first factor is missing: (1−ᾱ_prev)/(1−ᾱ_t), "
        "which is 0 at the clean image.",
    ),
    Edit(
        "sigma_without_root",
        "(1 - now / then)).sqrt()",
        "(1 - now / then))",
        "Your σ is the variance of the fresh noise. z is multiplied by its root.",
    ),
    Edit(
        "z_ignored",
        DRAWN,
        "torch.randn_like(x_t)",
        "The argument z was not used. Draw noise only where no z is given.",
    ),
    Edit(
        "never_any_noise",
        "if eta > 0:",
        "if eta > 0 and z is not None:",
        "With eta above 0 and no z, no noise was added. Draw it: standard normal, shaped like x_t.",
    ),
    Edit(
        "z_added_at_eta_0",
        "if eta > 0:\n        x_prev = x_prev + sigma * ",
        "if eta > 0 or z is not None:\n        x_prev = x_prev + (sigma if eta > 0 else 1) * ",
        "At eta = 0 the given z changed the result. σ is 0 there: z has no effect.",
    ),
    Edit(
        "clamped",
        "/ now.sqrt()",
        "/ now.sqrt()\n    x_0 = x_0.clamp(-1, 1)",
        "You clamped x̂_0 to [−1, 1]. Many libraries do so by default; here nothing is clamped, "
        "and latents would not survive it.",
    ),
]
