"""What the plugs share: the contract's verbs on any store that obstore speaks to."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from obstore import delete_async, get_range_async, head_async, put_async
from obstore import list as list_objects
from obstore.exceptions import BaseError, NotFoundError

from limner.storage import FileMissing, StorageFailed, StoredFile

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_PIECE_BYTES: Final = 1 << 20
# What is larger goes in parts, one after the other, so that no more is in memory; S3 takes no smaller ones.
_PART_BYTES: Final = 5 << 20
_PARTS_AT_ONCE: Final = 1


class Objects:
    """Files as objects of a store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(self, key: str, data: bytes) -> None:
        """Keep a whole file."""
        try:
            # One PUT, or for a folder one rename: never a part of a file under its final name.
            await put_async(self._store, key, data, use_multipart=False)
        except (BaseError, OSError) as error:
            raise _untaken() from error

    async def put_file(self, key: str, path: Path) -> None:
        """Keep what a file on this machine holds."""
        try:
            # The parts become a file when all of them are there, under its final name at once.
            await put_async(self._store, key, path, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE)
        except (BaseError, OSError) as error:
            raise _untaken() from error

    async def head(self, key: str) -> StoredFile:
        """What is known of the file."""
        try:
            meta = await head_async(self._store, key)
        except (NotFoundError, FileNotFoundError, ValueError):  # ValueError: no file could have such a key
            raise _missing() from None
        except (BaseError, OSError) as error:
            raise _unread() from error
        return StoredFile(bytes=meta["size"], etag=(meta["e_tag"] or "").strip('"'), modified_at=meta["last_modified"])

    async def read(self, key: str, *, start: int, end: int) -> AsyncGenerator[bytes]:
        """The bytes of the range, in pieces of a megabyte."""
        try:
            for offset in range(start, end, _PIECE_BYTES):
                yield bytes(await get_range_async(self._store, key, start=offset, end=min(end, offset + _PIECE_BYTES)))
        except (NotFoundError, FileNotFoundError):
            raise _missing() from None
        except (BaseError, OSError) as error:
            raise _unread() from error

    async def delete(self, key: str) -> None:
        """Remove the file, if it is there."""
        try:
            await delete_async(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return  # gone is what was asked for
        except (BaseError, OSError) as error:
            raise StorageFailed("the picture could not be removed from the storage") from error

    async def keys(self, prefix: str) -> AsyncGenerator[str]:
        """The keys that begin with the prefix."""
        # Stores list whole folders; the rest of the prefix is compared here.
        folder = prefix.rpartition("/")[0]
        async for page in list_objects(self._store, prefix=folder):
            for meta in page:
                if meta["path"].startswith(prefix):
                    yield meta["path"]


def _untaken() -> StorageFailed:
    return StorageFailed("the picture could not be stored: the storage is full, read-only or out of reach")


def _missing() -> FileMissing:
    return FileMissing("the picture is not there any more: it has been deleted")


def _unread() -> StorageFailed:
    return StorageFailed("the picture could not be read from the storage; try again")
