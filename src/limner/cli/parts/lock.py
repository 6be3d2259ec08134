"""One server per data folder: a lock that says who has it, and that the kernel lets go of when its holder dies."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from limner.cli.parts.trouble import Trouble

LOCK_FILE: Final = "server.lock"
_LONGEST: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The server that has the folder. `calls_itself`: callbacks may go to this machine, as it was started."""

    pid: int
    url: str
    calls_itself: bool = False


@contextmanager
def only_server(folder: Path, *, url: str, calls_itself: bool = False) -> Generator[None]:
    """Be the one server of the folder. Raises `Trouble`, naming the other one.

    A POSIX record lock: unlike flock's, it does not go on in forked children that outlive a killed server.
    """
    holder = Holder(pid=os.getpid(), url=url, calls_itself=calls_itself)
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise Trouble(_taken(_read(descriptor), folder=folder)) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder_of(folder: Path) -> Holder | None:
    """The server that has the folder now; None when there is none. For looking only: it may change at any moment."""
    try:
        descriptor = os.open(folder / LOCK_FILE, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return _read(descriptor)
    finally:
        os.close(descriptor)
    return None


def _read(descriptor: int) -> Holder | None:
    """What the holder wrote; None in the instant before it has."""
    try:
        return Holder(**json.loads(os.pread(descriptor, _LONGEST, 0)))
    except (ValueError, TypeError):
        return None


def _taken(holder: Holder | None, *, folder: Path) -> str:
    who = f"another limner (pid {holder.pid})" if holder else "another limner"
    where = f" at {holder.url}" if holder else ""
    return f"{who} serves the folder {folder}{where}: use that one, or give another folder with --data-dir"
