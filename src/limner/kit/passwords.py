"""Passwords as hashes: argon2id, in threads of their own, and no slower to say no to a stranger than to a friend."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from argon2 import PasswordHasher

_Result = TypeVar("_Result")
_THREADS: Final = 2


class Passwords:
    """Hashes and checks. `memory_kib`, `rounds`: what each costs; the defaults take some 50 ms and 46 MiB.

    At most two are under way at once, so that a crowd at the login page takes neither the memory nor the server's loop.
    """

    def __init__(self, *, memory_kib: int = 47_104, rounds: int = 2) -> None:
        self._memory_kib = memory_kib
        self._rounds = rounds

    async def hashed(self, password: str) -> str:
        """What to keep of a new password."""
        return await self._in_thread(lambda: self._hasher.hash(_bytes_of(password)))

    async def matches(self, password: str, *, kept: str | None) -> bool:
        """Whether it is the password of that hash. None, and hashes that are none, take as long to deny as any other."""
        return await self._in_thread(lambda: self._matches(password, kept))

    def is_outdated(self, kept: str) -> bool:
        """Whether a hash was made otherwise than it would be made now."""
        return self._hasher.check_needs_rehash(kept)

    def _matches(self, password: str, kept: str | None) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            self._hasher.verify(kept or self._nobodys, _bytes_of(password))
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None

    @functools.cached_property
    def _hasher(self) -> PasswordHasher:
        from argon2 import PasswordHasher

        return PasswordHasher(time_cost=self._rounds, memory_cost=self._memory_kib, parallelism=1)

    @functools.cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash(b"nobody's")

    @functools.cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_THREADS, thread_name_prefix="passwords")

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _bytes_of(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
