"""How memory is used sparingly: a server that moves megabytes asks for the same megabytes again in a moment."""

from __future__ import annotations

import ctypes
import io
import sys
from collections.abc import AsyncIterable
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
_KEPT_BYTES: Final = 256 * 2**20
_SMALL_ENOUGH_BYTES: Final = 32 * 2**20
_ARENAS: Final = 2


def keep_large_blocks() -> bool:
    """Have the C library keep what is freed for whoever asks next; whether that could be done.

    By default glibc gives blocks of megabytes back to the system and asks it anew each time, and the system then fills
    every page with zeros: a fifth of all work where answers carry pictures. Few arenas keep it from growing with the threads.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        tune = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library, which has ways of its own
        return False
    wanted = ((_TRIM_THRESHOLD, _KEPT_BYTES), (_MMAP_THRESHOLD, _SMALL_ENOUGH_BYTES), (_ARENA_MAX, _ARENAS))
    done = [tune(name, value) == 1 for name, value in wanted]
    return all(done)


async def joined(pieces: AsyncIterable[bytes], *, length: int) -> bytes:
    """All the pieces as one, `length` bytes in all if nothing is amiss, without having them in memory twice."""
    # What it was made of is its own, so that it is neither copied when it is written to nor when it is given out.
    whole = io.BytesIO(bytes(length))
    async for piece in pieces:
        whole.write(piece)
    whole.truncate()
    return whole.getvalue()
