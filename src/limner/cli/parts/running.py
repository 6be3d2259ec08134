"""The server while it runs: the house, its loops and uvicorn, and what a signal does to them."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final

import click
import uvicorn
import uvloop
from typing_extensions import override

from limner.bootstrap import OwnerKey, ensure_owner, opened_house
from limner.cli.parts.banner import Banner
from limner.cli.parts.listening import BACKLOG, is_open_to_others
from limner.cli.parts.words import database_name
from limner.config import Settings
from limner.flow.house import House
from limner.kit.logs import event
from limner.web.app import make_app
from limner.web.protocol import OneWriteProtocol
from limner.worker.loops import run_loops

_log = logging.getLogger(__name__)
_LAST_WORDS_SECONDS: Final = 5
_COLLECT_AFTER_OBJECTS: Final = 50_000


def run(settings: Settings, *, listener: socket.socket, url: str) -> None:
    """Serve until a signal says stop."""
    uvloop.run(_serve(settings, listener=listener, url=url))


async def _serve(settings: Settings, *, listener: socket.socket, url: str) -> None:
    with _stopping_by_signal() as stop:
        async with opened_house(settings, public_url=url, warm=settings.catalog.engine) as house:
            key = await ensure_owner(house.database, settings, clock=house.clock)
            async with _in_background(run_loops(house)):
                banner = _banner(settings, house=house, key=key, url=url)
                _spare_the_collector()
                server = _server(settings, house=house, on_ready=lambda: click.echo(banner.text()))
                stop.server = server
                await server.serve(sockets=[listener])


def _spare_the_collector() -> None:
    """What was made at the start stays for good: take it out of the garbage collector's rounds, and make these rarer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS, 20, 50)


class _Stop:
    """What the first signal and the next ones do: before the server runs, give up; then, end well; then, end now."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.server: _Server | None = None
        self.was_asked = False
        self._task = task

    def ask(self) -> None:
        """Take one signal."""
        if self.server is None:
            self._task.cancel()
        elif self.was_asked:
            self.server.force_exit = True
        else:
            self.server.should_exit = True
            event(_log, "server.stopping")
        self.was_asked = True


@contextmanager
def _stopping_by_signal() -> Generator[_Stop]:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    stop = _Stop(task)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.ask)
    try:
        yield stop
    except asyncio.CancelledError:
        if not stop.was_asked:
            raise
    # The handlers stay until the loop is closed: a second Ctrl-C while the house closes must not tear it down.


class _Server(uvicorn.Server):
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


def _server(settings: Settings, *, house: House, on_ready: Callable[[], None]) -> _Server:
    config = uvicorn.Config(
        make_app(house, body_bytes_max=settings.server.body_bytes_max),
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
    return _Server(config, on_ready=on_ready)


@asynccontextmanager
async def _in_background(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Do `work` beside the block; cancelled when the block ends."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _banner(settings: Settings, *, house: House, key: OwnerKey, url: str) -> Banner:
    warnings = []
    if is_open_to_others(settings.server.host) and not settings.server.public_url:
        warnings.append(
            "other machines can reach this server, but links in its answers begin\n"
            f"        with {url}: set LIMNER_SERVER__PUBLIC_URL to the\n"
            "        address that they use"
        )
    return Banner(
        url=url,
        public_url=house.public_url,
        secret=key.secret,
        key_path=key.path,
        data_dir=settings.data_dir.expanduser().absolute(),
        database=database_name(settings),
        engine=settings.catalog.engine,
        warnings=tuple(warnings),
    )
