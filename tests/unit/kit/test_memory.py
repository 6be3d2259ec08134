from __future__ import annotations

import subprocess
import sys

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
