"""Misconceptions about telling a network the time (lesson 03)."""

from grader.misconceptions import Edit

SINUSOIDAL = [
    Edit(
        "cosine_first",
        "torch.cat([angles.sin(), angles.cos()], dim=-1)",
        "torch.cat([angles.cos(), angles.sin()], dim=-1)",
        "The cosines come first. The order is cat[sin, cos]. Both orders work, but trained "
        "weights fit only one of them.",
    ),
    Edit(
        "interleaved",
        "torch.cat([angles.sin(), angles.cos()], dim=-1)",
        "torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)",
        "Sines and cosines take turns: that is the interleaved layout of lesson 02. Here all sines "
        "come first, then all cosines.",
    ),
    Edit(
        "half_minus_one",
        "* i / half)",
        "* i / max(half - 1, 1))",
        "You divide i by d/2 − 1, as some code does. The formula divides by d/2. Both work, but "
        "trained weights fit only one of them.",
    ),
    Edit(
        "whole_dimension",
        "* i / half)",
        "* i / self.embed_dim)",
        "You divide i by d. There are d/2 frequencies, so the exponent is i / (d/2); otherwise "
        "the slowest wave is a hundred times too fast.",
    ),
    Edit(
        "growing_frequencies",
        "torch.exp(-math",
        "torch.exp(math",
        "The minus sign is missing: your frequencies grow to 10000. They fall from 1 to about "
        "1/10000.",
    ),
    Edit(
        "base_ten_logarithm",
        "math.log(10000.0)",
        "math.log10(10000.0)",
        "log10(10000) is 4, but exp needs the natural logarithm: math.log(10000) = 9.21.",
    ),
    Edit(
        "base_thousand",
        "math.log(10000.0)",
        "math.log(1000.0)",
        "The base is 1000, the number of timesteps. The formula has 10000, whatever T is.",
    ),
    Edit(
        "time_as_fraction",
        "timesteps.float()[:, None]",
        "(timesteps.float() / 1000)[:, None]",
        "You divide t by 1000 first. The formula takes t as it is; divided, "
        "neighbouring timesteps look almost the same.",
    ),
    Edit(
        "full_circles",
        "* frequencies  # (B, d/2)",
        "* frequencies * 2 * math.pi  # (B, d/2)",
        "You multiply by 2π. At frequency 1, every whole t is then a full circle, and its sine is "
        "0 for all of them.",
    ),
    Edit(
        "dtype_of_the_timesteps",
        "timesteps.float()[:, None]",
        "timesteps[:, None]",
        "Timesteps in float64 give features in float64, which the next Linear layer refuses. "
        "Convert t to float32 first.",
    ),
    Edit(
        "frequencies_on_the_cpu",
        "device=timesteps.device, ",
        "",
        "Your frequencies stay on the CPU when the timesteps are on a GPU. Create them with "
        "device=timesteps.device.",
    ),
    Edit(
        "odd_accepted",
        "if embed_dim % 2:",
        "if False:",
        "An odd embed_dim gets through. Half of the features are sines and half cosines, so raise "
        "a ValueError when the module is constructed.",
    ),
    Edit(
        "odd_asserted",
        "raise ValueError(",
        "raise AssertionError(",
        "An odd embed_dim ends with an AssertionError. Assertions can be switched off; for bad "
        "input, raise a ValueError.",
    ),
    Edit(
        "learned_frequencies",
        "self.embed_dim = embed_dim",
        "self.embed_dim = embed_dim\n        self.scale = nn.Parameter(torch.ones(1))",
        "Your module has parameters to learn. This embedding is a fixed formula; "
        "what is learned comes after it.",
    ),
]

MLP = [
    Edit(
        "silu_for_gelu",
        "nn.GELU()",
        "nn.SiLU()",
        "The activation is SiLU. This course uses GELU; both work, but the numbers differ.",
    ),
    Edit(
        "relu_for_gelu",
        "nn.GELU()",
        "nn.ReLU()",
        "The activation is ReLU. Asked for is GELU.",
    ),
    Edit(
        "no_activation",
        "nn.GELU()",
        "nn.Identity()",
        "There is no activation between the two Linear layers. Without one, two linear layers "
        "are worth only one.",
    ),
    Edit(
        "approximate_gelu",
        "nn.GELU()",
        'nn.GELU(approximate="tanh")',
        "This is the tanh approximation of GELU. Use the exact one, PyTorch's default.",
    ),
    Edit(
        "activation_at_the_end",
        "nn.Linear(hidden_dim, hidden_dim),",
        "nn.Linear(hidden_dim, hidden_dim),\n            nn.GELU(),",
        "There is a second GELU at the end. The last layer is Linear; each block applies its "
        "own GELU to the result.",
    ),
    Edit(
        "default_not_four_times",
        "4 * embed_dim if",
        "embed_dim if",
        "Where hidden_dim is not given, it is 4 · embed_dim.",
    ),
    Edit(
        "hidden_dim_ignored",
        "4 * embed_dim if hidden_dim is None else hidden_dim",
        "4 * embed_dim",
        "A given hidden_dim is ignored. Only where it is None does 4 · embed_dim take its place.",
    ),
    Edit(
        "back_to_embed_dim",
        "nn.Linear(hidden_dim, hidden_dim)",
        "nn.Linear(hidden_dim, embed_dim)",
        "The second layer leads back to embed_dim. The result has hidden_dim features.",
    ),
    Edit(
        "one_layer",
        "            nn.GELU(),\n            nn.Linear(hidden_dim, hidden_dim),\n",
        "",
        "One Linear layer is missing. Sinusoidal, Linear, GELU, Linear.",
    ),
    Edit(
        "no_bias",
        "nn.Linear(hidden_dim, hidden_dim)",
        "nn.Linear(hidden_dim, hidden_dim, bias=False)",
        "The second layer has no bias. Both layers have one.",
    ),
]
