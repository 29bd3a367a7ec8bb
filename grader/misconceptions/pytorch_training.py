"""Misconceptions about training and testing (lesson 01)."""

from grader.misconceptions import Edit

EPOCH = [
    Edit(
        "gradients_pile_up",
        "        optimizer.zero_grad()\n",
        "",
        "The gradients are never set back: backward adds to what is there, so that each step "
        "uses the sum of all before. Call zero_grad in every step.",
    ),
    Edit(
        "weights_never_move",
        "        loss.backward()\n        optimizer.step()\n",
        "        optimizer.step()\n        loss.backward()\n",
        "The weights did not move. The order is zero_grad, backward, step: look for a missing "
        "step, a step before backward, or a zero_grad between backward and step.",
    ),
    Edit(
        "mean_of_batch_means",
        "total += loss.item() * len(inputs)\n        count += len(inputs)",
        "total += loss.item()\n        count += 1",
        "You average the means of the batches. The last batch is smaller, so that its samples "
        "count too much. Weight each mean with the size of its batch.",
    ),
    Edit(
        "divided_by_batches",
        "count += len(inputs)",
        "count += 1",
        "You sum over samples but divide by the number of batches. Divide by the number of "
        "samples.",
    ),
    Edit(
        "sum_for_mean",
        "return total / count",
        "return total",
        "You return the sum over all samples. Divide it by their number: losses of data sets of "
        "different size can then be compared.",
    ),
    Edit(
        "last_batch_only",
        "return total / count",
        "return loss.item()",
        "You return the loss of the last batch. Average over the whole epoch.",
    ),
    Edit(
        "train_mode_forgotten",
        "    model.train()\n",
        "",
        "A model that was in eval mode stays there: its dropout drops nothing and its BatchNorm "
        "learns no statistics. Call model.train() first.",
    ),
    Edit(
        "eval_mode",
        "model.train()",
        "model.eval()",
        "The model was trained in eval mode: without dropout, with old BatchNorm statistics. "
        "Switch to train mode before the loop.",
    ),
    Edit(
        "tensor_returned",
        "loss.item()",
        "loss",
        "You return a tensor. It holds the graph of every batch, and memory grows through the "
        "epoch. Add up plain floats: .item() makes one.",
    ),
    Edit(
        "returns_after_one_batch",
        "        count += len(inputs)\n    return",
        "        count += len(inputs)\n        return",
        "Only the first batch was used: the return stands inside the loop.",
    ),
    Edit(
        "loss_after_the_update",
        "total += loss.item()",
        "total += criterion(model(inputs), targets).item()",
        "The model sees every batch twice: you compute the loss once more after the update. The "
        "loss of before is there already.",
    ),
    Edit(
        "softmax_before_the_loss",
        "criterion(model(inputs), targets)",
        "criterion(model(inputs).softmax(dim=1), targets)",
        "The criterion gets probabilities. Cross-entropy takes logits, and the loop should not "
        "know which criterion it is given: pass on what the model returns.",
    ),
    Edit(
        "arguments_swapped",
        "criterion(model(inputs), targets)",
        "criterion(targets, model(inputs))",
        "The criterion takes the prediction first, then the target.",
    ),
    Edit(
        "batch_left_behind",
        "inputs, targets = inputs.to(device), targets.to(device)",
        "inputs.to(device), targets.to(device)",
        "On a GPU the batch stays on the CPU: .to() returns the moved tensor, it does not move "
        "the one you have. Write `inputs = inputs.to(device)`.",
    ),
]

EVALUATE = [
    Edit(
        "labels_left_behind",
        "inputs, labels = inputs.to(device), labels.to(device)",
        "inputs = inputs.to(device)",
        "On a GPU the predictions and the labels are compared on two devices. Move the labels as "
        "well, and keep what .to() returns.",
    ),
    Edit(
        "mean_of_batch_accuracies",
        "correct += (best == labels).sum().item()\n            count += len(labels)",
        "correct += (best == labels).float().mean().item()\n            count += 1",
        "You average the accuracies of the batches. The last batch is smaller, so that its "
        "samples count too much. Count right answers, then divide once.",
    ),
    Edit(
        "count_returned",
        "return correct / count",
        "return correct",
        "You return how many answers are right. Divide by the number of samples.",
    ),
    Edit(
        "percent",
        "return correct / count",
        "return 100 * correct / count",
        "You return a percentage. The accuracy is a share, from 0 to 1.",
    ),
    Edit(
        "share_of_errors",
        "best == labels",
        "best != labels",
        "You count the wrong answers. Accuracy is the share of right ones.",
    ),
    Edit(
        "argmin_for_argmax",
        ".argmax(dim=1)",
        ".argmin(dim=1)",
        "You pick the smallest logit. The predicted class is the one with the largest.",
    ),
    Edit(
        "first_axis",
        ".argmax(dim=1)",
        ".argmax(dim=0)",
        "You look for the best sample of each class. The classes are on axis 1: argmax(dim=1).",
    ),
    Edit(
        "no_eval_mode",
        "    model.eval()\n",
        "",
        "The model was asked in train mode: dropout makes it stutter, and BatchNorm even learns "
        "from the test images. Call model.eval() first.",
    ),
    Edit(
        "graph_recorded",
        "torch.no_grad()",
        "torch.enable_grad()",
        "A graph was recorded at every call. Testing needs none: under no_grad memory stays free "
        "and it runs faster.",
    ),
    Edit(
        "mode_not_restored",
        "    model.train(training)\n",
        "",
        "A model that came in train mode stays in eval mode. Put back the mode you found.",
    ),
    Edit(
        "train_mode_at_the_end",
        "model.train(training)",
        "model.train()",
        "A model that came in eval mode leaves in train mode. Remember `model.training` first "
        "and put that back.",
    ),
    Edit(
        "gradients_switched_off",
        "    with torch.no_grad():",
        "    torch.set_grad_enabled(False)\n    if True:",
        "Gradients stay switched off after the function: the next training step would fail. Use "
        "`with torch.no_grad():`, which puts them back.",
    ),
    Edit(
        "gradients_switched_on",
        "    model.train(training)\n",
        "    model.train(training)\n    torch.set_grad_enabled(True)\n",
        "Whoever called you had gradients switched off; now they are on. `with torch.no_grad():` "
        "puts back what was there.",
    ),
    Edit(
        "gradients_cleared",
        "    model.eval()\n",
        "    model.eval()\n    model.zero_grad()\n",
        "The parameters' gradients are gone. Someone may evaluate between backward and step: "
        "leave `.grad` alone.",
    ),
    Edit(
        "returns_after_one_batch",
        "            count += len(labels)\n",
        "            count += len(labels)\n            break\n",
        "Only the first batch was counted: something ends the loop too early.",
    ),
]
