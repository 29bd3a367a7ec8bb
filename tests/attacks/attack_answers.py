"""Answers that lie about themselves."""

from attack_world import cell, on_call

ALWAYS_EQUAL = """
class Same:
    def _yes(self, *args, **kwargs): return True
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __contains__ = _yes
    __hash__ = object.__hash__
    shape = dtype = layout = device = property(lambda self: self)
    def __getattr__(self, name): return lambda *a, **k: self
"""
SUBCLASS = """
class Yes(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return True
    __eq__ = lambda self, other: True
"""
ATTACKS = [
    cell(
        "an object equal to everything",
        ALWAYS_EQUAL,
        "\nforward_diffusion = lambda *a: (Same(), Same())\n",
    ),
    cell("a function object equal to everything", ALWAYS_EQUAL, "\nforward_diffusion = Same()\n"),
    cell(
        "a tensor subclass that agrees",
        SUBCLASS,
        "\nforward_diffusion = lambda x, t, s: (x.as_subclass(Yes), x.as_subclass(Yes))\n",
    ),
    cell(
        "a tuple that lies about its length",
        "class Two(tuple):\n    __len__ = lambda self: 2\n    __iter__ = lambda self: iter(())\n",
        "\nforward_diffusion = lambda *a: Two()\n",
    ),
    cell(
        "a float equal to everything",
        "class F(float):\n    __eq__ = lambda s, o: True\n    __hash__ = float.__hash__\n",
        "\nforward_diffusion = lambda *a: (F(), F())\n",
    ),
    cell(
        "a class that lies about its class",
        "class L:\n    __class__ = torch.Tensor\n",
        "\nforward_diffusion = lambda *a: (L(), L())\n",
    ),
    cell(
        "a metaclass that agrees to isinstance",
        "class M(type):\n    __instancecheck__ = lambda c, o: True\n    __eq__ = lambda c, o: True\n    __hash__ = type.__hash__\nclass A(metaclass=M): pass\n",
        "\nforward_diffusion = lambda *a: (A(), A())\n",
    ),
    on_call("NaN everywhere", "return x_0 * float('nan'), x_0 * float('nan')"),
    on_call("infinity everywhere", "return x_0 / 0, x_0 / 0"),
    on_call("a meta tensor", "return x_0.to('meta'), x_0.to('meta')"),
    on_call(
        "a lazy parameter",
        "return torch.nn.UninitializedParameter(), torch.nn.UninitializedParameter()",
    ),
    on_call(
        "a lazy view of a billion numbers", "big = torch.zeros(1).expand(10**9)\nreturn big, big"
    ),
    on_call("a sparse tensor", "return x_0.to_sparse(), x_0.to_sparse()"),
    on_call("a complex tensor", "return x_0 + 0j, x_0 + 0j"),
    on_call("a conjugated view", "c = torch.complex(x_0, x_0).conj().imag\nreturn c, c"),
    on_call(
        "a quantised tensor", "q = torch.quantize_per_tensor(x_0, .1, 0, torch.qint8)\nreturn q, q"
    ),
    on_call("no elements and huge sizes", "e = torch.empty(0, 2**40, 2**20)\nreturn e, e"),
    on_call("a list that holds itself", "l = []\nl.append(l)\nreturn l, l"),
    on_call("a generator", "return (v for v in [x_0, x_0])"),
    on_call(
        "an iterator without end",
        "import itertools\nclass E(list):\n    __iter__ = lambda s: itertools.repeat(x_0)\nreturn E([1]), E([1])",
    ),
    on_call(
        "a mapping without end",
        "class D(dict):\n    def items(self):\n        while True: yield 'x', 1\nreturn D(a=1), D(a=1)",
    ),
    on_call(
        "storage shared and changed by a thread",
        "import threading\nthreading.Thread(target=lambda: x_0.zero_(), daemon=True).start()",
    ),
    on_call(
        "answers of the public cases",
        """
from course_utils.engine.answers import load_answers
for outcome in load_answers("04_ddpm")["forward_diffusion"].want.values():
    out = outcome.get("outputs", {})
    if "x_t" in out:
        x_t = out["x_t"].flatten().repeat(1000)[: x_0.numel()].reshape(x_0.shape)
        noise = out["noise"].flatten().repeat(1000)[: x_0.numel()].reshape(x_0.shape)
        return x_t.to(x_0.dtype), noise.to(x_0.dtype)
""",
    ),
    on_call(
        "outputs of a known mistake",
        """
from course_utils.engine.answers import load_answers
first = load_answers("04_ddpm")["forward_diffusion"].mistakes[0].outcomes
out = next(iter(first.values()))["outputs"]
return out["x_t"], out["noise"]
""",
    ),
]
