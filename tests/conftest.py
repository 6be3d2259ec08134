"""One PostgreSQL for the whole run, one database for each worker, one house for each test."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

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
from support import postgres, s3
from support.people import Person, join
from support.wire import PUBLIC_URL, client_of

_Result = TypeVar("_Result")

# A developer's own key would have servers in tests relay to OpenAI: they choose their engine by what is at hand.
for _name in [name for name in os.environ if name.startswith("OPENAI_")]:
    del os.environ[_name]

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
TABLES = (
    "files",
    "provenance_authorities",
    "moderation_verdicts",
    "moderation_rules",
    "engine_attempts",
    "platform_tokens",
    "model_changes",
    "audit_entries",
    "image_shares",
    "usage_sums",
    "usage_ended",
    "redemptions",
    "redeem_codes",
    "api_key_old_secrets",
    "login_throttles",
    "login_journeys",
    "identities",
    "invitations",
    "login_links",
    "sessions",
    "logins",
    "pgqueuer",
    "job_places",
    "job_lines",
    "idempotency_keys",
    "webhook_attempts",
    "webhook_messages",
    "webhook_endpoints",
    "webhook_secrets",
    "inbox_requests",
    "inboxes",
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


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Whoever began the run stops the PostgreSQL that its workers have shared, by having it open when it ends."""
    factory: pytest.TempPathFactory | None = getattr(session.config, "_tmp_path_factory", None)
    if "PYTEST_XDIST_WORKER" not in os.environ and factory is not None:
        folder = factory.getbasetemp() / "postgres"
        if (folder / "postmaster.pid").exists():
            _done(open_embedded(folder))


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


def _done(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Do it in a thread of its own: fixtures that plain functions use as well cannot be asynchronous."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@pytest.fixture(scope="session")
def server_url(run_folder: Path) -> str:
    """The address of the PostgreSQL that holds the tests' databases."""
    given = os.environ.get("LIMNER_TEST_DATABASE_URL")
    if given:
        return given
    with _taking_turns(run_folder / "postgres.lock"):
        folder = run_folder / "postgres"
        url = _done(open_embedded(folder))
        if "PYTEST_XDIST_WORKER" in os.environ:
            # Workers come and go as they run out of tests: the server is the whole run's, see pytest_sessionfinish.
            register = folder / ".handle_pids.json"
            users = json.loads(register.read_text())
            register.write_text(json.dumps(sorted({*users, os.getppid()})))
        # What is lost when this machine dies is a test run.
        for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
            _done(_on_server(url, f"ALTER SYSTEM SET {setting}"))
        _done(_on_server(url, "SELECT pg_reload_conf()"))
    return url


@pytest.fixture(scope="session")
def template(server_url: str, run_folder: Path) -> str:
    """The name of the database that all others are copied from; the first worker migrates it."""
    run = "".join(letter for letter in run_folder.name if letter.isalnum()).lower()
    name = f"limner_{run}_template"
    with _taking_turns(run_folder / "template.lock"):
        _done(_migrated(server_url, name))
    return name


@pytest.fixture(scope="session")
def database_url(server_url: str, template: str, run_folder: Path) -> Iterator[str]:
    """A database of this worker's own."""
    with _copied(server_url, template, run_folder) as url:
        yield url


@pytest.fixture(scope="session")
def new_database(server_url: str, template: str, run_folder: Path) -> Callable[[], AbstractContextManager[str]]:
    """One more database as new, as often as it is called."""
    return lambda: _copied(server_url, template, run_folder)


@pytest.fixture(scope="module")
def fresh_database_url(new_database: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """A database as new for all of a module, for servers in processes of their own."""
    with new_database() as url:
        yield url


@contextmanager
def _copied(server_url: str, template: str, run_folder: Path) -> Iterator[str]:
    name = f"limner_{uuid4().hex}"
    with _taking_turns(run_folder / "template.lock"):  # nobody may be looking at it meanwhile
        _done(_on_server(server_url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"))
    yield _named(server_url, name)
    _done(_on_server(server_url, f"DROP DATABASE {name} WITH (FORCE)"))


async def _on_server(url: str, sql: str) -> None:
    database = await Database.open(url, connections_max=2)
    async with database.statement() as tx:
        await tx.run(sql)
    await database.close()


async def _migrated(server_url: str, name: str) -> None:
    server = await Database.open(server_url, connections_max=2)
    async with server.statement() as tx:
        if not await tx.value("SELECT true FROM pg_database WHERE datname = $1", name):
            await tx.run(f"CREATE DATABASE {name}")
    await server.close()
    fresh = await Database.open(_named(server_url, name), connections_max=2)
    await schema.upgrade(fresh, _named(server_url, name))
    await fresh.close()


def _named(url: str, name: str) -> str:
    """The same server's database of that name."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@pytest.fixture(scope="session")
def external_postgres() -> Iterator[postgres.ExternalPostgres]:
    """A PostgreSQL that is not embedded, running; whoever stops it starts it again."""
    programs = postgres.find_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed beside the embedded one; `make servers` installs it")
    # Not in pytest's folder, into which the server's own user may not go.
    folder = Path(tempfile.mkdtemp(prefix="limner-external-"))
    server = postgres.ExternalPostgres(folder, programs=programs)
    server.start()
    yield server
    if server.is_running():
        server.stop("immediate")
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[s3.S3Server]:
    """A server that speaks S3; each worker that needs one starts its own."""
    server = s3.start()
    yield server
    server.stop()


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
    yield replace(opened, clock=clock, storage=storage.load("memory://"), catalog=opened.catalog.as_made())
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
