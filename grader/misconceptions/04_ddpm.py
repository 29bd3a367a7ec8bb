"""Misconceptions of lesson 04, and which of them the bug hunts hide."""

from grader.misconceptions import ddpm_guidance, ddpm_sampling, ddpm_schedules, ddpm_training

MISCONCEPTIONS = {
    "linear_beta_schedule": ddpm_schedules.LINEAR,
    "cosine_beta_schedule": ddpm_schedules.COSINE,
    "precompute_schedule": ddpm_schedules.PRECOMPUTE,
    "compare_schedules": ddpm_schedules.COMPARE,
    "forward_diffusion": ddpm_training.FORWARD,
    "ddpm_loss": ddpm_training.LOSS,
    "ddpm_train_step": ddpm_training.TRAIN_STEP,
    "reverse_mean": ddpm_sampling.MEAN,
    "sample_ddpm": ddpm_sampling.SAMPLE,
    "drop_labels": ddpm_guidance.DROP,
    "guided_noise": ddpm_guidance.GUIDED,
    "cfg_train_step": ddpm_guidance.CFG_STEP,
    "sample_cfg": ddpm_guidance.SAMPLE_CFG,
}

HUNTS = {
    "hunt_exploding_samples": "noise_added",
    "hunt_grainy_samples": "noise_at_the_end",
    "hunt_idle_guidance": "one_pass",
    "hunt_nan_samples": "alpha_bar_for_alpha",
}
