"""The verbs of this room. The bytes are not here but in storage: a row is written before them and removed after them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from limner.db import Row, Tx
from limner.files import queries, rules
from limner.files.models import EVERY, File, Wanted


async def begin(tx: Tx, *, file: File, until: datetime, bytes_max: int) -> bool:
    """Announce a file whose bytes are about to be stored, which must have happened by `until`.

    False: the account would have more than `bytes_max` bytes here.
    """
    may: bool = await tx.value(
        queries.BEGIN,
        file.id,
        file.account_id,
        file.name,
        file.purpose,
        file.media_type,
        file.bytes,
        file.width,
        file.height,
        bytes.fromhex(file.sha256),
        file.alpha,
        file.url,
        list(file.notes),
        file.is_listed,
        file.storage_key,
        file.created_at,
        until,
        bytes_max,
    )
    return may


async def stored(tx: Tx, *, file: File, now: datetime) -> bool:
    """Its bytes are there: it is there for everybody, until it expires. False: it was removed in the meantime."""
    return bool(await tx.run(queries.STORED, file.id, now, file.expires_at))


async def files_of(
    tx: Tx, *, account_id: UUID | None, ids: Sequence[UUID], now: datetime, also_ended: bool = False
) -> dict[UUID, File]:
    """Those of these files that there are, by their ids; `account_id` None: whoever's.

    `also_ended`: also those that have expired or were deleted, and lie there still.
    """
    rows = await tx.rows(queries.OF_IDS, list(ids), account_id, None if also_ended else now)
    return {row["id"]: _file(row) for row in rows}


async def like(tx: Tx, *, prefix: str, now: datetime) -> list[File]:
    """The files whose ids begin so, anybody's; of several, two."""
    ids = rules.id_range(prefix)
    return [] if ids is None else _files(await tx.rows(queries.BETWEEN, *ids, now))


async def listed(tx: Tx, *, account_id: UUID, which: Wanted = EVERY, count: int, now: datetime) -> list[File]:
    """Up to `count` of the files that the account has put here by itself."""
    sql = queries.OLDEST_FIRST if which.order == "asc" else queries.NEWEST_FIRST
    return _files(await tx.rows(sql, account_id, now, which.purpose, which.after, count))


async def every(tx: Tx, *, account_id: UUID | None, count: int, now: datetime) -> list[File]:
    """Up to `count` files, listed or not, the newest first; `account_id` None: everybody's."""
    return _files(await tx.rows(queries.OF_ALL, account_id, now, count))


async def end(tx: Tx, *, id_: UUID, account_id: UUID | None, now: datetime) -> File | None:
    """From now on nobody is given the file; `account_id` None: whoever's it is. None: there is no such file."""
    row = await tx.row(queries.END, id_, account_id, now)
    return None if row is None else _file(row)


async def end_all(tx: Tx, *, account_id: UUID, now: datetime) -> None:
    """The same for all of an account's files, also for those whose bytes are about to be stored."""
    await tx.run(queries.END_ALL, account_id, now)


async def ended(tx: Tx, *, before: datetime, count: int, now: datetime) -> list[File]:
    """Up to `count` files that ended before then, and whose bytes may lie there still; but for those that are held."""
    return _files(await tx.rows(queries.ENDED, before, now, count))


async def hold(tx: Tx, *, ids: Iterable[UUID], until: datetime) -> None:
    """Somebody needs these files until then, even if they end."""
    await tx.run(queries.HOLD, list(ids), until)


async def of_account(tx: Tx, *, account_id: UUID, count: int) -> list[File]:
    """Up to `count` of all that is written down of an account's files, whatever their state."""
    return _files(await tx.rows(queries.OF_ACCOUNT, account_id, count))


async def forget(tx: Tx, *, id_: UUID) -> None:
    """Remove the row of a file whose bytes are gone."""
    await tx.run(queries.FORGET, id_)


async def bytes_of(tx: Tx, *, account_id: UUID) -> int:
    """How many bytes of the account's files lie here, or are about to."""
    found: int = await tx.value(queries.BYTES_OF, account_id)
    return found


def _files(rows: Iterable[Row]) -> list[File]:
    return [_file(row) for row in rows]


def _file(row: Row) -> File:
    columns = dict(row)
    return File(**{**columns, "sha256": columns["sha256"].hex(), "notes": tuple(columns["notes"])})
