"""Sharing a picture: a page for whoever has its link, for a time, until it is taken back.

The link ends with a token that follows from the share's id and the secret that signs links. Only its hash is kept, so
that it goes on working when a new secret signs; for as long as the secret it came from is kept, its owner can be shown it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from limner.db import Tx
from limner.domain.problem import Problem
from limner.flow.fetch import Fetched
from limner.flow.house import House
from limner.images import rules as image_rules
from limner.images import service as images
from limner.images.models import KeptImage, Share
from limner.kit.ids import uuid7
from limner.kit.logs import event
from limner.storage import FileMissing

SHARES_PATH: Final = "/s/"
LIFETIMES: Final[Mapping[str, timedelta]] = {
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
_KEPT_SECONDS: Final = 300
_LIFE_LEFT: Final = timedelta(minutes=1)
_log = logging.getLogger(__name__)


class NotToShare(Problem):
    """The picture will have been removed before anybody could look at it."""

    code = "not_to_share"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A share and its link. `url` None: the link works, but the secret that it was made with is kept no more."""

    share: Share
    url: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnShow:
    """What whoever has the link may see. `prompt` and `revised_prompt` None: its owner keeps them to themselves."""

    share: Share
    width: int
    height: int
    media_type: str
    model: str
    created_at: datetime
    prompt: str | None
    revised_prompt: str | None


async def share(
    house: House, *, account_id: UUID, task_id: UUID, index: int, life: timedelta, shows_prompt: bool
) -> Shared:
    """Share the account's picture for `life`, or for as long as it is kept if that is shorter.

    Raises `NoSuchPicture`, `TooManyShares`, or `NotToShare` if the picture is about to go.
    """
    now = house.clock.now()
    async with house.database.transaction() as tx:
        image = await images.image(tx, account_id=account_id, task_id=task_id, index=index)
        expires_at = min(now + life, image.created_at + house.keep)
        if expires_at - now < _LIFE_LEFT:
            raise NotToShare("the picture has been kept for as long as pictures are kept: it is about to be removed")
        id_ = uuid7()
        made = await images.share(
            tx,
            id_=id_,
            image=image,
            token=image_rules.share_tokens(secrets=house.link_secrets, share_id=id_)[0],
            shows_prompt=shows_prompt,
            expires_at=expires_at,
            now=now,
        )
    event(_log, "picture.shared", task_id=task_id, index=index, share_id=made.id, until=made.expires_at.isoformat())
    return _shared(house, made)


async def shares_of(house: House, *, account_id: UUID, task_id: UUID, index: int) -> list[Shared]:
    """The shares of the account's picture that can be looked at now, newest first."""
    async with house.database.statement() as tx:
        found = await images.shares(tx, account_id=account_id, task_id=task_id, index=index, now=house.clock.now())
    return [_shared(house, one) for one in found]


async def revoke(house: House, *, account_id: UUID, share_id: UUID) -> None:
    """Take the account's share back: its link leads nowhere from now on. Raises `NoSuchShare`."""
    async with house.database.statement() as tx:
        await images.revoke(tx, id_=share_id, account_id=account_id, now=house.clock.now())
    event(_log, "share.revoked", share_id=share_id)


async def on_show(house: House, *, token: str) -> OnShow:
    """What is shared under that token; counted as seen once more. Raises `NoSuchShare`."""
    async with house.database.transaction() as tx:
        found, image = await _known(house, tx, token=token)
        await images.seen(tx, share_id=found.id)
    return OnShow(
        share=found,
        width=image.width,
        height=image.height,
        media_type=image.media_type,
        model=image.origin.model,
        created_at=image.created_at,
        prompt=image.origin.prompt if found.shows_prompt else None,
        revised_prompt=image.revised_prompt if found.shows_prompt else None,
    )


async def shared_file(house: House, *, token: str) -> Fetched:
    """The file of what is shared under that token. Raises `NoSuchShare`.

    It is asked for by the token and not by a link of its own, which would open it after the share was taken back.
    """
    now = house.clock.now()
    async with house.database.statement() as tx:
        found, image = await _known(house, tx, token=token)
    try:
        file = await house.storage.head(image.storage_key)
    except FileMissing:
        raise _leads_nowhere() from None
    return Fetched(
        name=f"picture.{image.storage_key.rpartition('.')[2]}",
        length=file.bytes,
        etag=file.etag,
        modified_at=file.modified_at,
        # Whoever has seen it may keep it for a moment, not until a share that may be taken back would have ended.
        seconds_left=min(_KEPT_SECONDS, int((found.expires_at - now).total_seconds())),
        _key=image.storage_key,
        _storage=house.storage,
    )


async def _known(house: House, tx: Tx, *, token: str) -> tuple[Share, KeptImage]:
    found = await images.share_of(tx, token=token, now=house.clock.now())
    try:
        return found, await images.image(tx, account_id=found.account_id, task_id=found.task_id, index=found.index)
    except images.NoSuchPicture:
        raise _leads_nowhere() from None


def _leads_nowhere() -> images.NoSuchShare:
    return images.NoSuchShare("this link leads nowhere: its picture is not kept any more")


def _shared(house: House, made: Share) -> Shared:
    tokens = image_rules.share_tokens(secrets=house.link_secrets, share_id=made.id)
    token = next((token for token in tokens if image_rules.share_hash(token) == made.token_hash), None)
    return Shared(share=made, url=None if token is None else f"{house.public_url}{SHARES_PATH}{token}")
