"""What the long faults share: a database at an external server, people with keys, and the reckoning at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from limner import config
from limner.bootstrap import opened_house
from limner.db import Database
from limner.flow.house import House
from support import books
from support.load import Load, Receiver
from support.people import join


async def new_database_at(server_url: str) -> str:
    """The address of a new, empty database of that server."""
    name = f"limner_{uuid4().hex}"
    server = await Database.open(server_url, connections_max=2)
    async with server.statement() as tx:
        await tx.run(f"CREATE DATABASE {name}")
    await server.close()
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


@asynccontextmanager
async def looking_in(
    folder: Path, *, database_url: str | None = None, storage_url: str | None = None
) -> AsyncIterator[House]:
    """The nodes' house, seen by somebody who does nothing in it."""
    given: dict[str, Any] = {"url": database_url} if database_url else {}
    settings = config.Settings(
        data_dir=folder, database=config.Database(**given, connections_max=4), storage=config.Storage(url=storage_url)
    )
    async with opened_house(settings, public_url="http://127.0.0.1:1") as house:
        yield house


async def keys_of_people(house: House, *, count: int = 3) -> list[str]:
    """Keys of so many people, who have plenty."""
    return [(await join(house, f"caller {number}", credits_start=100_000)).secret for number in range(count)]


async def reckon(house: House, *, load: Load, heard: Mapping[str, list[bool]], seconds: float = 60) -> books.Findings:
    """Wait until everything has come to rest, and count. The nodes still run."""
    await books.until_at_rest(house.database, seconds=seconds)
    return await books.examine(house.database, house.storage, promises=load.promises, delivered=heard)


def callers(
    urls: list[str],
    keys: list[str],
    *,
    receiver: Receiver | None,
    seed: int,
    per_second: float = 8,
    sync_share: float = 0.3,
) -> Load:
    """The usual load."""
    return Load(
        urls=urls,
        keys=keys,
        callback_url=receiver.url if receiver else None,
        per_second=per_second,
        seed=seed,
        sync_share=sync_share,
    )
