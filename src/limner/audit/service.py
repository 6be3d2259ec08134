"""The verbs of this room: write an entry in the transaction of the act that it tells of, and list them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from limner.audit import queries, rules
from limner.audit.models import Actor, Entry, Filter, Subject
from limner.db import Row, Tx


async def write(
    tx: Tx,
    *,
    id_: UUID,
    actor: Actor,
    verb: str,
    subject: Subject,
    details: Mapping[str, Any] | None = None,
    now: datetime,
) -> None:
    """Write down what is being done. It stands if the act does; what is called like a secret in `details` is masked."""
    await tx.run(
        queries.ADD,
        id_,
        actor.account_id,
        verb,
        subject.kind,
        subject.id,
        subject.label,
        rules.masked(details or {}),
        actor.trace_id,
        actor.sender,
        now,
    )


async def entries(tx: Tx, *, which: Filter, count: int) -> list[Entry]:
    """Up to `count` entries to which all that is given applies, newest first."""
    given = {field.name: getattr(which, field.name) for field in fields(which)}
    given = {name: value for name, value in given.items() if value is not None}
    if which.verb is not None:
        given["verb"] = rules.like_beginning(which.verb)
    if which.text is not None:
        given["text"] = rules.like(which.text)
    rows = await tx.rows(queries.listed(tuple(given)), *given.values(), count)
    return [_entry(row) for row in rows]


async def verbs(tx: Tx) -> list[str]:
    """Every verb that there is an entry of, sorted."""
    return [row["verb"] for row in await tx.rows(queries.VERBS)]


def _entry(row: Row) -> Entry:
    return Entry(
        id=row["id"],
        actor=Actor(account_id=row["actor_id"], trace_id=row["trace_id"], sender=row["sender"]),
        verb=row["verb"],
        subject=Subject(kind=row["kind"], id=row["subject"], label=row["label"]),
        details=row["details"],
        created_at=row["created_at"],
    )
