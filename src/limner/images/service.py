"""The verbs of this room: a step for what every request does, transactions for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from limner.db import Tx
from limner.db.steps import Step, nothing
from limner.images import queries
from limner.images.models import StoredImage


def add(*, task_id: UUID, account_id: UUID, images: Sequence[StoredImage], now: datetime) -> Step[None]:
    """Write down pictures that have been stored."""
    columns = (
        [image.index for image in images],
        [image.storage_key for image in images],
        [image.media_type for image in images],
        [image.bytes for image in images],
        [image.width for image in images],
        [image.height for image in images],
        [image.seed for image in images],
        [image.revised_prompt for image in images],
    )
    return Step(call=queries.ADD, arguments=(task_id, account_id, *columns, now), read=nothing)


async def images_of(tx: Tx, *, task_ids: Sequence[UUID]) -> dict[UUID, list[StoredImage]]:
    """The pictures of these tasks, in the order of their index."""
    found: dict[UUID, list[StoredImage]] = {id_: [] for id_ in task_ids}
    for row in await tx.rows(queries.OF_TASKS, list(task_ids)):
        columns = dict(row)
        found[columns.pop("task_id")].append(StoredImage(**columns))
    return found


async def link_secrets(tx: Tx, *, id_: UUID, noise: bytes, now: datetime) -> list[bytes]:
    """The secrets of links, the signing one first; `noise` (32 random bytes) becomes the first of all if there is none yet."""
    await tx.run(queries.ADD_LINK_SECRET, id_, noise, now)
    return [row["secret"] for row in await tx.rows(queries.LINK_SECRETS)]
