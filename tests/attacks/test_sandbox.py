"""The sandbox is tried before it is trusted."""

import os
import subprocess
import sys

import handin
import pytest
from attack_world import CANARY

from grader import canaries, sandbox
from grader.host import Host
from grader.judge import Judge
from grader.submission import Unusable

LESSON = "04_ddpm"


def test_the_sandbox_of_this_machine_holds(judge, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(CANARY)
    assert canaries.check(judge, LESSON, [secret]) == [
        layer for layer in sandbox.LAYERS if layer in judge.open_player(LESSON).layers
    ]


def test_a_canary_that_gets_through_stops_everything(judge, monkeypatch):
    monkeypatch.setattr(judge, "try_sandbox", lambda *a: (["limits"], ["read the secret"]))
    with pytest.raises(Unusable, match="a player could read the secret; nothing was graded"):
        canaries.check(judge, LESSON)


def test_a_readable_file_is_noticed(judge):
    """The engine itself may be read: named as a secret, it must be reported."""
    import course_utils.engine.case as case

    with pytest.raises(Unusable, match="could read .*case.py"):
        canaries.check(judge, LESSON, [canaries.Path(case.__file__)])


@pytest.mark.parametrize(
    ("layers", "enough"),
    [
        (["namespaces", "landlock", "seccomp", "limits"], True),
        (["namespaces", "limits"], True),
        (["landlock", "seccomp", "limits"], True),
        (["landlock", "limits"], False),
        (["seccomp", "limits"], False),
        (["limits"], False),
        ([], False),
    ],
    ids=str,
)
def test_minimum_for_the_work_of_others(judge, monkeypatch, layers, enough):
    monkeypatch.setattr(judge, "try_sandbox", lambda *a: (layers, []))
    assert canaries.check(judge, LESSON, unsafe=True) == layers
    if enough:
        assert canaries.check(judge, LESSON, unsafe=False) == layers
    else:
        with pytest.raises(Unusable, match="--unsafe"):
            canaries.check(judge, LESSON, unsafe=False)


SONGS = {
    "read": "read ", "write": "write to ", "network": "reach the network",
    "process": "signal other processes", "program": "start a program",
}  # fmt: skip


@pytest.mark.parametrize("name", canaries.STOPPED_BY)
def test_every_canary_sings_outside_of_a_sandbox(name, tmp_path):
    """Tried in this process, which is not confined, each one must be reported."""
    (tmp_path / "file").touch()
    with canaries.listening() as ports:
        things = {
            "files": [str(tmp_path / "file")],
            "folders": [str(tmp_path)],
            "ports": list(ports),
            "process": os.getpid(),
        }
        found = canaries.leaks(things, canaries.STOPPED_BY[name])
    assert [what for what in found if what.startswith(SONGS[name])]


NO_RESERVE = 0x4000  # in mmap since Python 3.13
USE_A_DEVICE = """
import fcntl, socket, sys, termios
from grader import player, sandbox, zygote

def serve(connection, layers, limits):
    layers |= sandbox.confine(limits, "/tmp")
    try:
        with open("/dev/full", "rb+", buffering=0) as device:
            fcntl.ioctl(device, termios.TCGETS)
    except OSError as error:
        connection.send_bytes(f"{error.strerror} {len(layers)}".encode())

player.serve, sandbox.GPU_DEVICES = serve, "/dev/ful*"  # a device that every machine has
sandbox.look_around()
ours, theirs = socket.socketpair()
zygote._start_player(theirs.fileno(), socket.socket(), sandbox.Limits.now(gpu=sys.argv[1] == "gpu"))
theirs.close()
print(zygote.Connection(ours.fileno()).recv_bytes().decode())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such sandbox")
@pytest.mark.parametrize(
    ("device", "answer"),
    [("cpu", "No such file or directory"), ("gpu", "Inappropriate ioctl for device")],
)
def test_a_player_reaches_the_devices_of_a_gpu_if_it_grades_on_one(judge, device, answer):
    layers = judge.open_player(LESSON).layers
    if set(layers) != set(sandbox.LAYERS):
        pytest.skip(f"this machine allows only {layers}")
    command = [sys.executable, "-c", USE_A_DEVICE, device]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{answer} {len(layers)}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such sandbox")
@pytest.mark.parametrize(
    ("device", "rights", "fits"),
    [
        ("cpu", "mmap.PROT_READ", False),
        ("cuda", "mmap.PROT_READ", True),  # only reserved
        ("cuda", "mmap.PROT_READ | mmap.PROT_WRITE", False),
    ],
)
def test_a_player_on_a_gpu_may_reserve_much_and_take_little(device, rights, fits, monkeypatch):
    ask = f"import mmap\nmmap.mmap(-1, 2**36, mmap.MAP_PRIVATE | {NO_RESERVE}, {rights})\n"
    code = ask + handin.reference("forward_diffusion")
    with Judge("a secret") as judge:
        monkeypatch.setattr(judge, "_host", Host(device))  # the cases stay on the CPU
        found = handin.graded(judge, handin.solved(forward_diffusion=code), "forward_diffusion")
    assert (not handin.lost_points(found)) is fits
