"""Pictures that callers give: kept for a while, and no object is ever left without a row."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from limner.domain.ask import Ask, Given
from limner.domain.problem import Problem
from limner.files.models import File
from limner.flow import files
from limner.flow.cancel import cancel
from limner.flow.checker import (
    DamagedImage,
    EmptyImage,
    ImageFileTooLarge,
    ImageTooLarge,
    InvalidImage,
    UnsupportedImage,
)
from limner.flow.fetch import fetch
from limner.flow.files import FilesFull, NoSuchFile
from limner.flow.house import FilesPolicy, House
from limner.flow.leave import delete_account
from limner.flow.sweep import sweep
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from limner.storage import StorageFailed, memory
from limner.tasks.models import Task
from support.files import OTTER, give, png
from support.logins import PASSWORD, SENDER, with_login
from support.people import Person
from support.workers import submitted

DAY = timedelta(days=1).total_seconds()


async def objects(house: House) -> list[str]:
    return [key async for key in house.storage.keys("inputs/")]


async def count(house: House) -> int:
    async with house.database.statement() as tx:
        found: int = await tx.value("SELECT count(*) FROM files")
    return found


async def asked_with(house: House, person: Person, *pictures: File, mask: File | None = None) -> Task:
    """Somebody's task that waits, and that starts from these files."""
    task = await submitted(house, person)
    ask = Ask(
        prompt="The same, at night",
        model="dall-e-2",
        images=tuple(_given(file) for file in pictures),
        mask=None if mask is None else _given(mask),
    )
    async with house.database.statement() as tx:
        await tx.run("UPDATE tasks SET request = $2 WHERE id = $1", task.id, ask.given())
    return task


def _given(file: File) -> Given:
    return Given(
        file_id=file.id,
        media_type=file.media_type,
        bytes=file.bytes,
        width=file.width,
        height=file.height,
        sha256=file.sha256,
        alpha=file.alpha,
    )


class Broken(memory.Plug):
    """Takes nothing; or, `late`, keeps what it is given and says that it did not."""

    def __init__(self, *, late: bool = False) -> None:
        super().__init__("memory://")
        self.late = late

    async def put_file(self, key: str, path: Path) -> None:
        """Fails."""
        if self.late:
            await super().put_file(key, path)
        raise StorageFailed("the disk is full")


class Dying(memory.Plug):
    """Keeps what it is given and never comes back, as if the machine had stopped."""

    def __init__(self) -> None:
        super().__init__("memory://")
        self.has_kept = asyncio.Event()

    async def put_file(self, key: str, path: Path) -> None:
        """Keeps it."""
        await super().put_file(key, path)
        self.has_kept.set()
        await asyncio.Event().wait()


# keeping -----------------------------------------------------------------------------------------------------------------


async def test_what_grace_gives_is_looked_at_and_kept(house: House, grace: Person) -> None:
    file = await give(house, grace, name="../otter.png", url="https://grace.test/otter.png?key=1")

    assert (file.media_type, file.width, file.height, file.bytes) == ("image/png", 64, 48, len(OTTER))
    assert file.sha256 == hashlib.sha256(OTTER).hexdigest()
    assert (file.name, file.purpose, file.url) == ("otter.png", "vision", "https://grace.test/otter.png")
    assert await files.files_of(house, account_id=grace.account.id, ids=[file.id]) == [file]
    assert await files.read(house, file) == OTTER
    assert await objects(house) == [file.storage_key]


async def test_several_files_come_in_the_order_in_which_they_are_asked_for(house: House, grace: Person) -> None:
    first, second = await give(house, grace), await give(house, grace)

    ids = [second.id, first.id, second.id]

    assert await files.files_of(house, account_id=grace.account.id, ids=ids) == [second, first, second]


@pytest.mark.parametrize("for_task", [True, False])
async def test_eve_gets_at_nobody_s_files(house: House, grace: Person, eve: Person, for_task: bool) -> None:  # noqa: FBT001 - a case
    file = await give(house, grace)

    with pytest.raises(NoSuchFile) as refused:
        await files.files_of(house, account_id=eve.account.id, ids=[file.id], for_task=for_task)
    assert refused.value.code == "image_file_not_found"
    with pytest.raises(NoSuchFile):
        await files.show(house, account_id=eve.account.id, id_=file.id)
    with pytest.raises(NoSuchFile):
        await files.remove(house, account_id=eve.account.id, id_=file.id)
    assert (await files.listed(house, account_id=eve.account.id, count=10)).files == []
    assert await files.read(house, file) == OTTER


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", EmptyImage),
        (b"%PDF-1.7 and so on", UnsupportedImage),
        (b"plain words", UnsupportedImage),
        (png(64, 64, noise=1)[:5000], DamagedImage),
        (png(300, 300, noise=2), ImageFileTooLarge),
        (png(300, 300), ImageTooLarge),
    ],
)
async def test_what_cannot_be_used_is_said_and_not_kept(
    house: House, grace: Person, data: bytes, problem: type[InvalidImage]
) -> None:
    house = replace(house, files_policy=FilesPolicy(file_bytes_max=100_000, pixels_max=70_000))

    with pytest.raises(InvalidImage) as refused:
        await give(house, grace, data)

    assert type(refused.value) is problem, refused.value
    assert refused.value.message
    assert await count(house) == 0
    assert await objects(house) == []


async def test_one_picture_may_be_asked_to_be_smaller_than_others(house: House, grace: Person) -> None:
    with pytest.raises(ImageFileTooLarge):
        await give(house, grace, bytes_max=len(OTTER) - 1)

    assert (await give(house, grace, bytes_max=len(OTTER))).bytes == len(OTTER)


async def test_an_account_that_has_enough_is_told_so_by_name(house: House, grace: Person, eve: Person) -> None:
    house = replace(house, files_policy=FilesPolicy(account_bytes_max=2 * len(OTTER)))
    await give(house, grace)
    second = await give(house, grace)

    with pytest.raises(FilesFull, match="delete some") as refused:
        await give(house, grace)

    assert refused.value.code == "files_full"
    await give(house, eve)
    await files.remove(house, account_id=grace.account.id, id_=second.id)
    await give(house, grace)


async def test_of_many_uploads_at_once_only_as_many_as_fit_are_kept(house: House, grace: Person) -> None:
    house = replace(house, files_policy=FilesPolicy(account_bytes_max=3 * len(OTTER) + 5))

    done = await asyncio.gather(*(give(house, grace) for _ in range(8)), return_exceptions=True)

    assert [type(one) for one in done if isinstance(one, Problem)] == [FilesFull] * 5
    assert len(await objects(house)) == await count(house) == 3


async def test_the_link_opens_it_for_as_long_as_it_is_kept(house: House, grace: Person, clock: StillClock) -> None:
    file = await give(house, grace)
    path, _, query = files.link_to(house, file).removeprefix(house.public_url).partition("?")
    signed = dict(part.split("=") for part in query.replace("%3A", ":").split("&"))
    sign = signed["sig"].replace("%2B", "+").replace("%2F", "/").replace("%3D", "=")

    clock.move(seconds=7 * DAY - 5)

    found = await fetch(house, path=path, expiry=signed["se"], permission=signed["sp"], signature=sign)
    assert b"".join([piece async for piece in found.read(start=0, end=found.length)]) == OTTER


# troubles ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [False, True])
async def test_a_storage_that_fails_leaves_nothing(house: House, grace: Person, late: bool) -> None:  # noqa: FBT001 - a case
    house = replace(house, storage=Broken(late=late))

    with pytest.raises(StorageFailed, match="full"):
        await give(house, grace)

    assert await count(house) == 0
    assert await objects(house) == []


async def test_a_crash_while_storing_leaves_nothing_for_long(house: House, grace: Person, clock: StillClock) -> None:
    house = replace(house, storage=(storage := Dying()))
    giving = asyncio.create_task(give(house, grace))
    async with asyncio.timeout(10):
        await storage.has_kept.wait()
    giving.cancel()
    await asyncio.wait([giving])
    assert len(await objects(house)) == await count(house) == 1
    assert (await files.listed(house, account_id=grace.account.id, count=10)).files == []

    clock.move(seconds=2 * 3600)
    await sweep(house)

    assert await objects(house) == []
    assert await count(house) == 0


async def test_a_row_without_its_object_is_no_file(house: House, grace: Person) -> None:
    file = await give(house, grace)
    await house.storage.delete(file.storage_key)

    with pytest.raises(NoSuchFile):
        await files.read(house, file)
    with pytest.raises(NoSuchFile):
        await files.opened(house, file)


# the end -----------------------------------------------------------------------------------------------------------------


async def test_uploads_are_kept_for_a_week_and_inputs_for_a_day(house: House, grace: Person, clock: StillClock) -> None:
    upload, given = await give(house, grace), await give(house, grace, is_listed=False, purpose="input")
    short = await give(house, grace, life=timedelta(hours=1))
    assert (await files.listed(house, account_id=grace.account.id, count=10)).files == [short, upload]

    clock.move(seconds=3600)
    assert await files.expire(house) == 0
    clock.move(seconds=DAY)
    await sweep(house)
    assert await objects(house) == [upload.storage_key]
    with pytest.raises(NoSuchFile):
        await files.files_of(house, account_id=grace.account.id, ids=[given.id])

    clock.move(seconds=6 * DAY)
    await sweep(house)
    assert await objects(house) == []
    assert await count(house) == 0


async def test_a_removed_file_is_gone_at_once(house: House, grace: Person) -> None:
    file = await give(house, grace)

    assert (await files.remove(house, account_id=grace.account.id, id_=file.id)).id == file.id

    assert await objects(house) == []
    assert await count(house) == 0
    with pytest.raises(NoSuchFile):
        await files.remove(house, account_id=grace.account.id, id_=file.id)


@pytest.mark.parametrize("as_mask", [False, True])
async def test_what_an_open_task_starts_from_outlives_its_end(
    house: House,
    grace: Person,
    clock: StillClock,
    as_mask: bool,  # noqa: FBT001 - a case
) -> None:
    used, other = await give(house, grace, is_listed=False), await give(house, grace, is_listed=False)
    listed = await give(house, grace)
    task = await (asked_with(house, grace, listed, mask=used) if as_mask else asked_with(house, grace, used))

    clock.move(seconds=3 * DAY)
    await files.expire(house)

    assert set(await objects(house)) == {used.storage_key, listed.storage_key}
    assert other.storage_key not in await objects(house)
    with pytest.raises(NoSuchFile):
        await files.files_of(house, account_id=grace.account.id, ids=[used.id])
    (kept,) = await files.files_of(house, account_id=grace.account.id, ids=[used.id], for_task=True)
    assert await files.read(house, kept) == OTTER

    await cancel(house, task_id=task.id, account_id=grace.account.id)
    await files.expire(house)
    assert used.storage_key in await objects(house), "it is looked at again after a while"
    clock.move(seconds=700)
    await files.expire(house)
    assert await objects(house) == [listed.storage_key]


async def test_a_file_removed_while_a_task_needs_it_goes_later(house: House, grace: Person, clock: StillClock) -> None:
    file = await give(house, grace)
    task = await asked_with(house, grace, file)

    await files.remove(house, account_id=grace.account.id, id_=file.id)

    with pytest.raises(NoSuchFile):
        await files.show(house, account_id=grace.account.id, id_=file.id)
    assert await files.read(house, file) == OTTER
    await cancel(house, task_id=task.id, account_id=grace.account.id)
    clock.move(seconds=700)
    await sweep(house)
    assert await objects(house) == []


async def test_more_than_a_batch_expires_at_once(house: House, grace: Person, clock: StillClock) -> None:
    for _ in range(3):
        await give(house, grace)
    async with house.database.statement() as tx:
        await tx.run(
            "INSERT INTO files SELECT gen_random_uuid(), account_id, name, purpose, media_type, bytes, width, height, sha256,"
            " alpha, url, notes, is_listed, storage_key || n, created_at, expires_at, stored_at"
            " FROM files, generate_series(1, 80) n"
        )
    assert await count(house) == 243
    clock.move(seconds=8 * DAY)

    assert await files.expire(house) == 243
    assert await count(house) == 0


async def test_who_leaves_leaves_no_pictures(house: House, grace: Person, eve: Person) -> None:
    await give(house, grace)
    await give(house, grace, is_listed=False)
    hers = await give(house, eve)
    await delete_account(house, await with_login(house, grace), password=PASSWORD, sender=SENDER)

    await sweep(house)

    assert await objects(house) == [hers.storage_key]
    assert await count(house) == 1


async def test_the_operator_finds_a_file_by_the_beginning_of_its_id(house: House, grace: Person) -> None:
    file = await give(house, grace)

    assert await files.file_like(house, prefix=f"file-{file.id.hex[:20]}") == file
    with pytest.raises(NoSuchFile, match="limner files list"):
        await files.file_like(house, prefix="ffff")
    await give(house, grace)
    with pytest.raises(NoSuchFile, match="several"):
        await files.file_like(house, prefix=file.id.hex[:2])


async def test_an_unknown_id_is_nobody_s_file(house: House, grace: Person) -> None:
    file, unknown = await give(house, grace), uuid7()

    with pytest.raises(NoSuchFile, match=unknown.hex):
        await files.files_of(house, account_id=grace.account.id, ids=[file.id, unknown])
    with pytest.raises(NoSuchFile):
        await files.show(house, account_id=None, id_=UUID(int=0))
