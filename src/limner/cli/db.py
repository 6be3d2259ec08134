"""`limner db`: the schema of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from limner.cli.parts.given import Given, pass_given, shared_options

if TYPE_CHECKING:
    from limner.db import Database


@click.group(subcommand_metavar="COMMAND ...")
def command() -> None:
    """Look at the database's schema, and bring it up to date."""


@command.command(short_help="Say whether the schema is up to date.")
@shared_options()
@pass_given
def status(given: Given) -> None:
    """Say which database it is and whether its schema is up to date; the exit code is 1 when it is not."""
    from limner.cli.parts.books import with_books
    from limner.cli.parts.words import database_name
    from limner.db import schema

    settings = given.settings()
    at = with_books(settings, schema.current, upgrade=False)
    click.echo(database_name(settings))
    if at == schema.newest():
        click.echo(f"Schema {at}, up to date.")
        return
    click.echo(f"Schema {at or '(none)'}; this version of limner has {schema.newest()}: `limner db upgrade`.")
    click.get_current_context().exit(1)


@command.command(short_help="Bring the schema up to date.")
@shared_options()
@pass_given
def upgrade(given: Given) -> None:
    """Bring the schema up to date. `limner serve` does so too when it starts."""
    from limner.cli.parts.books import with_books
    from limner.db import schema

    async def act(database: Database) -> str | None:
        return await schema.current(database)

    at = with_books(given.settings(), act, make=True)
    click.echo(f"Schema {at}, up to date.")
