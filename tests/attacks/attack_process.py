"""Attempts to end, stop, flood or outlive the player."""

from attack_world import cell, on_call

ATTACKS = [
    cell("os._exit", "import os\nos._exit(0)\n"),
    on_call("os._exit when called", "import os\nos._exit(0)"),
    cell("sys.exit", "import sys\nsys.exit(0)\n"),
    on_call("sys.exit when called", "raise SystemExit(0)"),
    on_call("a crash in C", "import ctypes\nctypes.string_at(0)"),
    on_call("abort", "import os\nos.abort()"),
    on_call("SIGKILL to itself", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"),
    on_call("SIGKILL to everybody", "import os, signal\nos.kill(-1, signal.SIGKILL)"),
    on_call("SIGSTOP to itself", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"),
    on_call(
        "signals to the parent and the judge",
        "import os, signal\nfor pid in (os.getppid(), @judge@, 1):\n    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):\n        try: os.kill(pid, number)\n        except OSError: pass",
    ),
    on_call("a fork bomb", "import os\nwhile True:\n    try: os.fork()\n    except OSError: break"),
    on_call(
        "a bomb of processes that allocate",
        "import os\nfor _ in range(40):\n    if os.fork() == 0:\n        x = bytearray(10**9)\n        while True: pass",
    ),
    on_call(
        "multiprocessing",
        "import multiprocessing\np = multiprocessing.get_context('fork').Process(target=print)\np.start()\np.join()",
    ),
    on_call(
        "a thread bomb",
        "import threading\nfor _ in range(10**5):\n    threading.Thread(target=threading.Event().wait, daemon=True).start()",
    ),
    on_call("a memory bomb of bytes", "x = []\nwhile True: x.append(bytearray(10**8))"),
    on_call("a memory bomb of tensors", "x = []\nwhile True: x.append(torch.ones(10**8))"),
    on_call(
        "a memory bomb of mappings",
        "import mmap\nx = []\nwhile True: x.append(mmap.mmap(-1, 10**9))",
    ),
    on_call(
        "memory in anonymous files",
        "import os\nfor i in range(200):\n    fd = os.memfd_create(str(i))\n    os.write(fd, bytes(3 * 10**7))",
    ),
    on_call(
        "a full disk",
        "i = 0\nwhile True:\n    with open(f'/tmp/{i}', 'wb') as f: f.write(bytes(3 * 10**7))\n    i += 1",
    ),
    on_call("a million files", "for i in range(10**6): open(f'/tmp/{i}', 'w').close()"),
    on_call(
        "one huge file",
        "with open('/tmp/huge', 'wb') as f:\n    f.truncate(2**40)\n    f.seek(2**39)\n    f.write(b'x')",
    ),
    on_call("all open files", "x = []\nwhile True: x.append(open('/dev/null'))"),
    on_call(
        "an output flood in one line", "import os\nfor _ in range(2000): os.write(1, b'x' * 10**6)"
    ),
    on_call("an output flood in many lines", "for _ in range(300000): print('x')"),
    on_call("an endless loop", "while True: pass"),
    on_call(
        "an endless loop that catches everything",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    ),
    on_call("an endless loop in C", "import itertools\nsum(itertools.repeat(1))"),
    on_call("an endless match of a pattern", "import re\nre.match('(a+)+$', 'a' * 60 + 'b')"),
    on_call("a number that takes for ever", "9 ** 9 ** 9"),
    on_call(
        "sleep without an alarm",
        "import signal, time\nsignal.setitimer(signal.ITIMER_REAL, 0)\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\ntime.sleep(10**6)",
    ),
    on_call(
        "blocked signals",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\nwhile True: pass",
    ),
    on_call("waiting for a key", "import sys\ninput()\nsys.stdin.read()"),
    on_call(
        "deep recursion",
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1) + 1\nf(0)",
    ),
    on_call("deep recursion in C", "l = []\nfor _ in range(10**6): l = [l]\nreturn l, repr(l)"),
    on_call(
        "an endless loop at the end",
        "import atexit\natexit.register(lambda: [None for _ in iter(int, 1)])",
    ),
    on_call(
        "a destructor that never ends",
        "class D:\n    def __del__(self):\n        while True: pass\nD()",
    ),
    on_call(
        "a daemon that writes grades later",
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(1)\n        open('@gradebook@', 'w').write('8.0')\n    os._exit(0)",
    ),
    on_call(
        "a thread that changes answers later",
        "import threading, time\ndef later():\n    while True:\n        time.sleep(0.01)\n        globals()['guided_noise'] = None\nthreading.Thread(target=later, daemon=True).start()",
        costs=("guided_noise",),
    ),
    on_call(
        "higher limits",
        "import resource\nfor what in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_NPROC):\n    try: resource.setrlimit(what, (-1, -1))\n    except (ValueError, OSError): pass\nx = []\nwhile True: x.append(bytearray(10**8))",
    ),
    on_call("no open files", "import os\nos.closerange(0, 1000)"),
    on_call(
        "another program", "import subprocess\nsubprocess.run(['/bin/sh', '-c', 'exec sleep 1000'])"
    ),
    on_call(
        "another user",
        "import os\nfor call in (os.setuid, os.setgid):\n    try: call(1000)\n    except OSError: pass\nos.chroot('/tmp')",
    ),
]
