"""Misconceptions about the codes of positions (lesson 02)."""

from grader.misconceptions import Edit

TABLE = [
    Edit(
        "concatenated_layout",
        "torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)",
        "torch.cat([angles.sin(), angles.cos()], dim=-1)",
        "All sines come first, then all cosines. That layout is as good, and lesson 03 uses it. "
        "But here they alternate: sin, cos, sin, cos.",
    ),
    Edit(
        "sine_and_cosine_swapped",
        "[angles.sin(), angles.cos()]",
        "[angles.cos(), angles.sin()]",
        "Sine and cosine are swapped. Even columns are sines, so position 0 starts 0, 1, 0, 1.",
    ),
    Edit(
        "positions_from_one",
        "torch.arange(n_positions, dtype=torch.float32)",
        "torch.arange(1, n_positions + 1, dtype=torch.float32)",
        "Your positions start at 1. The first row belongs to position 0.",
    ),
    Edit(
        "exponent_doubled",
        "(two_i / d_model)",
        "(2 * two_i / d_model)",
        "The exponent is twice what it should be. `arange(0, d, 2)` is already 2i: "
        "do not double it.",
    ),
    Edit(
        "exponent_halved",
        "(two_i / d_model)",
        "(two_i / 2 / d_model)",
        "The exponent is half of what it should be: it is 2i/d, where i counts pairs of columns.",
    ),
    Edit(
        "last_frequency_reached",
        "(two_i / d_model)",
        "(two_i / max(d_model - 2, 1))",
        "Your lowest frequency is exactly 1/10000. Some libraries do that. The paper's exponent "
        "is 2i/d, which stays below 1.",
    ),
    Edit(
        "multiplied_by_the_divisor",
        "position / 10000 **",
        "position * 10000 **",
        "You multiply by 10000^(2i/d), so later columns turn faster and faster. "
        "Divide: they turn slower.",
    ),
    Edit(
        "base_1000",
        "10000 **",
        "1000 **",
        "The base is 1000 here. The paper's is 10000.",
    ),
    Edit(
        "each_column_its_own_frequency",
        "    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)",
        "    j = torch.arange(d_model, dtype=torch.float32)\n"
        "    angles = position / 10000 ** (j / d_model)\n"
        "    return torch.where(j % 2 == 0, angles.sin(), angles.cos())",
        "Each column has a frequency of its own. A sine and its cosine share one: "
        "that pair makes the hand of a clock.",
    ),
    Edit(
        "double_precision",
        "dim=-1).flatten(1)",
        "dim=-1).flatten(1).double()",
        "The table is float64. Everything else in the network is float32: add `.float()`.",
    ),
]
