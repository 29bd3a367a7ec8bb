"""What the probes of lesson 03 share: modules with known weights, gradients, refused inputs."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import torch
from torch import nn

from course_utils.engine.case import Case
from course_utils.engine.runner import describe, expect
from course_utils.exercises.modules import prepared


def placed(case: Case, module: object, by_name: bool = True) -> nn.Module:
    """`prepared`, with its buffers as the learner filled them: a table of frequencies stays one."""
    buffers = dict(expect(nn.Module, module, "an nn.Module").named_buffers())
    kept = {name: value.clone() for name, value in buffers.items()}
    module = prepared(case, module, by_name)
    if not case.spec.fake_cuda:
        for name, value in module.named_buffers():
            value.copy_(kept[name])
    return module


def moved(case: Case, module: object) -> nn.Module:
    """The module on the case's device, otherwise as the learner built it."""
    if case.spec.fake_cuda:
        return prepared(case, module)
    return expect(nn.Module, module, "an nn.Module").to(case.device)


def refusal(call: Callable[[], object]) -> str:
    """The kind of error that a call ends with, such as "ValueError"; else what it returned."""
    try:
        result = call()
    except NotImplementedError:
        raise
    except ValueError:
        return "ValueError"
    except Exception as error:
        return type(error).__name__
    return f"no error, but {describe(result)}"


def differentiable(case: Case, *shape: int) -> torch.Tensor:
    """Standard normal input that collects a gradient."""
    return case.differentiable(case.randn(*shape))


def pull(case: Case, outputs: list[torch.Tensor]) -> bool:
    """Backward from a random weighting of the outputs; False where no graph leads back."""
    total = sum((out * case.randn(*out.shape).to(out.dtype)).sum() for out in outputs)
    if case.spec.fake_cuda or not total.requires_grad:
        return False
    total.backward()
    return True


def gradient_of(x: torch.Tensor) -> torch.Tensor:
    """The gradient that arrived at an input; zeros where none did."""
    return torch.zeros_like(x) if x.grad is None else x.grad.clone()


def block_outputs(case: Case, module: nn.Module, results: dict, inputs: dict) -> dict:
    """Results of a block, and whether everything that went in had a part in them."""
    results = {name: expect(torch.Tensor, out, "tensors") for name, out in results.items()}
    if case.spec.fake_cuda:
        return {name: out.detach() for name, out in results.items()}
    pull(case, list(results.values()))
    unused = [name for name, p in module.named_parameters() if p.grad is None]
    grads = {f"gradient of {name}": gradient_of(x) for name, x in inputs.items()}
    outputs = {name: out.detach() for name, out in results.items()}
    return outputs | grads | {"parameters without a gradient": len(unused)}


def named_shapes(module: nn.Module) -> list[str]:
    """`conv1.weight (16, 8, 3, 3)` for each parameter, sorted: for modules with given names."""
    return sorted(f"{name} {tuple(p.shape)}" for name, p in module.named_parameters())


class EinopsWatch:
    """Notices whether einops is used inside the `with` block."""

    def __enter__(self) -> EinopsWatch:
        import einops.einops as library

        self.used, real = False, library.reduce

        def reduce(*args, **kwargs):
            self.used = True
            return real(*args, **kwargs)

        self._patch = patch.object(library, "reduce", reduce)
        self._patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.stop()
