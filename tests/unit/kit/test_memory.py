from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import AsyncGenerator

import pytest

from limner.kit.memory import joined

_FAULTS = """
import resource
from limner.kit.memory import keep_large_blocks
if {kept}: keep_large_blocks()
def moved():
    for _ in range(20):
        answers = [bytearray(2_000_000) for _ in range(10)]
        del answers
moved()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
moved()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _page_faults(*, kept: bool) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _FAULTS.format(kept=kept)], capture_output=True, text=True, check=True, timeout=60
    )
    return int(done.stdout)


def test_blocks_of_megabytes_are_not_asked_of_the_system_again_and_again() -> None:
    assert _page_faults(kept=True) * 10 < _page_faults(kept=False)


async def test_pieces_are_joined_without_being_there_twice() -> None:
    async def pieces() -> AsyncGenerator[bytes]:
        for number in range(40):
            yield bytes([number]) * 1_000_000

    tracemalloc.start()
    whole = await joined(pieces(), length=40_000_000)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert whole == b"".join([one async for one in pieces()])
    assert most < 44_000_000


@pytest.mark.parametrize("length", [0, 3, 6, 100])
async def test_pieces_that_are_more_or_less_than_was_said_are_all_there(length: int) -> None:
    async def pieces() -> AsyncGenerator[bytes]:
        yield b"ott"
        yield b"er!"

    assert await joined(pieces(), length=length) == b"otter!"
