"""A SLURM of one node on this machine, for a test: its own key, ports and folders, no service."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil

PATH = os.environ.get("PATH", "") + ":/usr/sbin"  # where Debian has the daemons
NEEDED = ("munged", "slurmctld", "slurmd", "sbatch")
CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MessageTimeout=100
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={megabytes}
PartitionName={partition} Nodes=node Default=YES
"""
AFTER = "sbatch --wait -d afterany:{} --wrap=true -o /dev/null"  # a job that ends after another


def missing() -> list[str]:
    return [program for program in NEEDED if not shutil.which(program, path=PATH)]


class Slurm:
    """A running one. `environment` is what its commands need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": PATH}

    def run(self, *command: str, **options) -> str:
        """What a command of SLURM prints."""
        return subprocess.run(
            command, env=self.environment, check=True, stdout=subprocess.PIPE, text=True, **options
        ).stdout

    @contextlib.contextmanager
    def output(self, job: str, folder: Path) -> Iterator[Iterator[str]]:
        """The lines of a job while it prints them; the last one comes when the job has ended."""
        script = f"{AFTER.format(job)} & tail -q --pid $! -n +1 -F slurm-{job}.out"
        with subprocess.Popen(
            ["bash", "-c", script],
            cwd=folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            yield process.stdout

    def wait_until_idle_after(self, job: str) -> None:
        """SLURM gives the whole node to a job only when no other one is left on it."""
        self.run(*AFTER.format(job).split(), "--exclusive")

    def jobs(self, name: str) -> list[dict[str, str]]:
        """What SLURM knows of the jobs of this name, in the order in which they came."""
        lines = self.run("scontrol", "show", "job", "--oneliner").splitlines()
        found = [dict(re.findall(r"(\w+)=(\S*)", line)) for line in lines]
        return [job for job in found if job.get("JobName") == name]


@contextlib.contextmanager
def one_node(folder: Path, partition: str, cpus: int, megabytes: int) -> Iterator[Slurm]:
    """A SLURM that believes in so much room, whatever this machine has. Nothing outlives it."""
    folder = folder.resolve()
    host, user = socket.gethostname().split(".")[0], psutil.Process().username()
    values = {"host": host, "user": user, "ports": free_ports(2), "folder": folder}
    room = {"partition": partition, "cpus": cpus, "megabytes": megabytes}
    (folder / "slurm.conf").write_text(CONF.format(**values, **room))
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    slurm = Slurm(folder)
    try:
        start_munged(slurm)
        start(slurm, "Running as primary controller", "slurmctld", "-D")
        start(slurm, "slurmd started", "slurmd", "-D", "-N", "node")
        with jobs_ended(slurm):
            yield slurm
    finally:
        end_all(folder)


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        ends = [stack.enter_context(socket.socket()) for _ in range(count)]
        for end in ends:
            end.bind(("127.0.0.1", 0))
        return [end.getsockname()[1] for end in ends]


def start_munged(slurm: Slurm) -> None:
    """The daemon that signs SLURM's messages. It forces: nobody else has to reach its socket."""
    key = slurm.folder / "munge.key"
    key.touch(0o600)
    key.write_bytes(secrets.token_bytes(1024))
    place = slurm.folder / "munge"
    options = [f"--{name}-file={place}.{name}" for name in ("key", "log", "pid", "seed")]
    options += [f"--socket={place}.socket", "--force", "--foreground"]
    start(slurm, "Created socket", "munged", *options)


def start(slurm: Slurm, sign: str, *command: str) -> None:
    """Start a daemon and read what it says until it says that it is ready."""
    process = subprocess.Popen(
        command,
        cwd=slurm.folder,
        env=slurm.environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    said = []
    for line in process.stderr:
        said.append(line)
        if sign in line:
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return
    raise RuntimeError("".join(said))


@contextlib.contextmanager
def jobs_ended(slurm: Slurm) -> Iterator[None]:
    """Whatever happens inside, SLURM ends its jobs, if it still can."""
    try:
        yield
    finally:
        with contextlib.suppress(subprocess.SubprocessError):
            slurm.run("scancel", "--me", timeout=60)
            slurm.run("sbatch", "--wait", "--exclusive", "--wrap=true", "-o/dev/null", timeout=60)


def end_all(folder: Path) -> None:
    """Kill the daemons and what is left of their jobs."""
    while ours := [process for process in psutil.process_iter() if is_of(folder, process)]:
        for process in ours:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(ours)


def is_of(folder: Path, process: psutil.Process) -> bool:
    """Daemons and slurmstepd, which clears its environment, stay in the folder; jobs know of it."""
    try:
        known = process.environ().get("SLURM_CONF")
        return process.cwd() == str(folder) or known == str(folder / "slurm.conf")
    except psutil.Error:
        return False
