"""Misconceptions about the way from a sentence to a picture (lesson 05)."""

from grader.misconceptions import Edit

CONTEXTS = "unet(x, t, context), unet(x, t, empty)"
AVOIDED = "unet(x, t, context), unet(x, t, avoided)"
GUIDED = "eps_null + guidance_scale * (eps_cond - eps_null)"

STEP = [
    Edit(
        "not_clamped",
        "    x_0 = x_0.clamp(-1, 1)\n",
        "",
        "The clean image is not clamped to [−1, 1]. With strong guidance it leaves that range, and "
        "each step makes it worse.",
    ),
    Edit(
        "clamped_to_zero_one",
        "clamp(-1, 1)",
        "clamp(0, 1)",
        "You clamp to [0, 1]. During sampling images live in [−1, 1].",
    ),
    Edit(
        "result_clamped",
        "    x_before = mean",
        "    mean = mean.clamp(-1, 1)\n    x_before = mean",
        "You clamp the mean as well. Only the clean image is clamped: x_t is noisy and may "
        "be larger.",
    ),
    Edit(
        "sign_of_the_noise",
        "(x_t - spread * eps)",
        "(x_t + spread * eps)",
        "The predicted noise is added. It has to be taken out to get the clean image.",
    ),
    Edit(
        "variance_for_deviation",
        "t, x_t).sqrt() * z",
        "t, x_t) * z",
        "z is multiplied by the variance. Its factor is the standard deviation, the square root.",
    ),
    Edit(
        "beta_for_posterior_variance",
        'schedule["posterior_variance"], t',
        "betas, t",
        "The noise has variance β_t, as in lesson 04's sampler. Here it is the posterior's, β̃_t.",
    ),
    Edit(
        "no_noise",
        'mean + per_sample(schedule["posterior_variance"], t, x_t).sqrt() * z',
        "mean",
        "z is never used: the step is the mean alone.",
    ),
    Edit(
        "noise_at_the_end",
        "return torch.where(per_sample(last, t, x_t) > 0, x_0, x_before)",
        "return torch.where(per_sample(last, t, x_t) > 0, x_0 + z, x_before)",
        "Noise is added at t = 0. The last step returns the clean image as it is.",
    ),
    Edit(
        "before_is_now",
        "before = torch.cat([torch.ones_like(alpha_bar[:1]), alpha_bar[:-1]])",
        "before = alpha_bar",
        "You used ᾱ_t where ᾱ_{t−1} belongs: how much of the image there is after the step.",
    ),
    Edit(
        "weights_swapped",
        "per_sample(of_start, t, x_t) * x_0 + per_sample(of_now, t, x_t) * x_t",
        "per_sample(of_now, t, x_t) * x_0 + per_sample(of_start, t, x_t) * x_t",
        "The two weights of the mean changed places. The one with √ᾱ_{t−1} β_t belongs to "
        "the clean image.",
    ),
    Edit(
        "root_of_alpha_missing",
        'of_now = schedule["sqrt_alpha"]',
        'of_now = schedule["alphas"]',
        "The factor of x_t has α_t where its square root belongs.",
    ),
    Edit(
        "first_t_for_all",
        "    alpha_bar, betas =",
        "    t = torch.as_tensor(t).reshape(-1)[:1]\n    alpha_bar, betas =",
        "All samples are treated with the t of the first one. Each has its own.",
    ),
]

RULES = [
    Edit(
        "gradients_recorded",
        "with torch.no_grad():",
        "with torch.enable_grad():",
        "Gradients are recorded at every step, and memory grows with each. Sample under "
        "torch.no_grad().",
    ),
    Edit(
        "never_in_eval_mode",
        "unet.eval()",
        "unet.train()",
        "The U-Net is called in train mode. Put it into eval mode before the loop.",
    ),
    Edit(
        "mode_not_restored",
        "        unet.train()\n",
        "        pass\n",
        "The U-Net stays in eval mode. A sampler puts the former mode back when it is done.",
    ),
    Edit(
        "always_back_to_train",
        "    if training:\n        unet.train()",
        "    if isinstance(unet, nn.Module):\n        unet.train()",
        "The U-Net is in train mode afterwards even if it was not before. Put back what was there.",
    ),
    Edit(
        "stops_early",
        'in reversed(range(len(schedule["betas"])))',
        'in range(len(schedule["betas"]) - 1, 0, -1)',
        "The loop ends at t = 1. The step at t = 0 is missing, and noise stays in the picture.",
    ),
    Edit(
        "wrong_direction",
        'in reversed(range(len(schedule["betas"])))',
        'in range(len(schedule["betas"]))',
        "The loop runs from 0 upwards. Sampling goes backwards: from T − 1 to 0.",
    ),
    Edit(
        "t_as_float",
        "torch.full((1,), i, device=device)",
        "torch.full((1,), float(i), device=device)",
        "The U-Net got t as a float. It is asked with int64, one per sample.",
    ),
    Edit(
        "t_on_the_cpu",
        "torch.full((1,), i, device=device)",
        "torch.full((1,), i)",
        "The timesteps stay on the CPU when everything else is on a GPU.",
    ),
    Edit(
        "difference_only",
        GUIDED,
        "guidance_scale * (eps_cond - eps_null)",
        "Only the difference is used. It is added to the unconditional prediction.",
    ),
    Edit(
        "other_convention",
        GUIDED,
        "eps_cond + guidance_scale * (eps_cond - eps_null)",
        "You compute (1 + w) ε_c − w ε_∅. In this course w = 1 is the conditional prediction: "
        "start from the unconditional one.",
    ),
    Edit(
        "pulled_away",
        GUIDED,
        "eps_null + guidance_scale * (eps_null - eps_cond)",
        "The picture is pushed away from the prompt: the difference has the wrong sign.",
    ),
]

SAMPLE = [
    *RULES,
    Edit(
        "one_pass",
        CONTEXTS,
        "(unet(x, t, context),) * 2",
        "Both predictions use the prompt, so their difference is zero and w does nothing. "
        "One pass gets the empty sentence.",
    ),
    Edit(
        "zeros_for_the_empty_sentence",
        'empty = encode_text([""]).to(device)',
        "empty = torch.zeros_like(context)",
        "The unconditional context is a tensor of zeros. The network was trained with the empty "
        "sentence, whose states are not zero.",
    ),
    Edit(
        "contexts_swapped",
        CONTEXTS,
        "unet(x, t, empty), unet(x, t, context)",
        "The two contexts changed places, so guidance walks away from the prompt.",
    ),
    Edit(
        "no_fresh_noise",
        "schedule, torch.randn_like(x)",
        "schedule, torch.zeros_like(x)",
        "No noise is added on the way. Each step but the last needs fresh noise.",
    ),
    Edit(
        "uniform_noise",
        "schedule, torch.randn_like(x)",
        "schedule, torch.rand_like(x)",
        "The noise of the steps is uniform. It must be normal: randn, not rand.",
    ),
    Edit(
        "start_from_zeros",
        "torch.randn(1, C, H, W, device=device)",
        "torch.zeros(1, C, H, W, device=device)",
        "The chain starts from zeros. It starts from standard normal noise.",
    ),
    Edit(
        "height_and_width_swapped",
        "torch.randn(1, C, H, W, device=device)",
        "torch.randn(1, C, W, H, device=device)",
        "Height and width changed places. Images are (B, C, H, W).",
    ),
]

GENERATE = [
    *RULES,
    Edit(
        "one_pass",
        AVOIDED,
        "(unet(x, t, context),) * 2",
        "Both predictions use the prompt, so their difference is zero and w does nothing. "
        "One pass gets the negative prompt.",
    ),
    Edit(
        "negative_prompt_ignored",
        '["encode_text"]([negative_prompt])',
        '["encode_text"]([""])',
        "The negative prompt has no effect. It takes the place of the empty sentence.",
    ),
    Edit(
        "negative_prompt_as_prompt",
        '["encode_text"]([prompt])',
        '["encode_text"]([prompt + " " + negative_prompt])',
        "The negative prompt is added to the prompt, so the picture is drawn towards it. "
        "It belongs to the unconditional pass.",
    ),
    Edit(
        "three_passes",
        GUIDED,
        "eps_cond + guidance_scale * (eps_cond - eps_null) - unet(x, t, "
        'components["encode_text"]([""]))'
        " + eps_null",
        "There is a third pass, with the empty sentence. The negative prompt takes its "
        "place: two passes.",
    ),
    Edit(
        "seed_zero_is_no_seed",
        "None if seed is None else",
        "None if not seed else",
        "Seed 0 is treated as no seed, since `if seed` is false for 0. Ask `seed is None`.",
    ),
    Edit(
        "seed_ignored",
        "None if seed is None else torch.Generator(device).manual_seed(seed)",
        "None",
        "The seed has no effect: the same seed gives another image.",
    ),
    Edit(
        "always_the_same_seed",
        "None if seed is None else torch.Generator(device).manual_seed(seed)",
        "torch.Generator(device).manual_seed(seed or 0)",
        "Without a seed the images are all the same. `seed=None` draws from the global generator.",
    ),
    Edit(
        "steps_not_seeded",
        "z = torch.randn(x.shape, device=device, generator=generator)",
        "z = torch.randn_like(x)",
        "Only x_T follows the seed. The noise of every step has to follow it, too.",
    ),
    Edit(
        "still_minus_one_to_one",
        "return (x[0] + 1) / 2",
        "return x[0]",
        "The image still has values from −1 to 1. Bring them to [0, 1].",
    ),
    Edit(
        "negative_values_cut",
        "return (x[0] + 1) / 2",
        "return x[0].clamp(0, 1)",
        "You cut off the negative values, so everything darker than grey is black. "
        "Shift and shrink: from [−1, 1] to [0, 1].",
    ),
    Edit(
        "batch_axis_kept",
        "return (x[0] + 1) / 2",
        "return (x + 1) / 2",
        "The result still has a batch axis. One image is (C, H, W).",
    ),
]
