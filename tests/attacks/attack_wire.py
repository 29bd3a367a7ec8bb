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
"""
FORGED = """
from course_utils.engine.answers import load_answers
from course_utils.engine.codec import pack
want = load_answers("04_ddpm")["forward_diffusion"].want
"""


def wire(name: str, code: str, costs: tuple[str, ...] = ()):
    return cell(name, SOCKETS + code + "\n", costs=costs)


ATTACKS = [
    wire("public answers, sent early", FORGED + "send(pack({'outcomes': want}))"),
    wire(
        "public answers, sent many times",
        FORGED + "for _ in range(20): send(pack({'outcomes': want}))",
    ),
    wire("a score", FORGED + "send(pack({'score': 8.0, 'verdict': 'pass', 'outcomes': {}}))"),
    wire("another sandbox", FORGED + "send(pack({'layers': ['namespaces'], 'leaks': []}))"),
    wire(
        "an answer for every later exercise",
        FORGED
        + "every = load_answers('04_ddpm')\nfor e in every.values(): send(pack({'outcomes': e.want}))",
    ),
    wire("half a message", "send(b'x' * 10, 1000)\nwait()"),
    wire("a length and nothing", "send(b'', 1000)\nwait()"),
    wire("a length of two gigabytes", "send(b'', 2**31 - 1)\nwait()"),
    wire("a length below zero", "send(b'x', -1)\nwait()"),
    wire("an empty message", "send(b'')\nwait()"),
    wire("noise", "send(os.urandom(10000))\nwait()"),
    wire("a header longer than the file", "send(struct.pack('<Q', 2**60) + b'{}')\nwait()"),
    wire("a header that is no mapping", "send(struct.pack('<Q', 2) + b'[]')\nwait()"),
    wire("brackets, very deep", "send(packed('[' * 10**6))\nwait()"),
    wire("a skeleton of a million lists", "send(packed('[' + '[],' * 10**6 + '[]]'))\nwait()"),
    wire("a number of a million digits", "send(packed('1' * 10**6))\nwait()"),
    wire("a list instead of a mapping", "send(packed('[1, 2]'))\nwait()"),
    wire("tensors that are not there", 'send(packed(\'{"$tensor": "7"}\'))\nwait()'),
    wire(
        "offsets beyond the end",
        "send(packed('1', b'', {'0': {'dtype': 'F32', 'shape': [4], 'data_offsets': [0, 10**15]}}))\nwait()",
    ),
    wire(
        "a shape that does not fit",
        "send(packed('1', b'0000', {'0': {'dtype': 'F32', 'shape': [2**62, 4], 'data_offsets': [0, 4]}}))\nwait()",
    ),
    wire(
        "a type that does not exist",
        "send(packed('1', b'0000', {'0': {'dtype': 'PICKLE', 'shape': [1], 'data_offsets': [0, 4]}}))\nwait()",
    ),
    wire(
        "outcomes of wrong kinds",
        "send(packed(json.dumps({'$dict': [['outcomes', {'$dict': [['images', 7], ['float64', {'$dict': [['outputs', [1]]]}]]}]]})))\nwait()",
    ),
    wire(
        "errors of wrong kinds",
        "send(packed(json.dumps({'$dict': [['error', {'$dict': [['type', [1]], ['message', 7], ['line', 'x'], ['function', {'$dict': []}]]}]]})))\nwait()",
    ),
    wire("a pair of three", "send(packed(json.dumps({'$dict': [['a', 1, 2]]})))\nwait()"),
    wire("a pickle", "import pickle\nsend(pickle.dumps({'outcomes': {}}))\nwait()"),
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
        + "import threading, time\ndef later():\n    time.sleep(0.2)\n    send(pack({'outcomes': load_answers('04_ddpm')['guided_noise'].want}))\nthreading.Thread(target=later, daemon=True).start()",
        costs=("guided_noise",),
    ),
    on_call(
        "forged when called",
        "import os, stat, struct\nfrom course_utils.engine.answers import load_answers\nfrom course_utils.engine.codec import pack\nblob = pack({'outcomes': load_answers('04_ddpm')['forward_diffusion'].want})\nfor fd in range(256):\n    try:\n        if stat.S_ISSOCK(os.fstat(fd).st_mode): os.write(fd, struct.pack('!i', len(blob)) + blob)\n    except OSError: pass",
    ),
]
