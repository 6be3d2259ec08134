"""A worker while it runs: the house and its loops, without requests but those of probes."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager

import click
import uvloop

from limner.bootstrap import engine_of, opened_house
from limner.cli.parts import running
from limner.cli.parts.banner import WorkerBanner
from limner.cli.parts.listening import url_of
from limner.cli.parts.lock import holder_of
from limner.cli.parts.reach import reach_of
from limner.cli.parts.signals import stopping_by_signal
from limner.cli.parts.words import database_name
from limner.config import Settings
from limner.domain.choice import Choice
from limner.flow.house import House
from limner.kit.logs import event
from limner.kit.masking import without_password
from limner.kit.memory import keep_large_blocks
from limner.worker.loops import working

_log = logging.getLogger(__name__)


def run(settings: Settings, *, listener: socket.socket | None, choice: Choice | None) -> None:
    """Work until a signal says stop. `listener`: where probes are answered."""
    keep_large_blocks()
    running.log_choice(choice)
    uvloop.run(_work(settings, listener=listener))


async def _work(settings: Settings, *, listener: socket.socket | None) -> None:
    url = reach_of(settings).url
    with stopping_by_signal() as stop:
        async with (
            opened_house(settings, public_url=url, warm=engine_of(settings)) as house,
            _probed(settings, house=house, listener=listener),
            working(house, running.duties(settings), ending=stop.ending),
        ):
            stop.is_up(lambda: event(_log, "worker.stopping", at_once=stop.ending.now.is_set()))
            running.spare_the_collector()
            click.echo(_banner(settings, house=house, listener=listener).text())
            await stop.ending.soon.wait()


@asynccontextmanager
async def _probed(settings: Settings, *, house: House, listener: socket.socket | None) -> AsyncGenerator[None]:
    """Answer /healthz, /readyz and /metrics while the block runs, if that is wanted."""
    if listener is None:
        yield
        return
    from limner.web.operate import make_operate_app

    server = running.make_server(settings, make_operate_app(house), on_ready=lambda: None)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = server.force_exit = True
        await serving


def _banner(settings: Settings, *, house: House, listener: socket.socket | None) -> WorkerBanner:
    reach, given = reach_of(settings), settings.worker
    return WorkerBanner(
        engines={engine: given.engine_concurrent.get(engine, given.concurrent) for engine in sorted(house.performs)},
        callbacks=settings.webhooks.concurrent,
        calls_itself=bool(settings.outbound.loopback),
        database=database_name(settings),
        pictures=_pictures(settings),
        url=reach.url,
        health=url_of(listener, host=given.host) if listener else None,
        stop_seconds=settings.server.stop_seconds,
        warnings=tuple(_warnings(settings, is_guessed=reach.is_guessed)),
    )


def _pictures(settings: Settings) -> str:
    if settings.storage.url is not None:
        return without_password(settings.storage.url)
    return str(settings.data_dir.expanduser().absolute() / "pictures")


def _warnings(settings: Settings, *, is_guessed: bool) -> Iterator[str]:
    if is_guessed:
        yield (
            "nothing says where the server is, so links in callbacks may lead\n"
            "nowhere: set LIMNER_SERVER__PUBLIC_URL to the address that callers\n"
            "use"
        )
    # Pictures that no server would find.
    url = settings.storage.url or ""
    if url.startswith("memory:"):
        yield "pictures are kept in this process's memory, where no server finds\nthem: set LIMNER_STORAGE__URL"
    elif not url and settings.database.url and not holder_of(settings.data_dir.expanduser().absolute()):
        yield (
            "pictures are kept in a folder of this worker's own: unless the\n"
            "server has the same one, set LIMNER_STORAGE__URL to a place that\n"
            "both reach"
        )
