"""The database: how to reach it, its transactions, its schema. The only room that commits.

`Database` is opened once by bootstrap. Flow opens transactions and hands them to the rooms' verbs as `tx`; a verb never
commits, and never keeps one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, overload
from urllib.parse import urlsplit

import asyncpg
import orjson

from limner.db.batches import Batches, Order
from limner.db.steps import Step, refusal, results, statement
from limner.domain.problem import Problem

if TYPE_CHECKING:
    _Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
    _PooledConnection: TypeAlias = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]


_log = logging.getLogger(__name__)
_ACQUIRE_SECONDS: Final = 10


class DatabaseUnavailable(Problem):
    """The database does not answer."""

    code = "database_unavailable"
    status = 503


Row: TypeAlias = asyncpg.Record
_T1 = TypeVar("_T1")
_T2 = TypeVar("_T2")
_T3 = TypeVar("_T3")
_T4 = TypeVar("_T4")


class Tx:
    """An open transaction, or a single statement on its own: what the rooms' queries run on."""

    __slots__ = ("_connection",)

    def __init__(self, connection: _PooledConnection) -> None:
        self._connection = connection

    async def row(self, sql: str, *arguments: object) -> Row | None:
        """The first row, or None."""
        return await self._connection.fetchrow(sql, *arguments)

    async def rows(self, sql: str, *arguments: object) -> list[Row]:
        """All rows."""
        return await self._connection.fetch(sql, *arguments)

    async def value(self, sql: str, *arguments: object) -> Any:
        """The first column of the first row, or None."""
        return await self._connection.fetchval(sql, *arguments)

    async def run(self, sql: str, *arguments: object) -> int:
        """Run a statement; how many rows it touched."""
        status = await self._connection.execute(sql, *arguments)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    @overload
    async def together(self, a: Step[_T1], /) -> tuple[_T1]: ...
    @overload
    async def together(self, a: Step[_T1], b: Step[_T2], /) -> tuple[_T1, _T2]: ...
    @overload
    async def together(self, a: Step[_T1], b: Step[_T2], c: Step[_T3], /) -> tuple[_T1, _T2, _T3]: ...
    @overload
    async def together(
        self, a: Step[_T1], b: Step[_T2], c: Step[_T3], d: Step[_T4], /
    ) -> tuple[_T1, _T2, _T3, _T4]: ...
    @overload
    async def together(self, *steps: Step[Any]) -> tuple[Any, ...]: ...
    async def together(self, *steps: Step[Any]) -> tuple[Any, ...]:
        """Do the steps in order, in one statement. Raises the `Problem` of the step that is refused; then none was done."""
        return results(steps, await self.columns(steps))

    async def columns(self, steps: Sequence[Step[Any]]) -> tuple[Any, ...]:
        """Do the steps, and leave what their functions returned unread."""
        sql, arguments = statement(steps)
        try:
            row = await self._connection.fetchrow(sql, *arguments)
        except asyncpg.PostgresError as error:
            if problem := refusal(steps, error):
                raise problem from None
            raise
        assert row is not None
        return tuple(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolUse:
    """Connections of this process: at work, open without work, and the most that there may be."""

    in_use: int
    idle: int
    most: int


class Database:
    """A pool of connections to one PostgreSQL database."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], *, url: str) -> None:
        self.url = url
        self._pool = pool
        self._batches: dict[tuple[str, ...], Batches] = {}

    @classmethod
    async def open(
        cls, url: str, *, connections_max: int, connections_min: int = 2, is_forgiving: bool = False
    ) -> Database:
        """Connect. Raises `DatabaseUnavailable` with what the server (or the network) said.

        `is_forgiving`: for statements that are few and known, so that they are planned once and not for each call's
        arguments; and whose loss in a crash does no harm, so that none of them waits for the disk.
        """
        settings = {"application_name": "limner", "jit": "off", "timezone": "UTC"}
        if is_forgiving:
            settings |= {"plan_cache_mode": "force_generic_plan", "synchronous_commit": "off"}
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=connections_min,
                max_size=connections_max,
                init=_prepare,
                reset=_nothing_to_reset,
                command_timeout=30,
                server_settings=settings,
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise DatabaseUnavailable(f"the database cannot be reached: {error} (at {_place(url)})") from None
        return cls(pool, url=url)

    async def close(self) -> None:
        """Wait for transactions under way, then disconnect."""
        try:
            async with asyncio.timeout(10):
                await self.settled()
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def now(self) -> datetime:
        """What the server's clock says, aware, in UTC."""
        async with self.statement() as tx:
            now: datetime = await tx.value("SELECT clock_timestamp()")
        return now

    def use(self) -> PoolUse:
        """How many connections there are, and how many could be."""
        idle = self._pool.get_idle_size()
        return PoolUse(in_use=self._pool.get_size() - idle, idle=idle, most=self._pool.get_max_size())

    async def settled(self) -> None:
        """Until the database has done what it was asked to do together, also for callers who have gone since."""
        for batches in tuple(self._batches.values()):
            await batches.settled()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Tx]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        async with self._connection() as connection:
            try:
                await connection.execute("BEGIN")
                yield Tx(connection)
            except BaseException:
                # Shielded: a cancelled caller must not hand a connection back in the middle of a transaction.
                await asyncio.shield(connection.execute("ROLLBACK"))
                raise
            await connection.execute("COMMIT")

    @asynccontextmanager
    async def statement(self) -> AsyncGenerator[Tx]:
        """For acts of one statement: each is its own transaction, without the two round trips around it."""
        async with self._connection() as connection:
            yield Tx(connection)

    @overload
    async def together(self, a: Step[_T1], /, *, order: Order) -> tuple[_T1]: ...
    @overload
    async def together(self, a: Step[_T1], b: Step[_T2], /, *, order: Order) -> tuple[_T1, _T2]: ...
    @overload
    async def together(self, a: Step[_T1], b: Step[_T2], c: Step[_T3], /, *, order: Order) -> tuple[_T1, _T2, _T3]: ...
    @overload
    async def together(
        self, a: Step[_T1], b: Step[_T2], c: Step[_T3], d: Step[_T4], /, *, order: Order
    ) -> tuple[_T1, _T2, _T3, _T4]: ...
    @overload
    async def together(self, *steps: Step[Any], order: Order) -> tuple[Any, ...]: ...
    async def together(self, *steps: Step[Any], order: Order) -> tuple[Any, ...]:
        """Do the steps in a transaction of their own, perhaps with the same steps of other callers of this moment.

        All of them or none. `order`: what the steps lock, the widest first (account, then key), so that no two
        transactions wait for each other. Raises the `Problem` of the step that is refused.
        """
        shape = tuple(step.call for step in steps)
        batches = self._batches.get(shape)
        if batches is None:
            batches = self._batches[shape] = Batches(self._run, gone=DatabaseUnavailable)
        return await batches.done(steps, order=order)

    async def _run(self, steps: Sequence[Step[Any]]) -> tuple[Any, ...]:
        async with self._connection() as connection:
            return await Tx(connection).columns(steps)

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[_PooledConnection]:
        connection = await self._acquired()
        try:
            yield connection
        except (
            asyncpg.PostgresConnectionError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
            ConnectionError,
        ) as error:
            if isinstance(error, ValueError):
                raise  # the driver's word for an argument that no query could take: a bug of ours, not an absence
            raise _unavailable() from error
        except asyncpg.InsufficientResourcesError as error:
            # A full disk, mostly: an expected trouble of machines, and for the operator to mend.
            _log.error("database.out_of_room", extra={"fields": {"error": str(error)}})
            raise DatabaseUnavailable("the database has no room left", retry_after_seconds=60) from error
        finally:
            await self._pool.release(connection)

    async def _acquired(self) -> _PooledConnection:
        try:
            # The pool's own timeout makes a task for every acquisition: five times the cost of everything else here.
            async with asyncio.timeout(_ACQUIRE_SECONDS):
                return await self._pool.acquire()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise _unavailable() from error


def _place(url: str) -> str:
    """Where an address leads to: what may be shown of it."""
    return urlsplit(url).netloc.rpartition("@")[2].removesuffix(":") or "a local socket"


def _unavailable() -> DatabaseUnavailable:
    return DatabaseUnavailable("the database does not answer; try again", retry_after_seconds=2)


async def _prepare(connection: _Connection) -> None:
    """Teach the connection our one type that PostgreSQL's driver leaves as text."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda data: orjson.loads(data[1:]),
        format="binary",
    )


async def _nothing_to_reset(_connection: _Connection) -> None:
    """We set nothing on a connection that could outlive its transaction, so the driver's reset would be a wasted round trip."""
