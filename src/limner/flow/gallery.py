"""The gallery: an account's pictures, newest first, searched and filtered; one of them; and taking one away."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from limner.domain.problem import InvalidValue
from limner.flow.deliver import link_to
from limner.flow.house import House
from limner.images import service as images
from limner.images.models import KeptImage, Place, Wanted
from limner.kit.logs import event
from limner.storage import StorageFailed
from limner.tasks import service as tasks

PAGE_PICTURES: Final = 40
_MICRO: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PLACE: Final = re.compile(r"([0-9]{1,16})\.([0-9a-f]{32})\.([0-9]{1,4})", re.ASCII)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hung:
    """A picture with a link that was signed just now. `gone_at`: when it will have been kept for long enough."""

    image: KeptImage
    url: str
    gone_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """Some pictures; `after`: how to ask for those that come next. None: there are none."""

    pictures: list[Hung]
    after: str | None


async def browse(
    house: House, *, account_id: UUID, which: Wanted, after: str | None = None, count: int = PAGE_PICTURES
) -> Wall:
    """The account's next pictures, newest first. Raises `InvalidValue` if `after` is not from an earlier answer."""
    place = None if after is None else _place(after)
    async with house.database.transaction() as tx:
        found = await images.page(tx, account_id=account_id, which=which, after=place, count=count + 1)
    shown = found[:count]
    return Wall(
        pictures=[_hung(house, image) for image in shown], after=_written(shown[-1]) if len(found) > count else None
    )


async def picture(house: House, *, account_id: UUID, task_id: UUID, index: int) -> Hung:
    """One picture of the account. Raises `NoSuchPicture`."""
    async with house.database.statement() as tx:
        return _hung(house, await images.image(tx, account_id=account_id, task_id=task_id, index=index))


async def pictures_of(house: House, *, account_id: UUID, task_id: UUID) -> list[Hung]:
    """The pictures of the account's task that are there, by their index."""
    async with house.database.statement() as tx:
        found = await images.images_shown(tx, account_id=account_id, task_id=task_id)
    return [_hung(house, image) for image in found]


async def delete_picture(house: House, *, account_id: UUID, task_id: UUID, index: int) -> None:
    """Take the account's picture away for good, with its shares and its file. Raises `NoSuchPicture`.

    Its task stays as it is and tells of one picture less; nothing is paid back. A file that cannot be removed now is
    removed by the sweep.
    """
    async with house.database.transaction() as tx:
        storage_key = await images.delete(
            tx, account_id=account_id, task_id=task_id, index=index, now=house.clock.now()
        )
        await tasks.mark_leftovers(tx, id_=task_id)
    event(_log, "picture.deleted", task_id=task_id, index=index)
    try:
        await house.storage.delete(storage_key)
    except StorageFailed as failed:
        event(_log, "picture.file_left", level=logging.WARNING, task_id=task_id, index=index, error=failed.message)


def _hung(house: House, image: KeptImage) -> Hung:
    return Hung(image=image, url=link_to(house, image.storage_key), gone_at=image.created_at + house.keep)


def _written(image: KeptImage) -> str:
    return f"{(image.created_at - _EPOCH) // _MICRO}.{image.task_id.hex}.{image.index}"


def _place(after: str) -> Place:
    found = _PLACE.fullmatch(after)
    if found is None:
        raise InvalidValue("after: must be what the page before gave as `after`", param="after")
    return Place(created_at=_EPOCH + int(found[1]) * _MICRO, task_id=UUID(found[2]), index=int(found[3]))
