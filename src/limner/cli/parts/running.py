"""The server while it runs: the house, its loops and uvicorn, and what a signal does to them."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import textwrap
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Final

import click
import uvicorn
import uvloop
from starlette.types import ASGIApp
from typing_extensions import override

from limner.accounts import service as accounts
from limner.bootstrap import OwnerKey, engine_of, ensure_owner, is_loopback, may_call_itself, opened_house
from limner.cli.parts.banner import Banner
from limner.cli.parts.listening import BACKLOG
from limner.cli.parts.signals import Stop, stopping_by_signal
from limner.cli.parts.words import database_name
from limner.config import Loaded, Settings
from limner.domain.choice import Choice
from limner.flow import register
from limner.flow.house import House
from limner.flow.mail import link_of
from limner.kit.logs import event
from limner.kit.memory import keep_large_blocks
from limner.logins.service import LoginExists
from limner.web.app import make_app
from limner.web.dialects.images.render import callback_body
from limner.web.protocol import OneWriteProtocol
from limner.webhooks import service as webhooks
from limner.worker.loops import Duties, working

_log = logging.getLogger(__name__)
_LAST_WORDS_SECONDS: Final = 5
_WARNING_WIDTH: Final = 70
_COLLECT_AFTER_OBJECTS: Final = 50_000


def run(loaded: Loaded, *, listener: socket.socket, url: str) -> None:
    """Serve until a signal says stop."""
    keep_large_blocks()
    log_choice(loaded.choice)
    uvloop.run(_serve(loaded, listener=listener, url=url))


async def _serve(loaded: Loaded, *, listener: socket.socket, url: str) -> None:
    settings = loaded.settings
    with stopping_by_signal() as stop:
        async with opened_house(settings, public_url=url, warm=engine_of(settings), origins=loaded.origins) as house:
            key = await ensure_owner(house.database, settings, clock=house.clock)
            async with working(house, duties(settings), ending=stop.ending):
                banner = await _banner(loaded, house=house, key=key, url=url)
                spare_the_collector()
                app = make_app(house, body_bytes_max=settings.server.body_bytes_max)
                server = make_server(settings, app, on_ready=lambda: click.echo(banner.text()))
                stop.is_up(lambda: _heed(stop, server, house))
                await server.serve(sockets=[listener])


def _heed(stop: Stop, server: Server, house: House) -> None:
    if not server.should_exit:
        event(_log, "server.stopping")
    server.should_exit = True
    house.inbox_news.close()
    house.news.close()
    server.force_exit = stop.ending.now.is_set()


def spare_the_collector() -> None:
    """What was made at the start stays for good: take it out of the garbage collector's rounds, and make these rarer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS, 20, 50)


class Server(uvicorn.Server):
    """Uvicorn, without its own signals: it would raise them again after a clean end."""

    def __init__(self, config: uvicorn.Config, *, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    @override
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    @override
    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        await super().serve(sockets)
        # Requests that were cut off are cancelled by now, but have yet to close their tasks and release their holds.
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=_LAST_WORDS_SECONDS)


def make_server(settings: Settings, app: ASGIApp, *, on_ready: Callable[[], None]) -> Server:
    """A server for the application, not yet listening; `on_ready` is called when it does."""
    config = uvicorn.Config(
        app,
        loop="none",  # it runs in ours
        http=OneWriteProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=settings.server.stop_seconds,
        backlog=BACKLOG,
    )
    return Server(config, on_ready=on_ready)


def duties(settings: Settings) -> Duties:
    """What this process does of the work in the queue."""
    return Duties(
        renders=callback_body,
        concurrent=settings.worker.concurrent,
        engine_concurrent=settings.worker.engine_concurrent,
        callbacks=settings.webhooks.concurrent,
        stop_seconds=settings.server.stop_seconds,
    )


def log_choice(choice: Choice | None) -> None:
    """Say in the log which engine was chosen, and why, if nobody had said."""
    if choice is None:
        return
    event(_log, "engine.chosen", engine=choice.engine, place=choice.place, why=choice.why, override="catalog.engine")
    for note in choice.notes:
        event(_log, "engine.passed_over", level=logging.WARNING, why=note)


async def _banner(loaded: Loaded, *, house: House, key: OwnerKey, url: str) -> Banner:
    settings, engine = loaded.settings, engine_of(loaded.settings)
    return Banner(
        url=url,
        public_url=house.public_url,
        secret=key.secret,
        key_path=key.path,
        data_dir=settings.data_dir.expanduser().absolute(),
        database=database_name(settings),
        engine=engine,
        choice=loaded.choice,
        is_performed_here=engine in house.performs,
        calls_itself=settings.outbound.loopback is None and may_call_itself(settings),
        warnings=(*_unreachable(settings, url=url), *_passed_over(loaded.choice), *await _paused(house)),
        welcome=await _welcome(house),
    )


async def _welcome(house: House) -> str | None:
    """Where the owner, who has only a key at first, gets a login."""
    try:
        async with house.database.transaction() as tx:
            owner = await accounts.owner(tx)
            if owner is None:
                return None
            token = await register.welcome_link(tx, account_id=owner.id, now=house.clock.now())
    except LoginExists:
        return None
    return link_of(house, purpose="welcome", token=token)


def _unreachable(settings: Settings, *, url: str) -> Iterator[str]:
    if not is_loopback(settings.server.host) and not settings.server.public_url:
        yield (
            "other machines can reach this server, but links in its answers begin\n"
            f"with {url}: set LIMNER_SERVER__PUBLIC_URL to the\n"
            "address that they use"
        )


def _passed_over(choice: Choice | None) -> Iterator[str]:
    for note in choice.notes if choice else ():
        yield textwrap.fill(note, _WARNING_WIDTH)


async def _paused(house: House) -> list[str]:
    async with house.database.statement() as tx:
        paused = [one for one in await webhooks.endpoints(tx) if one.paused_at is not None]
    if not paused:
        return []
    who = "a receiver of callbacks is" if len(paused) == 1 else f"{len(paused)} receivers of callbacks are"
    return [f"{who} paused, having answered nothing well for days:\n`limner webhooks receivers` shows more"]
