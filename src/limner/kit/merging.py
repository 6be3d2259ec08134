"""Several streams as one: what any of them yields, as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import Final, TypeVar

_T = TypeVar("_T")
# A consumer that is slower than they are holds them up, instead of having megabytes wait for it.
_WAITING_MAX: Final = 2


async def merged(streams: Sequence[AsyncGenerator[_T]]) -> AsyncGenerator[_T]:
    """What the streams yield, in the order in which it comes.

    One that raises does not stop the others: the first exception is raised when all have ended. Closing it early closes
    them all.
    """
    arrived: asyncio.Queue[_T | None] = asyncio.Queue(maxsize=_WAITING_MAX)
    troubles: list[Exception] = []

    async def drain(stream: AsyncGenerator[_T]) -> None:
        try:
            async with aclosing(stream):
                async for one in stream:
                    await arrived.put(one)
        except Exception as error:  # noqa: BLE001 - raised again below
            troubles.append(error)
        await arrived.put(None)

    tasks = [asyncio.create_task(drain(stream)) for stream in streams]
    running = len(tasks)
    try:
        while running:
            one = await arrived.get()
            if one is None:
                running -= 1
            else:
                yield one
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
    if troubles:
        raise troubles[0]
