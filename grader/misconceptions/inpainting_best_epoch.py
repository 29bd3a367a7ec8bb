"""Misconceptions about training that keeps the best epoch (lesson 07)."""

from grader.misconceptions import Edit

FIT = [
    Edit(
        "best_never_updated",
        'best, history["best_epoch"] = value, epoch',
        'history["best_epoch"] = epoch',
        "You compare every epoch with the starting value, because the best value is never "
        "updated. So each epoch counts as the best, and the last one is kept.",
    ),
    Edit(
        "last_weights_at_return",
        "    load_model(model, path)\n",
        "",
        "The best weights are in the file, but the model still has those of the last epoch. "
        "Load the file into the model before you return.",
    ),
    Edit(
        "last_of_equals",
        "if value < best:",
        "if value <= best:",
        "Of two equal values you keep the later one. The first wins: replace it only when the "
        "new value is lower.",
    ),
    Edit(
        "higher_is_better",
        'if value < best:\n            best, history["best_epoch"] = value, epoch',
        'if value > best or epoch == 0:\n            best, history["best_epoch"] = value, epoch',
        "You keep the epoch with the highest value. This one is an error: smaller is better.",
    ),
    Edit(
        "validated_in_train_mode",
        "        model.eval()\n",
        "",
        "You validate in train mode: dropout is on and running statistics move. Call "
        "model.eval() before validate.",
    ),
    Edit(
        "eval_mode_for_good",
        "    for epoch in range(epochs):\n        model.train()\n",
        "    model.train()\n    for epoch in range(epochs):\n",
        "From the second epoch on you train in eval mode, because validation switched it on. "
        "Call model.train() at the start of every epoch.",
    ),
    Edit(
        "gradients_pile_up",
        "            optimizer.zero_grad()\n",
        "",
        "The gradients of all batches pile up. Clear them before each backward.",
    ),
    Edit(
        "validated_on_training_data",
        "value = validate(model, val_loader)",
        "value = validate(model, train_loader)",
        "You validate on the training data. The best epoch would be the one that remembers "
        "best: use val_loader.",
    ),
    Edit(
        "loss_of_the_last_batch",
        "sum(losses) / len(losses)",
        "losses[-1]",
        "train_loss holds the loss of the last batch alone. Take the mean over all batches of "
        "the epoch.",
    ),
    Edit(
        "sum_of_losses",
        "sum(losses) / len(losses)",
        "sum(losses)",
        "train_loss holds the sum of the losses, which grows with the number of batches. Divide"
        " by it.",
    ),
    Edit(
        "epochs_from_one",
        'best, history["best_epoch"] = value, epoch',
        'best, history["best_epoch"] = value, epoch + 1',
        "Your best_epoch counts from 1. Epochs are counted from 0, like the entries of the lists.",
    ),
    Edit(
        "stops_at_the_first_rise",
        "            save_model(model, path)\n",
        "            save_model(model, path)\n        else:\n            break\n",
        "You stop as soon as an epoch is not better. Validation values shake, and all epochs "
        "were asked for: go on.",
    ),
]
