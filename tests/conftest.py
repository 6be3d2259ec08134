"""One PostgreSQL for the whole run, one database for each worker, one house for each test."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from pydantic import SecretStr

sys.path.insert(0, str(Path(__file__).parent))  # the scenes share tests/support

from limner import config, storage
from limner.bootstrap import opened_house
from limner.db import Database, schema
from limner.db.embedded import open_embedded
from limner.flow.house import House
from limner.kit.clock import StillClock
from support.people import Person, join
from support.wire import PUBLIC_URL, client_of

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
TABLES = (
    "images",
    "tasks",
    "credit_entries",
    "credit_budgets",
    "credit_balances",
    "rate_limits",
    "api_keys",
    "accounts",
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@contextmanager
def _taking_turns(path: Path) -> Iterator[None]:
    """Workers come one by one."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
async def server_url(run_folder: Path) -> str:
    """The address of the PostgreSQL that holds the tests' databases."""
    given = os.environ.get("LIMNER_TEST_DATABASE_URL")
    if given:
        return given
    with _taking_turns(run_folder / "postgres.lock"):
        url = await open_embedded(run_folder / "postgres")
        database = await Database.open(url, connections_max=2)
        async with database.statement() as tx:
            # What is lost when this machine dies is a test run.
            for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
                await tx.run(f"ALTER SYSTEM SET {setting}")
            await tx.run("SELECT pg_reload_conf()")
        await database.close()
    return url


def _named(url: str, name: str) -> str:
    """The same server's database of that name."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@pytest.fixture(scope="session")
async def database_url(server_url: str, run_folder: Path, worker_id: str) -> AsyncIterator[str]:
    """A database of this worker's own, made from the template that the first worker migrates."""
    run = "".join(letter for letter in run_folder.name if letter.isalnum()).lower()
    template, own = f"limner_{run}_template", f"limner_{run}_{worker_id}"
    server = await Database.open(server_url, connections_max=2)
    with _taking_turns(run_folder / "template.lock"):
        async with server.statement() as tx:
            is_there = await tx.value("SELECT true FROM pg_database WHERE datname = $1", template)
            if not is_there:
                await tx.run(f"CREATE DATABASE {template}")
        if not is_there:
            fresh = await Database.open(_named(server_url, template), connections_max=2)
            await schema.upgrade(fresh, _named(server_url, template))
            await fresh.close()
        async with server.statement() as tx:
            await tx.run(f"DROP DATABASE IF EXISTS {own}")
            await tx.run(f"CREATE DATABASE {own} TEMPLATE {template} STRATEGY file_copy")
    yield _named(server_url, own)
    async with server.statement() as tx:
        await tx.run(f"DROP DATABASE {own} WITH (FORCE)")
    await server.close()


@pytest.fixture(scope="session")
async def opened(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A house as bootstrap makes it; each test plays in a copy with its own clock, storage and rows."""
    settings = config.Settings(
        data_dir=tmp_path_factory.mktemp("data"),
        database=config.Database(url=SecretStr(database_url), connections_max=8),
        storage=config.Storage(url="memory://"),
        catalog=config.Catalog(engine="fake"),
        engines={"fake": {"bytes": 256}},
        moderation=config.Moderation(blocked_words=("forbidden fruit", "zeppelin")),
    )
    async with opened_house(settings, public_url=PUBLIC_URL, clock=StillClock(NOON)) as house:
        yield house


@pytest.fixture
def clock() -> StillClock:
    return StillClock(NOON)


@pytest.fixture
async def house(opened: House, clock: StillClock) -> AsyncIterator[House]:
    yield replace(opened, clock=clock, storage=storage.load("memory://"), running=set())
    async with opened.database.transaction() as tx:
        # As a replica would: otherwise the trigger that keeps entries for ever would keep them from us as well.
        await tx.run("SET LOCAL session_replication_role = replica")
        for table in TABLES:
            await tx.run(f"DELETE FROM {table}")


@pytest.fixture
async def ada(house: House) -> Person:
    """The owner: counted, never stopped."""
    return await join(house, "ada", role="owner", credits_start=1000)


@pytest.fixture
async def grace(house: House) -> Person:
    """A member with ten credits."""
    return await join(house, "grace", credits_start=10)


@pytest.fixture
async def eve(house: House) -> Person:
    """A member with nothing, who should get nowhere."""
    return await join(house, "eve", credits_start=0)


@pytest.fixture
async def caller(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    """Speaks HTTP to the house, without a socket."""
    async with client_of(house) as client:
        yield client
