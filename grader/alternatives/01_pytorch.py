# Other correct solutions of lesson 01: each must pass, whatever its style.

# %% exercise="polynomial_grad" style="torch.autograd.grad"
def polynomial_grad(x):
    with torch.enable_grad():
        z = x.clone().detach().requires_grad_(True)
        value = torch.sum(z.pow(2) + 3 * z)
        (gradient,) = torch.autograd.grad(value, z)
    return gradient


# %% exercise="polynomial_grad" style="torch.func"
from torch.func import grad


def polynomial_grad(x):
    return grad(lambda z: (z * (z + 3)).sum())(x)


# %% exercise="polynomial_grad" style="backward with ones, no sum"
def polynomial_grad(x):
    leaf = torch.tensor(x.tolist(), dtype=x.dtype, requires_grad=True)
    y = torch.square(leaf) + 3 * leaf
    y.backward(torch.ones_like(y))
    return leaf.grad.clone()


# %% exercise="polynomial_grad" style="entry by entry"
def polynomial_grad(x):
    z = torch.nn.Parameter(x.clone())
    total = 0
    for entry in z.flatten():
        total = total + entry * entry + 3 * entry
    total.backward()
    return z.grad


# %% exercise="polynomial_grad" style="functional jacobian, dot product"
def polynomial_grad(x):
    def f(z):
        flat = z.reshape(-1)
        return flat @ flat + 3 * flat.sum()

    return torch.autograd.functional.jacobian(f, x)


# %% exercise="MLPClassifier" style="ModuleList and functional dropout"
class MLPClassifier(nn.Module):
    def __init__(self, in_features=64, hidden=(512, 256), num_classes=10, p_drop=0.2):
        super().__init__()
        widths = [in_features, *hidden]
        self.fcs = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths[:-1], widths[1:]))
        self.out = nn.Linear(widths[-1], num_classes)
        self.p = p_drop

    def forward(self, x):
        h = x.view(x.size(0), -1)
        for fc in self.fcs:
            h = F.dropout(F.relu(fc(h)), self.p, training=self.training)
        return self.out(h)


# %% exercise="MLPClassifier" style="one Sequential with Flatten, registered last to first"
class MLPClassifier(nn.Module):
    def __init__(self, in_features=64, hidden=(512, 256), num_classes=10, p_drop=0.2):
        super().__init__()
        sizes = list(hidden) + [num_classes]
        inputs = [in_features] + list(hidden)
        self.head = nn.Linear(inputs.pop(), sizes.pop())
        self.body = nn.Sequential(nn.Flatten())
        for i, (a, b) in enumerate(zip(inputs, sizes)):
            self.body.add_module(f"block{i}", self._block(a, b, p_drop))

    @staticmethod
    def _block(a, b, p):
        return nn.Sequential(nn.Linear(a, b), nn.ReLU(inplace=True), nn.Dropout(p, inplace=True))

    def forward(self, x):
        return self.head(self.body(x))


# %% exercise="MLPClassifier" style="einops, dropout before ReLU, mask by hand"
from einops import rearrange


class MLPClassifier(nn.Module):
    def __init__(self, in_features=64, hidden=(512, 256), num_classes=10, p_drop=0.2):
        super(MLPClassifier, self).__init__()
        self.p_drop = p_drop
        last = in_features
        for n, width in enumerate(hidden):
            setattr(self, f"lin{n}", nn.Linear(last, width))
            last = width
        self.n = len(hidden)
        self.classify = nn.Linear(last, num_classes)

    def drop(self, h):
        if not self.training:
            return h
        keep = (torch.rand_like(h) > self.p_drop).to(h.dtype)
        return h * keep / (1 - self.p_drop)

    def forward(self, x):
        x = rearrange(x, "b ... -> b (...)")
        for n in range(self.n):
            x = torch.clamp(self.drop(getattr(self, f"lin{n}")(x)), min=0)
        return self.classify(x)


# %% exercise="MLPClassifier" style="a subclass of Sequential"
class MLPClassifier(nn.Sequential):
    def __init__(self, in_features=64, hidden=(512, 256), num_classes=10, p_drop=0.2):
        layers = [nn.Flatten(start_dim=1)]
        for width in hidden:
            layers.append(nn.Linear(in_features, width))
            layers.append(nn.ReLU())
            layers.append(nn.Dropout(p=p_drop))
            in_features = width
        layers.append(nn.Linear(in_features, num_classes))
        super().__init__(*layers)


# %% exercise="train_one_epoch" style="zero_grad after the step, reduction over the data set"
def train_one_epoch(model, loader, criterion, optimizer, device):
    model.train()
    running_loss = 0.0
    for X, y in loader:
        X, y = X.to(device), y.to(device)
        pred = model(X)
        loss = criterion(pred, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        running_loss += loss.item() * X.size(0)
    return running_loss / len(loader.dataset)


# %% exercise="train_one_epoch" style="lists of losses, model moved, tqdm, non_blocking"
from tqdm.auto import tqdm


def train_one_epoch(model, loader, criterion, optimizer, device):
    device = torch.device(device)
    model.to(device)
    model.train(True)
    losses, sizes = [], []
    for batch in tqdm(loader, leave=False):
        x, y = (part.to(device, non_blocking=True) for part in batch)
        for p in model.parameters():
            p.grad = None
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach().cpu())
        sizes.append(len(y))
    weights = torch.tensor(sizes, dtype=torch.float64)
    return (torch.stack(losses).double() * weights).sum().item() / sum(sizes)


# %% exercise="train_one_epoch" style="closure, running mean, enable_grad"
def train_one_epoch(model, loader, criterion, optimizer, device):
    model = model.train()
    mean, seen = 0.0, 0
    with torch.enable_grad():
        for i, (images, labels) in enumerate(loader):
            images = images.to(device)
            labels = labels.to(device)

            def closure():
                optimizer.zero_grad(set_to_none=False)
                loss = criterion(model(images), labels)
                loss.backward()
                return loss

            loss = float(optimizer.step(closure).detach())
            seen += images.shape[0]
            mean += (loss - mean) * images.shape[0] / seen
    return mean


# %% exercise="train_one_epoch" style="model.zero_grad, sum kept as a tensor"
def train_one_epoch(model, loader, criterion, optimizer, device):
    model.train()
    total = torch.zeros((), device=device)
    n = 0
    for data, target in loader:
        data, target = data.to(device=device), target.to(device=device)
        model.zero_grad()
        output = model(data)
        loss = criterion(output, target)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            total += loss.detach() * data.shape[0]
        n += data.shape[0]
    return total.item() / n if n else float("nan")


# %% exercise="evaluate" style="decorator, softmax, running tensor"
@torch.no_grad()
def evaluate(model, loader, device):
    was_training = model.training
    model.eval()
    hits = torch.tensor(0, device=device)
    total = 0
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        probabilities = F.softmax(model(x), dim=-1)
        hits += probabilities.max(dim=-1).indices.eq(y).sum()
        total += y.numel()
    if was_training:
        model.train()
    return float(hits) / total


# %% exercise="evaluate" style="inference_mode, try and finally"
def evaluate(model, loader, device):
    mode = model.training
    try:
        model.eval()
        with torch.inference_mode():
            right = [
                (model(x.to(device)).argmax(-1) == y.to(device)).float().sum().item()
                for x, y in loader
            ]
    finally:
        model.train(mode)
    return sum(right) / len(loader.dataset)


# %% exercise="evaluate" style="predictions gathered on the CPU"
def evaluate(model, loader, device):
    before, grad_before = model.training, torch.is_grad_enabled()
    model.train(False)
    torch.set_grad_enabled(False)
    predictions, answers = [], []
    for batch in loader:
        images, labels = batch
        predictions.append(model(images.to(device)).topk(1, dim=1)[1].squeeze(1).cpu())
        answers.append(labels.cpu())
    torch.set_grad_enabled(grad_before)
    model.train(before)
    if not answers:
        return 0.0
    return torch.cat(predictions).eq(torch.cat(answers)).double().mean().item()


# %% exercise="evaluate" style="a Python loop over samples"
def evaluate(model, loader, device):
    was = model.training
    model.eval()
    n_right = n = 0
    for x, y in loader:
        with torch.no_grad():
            logits = model(x.to(device))
        for row, label in zip(logits, y):
            n_right += int(row.argmax().item() == label.item())
            n += 1
    model.train(was)
    return n_right / max(n, 1)


# %% exercise="conv_out_size" style="math.floor"
import math


def conv_out_size(size, kernel_size, stride=1, padding=0, dilation=1):
    return math.floor((size + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1)


# %% exercise="conv_out_size" style="run the layer"
def conv_out_size(size, kernel_size, stride=1, padding=0, dilation=1):
    layer = nn.Conv1d(1, 1, kernel_size, stride, padding, dilation, device="meta")
    return layer(torch.empty(1, 1, size, device="meta")).shape[-1]


# %% exercise="conv_out_size" style="count the places"
def conv_out_size(size, kernel_size, stride=1, padding=0, dilation=1):
    effective = kernel_size + (kernel_size - 1) * (dilation - 1)
    last = size + padding - effective
    return len(range(-padding, last + 1, stride))


# %% exercise="conv_out_size" style="divmod"
def conv_out_size(size, kernel_size, stride=1, padding=0, dilation=1):
    steps, _ = divmod(size + 2 * padding - dilation * (kernel_size - 1) - 1, stride)
    return int(steps + 1)


# %% exercise="trace_shapes" style="torch.Size, children"
def trace_shapes(model, x):
    out = []
    for module in model.children():
        x = module(x)
        out.append(x.size())
    return out


# %% exercise="trace_shapes" style="forward hooks"
def trace_shapes(model, x):
    shapes = []
    hooks = [
        layer.register_forward_hook(lambda m, inputs, output: shapes.append(tuple(output.shape)))
        for layer in model
    ]
    try:
        with torch.inference_mode():
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
    return shapes


# %% exercise="trace_shapes" style="longer and longer slices"
def trace_shapes(model, x):
    return [tuple(model[: i + 1](x).shape) for i in range(len(model))]


# %% exercise="trace_shapes" style="accumulate"
from itertools import accumulate


def trace_shapes(model, x):
    with torch.no_grad():
        outputs = accumulate(model, lambda h, layer: layer(h), initial=x)
        return [tuple(h.shape) for h in outputs][1:]


# %% exercise="ThreeLayerCNN" style="every layer by name"
class ThreeLayerCNN(nn.Module):
    def __init__(self, num_classes=5):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, kernel_size=3, padding=1)
        self.bn1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3, padding=1)
        self.bn2 = nn.BatchNorm2d(64)
        self.conv3 = nn.Conv2d(64, 128, kernel_size=3, padding=1)
        self.bn3 = nn.BatchNorm2d(128)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(128, num_classes)

    def forward(self, x):
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.pool(F.relu(self.bn2(self.conv2(x))))
        x = self.pool(F.relu(self.bn3(self.conv3(x))))
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return self.fc(x)


# %% exercise="ThreeLayerCNN" style="block function, AdaptiveAvgPool2d, padding='same'"
class ThreeLayerCNN(nn.Module):
    def __init__(self, num_classes=5):
        super().__init__()

        def block(a, b):
            return nn.Sequential(
                nn.Conv2d(a, b, (3, 3), padding="same"),
                nn.BatchNorm2d(b),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(kernel_size=2, stride=2),
            )

        self.net = nn.Sequential(
            block(3, 32),
            block(32, 64),
            block(64, 128),
            nn.AdaptiveAvgPool2d((1, 1)),
            nn.Flatten(),
            nn.Linear(128, num_classes),
        )

    def forward(self, x):
        return self.net(x)


# %% exercise="ThreeLayerCNN" style="pooling before ReLU, AvgPool2d(8), head registered first"
class ThreeLayerCNN(nn.Module):
    def __init__(self, num_classes=5):
        super().__init__()
        channels = (3, 32, 64, 128)
        self.classifier = nn.Linear(channels[-1], num_classes)
        self.norms = nn.ModuleList(nn.BatchNorm2d(c) for c in channels[1:])
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=1, padding=1) for a, b in zip(channels, channels[1:])
        )
        self.global_pool = nn.AvgPool2d(8)

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms):
            x = F.max_pool2d(norm(conv(x)), 2).relu()
        return self.classifier(torch.flatten(self.global_pool(x), 1))


# %% exercise="ThreeLayerCNN" style="einops"
from einops import reduce


class ThreeLayerCNN(nn.Module):
    def __init__(self, num_classes=5):
        super().__init__()
        self.stages = nn.ModuleList()
        for a, b in ((3, 32), (32, 64), (64, 128)):
            self.stages.append(
                nn.Sequential(nn.Conv2d(a, b, 3, 1, 1), nn.BatchNorm2d(b), nn.ReLU())
            )
        self.to_logits = nn.Linear(128, num_classes)

    def forward(self, x):
        for stage in self.stages:
            x = reduce(stage(x), "b c (h p) (w q) -> b c h w", "max", p=2, q=2)
        return self.to_logits(reduce(x, "b c h w -> b c", "mean"))


# %% exercise="DiffusionBlock" style="Sequential"
class DiffusionBlock(nn.Module):
    def __init__(self, in_channels, out_channels, num_groups=32):
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1),
            nn.GroupNorm(num_groups, out_channels),
            nn.SiLU(),
        )

    def forward(self, x):
        return self.block(x)


# %% exercise="DiffusionBlock" style="norm registered first, SiLU written out"
class DiffusionBlock(nn.Module):
    def __init__(self, in_channels, out_channels, num_groups=32):
        super().__init__()
        self.gn = nn.GroupNorm(num_channels=out_channels, num_groups=num_groups)
        self.proj = nn.Conv2d(in_channels, out_channels, (3, 3), (1, 1), (1, 1))

    def forward(self, x):
        h = self.gn(self.proj(x))
        return h * torch.sigmoid(h)


# %% exercise="DiffusionBlock" style="a subclass of Sequential, inplace SiLU"
class DiffusionBlock(nn.Sequential):
    def __init__(self, in_channels, out_channels, num_groups=32):
        conv = nn.Conv2d(in_channels, out_channels, 3, padding="same")
        super().__init__(conv, nn.GroupNorm(num_groups, out_channels), nn.SiLU(inplace=True))


# %% exercise="DiffusionBlock" style="the norm by hand"
class DiffusionBlock(nn.Module):
    def __init__(self, in_channels, out_channels, num_groups=32):
        super().__init__()
        if out_channels % num_groups != 0:
            raise ValueError("num_groups must divide out_channels")
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.scale = nn.Parameter(torch.ones(out_channels))
        self.shift = nn.Parameter(torch.zeros(out_channels))
        self.groups = num_groups

    def forward(self, x):
        h = self.conv(x)
        grouped = h.reshape(h.shape[0], self.groups, -1)
        mean = grouped.mean(-1, keepdim=True)
        var = grouped.var(-1, unbiased=False, keepdim=True)
        h = ((grouped - mean) / torch.sqrt(var + 1e-5)).reshape(h.shape)
        return F.silu(h * self.scale[:, None, None] + self.shift[:, None, None])


# %% exercise="finetune_head" style="requires_grad off, then on again"
def finetune_head(backbone, head, images, labels, criterion, optimizer, device):
    backbone.requires_grad_(False)
    backbone.eval()
    head.train()
    optimizer.zero_grad()
    outputs = head(backbone(images.to(device)))
    loss = criterion(outputs, labels.to(device))
    loss.backward()
    optimizer.step()
    backbone.requires_grad_(True)
    return float(loss.detach())


# %% exercise="finetune_head" style="detach, mode restored"
def finetune_head(backbone, head, images, labels, criterion, optimizer, device):
    backbone.to(device)
    head.to(device)
    was_training = backbone.training
    backbone.train(False)
    features = backbone(images.to(device)).detach()
    backbone.train(was_training)
    optimizer.zero_grad(set_to_none=True)
    loss = criterion(head(features), labels.to(device))
    loss.backward()
    optimizer.step()
    return loss.detach().item()


# %% exercise="finetune_head" style="gradients for the head alone"
def finetune_head(backbone, head, images, labels, criterion, optimizer, device):
    x, y = images.to(device), labels.to(device)
    backbone.eval()
    loss = criterion(head(backbone(x)), y)
    weights = [p for p in head.parameters() if p.requires_grad]
    for p, g in zip(weights, torch.autograd.grad(loss, weights)):
        p.grad = g
    optimizer.step()
    return loss.item()


# %% exercise="finetune_head" style="gradients of the backbone thrown away, head.zero_grad"
def finetune_head(backbone, head, images, labels, criterion, optimizer, device):
    for module in backbone.modules():
        module.eval()
    head.zero_grad()
    loss = criterion(head(backbone(images.to(device))), labels.to(device))
    loss.backward()
    for p in backbone.parameters():
        p.grad = None
    optimizer.step()
    return loss.item()
