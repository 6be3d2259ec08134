"""Storages with a part to play, around a real one."""

from __future__ import annotations

import asyncio

from typing_extensions import override

from limner.storage import StorageFailed, memory


class Stuck(memory.Plug):
    """Removes nothing until it is mended."""

    def __init__(self) -> None:
        super().__init__("memory://")
        self.is_mended = False

    @override
    async def delete(self, key: str) -> None:
        if not self.is_mended:
            raise StorageFailed("the picture could not be removed from the storage")
        await super().delete(key)


class SlowToAnswer(memory.Plug):
    """Keeps a file at once and takes for ever to say so."""

    def __init__(self) -> None:
        super().__init__("memory://")

    @override
    async def put(self, key: str, data: bytes) -> None:
        await super().put(key, data)
        await asyncio.Event().wait()


class AtOnce(memory.Plug):
    """Is never in the middle of something: what is cancelled has not begun, or is done."""

    def __init__(self) -> None:
        super().__init__("memory://")

    @override
    async def put(self, key: str, data: bytes) -> None:
        putting = asyncio.ensure_future(super().put(key, data))
        try:
            await asyncio.shield(putting)
        except asyncio.CancelledError:
            await putting
            raise
