"""`limner files`: pictures that callers have given, to be painted from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import click

from limner.cli.parts.facts import fact, passage
from limner.cli.parts.given import Given, pass_given, shared_options
from limner.cli.parts.names import account_id_of, account_names, shorter
from limner.cli.parts.table import json_option, plain, write_json, write_table
from limner.cli.parts.trouble import failed_in_part
from limner.cli.parts.values import shown_moment, shown_span

if TYPE_CHECKING:
    from uuid import UUID

    from limner.db import Database
    from limner.files.models import File
    from limner.flow.house import House


@click.group(subcommand_metavar="COMMAND ...", short_help="List and remove pictures that callers have given.")
def command() -> None:
    """List, show and remove pictures that callers have given: uploaded, or inside a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    files: list[File]
    names: Mapping[UUID, str]
    now: datetime


@command.command("list", short_help="List files, newest first.")
@click.option("--account", metavar="NAME", help="Only this account's.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), metavar="NUMBER", default=20, help="How many at most; without it, 20."
)
@json_option
@shared_options()
@pass_given
def list_(given: Given, *, account: str | None, limit: int, as_json: bool) -> None:
    """List files, newest first: what was uploaded, and what came inside a request (input).

    FILE is the beginning of its id, as long as it must be to tell the listed ones apart; `limner files show` takes it.
    """
    from limner.cli.parts.books import with_books
    from limner.files import service as files

    async def act(database: Database) -> _Listed:
        now = await database.now()
        async with database.transaction() as tx:
            whose = await account_id_of(tx, account)
            return _Listed(
                files=await files.every(tx, account_id=whose, count=limit, now=now),
                names=await account_names(tx),
                now=now,
            )

    listed = with_books(given.settings(), act)
    if as_json:
        write_json([_record(file, account=listed.names[file.account_id]) for file in listed.files])
        return
    short = shorter([file.id for file in listed.files])
    write_table(
        [
            {
                "file": short[file.id],
                "name": plain(file.name),
                "account": listed.names[file.account_id],
                "purpose": file.purpose,
                "type": file.media_type.removeprefix("image/"),
                "size": f"{file.width}x{file.height}",
                "kB": f"{file.bytes / 1000:,.0f}",
                "age": shown_span(listed.now - file.created_at),
                "expires in": shown_span(file.expires_at - listed.now),
            }
            for file in listed.files
        ],
        right={"kB", "age", "expires in"},
        narrow={"name", "account"},
        nothing=f"{account} has no files." if account else "There are no files.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    file: File
    account: str
    link: str
    now: datetime


@command.command(short_help="Show everything about a file.")
@click.argument("file")
@json_option
@shared_options()
@pass_given
def show(given: Given, file: str, *, as_json: bool) -> None:
    """Show everything about a file; FILE is its id or the beginning of it. The link opens it for as long as it is kept."""
    from limner.cli.parts.reach import with_house
    from limner.flow import files

    async def act(house: House) -> _Shown:
        found = await files.file_like(house, prefix=file)
        async with house.database.statement() as tx:
            names = await account_names(tx)
        return _Shown(
            file=found,
            account=names[found.account_id],
            link=files.link_to(house, found),
            now=house.clock.now(),
        )

    shown = with_house(given.settings(looks=True), act)
    if as_json:
        write_json({**_record(shown.file, account=shown.account), "link": shown.link})
        return
    for line in _lines(shown):
        click.echo(line)


def _lines(shown: _Shown) -> Iterator[str]:
    file = shown.file
    yield fact("File", click.style(f"file-{file.id.hex}", bold=True))
    if file.name:
        yield from passage("Name", file.name)
    yield fact("Account", shown.account)
    yield fact("Purpose", file.purpose if file.is_listed else f"{file.purpose}: it came inside a request")
    if file.url is not None:
        yield from passage("From", file.url)
    yield fact("Picture", f"{file.width}x{file.height}, {file.media_type}, {file.bytes / 1000:,.0f} kB")
    yield fact("Alpha", file.alpha)
    for note in file.notes:
        yield from passage("Note", note)
    yield fact("SHA-256", file.sha256)
    yield fact("Given", f"{shown_moment(file.created_at)}, {shown_span(shown.now - file.created_at)} ago")
    yield fact("Expires", f"{shown_moment(file.expires_at)}, in {shown_span(file.expires_at - shown.now)}")
    yield fact("Link", shown.link)


@command.command(short_help="Remove files.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@shared_options()
@pass_given
def remove(given: Given, files: tuple[str, ...]) -> None:
    """Remove files; each FILE is an id or the beginning of one.

    Nobody is given them any more. What a task is being painted from goes when that has ended.
    """
    from limner.cli.parts.reach import with_house
    from limner.domain.problem import Problem
    from limner.flow import files as file_acts

    async def act(house: House) -> int:
        failed = 0
        for prefix in files:
            try:
                found = await file_acts.file_like(house, prefix=prefix)
                await file_acts.remove(house, account_id=None, id_=found.id)
            except Problem as problem:
                failed += failed_in_part(prefix, problem.message)
            else:
                click.echo(f"file-{found.id.hex} is removed.")
        return failed

    if with_house(given.settings(looks=True), act):
        click.get_current_context().exit(1)


def _record(file: File, *, account: str) -> dict[str, object]:
    return {
        "id": f"file-{file.id.hex}",
        "account": account,
        "name": file.name,
        "purpose": file.purpose,
        "is_listed": file.is_listed,
        "media_type": file.media_type,
        "bytes": file.bytes,
        "width": file.width,
        "height": file.height,
        "sha256": file.sha256,
        "alpha": file.alpha,
        "url": file.url,
        "notes": list(file.notes),
        "created_at": file.created_at.isoformat(),
        "expires_at": file.expires_at.isoformat(),
    }
