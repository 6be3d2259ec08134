"""This process's memory, gone when it ends: `memory://`, or `memory://?bytes_max=1000` for one that fills up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from obstore.store import MemoryStore
from typing_extensions import override

from limner.storage import StorageFailed
from limner.storage._objects import Objects


class Plug(Objects):
    """Files in memory, with a limit if one is given."""

    def __init__(self, url: str) -> None:
        super().__init__(MemoryStore())
        limit = parse_qs(urlsplit(url).query).get("bytes_max", [""])[0]
        if limit and not limit.isdigit():
            raise ValueError(f"bytes_max must be a number, not {limit}")
        self._bytes_left = int(limit) if limit else None

    async def open(self) -> None:
        """There is nothing to get ready."""

    async def close(self) -> None:
        """There is nothing to let go of."""

    @override
    async def put(self, key: str, data: bytes) -> None:
        """Keep a whole file, if there is room."""
        self._take_room(len(data))
        await super().put(key, data)

    @override
    async def put_file(self, key: str, path: Path) -> None:
        """Keep what a file on this machine holds, if there is room."""
        if self._bytes_left is not None:
            self._take_room((await asyncio.to_thread(path.stat)).st_size)
        await super().put_file(key, path)

    def _take_room(self, length: int) -> None:
        if self._bytes_left is not None:
            if length > self._bytes_left:
                raise StorageFailed("the picture could not be stored: the storage is full")
            self._bytes_left -= length
