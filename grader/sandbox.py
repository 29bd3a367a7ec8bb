"""Confines a player before any student code runs. Every layer stands alone; missing ones are named.

namespaces  own user, pid, mount, network, IPC and UTS namespaces, and a root of its own that shows
            the Python environment read-only and one private tmp (Linux, where allowed)
landlock    no file outside that, no TCP port (Linux 5.13)
seccomp     no new programs, namespaces, sockets, tracing or kernel interfaces (libseccomp)
limits      memory, processor time, processes, open files, file size (every Unix)
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import resource
import socket
import sys
from dataclasses import dataclass
from glob import glob
from pathlib import Path

import psutil

import course_utils
from grader.paths import SOLUTIONS

try:  # both look around when they are imported: that must happen outside
    import landlockpy
    from landlockpy import AccessFS, LandlockError, Ruleset, Scope
except ImportError:
    landlockpy = None
try:
    import pyseccomp as sc
except (ImportError, OSError, RuntimeError):  # the binding, or libseccomp itself, is missing
    sc = None

LAYERS = ("namespaces", "landlock", "seccomp", "limits")
ENOUGH = ({"namespaces", "limits"}, {"landlock", "seccomp", "limits"})  # for work of strangers
NOBODY = 65534
NEW_ROOT = "/tmp"  # only a place to hang the new root on; nothing of the real /tmp is shown
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
GPU_DEVICES = "/dev/nvidia*"
TMPFS = b"size=128m,nr_inodes=4096,mode=1777"

CLONE_NEW = {
    "user": 0x10000000, "mount": 0x20000, "pid": 0x20000000, "network": 0x40000000,
    "ipc": 0x8000000, "uts": 0x4000000, "cgroup": 0x2000000,
}  # fmt: skip
UNSHARED = ("user", "mount", "pid", "network", "ipc", "uts")
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (
    1, 2, 4, 32, 4096, 16384, 1 << 18,
)  # fmt: skip
# statvfs flag -> mount flag: those that are locked, and must be given again
KEPT_FLAGS = {8: 8, 1024: 1024, 2048: 2048, 4096: 1 << 21}
MNT_DETACH, PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 2, 1, 4, 38
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}.get(platform.machine())

FORBIDDEN_CALLS = (
    "execve", "execveat", "mount", "umount2", "pivot_root", "chroot", "setns", "unshare",
    "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd",
    "kcmp", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "keyctl", "add_key", "request_key", "init_module", "finit_module",
    "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "acct",
    "syslog", "quotactl", "open_by_handle_at", "name_to_handle_at", "sethostname",
    "setdomainname", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "iopl",
    "ioperm", "personality", "fanotify_init", "lookup_dcookie", "vhangup", "nfsservctl",
    "fork", "vfork", "memfd_create", "memfd_secret", "shmget", "shmat", "semget", "msgget",
    "mq_open",
)  # fmt: skip
CLONE_THREAD = 0x10000  # a player may start threads; what it holds is then bounded by one limit


@dataclass(frozen=True)
class Limits:
    """Ceilings of one player. Memory is what it may take beyond what it holds when it starts.

    With `gpu` it sees the GPUs, and address space that is only reserved does not count: CUDA
    reserves more than there is memory.
    """

    gpu: bool
    held: int
    memory: int
    cpu_seconds: int = 600
    processes: int = 64
    open_files: int = 256
    file_size: int = 32 * 2**20

    @classmethod
    def now(cls, gpu: bool = False) -> Limits:
        """For players that are forked from this process."""
        held = psutil.Process().memory_info()
        return cls(gpu, held.data if gpu else held.vms, (16 if gpu else 2) * 2**30)

    def devices(self) -> list[str]:
        """Device files that a player may use."""
        shown = (*DEVICES, *(sorted(glob(GPU_DEVICES)) if self.gpu else ()))
        return [path for path in shown if os.path.exists(path) and not os.path.isdir(path)]


def look_around() -> None:
    """What is looked up once, before any fork: landlockpy starts a program to find libc."""
    if landlockpy:
        landlockpy.supported()


def enough(layers) -> bool:
    """Whether these layers suffice to run a stranger's code."""
    return any(needed <= set(layers) for needed in ENOUGH)


def isolate(tell_pid, ask_for_user, devices: list[str]) -> set[str]:
    """Called in a fresh fork. Moves on in namespaces of its own if the system allows it.

    `tell_pid(pid)` is called by the parent's side with the id of the process that goes on; the
    caller's process ends there. `ask_for_user()` has `map_user` called outside, and says whether
    that worked. Returns the layers that are in force.
    """
    if sys.platform != "linux" or PIVOT_ROOT is None or not (_unshare() and ask_for_user()):
        tell_pid(os.getpid())
        return set()
    pid = os.fork()  # the first process of the new pid namespace
    if pid:
        tell_pid(pid)
        os._exit(0)
    return {"namespaces"} if _own_root(devices) else set()


def _unshare() -> bool:
    """New namespaces for this process."""
    return _libc().unshare(sum(CLONE_NEW[name] for name in UNSHARED)) == 0


def map_user(pid: int) -> bool:
    """Make a process in a new user namespace nobody, or who it was where that is not root.

    Only from outside may root map another user.
    """
    uid, gid = os.geteuid(), os.getegid()
    uid, gid = (NOBODY, NOBODY) if uid == 0 else (uid, gid)
    try:
        Path(f"/proc/{pid}/setgroups").write_text("deny")
        Path(f"/proc/{pid}/uid_map").write_text(f"0 {uid} 1")
        Path(f"/proc/{pid}/gid_map").write_text(f"0 {gid} 1")
    except OSError:
        return False
    return True


def readable_places() -> list[str]:
    """What a player needs to see: the Python environment, its libraries, and course_utils."""
    wanted = [sys.prefix, sys.base_prefix, "/usr", "/lib", "/lib64", "/etc/ld.so.cache"]
    wanted.append(str(Path(course_utils.__file__).resolve().parent))
    return [place for place in dict.fromkeys(wanted) if os.path.exists(place)]


def hidden_places() -> list[str]:
    """What lies beside what a player sees, should this package be installed there."""
    return [str(place) for place in (Path(__file__).resolve().parent, SOLUTIONS)]


def _own_root(devices: list[str]) -> bool:
    """A root with `readable_places`, read-only, some devices, an empty tmp, and nothing else of the
    machine."""
    try:
        _mount(None, "/", None, MS_REC | MS_PRIVATE)
        places = readable_places()
        sources = {place: os.open(place, os.O_PATH) for place in places}  # as who we were
        os.setresgid(0, 0, 0)  # from here on nobody, who is called root in here
        os.setresuid(0, 0, 0)
        _mount(b"tmpfs", NEW_ROOT, b"tmpfs", MS_NOSUID | MS_NODEV, TMPFS)
        for place, fd in sources.items():
            _show(fd, NEW_ROOT + place)
        for place in filter(os.path.isdir, (NEW_ROOT + hidden for hidden in hidden_places())):
            _mount(b"tmpfs", place, b"tmpfs", MS_RDONLY, b"size=4k")
        for device in devices:
            _show_file(device, NEW_ROOT + device)
        for name in ("tmp", "dev/shm", "proc"):
            os.makedirs(f"{NEW_ROOT}/{name}", exist_ok=True)
        with contextlib.suppress(OSError):  # a container may hide /proc in part; then none is shown
            _mount(b"proc", f"{NEW_ROOT}/proc", b"proc", MS_NOSUID | MS_NODEV)
        os.chdir(NEW_ROOT)
        _check(_libc().syscall(PIVOT_ROOT, b".", b"."))
        _check(_libc().umount2(b".", MNT_DETACH))
        os.chdir("/tmp")
        socket.sethostname("player")
    except OSError:
        return False
    return True


def _show(fd: int, target: str) -> None:
    """Bind what `fd` points to, read-only."""
    source = f"/proc/self/fd/{fd}"
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        Path(target).touch()
    _mount(source.encode(), target, None, MS_BIND | MS_REC)
    held = sum(ms for st, ms in KEPT_FLAGS.items() if os.statvfs(target).f_flag & st)
    _mount(None, target, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | held)
    os.close(fd)


def _show_file(source: str, target: str) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    Path(target).touch()
    _mount(source.encode(), target, None, MS_BIND)


def confine(limits: Limits, folder: str) -> set[str]:
    """The layers that need no new process. `folder` is the one that it may write to.

    Returns the layers that are in force.
    """
    if sys.platform == "linux":
        _libc().prctl(PR_SET_DUMPABLE, 0)
    _set_limits(limits)
    found = {"limits"}
    if sys.platform == "linux" and _landlock(folder, limits.devices()):
        found.add("landlock")
    if sys.platform == "linux" and _seccomp():
        found.add("seccomp")
    return found


def _set_limits(limits: Limits) -> None:
    memory = resource.RLIMIT_DATA if limits.gpu else resource.RLIMIT_AS
    for what, most in (
        (memory, limits.held + limits.memory),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_NPROC, limits.processes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_FSIZE, limits.file_size),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # a lower hard limit is as good
            resource.setrlimit(what, (most, most))


def _landlock(folder: str, devices: list[str]) -> bool:
    if not (landlockpy and landlockpy.supported()):
        return False
    read = AccessFS.READ_FILE | AccessFS.READ_DIR
    write = read | AccessFS.WRITE_FILE | AccessFS.MAKE_REG | AccessFS.MAKE_DIR
    write |= AccessFS.REMOVE_FILE | AccessFS.REMOVE_DIR | AccessFS.TRUNCATE
    try:
        with Ruleset(scoped=Scope.ABSTRACT_UNIX_SOCKET | Scope.SIGNAL) as rules:
            for place in readable_places():
                is_file = os.path.isfile(place)
                rules.allow_path(place, AccessFS.READ_FILE if is_file else read)
            for device in devices:
                use = AccessFS.READ_FILE | AccessFS.WRITE_FILE
                rules.allow_path(device, use if device in DEVICES else use | AccessFS.IOCTL_DEV)
            rules.allow_path(folder, write)
            rules.restrict()
    except (LandlockError, OSError):
        return False
    return True


def _seccomp() -> bool:
    if sc is None:
        return False
    rules = sc.SyscallFilter(sc.ALLOW)
    for name in FORBIDDEN_CALLS:
        with contextlib.suppress(OSError, ValueError):  # not on this architecture
            rules.add_rule(sc.ERRNO(errno.EPERM), name)
    rules.add_rule(sc.ERRNO(errno.EPERM), "socket", sc.Arg(0, sc.NE, socket.AF_UNIX))
    rules.add_rule(sc.ERRNO(errno.ENOSYS), "clone3")  # glibc then uses clone, whose flags show
    rules.add_rule(sc.ERRNO(errno.EPERM), "clone", sc.Arg(0, sc.MASKED_EQ, CLONE_THREAD, 0))
    for flag in CLONE_NEW.values():
        rules.add_rule(sc.ERRNO(errno.EPERM), "clone", sc.Arg(0, sc.MASKED_EQ, flag, flag))
    rules.load()
    return True


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _mount(source, target: str, kind, flags: int, options=None) -> None:
    _check(_libc().mount(source, target.encode(), kind, ctypes.c_ulong(flags), options))
