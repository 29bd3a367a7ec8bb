"""Messages between judge and player over a socket, each with its length before it, as
`multiprocessing.connection.Connection` writes them on the player's side.

A message is a line of JSON with named blobs behind it. Every step of the judge's has a deadline: a
player may send half a message, or stop reading.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import time

MAX_MESSAGE = 16 * 2**20
MAX_LINE = 2**20  # of an answer; its blobs come on top
UNREADABLE = (
    ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError,
)  # fmt: skip


class WireError(Exception):
    """The other side is gone, or sends what no player sends."""


def joined(about: dict, blobs: dict[str, bytes]) -> bytes:
    """One message."""
    sizes = {name: len(blob) for name, blob in blobs.items()}
    line = json.dumps(about | {"sizes": sizes}).encode()
    return b"\n".join([line, b"".join(blobs.values())])


def parted(message: bytes, max_line: int = MAX_MESSAGE) -> tuple[dict, dict[str, bytes]]:
    """What `joined` was given. Raises WireError where that cannot be."""
    line, _, rest = message.partition(b"\n")
    try:
        about = json.loads(line) if len(line) <= max_line else None
        sizes = about.pop("sizes")
        blobs, at = {}, 0
        for name, size in sizes.items():
            blobs[name], at = rest[at : at + int(size)], at + int(size)
    except UNREADABLE as error:
        raise WireError("its answer cannot be read") from error
    if at != len(rest) or any(len(blobs[name]) != size for name, size in sizes.items()):
        raise WireError("its answer is not as long as it says")
    return about, blobs


class Wire:
    """The judge's end. Raises TimeoutError where the deadline passes, else WireError."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, message: bytes, deadline: float) -> None:
        """All at once: the player wakes up once."""
        try:
            self._end.settimeout(_left(deadline))
            self._end.sendall(struct.pack("!i", len(message)) + message)
        except TimeoutError:
            raise
        except OSError as error:
            raise WireError("it ended before it was asked") from error

    def receive(self, deadline: float) -> bytes:
        (length,) = struct.unpack("!i", self._exactly(4, deadline))
        if not 0 <= length <= MAX_MESSAGE:
            raise WireError("its answer is too large")
        return self._exactly(length, deadline)

    def unasked(self) -> bool:
        """Whether something came that nobody asked for, or the other side is gone."""
        waiting = select.poll()
        waiting.register(self._end, select.POLLIN)
        return bool(waiting.poll(0))

    def close(self) -> None:
        self._end.close()

    def _exactly(self, count: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < count:
            try:
                self._end.settimeout(_left(deadline))
                part = self._end.recv(min(count - len(data), 2**16))
            except TimeoutError:
                raise
            except OSError as error:
                raise WireError(type(error).__name__) from error
            if not part:
                raise WireError("it ended before it answered")
            data += part
        return bytes(data)


def _left(deadline: float) -> float:
    """Seconds until then; a little where it has passed, because 0 would mean not to wait at all."""
    return max(deadline - time.monotonic(), 1e-3)
