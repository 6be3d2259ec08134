"""The verbs of this room: a step for what every request does, transactions for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from limner.db import Row, Tx
from limner.db.steps import Step, nothing
from limner.domain.problem import Problem
from limner.images import queries, rules
from limner.images.models import Kept, KeptImage, Origin, Place, Share, StoredImage, Wanted

_FIRST: Final = Place(created_at=datetime.max.replace(tzinfo=UTC), task_id=UUID(int=2**128 - 1), index=-1)
_ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)
# How far a search looks through the newest pictures, one by one, before it takes the index of words.
_WALK: Final = 1000
_SHARES_MAX: Final = 20


class NoSuchPicture(Problem):
    """There is no such picture any more, there never was, or it is somebody else's."""

    code = "no_such_picture"
    status = 404


class NoSuchShare(Problem):
    """There is no such share: it has expired, was revoked, or there never was."""

    code = "no_such_share"
    status = 404


class TooManyShares(Problem):
    """The picture is shared often enough."""

    code = "too_many_shares"
    status = 429


def add(*, task_id: UUID, account_id: UUID, origin: Origin, images: Sequence[StoredImage], now: datetime) -> Step[None]:
    """Write down pictures that have been stored."""
    prompt_words = rules.words_of(origin.prompt)
    columns = (
        [image.index for image in images],
        [image.storage_key for image in images],
        [image.media_type for image in images],
        [image.bytes for image in images],
        [image.width for image in images],
        [image.height for image in images],
        [image.seed for image in images],
        [image.revised_prompt for image in images],
        [rules.terms(account_id=account_id, image=image, origin=origin, prompt_words=prompt_words) for image in images],
    )
    common = (origin.api_key_id, origin.model, origin.prompt, origin.quality, origin.style, origin.price)
    return Step(call=queries.ADD, arguments=(task_id, account_id, *common, *columns, now), read=nothing)


async def images_of(tx: Tx, *, task_ids: Sequence[UUID]) -> dict[UUID, list[StoredImage]]:
    """The pictures of these tasks, in the order of their index, but for those that were deleted."""
    found: dict[UUID, list[StoredImage]] = {id_: [] for id_ in task_ids}
    for row in await tx.rows(queries.OF_TASKS, list(task_ids)):
        columns = dict(row)
        found[columns.pop("task_id")].append(StoredImage(**columns))
    return found


async def deleted_of(tx: Tx, *, task_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many pictures were deleted of those of these tasks that lack some."""
    return {row["task_id"]: row["count"] for row in await tx.rows(queries.DELETED_OF, list(task_ids))}


# the gallery -------------------------------------------------------------------------------------------------------------


async def image(tx: Tx, *, account_id: UUID, task_id: UUID, index: int) -> KeptImage:
    """The account's picture. Raises `NoSuchPicture`, also when it was deleted or has expired."""
    row = await tx.row(queries.ONE, account_id, task_id, index)
    if row is None:
        raise _no_such_picture()
    return _kept(row)


async def images_shown(tx: Tx, *, account_id: UUID, task_id: UUID) -> list[KeptImage]:
    """The pictures of the account's task that have neither been deleted nor expired, by their index."""
    return [_kept(row) for row in await tx.rows(queries.SHOWN_OF, account_id, task_id)]


async def page(tx: Tx, *, account_id: UUID, which: Wanted, after: Place | None = None, count: int) -> list[KeptImage]:
    """Up to `count` of the account's pictures, newest first, from the one after that place. `tx` must be a transaction.

    It takes about as long for words that are everywhere as for words that are nowhere, at the first page and at the last.
    """
    asked = rules.asked_terms(which, account_id=account_id)
    start = _start(account_id, which, after)
    if asked is None:
        return [_kept(row) for row in await tx.rows(queries.PAGE, *start, count)]
    if not asked:
        return []
    # What is frequent is found among the newest; what is rare is few.
    walked = [_kept(row) for row in await tx.rows(queries.WALK, *start, count, _WALK, asked)]
    if len(walked) == count:
        return walked
    reached = await tx.row(queries.PLACE_AFTER, *start, _WALK - 1)
    if reached is None:
        return walked
    start = (*start[:3], *reached)
    await tx.row(queries.BY_BITMAPS)
    rest = await tx.rows(queries.MATCHES, *start, count - len(walked), asked)
    return walked + [_kept(row) for row in rest]


def _start(account_id: UUID, which: Wanted, after: Place | None) -> tuple[object, ...]:
    place = after or _FIRST
    return (
        account_id,
        which.created_from or _ALWAYS,
        which.created_to or _FIRST.created_at,
        place.created_at,
        place.task_id,
        place.index,
    )


def _kept(row: Row) -> KeptImage:
    columns = dict(row)
    origin = Origin(
        **{name: columns.pop(name) for name in ("api_key_id", "model", "prompt", "quality", "style", "price")}
    )
    return KeptImage(**columns, origin=origin)


async def delete(tx: Tx, *, account_id: UUID, task_id: UUID, index: int, now: datetime) -> str:
    """The picture is no more, nor are its shares; under which key its file still lies. Raises `NoSuchPicture`."""
    storage_key: str | None = await tx.value(queries.DELETE, account_id, task_id, index, now)
    if storage_key is None:
        raise _no_such_picture()
    await tx.run(queries.REVOKE_ALL, account_id, task_id, index, now)
    return storage_key


async def forget_words(tx: Tx, *, account_id: UUID, task_id: UUID, now: datetime) -> None:
    """Nobody shall know what the task's pictures showed; their files have been removed. Nor do they have shares."""
    await tx.run(queries.FORGET_WORDS, task_id, now)
    await tx.run(queries.FORGET_SHARES_OF, account_id, task_id)


async def expire(tx: Tx, *, task_id: UUID, now: datetime) -> None:
    """The files of the task's pictures have been removed, for they were kept for long enough."""
    await tx.run(queries.EXPIRE, task_id, now)


def _no_such_picture() -> NoSuchPicture:
    return NoSuchPicture("there is no such picture here: it may have been deleted, or kept for as long as it is kept")


# shares ------------------------------------------------------------------------------------------------------------------


async def share(
    tx: Tx,
    *,
    id_: UUID,
    image: KeptImage,
    token: str,
    shows_prompt: bool,
    expires_at: datetime,
    now: datetime,
) -> Share:
    """Make a page of the picture for whoever has `token`. Raises `TooManyShares`."""
    known = (image.account_id, image.task_id, image.index)
    if await tx.value(queries.COUNT_SHARES, *known, now) >= _SHARES_MAX:
        raise TooManyShares(f"a picture has {_SHARES_MAX} shares at most: revoke one, or wait until one expires")
    row = await tx.row(queries.ADD_SHARE, id_, *known, rules.share_hash(token), shows_prompt, now, expires_at)
    assert row is not None
    return Share(**dict(row))


async def shares(tx: Tx, *, account_id: UUID, task_id: UUID, index: int, now: datetime) -> list[Share]:
    """The picture's shares that can be looked at, newest first."""
    rows = await tx.rows(queries.SHARES, account_id, task_id, index, now, _SHARES_MAX)
    return [Share(**dict(row)) for row in rows]


async def share_of(tx: Tx, *, token: str, now: datetime) -> Share:
    """The share of that token, if it can be looked at. Raises `NoSuchShare`."""
    row = await tx.row(queries.SHARE_BY_HASH, rules.share_hash(token), now)
    if row is None:
        raise NoSuchShare("this link leads nowhere: it has expired, was taken back, or is not complete")
    return Share(**dict(row))


async def seen(tx: Tx, *, share_id: UUID) -> None:
    """Somebody has looked at the share."""
    await tx.run(queries.SEEN, share_id)


async def revoke(tx: Tx, *, id_: UUID, account_id: UUID, now: datetime) -> None:
    """Take the account's share back. Raises `NoSuchShare`."""
    if not await tx.run(queries.REVOKE, id_, account_id, now):
        raise NoSuchShare("there is no such share: it has expired, or was taken back already")


async def forget_shares(tx: Tx, *, before: datetime) -> int:
    """Forget shares that expired before then: how many."""
    return await tx.run(queries.FORGET_SHARES, before)


# links -------------------------------------------------------------------------------------------------------------------


async def link_secrets(tx: Tx, *, id_: UUID, noise: bytes, now: datetime) -> list[bytes]:
    """The secrets of links, the signing one first; `noise` (32 random bytes) becomes the first of all if there is none yet."""
    await tx.run(queries.ADD_LINK_SECRET, id_, noise, now)
    return [row["secret"] for row in await tx.rows(queries.LINK_SECRETS)]


# for overviews -----------------------------------------------------------------------------------------------------------


async def kept_by_day(tx: Tx, *, since: datetime, until: datetime) -> list[tuple[datetime, UUID, Kept]]:
    """What is kept of each day and account, from the day (UTC) that begins with `since` to that of `until`, oldest first.

    What is older than the first day counts with it; days and accounts that have nothing are left out.
    """
    return [
        (
            row["day"],
            row["account_id"],
            Kept(pictures=row["pictures"], bytes=row["bytes"], oldest=row["oldest"]),
        )
        for row in await tx.rows(queries.KEPT_BY_DAY, since, until)
    ]


async def kept(tx: Tx, *, before: datetime) -> Kept:
    """What is kept of all that was made before then."""
    row = await tx.row(queries.KEPT, before)
    assert row is not None
    return Kept(**dict(row))
