"""Pictures that are older than the gallery are in it after the upgrade, and found by their words."""

from __future__ import annotations

import asyncio
import os
import sys
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from limner.db import Database, schema
from limner.images import service as images
from limner.images.models import Wanted
from limner.kit.ids import uuid7

_TO_0005 = f"""
import os
from alembic import command
from alembic.config import Config
from limner.db.schema import MIGRATIONS
config = Config()
config.set_main_option("script_location", str(MIGRATIONS))
config.attributes["url"] = os.environ[{schema.URL_VARIABLE!r}]
command.upgrade(config, "0005")
"""
_TASK = """
INSERT INTO tasks (id, account_id, api_key_id, trace_id, model, engine, request, spec, price, status, held, charged, node_id,
    lease_until, created_at, finished_at, expired_at)
VALUES ($1, $2, $2, 'trace', 'dall-e-3', 'fake', $3, $4, 40000, 'succeeded', 40000, 40000, $1, now(), now(), now(), $5)
"""
_IMAGE = """
INSERT INTO images (task_id, index, account_id, storage_key, media_type, bytes, width, height, seed, revised_prompt, created_at)
VALUES ($1, 0, $2, 'x', 'image/png', 1, 1792, 1024, 7, 'lying on its back', now())
"""


async def _at_0005(url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _TO_0005, env={**os.environ, schema.URL_VARIABLE: url}
    )
    assert await process.wait() == 0


async def _past(database: Database, account_id: UUID) -> None:
    spec = {"quality": "hd", "style": "natural"}
    async with database.transaction() as tx:
        now = await tx.value("SELECT now()")
        for prompt, choices, expired_at in (("水獭 otter", spec, None), ("older fox", None, None), ("gone", spec, now)):
            id_ = uuid7()
            await tx.run(_TASK, id_, account_id, {"prompt": prompt}, choices, expired_at)
            await tx.run(_IMAGE, id_, account_id)


async def test_what_was_painted_before_is_found(server_url: str) -> None:
    server = await Database.open(server_url, connections_max=1, connections_min=1)
    name, account_id = f"limner_{uuid4().hex}", uuid7()
    url = urlsplit(server_url)._replace(path=f"/{name}").geturl()
    async with server.statement() as tx:
        await tx.run(f"CREATE DATABASE {name}")
    try:
        await _at_0005(url)
        database = await Database.open(url, connections_max=2)
        await _past(database, account_id)
        assert await schema.upgrade(database, url)
        async with database.transaction() as tx:
            everything = await images.page(tx, account_id=account_id, which=Wanted(), count=10)
        found = []
        for which in (Wanted(words="水獭"), Wanted(words="fox back"), Wanted(shape="wide", model="dall-e-3")):
            async with database.transaction() as tx:
                found.append(await images.page(tx, account_id=account_id, which=which, count=10))
        await database.close()
    finally:
        async with server.statement() as tx:
            await tx.run(f"DROP DATABASE {name} WITH (FORCE)")
        await server.close()
    fox, otter = everything
    assert (otter.origin.prompt, otter.origin.quality, otter.origin.style) == ("水獭 otter", "hd", "natural")
    assert (fox.origin.prompt, fox.origin.quality, fox.origin.style) == ("older fox", None, None)
    assert (fox.origin.price, fox.origin.model, fox.origin.api_key_id) == (40_000, "dall-e-3", account_id)
    assert found == [[otter], [fox], [fox, otter]]
