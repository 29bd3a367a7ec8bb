"""All topics: name → a function that draws a question."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from course_utils.drills import blocks, orders, schedules, shapes
from course_utils.drills.question import Question

TOPICS: dict[str, Callable[[Random], Question]] = {
    "conv_size": shapes.conv_size,
    "conv_chain": shapes.conv_chain,
    "unet_table": shapes.unet_table,
    "attention": shapes.attention,
    "latents": shapes.latents,
    "alpha_bar": schedules.alpha_bar,
    "threshold": schedules.threshold,
    "model_calls": schedules.model_calls,
    "blocks": blocks.blocks,
    "order_training": orders.order_training,
    "order_sampling": orders.order_sampling,
}


def ask(topic: str, seed: int) -> Question:
    """The question of a topic and a seed."""
    return TOPICS[topic](Random(f"{topic} {seed}"))
