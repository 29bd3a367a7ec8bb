"""Misconceptions about networks (lesson 01)."""

from grader.misconceptions import Edit

MLP = [
    Edit(
        "softmax_at_the_end",
        "return self.layers(x.flatten(1))",
        "return self.layers(x.flatten(1)).softmax(dim=1)",
        "You return probabilities. Cross-entropy takes logits: it applies the softmax itself, "
        "and twice is too much, the loss then gets stuck. Return what the last Linear gives.",
    ),
    Edit(
        "log_softmax_at_the_end",
        "return self.layers(x.flatten(1))",
        "return self.layers(x.flatten(1)).log_softmax(dim=1)",
        "You return log-probabilities. They belong to NLLLoss. This course uses cross-entropy, "
        "which takes logits: leave the softmax out.",
    ),
    Edit(
        "relu_on_the_logits",
        "return self.layers(x.flatten(1))",
        "return self.layers(x.flatten(1)).relu()",
        "There is a ReLU after the last Linear. Logits may be negative: a class can be unlikely. "
        "No activation follows the last layer.",
    ),
    Edit(
        "activation_forgotten",
        "nn.ReLU(), ",
        "",
        "There is no ReLU between the Linear layers. Without a non-linear function in between, "
        "they are together one single linear map.",
    ),
    Edit(
        "sigmoid_for_relu",
        "nn.ReLU()",
        "nn.Sigmoid()",
        "The hidden layers use a sigmoid. Asked for is ReLU, which does not flatten out for "
        "large inputs and lets gradients through.",
    ),
    Edit(
        "gelu_for_relu",
        "nn.ReLU()",
        "nn.GELU()",
        "The hidden layers use GELU. Later lessons do too; here ReLU is asked for.",
    ),
    Edit(
        "dropout_forgotten",
        ", nn.Dropout(p_drop)]",
        "]",
        "Eval mode is right, train mode is not: the dropout after each ReLU is missing.",
    ),
    Edit(
        "dropout_in_eval_mode",
        "return self.layers(x.flatten(1))",
        "[m.train() for m in self.modules() if isinstance(m, nn.Dropout)]\n"
        "        return self.layers(x.flatten(1))",
        "Numbers are dropped in eval mode too. `F.dropout` needs `training=self.training`; the "
        "module nn.Dropout knows its mode by itself.",
    ),
    Edit(
        "p_drop_kept",
        "nn.Dropout(p_drop)",
        "nn.Dropout(1 - p_drop)",
        "p_drop is the probability of dropping a number, and nn.Dropout takes just that: do not "
        "pass 1 − p_drop.",
    ),
    Edit(
        "p_drop_ignored",
        "nn.Dropout(p_drop)",
        "nn.Dropout()",
        "The argument p_drop is not used: nn.Dropout() alone drops half of the numbers.",
    ),
    Edit(
        "logits_dropped",
        "nn.Linear(in_features, num_classes))",
        "nn.Linear(in_features, num_classes), nn.Dropout(p_drop))",
        "There is a dropout behind the last Linear. It sets logits to 0 and scales the others. "
        "Dropout belongs between the hidden layers.",
    ),
    Edit(
        "layers_in_a_list",
        "self.layers = nn.Sequential(*layers, nn.Linear(in_features, num_classes))\n\n"
        "    def forward(self, x):\n        return self.layers(x.flatten(1))",
        "self.layers = [*layers, nn.Linear(in_features, num_classes)]\n\n"
        "    def forward(self, x):\n        return nn.Sequential(*self.layers)(x.flatten(1))",
        "Your module has no parameters: layers in a plain Python list are invisible to PyTorch. "
        "The optimizer would train nothing. Use nn.Sequential or nn.ModuleList.",
    ),
    Edit(
        "batch_flattened_too",
        "x.flatten(1)",
        "x.flatten()",
        "The whole batch became one long vector. Keep the batch axis: flatten from axis 1 on.",
    ),
    Edit(
        "not_flattened",
        "x.flatten(1)",
        "x",
        "Images went into a Linear layer as they are. It works on the last axis only: flatten "
        "everything but the batch axis first.",
    ),
    Edit(
        "widths_not_chained",
        "            in_features = width\n",
        "",
        "Every layer expects the width of the image. From the second layer on the input is as "
        "wide as the layer before.",
    ),
    Edit(
        "only_the_first_width",
        "in hidden:",
        "in hidden[:1]:",
        "Only the first hidden width was used. There is one hidden layer per entry of `hidden`.",
    ),
]

CNN = [
    Edit(
        "no_padding",
        "width, 3, padding=1)",
        "width, 3)",
        "The convolutions have no padding, so that each one eats a border of one pixel. With "
        "padding=1 a 3×3 kernel keeps the size.",
    ),
    Edit(
        "batchnorm_forgotten",
        ", nn.BatchNorm2d(width)]",
        "]",
        "BatchNorm is missing. It stands between the convolution and the ReLU.",
    ),
    Edit(
        "groupnorm_for_batchnorm",
        "nn.BatchNorm2d(width)",
        "nn.GroupNorm(8, width)",
        "You used GroupNorm. That is what diffusion models take, and you will see why; this "
        "network is the classic one, with BatchNorm.",
    ),
    Edit(
        "relu_before_the_norm",
        "nn.BatchNorm2d(width)]\n            layers += [nn.ReLU(), nn.MaxPool2d(2)]",
        "nn.ReLU()]\n            layers += [nn.BatchNorm2d(width), nn.MaxPool2d(2)]",
        "The ReLU comes before BatchNorm. The order asked for is conv, BatchNorm, ReLU, MaxPool.",
    ),
    Edit(
        "relu_forgotten",
        "nn.ReLU(), ",
        "",
        "There is no ReLU. Max pooling is not linear, but it is no replacement: conv, BatchNorm, "
        "ReLU, MaxPool.",
    ),
    Edit(
        "average_pooling",
        "nn.MaxPool2d(2)",
        "nn.AvgPool2d(2)",
        "You average over each 2×2 patch. Max pooling keeps the largest of the four.",
    ),
    Edit(
        "one_pooling_missing",
        "nn.MaxPool2d(2)]",
        "*([nn.MaxPool2d(2)] if width < 128 else [])]",
        "The last MaxPool is missing: the features are 16×16 before the global pooling, where "
        "8×8 is asked for. All three blocks pool.",
    ),
    Edit(
        "maximum_at_the_end",
        "x.mean(dim=(2, 3))",
        "x.amax(dim=(2, 3))",
        "You take the maximum over all positions at the end. Asked for is global average pooling.",
    ),
    Edit(
        "sum_at_the_end",
        "x.mean(dim=(2, 3))",
        "x.sum(dim=(2, 3))",
        "You take the sum over all positions. The average divides by their number.",
    ),
    Edit(
        "flattened_for_pooled",
        "self.head = nn.Linear(channels, num_classes)\n\n    def forward(self, x):\n"
        "        x = self.features(x)  # (B, 128, 8, 8)\n"
        "        return self.head(x.mean(dim=(2, 3)))",
        "self.head = nn.Linear(channels * 64, num_classes)\n\n    def forward(self, x):\n"
        "        return self.head(self.features(x).flatten(1))",
        "You flatten the features: the last layer has 64 times as many weights, and works for "
        "one image size only. Average over all positions first, then Linear(128, num_classes).",
    ),
    Edit(
        "softmax_at_the_end",
        "self.head(x.mean(dim=(2, 3)))",
        "self.head(x.mean(dim=(2, 3))).softmax(dim=1)",
        "You return probabilities. Cross-entropy takes logits and applies the softmax itself.",
    ),
    Edit(
        "convolution_without_bias",
        "3, padding=1)",
        "3, padding=1, bias=False)",
        "The convolutions have no bias. Before a BatchNorm that is often done, since the norm "
        "takes the bias out again; here the convolutions have one, as in the whole course.",
    ),
    Edit(
        "other_widths",
        "(32, 64, 128)",
        "(16, 32, 64)",
        "The numbers of channels are others: 32, 64, 128 are asked for.",
    ),
]
