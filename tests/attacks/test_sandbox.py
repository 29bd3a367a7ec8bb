"""The sandbox is tried before it is trusted."""

import os

import pytest
from attack_world import CANARY

from grader import canaries, sandbox
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
