"""UUIDv7 (RFC 9562): ids that sort by the time they were made, so that new rows land at the end of their index."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

_RANDOM_BITS = (1 << 74) - 1
_VERSION_7 = 0x7 << 76
_VARIANT_RFC = 0b10 << 62
_LOW_62 = (1 << 62) - 1


_STEP_BITS = 32
_lock = threading.Lock()
_last = 0


def uuid7() -> UUID:
    """A new id: 48 bits of Unix milliseconds, then 74 random bits.

    Those that a process makes sort in the order of their making: within one millisecond, or while the clock stands
    still or goes back, each is the one before it and a random step more.
    """
    global _last  # noqa: PLW0603 - what was made last is the process's
    noise = int.from_bytes(os.urandom(10)) & _RANDOM_BITS
    with _lock:
        ordered = ((time.time_ns() // 1_000_000) << 74) | noise
        if ordered >> 74 <= _last >> 74:
            ordered = _last + 1 + (noise >> (74 - _STEP_BITS))
        _last = ordered
    milliseconds, noise = ordered >> 74, ordered & _RANDOM_BITS
    return UUID(int=(milliseconds << 80) | _VERSION_7 | ((noise >> 62) << 64) | _VARIANT_RFC | (noise & _LOW_62))
