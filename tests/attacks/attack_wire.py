"""Messages that the player did not mean to send: forged, broken, half, huge, or one too many."""

from attack_world import cell, on_call

SOCKETS = """
import json, os, stat, struct
def ends():
    for fd in range(256):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode): yield fd
        except OSError: pass
def send(blob, length=None):
    for fd in ends(): os.write(fd, struct.pack("!i", len(blob) if length is None else length) + blob)
def packed(skeleton, tensors=b"", extra=None):
    header = json.dumps({"__metadata__": {"skeleton": skeleton}, **(extra or {})}).encode()
    return struct.pack("<Q", len(header)) + header + tensors
def wait():
    import time
    while True: time.sleep(60)
def number():
    import sys
    frame = sys._getframe()
    while "request" not in frame.f_locals: frame = frame.f_back
    return frame.f_locals["request"]["number"]
def answer(blobs, **about):
    from grader.wire import joined
    send(joined({"number": number(), "hung": False, "changed": False} | about, blobs))
"""
FORGED = """
from course_utils.engine.answers import load_answers
from course_utils.engine.codec import pack
every = load_answers("04_ddpm")
def public(name): return {case: pack(outcome) for case, outcome in every[name].want.items()}
"""
CASES = "from course_utils.engine.exercise import load_lesson\ncases = [s.name for s in load_lesson('04_ddpm')['forward_diffusion'].cases]\n"


def wire(name: str, code: str, costs: tuple[str, ...] = ()):
    return cell(name, SOCKETS + code + "\n", costs=costs)


def blob(name: str, code: str):
    """An answer to the right question, in the right frame, whose outcomes are all this blob."""
    return wire(name, CASES + f"answer(dict.fromkeys(cases, {code}))")


def line(name: str, code: str):
    """A message whose first line is this."""
    return wire(name, f"send({code} + b'\\n')\nwait()")


ATTACKS = [
    wire("public answers, sent early", FORGED + "answer(public('forward_diffusion'))"),
    wire(
        "public answers, sent many times",
        FORGED + "for _ in range(20): answer(public('forward_diffusion'))",
    ),
    wire(
        "public answers under a number made up",
        FORGED + "answer(public('forward_diffusion'), number='1')",
    ),
    wire("a score", "answer({}, score=8.0, verdict='pass', outcomes={})"),
    wire("another sandbox", "answer({}, layers=['namespaces'], leaks=[])"),
    wire("an answer for every later exercise", FORGED + "for name in every: answer(public(name))"),
    wire("half a message", "send(b'x' * 10, 1000)\nwait()"),
    wire("a length and nothing", "send(b'', 1000)\nwait()"),
    wire("a length of two gigabytes", "send(b'', 2**31 - 1)\nwait()"),
    wire("a length below zero", "send(b'x', -1)\nwait()"),
    wire("an empty message", "send(b'')\nwait()"),
    wire("noise", "send(os.urandom(10000))\nwait()"),
    line("a line that is no mapping", "b'[]'"),
    line("a line of brackets, very deep", "b'[' * 10**5"),
    line("a line too long", "b' ' * 2**21 + b'{}'"),
    line("a number of a hundred thousand digits", "b'1' * 10**5"),
    line("no sizes", """b'{"number": "1"}'"""),
    line("sizes that are no mapping", """b'{"sizes": [1]}'"""),
    line("a size below zero", """b'{"sizes": {"a": -1, "b": 1}}'"""),
    line("a size without an end", """b'{"sizes": {"a": 1e999}}'"""),
    line("a size that is no number", """b'{"sizes": {"a": "0"}}'"""),
    line("sizes beyond the end", """b'{"sizes": {"images": 1000000000000}}'"""),
    blob("a header longer than the file", "struct.pack('<Q', 2**60) + b'{}'"),
    blob("a header that is no mapping", "struct.pack('<Q', 2) + b'[]'"),
    blob("brackets, very deep", "packed('[' * 10**5)"),
    blob("a skeleton of a million lists", "packed('[' + '[],' * 10**6 + '[]]')"),
    blob("a number of many digits", "packed('1' * 10**5)"),
    blob("a list instead of a mapping", "packed('[1, 2]')"),
    blob("tensors that are not there", 'packed(\'{"$tensor": "7"}\')'),
    blob(
        "offsets beyond the end",
        "packed('1', b'', {'0': {'dtype': 'F32', 'shape': [4], 'data_offsets': [0, 10**15]}})",
    ),
    blob(
        "a shape that does not fit",
        "packed('1', b'0000', {'0': {'dtype': 'F32', 'shape': [2**62, 4], 'data_offsets': [0, 4]}})",
    ),
    blob(
        "a type that does not exist",
        "packed('1', b'0000', {'0': {'dtype': 'PICKLE', 'shape': [1], 'data_offsets': [0, 4]}})",
    ),
    blob(
        "outcomes of wrong kinds",
        "packed(json.dumps({'$dict': [['outputs', [1]], ['error', 7]]}))",
    ),
    blob(
        "errors of wrong kinds",
        "packed(json.dumps({'$dict': [['error', {'$dict': [['type', [1]], ['message', 7], ['line', 'x'], ['function', {'$dict': []}]]}]]}))",
    ),
    blob("a pair of three", "packed(json.dumps({'$dict': [['a', 1, 2]]}))"),
    blob("a pickle", "__import__('pickle').dumps({'outputs': {}})"),
    wire("a hundred megabytes", "send(bytes(10**8))\nwait()"),
    wire(
        "drop after drop",
        "import time\nsend(b'', 10**6)\nwhile True:\n    for fd in ends(): os.write(fd, b'x')\n    time.sleep(0.05)",
    ),
    wire("a closed connection", "for fd in ends(): os.close(fd)"),
    wire(
        "a thread that reads the judge's questions",
        "import threading\nthreading.Thread(target=lambda: [os.read(fd, 10**6) for fd in ends()], daemon=True).start()",
        costs=("guided_noise",),
    ),
    wire(
        "a thread that forges the next answer",
        FORGED
        + "import threading, time\nfrom grader.wire import joined\ndef later():\n    time.sleep(0.2)\n    send(joined({'number': '1'}, public('guided_noise')))\nthreading.Thread(target=later, daemon=True).start()",
        costs=("guided_noise",),
    ),
    on_call("forged when called", SOCKETS + FORGED + "answer(public('forward_diffusion'))"),
]
