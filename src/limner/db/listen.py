"""Hearing what other processes say through the database: PostgreSQL's LISTEN, on a connection of its own.

What is said while nobody is connected is not heard. So whoever waits for something also looks for itself now and then,
and at once when `on_gap` tells that something may have been missed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg

from limner.kit.logs import event

if TYPE_CHECKING:
    _Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]

Hear: TypeAlias = Callable[[str], None]

_log = logging.getLogger(__name__)
_AGAIN_SECONDS: Final = 1.0
_CHECK_SECONDS: Final = 10.0


class Listener:
    """One connection that listens on the channels that were named before it runs."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._hearers: dict[str, list[Hear]] = defaultdict(list)
        self._on_gap: list[Callable[[], None]] = []
        self.is_listening = asyncio.Event()

    def hear(self, channel: str, hearer: Hear) -> None:
        """Have `hearer` called with what is said on `channel`, in the event loop; it must be quick and must not raise."""
        self._hearers[channel].append(hearer)

    def on_gap(self, look: Callable[[], None]) -> None:
        """Have `look` called when something may have been missed."""
        self._on_gap.append(look)

    async def run(self) -> None:
        """Listen until cancelled; a connection that is lost is made anew."""
        while True:
            try:
                await self._listen()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                event(_log, "listener.lost", level=logging.WARNING, error=str(error) or type(error).__name__)
            finally:
                self.is_listening.clear()
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _listen(self) -> None:
        connection: _Connection = await asyncpg.connect(
            self._url, timeout=10, command_timeout=10, server_settings={"application_name": "limner listener"}
        )
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _connection: lost.set())
        try:
            for channel in self._hearers:
                await connection.add_listener(channel, self._heard)
            self.is_listening.set()
            for look in self._on_gap:
                look()
            while not lost.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), _CHECK_SECONDS)
                await connection.execute("SELECT 1")  # a connection that is dead without knowing it says so here
        finally:
            connection.terminate()

    def _heard(self, _connection: object, _pid: object, channel: str, payload: object) -> None:
        for hearer in self._hearers[channel]:
            hearer(str(payload))
