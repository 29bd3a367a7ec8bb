# %% [markdown] id="welcome"
# # 01 · From tensor to training loop
#
# Every diffusion model in this course is a network, a loss and a loop. In this lesson you write all three, on real handwritten digits, and you learn to notice when one of them is silently wrong.
#
# **After this lesson you can**
# - say what a tensor's shape, dtype, device and memory order are, and when each of them bites;
# - let autograd differentiate, and say what it keeps in memory and for how long;
# - write a training loop and an evaluation from a blank cell;
# - compute the shapes in a convolutional network in your head;
# - say, with numbers, why diffusion models use GroupNorm and not BatchNorm;
# - freeze one part of a network so that it really stays frozen.
#
# **You need** Python. If you have seen PyTorch before, do the exercises you find interesting; nothing is locked. **Time:** 60 to 90 minutes. Every exercise has a check that tells you *what* went wrong, and `check.hint("evaluate")` gives a hint. You may skip an exercise: the rest goes on.

# %% role="setup"
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import checker

check = checker("01_pytorch")

# %% id="tools"
import time

from torch.utils.data import DataLoader, TensorDataset

from course_utils import norm_experiments, plotting, shape_questions, symptoms, tensor_figures
from course_utils.data import has_digits, load_digits
from course_utils.graph_memory import memory_of_steps, print_graph
from course_utils.line_figures import plot_lines
from course_utils.mystery_runs import mystery_runs, plot_runs
from course_utils.plotting import show
from course_utils.training import run_steps

torch.set_num_threads(1)  # images this small: threads would mostly wait for each other
device = "cuda" if torch.cuda.is_available() else "cpu"
digits = load_digits()  # images (N, 1, 16, 16) in [-1, 1], labels (N,)
train_set = TensorDataset(digits.train_images, digits.train_labels)
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
test_loader = DataLoader(TensorDataset(digits.test_images, digits.test_labels), batch_size=150)

# %% [markdown] id="story-four-programs"
# ## Four programs, no error message
# Here are four training loops for the same small network. They learn to read handwritten digits. Each one runs to its end. None prints a warning. Three of them have one wrong line.
# > **Predict before you run.** A right loop reads about 95 % of new digits. What will the three wrong ones do: crash, learn nothing, or learn a little less?

# %% id="figure-four-programs"
runs = mystery_runs(digits)
print({name: f"{run.accuracy:.0%} of the test digits" for name, run in runs.items()})
plot_runs(runs)

# %% [markdown] id="story-silent"
# Run B is right. Run C jumps about, D learns nothing at all, and A is the most dangerous: it *looks* like learning, only slow. You might spend a day on its learning rate.
#
# **PyTorch checks shapes. It does not check sense.** A wrong loss is a number too, and every number can be minimised. So this lesson does two things at once: it builds the loop piece by piece, and at each piece it shows what the mistake looks like from outside. You will meet the wrong lines of A, C and D on the way.
# ## Part 1 · Tensors
# A tensor is a block of numbers with four properties: **shape** (how many, along which axes), **dtype** (what kind of number), **device** (where it is), and **strides** (how to walk through the memory). Everybody looks at the first three. Run D went wrong in the fourth.
#
# Memory is one long row. A matrix `x` of shape (2, 3) is read with strides (3, 1): three places on for the next row, one place on for the next column. In the picture, darker means later in memory.

# %% id="figure-memory"
x = torch.arange(6.0).reshape(2, 3)
tensor_figures.show_memory_order(
    {"x": x, "x.T": x.T, "x.reshape(3, 2)": x.reshape(3, 2), "x.T.contiguous()": x.T.contiguous()}
)

# %% [markdown] id="memory-explained"
# `x.T` moves nothing: it only swaps the strides. (`permute` and `transpose` do the same for more axes.) `reshape(3, 2)` has the same shape as `x.T`, and other numbers in it: **reshape reads row by row and cuts anew, permute turns the axes.** `view` is `reshape` that refuses to copy. After a `permute` the memory is no longer in reading order (not *contiguous*), and `view` raises an error; `reshape` copies and goes on.
# > **Predict before you run.** Eight digits, (8, 16, 16), should stand side by side in one picture of 16 rows and 128 columns. Both lines below give the shape (16, 128). Which one gives the picture?

# %% id="figure-reshape-is-not-permute"
eight = digits.test_images[:8, 0]  # (8, 16, 16): digit, row, column
try:
    eight.permute(1, 0, 2).view(16, 128)
except RuntimeError as error:
    print("view after permute:", error)
tensor_figures.show_strips({
    "eight.reshape(16, 128)": eight.reshape(16, 128),
    "eight.permute(1, 0, 2).reshape(16, 128)": eight.permute(1, 0, 2).reshape(16, 128),
})  # fmt: skip

# %% [markdown] id="broadcasting"
# That was run D: it made one column per image with `images.reshape(256, -1).T`. The shape is right, (B, 256), and every row holds pixels of several images. Nothing can be learned from that.
# > **Exam tip.** To change the *order* of axes use `permute`, to split or merge *neighbouring* axes use `reshape`. When you need both, permute first.
# ### Broadcasting
# Tensors of different shapes can be added. PyTorch lines the shapes up **from the right**; an axis of size 1, or a missing one, is stretched. Nothing is copied.

# %% id="figure-broadcast"
a = torch.tensor([[10.0], [20.0], [30.0]])
tensor_figures.show_broadcast(a, torch.tensor([[1.0, 2.0, 3.0, 4.0]]))

# %% [markdown] id="predict-broadcast"
# You will use this in every lesson: noise levels (B, 1, 1, 1) times images (B, C, H, W). But it also stretches what should never be stretched.
# > **Predict before you run.** A network predicts one number for each of four samples, perfectly: `prediction` has shape (4, 1), `target` has shape (4,). What is the mean squared error?

# %% id="numbers-broadcast"
target = torch.tensor([1.0, 2.0, 3.0, 4.0])
prediction = target[:, None]  # (4, 1): every prediction is right
error = prediction - target
print("shape of the error:", tuple(error.shape), "  loss:", (error**2).mean().item())
print("250 + 10 in uint8:", (torch.tensor([250], dtype=torch.uint8) + 10).item())
print("16777216 + 1 in float32:", int(torch.tensor(16777216.0) + 1))

# %% [markdown] id="dtype-explained"
# The loss is 2.5 instead of 0: (4, 1) minus (4,) is (4, 4), every prediction against every target. A network trained on this loss predicts the mean for everyone. Look at shapes *before* you subtract.
#
# The other two lines are about **dtype**. `uint8`, the type of image files, counts to 255 and starts again at 0: convert images with `.float()` before you calculate. `float32`, the type of networks, has about seven digits. Whole numbers such as labels and timesteps are `int64`; they cannot have gradients.
# ## Part 2 · Autograd
# To train is to ask: if I turn this weight up a little, does the loss rise or fall, and how fast? That is a derivative, and a network has thousands or millions of them. PyTorch records every operation on a tensor with `requires_grad=True` as a node of a *graph*, and `backward()` walks the graph from the loss back to the weights (this is reverse-mode differentiation, or backpropagation).

# %% [markdown] exercise="polynomial_grad"
# A warm-up whose answer you know. The gradient of $y = \sum_i (x_i^2 + 3x_i)$ is $\partial y/\partial x_i = 2x_i + 3$. Do not write that formula: compute $y$ and let autograd find the gradient. Leave the `x` you were given as it was: the same numbers, no `requires_grad`, no `.grad`.


# %% exercise="polynomial_grad"
def polynomial_grad(x):
    """Gradient of Σ(x² + 3x) with respect to x, by autograd; x (any shape) → same shape."""
    ### BEGIN SOLUTION
    x = x.detach().clone().requires_grad_()
    y = (x**2 + 3 * x).sum()
    y.backward()
    return x.grad
    ### END SOLUTION


# %% [markdown] id="predict-second-backward"
# The cell below prints the graph of this polynomial. The last node, `AccumulateGrad`, has a telling name: **`backward` adds to `.grad`, it does not replace it.**
# > **Predict before you run.** Then it calls `y.backward()` twice. What happens the second time? And what does `.grad` hold if the polynomial is computed anew before the second call?

# %% id="numbers-graph"
x = torch.ones(1, requires_grad=True)
y = (x**2 + 3 * x).sum()
print_graph(y.grad_fn)
y.backward()
print("gradient:", x.grad.item())
try:
    y.backward()
except RuntimeError as error:
    print("second time:", str(error).split(".")[0])
(x**2 + 3 * x).sum().backward()
print("computed anew:", x.grad.item())

# %% [markdown] id="second-backward-explained"
# *Trying to backward through the graph a second time*: after `backward` the graph is thrown away to free memory. The cure is rarely `retain_graph=True`. Nearly always a tensor of the step before is still in use, a running loss for example: add up `loss.item()`, or `detach()` it.
#
# And the gradient of a graph computed anew is *added*: 10 instead of 5. In a training loop without `zero_grad`, every step uses the sum of all gradients so far. That was run C.
# ### What the graph costs
# To walk back, autograd keeps the inputs of many operations. A sampler of a diffusion model calls the same network hundreds of times and needs no gradient at all. Here is such a loop in small: $x \leftarrow x - 0.1\,f(x)$, in four ways.
# > **Predict before you run.** What happens to the memory between 1 step and 32 steps, for: gradients left on, `x.detach()` after every step, `torch.no_grad()`, and a network with frozen weights (`requires_grad_(False)`)?

# %% id="figure-memory-of-steps"
net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.SiLU(), nn.Conv2d(16, 1, 3, padding=1))


def walk(steps, after=lambda x: x):
    x = torch.randn(16, 1, 16, 16)
    for _ in range(steps):
        x = after(x - 0.1 * net(x))


steps, weights = [1, 2, 4, 8, 16, 32], list(net.parameters())
peaks = {
    "gradients on": memory_of_steps(walk, steps, weights),
    "detach each step": memory_of_steps(lambda n: walk(n, torch.detach), steps, weights),
    "no_grad": memory_of_steps(torch.no_grad()(walk), steps, weights),
}
net.requires_grad_(False)
peaks["frozen weights"] = memory_of_steps(walk, steps, weights)
plot_lines({"kept for backward (MB)": peaks}, "steps")

# %% [markdown] id="memory-explained-2"
# You will read that forgetting `no_grad` costs "3 to 4 times the memory". Measured, there is no such factor: **it grows with every step.** 32 steps keep 32 times as much, a chain of 1000 steps 1000 times as much.
#
# | you write | graph | use it for |
# |---|---|---|
# | `with torch.no_grad():` | none is recorded in the block | sampling, evaluation |
# | `x.detach()` | cut here; x itself stays | logging a tensor, features of a frozen part |
# | `p.requires_grad_(False)` | none for this weight; gradients still pass *through* it | fine-tuning |
# | `model.eval()` | recorded as always! | dropout and BatchNorm, nothing else |
#
# > **Exam tip.** "Memory grows during sampling": look for a missing `no_grad`. "Memory grows during training": look for a loss that is summed up as a tensor.
# ## Part 3 · Modules and losses
# An `nn.Module` is a function with memory: it finds the parameters and sub-modules that you assign as attributes in `__init__`, so that `model.parameters()`, `model.to(device)` and `model.eval()` reach all of them. It looks into `nn.Sequential` and `nn.ModuleList`. It does not look into a Python list.

# %% [markdown] exercise="MLPClassifier"
# A *multilayer perceptron*. For each width in `hidden`: Linear → ReLU → Dropout. Then one Linear more that gives `num_classes` numbers, the *logits*: any real numbers, larger for likelier classes. `forward` gets a batch of images of any shape (B, …) and flattens all but the batch axis. Names of attributes are yours to choose.


# %% exercise="MLPClassifier"
class MLPClassifier(nn.Module):
    """Any batch of images (B, …) → logits (B, num_classes).

    For each hidden width Linear → ReLU → Dropout, then one Linear more.
    """

    def __init__(self, in_features=64, hidden=(512, 256), num_classes=10, p_drop=0.2):
        ### BEGIN SOLUTION
        super().__init__()
        layers = []
        for width in hidden:
            layers += [nn.Linear(in_features, width), nn.ReLU(), nn.Dropout(p_drop)]
            in_features = width
        self.layers = nn.Sequential(*layers, nn.Linear(in_features, num_classes))
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        return self.layers(x.flatten(1))
        ### END SOLUTION


# %% [markdown] id="losses"
# Count the parameters: `Linear(a, b)` has $a \cdot b$ weights and $b$ biases, so the network for our 16×16 digits, 256 → 512 → 256 → 10, has 265,482. Half of them connect each pixel with each number of the first layer, wherever the pixel is. Part 5 comes back to that.
# ### Which loss?
# | loss | wants | for |
# |---|---|---|
# | `F.cross_entropy(logits, labels)` | logits (B, K), labels (B,) int64 | one of K classes |
# | `F.binary_cross_entropy_with_logits` | logits and targets of one shape, float | yes or no, several at once |
# | `F.mse_loss` | two tensors of **one** shape | numbers; the loss of diffusion: predicted against true noise |
# | `F.l1_loss` | the same | numbers, when a few large errors should not rule |
#
# Cross-entropy is $-\ln \operatorname{softmax}(z)_y$. It contains the softmax. Who puts a softmax in front of it, takes it twice, and PyTorch does not object.
# > **Predict before you run.** A network is perfectly sure and perfectly right: probability 1 for the true class, 0 for the nine others. What does cross-entropy say if it is given these *probabilities* instead of logits?

# %% id="numbers-softmax-twice"
label = torch.tensor([3])
sure = F.one_hot(label, 10).float()  # (1, 10): the best probabilities there are
print(f"given as probabilities: {F.cross_entropy(sure, label):.4f}")
print(f"given as logits, 20 for the right class: {F.cross_entropy(20 * sure, label):.4f}")
print(f"guessing, all logits equal: {F.cross_entropy(0 * sure, label):.4f}")

# %% [markdown] id="softmax-explained"
# $\ln(1 + 9/e) = 1.4612$ is the *smallest* loss that probabilities can reach with ten classes. The gradients are small too, so training crawls. That was run A. Remember the two numbers: a loss that starts at $\ln 10 = 2.30$ is guessing, as it should; a loss that gets stuck at 1.46 has a softmax too many.
# ## Part 4 · The loop
# Five lines, in this order:
#
# 1. move the batch to the device,
# 2. predict and compute the loss,
# 3. `optimizer.zero_grad()`: forget the gradients of the last step,
# 4. `loss.backward()`: compute new ones,
# 5. `optimizer.step()`: change the weights.
#
# > **Exam tip.** zero_grad may stand anywhere but between backward and step. Directly after the step is as good as directly before backward.

# %% [markdown] exercise="train_one_epoch"
# One pass over all batches, in train mode. `criterion(outputs, targets)` is any loss that *averages over its batch*, cross-entropy or another. Return the mean loss *per sample* as a plain float. Mind the last batch: it may be smaller, and a mean of means would count its samples too much.


# %% exercise="train_one_epoch"
def train_one_epoch(model, loader, criterion, optimizer, device):
    """One pass over the loader in train mode → mean loss per sample, a float.

    criterion averages over a batch; the last batch may be smaller. Batches are moved to device.
    Raises ZeroDivisionError where the loader is empty.
    """
    ### BEGIN SOLUTION
    model.train()
    total, count = 0.0, 0
    for inputs, targets in loader:
        inputs, targets = inputs.to(device), targets.to(device)
        loss = criterion(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(inputs)
        count += len(inputs)
    return total / count
    ### END SOLUTION


# %% [markdown] exercise="evaluate"
# The share of samples whose largest logit is that of their label, a float from 0 to 1. While the model is called, it is in eval mode and no graph is recorded. Afterwards everything is as you found it: `model.training`, whether gradients are recorded, every `p.grad`. Whoever calls you in the middle of a training step should not notice.


# %% exercise="evaluate"
def evaluate(model, loader, device):
    """Share of the samples whose largest logit is that of their label → float in [0, 1].

    Eval mode and no gradients while the model is called; afterwards all is as it was.
    Raises ZeroDivisionError where the loader is empty.
    """
    ### BEGIN SOLUTION
    training = model.training
    model.eval()
    correct, count = 0, 0
    with torch.no_grad():
        for inputs, labels in loader:
            inputs, labels = inputs.to(device), labels.to(device)
            best = model(inputs).argmax(dim=1)  # (B,)
            correct += (best == labels).sum().item()
            count += len(labels)
    model.train(training)
    return correct / count
    ### END SOLUTION


# %% [markdown] id="predict-modes"
# Why two modes? Dropout sets each number to 0 with probability $p$ in train mode and scales the rest by $1/(1-p)$ (Srivastava et al. 2014); in eval mode it does nothing. The next cell trains your network with your loop.
# > **Predict before you run.** Then it asks the trained network about *one* image, three times, in each mode. In which mode do the answers differ? Can the predicted digit change?

# %% id="train-mlp"
LOOP = ("train_one_epoch", "evaluate")
if check.solved("MLPClassifier", *LOOP):
    torch.manual_seed(0)
    mlp = MLPClassifier(in_features=256).to(device)
    optimizer = torch.optim.Adam(mlp.parameters(), lr=1e-3)
    train = (mlp, train_loader, nn.CrossEntropyLoss(), optimizer, device)
    losses = run_steps(lambda: train_one_epoch(*train), 15, "epochs")
    right = f"{evaluate(mlp, test_loader, device):.1%} of the test digits are right"
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f},", right)
    with torch.no_grad():
        unsure = mlp.eval()(digits.test_images.to(device)).softmax(1).amax(1).argmin().item()
        for mode in (True, False):
            logits = mlp.train(mode)(digits.test_images[unsure].to(device).repeat(3, 1, 1, 1))
            answers = [f"{p.argmax()} ({p.max():.0%})" for p in logits.softmax(1)]
            print("train mode:" if mode else "eval mode: ", ", ".join(answers))

# %% [markdown] id="optimizers"
# Different answers in train mode, one in eval mode. The cell chose the test image of which the network is least sure; in our run a forgotten `eval()` changes even the digit, by chance. Your accuracy would be another one each time you measure.
# ### Which optimizer?
# *SGD* steps against the gradient. *Momentum* remembers a direction. *Adam* (Kingma and Ba 2015) gives each weight a step size of its own, measured by how large its gradients have been. *AdamW* (Loshchilov and Hutter 2019) also pulls all weights towards 0, by the same share in every step; in plain Adam that pull is distorted by the step sizes. Diffusion models are usually trained with Adam or AdamW.

# %% id="figure-optimizers"
OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.05),
    "SGD, momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=1e-3),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.05),
}
if check.solved("MLPClassifier", *LOOP):
    curves = {}
    for name, make in OPTIMIZERS.items():
        torch.manual_seed(0)
        fresh = MLPClassifier(in_features=256).to(device)
        args = (fresh, train_loader, nn.CrossEntropyLoss(), make(fresh.parameters()), device)
        losses = run_steps(lambda args=args: train_one_epoch(*args), 8, name)
        curves[name] = dict(enumerate(losses, 1))
    show(plot_lines({"training loss": curves}, "epoch"))

# %% [markdown] id="optimizers-explained"
# Momentum or Adam help a lot; Adam against AdamW makes no visible difference here, in so short a run. With another learning rate the order may change: a comparison of optimizers is a comparison of *settings*. `lr=1e-3` for Adam and AdamW is a good first guess nearly everywhere.
# ## Part 5 · Convolutions
# Your MLP reads about 97 % of new digits. Good enough? Then a small test.
# > **Predict before you run.** Every test digit is moved by one, two or three pixels. You still read it at a glance. How many will the MLP read?

# %% id="numbers-shifted"
if check.solved("MLPClassifier", *LOOP):
    shares = symptoms.shift_test(mlp, evaluate, digits, device)
    print({f"{pixels} pixels": f"{share:.0%}" for pixels, share in shares.items()})

# %% [markdown] id="why-convolutions"
# For a Linear layer, pixel 40 and pixel 41 are two unrelated inputs. What it learned about one, it does not know about the other. A *convolution* slides one small kernel over the whole image, so that an edge is the same edge everywhere: fewer weights, and shifting the input shifts the output. `Conv2d(3, 32, 3)` has $3 \cdot 32 \cdot 3^2 + 32 = 896$ parameters, for an image of any size.
#
# How many places does a kernel have? Count them in the picture: ten pixels, one zero of padding on both sides, a kernel of three, a stride of two.

# %% id="figure-conv-windows"
tensor_figures.show_conv_windows(size=10, kernel_size=3, stride=2, padding=1)

# %% id="explore-convolution"
tensor_figures.explore_convolution()  # sliders

# %% [markdown] exercise="conv_out_size"
# The number of places, along one axis (from the documentation of `nn.Conv2d`):
# $$\text{out} = \left\lfloor \frac{\text{size} + 2\,\text{padding} - \text{dilation}\,(\text{kernel\_size} - 1) - 1}{\text{stride}} \right\rfloor + 1$$
# *Dilation* leaves gaps between the kernel's pixels. Return an int.


# %% exercise="conv_out_size"
def conv_out_size(size, kernel_size, stride=1, padding=0, dilation=1):
    """Pixels that come out of a convolution along one axis (torch.nn.Conv2d, "Shape") → int."""
    ### BEGIN SOLUTION
    reach = dilation * (kernel_size - 1) + 1
    return (size + 2 * padding - reach) // stride + 1
    ### END SOLUTION


# %% [markdown] id="pooling"
# Three settings to know by heart: kernel 3 with padding 1 **keeps** the size, kernel 4 with stride 2 and padding 1 **halves** it, kernel 1 only mixes channels.
# ### Pooling
# Pooling makes an image smaller without weights. *Max* pooling keeps the largest of each 2×2 patch, *average* pooling their mean, and *adaptive* pooling cuts the image into as many patches as you ask for: `AdaptiveAvgPool2d(1)` gives one number per channel for an image of any size.

# %% id="figure-pooling"
four = digits.test_images[3:4]
pooled = {
    "16×16": four,
    "max, 2": F.max_pool2d(four, 2),
    "average, 2": F.avg_pool2d(four, 2),
    "adaptive, to 5×5": F.adaptive_avg_pool2d(four, 5),
    "adaptive, to 1": F.adaptive_avg_pool2d(four, 1),
}
tensor_figures.show_maps({name: x[0, 0] for name, x in pooled.items()}, (-1, 1))

# %% [markdown] id="receptive"
# A 3×3 kernel sees nine pixels. A stack of them sees more, and pooling in between helps most. The next picture is measured with autograd: white are the input pixels on which the *middle* output depends, that is, whose gradient is not 0. This is the *receptive field*.
# > **Predict before you run.** Three 3×3 convolutions in a row see how many pixels across? And with two poolings in between?

# %% id="figure-receptive-field"
conv = [nn.Conv2d(1, 1, 3, padding=1) for _ in range(3)]
stacks = {
    "1 convolution": conv[:1],
    "2 convolutions": conv[:2],
    "3 convolutions": conv,
    "3, with pooling": [conv[0], nn.AvgPool2d(2), conv[1], nn.AvgPool2d(2), conv[2]],
}
field = tensor_figures.receptive_field
fields = {name: field(nn.Sequential(*s), 1, 33) > 0 for name, s in stacks.items()}
print({name: int(seen.any(0).sum()) for name, seen in fields.items()}, "pixels across")
tensor_figures.show_maps(fields)

# %% [markdown] exercise="trace_shapes"
# When a network does not fit together, look at the shapes. Return the output shape after each layer of an `nn.Sequential`, batch axis included. A layer that is itself a Sequential counts as one.


# %% exercise="trace_shapes"
def trace_shapes(model, x):
    """Output shape after each top-level layer of an nn.Sequential → list of tuples."""
    ### BEGIN SOLUTION
    shapes = []
    with torch.no_grad():
        for layer in model:
            x = layer(x)
            shapes.append(tuple(x.shape))
    return shapes
    ### END SOLUTION


# %% [markdown] id="shape-questions"
# ### Shape questions, as many as you like
# Coding exams love them. Write your answer in place of `None`; change `seed` for the next question. Do it on paper first, then with `conv_out_size`. The right answer is computed by running the network.
# > **Exam tip.** Write one line per layer: batch, channels, size. The batch never changes. Channels change in convolutions only. The size changes by the formula, and each time you round *down*. `Flatten` multiplies all but the batch.

# %% id="shape-question"
question = shape_questions.conv_chain(seed=1)
print(question)
print(question.answer(None))  # for example (8, 16, 7, 7); question.explain() shows the way

# %% [markdown] exercise="ThreeLayerCNN"
# A classic. Three times conv 3×3 → BatchNorm → ReLU → MaxPool2d(2), with 32, 64 and 128 channels; then the mean over all positions (*global average pooling*), then one Linear. Colour images (B, 3, 64, 64) go in, logits (B, num_classes) come out. As in the whole course, convolutions have padding 1 and a bias.


# %% exercise="ThreeLayerCNN"
class ThreeLayerCNN(nn.Module):
    """Three blocks (conv, BatchNorm, ReLU, MaxPool2d), mean over all positions, one Linear.

    (B, 3, 64, 64) → logits (B, num_classes); 32, 64 and 128 channels.
    """

    def __init__(self, num_classes=5):
        ### BEGIN SOLUTION
        super().__init__()
        layers, channels = [], 3
        for width in (32, 64, 128):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width)]
            layers += [nn.ReLU(), nn.MaxPool2d(2)]
            channels = width
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels, num_classes)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        x = self.features(x)  # (B, 128, 8, 8)
        return self.head(x.mean(dim=(2, 3)))
        ### END SOLUTION


# %% [markdown] id="predict-parameters"
# > **Predict before you run.** Your MLP for grey 16×16 digits has 265,482 parameters. This network takes colour images with forty-eight times as many numbers. Does it have more parameters or fewer?

# %% id="numbers-parameters"
if check.solved("MLPClassifier", "ThreeLayerCNN"):
    for name, model in {"MLP": MLPClassifier(256), "CNN": ThreeLayerCNN(10)}.items():
        print(f"{name}: {sum(p.numel() for p in model.parameters()):,} parameters")

# %% [markdown] id="part-norms"
# ## Part 6 · Which norm?
# Deep networks train better when the numbers inside have mean 0 and variance 1. The question is: mean and variance *of what*?
# - **BatchNorm** (Ioffe and Szegedy 2015): per channel, over **all images of the batch**. In eval mode it uses running averages from training instead.
# - **GroupNorm** (Wu and He 2018): per image, over a **group of channels**. Batch or no batch, train or eval: always the same.
#
# ThreeLayerCNN has BatchNorm and is fine with it. A diffusion model is trained on batches in which every image has *another noise level*: one is nearly clean, its neighbour nearly pure noise. The next cell measures two things, on the digits and for batches of 1 to 64 images. Left: how far one image's output moves when only the *other* images change. Right: small denoisers, trained on mixed noise levels, each one on 2048 images; their error on new images. It takes about 15 seconds.
# > **Predict before you run.** For which batch sizes is BatchNorm worse, and how much? What is special about a batch of one?

# %% id="figure-norms"
sizes = [1, 2, 4, 16, 64]
moves = norm_experiments.effect_of_company(digits.train_images, sizes)
losses = norm_experiments.compare_norms(digits, sizes, seen=2048)
plot_lines({"moved by neighbours": moves, "error of the denoiser": losses}, "batch size", log=True)

# %% [markdown] id="norms-explained"
# Left: with BatchNorm your image's output depends on who else is in the batch, by a tenth for small batches, by a few per cent for large ones. With GroupNorm it does not depend on them at all.
#
# Right: compare BatchNorm as it is used, in eval mode, with GroupNorm: GroupNorm is ahead at every batch size. With a batch of **one**, BatchNorm has learned just as well, *in train mode*; in eval mode the running averages belong to no noise level in particular, and the error more than doubles. With larger batches the two modes nearly agree, but the norm still treats a clean image and a noisy one by the same numbers. (That the error rises again at 64 has nothing to do with norms: 2048 images are only 32 steps then.)
#
# This is not a verdict on BatchNorm. Trained to *classify* clean digits, it was ahead of GroupNorm in all nine of our trials (batches of 4, 16 and 64, three seeds each). It is a verdict on mixing noise levels. So from here on: GroupNorm.

# %% [markdown] exercise="DiffusionBlock"
# The unit that all later networks repeat: conv 3×3 → GroupNorm → SiLU, with $\text{SiLU}(x) = x \cdot \sigma(x)$. `num_groups` must divide `out_channels`; `nn.GroupNorm` raises a `ValueError` if it does not.


# %% exercise="DiffusionBlock"
class DiffusionBlock(nn.Module):
    """Conv 3×3 → GroupNorm → SiLU: (B, in_channels, H, W) → (B, out_channels, H, W).

    Raises ValueError where num_groups does not divide out_channels, as nn.GroupNorm does.
    """

    def __init__(self, in_channels, out_channels, num_groups=32):
        ### BEGIN SOLUTION
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm = nn.GroupNorm(num_groups, out_channels)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        return F.silu(self.norm(self.conv(x)))
        ### END SOLUTION


# %% [markdown] exercise="finetune_head"
# Lessons 05 and 07 use networks that are already trained. Such a *backbone* stays frozen; only a small *head* on its features learns. Do one update of the head. Three things may move a frozen network by accident: its gradients (if the optimizer holds its weights as well, which here it may), *weight decay* and *momentum* (they act on every weight whose `.grad` is not `None`, even where the gradient is 0), and BatchNorm's running averages (they move in train mode, gradients or not).


# %% exercise="finetune_head"
def finetune_head(backbone, head, images, labels, criterion, optimizer, device):
    """One update of the head alone → the loss before it, a float.

    The backbone's weights and running statistics stay, whatever the optimizer holds.
    """
    ### BEGIN SOLUTION
    images, labels = images.to(device), labels.to(device)
    backbone.eval()
    with torch.no_grad():
        features = backbone(images)
    loss = criterion(head(features), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
    ### END SOLUTION


# %% [markdown] id="part-capstone"
# ## Capstone: a network that reads digits
# Your blocks, your loop, your evaluation. The network is three `DiffusionBlock`s with pooling in between. It must read **at least 97 %** of digits it has never seen. (With a GPU and MNIST's files in `data/` the same cells train a wider network on 32×32 images.) If `DiffusionBlock` is missing, a classic block with BatchNorm steps in.

# %% id="capstone-model"
large = device == "cuda" and has_digits("mnist")
real = load_digits("mnist" if large else "digits")
own_block = check.solved("DiffusionBlock")


def block(a, b):
    if own_block:
        return DiffusionBlock(a, b, num_groups=8)
    return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU())


def digit_cnn(c):
    """(B, 1, H, W) -> logits (B, 10); its last layer is the head."""
    first, second = [block(1, c), nn.MaxPool2d(2)], [block(c, 2 * c), nn.MaxPool2d(2)]
    third = [block(2 * c, 4 * c), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*first, *second, *third, nn.Linear(4 * c, 10))


torch.manual_seed(0)
cnn = digit_cnn(64 if large else 32).to(device)

# %% id="capstone-shapes"
if check.solved("trace_shapes"):
    shapes = trace_shapes(cnn, real.test_images[:8].to(device))
    names = ["image", "block", "pool", "block", "pool", "block", "pool", "flatten", "linear"]
    show(tensor_figures.show_shapes(names, [real.test_images[:8].shape, *shapes]))

# %% id="capstone-train"
epochs, batch_size = (3, 256) if large else (12, 64)
train_loader = DataLoader(TensorDataset(*real[:2]), batch_size=batch_size, shuffle=True)
test_loader = DataLoader(TensorDataset(*real[2:4]), batch_size=150)
if check.solved(*LOOP):
    optimizer = torch.optim.AdamW(cnn.parameters(), lr=3e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    accuracies, start = [], time.perf_counter()

    def one_epoch():
        loss = train_one_epoch(cnn, train_loader, nn.CrossEntropyLoss(), optimizer, device)
        decay.step()
        accuracies.append(evaluate(cnn, test_loader, device))
        return loss

    losses = run_steps(one_epoch, epochs, "epochs")
    print(f"{epochs} epochs in {time.perf_counter() - start:.0f} s, {accuracies[-1]:.2%} right")
    loss, share = dict(enumerate(losses, 1)), dict(enumerate(accuracies, 1))
    show(plot_lines({"training loss": {"loss": loss}, "accuracy": {"test digits": share}}, "epoch"))

# %% [markdown] id="predict-shift-again"
# ### Look at the mistakes, then move the digits again
# A number says how good it is; the mistakes say *what* it is. The next cell shows the ten test digits of which your network is least sure: "8→1" is an eight that it reads as a one.
# > **Predict before you run.** And the shift test from above: the CNN sees shifted edges as shifted edges. Is it therefore *immune* to shifts?

# %% id="capstone-mistakes"
if check.solved(*LOOP) and not large:
    with torch.no_grad():
        chance = cnn.eval()(real.test_images.to(device)).softmax(1).cpu()  # (N, 10)
    worst = chance.gather(1, real.test_labels[:, None])[:, 0].argsort()[:10]
    read = chance[worst].argmax(1)
    titles = [f"{y}→{r}" for y, r in zip(real.test_labels[worst], read, strict=True)]
    alt = f"The ten test digits of which the network is least sure: {', '.join(titles)}."
    show(plotting.show_images(real.test_images[worst], 10, titles, alt))
    lines = {"CNN": symptoms.shift_test(cnn, evaluate, digits, device)}
    if check.solved("MLPClassifier"):
        lines["MLP"] = symptoms.shift_test(mlp, evaluate, digits, device)
    show(plot_lines({"share read correctly": lines}, "pixels moved to the right"))

# %% [markdown] id="finetune-story"
# Not immune, but far better, with a third of the weights. Padding at the border, pooling by two and a training set in which every digit stands in the middle leave their traces.
# ### A new task for a frozen network
# Take your trained CNN without its last layer as a backbone, and teach a new head another question: is the digit even? The head has 258 weights.

# %% id="capstone-finetune"
if check.solved(*LOOP, "finetune_head"):
    backbone, head = cnn[:-1], nn.Linear(cnn[-1].in_features, 2).to(device)
    before = evaluate(cnn, test_loader, device)
    everything = [*backbone.parameters(), *head.parameters()]  # your function protects the backbone
    optimizer, batches = torch.optim.AdamW(everything, lr=1e-2), iter(train_loader)

    def one_update():
        images, labels = next(batches)
        args = (images, labels % 2, nn.CrossEntropyLoss(), optimizer, device)
        return finetune_head(backbone, head, *args)

    run_steps(one_update, len(train_loader), "updates of the head")
    parity = DataLoader(TensorDataset(real.test_images, real.test_labels % 2), batch_size=150)
    print(f"even or odd: {evaluate(nn.Sequential(backbone, head), parity, device):.1%} right")
    print(f"digits: {before:.2%} right before, {evaluate(cnn, test_loader, device):.2%} after")

# %% id="capstone-gate"
if check.solved(*LOOP):
    accuracy = evaluate(cnn, test_loader, device)
    print(f"{accuracy:.2%} of {len(real.test_labels)} unseen digits are right; wanted: 97 %")
    assert accuracy >= 0.97, "not yet: does the loss fall? Is the network in train mode?"
    print("gate: passed")

# %% [markdown] id="bug-hunts"
# ## Bug hunts
# Reading broken code is half of a coding exam. Below are three functions you know, each with **one** mistake. Run the cell after each to see the symptom, mend the function, and run it again.

# %% [markdown] hunt="hunt_growing_steps"
# **Symptom.** The loss jumps up and down and does not get small. The norm of the gradient, printed below, is many times what it is in a loop that works, where it stays below 10 in these five epochs.

# %% hunt="hunt_growing_steps"

# %% id="symptom-growing-steps"
symptoms.print_epochs(hunt_growing_steps, digits)

# %% [markdown] hunt="hunt_stuck_loss"
# **Symptom.** The network learns, but slowly, and its loss stays above a number that you have seen in this lesson. More epochs do not help.

# %% hunt="hunt_stuck_loss"

# %% id="symptom-stuck-loss"
loss = symptoms.final_loss(hunt_stuck_loss, digits)
print(f"loss on all training digits, after 300 steps on them: {loss:.4f}")

# %% [markdown] hunt="hunt_two_devices"
# **Symptom.** On your laptop it works. On the machine with the GPU it stops with an error. You need no GPU to see it: the cell below runs the function on a *pretend* GPU, tensors without numbers that know only their shape and device.

# %% hunt="hunt_two_devices"

# %% id="symptom-two-devices"
print(symptoms.on_pretend_gpu(hunt_two_devices))

# %% [markdown] quiz="quiz"
# Write the letter of the right answer into `quiz_answers`, or all the right letters where several are right.

# %% quiz="quiz"

# %% [markdown] id="cheat-sheet"
# ## Cheat sheet
# | what | in code |
# |---|---|
# | turn axes / split and merge axes | `x.permute(0, 2, 3, 1)` / `x.reshape(B, -1)`, `x.flatten(1)` |
# | one number per sample, ready for images | `values.reshape(-1, 1, 1, 1)` |
# | gradients off | `with torch.no_grad():` |
# | cut the graph here | `x.detach()` |
# | one update | `optimizer.zero_grad(); loss.backward(); optimizer.step()` |
# | train and eval mode | `model.train()`, `model.eval()`: dropout and BatchNorm, not gradients |
# | classes / numbers | `F.cross_entropy(logits, labels)` / `F.mse_loss(prediction, target)` |
# | size after a convolution | $\lfloor (n + 2p - d(k-1) - 1)/s \rfloor + 1$ |
# | parameters of `Linear(a, b)` / `Conv2d(a, b, k)` | $ab + b$ / $abk^2 + b$ |
# | the block of this course | conv 3×3 → `GroupNorm` → `SiLU` |
#
# **Numbers to know.** ln 10 = 2.30: ten classes, guessing. 1.46: a softmax too many. Kernel 3, padding 1: same size. Kernel 4, stride 2, padding 1: half. `lr=1e-3` for AdamW.
#
# **When it does not learn,** in this order: print shapes; look at a batch as pictures; train on *one* batch until the loss is near 0; print the norm of the gradient; only then touch the learning rate.
#
# **Papers.** Srivastava et al. 2014, *Dropout*. Ioffe and Szegedy 2015, *Batch Normalization*. Kingma and Ba 2015, *Adam*. Wu and He 2018, *Group Normalization*. Loshchilov and Hutter 2019, *Decoupled Weight Decay Regularization*. Elfwing, Uchibe and Doya 2018, *Sigmoid-weighted linear units* (SiLU).
