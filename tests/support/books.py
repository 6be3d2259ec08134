"""What must be true of the database and the storage when everything has come to rest, whatever happened before."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from limner.db import Database
from limner.storage import Storage
from support.load import Promise

_UNDER_WAY: Final = """
SELECT (SELECT count(*) FROM tasks WHERE status IN ('queued', 'running')) AS open_tasks,
    (SELECT count(*) FROM tasks WHERE leftovers) AS tasks_to_clear,
    (SELECT count(*) FROM pgqueuer) AS jobs,
    (SELECT count(*) FROM webhook_messages WHERE status IN ('held', 'waiting')) AS callbacks_under_way
"""
# Each of these is zero.
_LEFT: Final = {
    "credits held of accounts": "SELECT coalesce(sum(held), 0) FROM credit_balances",
    "credits held of keys": "SELECT coalesce(sum(held), 0) FROM credit_budgets",
    "requests that count as running": "SELECT coalesce(sum(running), 0) FROM rate_limits",
    "places in lines": "SELECT count(*) FROM job_places",
    "jobs that lines believe in": "SELECT coalesce(sum(released + waiting), 0) FROM job_lines",
    "accounts whose entries are not their balance": """
        SELECT count(*) FROM credit_balances b WHERE balance <>
            (SELECT coalesce(sum(amount), 0) FROM credit_entries e WHERE e.account_id = b.account_id)""",
    "accounts whose entries hold something": """
        SELECT count(*) FROM (SELECT FROM credit_entries GROUP BY account_id HAVING sum(held) <> 0) AS found""",
    "keys whose entries are not what they spent": """
        SELECT count(*) FROM credit_budgets b WHERE spent <>
            (SELECT coalesce(-sum(amount), 0) FROM credit_entries e WHERE e.api_key_id = b.api_key_id)""",
    "tasks without one hold and one end in the book": """
        SELECT count(*) FROM tasks t WHERE
            (SELECT count(*) FROM credit_entries e WHERE e.task_id = t.id AND kind = 'hold') <> 1
            OR (SELECT count(*) FROM credit_entries e WHERE e.task_id = t.id AND kind IN ('charge', 'release')) <> 1""",
    "tasks whose pictures are not what was charged": """
        SELECT count(*) FROM tasks t WHERE charged <> price * (SELECT count(*) FROM images i WHERE i.task_id = t.id)
            OR charged <> (SELECT -sum(amount) FROM credit_entries e WHERE e.task_id = t.id)""",
    "idempotency keys that stand for no task": """
        SELECT count(*) FROM idempotency_keys k WHERE NOT EXISTS (SELECT FROM tasks t WHERE t.id = k.task_id)""",
    "tasks that asked for a callback and have none": """
        SELECT count(*) FROM tasks t WHERE callback_line IS NOT NULL
            AND NOT EXISTS (SELECT FROM webhook_messages m WHERE m.task_id = t.id)""",
}
_DOUBLE_CHARGED: Final = """
SELECT count(*) FROM (
    SELECT FROM credit_entries WHERE kind = 'charge' GROUP BY task_id HAVING count(*) > 1
) AS found
"""
_TASKS: Final = """
SELECT t.id, t.status, t.created_at, t.begun, m.status AS callback
FROM tasks t LEFT JOIN webhook_messages m ON m.task_id = t.id
"""


@dataclass(slots=True, kw_only=True)
class Findings:
    """What was counted. `wrong`: a sentence for everything that must not be."""

    accepted: int
    lost: int
    double_charged: int
    undelivered: int
    leftover_files: int
    missing_files: int
    by_status: dict[str, int]
    begun_again: int
    delivered_again: int
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.accepted} accepted, {self.lost} lost, {self.double_charged} double charged, "
            f"{self.undelivered} undelivered, {self.leftover_files} leftover files, {self.missing_files} missing files; "
            f"tasks {self.by_status}, begun more than once {self.begun_again}, "
            f"called back more than once {self.delivered_again}"
        )


async def until_at_rest(database: Database, *, seconds: float) -> None:
    """Until nothing is under way any more."""
    async with database.statement() as tx:
        try:
            async with asyncio.timeout(seconds):
                while True:
                    row = await tx.row(_UNDER_WAY)
                    assert row is not None
                    if not any(row.values()):
                        return
                    await asyncio.sleep(0.1)
        except TimeoutError:
            pass
    async with database.statement() as tx:
        row = await tx.row(_UNDER_WAY)
        assert row is not None
        if any(row.values()):
            detail = [
                *await tx.rows(
                    "SELECT id, status, begun, has_job, is_async, lease_until, leftovers FROM tasks"
                    " WHERE leftovers OR status IN ('queued', 'running') LIMIT 5"
                ),
                *await tx.rows("SELECT * FROM pgqueuer LIMIT 5"),
                *await tx.rows(
                    "SELECT id, task_id, status, attempts, tried, next_at, is_queued FROM webhook_messages"
                    " WHERE status IN ('held', 'waiting') LIMIT 5"
                ),
                await tx.value("SELECT clock_timestamp()"),
            ]
            shown = "\n".join(str(one) for one in detail)
            raise AssertionError(f"after {seconds} s there is still under way: {dict(row)}\n{shown}")


async def examine(
    database: Database, storage: Storage, *, promises: Sequence[Promise], delivered: Mapping[str, Sequence[bool]]
) -> Findings:
    """Compare what callers were told and what receivers heard with the database and the storage."""
    async with database.statement() as tx:
        rows = {str(row["id"]): row for row in await tx.rows(_TASKS)}
        left = {what: int(await tx.value(sql)) for what, sql in _LEFT.items()}
        double_charged = int(await tx.value(_DOUBLE_CHARGED))
        known = {row["storage_key"] for row in await tx.rows("SELECT storage_key FROM images")}
    wrong = [f"{what}: {count}" for what, count in left.items() if count]
    lost = [one for one in promises if one.task_id not in rows]
    lost += [
        one for one in promises if one.answered and one.task_id in rows and rows[one.task_id]["status"] != "succeeded"
    ]
    called = {task_id for task_id, row in rows.items() if row["callback"] is not None}
    called |= {one.task_id for one in promises if one.has_callback}
    undelivered = [task_id for task_id in called if not delivered.get(task_id)]
    for task_id in sorted(called - set(undelivered)):
        row = rows.get(task_id)
        if row is not None and set(delivered[task_id]) != {row["status"] == "succeeded"}:
            wrong.append(f"the receiver heard {delivered[task_id]} of the task {task_id}, which has {row['status']}")
        if row is not None and row["callback"] != "delivered":
            wrong.append(f"the callback of {task_id} was answered well and is {row['callback']}")
    stored = {
        key for day in {f"{row['created_at']:%Y-%m-%d}/" for row in rows.values()} async for key in storage.keys(day)
    }
    findings = Findings(
        accepted=len(promises),
        lost=len(lost),
        double_charged=double_charged,
        undelivered=len(undelivered),
        leftover_files=len(stored - known),
        missing_files=len(known - stored),
        by_status=dict(Counter(str(row["status"]) for row in rows.values())),
        begun_again=sum(row["begun"] > 1 for row in rows.values()),
        delivered_again=sum(len(heard) > 1 for heard in delivered.values()),
        wrong=wrong,
    )
    for what, found in (
        ("lost", [one.task_id for one in lost]),
        ("undelivered", undelivered),
        ("files without a row", sorted(stored - known)),
        ("rows without a file", sorted(known - stored)),
    ):
        if found:
            wrong.append(f"{what}: {', '.join(str(one) for one in found[:5])}")
    if double_charged:
        wrong.append(f"tasks charged twice: {double_charged}")
    return findings


async def performers(database: Database) -> dict[UUID, int]:
    """How many tasks each node has ended well."""
    async with database.statement() as tx:
        rows = await tx.rows("SELECT node_id, count(*) AS count FROM tasks WHERE status = 'succeeded' GROUP BY node_id")
    return {row["node_id"]: row["count"] for row in rows}
