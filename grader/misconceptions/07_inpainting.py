"""Misconceptions of lesson 07, and which of them the bug hunts hide."""

from grader.misconceptions import (
    inpainting_best_epoch,
    inpainting_blocks,
    inpainting_masks,
    inpainting_restoration,
    inpainting_sampling,
    inpainting_training,
)

MISCONCEPTIONS = {
    "bbox2mask": inpainting_masks.BOX,
    "make_mask": inpainting_masks.MASK,
    "inpainting_item": inpainting_masks.ITEM,
    "gamma_embedding": inpainting_blocks.EMBEDDING,
    "AdaGNResBlock": inpainting_blocks.RESBLOCK,
    "AttentionBlock": inpainting_blocks.ATTENTION,
    "sample_gammas": inpainting_training.GAMMAS,
    "masked_noise_loss": inpainting_training.LOSS,
    "predict_start_from_noise": inpainting_sampling.START,
    "q_posterior": inpainting_sampling.POSTERIOR,
    "p_sample": inpainting_sampling.P_SAMPLE,
    "restoration": inpainting_restoration.RESTORATION,
    "fit": inpainting_best_epoch.FIT,
}

HUNTS = {
    "hunt_face_hidden": "face_hidden",
    "hunt_lazy_loss": "loss_everywhere",
    "hunt_drifting_face": "known_pixels_drift",
    "hunt_best_is_late": "best_never_updated",
}
