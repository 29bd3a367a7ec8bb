"""Misconceptions about samplers with few steps (lesson 06)."""

from grader.misconceptions import Edit

START = "torch.randn(shape, device=device)"
ASKED = "model(x, torch.full((shape[0],), t, device=device))"

CHAIN = [
    Edit(
        "starts_from_zeros",
        START,
        "torch.zeros(shape, device=device)",
        "You start from zeros. The chain starts from x_T ~ N(0, 1): draw standard normal noise.",
    ),
    Edit(
        "starts_from_uniform",
        START,
        "torch.rand(shape, device=device)",
        "You start from uniform noise between 0 and 1. x_T is standard normal: randn, not rand.",
    ),
    Edit(
        "start_shared_in_the_batch",
        START,
        "torch.randn((1, *shape[1:]), device=device).expand(shape)",
        "All pictures of a batch start from the same x_T, and without fresh noise they end as the "
        "same picture. Draw it with the full shape.",
    ),
    Edit(
        "t_as_single_number",
        "torch.full((shape[0],), t, device=device)",
        "torch.full((1,), t, device=device)",
        "The model got t with shape (1,). It expects one timestep per sample, shape (B,), "
        "even though all of them are equal.",
    ),
    Edit(
        "t_on_the_cpu",
        "torch.full((shape[0],), t, device=device)",
        "torch.full((shape[0],), t)",
        "Your t stays on the CPU when the model is on a GPU. Make it on `device`.",
    ),
    Edit(
        "step_number_for_t",
        "torch.full((shape[0],), t, device=device)",
        "torch.full((shape[0],), num_steps - 1 - timesteps.index(t), device=device)",
        "The model was told the number of the step instead of the timestep. It was trained on "
        "timesteps 0 … T − 1 and must hear the real one.",
    ),
    Edit(
        "runs_forwards",
        "list(ddim_timesteps(",
        "sorted(ddim_timesteps(",
        "Your loop goes through rising timesteps. Sampling goes the other way, from T − 1 to 0.",
    ),
    Edit(
        "gradients_recorded",
        "with sampling(model):",
        "with sampling(model), torch.enable_grad():",
        "Gradients were recorded at every model call. The graph grows with each step: "
        "sample under torch.no_grad().",
    ),
    Edit(
        "no_eval_mode",
        "with sampling(model):",
        "with torch.no_grad():",
        "The model was called in train mode. Dropout and batch norm would disturb the samples: "
        "switch to eval mode first.",
    ),
    Edit(
        "mode_not_restored",
        "with sampling(model):",
        'getattr(model, "eval", int)()\n    with torch.no_grad():',
        "The model was in train mode before, and you left it in eval mode. Put its mode back at "
        "the end.",
    ),
    Edit(
        "plain_function_forgotten",
        "with sampling(model):",
        "with sampling(model), torch.autograd.set_grad_enabled(model.training and False):",
        "Your code needs an nn.Module, but the model may be any function. Switch modes only where "
        "there is a mode to switch.",
    ),
    Edit(
        "clamped",
        "return x",
        "return x.clamp(-1, 1)",
        "The samples were clamped to [−1, 1]. The course clamps only for showing pictures; "
        "latents rightly go beyond.",
    ),
]

DDIM = [
    *CHAIN,
    Edit(
        "stops_at_19",
        'list(ddim_timesteps(len(schedule["betas"]), num_steps))\n'
        "    pairs = pairwise([*timesteps, -1])",
        'list(range(len(schedule["betas"]))[::-(len(schedule["betas"]) // num_steps)])\n'
        "    pairs = pairwise(timesteps)",
        "Your timesteps are a range with the stride T // num_steps, and the loop ends at the last "
        "of them: at t = 19 for 50 of 1000. The noise of that level stays in the picture. Use "
        "ddim_timesteps, and step to −1 at the end.",
    ),
    Edit(
        "never_clean",
        "[*timesteps, -1]",
        "timesteps",
        "You stop at t = 0, which is a noise level, too. One step more leads to the clean image, "
        "t_prev = −1.",
    ),
    Edit(
        "last_step_to_0",
        "[*timesteps, -1]",
        "[*timesteps, 0]",
        "Your last step goes from t = 0 to t = 0. It should lead to the clean image: t_prev = −1.",
    ),
    Edit(
        "neighbour_for_next",
        "pairwise([*timesteps, -1])",
        "zip(timesteps, [t - 1 for t in timesteps])",
        "You step from t to t − 1, then ask the model far below. The next image must be at the "
        "noise level of the next timestep in the list.",
    ),
    Edit(
        "eta_not_passed_on",
        "t_prev, schedule, eta)",
        "t_prev, schedule)",
        "The argument eta has no effect. Pass it on to ddim_step.",
    ),
    Edit(
        "always_noisy",
        "t_prev, schedule, eta)",
        "t_prev, schedule, 1.0)",
        "Noise was added although eta is 0. Pass eta on as it is.",
    ),
    Edit(
        "same_noise_each_step",
        "t_prev, schedule, eta)",
        't_prev, schedule, eta, schedule.setdefault("z", torch.randn_like(x)))',
        "Every step adds the same noise, so it piles up in the picture. Draw new noise for each "
        "step.",
    ),
]

SOLVER = [
    *CHAIN,
    Edit(
        "first_order",
        "guess = x_0 + (x_0 - before) / (2 * r)",
        "guess = x_0",
        "This is the first-order solver, which equals DDIM. From the second step on, use the "
        "former x̂_0 as well: D = x̂_0 + (x̂_0 − x̂_0 before)/(2r).",
    ),
    Edit(
        "correction_backwards",
        "x_0 + (x_0 - before)",
        "x_0 - (x_0 - before)",
        "The correction points backwards. x̂_0 goes on changing in the direction of its last "
        "change: add it.",
    ),
    Edit(
        "r_upside_down",
        "(log_snr[t] - log_snr[timesteps[i - 1]]) / h",
        "h / (log_snr[t] - log_snr[timesteps[i - 1]])",
        "Your r is upside down. It is the former step in λ over this one: a long former step says "
        "less about this one.",
    ),
    Edit(
        "steps_taken_as_equal",
        "(log_snr[t] - log_snr[timesteps[i - 1]]) / h",
        "1.0",
        "You set r = 1, as if all steps were equally long in λ. They are not: "
        "r is the former step over this one.",
    ),
    Edit(
        "half_missing",
        "(2 * r)",
        "r",
        "The correction is twice as large as it should be. Half of the change is right: the mean "
        "over the step, not its end. Divide by 2r.",
    ),
    Edit(
        "lambda_doubled",
        "(signal / spread).log()",
        "2 * (signal / spread).log()",
        "Your λ is ln(ᾱ/(1−ᾱ)), twice what it should be. Here λ = ln(√ᾱ/√(1−ᾱ)).",
    ),
    Edit(
        "wrong_way_in_lambda",
        "torch.expm1(-h)",
        "torch.expm1(h)",
        "The exponent has the wrong sign: it is e^(−h) − 1, with h = λ_next − λ_now above 0.",
    ),
    Edit(
        "guess_subtracted",
        "* x - signal[s]",
        "* x + signal[s]",
        "The clean image is subtracted. e^(−h) − 1 is negative, so the minus in front of α_next "
        "makes it a plus: keep that minus.",
    ),
    Edit(
        "spread_upside_down",
        "spread[s] / spread[t]",
        "spread[t] / spread[s]",
        "x is multiplied by σ_now/σ_next. The noise must get smaller: σ_next/σ_now.",
    ),
    Edit(
        "signal_of_the_wrong_step",
        "signal[s] *",
        "signal[t] *",
        "The clean image is scaled by √ᾱ of the step you leave. It belongs to the noise level you "
        "go to.",
    ),
    Edit(
        "noise_for_data",
        "guess = timesteps[i + 1], x_0",
        "guess = timesteps[i + 1], eps",
        "The first step uses the predicted noise where the predicted image belongs. DPM-Solver++ "
        "works with x̂_0.",
    ),
    Edit(
        "history_frozen",
        "before, x_0 = x_0, (x",
        "before, x_0 = (x_0 if i < 2 else before), (x",
        "The correction always compares with the very first x̂_0. Keep the one of the former step.",
    ),
    Edit(
        "not_to_the_clean_image",
        "x = x_0  # the step to the clean image",
        "x = x + 0",
        "You stop at t = 0, where the noise of that level is still in x. The last step leads to "
        "the clean image: x̂_0.",
    ),
    Edit(
        "last_step_extrapolated",
        "x = x_0  # the step to the clean image",
        "x = x_0 if i == 0 else x_0 + (x_0 - before) / 2",
        "The step to the clean image is corrected, too. It is infinitely long in λ, so it must be "
        "first order: x̂_0 itself.",
    ),
    Edit(
        "clamped_inside",
        "(x - spread[t] * eps) / signal[t]",
        "((x - spread[t] * eps) / signal[t]).clamp(-1, 1)",
        "You clamped x̂_0 to [−1, 1]. Here nothing is clamped; latents would not survive it.",
    ),
]
