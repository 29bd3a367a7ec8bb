"""Misconceptions about noising and training (lesson 04)."""

from grader.misconceptions import Edit

FORWARD = [
    Edit(
        "alpha_bar_without_root",
        'schedule["sqrt_alpha_bar"]',
        'schedule["alpha_bar"]',
        "You scale x_0 by ᾱ_t. The mean of q(x_t | x_0) is √ᾱ_t · x_0: use the square root.",
    ),
    Edit(
        "variance_for_deviation",
        'schedule["sqrt_one_minus_alpha_bar"]',
        '1 - schedule["alpha_bar"]',
        "You scale the noise by 1 − ᾱ_t. That is the variance; noise is multiplied by the standard "
        "deviation, √(1 − ᾱ_t).",
    ),
    Edit(
        "alpha_without_bar",
        'schedule["sqrt_alpha_bar"]',
        'schedule["sqrt_alpha"]',
        "You scale x_0 by √α_t, as if only one step had happened. t + 1 steps have: "
        "their product is ᾱ_t, with a bar.",
    ),
    Edit(
        "roles_swapped",
        "signal * x_0 + spread * noise",
        "spread * x_0 + signal * noise",
        "The two factors are swapped: at small t your image is nearly all noise. "
        "√ᾱ_t belongs to x_0, √(1 − ᾱ_t) to the noise.",
    ),
    Edit(
        "first_t_for_all",
        "noise = torch.randn_like(x_0)",
        "noise = torch.randn_like(x_0)\n    t = t[:1]",
        "Every sample got the noise level of the first sample. t holds one timestep per sample: "
        "look up all of them and reshape to (B, 1, …).",
    ),
    Edit(
        "t_minus_one",
        "noise = torch.randn_like(x_0)",
        "noise = torch.randn_like(x_0)\n    t = t - 1",
        "Each sample got the noise level of t − 1. The paper counts timesteps from 1, "
        "this course from 0: use t as it comes.",
    ),
    Edit(
        "uniform_noise",
        "torch.randn_like",
        "torch.rand_like",
        "Your noise is uniform between 0 and 1. Diffusion adds standard normal noise: "
        "mean 0, variance 1 (randn, not rand).",
    ),
    Edit(
        "noise_unscaled",
        "spread * noise",
        "noise",
        "You add the noise at full strength for every t. It is scaled by √(1 − ᾱ_t), "
        "which is small at first.",
    ),
    Edit(
        "noise_subtracted",
        "signal * x_0 + spread",
        "signal * x_0 - spread",
        "You subtract the noise that you return. x_t looks the same, but a model trained on it "
        "learns the noise with the wrong sign. Add it.",
    ),
    Edit(
        "scaled_noise_returned",
        "spread * noise, noise",
        "spread * noise, spread * noise",
        "You return the noise after scaling it. The model predicts the standard normal ε itself, "
        "so return ε before the factor √(1 − ᾱ_t).",
    ),
    Edit(
        "noise_not_returned",
        "spread * noise, noise",
        "spread * noise",
        "You return x_t alone. Return the pair (x_t, noise): the loss needs to know which noise "
        "is in the image.",
    ),
    Edit(
        "order_swapped",
        "return signal * x_0 + spread * noise, noise",
        "return noise, signal * x_0 + spread * noise",
        "The two results are in the wrong order. Return x_t first, then the noise.",
    ),
    Edit(
        "noise_shared_in_the_batch",
        "torch.randn_like(x_0)",
        "torch.randn_like(x_0[:1]).expand_as(x_0)",
        "All samples of the batch got the same noise. Draw noise with the full shape of x_0.",
    ),
    Edit(
        "input_changed",
        "return signal * x_0 + spread * noise, noise",
        "return x_0.mul_(signal).add_(spread * noise), noise",
        "The numbers are right, but x_0 itself was overwritten: the next epoch would noise an "
        "already noisy image. Avoid operations that end in _ and +=, *= on inputs.",
    ),
    Edit(
        "noise_in_float32",
        "torch.randn_like(x_0)",
        "torch.randn(x_0.shape, device=x_0.device)",
        "For an x_0 in float64 your noise is float32. Draw noise like x_0: same shape, dtype and "
        "device.",
    ),
    Edit(
        "noise_on_the_cpu",
        "torch.randn_like(x_0)",
        "torch.randn(x_0.shape, dtype=x_0.dtype)",
        "The values are right on the CPU, but your noise stays there when x_0 is on a GPU. "
        "Draw it on the device of x_0.",
    ),
]

DRAWS_OF_T = [
    Edit(
        "one_t_for_the_batch",
        "(x_0.shape[0],), device=x_0.device)",
        "(1,), device=x_0.device).repeat(x_0.shape[0])",
        "All samples of a batch got the same t. Draw one timestep per sample, shape (B,): "
        "a batch then covers many noise levels and the gradient is less noisy.",
    ),
    Edit(
        "last_t_left_out",
        "torch.randint(0, T,",
        "torch.randint(0, T - 1,",
        "The timestep T − 1 is never drawn. The upper end of randint is already left out, "
        "so it is T. Sampling starts at T − 1: the model must know it.",
    ),
    Edit(
        "first_t_left_out",
        "torch.randint(0, T,",
        "torch.randint(1, T,",
        "The timestep 0 is never drawn. Timesteps are counted from 0 here; the paper counts from "
        "1.",
    ),
    Edit(
        "thousand_steps_assumed",
        'len(schedule["betas"])',
        "1000",
        "You draw t below 1000, but this schedule is shorter. Its length is the length of "
        "schedule['betas'].",
    ),
    Edit(
        "t_on_the_cpu",
        "(x_0.shape[0],), device=x_0.device)",
        "(x_0.shape[0],))",
        "Your timesteps stay on the CPU when the images are on a GPU. Draw them on the device of "
        "x_0.",
    ),
]

LOSS = DRAWS_OF_T + [
    Edit(
        "sum_for_mean",
        "F.mse_loss(model(x_t, t), noise)",
        'F.mse_loss(model(x_t, t), noise, reduction="sum")',
        "You return the sum of the squared errors. Take the mean over all elements; "
        "otherwise the loss, and with it the step size, grows with the batch.",
    ),
    Edit(
        "root_of_the_mean",
        "F.mse_loss(model(x_t, t), noise)",
        "F.mse_loss(model(x_t, t), noise).sqrt()",
        "You return the root of the mean squared error. The simplified loss has no root.",
    ),
    Edit(
        "absolute_error",
        "F.mse_loss",
        "F.l1_loss",
        "You return the mean absolute error. The simplified loss squares the error of the noise.",
    ),
    Edit(
        "predicts_x_0",
        "model(x_t, t), noise)",
        "model(x_t, t), x_0)",
        "You compare the prediction with x_0. The model of DDPM predicts the noise: "
        "the target is the noise inside x_t.",
    ),
    Edit(
        "another_noise",
        "model(x_t, t), noise)",
        "model(x_t, t), torch.randn_like(noise))",
        "The target is not the noise that is in x_t: it was drawn again. The model could only "
        "learn to answer 0. Use the noise that forward_diffusion returned.",
    ),
    Edit(
        "clean_image_shown",
        "model(x_t, t)",
        "model(x_0, t)",
        "The model was shown the clean x_0, in which there is no noise to find. Show it x_t.",
    ),
    Edit(
        "t_as_fraction",
        "model(x_t, t)",
        "model(x_t, t / T)",
        "The model got t/T, a fraction. In this course models take the whole number t, int64, "
        "and scale it themselves.",
    ),
    Edit(
        "t_as_column",
        "model(x_t, t)",
        "model(x_t, t[:, None])",
        "The model got t with shape (B, 1). It expects one timestep per sample, shape (B,).",
    ),
    Edit(
        "graph_cut",
        "model(x_t, t)",
        "model(x_t, t).detach()",
        "The loss has no path back to the model, so it cannot be trained. Do not use detach, "
        "no_grad or .item() on the way to the loss.",
    ),
    Edit(
        "float_returned",
        "return F.mse_loss(model(x_t, t), noise)",
        "return F.mse_loss(model(x_t, t), noise).item()",
        "You return a float. The training step still has to call backward, so return the tensor. "
        "The float comes at the end of ddpm_train_step.",
    ),
]

STEPS = [
    Edit(
        "gradients_pile_up",
        "    optimizer.zero_grad()\n",
        "",
        "The first update is right, the second is not: the old gradients are still there, and "
        "backward adds to them. Clear them with zero_grad in every step.",
    ),
    Edit(
        "weights_never_move",
        "    loss.backward()\n    optimizer.step()\n",
        "    optimizer.step()\n    loss.backward()\n",
        "The weights did not move. The order is zero_grad, backward, step: look for a missing "
        "step, a step before backward, or a zero_grad between backward and step.",
    ),
    Edit(
        "tensor_returned",
        "return loss.item()",
        "return loss",
        "You return a tensor. Return a plain float with .item(): a kept tensor keeps its whole "
        "graph in memory.",
    ),
    Edit(
        "gradients_clipped",
        "optimizer.step()",
        "nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n    optimizer.step()",
        "The gradients were clipped before the step. Clipping is useful at times, but it is not "
        "part of this step, and it hides large losses.",
    ),
    Edit(
        "train_mode_forced",
        "return loss.item()",
        "model.train()\n    return loss.item()",
        "A model in eval mode came back in train mode. The step must leave the mode as it was; "
        "choosing it is the caller's business.",
    ),
    Edit(
        "eval_mode_left",
        "return loss.item()",
        "model.eval()\n    return loss.item()",
        "A model in train mode came back in eval mode. The step must leave the mode as it was.",
    ),
    Edit(
        "times_batch_size",
        "return loss.item()",
        "return loss.item() * x_0.shape[0]",
        "The returned number is the loss times the batch size. Return the mean as it is; "
        "a caller who averages over an epoch does the weighting.",
    ),
]

TRAIN_STEP = STEPS + [
    Edit(
        "loss_after_the_update",
        "return loss.item()",
        "return ddpm_loss(model, x_0, schedule).item()",
        "You compute the loss once more after the update. Return the loss of before: it costs "
        "nothing and belongs to the same t and noise as the gradients.",
    ),
]
