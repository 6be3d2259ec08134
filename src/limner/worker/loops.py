"""Keeps leases alive and sweeps: the same two acts, again and again, until the node stops.

A turn that fails (the database is away, say) is logged and the loop goes on: the next turn may do better.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from limner.flow.house import House
from limner.flow.sweep import extend_leases, sweep
from limner.kit.logs import event

_log = logging.getLogger(__name__)
_LEASE_TURNS = 3  # a lease survives two turns that fail


async def run_loops(house: House) -> None:
    """Run until cancelled."""
    turn_seconds = house.lease_seconds / _LEASE_TURNS
    async with asyncio.TaskGroup() as group:
        group.create_task(_again_and_again("leases", lambda: extend_leases(house), every_seconds=turn_seconds))
        group.create_task(_again_and_again("sweep", lambda: sweep(house), every_seconds=turn_seconds))


async def _again_and_again(name: str, act: Callable[[], Awaitable[object]], *, every_seconds: float) -> None:
    while True:
        try:
            await act()
        except Exception as error:  # noqa: BLE001 - said out loud, and tried again
            event(_log, "loop.failed", level=logging.ERROR, loop=name, error=repr(error))
        await asyncio.sleep(every_seconds)
