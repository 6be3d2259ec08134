"""From names to addresses: the port through which `Outbound` asks, and the system's own way of answering."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Protocol

from limner.kit.outbound.address import IPAddress


class Resolver(Protocol):
    """Looks names up."""

    async def addresses(self, name: str, /) -> Sequence[IPAddress]:
        """All addresses of `name`, IPv4 and IPv6, best first. Raises `OSError` (`TimeoutError` too) if there are none."""
        ...


class SystemResolver:
    """Asks the system (hosts file, DNS) in threads of its own.

    A lookup cannot be stopped once it runs, and a stranger's name server may never answer: so the threads are few, and
    nobody else waits for them. Whoever gets no answer within `seconds` is told so.
    """

    def __init__(self, *, seconds: float = 5.0, threads: int = 16) -> None:
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolver")

    async def addresses(self, name: str, /) -> Sequence[IPAddress]:
        """All addresses of `name`, in the system's order. Raises `OSError`, `TimeoutError` after `seconds`."""
        async with asyncio.timeout(self._seconds):
            return await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, name)

    def close(self) -> None:
        """Ask nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(name: str) -> list[IPAddress]:
    # Without AI_ADDRCONFIG: an address that this machine could not reach must still be seen by the rules.
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return [ip_address(address[0]) for *_, address in found]
