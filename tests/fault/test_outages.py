"""What nodes need goes away under load and comes back: PostgreSQL, storage, receivers of callbacks."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.faults import Node, running
from support.load import Answer, Receiver
from support.postgres import ExternalPostgres
from support.s3 import S3Server
from support.scenes import callers, keys_of_people, looking_in, new_database_at, reckon

ENGINE = {"LIMNER_ENGINES": '{"fake": {"seconds": 0.2}}'}


async def test_postgresql_is_stopped_and_started(
    tmp_path: Path, external_postgres: ExternalPostgres, kills: int, seed: int, say: Callable[[str], None]
) -> None:
    database_url = await new_database_at(external_postgres.url)
    shared = ENGINE | {
        "LIMNER_DATABASE__URL": database_url,
        "LIMNER_STORAGE__URL": (tmp_path / "pictures").as_uri(),
    }
    server = Node(tmp_path / "one", command="serve", environ=shared)
    worker = Node(tmp_path / "two", command="worker", environ=shared)
    times = max(2, kills // 10)

    def stop_and_start() -> None:
        dice = random.Random(seed)
        for number in range(times):
            time.sleep(dice.uniform(0.5, 2.0))
            external_postgres.stop("immediate" if number % 2 else "fast")
            time.sleep(dice.uniform(0.1, 2.0))
            external_postgres.start()
        time.sleep(1)

    with Receiver().open() as receiver, running(server, worker):
        async with looking_in(
            tmp_path / "three", database_url=database_url, storage_url=shared["LIMNER_STORAGE__URL"]
        ) as house:
            load = callers([server.url], await keys_of_people(house), receiver=receiver, seed=seed)
            with load.running():
                await asyncio.to_thread(stop_and_start)
            # Whoever looks in has lost connections as well: the next ones are new.
            found = await reckon(house, load=load, heard=receiver.delivered)
    say(f"PostgreSQL stopped {times} times: {found}; refused {dict(load.refused)}")
    assert found.wrong == []
    assert found.accepted > times


async def test_a_folder_of_pictures_that_is_not_to_be_had(
    tmp_path: Path, fresh_database_url: str, seed: int, say: Callable[[str], None]
) -> None:
    pictures = tmp_path / "pictures"
    shared = ENGINE | {"LIMNER_DATABASE__URL": fresh_database_url, "LIMNER_STORAGE__URL": pictures.as_uri()}
    shared |= {"LIMNER_QUEUE__ATTEMPTS_MAX": "2"}  # some are given up, too
    server = Node(tmp_path / "one", command="serve", environ=shared)

    def away_and_back() -> None:
        time.sleep(1.5)
        # As a disk that is not mounted: root may write everywhere else.
        pictures.rename(tmp_path / "elsewhere")
        pictures.write_text("not a folder")
        time.sleep(4)
        pictures.unlink()
        (tmp_path / "elsewhere").rename(pictures)
        time.sleep(1.5)

    with Receiver().open() as receiver, running(server):
        async with looking_in(
            tmp_path / "two", database_url=fresh_database_url, storage_url=pictures.as_uri()
        ) as house:
            load = callers([server.url], await keys_of_people(house), receiver=receiver, seed=seed)
            with load.running():
                await asyncio.to_thread(away_and_back)
            found = await reckon(house, load=load, heard=receiver.delivered)
    say(f"folder away: {found}; refused {dict(load.refused)}")
    assert found.wrong == []
    assert found.by_status.get("failed"), "nobody noticed"


async def test_an_s3_server_that_refuses_and_then_hangs(  # noqa: PLR0917 - fixtures
    tmp_path: Path,
    fresh_database_url: str,
    s3_server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    say: Callable[[str], None],
) -> None:
    for name, value in s3_server.environ.items():
        monkeypatch.setenv(name, value)  # for the house that only looks in
    s3_server.make_bucket("refusing")
    storage_url = s3_server.address("refusing")
    shared = ENGINE | s3_server.environ
    shared |= {"LIMNER_DATABASE__URL": fresh_database_url, "LIMNER_STORAGE__URL": storage_url}
    server = Node(tmp_path / "one", command="serve", environ=shared)

    def away_and_back() -> None:
        time.sleep(1.5)
        with s3_server.looking_at_credentials():
            time.sleep(3)
        time.sleep(1)
        os.kill(s3_server.process.pid, signal.SIGSTOP)
        time.sleep(3)
        os.kill(s3_server.process.pid, signal.SIGCONT)
        time.sleep(1.5)

    with Receiver().open() as receiver, running(server):
        async with looking_in(tmp_path / "two", database_url=fresh_database_url, storage_url=storage_url) as house:
            load = callers([server.url], await keys_of_people(house), receiver=receiver, seed=seed, per_second=6)
            with load.running():
                await asyncio.to_thread(away_and_back)
            found = await reckon(house, load=load, heard=receiver.delivered)
    say(f"S3 refuses and hangs: {found}; refused {dict(load.refused)}")
    assert found.wrong == []
    assert found.by_status.get("failed") or found.begun_again, "nobody noticed"


def moody(seed: int) -> Callable[[str, int], Answer]:
    """Half of the answers are 500; of the rest some hang, are reset, or come too late. At last each is a good one."""
    dice = random.Random(seed)

    def behave(_task_id: str, number: int) -> Answer:
        if number > 6:
            return "well"
        if dice.random() < 0.5:
            return "500"
        return dice.choice(("well", "well", "hang", "reset", "late"))

    return behave


async def test_receivers_of_every_bad_kind(
    tmp_path: Path, fresh_database_url: str, seed: int, say: Callable[[str], None]
) -> None:
    shared = ENGINE | {
        "LIMNER_DATABASE__URL": fresh_database_url,
        "LIMNER_STORAGE__URL": (tmp_path / "pictures").as_uri(),
        "LIMNER_WEBHOOKS__TIMEOUT_SECONDS": "0.5",
        # Attempts in parallel, also at a receiver that has answered nothing well yet.
        "LIMNER_WEBHOOKS__ENDPOINT_CONCURRENT": "32",
    }
    server = Node(tmp_path / "one", command="serve", environ=shared)
    with Receiver(behave=moody(seed), late_seconds=0.8).open() as receiver, running(server):
        async with looking_in(
            tmp_path / "two", database_url=fresh_database_url, storage_url=shared["LIMNER_STORAGE__URL"]
        ) as house:
            load = callers(
                [server.url], await keys_of_people(house), receiver=receiver, seed=seed, per_second=12, sync_share=0
            )
            with load.running():
                await asyncio.sleep(4)
            found = await reckon(house, load=load, heard=receiver.delivered, seconds=90)
            async with house.database.statement() as tx:
                tried = await tx.value("SELECT count(*) FROM webhook_attempts")
                reasons = await tx.rows(
                    "SELECT coalesce(status_code::text, error) AS how, count(*) AS count FROM webhook_attempts GROUP BY 1"
                )
    said = {row["how"]: row["count"] for row in reasons}
    say(f"receivers: {found}; {tried} attempts: {said}")
    assert found.wrong == []
    assert len(said) >= 3, "the receiver was too kind"


async def test_a_receiver_that_never_answers_well_is_still_on_schedule(
    tmp_path: Path, fresh_database_url: str, seed: int, say: Callable[[str], None]
) -> None:
    shared = ENGINE | {
        "LIMNER_DATABASE__URL": fresh_database_url,
        "LIMNER_STORAGE__URL": (tmp_path / "pictures").as_uri(),
        "LIMNER_WEBHOOKS__RETRY_SECONDS": "[0.3, 3600]",
        "LIMNER_WEBHOOKS__TIMEOUT_SECONDS": "0.5",
    }
    server = Node(tmp_path / "one", command="serve", environ=shared)
    with Receiver(behave=lambda _task, _number: "500").open() as receiver, running(server):
        async with looking_in(
            tmp_path / "two", database_url=fresh_database_url, storage_url=shared["LIMNER_STORAGE__URL"]
        ) as house:
            load = callers(
                [server.url], await keys_of_people(house), receiver=receiver, seed=seed, per_second=8, sync_share=0
            )
            with load.running():
                await asyncio.sleep(2)
            async with house.database.statement() as tx:
                async with asyncio.timeout(60):
                    while await tx.value(  # noqa: ASYNC110 - others change it
                        "SELECT (SELECT count(*) FROM tasks WHERE status IN ('queued', 'running'))"
                        " + (SELECT count(*) FROM webhook_messages WHERE tried < 2)"
                        " + (SELECT count(*) FROM pgqueuer)"
                    ):
                        await asyncio.sleep(0.1)
                rows = await tx.rows(
                    "SELECT status, attempts, is_queued, next_at - now() AS until_next FROM webhook_messages"
                )
                places = await tx.value("SELECT count(*) FROM job_places")
    say(f"a receiver that answers nothing well: {len(rows)} callbacks, tried twice each, the next time in an hour")
    assert {(row["status"], row["attempts"], row["is_queued"]) for row in rows} == {("waiting", 2, False)}
    assert all(3000 < row["until_next"].total_seconds() < 4000 for row in rows)
    assert places == 0, "nothing waits in a line that nobody will call"
