"""How a pool and a device process talk: frames of two lengths, a pickled message, and the bytes of a picture as they are.

Standard library only, and blocking: a pool reads in a thread of its own, so that a large picture is copied once, straight
from the pipe into the bytes that are stored, while the server does other things.
"""

from __future__ import annotations

import contextlib
import fcntl
import pickle
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from limner.engines.diffusers_local.work import Done, Unfinished

if TYPE_CHECKING:
    from limner.engines.diffusers_local.work import Job, Opened, Setup, Told, Trouble

_LENGTHS: Final = struct.Struct(">QQ")
_PIPE_BYTES: Final = 1 << 20
_SET_PIPE_SIZE: Final = getattr(fcntl, "F_SETPIPE_SZ", None)


# to a device --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Open:
    """The first message: load this, and paint once for nobody, `warm` pixels wide and high."""

    setup: Setup
    warm: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Paint:
    """Paint these in one go. `call` counts up."""

    call: int
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nobody wants job `number` of that call any more."""

    call: int
    number: int


# from a device ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is loaded; `notes`: what warming up found out."""

    opened: Opened
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotOpened:
    """It could not be loaded; the process ends."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Heard:
    """What the studio tells of job `number`; `told` travels without the bytes of its picture, which come behind."""

    call: int
    number: int
    told: Told


@dataclass(frozen=True, slots=True)
class Over:
    """The call is over, with or without trouble. `bytes_used`: of the device's memory."""

    call: int
    trouble: Trouble | None = None
    bytes_used: int | None = None
    seconds: float = 0.0


def write(stream: BinaryIO, message: Any) -> None:
    """One frame. Raises OSError where nobody reads any more."""
    data = b""
    if isinstance(message, Heard) and isinstance(message.told, Unfinished | Done):
        data = message.told.data
        message = replace(message, told=replace(message.told, data=b""))
    packed = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    _all(stream, _LENGTHS.pack(len(packed), len(data)) + packed)
    if data:
        _all(stream, data)


def read(stream: BinaryIO) -> Any | None:
    """The next message; None: the other side is gone. `stream` is buffered."""
    with contextlib.suppress(OSError, ValueError):
        lengths = stream.read(_LENGTHS.size)
        if len(lengths) == _LENGTHS.size:
            packed_length, data_length = _LENGTHS.unpack(lengths)
            packed = stream.read(packed_length)
            data = stream.read(data_length) if data_length else b""
            if len(packed) == packed_length and len(data) == data_length:
                message = pickle.loads(packed)  # noqa: S301 - our own child or parent wrote it
                return replace(message, told=replace(message.told, data=data)) if data else message
    return None


def widen(stream: BinaryIO) -> None:
    """Let a pipe hold more than a system gives it by itself; where that is not to be had, it stays as it is."""
    if _SET_PIPE_SIZE is not None:
        with contextlib.suppress(OSError):
            fcntl.fcntl(stream.fileno(), _SET_PIPE_SIZE, _PIPE_BYTES)


def _all(stream: BinaryIO, data: bytes) -> None:
    """Everything: a raw stream may take less at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[stream.write(rest) or 0 :]
