"""UUIDv7 (RFC 9562): ids that sort by the time they were made, so that new rows land at the end of their index."""

from __future__ import annotations

import os
import time
from uuid import UUID

_RANDOM_BITS = (1 << 74) - 1
_VERSION_7 = 0x7 << 76
_VARIANT_RFC = 0b10 << 62
_LOW_62 = (1 << 62) - 1


def uuid7() -> UUID:
    """A new id: 48 bits of Unix milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    noise = int.from_bytes(os.urandom(10)) & _RANDOM_BITS
    return UUID(int=(milliseconds << 80) | _VERSION_7 | ((noise >> 62) << 64) | _VARIANT_RFC | (noise & _LOW_62))
