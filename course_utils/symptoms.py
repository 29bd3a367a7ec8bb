"""Shows from outside what a broken function of lesson 01 does: on digits, and on a pretend GPU."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils.engine.fake_cuda import is_device_error, pretend_gpu
from course_utils.training import run_steps


def print_epochs(epoch_function, digits, epochs=5, seed=0):
    """Train a small network with a function like `train_one_epoch`; a line for each epoch."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    data = TensorDataset(digits.train_images, digits.train_labels)
    loader = DataLoader(data, batch_size=64, shuffle=True)
    for epoch in range(1, epochs + 1):
        loss = epoch_function(net, loader, nn.CrossEntropyLoss(), optimizer, "cpu")
        norm = torch.cat([p.grad.flatten() for p in net.parameters()]).norm()
        print(f"epoch {epoch}: loss {loss:6.3f}, norm of the last gradient {norm:6.2f}")


def final_loss(network_class, digits, steps=300, seed=0):
    """Cross-entropy on all training digits, after so many steps on all of them."""
    torch.manual_seed(seed)
    net = network_class(in_features=256, hidden=(64,), p_drop=0.0)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)

    def step():
        loss = F.cross_entropy(net(digits.train_images), digits.train_labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return run_steps(step, steps)[-1]


def on_pretend_gpu(evaluate):
    """Call evaluate(model, loader, "cuda") with the model on a pretend GPU and the data on the CPU.

    Returns PyTorch's own error message where devices were mixed, else a sentence.
    """
    fine = "No devices were mixed."
    with pretend_gpu():
        model = nn.Linear(4, 3).to("cuda")
        loader = [(torch.randn(5, 4), torch.zeros(5, dtype=torch.int64))]
        try:
            evaluate(model, loader, "cuda")
        except Exception as error:
            return str(error).split("\n")[0] if is_device_error(error) else fine
    return fine


def shift_test(model, evaluate, digits, device, most=3):
    """Pixels that the test digits are moved to the right -> share that is read correctly."""
    shares = {}
    for pixels in range(most + 1):
        images = F.pad(digits.test_images, (pixels, 0, 0, 0), value=-1.0)  # black comes in
        moved = TensorDataset(images[..., : digits.test_images.shape[-1]], digits.test_labels)
        shares[pixels] = evaluate(model, DataLoader(moved, batch_size=150), device)
    return shares
