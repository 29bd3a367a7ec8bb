"""Misconceptions of lesson 01, and which of them the bug hunts hide."""

from grader.misconceptions import (
    pytorch_gradients,
    pytorch_modules,
    pytorch_shapes,
    pytorch_training,
)

MISCONCEPTIONS = {
    "polynomial_grad": pytorch_gradients.POLYNOMIAL,
    "MLPClassifier": pytorch_modules.MLP,
    "train_one_epoch": pytorch_training.EPOCH,
    "evaluate": pytorch_training.EVALUATE,
    "conv_out_size": pytorch_shapes.CONV_SIZE,
    "trace_shapes": pytorch_shapes.TRACE,
    "ThreeLayerCNN": pytorch_modules.CNN,
    "DiffusionBlock": pytorch_shapes.BLOCK,
    "finetune_head": pytorch_gradients.FINETUNE,
}

HUNTS = {
    "hunt_growing_steps": "gradients_pile_up",
    "hunt_stuck_loss": "softmax_at_the_end",
    "hunt_two_devices": "labels_left_behind",
}
