"""What a node notices of itself while it works, for whoever asks whether it is ready."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Signs:
    """`listening`: set while the connection that hears of jobs and tasks is up. `storage_failed`: the last file was not kept.

    `has_crews`: this process takes jobs; `crews_run`: it really does so now.
    """

    listening: asyncio.Event = field(default_factory=asyncio.Event)
    storage_failed: bool = False
    has_crews: bool = False
    crews_run: bool = False

    @contextmanager
    def crews_running(self) -> Generator[None]:
        """Jobs are being taken while the block runs."""
        self.crews_run = True
        try:
            yield
        finally:
            self.crews_run = False
