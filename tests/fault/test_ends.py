"""How a server may end in the middle of a request, and what is found afterwards."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from limner import config
from limner.bootstrap import opened_house
from limner.flow.house import House
from limner.flow.sweep import sweep
from limner.kit.clock import StillClock, SystemClock
from support.server import Server, start

SLOWLY = {"LIMNER_ENGINES": '{"fake": {"seconds": 60}}', "LIMNER_SERVER__STOP_SECONDS": "1"}
BODY = {"model": "dall-e-2", "prompt": "A cute baby sea otter", "size": "256x256"}


def asked(server: Server, *, n: int = 1) -> requests.Response:
    return requests.post(
        f"{server.url}/v1/images/generations",
        json={**BODY, "n": n},
        headers={"authorization": f"Bearer {server.owner_key}"},
        timeout=60,
    )


def opened(server: Server, link: str) -> requests.Response:
    """The link on the address that the server has now."""
    return requests.get(server.url + "/files/" + link.partition("/files/")[2], timeout=20)


def asking(server: Server) -> threading.Thread:
    """Somebody who asks and is never answered."""

    def ask() -> None:
        with suppress(requests.RequestException):
            asked(server)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


@asynccontextmanager
async def back_door(database_url: str, data_dir: Path, *, hours_later: float = 0) -> AsyncIterator[House]:
    """The house that the server left, some time later."""
    settings = config.Settings(
        data_dir=data_dir,
        database=config.Database(url=database_url),  # type: ignore[arg-type]
    )
    clock = StillClock(SystemClock().now() + timedelta(hours=hours_later))
    async with opened_house(settings, public_url="http://127.0.0.1:1", clock=clock) as house:
        yield house


async def figures(house: House) -> dict[str, Any]:
    async with house.database.statement() as tx:
        row = await tx.row(
            "SELECT (SELECT count(*) FROM tasks WHERE status = 'running') AS running_tasks,"
            " (SELECT sum(held) FROM credit_balances) AS held, (SELECT sum(held) FROM credit_budgets) AS held_by_keys,"
            " (SELECT sum(running) FROM rate_limits) AS running,"
            " (SELECT count(*) FROM tasks WHERE status = 'succeeded') AS succeeded,"
            " (SELECT sum(balance) FROM credit_balances) = (SELECT sum(amount) FROM credit_entries) AS adds_up"
        )
    assert row is not None
    return {name: int(value or 0) for name, value in row.items()}


async def until_a_task_runs(house: House, thread: threading.Thread) -> None:
    while (await figures(house))["running_tasks"] == 0:
        assert thread.is_alive(), "the request ended before its task began"


NOTHING_LEFT = {"running_tasks": 0, "held": 0, "held_by_keys": 0, "running": 0, "adds_up": 1}


async def test_a_server_that_is_killed_loses_nothing_that_was_answered(fresh_database_url: str, tmp_path: Path) -> None:
    quick = start(tmp_path / "data", database_url=fresh_database_url)
    links = [picture["url"] for picture in asked(quick, n=2).json()["data"]]
    quick.kill()
    slow = start(tmp_path / "data", database_url=fresh_database_url, environ=SLOWLY)
    assert slow.owner_key == quick.owner_key
    thread = asking(slow)
    async with back_door(fresh_database_url, tmp_path / "data") as house:
        await until_a_task_runs(house, thread)

        slow.kill()
        thread.join(20)

        left = await figures(house)
        assert (left["running_tasks"], left["running"], left["held"]) == (1, 1, 16_000)
        assert await sweep(house) == 0  # its lease is not over yet
    async with back_door(fresh_database_url, tmp_path / "data", hours_later=1) as house:
        assert await sweep(house) == 1
        assert await figures(house) == {**NOTHING_LEFT, "succeeded": 1}

    again = start(tmp_path / "data", database_url=fresh_database_url)
    try:
        for link in links:
            answer = opened(again, link)
            assert answer.status_code == 200
            assert answer.content.startswith(b"\x89PNG")
        assert asked(again).status_code == 200
    finally:
        assert again.stop() == 0


@pytest.mark.parametrize("name", ["interrupted"])
async def test_a_server_that_is_stopped_gives_back_what_it_had_in_hand(
    fresh_database_url: str, tmp_path: Path, name: str
) -> None:
    server = start(tmp_path / "data", database_url=fresh_database_url, environ=SLOWLY)
    thread = asking(server)
    async with back_door(fresh_database_url, tmp_path / "data") as house:
        before = (await figures(house))["succeeded"]
        await until_a_task_runs(house, thread)

        assert server.stop() == 0
        thread.join(20)

        assert await figures(house) == {**NOTHING_LEFT, "succeeded": before}
        async with house.database.statement() as tx:
            codes = [
                row["error_code"] for row in await tx.rows("SELECT error_code FROM tasks ORDER BY id DESC LIMIT 1")
            ]
        assert codes == [name]
