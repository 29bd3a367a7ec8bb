"""Misconceptions about the way back from noise (lesson 04)."""

from grader.misconceptions import Edit

MEAN = [
    Edit(
        "noise_added",
        "x_t - beta",
        "x_t + beta",
        "You add the predicted noise. Going back means taking it out: x_t − β_t/√(1−ᾱ_t) · ε.",
    ),
    Edit(
        "alpha_bar_for_alpha",
        'schedule["sqrt_alpha"]',
        'schedule["sqrt_alpha_bar"]',
        "You divide by √ᾱ_t. One step back undoes one step: divide by √α_t, without the bar.",
    ),
    Edit(
        "alpha_without_root",
        'schedule["sqrt_alpha"]',
        'schedule["alphas"]',
        "You divide by α_t. One step forward multiplies the image by √α_t, so divide by the root.",
    ),
    Edit(
        "root_of_beta",
        'schedule["betas"]',
        'schedule["betas"].sqrt()',
        "You take out √β_t/√(1−ᾱ_t) of the noise. Here β_t stands without a root; "
        "√β_t is the spread of the fresh noise in the sampler.",
    ),
    Edit(
        "spread_without_root",
        'schedule["sqrt_one_minus_alpha_bar"]',
        '1 - schedule["alpha_bar"]',
        "You divide β_t by 1 − ᾱ_t. The noise in x_t has the standard deviation √(1−ᾱ_t): "
        "use the root.",
    ),
    Edit(
        "spread_without_bar",
        'schedule["sqrt_one_minus_alpha_bar"]',
        '(1 - schedule["alphas"]).sqrt()',
        "You divide by √(1−α_t). All the noise up to step t is in x_t, so the bar belongs there: "
        "√(1−ᾱ_t).",
    ),
    Edit(
        "not_rescaled",
        "(x_t - beta / spread * eps) / sqrt_alpha",
        "x_t - beta / spread * eps",
        "The division by √α_t is missing. Each step forward shrinks the image a little; "
        "going back has to undo that.",
    ),
    Edit(
        "multiplied_for_divided",
        ") / sqrt_alpha",
        ") * sqrt_alpha",
        "You multiply by √α_t. The forward step multiplied by it, so going back divides.",
    ),
    Edit(
        "only_the_noise_divided",
        "(x_t - beta / spread * eps) / sqrt_alpha",
        "x_t - beta / spread * eps / sqrt_alpha",
        "Only the noise term is divided by √α_t. The whole difference is: mind the parentheses.",
    ),
    Edit(
        "x_0_for_the_mean",
        "(x_t - beta / spread * eps) / sqrt_alpha",
        '(x_t - spread * eps) / per_sample(schedule["sqrt_alpha_bar"], t, x_t)',
        "You return the estimate of the clean image x_0. Asked for is the mean of x_{t−1}, "
        "one small step: only β_t/√(1−ᾱ_t) of the noise goes out.",
    ),
    Edit(
        "first_t_for_all",
        'beta = per_sample(schedule["betas"]',
        't = t[:1]\n    beta = per_sample(schedule["betas"]',
        "Every sample was moved with the first sample's t. t holds one timestep per sample.",
    ),
    Edit(
        "clamped",
        "return (x_t - beta / spread * eps) / sqrt_alpha",
        "return ((x_t - beta / spread * eps) / sqrt_alpha).clamp(-1, 1)",
        "The mean was clamped to [−1, 1]. A noisy image rightly goes beyond; "
        "clamp only the finished picture, when you show it.",
    ),
]

CHAIN = [
    Edit(
        "noise_at_the_end",
        "if i > 0:",
        "if i >= 0:",
        "You add noise at t = 0 as well. The last step returns the mean: "
        "nothing comes after it that could take the noise out.",
    ),
    Edit(
        "posterior_variance_as_sigma",
        'schedule["betas"][i].sqrt()',
        'schedule["posterior_variance"][i].sqrt()',
        "Your σ_t is the root of the posterior variance. The paper allows both choices; "
        "this course takes the other one, σ_t = √β_t.",
    ),
    Edit(
        "beta_without_root",
        'schedule["betas"][i].sqrt()',
        'schedule["betas"][i]',
        "You scale the fresh noise by β_t. That is its variance; the factor is σ_t = √β_t.",
    ),
    Edit(
        "no_fresh_noise",
        "torch.randn_like(x)",
        "torch.zeros_like(x)",
        "No noise is added between the steps, so x_T alone decides the picture. DDPM adds √β_t · z "
        "after every step but the last.",
    ),
    Edit(
        "same_noise_each_step",
        "torch.randn_like(x)",
        'schedule.setdefault("z", torch.randn_like(x))',
        "Every step adds the same noise, so it piles up in the picture. Draw new noise for each "
        "step.",
    ),
    Edit(
        "noise_shared_in_the_batch",
        "torch.randn_like(x)",
        "torch.randn_like(x[:1])",
        "All pictures of a batch get the same noise. Draw it with the full shape, one for each.",
    ),
    Edit(
        "starts_from_zeros",
        "torch.randn(shape, device=device)",
        "torch.zeros(shape, device=device)",
        "You start from zeros. The chain starts from x_T ~ N(0, 1): draw standard normal noise.",
    ),
    Edit(
        "starts_from_uniform",
        "torch.randn(shape, device=device)",
        "torch.rand(shape, device=device)",
        "You start from uniform noise between 0 and 1. x_T is standard normal: randn, not rand.",
    ),
    Edit(
        "start_shared_in_the_batch",
        "torch.randn(shape, device=device)",
        "torch.randn((1, *shape[1:]), device=device).repeat(shape[0], 1, 1, 1)",
        "All pictures of a batch start from the same x_T. Draw it with the full shape.",
    ),
    Edit(
        "runs_forwards",
        "reversed(range(",
        "list(range(",
        "Your loop runs from t = 0 up to T − 1. Sampling goes the other way: from T − 1 down to 0.",
    ),
    Edit(
        "counts_from_one",
        'reversed(range(len(schedule["betas"])))',
        'range(len(schedule["betas"]), 0, -1)',
        "Your loop runs from t = T to 1, as in the paper. Here timesteps are counted from 0: "
        "T − 1 … 0, and index T does not exist.",
    ),
    Edit(
        "last_step_forgotten",
        'range(len(schedule["betas"]))',
        'range(1, len(schedule["betas"]))',
        "Your loop stops before t = 0. The end of a Python range is left out; "
        "without the last step a little noise stays in the picture.",
    ),
    Edit(
        "t_as_single_number",
        "torch.full((shape[0],), i, device=device)",
        "torch.full((1,), i, device=device)",
        "The model got t with shape (1,). It expects one timestep per sample, shape (B,), "
        "even though all of them are equal.",
    ),
    Edit(
        "t_on_the_cpu",
        "torch.full((shape[0],), i, device=device)",
        "torch.full((shape[0],), i)",
        "Your t stays on the CPU when the model is on a GPU. Make it on `device`.",
    ),
    Edit(
        "gradients_recorded",
        "with torch.no_grad():",
        "with torch.enable_grad():",
        "Gradients were recorded at every model call. The graph grows with each step until memory "
        "is full: sample under torch.no_grad().",
    ),
    Edit(
        "no_eval_mode",
        "model.eval()",
        "pass",
        "The model was called in train mode. Dropout and batch norm would disturb the samples: "
        "switch to eval mode first.",
    ),
    Edit(
        "mode_not_restored",
        "model.train()",
        "pass",
        "The model was in train mode before, and you left it in eval mode. Put its mode back at "
        "the end: training goes on after the samples are shown.",
    ),
    Edit(
        "train_mode_at_the_end",
        "isinstance(model, nn.Module) and model.training",
        "isinstance(model, nn.Module)",
        "The model was in eval mode before, and you left it in train mode. Remember the mode "
        "first, then put that one back.",
    ),
    Edit(
        "clamped",
        "return x",
        "return x.clamp(-1, 1)",
        "The samples were clamped to [−1, 1]. The course clamps only for showing pictures, so that "
        "you can see when values run away.",
    ),
]

SAMPLE = CHAIN + [
    Edit(
        "plain_function_forgotten",
        "isinstance(model, nn.Module) and model.training",
        "model.training",
        "Your code needs an nn.Module, but the model may be any function. Switch modes only where "
        "there is a mode to switch.",
    ),
    Edit(
        "clean_image_each_step",
        "reverse_mean(x, t, model(x, t), schedule)",
        '(x - per_sample(schedule["sqrt_one_minus_alpha_bar"], t, x) * model(x, t))'
        ' / per_sample(schedule["sqrt_alpha_bar"], t, x)',
        "Each step jumps to the estimate of the clean image. The chain goes back one small step "
        "at a time: use reverse_mean.",
    ),
]
