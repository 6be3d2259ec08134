"""Each fault has a database of its own: what it leaves behind is what is looked at.

`make fault` runs everything here, LIMNER_FAULT_KILLS says at what length; without it (`make test`) the scenes that take
long are left out.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

LONG = ["test_kills.py", "test_outages.py", "test_machines.py"]

collect_ignore = [] if "LIMNER_FAULT_KILLS" in os.environ else LONG


@pytest.fixture
def fresh_database_url(new_database: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    with new_database() as url:
        yield url


@pytest.fixture
def kills() -> int:
    """How many nodes are killed in a scene: one half of all."""
    return max(2, int(os.environ["LIMNER_FAULT_KILLS"]) // 2)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Figures are shown whether the test passes or not."""

    def shown(line: str) -> None:
        with capsys.disabled():
            print(f"\n   {line}", flush=True)  # noqa: T201

    return shown


@pytest.fixture
def seed(say: Callable[[str], None]) -> int:
    """What chance follows from; LIMNER_FAULT_SEED plays a scene again as far as processes allow."""
    seed = int(os.environ.get("LIMNER_FAULT_SEED") or random.SystemRandom().randrange(1_000_000))
    say(f"LIMNER_FAULT_SEED={seed}")
    return seed
