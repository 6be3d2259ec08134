"""The database for commands that look after it: the server's own, whether the server runs or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import click

from limner.bootstrap import EMBEDDED_FOLDER, ensure_owner, opened_database, prepare_data_dir
from limner.cli.parts.trouble import Trouble
from limner.config import Settings
from limner.db import Database
from limner.kit.clock import SystemClock

_Result = TypeVar("_Result")


def with_books(
    settings: Settings, act: Callable[[Database], Awaitable[_Result]], *, make: bool = False, upgrade: bool = True
) -> _Result:
    """Do `act` with the database open. `make`: if nothing is there yet, make it, as the first start would."""

    async def whole() -> _Result:
        async with opened_books(settings, make=make, upgrade=upgrade) as database:
            return await act(database)

    return asyncio.run(whole())


@asynccontextmanager
async def opened_books(settings: Settings, *, make: bool, upgrade: bool) -> AsyncGenerator[Database]:
    """The same for a block. Raises `Trouble` when there is nothing yet and nothing is to be made."""
    if not make:
        refuse_unmade(settings)
    async with opened_database(settings, upgrade=upgrade) as database:
        if make:
            prepare_data_dir(settings.data_dir)  # with a database elsewhere, nothing has needed it so far
            owner_key = await ensure_owner(database, settings, clock=SystemClock())
            if owner_key.is_new:
                click.echo(f"The owner's account was made; its key is in {owner_key.path}.", err=True)
        yield database


def refuse_unmade(settings: Settings) -> None:
    """Raises `Trouble` when nothing is there yet."""
    if not is_made(settings):
        raise Trouble(
            f"nothing is kept in {settings.data_dir} yet: `limner serve` makes it, or give another folder with --data-dir"
        )


def is_made(settings: Settings) -> bool:
    """Whether there is a database to open: a server's address, or a folder that an earlier start has filled."""
    folder = settings.data_dir.expanduser() / EMBEDDED_FOLDER
    return bool(settings.database.url) or (folder / "PG_VERSION").exists()
