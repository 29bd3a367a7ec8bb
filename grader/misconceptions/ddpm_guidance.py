"""Misconceptions about labels and guidance (lesson 04)."""

from grader.misconceptions import Edit
from grader.misconceptions.ddpm_sampling import CHAIN
from grader.misconceptions.ddpm_training import DRAWS_OF_T, STEPS

DROP = [
    Edit(
        "kept_with_p",
        "< p_uncond",
        "> p_uncond",
        "Labels are kept with probability p and dropped with 1 − p. "
        "p_uncond is the probability of dropping one.",
    ),
    Edit(
        "edge_included",
        "< p_uncond",
        "<= p_uncond",
        "With p = 0 a label can still be dropped: rand may return exactly 0. Use <, not <=.",
    ),
    Edit(
        "one_coin",
        "torch.rand(labels.shape, device=labels.device)",
        "torch.rand(1, device=labels.device)",
        "One random number decides for the whole batch: all labels are dropped, or none. "
        "Draw one number per label.",
    ),
    Edit(
        "fixed_share",
        "torch.rand(labels.shape, device=labels.device) < p_uncond",
        "torch.arange(len(labels), device=labels.device) < p_uncond * len(labels)",
        "The same places of the batch are dropped every time. "
        "Each label is dropped by chance, independently of the others.",
    ),
    Edit(
        "normal_for_uniform",
        "torch.rand(",
        "torch.randn(",
        "The share of dropped labels is not p: normal numbers are below p more often. "
        "Compare p with uniform numbers from [0, 1).",
    ),
    Edit(
        "last_class_as_null",
        "masked_fill(drop, null_class)",
        "masked_fill(drop, null_class - 1)",
        "Dropped labels became null_class − 1, which is a real class. Use null_class itself.",
    ),
    Edit(
        "zero_as_null",
        "masked_fill(drop, null_class)",
        "masked_fill(drop, 0)",
        "Dropped labels became 0, which is a real class. Multiplying labels by a mask does that. "
        "Put null_class in their place.",
    ),
    Edit(
        "changed_in_place",
        "labels.masked_fill(",
        "labels.masked_fill_(",
        "The labels you were given were overwritten, so the next epoch has lost them for good. "
        "Return a new tensor.",
    ),
    Edit(
        "int64_forced",
        "return labels.masked_fill",
        "return labels.long().masked_fill",
        "Labels in int32 came back as int64. Keep the dtype of the labels.",
    ),
    Edit(
        "mask_on_the_cpu",
        "torch.rand(labels.shape, device=labels.device)",
        "torch.rand(labels.shape)",
        "Your random numbers stay on the CPU when the labels are on a GPU. "
        "Draw them on the device of the labels.",
    ),
]

GUIDED = [
    Edit(
        "one_pass",
        "model(x_t, t, torch.full_like(labels, null_class))",
        "eps_cond",
        "Both predictions use the labels, so their difference is zero and w does nothing. "
        "The unconditional pass is the model with every label null_class.",
    ),
    Edit(
        "both_unconditional",
        "model(x_t, t, labels)",
        "model(x_t, t, torch.full_like(labels, null_class))",
        "The result does not depend on the labels: both predictions are unconditional. "
        "One of them gets the labels.",
    ),
    Edit(
        "other_convention",
        "return eps_null +",
        "return eps_cond +",
        "You compute (1 + w) ε_c − w ε_∅. Both conventions exist: in that one w = 0 is the "
        "conditional prediction. This course uses ε_∅ + w (ε_c − ε_∅), where w = 1 is; "
        "your w is one smaller.",
    ),
    Edit(
        "pulled_away",
        "(eps_cond - eps_null)",
        "(eps_null - eps_cond)",
        "The sign is flipped: a larger w pushes the image away from its label. "
        "The direction is ε_c − ε_∅, towards the label.",
    ),
    Edit(
        "weights_swapped",
        "eps_null + guidance_scale * (eps_cond - eps_null)",
        "eps_cond + guidance_scale * (eps_null - eps_cond)",
        "w stands at the wrong prediction: at w = 1 you get the unconditional one. "
        "Start from ε_∅ and go w times the way to ε_c.",
    ),
    Edit(
        "difference_only",
        "eps_null + guidance_scale * (eps_cond - eps_null)",
        "guidance_scale * (eps_cond - eps_null)",
        "You return the difference alone. It is added to the unconditional prediction: "
        "ε_∅ + w (ε_c − ε_∅).",
    ),
    Edit(
        "parentheses_missing",
        "guidance_scale * (eps_cond - eps_null)",
        "guidance_scale * eps_cond - eps_null",
        "Without parentheses the two ε_∅ cancel and w ε_c is left. "
        "w multiplies the whole difference.",
    ),
    Edit(
        "class_zero_as_null",
        "torch.full_like(labels, null_class)",
        "torch.zeros_like(labels)",
        "The unconditional pass used class 0, a real class: you steer away from the zeros. "
        "Use null_class for every label.",
    ),
    Edit(
        "last_class_as_null",
        "torch.full_like(labels, null_class)",
        "torch.full_like(labels, null_class - 1)",
        "The unconditional pass used null_class − 1, a real class. Use null_class itself.",
    ),
    Edit(
        "called_without_labels",
        "model(x_t, t, torch.full_like(labels, null_class))",
        "model(x_t, t)",
        "The unconditional pass had no labels at all. This model was trained with null_class for "
        "'no label', so it has to be given that class.",
    ),
    Edit(
        "labels_overwritten",
        "torch.full_like(labels, null_class)",
        "labels.fill_(null_class)",
        "The noise is right, but the labels were overwritten: the next step would be "
        "unconditional. Make a new tensor for the null labels.",
    ),
    Edit(
        "null_labels_on_the_cpu",
        "torch.full_like(labels, null_class)",
        "torch.full(labels.shape, null_class)",
        "The null labels stay on the CPU when the labels are on a GPU. Make them like labels.",
    ),
]

CFG_STEP = [
    *(e for e in STEPS if e.id != "times_batch_size"),
    *(e for e in DRAWS_OF_T if e.id in ("one_t_for_the_batch", "last_t_left_out")),
    Edit(
        "labels_never_dropped",
        "drop_labels(labels, p_uncond, null_class)",
        "labels",
        "The labels were never dropped. Without null labels in training the model has no "
        "unconditional prediction, and guidance has nothing to compare with.",
    ),
    Edit(
        "kept_with_p",
        "drop_labels(labels, p_uncond, null_class)",
        "drop_labels(labels, 1 - p_uncond, null_class)",
        "Labels are dropped with probability 1 − p_uncond. p_uncond is the probability of "
        "dropping.",
    ),
    Edit(
        "all_or_none",
        "drop_labels(labels, p_uncond, null_class)",
        "torch.where(torch.rand(1, device=labels.device) < p_uncond, null_class, labels)",
        "One coin decided for the whole batch: all labels are dropped, or none. "
        "Each label has its own chance.",
    ),
    Edit(
        "last_class_as_null",
        "labels, p_uncond, null_class)",
        "labels, p_uncond, null_class - 1)",
        "Dropped labels became null_class − 1, which is a real class. Use null_class itself.",
    ),
    Edit(
        "guided_while_training",
        "model(x_t, t, drop_labels(labels, p_uncond, null_class))",
        "guided_noise(model, x_t, t, drop_labels(labels, p_uncond, null_class), null_class, 1.0)",
        "The model was called twice. Guidance belongs to sampling; in training one call with "
        "partly dropped labels teaches both predictions.",
    ),
    Edit(
        "predicts_x_0",
        "F.mse_loss(eps, noise)",
        "F.mse_loss(eps, x_0)",
        "You compare the prediction with x_0. The target is the noise that is in x_t.",
    ),
    Edit(
        "clean_image_shown",
        "model(x_t, t, drop",
        "model(x_0, t, drop",
        "The model was shown the clean x_0, in which there is no noise to find. Show it x_t.",
    ),
]

SHARED = (
    "noise_at_the_end", "posterior_variance_as_sigma", "beta_without_root", "no_fresh_noise",
    "same_noise_each_step", "noise_shared_in_the_batch", "starts_from_zeros",
    "start_shared_in_the_batch", "last_step_forgotten", "gradients_recorded", "no_eval_mode",
    "mode_not_restored", "train_mode_at_the_end", "clamped",
)  # fmt: skip

SAMPLE_CFG = [
    *(e for e in CHAIN if e.id in SHARED),
    Edit(
        "guidance_forgotten",
        "guided_noise(model, x, t, labels, num_classes, guidance_scale)",
        "model(x, t, labels)",
        "The guidance scale has no effect: only the conditional prediction is used. "
        "Combine both predictions with guided_noise.",
    ),
    Edit(
        "last_class_as_null",
        "labels, num_classes, guidance",
        "labels, num_classes - 1, guidance",
        "The null class was num_classes − 1, which is the last real class. Real classes are "
        "0 … num_classes − 1, so the null class is num_classes.",
    ),
    Edit(
        "class_zero_as_null",
        "labels, num_classes, guidance",
        "labels, 0, guidance",
        "The null class was 0, a real class. The null class is num_classes.",
    ),
    Edit(
        "other_convention",
        "num_classes, guidance_scale)",
        "num_classes, 1 + guidance_scale)",
        "Your guidance is (1 + w) ε_c − w ε_∅. Both conventions exist; this course uses "
        "ε_∅ + w (ε_c − ε_∅), where w = 1 is the conditional prediction and w = 0 ignores the "
        "label.",
    ),
    Edit(
        "labels_left_behind",
        "class_labels.to(device)",
        "class_labels",
        "Something stays on the CPU while the model is on a GPU. class_labels may come from the "
        "CPU: move them to `device`, and make t and the noise there too.",
    ),
]
