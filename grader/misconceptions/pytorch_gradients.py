"""Misconceptions about gradients, and parts that get none (lesson 01)."""

from grader.misconceptions import Edit

POLYNOMIAL = [
    Edit(
        "derived_by_hand",
        "x = x.detach().clone().requires_grad_()\n    y = (x**2 + 3 * x).sum()\n"
        "    y.backward()\n    return x.grad",
        "return 2 * x + 3",
        "The numbers are right, but you derived the formula by hand. Compute Σ(x² + 3x) and let "
        "autograd differentiate it: no one can do that by hand for a network.",
    ),
    Edit(
        "input_marked",
        "x.detach().clone().requires_grad_()",
        "x.requires_grad_()",
        "The tensor that you were given now requires gradients and holds one in `.grad`. Work on "
        "a copy: `x.detach().clone()`.",
    ),
    Edit(
        "mean_for_sum",
        ".sum()",
        ".mean()",
        "You differentiate the mean. The gradient of the sum is not divided by the number of "
        "entries.",
    ),
    Edit(
        "constant_for_linear",
        "3 * x)",
        "3)",
        "The linear term is missing: 3 is a constant and has derivative 0. The polynomial is x² "
        "+ 3x.",
    ),
    Edit(
        "doubled_for_squared",
        "x**2",
        "2 * x",
        "2x is not x². The derivative of x² is 2x, the gradient should depend on x.",
    ),
    Edit(
        "backward_forgotten",
        "    y.backward()\n",
        "",
        "You return None: `.grad` stays empty until `backward()` is called on the sum.",
    ),
    Edit(
        "backward_twice",
        "    y.backward()\n",
        "    y.backward(retain_graph=True)\n    y.backward()\n",
        "Every value is twice what it should be: backward was called twice, and `.grad` adds up. "
        "The same happens in a training loop without zero_grad.",
    ),
    Edit(
        "value_for_gradient",
        "return x.grad",
        "return y.detach()",
        "You return the value of the polynomial. The gradient stands in `.grad` of the tensor "
        "that you differentiate by.",
    ),
    Edit(
        "gradient_summed",
        "return x.grad",
        "return x.grad.sum()",
        "You return one number. The gradient has the shape of x: one entry per entry of x.",
    ),
    Edit(
        "float32_forced",
        "x.detach().clone()",
        "x.detach().float()",
        "The gradient is float32 although x is float64. Keep the dtype of x.",
    ),
]

FINETUNE = [
    Edit(
        "backbone_trained_too",
        "    with torch.no_grad():\n        features",
        "    if True:\n        features",
        "The backbone's weights changed: the gradient flows through it, and the optimizer holds "
        "its parameters. Compute the features under torch.no_grad(), or detach them.",
    ),
    Edit(
        "statistics_moved",
        "    backbone.eval()\n",
        "",
        "The weights stayed, but BatchNorm's running statistics moved: in train mode it learns "
        "them from every batch, gradients or not. Call backbone.eval().",
    ),
    Edit(
        "train_mode",
        "backbone.eval()",
        "backbone.train()",
        "The backbone was put in train mode: its BatchNorm uses and changes statistics of the "
        "batch. A frozen backbone is called in eval mode.",
    ),
    Edit(
        "gradients_zeroed_too_late",
        "    with torch.no_grad():\n        features = backbone(images)\n"
        "    loss = criterion(head(features), labels)\n"
        "    optimizer.zero_grad()\n    loss.backward()\n",
        "    loss = criterion(head(backbone(images)), labels)\n"
        "    optimizer.zero_grad()\n    loss.backward()\n"
        "    backbone.zero_grad(set_to_none=False)\n",
        "The backbone moved although its gradients are 0: weight decay and momentum work on "
        "every parameter whose `.grad` is not None. Give it no gradient at all: no_grad or "
        "detach.",
    ),
    Edit(
        "gradients_pile_up",
        "    optimizer.zero_grad()\n",
        "",
        "The first update is right, the second is not: old gradients are still there, and "
        "backward adds to them. Call zero_grad in every step.",
    ),
    Edit(
        "weights_never_move",
        "    optimizer.step()\n",
        "",
        "The head did not move: a step or a backward is missing, or the graph is cut behind the "
        "head. Detach the features that go into the head, not the logits that come out.",
    ),
    Edit(
        "tensor_returned",
        "return loss.item()",
        "return loss",
        "You return a tensor, and with it the whole graph. Return a plain float: loss.item().",
    ),
    Edit(
        "loss_after_the_update",
        "return loss.item()",
        "return criterion(head(features), labels).item()",
        "You compute the loss once more after the update. Return the loss of before; it is there "
        "already.",
    ),
    Edit(
        "softmax_before_the_loss",
        "criterion(head(features), labels)",
        "criterion(head(features).softmax(dim=1), labels)",
        "The criterion gets probabilities. Cross-entropy takes logits and applies the softmax "
        "itself.",
    ),
    Edit(
        "activation_in_between",
        "features = backbone(images)",
        "features = torch.relu(backbone(images))",
        "There is an activation between backbone and head. The head gets the features as they are.",
    ),
    Edit(
        "data_left_behind",
        "images, labels = images.to(device), labels.to(device)",
        "images.to(device), labels.to(device)",
        "On a GPU the data stays on the CPU: .to() returns the moved tensor, it does not move "
        "the one you have. Keep what it returns.",
    ),
]
