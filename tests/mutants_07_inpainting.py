"""Wrong versions of lesson 07's references beyond the named misconceptions: none may pass.

exercise → {what is wrong: (old text, new text)}
"""

BOX = "mask[top : top + height, left : left + width] = 1"
BOXES = "mask[:, top : top + height, left : left + width] = 1"
PUT_BACK = "            y = y * mask + y_0 * (1 - mask)\n"
CHAIN = "y = p_sample(model, y, t, y_cond, schedule, torch.randn_like(y))"
START = "y = torch.randn_like(y_0) * mask + y_0 * (1 - mask)"
POSTERIOR = 'return mean, per_sample(schedule["posterior_variance"], t, y_t)'

MUTANTS = {
    "bbox2mask": {
        "one row too many": (BOX, BOX.replace("top + height,", "top + height + 1,")),
        "one column too few": (BOX, BOX.replace("left + width]", "left + width - 1]")),
        "value 255": (BOX, BOX.replace("= 1", "= 255")),
        "float64": ("image_width, 1)", "image_width, 1, dtype=torch.float64)"),
        "three channels": ("image_width, 1)", "image_width, 3)"),
        "an IndexError": ("raise ValueError", "raise IndexError"),
        "a square": (
            "top, left, height, width = bbox",
            "top, left, height, width = bbox; width = height",
        ),
        "the bottom unchecked": ("top + height <= image_height and ", ""),
        "the right unchecked": (" and left + width <= image_width", ""),
    },
    "make_mask": {
        "center too far down": (
            "S // 4 : S - S // 4, S // 4",
            "S // 4 + 1 : S - S // 4 + 1, S // 4",
        ),
        "three corners": (
            "top : top + S // 2, left",
            "top : top + S // 2, min(left, top) if left else left",
        ),
        "corner away from the edge": ("(S - S // 2) for", "(S - S // 2 - 1) for"),
        "boxes never high": ("whole(0, S - height, generator), ", "0, "),
        "boxes on the diagonal": (
            "left = whole(0, S - height, generator), whole(0, S - width, generator)",
            "left = (whole(0, S // 2, generator),) * 2",
        ),
        "boxes too small": (
            "whole(S // 4, S // 2, generator) for",
            "whole(2, S // 2, generator) for",
        ),
        "boxes all small": (
            "whole(S // 4, S // 2, generator) for",
            "whole(S // 4, S // 4 + 1, generator) for",
        ),
        "box hollow": (BOXES, BOXES + "; mask[:, top + 1, left + 1] = 0"),
        "free form is a box": (
            "draw_strokes(S, generator)",
            'make_mask("random_box", S, generator)',
        ),
        "free form too large": ("draw_strokes(S, generator)", "1 - draw_strokes(S, generator)"),
        "free form in the upper half": (
            "draw_strokes(S, generator)",
            "draw_strokes(S, generator); mask[:, S // 2:] = 0",
        ),
        "grey": ("    return mask", "    return 0.5 * mask"),
        "booleans": ("    return mask", "    return mask.bool()"),
        "seed fixed": ("S, mask = image_size", "generator.manual_seed(0); S, mask = image_size"),
        "seeded from a global draw": (
            "S, mask = image_size",
            "generator.manual_seed(int(torch.randint(9, ()))); S, mask = image_size",
        ),
        "a KeyError": ("raise ValueError", "raise KeyError"),
        "three of four named": ("', '.join(MODES)", "', '.join(MODES[:3])"),
    },
    "inpainting_item": {
        "noise added twice": ("visible + noise * mask", "visible + 2 * noise * mask"),
        "noise clamped": ("visible + noise * mask", "visible + noise.clamp(-1, 1) * mask"),
        "own noise": ("visible + noise * mask", "visible + torch.randn_like(noise) * mask"),
        "black hole": ("visible + mask", "visible - mask"),
        "a tuple": ("    return {", "    return 1, {"),
        "no mask": ('        "mask": mask,\n', ""),
        "float32": ('"gt_image": img', '"gt_image": img.float()'),
        "a batch": ('"gt_image": img', '"gt_image": img[None]'),
    },
    "gamma_embedding": {
        "cosine twice": ("angles.sin()]", "angles.cos()]"),
        "squared": ("gammas[:, None] *", "gammas[:, None] ** 2 *"),
        "root": ("gammas[:, None] *", "gammas[:, None].sqrt() *"),
        "period of sinusoids": ("angles = gammas", "angles = 2 * math.pi * gammas"),
        "ones instead of zeros": ("(0, dim % 2))", "(0, dim % 2), value=1.0)"),
        "frequencies from one": ("* i / half", "* (i + 1) / half"),
        "base 2": ("math.log(max_period)", "math.log2(max_period)"),
        "one gamma": ("gammas[:, None] *", "gammas[:1, None].expand(len(gammas), 1) *"),
        "always padded": ("dim % 2))", "1))"),
    },
    "AdaGNResBlock": {
        "four groups": ("self.norm2 = nn.GroupNorm(8", "self.norm2 = nn.GroupNorm(4"),
        "layer norm": ("self.norm1 = nn.GroupNorm(8", "self.norm1 = nn.GroupNorm(1"),
        "no bias": (
            "nn.Conv2d(channels, out, 3, padding=1)",
            "nn.Conv2d(channels, out, 3, padding=1, bias=False)",
        ),
        "GELU": ("F.silu(self.norm2", "F.gelu(self.norm2"),
        "ReLU first": ("F.silu(self.norm1", "F.relu(self.norm1"),
        "bias not at zero": ("        nn.init.zeros_(self.conv2.bias)\n", ""),
        "weight not at zero": ("        nn.init.zeros_(self.conv2.weight)\n", ""),
        "weight at one": ("nn.init.zeros_(self.conv2.weight)", "nn.init.ones_(self.conv2.weight)"),
        "shortcut always convolved": ("nn.Identity() if out == channels else ", ""),
        "only the main branch shrinks": (
            "self.skip(self.resample(x))",
            "F.interpolate(self.skip(x), size=h.shape[2:])",
        ),
        "every other pixel": ("F.avg_pool2d(x, 2) if", "x[..., ::2, ::2] if"),
        "down ignored": ("F.avg_pool2d(x, 2) if self.down else x", "x"),
        "dropout before the modulation": (
            "self.norm2(h) * (1 + scale)",
            "self.dropout(self.norm2(h)) * (1 + scale) + 0 * self.dropout(h)",
        ),
        "dropout fixed": ("nn.Dropout(dropout)", "nn.Dropout(0.5)"),
        "first embedding for all": (
            "self.emb_proj(emb)",
            "self.emb_proj(emb[:1]).expand(len(emb), -1)",
        ),
        "block detached": ("self.conv2(self.dropout(h))", "self.conv2(self.dropout(h)).detach()"),
        "3x3 shortcut": ("nn.Conv2d(channels, out, 1)", "nn.Conv2d(channels, out, 3, padding=1)"),
        "interleaved halves": (
            "[:, :, None, None].chunk(2, dim=1)",
            "[:, :, None, None].unflatten(1, (-1, 2)).unbind(2)",
        ),
    },
    "AttentionBlock": {
        "residual doubled": ("return x + ", "return 2 * x + "),
        "residual halved": ("return x + ", "return 0.7 * x + "),
        "group norm of one": ("nn.GroupNorm(8", "nn.GroupNorm(1"),
        "no softmax": ("scores.softmax(dim=-1)", "scores"),
        "sigmoid": ("scores.softmax(dim=-1)", "scores.sigmoid()"),
        "scale of pixels": ("d**0.5", "(H * W) ** 0.5"),
        "k for v": ("out = v @", "out = k @"),
        "bias not at zero": ("        nn.init.zeros_(self.proj_out.bias)\n", ""),
        "no projection": ("self.proj_out(out.reshape(B, C, H * W)).reshape", "out.reshape"),
        "qkv without bias": ("3 * channels, 1)", "3 * channels, 1, bias=False)"),
        "heads twice": ("self.num_heads = num_heads", "self.num_heads = 2 * num_heads"),
        "batch mixed": ("out.reshape(B, C, H * W)", "out.roll(1, 0).reshape(B, C, H * W)"),
        "first sample only": (
            "self.norm(x).flatten(2)",
            "self.norm(x)[:1].expand(B, -1, -1, -1).flatten(2)",
        ),
    },
    "sample_gammas": {
        "roots": ("return before[t]", "return before[t].sqrt()"),
        "middle": ("+ u *", "+ 0.5 *"),
        "u squared": ("+ u *", "+ u**2 *"),
        "geometric": (
            "before[t] + u * (gammas[t] - before[t])",
            "before[t] ** (1 - u) * gammas[t] ** u",
        ),
        "float32": (
            "return before",
            "before = before.float(); u = u.float(); gammas = gammas.float(); return before",
        ),
        "table changed": ("before = ", "gammas.clamp_(0, 0.9); before = "),
        "a column": ("return before[t] + u", "return before[t][:, None] + u"),
    },
    "masked_noise_loss": {
        "half": ("return error", "return 0.5 * error"),
        "root": ("return error.sum() /", "return error.sum().sqrt() /"),
        "three channels assumed": ("y_0.shape[1]", "3"),
        "batch instead of channels": ("y_0.shape[1]", "y_0.shape[0]"),
        "noise in the condition": ("cat([y_cond, y_hat]", "cat([y_cond + noise * mask, y_hat]"),
        "condition zero": ("cat([y_cond, y_hat]", "cat([y_cond * 0, y_hat]"),
        "two calls": (
            "eps = model(",
            "model(torch.cat([y_cond, y_hat], 1), gammas_t); eps = model(",
        ),
        "model detached": ("(eps - noise)", "(eps.detach() - noise + 0 * eps.sum())"),
        "root as level": ("dim=1), gammas_t)", "dim=1), gammas_t.sqrt())"),
        "own noise": ("gamma = gammas_t", "noise = torch.randn_like(noise); gamma = gammas_t"),
        "hole pixels zero outside": ("+ y_0 * (1 - mask)", ""),
        "unreduced": ("return error.sum() /", "return error.sum((1, 2, 3)) /"),
        "a float": ("return error.sum()", "return float(error.sum())"),
    },
    "predict_start_from_noise": {
        "squared signal": ("/ signal", "/ signal**2"),
        "multiplied": ("/ signal", "* signal"),
        "t + 1": ("signal = ", 't = (t + 1) % len(schedule["betas"]); signal = '),
        "t - 1": ("signal = ", "t = (t - 1).clamp(min=0); signal = "),
        "y_t alone": ("(y_t - spread * noise)", "y_t"),
        "y_t overwritten": ("(y_t - spread * noise)", "y_t.sub_(spread * noise)"),
        "float32": (
            "return (y_t - spread * noise) / signal",
            "return ((y_t - spread * noise) / signal).float()",
        ),
    },
    "q_posterior": {
        "alphas for betas": ('schedule["betas"] /', 'schedule["alphas"] /'),
        "mean halved": ("return mean,", "return mean / 2,"),
        "swapped pair": (
            POSTERIOR,
            'return per_sample(schedule["posterior_variance"], t, y_t), mean',
        ),
        "log variance": (
            POSTERIOR,
            'return mean, per_sample(schedule["posterior_variance"].clamp(1e-9).log(), t, y_t)',
        ),
        "three results": (POSTERIOR, POSTERIOR + ", 0"),
        "DDPM mean": ("of_now, t, y_t) * y_t", "of_now, t, y_t) * y_t * 1.01"),
        "first t": ("alpha_bar = schedule", "t = t[:1].expand_as(t); alpha_bar = schedule"),
        "one before everywhere": ("alpha_bar[:-1]])", "alpha_bar[:-1] * 0 + 1])"),
    },
    "p_sample": {
        "no model": ("eps = model(", "eps = 0 * model("),
        "clamped at 2": ("clamp(-1, 1)", "clamp(-2, 2)"),
        "tanh": (".clamp(-1, 1)", ".tanh()"),
        "half the noise": ("variance.sqrt() * z", "0.5 * variance.sqrt() * z"),
        "minus the noise": ("+ variance", "- variance"),
        "condition twice": ("[y_cond, y_t]", "[y_cond, y_cond]"),
        "y_0_hat returned": ("return mean", "return y_0_hat + 0 * mean"),
        "first level": ('["alpha_bar"][t]', '["alpha_bar"][t[:1].expand_as(t)]'),
        "level of t - 1": ('["alpha_bar"][t]', '["alpha_bar"][t - 1]'),
        "level in float64": ('["alpha_bar"][t]', '["alpha_bar"][t].double()'),
    },
    "restoration": {
        "half of the steps": ("reversed(range(T))", "reversed(range(0, T, 2))"),
        "one step too many": ("reversed(range(T))", "[*reversed(range(T)), 0]"),
        "zeros in the hole": (
            START,
            START.replace("torch.randn_like(y_0)", "torch.zeros_like(y_0)"),
        ),
        "quiet start": (
            START,
            START.replace("torch.randn_like(y_0)", "0.5 * torch.randn_like(y_0)"),
        ),
        "uniform start": (START, START.replace("randn_like", "rand_like")),
        "put back noisy": (
            PUT_BACK,
            "            y = y * mask + (y_0 + 0.01 * torch.randn_like(y_0)) * (1 - mask)\n",
        ),
        "put back twice blended": (
            PUT_BACK,
            "            y = y * mask + 0.5 * (y + y_0) * (1 - mask)\n",
        ),
        "no noise": (CHAIN, CHAIN.replace("randn_like", "zeros_like")),
        "noise too small": (
            CHAIN,
            CHAIN.replace("torch.randn_like(y)", "0.5 * torch.randn_like(y)"),
        ),
        "noise for the batch": (
            CHAIN,
            CHAIN.replace("torch.randn_like(y)", "torch.randn_like(y[:1]).expand_as(y)"),
        ),
        "noise per row": (
            CHAIN,
            CHAIN.replace("torch.randn_like(y)", "torch.randn_like(y[..., :1]).expand_as(y)"),
        ),
        "image clamped": ("return y, torch.stack", "return y.clamp(-0.5, 0.5), torch.stack"),
        "truth as condition": ("t, y_cond, schedule", "t, y_0, schedule"),
        "image alone": ("return y, torch.stack([frames[k] for k in chosen])", "return y"),
        "all frames": ("frames[k] for k in chosen", "f for f in frames"),
        "snapshots clamped": (
            "frames[k] for k in chosen",
            "frames[k].clamp(-0.3, 0.3) for k in chosen",
        ),
        "condition changed": (
            "            frames.append(y)",
            "            y_cond = y\n            frames.append(y)",
        ),
        "first sample only": (PUT_BACK, PUT_BACK + "            y = y[:1].expand_as(y)\n"),
    },
    "fit": {
        "starts at one": ('float("inf")', "1.0"),
        "best epoch by list length": (
            "= value, epoch\n",
            '= value, len(history["train_loss"]) + epoch\n',
        ),
        "no step": ("            optimizer.step()\n", ""),
        "two steps": ("optimizer.step()", "optimizer.step(); optimizer.step()"),
        "validated twice": ("value = validate", "validate(model, val_loader); value = validate"),
        "validated before training": (
            "        model.train()\n",
            "        model.eval(); value = validate(model, val_loader)\n        model.train()\n",
        ),
        "one epoch less": ("range(epochs)", "range(epochs - 1)"),
        "first batch only": ("for batch in train_loader:", "for batch in list(train_loader)[:1]:"),
        "no file": (
            "            save_model(model, path)\n",
            "            import copy; kept = copy.deepcopy(model.state_dict())\n",
        ),
        "mae not kept": ('        history["val_mae"].append(value)\n', ""),
        "losses of all batches": (
            '["train_loss"].append(sum(losses) / len(losses))',
            '["train_loss"].extend(losses)',
        ),
        "a tuple": ("return history", "return history, best"),
        "trained on validation data": ("in train_loader", "in val_loader"),
    },
}

# Wrong too, and no listed mistake explains it: (exercise, old text, new text)
UNNAMED = [
    ("masked_noise_loss", "return error", "return 0.5 * error"),
    ("p_sample", "clamp(-1, 1)", "clamp(-2, 2)"),
    ("AttentionBlock", "d**0.5", "(H * W) ** 0.5"),
    ("fit", 'float("inf")', "1.0"),
]
