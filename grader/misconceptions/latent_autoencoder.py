"""Misconceptions about the autoencoder and its latents (lesson 06)."""

from grader.misconceptions import Edit

LOSS = [
    Edit(
        "kl_summed",
        "kl.mean()",
        "kl.sum()",
        "The KL term is summed over all latent elements. Then it grows with the batch and drowns "
        "the reconstruction: take the mean.",
    ),
    Edit(
        "kl_summed_per_sample",
        "kl.mean()",
        "kl.flatten(1).sum(1).mean()",
        "The KL term is summed within each sample and averaged over the batch, as many papers do. "
        "Here it is averaged over all latent elements, so that kl_weight means the same for "
        "every latent size.",
    ),
    Edit(
        "half_forgotten",
        "0.5 * (mean**2",
        "(mean**2",
        "Your KL term is twice as large as it should be: the factor ½ is missing.",
    ),
    Edit(
        "sign_of_the_kl",
        "+ kl_weight * kl",
        "- kl_weight * kl",
        "You subtract the KL term, so training would push the latents away from a standard normal. "
        "Add it: it is a penalty.",
    ),
    Edit(
        "exp_forgotten",
        "logvar.exp()",
        "logvar",
        "You use logvar where the variance belongs. The encoder returns the logarithm of the "
        "variance: the variance is e^logvar.",
    ),
    Edit(
        "logvar_taken_for_log_of_the_spread",
        "logvar.exp()",
        "(2 * logvar).exp()",
        "You treat logvar as the log of the standard deviation. It is the log of the variance, "
        "so e^logvar needs no square.",
    ),
    Edit(
        "logvar_sign",
        "- 1 - logvar)",
        "- 1 + logvar)",
        "You add logvar inside the KL term. It is subtracted: mean² + e^logvar − 1 − logvar is 0 "
        "at mean 0 and variance 1, and positive elsewhere.",
    ),
    Edit(
        "mean_not_squared",
        "mean**2",
        "mean.abs()",
        "The mean enters the KL term squared. You took its absolute value.",
    ),
    Edit(
        "kl_left_out",
        "F.mse_loss(recon, images) + kl_weight * kl.mean()",
        "F.mse_loss(recon, images)",
        "The KL term is missing. Without it nothing keeps the latents in one place: "
        "add kl_weight times its mean.",
    ),
    Edit(
        "weight_left_out",
        "kl_weight * kl.mean()",
        "kl.mean()",
        "The argument kl_weight is not used. It says how much the KL term counts.",
    ),
    Edit(
        "reconstruction_weighted_too",
        "F.mse_loss(recon, images) + kl_weight * kl.mean()",
        "kl_weight * (F.mse_loss(recon, images) + kl.mean())",
        "kl_weight multiplies the whole loss. It belongs to the KL term alone.",
    ),
    Edit(
        "reconstruction_summed",
        "F.mse_loss(recon, images)",
        'F.mse_loss(recon, images, reduction="sum")',
        "The squared errors are summed. Take their mean over all elements, as for the KL term.",
    ),
    Edit(
        "absolute_errors",
        "F.mse_loss",
        "F.l1_loss",
        "You average absolute errors. The reconstruction term here is the mean squared error.",
    ),
]

FACTOR = [
    Edit(
        "spread_itself",
        "1 / latents.std()",
        "latents.std()",
        "You return the standard deviation itself. Latents are multiplied by the factor, "
        "and should have a standard deviation of 1 afterwards: take one over it.",
    ),
    Edit(
        "variance",
        "latents.std()",
        "latents.var()",
        "You divide by the variance. A factor scales the standard deviation, so use the root.",
    ),
    Edit(
        "population_spread",
        "latents.std()",
        "latents.std(unbiased=False)",
        "You divide by N in the variance. The course uses PyTorch's default, which divides by "
        "N − 1.",
    ),
    Edit(
        "root_mean_square",
        "latents.std()",
        "latents.square().mean().sqrt()",
        "You took the root of the mean square. The standard deviation is measured from the mean, "
        "and latents need not have mean 0.",
    ),
    Edit(
        "per_channel",
        "latents.std()",
        "(latents.std(dim=(0, *range(2, latents.dim()))) if latents.dim() > 1"
        " else latents.std()).mean()",
        "You measured each channel on its own and averaged. One number over all elements is asked "
        "for: channels with different means spread more than any of them alone.",
    ),
    Edit(
        "per_sample",
        "latents.std()",
        "latents.reshape(len(latents) if latents.dim() > 1 else 1, -1).std(dim=1).mean()",
        "You measured each sample on its own and averaged. One number over all elements, "
        "all samples together, is asked for.",
    ),
    Edit(
        "tensor_returned",
        "latents.std().item()",
        "latents.std()",
        "The number is right, but it is a tensor. Return a plain float.",
    ),
    Edit(
        "constant_of_stable_diffusion",
        "1 / latents.std().item()",
        "0.18215",
        "0.18215 belongs to the autoencoder of Stable Diffusion. Every autoencoder has a factor of "
        "its own: measure it on the latents.",
    ),
]

ENCODE = [
    Edit(
        "scaled_twice",
        "mean, _ = vae.encode(images)",
        "mean = vae.encode(images)[0] * scaling_factor",
        "The scaling factor was applied twice. Decoding divides by it once, so the pictures come "
        "back faded or glaring.",
    ),
    Edit(
        "divided",
        "mean * scaling_factor",
        "mean / scaling_factor",
        "You divide by the scaling factor. Encoding multiplies by it, decoding divides: "
        "the factor is one over the standard deviation.",
    ),
    Edit(
        "not_scaled",
        "mean * scaling_factor",
        "mean",
        "The latents are not scaled. Multiply them by scaling_factor, so that their standard "
        "deviation is 1, as the noise schedule expects.",
    ),
    Edit(
        "sampled",
        "return mean * scaling_factor",
        "return (mean + (0.5 * _).exp() * torch.randn_like(mean)) * scaling_factor",
        "You drew from the posterior. Here the mean alone is returned: the same picture always "
        "gives the same latents.",
    ),
    Edit(
        "logvar_returned",
        "mean, _ = vae",
        "_, mean = vae",
        "You returned the log variance. encode returns (mean, logvar): the mean comes first.",
    ),
    Edit(
        "images_scaled",
        "vae.encode(images)\n    return mean * scaling_factor",
        "vae.encode(images * scaling_factor)\n    return mean",
        "You scaled the pictures before encoding. The encoder knows pictures in [−1, 1]: "
        "scale what comes out of it.",
    ),
    Edit(
        "graph_kept",
        "with torch.no_grad():",
        "with torch.enable_grad():",
        "A graph hangs on the latents, so it would stay in memory with them. "
        "The VAE is not trained here: encode under torch.no_grad().",
    ),
    Edit(
        "left_in_eval_mode",
        "with torch.no_grad():",
        "vae.eval()\n    with torch.no_grad():",
        "You left the VAE in eval mode. Leave its mode as it was: its training may go on.",
    ),
    Edit(
        "left_in_train_mode",
        "with torch.no_grad():",
        "vae.train()\n    with torch.no_grad():",
        "You left the VAE in train mode. Leave its mode as it was.",
    ),
]

DECODE = [
    Edit(
        "multiplied",
        "latents / scaling_factor",
        "latents * scaling_factor",
        "You multiply by the scaling factor once more. Encoding did that; decoding undoes it.",
    ),
    Edit(
        "not_unscaled",
        "latents / scaling_factor",
        "latents",
        "The latents went into the decoder as they are. They were multiplied by scaling_factor, "
        "and the decoder was trained without it: divide first.",
    ),
    Edit(
        "images_divided",
        "vae.decode(latents / scaling_factor)",
        "vae.decode(latents) / scaling_factor",
        "You divided the pictures. The factor belongs to the latents: divide before decoding.",
    ),
    Edit(
        "divided_twice",
        "latents / scaling_factor",
        "latents / scaling_factor**2",
        "You divided by the scaling factor twice. Encoding multiplied by it once.",
    ),
    Edit(
        "clamped",
        "vae.decode(latents / scaling_factor)",
        "vae.decode(latents / scaling_factor).clamp(-1, 1)",
        "The pictures were clamped to [−1, 1]. The course clamps only for showing: "
        "values that run away should be seen.",
    ),
    Edit(
        "zero_to_one",
        "vae.decode(latents / scaling_factor)",
        "(vae.decode(latents / scaling_factor) + 1) / 2",
        "You moved the pictures to [0, 1]. The decoder's own range is returned here, [−1, 1].",
    ),
    Edit(
        "graph_kept",
        "with torch.no_grad():",
        "with torch.enable_grad():",
        "A graph hangs on the pictures, so it would stay in memory with them. "
        "Decode under torch.no_grad().",
    ),
    Edit(
        "left_in_eval_mode",
        "with torch.no_grad():",
        "vae.eval()\n    with torch.no_grad():",
        "You left the VAE in eval mode. Leave its mode as it was: its training may go on.",
    ),
    Edit(
        "left_in_train_mode",
        "with torch.no_grad():",
        "vae.train()\n    with torch.no_grad():",
        "You left the VAE in train mode. Leave its mode as it was.",
    ),
]
