"""Servers and workers are killed at random moments while callers ask: nothing is lost, charged twice, or left over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.faults import Node, kill_at_random, running
from support.load import Receiver
from support.postgres import ExternalPostgres
from support.s3 import S3Server
from support.scenes import callers, keys_of_people, looking_in, new_database_at, reckon

ENGINE = {"LIMNER_ENGINES": '{"fake": {"seconds": 0.3}}'}


async def test_a_server_and_a_worker_on_one_data_folder(
    tmp_path: Path, kills: int, seed: int, say: Callable[[str], None]
) -> None:
    folder = tmp_path / "data"
    server, worker = (Node(folder, command=command, environ=ENGINE) for command in ("serve", "worker"))
    with Receiver().open() as receiver, running(server, worker):
        async with looking_in(folder) as house:
            load = callers([server.url], await keys_of_people(house), receiver=receiver, seed=seed)
            with load.running():
                await asyncio.to_thread(kill_at_random, [server, worker], times=kills, seed=seed)
            found = await reckon(house, load=load, heard=receiver.delivered)
    say(f"embedded: {kills} kills, {found}; refused {dict(load.refused)}")
    assert found.wrong == []
    assert found.accepted > kills


async def test_two_servers_and_two_workers_with_postgresql_and_s3(  # noqa: PLR0917 - fixtures
    tmp_path: Path,
    external_postgres: ExternalPostgres,
    s3_server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    kills: int,
    seed: int,
    say: Callable[[str], None],
) -> None:
    for name, value in s3_server.environ.items():
        monkeypatch.setenv(name, value)  # for the house that only looks in
    database_url = await new_database_at(external_postgres.url)
    s3_server.make_bucket("kills")
    storage_url = s3_server.address("kills", "pictures")
    shared = ENGINE | s3_server.environ | {"LIMNER_DATABASE__URL": database_url, "LIMNER_STORAGE__URL": storage_url}
    # One of the servers performs nothing itself: what is asked of it is performed elsewhere.
    forwards = shared | {"LIMNER_WORKER__ENGINES": json.dumps([])}
    servers = [
        Node(tmp_path / "one", command="serve", environ=shared),
        Node(tmp_path / "two", command="serve", environ=forwards),
    ]
    workers = [Node(tmp_path / name, command="worker", environ=shared) for name in ("three", "four")]
    with Receiver().open() as receiver, running(*servers, *workers):
        async with looking_in(tmp_path / "five", database_url=database_url, storage_url=storage_url) as house:
            load = callers(
                [server.url for server in servers], await keys_of_people(house), receiver=receiver, seed=seed
            )
            with load.running():
                await asyncio.to_thread(kill_at_random, [*servers, *workers], times=kills, seed=seed)
            found = await reckon(house, load=load, heard=receiver.delivered)
    say(f"external: {kills} kills, {found}; refused {dict(load.refused)}")
    assert found.wrong == []
    assert found.accepted > kills
