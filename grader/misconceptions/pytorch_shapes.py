"""Misconceptions about shapes and blocks (lesson 01)."""

from grader.misconceptions import Edit

CONV_SIZE = [
    Edit(
        "padding_once",
        "2 * padding",
        "padding",
        "Padding is counted once. It adds pixels on both sides: 2 · padding.",
    ),
    Edit(
        "plus_one_forgotten",
        "// stride + 1",
        "// stride",
        "The + 1 is missing. Even with no room left to move, the kernel fits in one place.",
    ),
    Edit(
        "rounded_up",
        "(size + 2 * padding - reach) // stride",
        "-(-(size + 2 * padding - reach) // stride)",
        "You round up. A last step that is not whole is not taken: round down, with //.",
    ),
    Edit(
        "float_returned",
        "// stride",
        "/ stride",
        "You divide with /, which gives a float and steps that are not whole. A number of pixels "
        "is an int: use //.",
    ),
    Edit(
        "stride_ignored",
        "// stride",
        "// 1",
        "The stride has no effect. The kernel moves `stride` pixels at a time.",
    ),
    Edit(
        "dilation_ignored",
        "dilation * (kernel_size - 1) + 1",
        "kernel_size",
        "Dilation has no effect. It spreads the kernel: it reaches dilation · (kernel − 1) + 1 "
        "pixels.",
    ),
    Edit(
        "dilation_times_kernel",
        "dilation * (kernel_size - 1) + 1",
        "dilation * kernel_size",
        "A dilated kernel does not reach dilation · kernel pixels. There are kernel − 1 gaps to "
        "stretch: dilation · (kernel − 1) + 1.",
    ),
    Edit(
        "one_gap_too_many",
        "dilation * (kernel_size - 1) + 1",
        "dilation * (kernel_size - 1)",
        "The kernel reaches one pixel more than you say: dilation · (kernel − 1) + 1. With "
        "dilation 1 that is the kernel size itself.",
    ),
    Edit(
        "same_assumed",
        "return (size + 2 * padding - reach) // stride + 1",
        "return -(-size // stride)",
        "You assume that only the stride changes the size. That holds for 'same' padding; in "
        "general kernel and padding count as well.",
    ),
]

TRACE = [
    Edit(
        "batch_axis_left_out",
        "tuple(x.shape)",
        "tuple(x.shape[1:])",
        "The batch axis is missing. A shape here starts with B.",
    ),
    Edit(
        "input_listed_too",
        "shapes = []",
        "shapes = [tuple(x.shape)]",
        "Your list starts with the shape of the input. Only what comes out of a layer counts: as "
        "many entries as layers.",
    ),
    Edit(
        "shape_before_the_layer",
        "            x = layer(x)\n            shapes.append(tuple(x.shape))",
        "            shapes.append(tuple(x.shape))\n            x = layer(x)",
        "You note the shape before the layer, not after it.",
    ),
    Edit(
        "output_not_passed_on",
        "x = layer(x)\n            shapes.append(tuple(x.shape))",
        "y = layer(x)\n            shapes.append(tuple(y.shape))",
        "Every layer got the original input. The output of one layer is the input of the next: "
        "`x = layer(x)`.",
    ),
    Edit(
        "last_shape_only",
        "return shapes",
        "return shapes[-1:]",
        "Only the last shape came back. One shape per layer is asked for.",
    ),
    Edit(
        "layers_inside_listed",
        "in model:",
        "in [m for m in model.modules() if not list(m.children())]:",
        "A layer that is itself a Sequential was opened. Only the top level is asked for: use "
        "the model itself, or children(), not modules().",
    ),
    Edit(
        "dummy_input",
        "shapes = []",
        "shapes, x = [], torch.zeros(x.shape)",
        "You made a new input with torch.zeros. It has another dtype and stays on the CPU. Use "
        "the x that you were given.",
    ),
    Edit(
        "text_for_shapes",
        "tuple(x.shape)",
        "str(tuple(x.shape))",
        "The entries are text. Return the shapes themselves, as tuples of ints.",
    ),
]

BLOCK = [
    Edit(
        "batchnorm_for_groupnorm",
        "nn.GroupNorm(num_groups, out_channels)",
        "nn.BatchNorm2d(out_channels)",
        "You used BatchNorm: one sample's output then depends on the rest of the batch, and a "
        "batch holds many noise levels. GroupNorm looks at each sample alone.",
    ),
    Edit(
        "relu_for_silu",
        "F.silu",
        "F.relu",
        "The activation is ReLU. SiLU is smooth: x · sigmoid(x).",
    ),
    Edit(
        "gelu_for_silu",
        "F.silu",
        "F.gelu",
        "The activation is GELU. It looks much the same, but SiLU is asked for: x · sigmoid(x).",
    ),
    Edit(
        "sigmoid_for_silu",
        "F.silu",
        "torch.sigmoid",
        "The activation is the sigmoid alone. SiLU is x · sigmoid(x).",
    ),
    Edit(
        "activation_forgotten",
        "F.silu(self.norm(self.conv(x)))",
        "self.norm(self.conv(x))",
        "The activation is missing: conv → GroupNorm → SiLU.",
    ),
    Edit(
        "activation_before_the_norm",
        "F.silu(self.norm(self.conv(x)))",
        "self.norm(F.silu(self.conv(x)))",
        "SiLU comes before the norm. The order is conv → GroupNorm → SiLU.",
    ),
    Edit(
        "norm_forgotten",
        "F.silu(self.norm(self.conv(x)))",
        "F.silu(self.conv(x))",
        "The norm exists but is not called in forward: conv → GroupNorm → SiLU.",
    ),
    Edit(
        "norm_of_the_input",
        "nn.GroupNorm(num_groups, out_channels)",
        "nn.GroupNorm(num_groups, in_channels)",
        "The norm is made for in_channels. It stands behind the convolution, so it normalises "
        "what comes out: out_channels.",
    ),
    Edit(
        "groups_ignored",
        "nn.GroupNorm(num_groups, out_channels)",
        "nn.GroupNorm(1, out_channels)",
        "All channels form one group. num_groups is the first thing that nn.GroupNorm wants to "
        "know.",
    ),
    Edit(
        "group_size_for_groups",
        "nn.GroupNorm(num_groups, out_channels)",
        "nn.GroupNorm(out_channels // num_groups, out_channels)",
        "You swapped the number of groups and their size. nn.GroupNorm takes the number of groups.",
    ),
    Edit(
        "grouped_convolution",
        "3, padding=1)",
        "3, padding=1, groups=num_groups if in_channels % num_groups == 0 else in_channels)",
        "The convolution is cut into groups as well. Only the norm is: leave out `groups` there.",
    ),
    Edit(
        "no_padding",
        "3, padding=1)",
        "3)",
        "The image gets smaller by two pixels: the convolution has no padding. Use padding=1.",
    ),
    Edit(
        "kernel_of_one",
        "3, padding=1)",
        "1)",
        "The convolution sees one pixel only. A 3×3 kernel is asked for, with padding 1.",
    ),
    Edit(
        "norm_without_weights",
        "nn.GroupNorm(num_groups, out_channels)",
        "nn.GroupNorm(num_groups, out_channels, affine=False)",
        "The norm has no weight and bias to learn. Leave `affine` as it is.",
    ),
]
