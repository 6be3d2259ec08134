"""`limner inbox`: an address to try callbacks with, and what comes there, as it comes."""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from limner.cli.parts.given import Given, pass_given, shared_options
from limner.cli.parts.table import json_option, plain, write_json, write_table
from limner.cli.parts.values import shown_time

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from uuid import UUID

    from limner.config import Settings
    from limner.db import Database
    from limner.inboxes.models import Inbox, Received

_OWNER: Final = "owner"
_COLUMNS: Final = 100
_ANSWER_SECONDS: Final = 2


@click.command(short_help="Make an address to try callbacks with, and show what comes there.")
@click.argument("inbox", required=False)
@click.option("--account", metavar="NAME", default=_OWNER, show_default=True, help="Whose inbox it is.")
@click.option("--name", default="", help="What to call it in lists.")
@click.option("--list", "as_list", is_flag=True, help="List the account's inboxes, and make none.")
@click.option("--once", is_flag=True, help="End after the first request.")
@json_option
@shared_options()
@pass_given
def command(
    given: Given, *, inbox: str | None, account: str, name: str, as_list: bool, once: bool, as_json: bool
) -> None:
    """Make an address on this server, and show each request to it as it arrives, until Ctrl-C.

    Each request is shown with its headers, its body, and what its signatures are worth. The inbox stays until it
    expires: INBOX, the end of its address, shows it again, with what has come in the meantime. With --json each request
    is one line of JSON, and the address goes to standard error.

    \b
    For example:
      limner inbox
      limner inbox --json --once
    """  # noqa: D301 - click's \b keeps the lines apart
    settings = given.settings()
    if as_list:
        _show_list(settings, account=account, as_json=as_json)
        return
    watching = _Watching(settings=settings, account=account, as_json=as_json, once=once)
    try:
        asyncio.run(watching.run(inbox.rpartition("/")[2] if inbox else None, name=name))
    except KeyboardInterrupt:
        watching.end()


@dataclass
class _Watching:
    settings: Settings
    account: str
    as_json: bool
    once: bool
    inbox: Inbox | None = None

    async def run(self, token: str | None, *, name: str) -> None:
        """Find or make the inbox, and show what comes."""
        from limner.cli.parts.books import opened_books

        async with opened_books(self.settings, make=False, upgrade=True) as database:
            inbox = self.inbox = await self._found(database, token, name=name)
            await self._introduce(inbox)
            # What came before is shown as well.
            async for received in _arriving(database, inbox):
                self._show(received)
                if self.once:
                    return
            self._say("The inbox has ended.")

    def end(self) -> None:
        """The person has seen enough."""
        if self.inbox is None:
            return
        click.echo("", err=self.as_json)  # after the ^C
        self._say(f"The inbox stays until {shown_time(self.inbox.expires_at)} UTC.")

    async def _found(self, database: Database, token: str | None, *, name: str) -> Inbox:
        from datetime import timedelta

        from limner.flow.inbox import make
        from limner.inboxes import service as inboxes
        from limner.kit.clock import SystemClock

        owner = await _account_id(database, self.account)
        if token is not None:
            async with database.statement() as tx:
                return await inboxes.inbox(tx, token=token, account_id=owner, now=SystemClock().now())
        life = timedelta(hours=self.settings.inbox.hours)
        return (await make(database, clock=SystemClock(), life=life, account_id=owner, name=name)).inbox

    async def _introduce(self, inbox: Inbox) -> None:
        from limner.cli.parts.reach import reach_of
        from limner.flow.inbox import address_of

        reach = reach_of(self.settings)
        self._say("")
        self._say(f"  {_label('Inbox')}{click.style(address_of(inbox, public_url=reach.url), bold=True)}")
        self._say(f"  {_label('Until')}{shown_time(inbox.expires_at)} UTC")
        whose = "" if self.account == _OWNER else f" --account {self.account}"
        self._say(f"  {_label('Again')}limner inbox {inbox.token}{whose}")
        self._say("")
        if not await asyncio.to_thread(_answers, reach.url):
            note = click.style("Note", fg="yellow", bold=True)
            self._say(f"  {note}  no limner answers at {reach.url}: nothing arrives until `limner serve` runs there")
            self._say("")
        self._say("  Give it as callback_url, or send anything to it; Ctrl-C ends the showing.")
        self._say("")

    def _show(self, received: Received) -> None:
        if self.as_json:
            from limner.web.inbox import record

            click.echo(json.dumps(record(received), ensure_ascii=False))
            return
        from limner.cli.parts import arrival

        for line in arrival.shown(received, columns=shutil.get_terminal_size((_COLUMNS, 24)).columns):
            click.echo(line)

    def _say(self, line: str) -> None:
        click.echo(line, err=self.as_json)


async def _arriving(database: Database, inbox: Inbox) -> AsyncGenerator[Received]:
    from limner.db.listen import Listener
    from limner.flow.inbox import watch
    from limner.flow.news import News
    from limner.inboxes import service as inboxes
    from limner.kit.clock import SystemClock

    news, listener = News(), Listener(database.url)
    listener.hear(inboxes.CHANNEL, news.heard)
    listener.on_gap(news.gap)
    listening = asyncio.create_task(listener.run())
    try:
        async for received in watch(database, clock=SystemClock(), news=news, inbox=inbox):
            if received is not None:
                yield received
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening


def _answers(url: str) -> bool:
    """Whether a limner is reached by its address."""
    import urllib.request
    from http.client import HTTPException

    try:
        with urllib.request.urlopen(url + "/", timeout=_ANSWER_SECONDS) as answer:  # noqa: S310 - settings name http(s) only
            found = json.loads(answer.read(4096))
    except (OSError, ValueError, HTTPException):
        return False
    return isinstance(found, dict) and found.get("name") == "limner"


def _show_list(settings: Settings, *, account: str, as_json: bool) -> None:
    from limner.cli.parts.books import with_books
    from limner.cli.parts.reach import reach_of
    from limner.flow.inbox import address_of
    from limner.inboxes import service as inboxes
    from limner.kit.clock import SystemClock

    async def act(database: Database) -> list[Inbox]:
        owner = await _account_id(database, account)
        async with database.statement() as tx:
            return await inboxes.inboxes(tx, account_id=owner, now=SystemClock().now())

    found = with_books(settings, act)
    url = reach_of(settings).url
    if as_json:
        write_json(
            [
                {
                    "id": inbox.id,
                    "name": inbox.name,
                    "url": address_of(inbox, public_url=url),
                    "token": inbox.token,
                    "created_at": inbox.created_at.isoformat(),
                    "expires_at": inbox.expires_at.isoformat(),
                    "requests": inbox.received,
                }
                for inbox in found
            ]
        )
        return
    write_table(
        [
            {
                "inbox": inbox.token,
                "name": plain(inbox.name),
                "requests": str(inbox.received),
                "made (UTC)": shown_time(inbox.created_at),
                "expires (UTC)": shown_time(inbox.expires_at),
            }
            for inbox in found
        ],
        right={"requests"},
        nothing=f"{account} has no inboxes: `limner inbox` makes one.",
    )


async def _account_id(database: Database, name: str) -> UUID:
    from limner.accounts import service as accounts

    async with database.statement() as tx:
        return (await accounts.account_called(tx, name=name)).id


def _label(text: str) -> str:
    return click.style(text.ljust(8), dim=True)
