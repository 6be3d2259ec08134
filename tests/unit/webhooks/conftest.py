"""This room's tables, empty for each scene."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from limner.flow.house import House
from limner.kit.ids import uuid7

TABLES = ("webhook_attempts", "webhook_messages", "webhook_endpoints", "webhook_secrets")


@pytest.fixture
async def hooks(house: House) -> AsyncIterator[House]:
    """A house where nobody has been called yet."""
    yield house
    async with house.database.transaction() as tx:
        for table in TABLES:
            await tx.run(f"DELETE FROM {table}")


@pytest.fixture
def message_values() -> dict[str, Any]:
    """A message's fields, two of them secret."""
    return {
        "id": uuid7(),
        "account_id": uuid7(),
        "task_id": uuid7(),
        "url": "https://example.com/?token=hush",
        "origin": "https://example.com:443",
        "callback_secret": "hush",
        "status": "held",
        "attempts": 0,
        "tried": 0,
        "next_at": None,
        "is_queued": False,
        "created_at": datetime(2026, 11, 22, tzinfo=UTC),
        "ended_at": None,
    }
