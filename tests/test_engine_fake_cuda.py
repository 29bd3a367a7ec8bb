"""Device mistakes are found on machines without a GPU."""

import copy

import pytest
import torch
from handin import EXERCISES

from course_utils.engine.case import FAKE_CUDA, Case
from course_utils.engine.fake_cuda import RUNS, device_outcome, is_device_error
from course_utils.engine.runner import run_case
from course_utils.exercises.modules import prepared

G = torch.Generator()


def probe(target, case):
    return {"y": target(case.randn(4, 3), case.timesteps(10, 4))}


def stays(target):
    return device_outcome(probe, target, Case(FAKE_CUDA, seed=1))["outputs"][RUNS]


MISTAKES = {
    "an arange that stays on the CPU": lambda x, t: x * torch.arange(3),
    "a table on the CPU": lambda x, t: x * torch.linspace(0, 1, 10)[t].to(x)[:, None],
    "a generator of the CPU": lambda x, t: torch.randn(4, 3, generator=G, device=x.device),
    "a table on the CPU, indexed on the CPU": lambda x, t: (
        x * torch.linspace(0, 1, 10)[t.cpu()][:, None]
    ),
    "noise drawn on the CPU": lambda x, t: x + torch.randn(x.shape),
    "a result that is moved away": lambda x, t: x.cpu(),
    "a result that is made on the CPU": lambda x, t: torch.zeros(4, 3),
    "numpy": lambda x, t: torch.from_numpy(x.numpy()).to(x),
    "torch.cat of both devices": lambda x, t: torch.cat([x, torch.ones(1, 3)]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_device_mistake_is_caught(name):
    assert stays(MISTAKES[name]) is False


HONEST = {
    "an arange on the right device": lambda x, t: x * torch.arange(3, device=x.device),
    "noise like the input": lambda x, t: x + torch.randn_like(x),
    "numbers and zero-dimensional tensors": lambda x, t: x * torch.tensor(0.5) + 1,
    "a table that is moved": lambda x, t: x * torch.linspace(0, 1, 10).to(x)[t][:, None],
    "a table on the GPU, indexed on the CPU": lambda x, t: x * x.flatten()[t.cpu()][:, None],
    "a device that was asked for": lambda x, t: x + torch.ones(3).to(device=t.device),
    "a copy from the CPU": lambda x, t: torch.empty_like(x).copy_(torch.zeros(4, 3)),
    "new tensors like the input": lambda x, t: torch.zeros_like(x) + x.new_ones(4, 3),
}


@pytest.mark.parametrize("name", HONEST)
def test_code_that_keeps_to_the_device_passes(name):
    assert stays(HONEST[name]) is True


VALUES = {
    "item": lambda x, t: x * x.sum().item(),
    "float": lambda x, t: x * float(x.sum()),
    "a branch on a value": lambda x, t: x if x.sum() > 0 else -x,
    "tolist": lambda x, t: x * t.tolist()[0],
    "a loop over values": lambda x, t: torch.stack([row * int(t[0]) for row in x]),
}


@pytest.mark.parametrize("name", VALUES)
def test_code_that_reads_values_is_judged_too(name):
    assert stays(VALUES[name]) is True
    assert stays(lambda x, t: VALUES[name](x, t) + torch.arange(3)) is False


OTHER_ERRORS = {
    "an error of another kind": lambda x, t: 1 / 0,
    "a function that is not written": lambda x, t: undefined_name,  # noqa: F821
}


@pytest.mark.parametrize("name", OTHER_ERRORS)
def test_an_error_of_another_kind_says_nothing_about_devices(name):
    assert stays(OTHER_ERRORS[name]) is True


def test_gradients_copies_and_optimizers_work_as_on_a_gpu():
    def train(model, x, device):
        average = copy.deepcopy(model)
        optimizer = torch.optim.AdamW(model.parameters())
        model(x).square().mean().backward()
        assert all(p.grad.is_cuda for p in model.parameters())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.load_state_dict(model.state_dict())
        return average(x)

    assert with_model(Learners, train) is True
    assert with_model(Learners, lambda m, x, d: train(m, x, d) + torch.zeros(4, 3)) is False


def test_both_wordings_of_pytorch_are_recognised_and_others_are_not():
    one = "Expected all tensors to be on the same device, but found cuda:0 and cpu!"
    other = "Unhandled FakeTensor Device Propagation for aten.mul: found devices cuda:0, cpu"
    assert is_device_error(RuntimeError(one)) and is_device_error(RuntimeError(other))
    assert not is_device_error(RuntimeError("shapes (2,) and (3,) cannot be multiplied"))
    assert not is_device_error(AssertionError("Torch not compiled with CUDA enabled"))


def test_fake_runs_leave_real_tensors_and_the_mode_behind():
    stays(lambda x, t: x + 1)
    assert type(torch.ones(2) + 1) is torch.Tensor
    assert torch.randn(3).isfinite().all()


class Learners(torch.nn.Module):
    """A layer, running statistics, and a table that `Module.to` reaches only as a buffer."""

    def __init__(self, table_is_buffer=True):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
        self.table = torch.ones(3)
        if table_is_buffer:
            self.register_buffer("table", self.__dict__.pop("table"))

    def forward(self, x):
        return self.layers(x) * self.table


def with_model(model, train):
    """What the device check says of train(model, x, device)."""

    def probe(target, case):
        module = prepared(case, model())
        return {"y": target(module, case.randn(4, 3), case.device)}

    return device_outcome(probe, train, Case(FAKE_CUDA, seed=1))["outputs"][RUNS]


def twice(model, x, device):
    model.to(device)
    return model.to(device)(x)


@pytest.mark.parametrize("buffer", [True, False], ids=["buffer", "plain attribute"])
def test_a_function_may_move_a_model_that_is_on_the_gpu_already(buffer):
    assert with_model(lambda: Learners(buffer), twice) is buffer


def test_moving_the_model_does_not_hide_what_was_not_moved():
    for wrong in (
        lambda model, x, device: model.to(device)(x.cpu()),
        lambda model, x, device: model.to("cpu")(x),
        lambda model, x, device: model.cpu().to(device)(torch.zeros(4, 3)),
    ):
        assert with_model(Learners, wrong) is False


def test_parameters_stay_the_same_objects_where_they_stay_in_place():
    """An optimizer that was made before must still find them."""

    def same(model, x, device):
        before = list(model.parameters())
        assert all(a is b for a, b in zip(model.to(device).parameters(), before, strict=True))
        return x.cpu()  # reached: False

    assert with_model(Learners, same) is False


def test_the_case_of_an_exercise_catches_timesteps_drawn_on_the_cpu():
    def forward_diffusion(x_0, t, schedule):
        noise = torch.randn(x_0.shape)
        return x_0 + noise, noise

    def precompute_schedule(betas):
        return {"betas": betas, "sqrt_alpha_bar": betas, "sqrt_one_minus_alpha_bar": betas}

    outcome, _ = run_case(
        EXERCISES["forward_diffusion"],
        forward_diffusion,
        FAKE_CUDA,
        "a seed",
        references={"precompute_schedule": precompute_schedule},
    )
    assert outcome["outputs"][RUNS] is False
