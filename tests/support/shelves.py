"""What lies in storage and stands in tables."""

from __future__ import annotations

from typing import Any

from limner.flow.house import House


async def stored_keys(house: House) -> list[str]:
    """Every file in storage."""
    return sorted([key async for key in house.storage.keys(f"{house.clock.now():%Y-%m-%d}/")])


async def task_rows(house: House) -> list[dict[str, Any]]:
    """Every task, oldest first."""
    async with house.database.statement() as tx:
        return [dict(row) for row in await tx.rows("SELECT * FROM tasks ORDER BY id")]


async def image_rows(house: House) -> list[dict[str, Any]]:
    """Every picture, in order."""
    async with house.database.statement() as tx:
        return [dict(row) for row in await tx.rows("SELECT * FROM images ORDER BY task_id, index")]
