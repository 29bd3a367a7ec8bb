"""Runs a probe on a case and reports what happened as plain data, whatever the code does."""

from __future__ import annotations

import contextlib
import io
import traceback
import warnings
from collections.abc import Callable, Iterator

import torch

from course_utils.engine.case import Case, CaseSpec, case_seed
from course_utils.engine.codec import pack, unpack
from course_utils.engine.draws import ControlledDraws, preserved_random_state
from course_utils.engine.exercise import Exercise
from course_utils.engine.fake_cuda import device_outcome
from course_utils.engine.limits import StopProbe

CELL = "<cell "  # file names of a submission's cells start so; Jupyter's contain "ipykernel_"
UNTOUCHED = "inputs left as they were"
RESEEDED = (
    "it must not set the random seed: called again, it would draw the same numbers again "
    "(take torch.manual_seed out)"
)


class WrongReturn(Exception):
    """The learner's function returned something of another kind than the exercise asks for."""


def expect_tuple(value: object, *names: str) -> tuple:
    """The returned tuple, or a sentence saying what came instead."""
    if isinstance(value, (tuple, list)) and len(value) == len(names):
        return tuple(value)
    raise WrongReturn(f"it must return ({', '.join(names)}), but it returned {describe(value)}")


def expect(kind: type | tuple[type, ...], value: object, what: str) -> object:
    """`value` if it is a `kind`, or a sentence saying what came instead."""
    if isinstance(value, kind):
        return value
    raise WrongReturn(f"it must return {what}, but it returned {describe(value)}")


def describe(value: object) -> str:
    """`a Tensor of shape (2, 3)`, `a tuple of 3 values`, `None`."""
    if value is None:
        return "None (is the return statement missing?)"
    if hasattr(value, "shape"):
        return f"a {type(value).__name__} of shape {tuple(value.shape)}"
    if isinstance(value, (tuple, list, dict)):
        return f"a {type(value).__name__} of {len(value)} values"
    return f"a {type(value).__name__}"


def run_case(
    exercise: Exercise,
    target: object,
    spec: CaseSpec,
    seed: str,
    *,
    givens: list | None = None,
    references: dict[str, Callable] | None = None,
    device: str = "cpu",
) -> tuple[dict, list]:
    """The outcome of one case and the givens it used.

    An outcome is {"outputs": {name: data}} or
    {"error": {"type", "message", "line", "function"}}.
    """
    # A hunt shares the cases of its base exercise, and so its seeds and recorded givens.
    number = case_seed(seed, exercise.base or exercise.id, spec.name)
    case = Case(spec, number, givens, references, device)
    if device != "cpu":
        torch.cuda.init()  # before the seeds are set: its generators get one, too
    heard = io.StringIO()
    with contextlib.ExitStack() as around:
        around.enter_context(preserved_random_state(number))
        around.enter_context(preserved_settings())
        around.enter_context(contextlib.redirect_stdout(heard))
        around.enter_context(contextlib.redirect_stderr(heard))
        around.enter_context(warnings.catch_warnings())
        outcome = _outcome(exercise, target, case)
    return outcome, case.givens


@contextlib.contextmanager
def preserved_settings() -> Iterator[None]:
    """Gradients are on in the block; grad mode and default dtype are put back after it."""
    dtype = torch.get_default_dtype()
    try:
        with torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(dtype)


def _outcome(exercise: Exercise, target: object, case: Case) -> dict:
    try:
        if case.spec.fake_cuda:
            return device_outcome(exercise.probe, target, case)
        with ControlledDraws(case.seed, case.spec.constant_draws):
            outputs = dict(exercise.probe(target, case))
        if torch.initial_seed() != case.seed and not case.option("may_seed"):
            raise WrongReturn(RESEEDED)
        if case.has_inputs:
            outputs[UNTOUCHED] = case.inputs_untouched()
    except StopProbe:
        raise
    except BaseException as error:  # SystemExit and KeyboardInterrupt are the learner's too
        return {"error": describe_error(error)}
    return {"outputs": outputs}


def describe_error(error: BaseException) -> dict:
    """Type, first line of the message, and where in the learner's code, as plain data."""
    try:
        message = str(error).strip().split("\n")[0][:300].encode(errors="replace").decode()
    except BaseException:
        message = "(its message cannot be shown)"
    frames = traceback.extract_tb(BaseException.__traceback__.__get__(error))
    own = [f for f in frames if f.filename.startswith(CELL) or "ipykernel_" in f.filename]
    return {
        "type": type(error).__name__,
        "message": message,
        "line": own[-1].lineno if own else None,
        "function": own[-1].name if own else None,
    }


TIMEOUT = "TimeOver"


def run_cases(
    exercise: Exercise, target: object, seed: str, givens: dict[str, list], limit, **kwargs
) -> dict[str, dict]:
    """Outcome of every case as plain data, from recorded givens. `limit` is a context manager for
    the whole; the cases that it leaves no time for are reported as such."""
    packed = packed_cases(exercise, target, seed, givens, limit, **kwargs)
    return {name: unpack(blob) for name, blob in packed.items()}


def packed_cases(
    exercise: Exercise, target: object, seed: str, givens: dict[str, list], limit, **kwargs
) -> dict[str, bytes]:
    """`run_cases`, each outcome packed: what runs later cannot change it any more."""
    outcomes: dict[str, bytes] = {}
    try:
        with limit:
            for spec in exercise.cases:
                outcome, _ = run_case(
                    exercise, target, spec, seed, givens=givens[spec.name], **kwargs
                )
                outcomes[spec.name] = pack(outcome)
    except StopProbe:
        over = stopped(TIMEOUT, "it did not end")
        left = (spec.name for spec in exercise.cases if spec.name not in outcomes)
        outcomes |= {name: pack({"error": over}) for name in left}
    return outcomes


def stopped(kind: str, message: str) -> dict:
    """The error of code that reached no line of its own."""
    return {"type": kind, "message": message, "line": None, "function": None}
