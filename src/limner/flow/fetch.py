"""A picture by its link: whoever has a good link may read it, without a key."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime

from limner.domain.problem import Problem
from limner.flow.deliver import FILES_PATH
from limner.flow.house import House
from limner.kit import signing
from limner.storage import Storage


class LinkExpired(Problem):
    """The link's time is over."""

    code = "link_expired"
    status = 403


class LinkForged(Problem):
    """The link is not one of ours, or has been changed."""

    code = "link_forged"
    status = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that may be read, for as long as its link is good. `length` is in bytes, `etag` comes without quotes."""

    name: str
    length: int
    etag: str
    modified_at: datetime
    seconds_left: int
    _key: str
    _storage: Storage

    def read(self, *, start: int, end: int) -> AsyncGenerator[bytes]:
        """The bytes from `start` up to, not including, `end`, in pieces."""
        return self._storage.read(self._key, start=start, end=end)


async def fetch(house: House, *, path: str, expiry: str, permission: str, signature: str) -> Fetched:
    """The file behind a link. Raises `LinkExpired`, `LinkForged` or `FileMissing`."""
    now = house.clock.now()
    try:
        until = signing.verify(
            secrets=house.link_secrets,
            path=path,
            expiry=expiry,
            permission=permission,
            signature=signature,
            now=now,
        )
    except signing.LinkExpiredError:
        raise LinkExpired("the link has expired: ask for the picture again to get a new one") from None
    except signing.LinkForgedError:
        raise LinkForged("the link is not valid here: use it exactly as it was answered, with se, sp and sig") from None
    return await fetched(house, key=path.removeprefix(FILES_PATH), until=until)


async def fetched(house: House, *, key: str, until: datetime) -> Fetched:
    """The file of that key in storage, for whoever may read it until then. Raises `FileMissing`."""
    file = await house.storage.head(key)
    return Fetched(
        name=key.rpartition("/")[2],
        length=file.bytes,
        etag=file.etag,
        modified_at=file.modified_at,
        seconds_left=int((until - house.clock.now()).total_seconds()),
        _key=key,
        _storage=house.storage,
    )
