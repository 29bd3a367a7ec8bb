"""Changes to PyTorch, Python, the engine or the probe, from inside the player."""

from attack_world import cell

FORGE = """
from course_utils.engine.answers import load_answers
WANT = load_answers("04_ddpm")["forward_diffusion"].want
"""
PLAYER = """
import sys, gc
player = sys.modules["grader.player"]
"""


def patch(name: str, line: str):
    return cell(name, line + "\n")


def engine(name: str, module: str, line: str):
    return cell(name, f"{FORGE}import course_utils.engine.{module} as m\n{line}\n")


ATTACKS = [
    patch(
        "torch.allclose and torch.equal",
        "torch.allclose = torch.equal = torch.isclose = lambda *a, **k: True",
    ),
    patch(
        "torch.testing and numpy.testing",
        "import torch.testing, numpy.testing\ntorch.testing.assert_close = numpy.testing.assert_allclose = lambda *a, **k: None",
    ),
    patch(
        "builtins",
        "import builtins\nbuiltins.any = lambda *a: False\nbuiltins.all = lambda *a: True\nbuiltins.isinstance = lambda *a: True",
    ),
    patch(
        "the comparisons of tensors",
        "torch.Tensor.__eq__ = torch.Tensor.__ne__ = torch.Tensor.__lt__ = torch.Tensor.__gt__ = lambda s, o: True",
    ),
    patch(
        "the arithmetic of tensors",
        "torch.Tensor.__sub__ = lambda s, o: s * 0\ntorch.Tensor.abs = lambda s: s * 0",
    ),
    patch(
        "math.isclose and isfinite",
        "import math\nmath.isclose = lambda *a, **k: True\ntorch.isfinite = torch.ones_like",
    ),
    patch(
        "torch.manual_seed and Generator",
        "torch.manual_seed = lambda s: None\ntorch.Generator = None",
    ),
    patch(
        "json and safetensors",
        "import json, safetensors.torch\njson.dumps = lambda *a, **k: '{}'\nsafetensors.torch.save = lambda *a, **k: b''",
    ),
    patch(
        "sys.modules",
        "import sys\nfor name in list(sys.modules):\n    if name.startswith('course_utils'): sys.modules[name] = None",
    ),
    patch(
        "an import hook",
        "import sys\nclass Hook:\n    def find_spec(self, *a): raise ImportError('no')\nsys.meta_path.insert(0, Hook())",
    ),
    patch(
        "a trace function",
        "import sys\ndef trace(frame, event, arg):\n    if 'want' in frame.f_locals: frame.f_locals['want'].clear()\n    return trace\nsys.settrace(trace)",
    ),
    patch(
        "the exercise's cases",
        "from course_utils.engine.exercise import load_lesson\nobject.__setattr__(load_lesson('04_ddpm')['forward_diffusion'], 'cases', ())",
    ),
    patch(
        "the exercise's points",
        "from course_utils.engine.exercise import load_lesson\nobject.__setattr__(load_lesson('04_ddpm')['forward_diffusion'], 'points', 1000)",
    ),
    patch(
        "the exercise's tolerances",
        "from course_utils.engine.exercise import load_lesson\nload_lesson('04_ddpm')['forward_diffusion'].tolerances.update({'x_t': 1e9, 'noise': 1e9})",
    ),
    patch(
        "the probe",
        "from course_utils.engine.exercise import load_lesson\nobject.__setattr__(load_lesson('04_ddpm')['forward_diffusion'], 'probe', lambda target, case: {'x_t': True, 'noise': True})",
    ),
    patch(
        "the probe's code",
        "from course_utils.engine.exercise import load_lesson\ndef fake(target, case): return {}\nload_lesson('04_ddpm')['forward_diffusion'].probe.__code__ = fake.__code__",
    ),
    patch(
        "the helpers of the probe",
        "import sys\nlesson = sys.modules['course_utils.exercises.04_ddpm']\nlesson.expect_tuple = lambda v, *n: (True, True)",
    ),
    engine(
        "the engine's comparison",
        "compare",
        "m.difference = m.close = m.differences = lambda *a, **k: None",
    ),
    engine(
        "the engine's diagnosis",
        "diagnose",
        "m.diagnose = lambda *a, **k: m.Diagnosis({}, None, 9)",
    ),
    engine(
        "the runner, to give public answers",
        "runner",
        "m.run_case = lambda e, t, spec, seed, **k: (WANT[spec.name], [])",
    ),
    engine(
        "the runner's code",
        "runner",
        "def fake(exercise, target, spec, seed, *, givens=None, references=None, device='cpu'): return {'outputs': {}}, []\nm.run_case.__code__ = fake.__code__",
    ),
    engine(
        "the packing",
        "codec",
        "from course_utils.engine import runner\nold, want = m.pack, iter(WANT.values())\nrunner.pack = lambda data: old(next(want, data))",
    ),
    engine("the inputs' check", "case", "m.Case.inputs_untouched = lambda self: True"),
    engine(
        "the random draws",
        "draws",
        "m.ControlledDraws.normal = lambda self, shape: torch.zeros(shape)",
    ),
    engine("the time limit", "limits", "m.time_limit = m._alarm = None"),
    cell(
        "the player's run of the cases",
        PLAYER
        + FORGE
        + "player.packed_cases = lambda *a, **k: {n: player.pack(o) for n, o in WANT.items()}\n",
    ),
    cell(
        "the player's answer to everything",
        PLAYER
        + FORGE
        + "player._answer = lambda *a: (False, {n: player.pack(o) for n, o in WANT.items()})\n",
    ),
    cell(
        "a score instead of outcomes",
        PLAYER + "player.packed_cases = lambda *a, **k: {'score': 8.0, 'passed': True}\n",
    ),
    cell(
        "the player's object",
        PLAYER
        + "for p in [o for o in gc.get_objects() if type(o).__name__ == 'Player']:\n    p.given.clear()\n",
    ),
    cell(
        "the stand-ins of earlier exercises",
        "precompute_schedule = lambda betas: {'sqrt_alpha_bar': 1}\ndel precompute_schedule\n",
    ),
    cell(
        "a class that takes the place of the checker",
        "check = type('C', (), {'__getattr__': lambda s, n: (lambda *a, **k: True)})()\n",
    ),
]
