"""Misconceptions of lesson 06, and which of them the bug hunts hide."""

from grader.misconceptions import latent_autoencoder, latent_samplers, latent_steps

MISCONCEPTIONS = {
    "vae_loss": latent_autoencoder.LOSS,
    "estimate_scaling_factor": latent_autoencoder.FACTOR,
    "encode_latents": latent_autoencoder.ENCODE,
    "decode_latents": latent_autoencoder.DECODE,
    "ddim_timesteps": latent_steps.TIMESTEPS,
    "ddim_step": latent_steps.STEP,
    "sample_ddim": latent_samplers.DDIM,
    "dpm_solver_pp_2m": latent_samplers.SOLVER,
}

HUNTS = {
    "hunt_faded_pictures": "scaled_twice",
    "hunt_noise_left": "stops_at_19",
}
