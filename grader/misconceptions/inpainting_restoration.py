"""Misconceptions about the whole way back, and the known pixels (lesson 07)."""

from grader.misconceptions import Edit

RESTORATION = [
    Edit(
        "known_pixels_drift",
        "            y = y * mask + y_0 * (1 - mask)\n",
        "",
        "The known pixels are never put back: after the first step the model has changed them "
        "too. Mix y_0 in after every step.",
    ),
    Edit(
        "known_pixels_only_at_the_end",
        "            y = y * mask + y_0 * (1 - mask)\n            frames.append(y)\n",
        "            frames.append(y * mask + y_0 * (1 - mask))\n    y = frames[-1]\n",
        "The known pixels are put back in the results only. The next step must start from them "
        "as well: mix y_0 into y itself.",
    ),
    Edit(
        "hole_restored_instead",
        "            y = y * mask + y_0 * (1 - mask)\n            frames",
        "            y = y * (1 - mask) + y_0 * mask\n            frames",
        "The mask is turned round: you put back the hole's true pixels and keep the invented "
        "ones outside. 1 marks the hole.",
    ),
    Edit(
        "noise_everywhere_at_the_start",
        "y = torch.randn_like(y_0) * mask + y_0 * (1 - mask)",
        "y = torch.randn_like(y_0)",
        "You start with noise everywhere. Outside the hole the image is known from the start: "
        "y_0 · (1 − mask).",
    ),
    Edit(
        "starts_from_the_truth",
        "y = torch.randn_like(y_0) * mask + y_0 * (1 - mask)",
        "y = y_0",
        "You start from y_0, also in the hole. Tests will look splendid, and then there is no "
        "truth to start from: put noise there.",
    ),
    Edit(
        "starts_from_the_condition",
        "y = torch.randn_like(y_0) * mask + y_0 * (1 - mask)",
        "y = y_cond",
        "You start from y_cond, so the noise of the start equals that of the condition. In "
        "training the two were independent: draw new noise.",
    ),
    Edit(
        "last_step_missing",
        "for i in reversed(range(T)):",
        "for i in reversed(range(1, T)):",
        "The step at t = 0 is missing, so a little noise is left. range(T) includes 0.",
    ),
    Edit(
        "first_to_last",
        "for i in reversed(range(T)):",
        "for i in range(T):",
        "You walk from t = 0 upwards. Sampling goes from the noisiest step to the cleanest: T −"
        " 1 down to 0.",
    ),
    Edit(
        "same_noise_at_every_step",
        "y = p_sample(model, y, t, y_cond, schedule, torch.randn_like(y))",
        "z = torch.randn_like(y) if i == T - 1 else z\n"
        "            y = p_sample(model, y, t, y_cond, schedule, z)",
        "The same noise is added at every step. Draw fresh noise each time.",
    ),
    Edit(
        "graph_kept",
        "with torch.no_grad():",
        "with torch.enable_grad():",
        "Gradients are recorded at every step, and memory grows with T. Use torch.no_grad().",
    ),
    Edit(
        "train_mode",
        "    if training:\n        model.eval()\n",
        "",
        "The model is called in train mode: dropout is on. Switch to eval mode first.",
    ),
    Edit(
        "mode_not_restored",
        "    if training:\n        model.train()\n",
        "",
        "The model is left in eval mode. Put its former mode back at the end.",
    ),
    Edit(
        "first_snapshots",
        "frames[k] for k in chosen",
        "frames[k] for k in range(sample_num)",
        "You keep the first states of the way, which are nearly all noise. Spread the snapshots"
        " evenly; the last one is the result.",
    ),
    Edit(
        "last_snapshots",
        "frames[k] for k in chosen",
        "frames[T - sample_num + k] for k in range(sample_num)",
        "You keep the last states, which all look alike. Spread the snapshots evenly over the way.",
    ),
    Edit(
        "snapshots_turned_round",
        "frames[k] for k in chosen",
        "frames[k] for k in reversed(chosen)",
        "The snapshots are in the wrong order. They go from noise to image; the last one is the"
        " result.",
    ),
    Edit(
        "result_not_among_them",
        "(k + 1) * T // sample_num - 1 for",
        "k * T // sample_num for",
        "Your snapshots stop before the end. The last one is the returned image.",
    ),
]
