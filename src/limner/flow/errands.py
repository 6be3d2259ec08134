"""What is seen through though nobody waits for it any more: its callers are gone, and it goes on until the server stops."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class Errands:
    """The errands of a node."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[Any]] = set()

    def begin(self, work: Coroutine[Any, Any, _Result]) -> asyncio.Task[_Result]:
        """Begin the work. Whoever drops what is given back does not stop it."""
        errand = asyncio.create_task(work)
        self._under_way.add(errand)
        errand.add_done_callback(self._ended)
        return errand

    async def close(self, *, seconds: float) -> None:
        """Stop what is under way after so long, and wait until it has put away what it had in hand."""
        errands = list(self._under_way)
        if errands:
            await asyncio.wait(errands, timeout=seconds)
        for errand in errands:
            errand.cancel()
        await asyncio.gather(*errands, return_exceptions=True)

    def _ended(self, errand: asyncio.Task[Any]) -> None:
        self._under_way.discard(errand)
        if not errand.cancelled():
            errand.exception()  # whoever waited for it was told; it was logged where it arose
