"""The storage: where picture files lie. This file is the whole contract, and finds the plugs beside it.

A plug is one file in this package, named after its URL scheme, with a class `Plug` that fits `Storage`. It knows nothing
of tasks, links or accounts: keys are paths like `2026-11-22/<id>_0.png`, written once and never changed.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import urlsplit

from limner.domain.problem import Problem


class FileMissing(Problem):
    """There is no file of that key."""

    code = "file_missing"
    status = 404


class StorageFailed(Problem):
    """The storage would not take or give a file."""

    code = "storage_failed"
    status = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """What is known of a file without reading it. `etag` comes without quotes."""

    bytes: int
    etag: str
    modified_at: datetime


class Storage(Protocol):
    """What every storage is."""

    async def open(self) -> None:
        """Check that files can be kept. Raises `StorageFailed` with what to do."""

    async def close(self) -> None:
        """Let go of what `open` took."""

    async def put(self, key: str, data: bytes) -> None:
        """Keep a whole file: it is there entirely, or not at all. Raises `StorageFailed`."""

    async def put_file(self, key: str, path: Path) -> None:
        """The same with what a file on this machine holds, of which only parts are in memory at a time."""

    async def head(self, key: str) -> StoredFile:
        """What is known of the file. Raises `FileMissing`."""
        ...

    def read(self, key: str, *, start: int, end: int) -> AsyncGenerator[bytes]:
        """The bytes from `start` up to, not including, `end`, in pieces. Raises `FileMissing`."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the file, if it is there."""

    def keys(self, prefix: str) -> AsyncGenerator[str]:
        """The keys that begin with `prefix`, which holds at least one whole folder."""
        ...


class MakesStorage(Protocol):
    """A plug's class: it is made from its address."""

    def __call__(self, url: str) -> Storage:
        """Make the storage; an address that it cannot read raises ValueError with a sentence."""
        ...


def discover() -> list[str]:
    """The URL schemes that there are plugs for."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def load(url: str) -> Storage:
    """The storage at an address, not yet open. Raises `StorageFailed` for an address that no plug reads."""
    scheme = urlsplit(url).scheme
    if scheme not in discover():
        raise StorageFailed(
            f"there is no storage for '{scheme or url}': an address begins with {', '.join(f'{s}:' for s in discover())}"
        )
    plug = cast("MakesStorage", importlib.import_module(f"{__name__}.{scheme}").Plug)
    try:
        return plug(url)
    except ValueError as error:
        raise StorageFailed(f"the storage address cannot be used: {error}") from None
