"""A live server for the journeys, and a way to meet people who are already inside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from limner import config
from limner.bootstrap import opened_house
from limner.flow.house import House
from limner.kit.clock import SystemClock
from support.server import Server, start


@pytest.fixture(scope="module")
def server(fresh_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a fresh data folder and a fresh database."""
    server = start(tmp_path_factory.mktemp("live") / "data", database_url=fresh_database_url)
    yield server
    assert server.stop() == 0, server.log.read_text()[-2000:]


@pytest.fixture
async def inside(
    server: Server, fresh_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """The same house, entered through the back door."""
    assert server.url
    settings = config.Settings(
        data_dir=tmp_path_factory.mktemp("back-door"),
        database=config.Database(url=fresh_database_url),  # type: ignore[arg-type]
    )
    async with opened_house(settings, public_url=server.url) as house:
        yield replace(house, clock=SystemClock())
