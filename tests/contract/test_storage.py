"""What every storage keeps to. Drop a plug into the folder and say here how its address is made."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from limner import storage
from limner.storage import FileMissing, Storage, StorageFailed
from support.s3 import S3Server


def _in_a_folder(request: pytest.FixtureRequest) -> str:
    folder: Path = request.getfixturevalue("tmp_path")
    return (folder / "pictures of ada").as_uri()


def _in_a_bucket(request: pytest.FixtureRequest) -> str:
    server: S3Server = request.getfixturevalue("s3_server")
    for name, value in server.environ.items():
        request.getfixturevalue("monkeypatch").setenv(name, value)
    server.make_bucket("pictures")
    return server.address("pictures", f"of ada/{uuid4().hex}")


ADDRESSES: dict[str, Callable[[pytest.FixtureRequest], str]] = {
    "file": _in_a_folder,
    "memory": lambda _request: "memory://",
    "s3": _in_a_bucket,
}
KEY = "2026-11-22/otter_0.png"
DATA = bytes(range(256)) * 16


@pytest.fixture(params=storage.discover())
async def shelf(request: pytest.FixtureRequest) -> AsyncIterator[Storage]:
    """Each storage in turn, open and empty."""
    shelf = storage.load(ADDRESSES[request.param](request))
    await shelf.open()
    yield shelf
    await shelf.close()


async def read(shelf: Storage, key: str, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in shelf.read(key, start=start, end=end)])


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


async def keys(shelf: Storage, prefix: str) -> list[str]:
    return sorted([key async for key in shelf.keys(prefix)])


def test_every_plug_has_its_address_here() -> None:
    assert set(ADDRESSES) == set(storage.discover())


async def test_what_was_put_is_there(shelf: Storage) -> None:
    await shelf.put(KEY, DATA)

    found = await shelf.head(KEY)
    assert found.bytes == len(DATA)
    assert found.etag
    assert '"' not in found.etag
    assert abs(datetime.now(UTC) - found.modified_at) < timedelta(minutes=1)
    assert await read(shelf, KEY, 0, len(DATA)) == DATA


@pytest.mark.parametrize("length", [1, 4096, 12_000_000])
async def test_what_a_file_holds_is_kept_as_it_is(shelf: Storage, tmp_path: Path, length: int) -> None:
    (tmp_path / "otter").write_bytes(data := os.urandom(length))

    await shelf.put_file(KEY, tmp_path / "otter")

    assert (await shelf.head(KEY)).bytes == length
    assert await read(shelf, KEY, 0, length) == data
    assert await keys(shelf, "2026-11-22/") == [KEY]
    assert (tmp_path / "otter").read_bytes() == data


async def test_what_a_file_holds_replaces_what_was_there(shelf: Storage, tmp_path: Path) -> None:
    (tmp_path / "otter").write_bytes(b"later")
    await shelf.put(KEY, DATA)

    await shelf.put_file(KEY, tmp_path / "otter")

    assert await read(shelf, KEY, 0, 5) == b"later"
    assert (await shelf.head(KEY)).bytes == 5


async def test_a_file_that_is_not_there_is_not_kept(shelf: Storage, tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        await shelf.put_file(KEY, tmp_path / "nothing")

    assert await keys(shelf, "2026-11-22/") == []


@pytest.mark.parametrize(("start", "end"), [(0, 1), (10, 20), (4095, 4096), (0, 4096)])
async def test_any_part_can_be_read(shelf: Storage, start: int, end: int) -> None:
    await shelf.put(KEY, DATA)

    assert await read(shelf, KEY, start, end) == DATA[start:end]


async def test_large_files_come_in_pieces(shelf: Storage) -> None:
    data = os.urandom(2_500_000)
    await shelf.put(KEY, data)

    pieces = [piece async for piece in shelf.read(KEY, start=1, end=len(data))]

    assert len(pieces) > 1
    assert b"".join(pieces) == data[1:]


async def test_what_is_not_there_is_missing(shelf: Storage) -> None:
    with pytest.raises(FileMissing):
        await shelf.head(KEY)
    with pytest.raises(FileMissing):
        await read(shelf, KEY, 0, 1)
    assert await keys(shelf, "2026-11-22/") == []


@pytest.mark.parametrize("key", ["../../etc/passwd", "a/../b", "a//b", "2026-11-22", "a\0b"])
async def test_a_key_that_no_file_can_have_is_missing(shelf: Storage, key: str) -> None:
    await shelf.put(KEY, DATA)

    with pytest.raises((FileMissing, StorageFailed)):
        await shelf.head(key)


async def test_what_was_deleted_is_gone(shelf: Storage) -> None:
    await shelf.put(KEY, DATA)

    await shelf.delete(KEY)

    with pytest.raises(FileMissing):
        await shelf.head(KEY)


async def test_deleting_what_is_gone_is_no_trouble(shelf: Storage) -> None:
    await shelf.delete(KEY)
    await shelf.put(KEY, DATA)
    await shelf.delete(KEY)
    await shelf.delete(KEY)


async def test_keys_are_found_by_how_they_begin(shelf: Storage) -> None:
    for key in ("2026-11-22/a_0.png", "2026-11-22/a_1.png", "2026-11-22/b_0.png", "2026-11-23/a_0.png"):
        await shelf.put(key, DATA)

    assert await keys(shelf, "2026-11-22/a_") == ["2026-11-22/a_0.png", "2026-11-22/a_1.png"]
    assert len(await keys(shelf, "2026-11-22/")) == 3
    assert await keys(shelf, "2026-11-24/") == []


async def test_many_keys_are_all_found(shelf: Storage) -> None:
    await asyncio.gather(*(shelf.put(f"2026-11-22/{number:03}.png", b"x") for number in range(120)))

    assert len(await keys(shelf, "2026-11-22/")) == 120


async def test_a_file_put_again_is_the_later_one(shelf: Storage) -> None:
    await shelf.put(KEY, DATA)
    await shelf.put(KEY, b"later")

    assert (await shelf.head(KEY)).bytes == 5
    assert await read(shelf, KEY, 0, 5) == b"later"


async def test_readers_never_see_half_a_file(shelf: Storage) -> None:
    """Whatever a reader sees while files are written is one of them, whole."""
    versions = [bytes([number]) * 200_000 for number in range(8)]
    await shelf.put(KEY, versions[0])

    async def write() -> None:
        for version in versions:
            await shelf.put(KEY, version)

    writing = asyncio.create_task(write())
    while not writing.done():
        seen = await read(shelf, KEY, 0, 200_000)
        assert len(seen) == 200_000
        assert len(set(seen)) == 1
        assert len(await keys(shelf, "2026-11-22/")) == 1
    await writing


async def test_readers_never_see_half_of_what_a_file_holds(shelf: Storage, tmp_path: Path) -> None:
    length = 6_000_000
    versions = [tmp_path / str(number) for number in range(3)]
    for number, version in enumerate(versions):
        version.write_bytes(bytes([number]) * length)
    await shelf.put_file(KEY, versions[0])

    async def write() -> None:
        for version in versions:
            await shelf.put_file(KEY, version)

    writing = asyncio.create_task(write())
    while not writing.done():
        assert (await shelf.head(KEY)).bytes == length
        assert len(set(await read(shelf, KEY, length - 1000, length))) == 1
        assert await keys(shelf, "2026-11-22/") == [KEY]
    await writing


async def test_a_full_memory_takes_no_file_either(tmp_path: Path) -> None:
    shelf = storage.load("memory://?bytes_max=10")
    await shelf.open()
    (tmp_path / "six").write_bytes(b"123456")
    await shelf.put_file("d/a", tmp_path / "six")

    with pytest.raises(StorageFailed, match="full"):
        await shelf.put_file("d/b", tmp_path / "six")

    assert await keys(shelf, "d/") == ["d/a"]
    await shelf.put("d/c", b"1234")


async def test_a_full_memory_keeps_nothing_of_what_did_not_fit() -> None:
    shelf = storage.load("memory://?bytes_max=10")
    await shelf.open()
    await shelf.put("d/a", b"12345")

    with pytest.raises(StorageFailed, match="full"):
        await shelf.put("d/b", b"123456")

    assert await keys(shelf, "d/") == ["d/a"]
    await shelf.put("d/c", b"12345")


async def test_a_folder_holds_files_and_nothing_half_written(tmp_path: Path) -> None:
    shelf = storage.load(tmp_path.as_uri())
    await shelf.open()

    await shelf.put(KEY, DATA)

    assert files_in(tmp_path) == [KEY]
    assert (tmp_path / KEY).read_bytes() == DATA


async def test_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    shelf = storage.load((tmp_path / "taken").as_uri())

    with pytest.raises(StorageFailed, match=r"pictures cannot be kept in .*taken"):
        await shelf.open()


async def test_a_disk_that_takes_no_more_is_said_and_keeps_nothing() -> None:
    """/proc takes no files, whoever asks."""
    with pytest.raises(StorageFailed, match="pictures cannot be kept in /proc/limner"):
        await storage.load("file:///proc/limner").open()


async def test_a_place_that_is_taken_is_said_when_a_file_is_put(tmp_path: Path) -> None:
    shelf = storage.load(tmp_path.as_uri())
    await shelf.open()
    (tmp_path / "2026-11-22").write_text("a file where the day's folder should be")

    with pytest.raises(StorageFailed, match="full, read-only or out of reach"):
        await shelf.put(KEY, DATA)
    with pytest.raises(StorageFailed, match="full, read-only or out of reach"):
        await shelf.put_file(KEY, tmp_path / "2026-11-22")

    assert files_in(tmp_path) == ["2026-11-22"]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://host", "there is no storage for 'ftp': an address begins with file:, memory:, s3:"),
        ("/var/pictures", "there is no storage for '/var/pictures'"),
        ("", "there is no storage for ''"),
        ("file://host/folder", "three slashes"),
        ("file:relative", "three slashes"),
        ("memory://?bytes_max=lots", "bytes_max must be a number"),
        ("_objects://x", "there is no storage for"),
    ],
)
def test_an_address_that_no_plug_reads_is_said(url: str, says: str) -> None:
    with pytest.raises(StorageFailed, match=says):
        storage.load(url)
