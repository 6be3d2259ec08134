"""Pictures that callers give: checked, kept for a while, and given back to them and to whoever paints from them.

The row is written before the object and removed after it: what a crash leaves is a row that ends by itself, whose object
the sweep removes, if there is one. A file that an open task needs stays where it is when it ends.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from limner.domain.problem import Problem
from limner.files import rules
from limner.files import service as files
from limner.files.models import EVERY, File, Wanted
from limner.flow.deliver import FILES_PATH
from limner.flow.fetch import Fetched, fetched
from limner.flow.house import House
from limner.kit import signing
from limner.kit.ids import uuid7
from limner.kit.logs import event
from limner.kit.memory import joined
from limner.storage import FileMissing, StorageFailed
from limner.tasks import service as tasks

_log = logging.getLogger(__name__)
_BATCH: Final = 100
_STORING: Final = timedelta(hours=1)
"""How long it may take to store a file."""
_GRACE: Final = timedelta(minutes=10)
"""A request that was given a file just before it expired has a task by then."""
_HELD: Final = timedelta(minutes=10)
"""When a file that has expired is looked at again, that a task needs."""


class NoSuchFile(Problem):
    """The account has no such file (any more)."""

    code = "no_such_file"
    status = 404


class NoSuchImageFile(NoSuchFile):
    """A request names a file that the account does not have (any more)."""

    code = "image_file_not_found"
    status = 400


class FilesFull(Problem):
    """The account has as many bytes of files here as it may have."""

    code = "files_full"
    status = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of an account's files, and whether there are more."""

    files: list[File]
    has_more: bool


# giving ------------------------------------------------------------------------------------------------------------------


async def keep(
    house: House,
    *,
    account_id: UUID,
    path: Path,
    name: str,
    purpose: str,
    is_listed: bool,
    url: str | None = None,
    bytes_max: int | None = None,
    life: timedelta | None = None,
) -> File:
    """Check a picture that lies on this machine, and keep it for the account.

    `is_listed`: the account has put it here; else it came inside a request. `bytes_max`: of this one, where that is less than
    for all. `life`: how long it is kept, if not as set. Raises `InvalidImage`, `FilesFull` or `StorageFailed`.
    """
    policy = house.files_policy
    allowed = policy.file_bytes_max if bytes_max is None else min(bytes_max, policy.file_bytes_max)
    checked = await house.checker.checked(path, bytes_max=allowed, pixels_max=policy.pixels_max)
    now, id_ = house.clock.now(), uuid7()
    file = File(
        id=id_,
        account_id=account_id,
        name=rules.kept_name(name),
        purpose=purpose,
        media_type=checked.media_type,
        bytes=checked.bytes,
        width=checked.width,
        height=checked.height,
        sha256=checked.sha256,
        alpha=checked.alpha,
        url=rules.kept_url(url),
        notes=checked.notes,
        is_listed=is_listed,
        storage_key=rules.storage_key(id_=id_, media_type=checked.media_type, created_at=now),
        created_at=now,
        expires_at=now + (life or (policy.keep if is_listed else policy.input_life)),
    )
    await _store(house, file, path=checked.path)
    event(_log, "file.kept", file_id=file.id, account_id=account_id, bytes=file.bytes, media_type=file.media_type)
    return file


async def _store(house: House, file: File, *, path: Path) -> None:
    async with house.database.statement() as tx:
        may = await files.begin(
            tx, file=file, until=file.created_at + _STORING, bytes_max=house.files_policy.account_bytes_max
        )
    if not may:
        raise FilesFull(
            f"the account's files would take more than the {house.files_policy.account_bytes_max:,} bytes that they may: "
            "delete some, or wait until some expire"
        )
    try:
        await house.storage.put_file(file.storage_key, path)
    except StorageFailed:
        with suppress(StorageFailed):
            await _let_go(house, file)
        raise
    async with house.database.statement() as tx:
        is_there = await files.stored(tx, file=file, now=house.clock.now())
    if not is_there:  # its account is closed, or storing took for ever
        await _let_go(house, file)
        raise StorageFailed("the picture took too long to store; try again")


# looking -----------------------------------------------------------------------------------------------------------------


async def files_of(house: House, *, account_id: UUID, ids: Sequence[UUID], for_task: bool = False) -> list[File]:
    """The account's files of these ids, in their order. Raises `NoSuchFile` if one is not there, or has expired.

    `for_task`: an open task was given them, for which they are there although they have ended since.
    """
    async with house.database.statement() as tx:
        found = await files.files_of(tx, account_id=account_id, ids=ids, now=house.clock.now(), also_ended=for_task)
    for id_ in ids:
        if id_ not in found:
            raise NoSuchImageFile(f"there is no file file-{id_.hex}: it has expired, was deleted, or never was")
    return [found[id_] for id_ in ids]


async def opened(house: House, file: File) -> Fetched:
    """A file, to be read in parts. Raises `NoSuchFile` if it is gone."""
    try:
        return await fetched(house, key=file.storage_key, until=file.expires_at)
    except FileMissing:
        raise no_such_file(f"file-{file.id.hex}") from None


async def read(house: House, file: File) -> bytes:
    """All of a file. Raises `NoSuchFile` if it is gone."""
    return await joined(pieces_of(house, file), length=file.bytes)


async def pieces_of(house: House, file: File) -> AsyncGenerator[bytes]:
    """The same in pieces."""
    try:
        async for piece in house.storage.read(file.storage_key, start=0, end=file.bytes):
            yield piece
    except FileMissing:
        raise NoSuchImageFile(f"the file file-{file.id.hex} is gone: upload it again") from None


async def show(house: House, *, account_id: UUID | None, id_: UUID) -> File:
    """One file; `account_id` None: whoever's it is. Raises `NoSuchFile`."""
    async with house.database.statement() as tx:
        found = await files.files_of(tx, account_id=account_id, ids=[id_], now=house.clock.now())
    if id_ not in found:
        raise no_such_file(f"file-{id_.hex}")
    return found[id_]


async def file_like(house: House, *, prefix: str) -> File:
    """The one file whose id begins so, anybody's. Raises `NoSuchFile` when there is none, or not one."""
    async with house.database.statement() as tx:
        found = await files.like(tx, prefix=prefix, now=house.clock.now())
    if len(found) > 1:
        raise NoSuchFile(f"several files' ids begin with '{prefix}': give more of the one you mean")
    if not found:
        raise NoSuchFile(f"there is no file whose id begins with '{prefix}': `limner files list` shows some")
    return found[0]


async def listed(house: House, *, account_id: UUID, which: Wanted = EVERY, count: int) -> Page:
    """Up to `count` of the files that the account has put here."""
    async with house.database.statement() as tx:
        found = await files.listed(tx, account_id=account_id, which=which, count=count + 1, now=house.clock.now())
    return Page(files=found[:count], has_more=len(found) > count)


def no_such_file(named: str) -> NoSuchFile:
    """What is said of a file that is not there."""
    return NoSuchFile(f"there is no file {named[:80]}: it has expired, was deleted, or never was")


def link_to(house: House, file: File) -> str:
    """A link to the file, good for as long as the file is there."""
    path = FILES_PATH + file.storage_key
    return f"{house.public_url}{path}?{signing.sign(secret=house.link_secrets[0], path=path, until=file.expires_at)}"


# removing ----------------------------------------------------------------------------------------------------------------


async def remove(house: House, *, account_id: UUID | None, id_: UUID) -> File:
    """Nobody is given the file any more; its bytes go at once, unless an open task needs them. Raises `NoSuchFile`."""
    async with house.database.statement() as tx:
        file = await files.end(tx, id_=id_, account_id=account_id, now=house.clock.now())
    if file is None:
        raise no_such_file(f"file-{id_.hex}")
    if not await _needed(house, [file]):
        # The sweep comes for what the storage will not let go of now.
        with suppress(StorageFailed):
            await _let_go(house, file)
    event(_log, "file.removed", file_id=file.id, account_id=file.account_id)
    return file


async def expire(house: House) -> int:
    """Remove the bytes of files that have ended, but for those that open tasks need. How many."""
    now, removed = house.clock.now(), 0
    while True:
        async with house.database.statement() as tx:
            ended = await files.ended(tx, before=now - _GRACE, count=_BATCH, now=now)
        needed = await _needed(house, ended)
        if needed:
            async with house.database.statement() as tx:
                await files.hold(tx, ids=needed, until=now + _HELD)
        for file in ended:
            if file.id not in needed:
                await _let_go(house, file)
                removed += 1
        if len(ended) < _BATCH:
            break
    if removed:
        event(_log, "files.expired", count=removed)
    return removed


async def remove_all(house: House, *, account_id: UUID) -> None:
    """Remove all that a deleted account has given. Safe to repeat."""
    async with house.database.statement() as tx:
        await files.end_all(tx, account_id=account_id, now=house.clock.now())
    while True:
        async with house.database.statement() as tx:
            found = await files.of_account(tx, account_id=account_id, count=_BATCH)
        for file in found:
            await _let_go(house, file)
        if len(found) < _BATCH:
            return


async def _needed(house: House, among: Sequence[File]) -> set[UUID]:
    """Those of these files that open tasks were given."""
    by_account: dict[UUID, list[UUID]] = {}
    for file in among:
        by_account.setdefault(file.account_id, []).append(file.id)
    needed: set[UUID] = set()
    for account_id, ids in by_account.items():
        async with house.database.statement() as tx:
            needed |= await tasks.files_in_use(tx, account_id=account_id, ids=ids)
    return needed


async def _let_go(house: House, file: File) -> None:
    await house.storage.delete(file.storage_key)
    async with house.database.statement() as tx:
        await files.forget(tx, id_=file.id)
