"""Wrong versions of lesson 01's references beyond the named misconceptions: none may pass.

exercise → {what is wrong: (old text, new text)}
"""

MOVED = "inputs, targets = inputs.to(device), targets.to(device)"
SIZE = "(size + 2 * padding - reach) // stride + 1"
LOGITS = "self.layers(x.flatten(1))"
POOLED = "x.mean(dim=(2, 3))"
OUTPUT = "F.silu(self.norm(self.conv(x)))"
FEATURES = "    with torch.no_grad():\n        features"

MUTANTS = {
    "polynomial_grad": {
        "sign": ("x**2 + 3 * x", "x**2 - 3 * x"),
        "cube": ("x**2", "x**3"),
        "coefficient": ("3 * x", "2 * x"),
        "a list": ("return x.grad", "return x.grad.tolist()"),
        "a pair": ("return x.grad", "return x.grad, y"),
        "flattened": ("return x.grad", "return x.grad.flatten()"),
        "half precision": ("return x.grad", "return x.grad.half().to(x.dtype)"),
        "input overwritten": ("x = x.detach().clone()", "x = x.detach().add_(0.1)"),
        "halved": ("return x.grad", "return x.grad / 2"),
        "clamped": ("return x.grad", "return x.grad.clamp(-3, 3)"),
        "graph cut": ("(x**2 + 3 * x)", "(x.detach()**2 + 3 * x)"),
        "absolute": ("x**2", "x * x.abs()"),
    },
    "MLPClassifier": {
        "one class more": ("in_features, num_classes))", "in_features, num_classes + 1))"),
        "no bias": ("nn.Linear(in_features, width)", "nn.Linear(in_features, width, bias=False)"),
        "leaky": ("nn.ReLU()", "nn.LeakyReLU(0.2)"),
        "tanh": ("nn.ReLU()", "nn.Tanh()"),
        "twice the dropout": ("nn.Dropout(p_drop)", "nn.Dropout(p_drop), nn.Dropout(p_drop)"),
        "half of the dropout": ("nn.Dropout(p_drop)", "nn.Dropout(p_drop * 0.5)"),
        "input dropped": ("x.flatten(1)", "F.dropout(x.flatten(1), 0.3, self.training)"),
        "norm": ("nn.ReLU(), ", "nn.LayerNorm(width), nn.ReLU(), "),
        "widths reversed": ("in hidden:", "in tuple(hidden)[::-1]:"),
        "classes fixed": ("in_features, num_classes))", "in_features, 10))"),
        "centred logits": (LOGITS, f"(lambda z: z - z.mean(1, keepdim=True))({LOGITS})"),
        "first sample for all": (LOGITS, f"{LOGITS}[:1].expand(len(x), -1)"),
        "predictions": (LOGITS, f"{LOGITS}.argmax(1)"),
        "one per cent too bright": ("x.flatten(1)", "x.flatten(1) * 1.01"),
        "a hidden layer too many": (
            "nn.Sequential(*layers, ",
            "nn.Sequential(*layers, nn.Linear(in_features, in_features), ",
        ),
    },
    "train_one_epoch": {
        "a batch is skipped": ("        loss = ", "        if count: continue\n        loss = "),
        "first batch skipped": ("in loader:", "in list(loader)[1:]:"),
        "two epochs": ("in loader:", "in [*loader, *loader]:"),
        "batches reversed": ("in loader:", "in list(loader)[::-1]:"),
        "zero_grad once": (
            "        optimizer.zero_grad()\n",
            "        count or optimizer.zero_grad()\n",
        ),
        "two steps": (
            "        optimizer.step()\n",
            "        optimizer.step()\n        optimizer.step()\n",
        ),
        "clipped": (
            "        optimizer.step()\n",
            "        nn.utils.clip_grad_norm_(model.parameters(), 0.1)\n        optimizer.step()\n",
        ),
        "no targets moved": (MOVED, "inputs = inputs.to(device)"),
        "no inputs moved": (MOVED, "targets = targets.to(device)"),
        "no graph": ("criterion(model(inputs)", "criterion(model(inputs).detach()"),
        "inputs overwritten": (MOVED, MOVED + "\n        inputs.mul_(2)"),
        "rounded": ("return total / count", "return round(total / count, 2)"),
        "text": ("return total / count", "return str(total / count)"),
        "a pair": ("return total / count", "return total / count, count"),
        "mode for one batch only": (
            "        count += len(inputs)",
            "        count += len(inputs)\n        model.eval()",
        ),
        "loss over classes": (
            "criterion(model(inputs), targets)",
            "criterion(model(inputs), targets) / 2",
        ),
        "cross-entropy always": (
            "criterion(model(inputs), targets)",
            "F.cross_entropy(model(inputs), targets)",
        ),
        "float32 forced": ("inputs.to(device)", "inputs.to(device).float()"),
        "last batch dropped": ("in loader:", "in list(loader)[:-1]:"),
        "GPU assumed": (MOVED, 'inputs, targets = inputs.to("cuda"), targets.to("cuda")'),
        "no device used": (MOVED, "pass"),
        "mean of the sums": ("loss.item() * len(inputs)", "loss.item() * len(inputs) ** 2"),
    },
    "evaluate": {
        "one batch late": ("in loader:", "in list(loader)[1:]:"),
        "error": ("return correct / count", "return 1 - correct / count"),
        "a tensor": ("return correct / count", "return torch.tensor(correct / count)"),
        "rounded": ("return correct / count", "return round(correct / count)"),
        "counts batches": ("count += len(labels)", "count += 1"),
        "mode restored too early": (
            "            best = ",
            "            model.train(training)\n            best = ",
        ),
        "second best": (".argmax(dim=1)", ".topk(2, dim=1).indices[:, 1]"),
        "threshold": (".argmax(dim=1)", ".gt(0).int().argmax(dim=1)"),
        "any in the batch": ("(best == labels).sum()", "(best == labels).any()"),
        "inputs left": ("inputs, labels = inputs.to(device), ", "labels = "),
        "gradients dropped": (
            "    model.train(training)\n",
            "    model.train(training)\n    for p in model.parameters(): p.grad = None\n",
        ),
        "frozen": ("    model.eval()\n", "    model.eval()\n    model.requires_grad_(False)\n"),
        "top module only": ("    model.eval()\n", "    model.training = False\n"),
        "labels overwritten": ("count += len(labels)", "count += len(labels); labels.zero_()"),
        "last batch weighs most": ("count += len(labels)", "count = len(labels)"),
        "off by one class": ("best == labels", "best + 1 == labels"),
        "grad on at the end": (
            "    return correct",
            "    torch.set_grad_enabled(True)\n    return correct",
        ),
    },
    "conv_out_size": {
        "text": (f"return {SIZE}", f"return str({SIZE})"),
        "a tuple": (f"return {SIZE}", f"return ({SIZE}, {SIZE})"),
        "stride default 2": ("stride=1", "stride=2"),
        "padding default 1": ("padding=0", "padding=1"),
        "order of arguments": ("stride=1, padding=0", "padding=0, stride=1"),
        "one too many": ("// stride + 1", "// stride + 2"),
        "no reach": ("- reach)", "- kernel_size)"),
        "padding by dilation": ("2 * padding", "2 * padding * dilation"),
        "padding three times": ("2 * padding", "3 * padding"),
        "tensor": (f"return {SIZE}", f"return torch.tensor({SIZE})"),
        "rounded": (f"return {SIZE}", "return round((size + 2 * padding - reach) / stride) + 1"),
        "clamped": (f"return {SIZE}", f"return min({SIZE}, 3)"),
        "never below the kernel": (
            "dilation * (kernel_size - 1) + 1",
            "max(dilation * (kernel_size - 1), 1)",
        ),
    },
    "trace_shapes": {
        "last layer left out": ("in model:", "in model[:-1]:"),
        "last layer first": ("shapes.append(", "shapes.insert(0, "),
        "ranks": ("tuple(x.shape)", "x.dim()"),
        "numbers": ("tuple(x.shape)", "x.numel()"),
        "two axes": ("tuple(x.shape)", "tuple(x.shape[:2])"),
        "reversed axes": ("tuple(x.shape)", "tuple(x.shape)[::-1]"),
        "a dict": ("return shapes", "return dict(enumerate(shapes))"),
        "one sample": ("shapes = []", "shapes, x = [], x[:1]"),
        "batch doubled": ("tuple(x.shape)", "(2 * x.shape[0], *x.shape[1:])"),
        "always float": ("x = layer(x)", "x = layer(x.float())"),
        "ReLU left out": (
            "x = layer(x)",
            "x = layer(x)\n            if isinstance(layer, nn.ReLU): continue",
        ),
        "weights for shapes": ("tuple(x.shape)", "tuple(getattr(layer, 'weight', x).shape)"),
        "none": ("return shapes", "return None"),
    },
    "ThreeLayerCNN": {
        "classes fixed": ("channels, num_classes)", "channels, 5)"),
        "another default": ("num_classes=5", "num_classes=10"),
        "kernel of five": ("width, 3, padding=1)", "width, 5, padding=2)"),
        "padding reflected": ("3, padding=1)", '3, padding=1, padding_mode="reflect")'),
        "strided": ("nn.ReLU(), nn.MaxPool2d(2)", "nn.ReLU(), nn.MaxPool2d(1, 2)"),
        "pooling of three": ("nn.MaxPool2d(2)", "nn.MaxPool2d(3, 2, 1)"),
        "norm without weights": ("nn.BatchNorm2d(width)", "nn.BatchNorm2d(width, affine=False)"),
        "norm without averages": (
            "nn.BatchNorm2d(width)",
            "nn.BatchNorm2d(width, track_running_stats=False)",
        ),
        "instance norm": ("nn.BatchNorm2d(width)", "nn.InstanceNorm2d(width, affine=True)"),
        "leaky": ("nn.ReLU()", "nn.LeakyReLU(0.1)"),
        "silu": ("nn.ReLU()", "nn.SiLU()"),
        "dropout": ("nn.ReLU(), ", "nn.ReLU(), nn.Dropout(0.1), "),
        "mean over rows only": (POOLED, "x.amax(dim=2).mean(dim=2)"),
        "corner": (POOLED, "x[:, :, 0, 0]"),
        "eval mode inside": ("x = self.features(x)", "x = self.eval().features(x)"),
        "no bias in the head": ("channels, num_classes)", "channels, num_classes, bias=False)"),
        "relu at the end": (f"self.head({POOLED})", f"self.head({POOLED}).relu()"),
        "other momentum": ("nn.BatchNorm2d(width)", "nn.BatchNorm2d(width, momentum=0.5)"),
        "four layers": ("(32, 64, 128)", "(32, 64, 128, 128)"),
        "norm before the convolution": (
            "nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width)",
            "nn.BatchNorm2d(channels), nn.Conv2d(channels, width, 3, padding=1)",
        ),
        "widths swapped": ("(32, 64, 128)", "(64, 32, 128)"),
    },
    "DiffusionBlock": {
        "instance norm": (
            "nn.GroupNorm(num_groups, out_channels)",
            "nn.GroupNorm(out_channels, out_channels)",
        ),
        "default of eight": ("num_groups=32", "num_groups=8"),
        "32 always": ("nn.GroupNorm(num_groups,", "nn.GroupNorm(32,"),
        "groups adapted": (
            "nn.GroupNorm(num_groups,",
            "nn.GroupNorm(__import__('math').gcd(num_groups, out_channels),",
        ),
        "no bias": ("3, padding=1)", "3, padding=1, bias=False)"),
        "strided": ("3, padding=1)", "3, padding=1, stride=2)"),
        "dilated": ("3, padding=1)", "3, padding=2, dilation=2)"),
        "circular": ("3, padding=1)", '3, padding=1, padding_mode="circular")'),
        "residual": (OUTPUT, f"{OUTPUT} + self.conv(x)"),
        "sharper": (OUTPUT, f"{OUTPUT} * 1.01"),
        "twice": (OUTPUT, f"F.silu({OUTPUT})"),
        "large eps": ("num_groups, out_channels)\n\n", "num_groups, out_channels, eps=0.1)\n\n"),
        "norm of the input": (
            "nn.GroupNorm(num_groups, out_channels)",
            "nn.GroupNorm(1, in_channels)",
        ),
        "batch mean": (OUTPUT, f"{OUTPUT} - x.mean()"),
        "tanh": ("F.silu", "torch.tanh"),
        "kernel of five": ("3, padding=1)", "5, padding=2)"),
    },
    "finetune_head": {
        "no inputs moved": ("images, labels = images.to(device), ", "labels = "),
        "no labels moved": (", labels.to(device)", ", labels"),
        "two updates": ("    optimizer.step()\n", "    optimizer.step()\n    optimizer.step()\n"),
        "head in float32": ("head(features)", "head(features.float())"),
        "features scaled": ("criterion(head(features)", "criterion(head(2 * features)"),
        "backbone scaled": (
            "    return loss",
            "    [p.data.mul_(0.99) for p in backbone.parameters()]\n    return loss",
        ),
        "images overwritten": (
            "    backbone.eval()\n",
            "    backbone.eval()\n    images.mul_(0.5)\n",
        ),
        "loss halved": ("return loss.item()", "return loss.item() / 2"),
        "summed": ("return loss.item()", "return loss.item() * len(images)"),
        "none returned": ("return loss.item()", "loss.item()"),
        "norm alone in eval mode, then moved": (
            "    backbone.eval()\n",
            "    backbone.train()\n    backbone.norm.momentum = 0.0\n",
        ),
        "clipped": (
            "    optimizer.step()\n",
            "    nn.utils.clip_grad_norm_(head.parameters(), 0.01)\n    optimizer.step()\n",
        ),
        "first sample only": (
            "criterion(head(features), labels)",
            "criterion(head(features[:1]), labels[:1])",
        ),
        "decay of the backbone": (
            "    loss.backward()\n",
            "    loss.backward()\n"
            "    for p in backbone.parameters(): p.grad = torch.zeros_like(p)\n",
        ),
        "weights reset": (FEATURES, f"    backbone.norm.reset_running_stats()\n{FEATURES}"),
    },
}

# Wrong too, and no listed mistake explains it: (exercise, old text, new text)
UNNAMED = []
