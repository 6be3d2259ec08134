from __future__ import annotations

import asyncio
import logging
import platform
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Router
from typing_extensions import override

import limner
from limner import config, storage
from limner.bootstrap import opened_house
from limner.db import Database
from limner.flow.house import House
from limner.flow.measures import Measures
from limner.flow.readiness import Readiness, Report
from limner.flow.signs import Signs
from limner.kit.clock import StillClock
from limner.storage import StoredFile, memory
from limner.web.app import make_app
from limner.web.door import Door
from limner.web.operate import make_operate_app
from limner.web.site import route
from support.people import Person
from support.shelves import stored_keys
from support.wire import BODY_BYTES_MAX, PUBLIC_URL, ask, client_of, link_of
from support.workers import at_work, submitted

ROOT = Path(__file__).resolve().parents[3]
HERE = ("127.0.0.1", 4321)
ELSEWHERE = ("203.0.113.5", 4321)


@pytest.fixture
async def house(house: House) -> House:
    """A house that has counted nothing yet, and hears the database."""
    async with asyncio.timeout(5):
        await house.signs.listening.wait()
    return replace(house, measures=Measures(), signs=Signs(listening=house.signs.listening))


@pytest.fixture
async def cut_off(house: House, database_url: str) -> House:
    """The house when its database is away."""
    gone = await Database.open(database_url, connections_max=2)
    await gone.close()
    return replace(house, database=gone)


@asynccontextmanager
async def caller_from(house: House, address: tuple[str, int]) -> AsyncIterator[httpx2.AsyncClient]:
    app = make_app(house, body_bytes_max=BODY_BYTES_MAX)
    transport = httpx2.ASGITransport(app=app, client=address)
    async with httpx2.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
        yield client


async def get(house: House, path: str, **headers: str) -> httpx2.Response:
    async with client_of(house) as client:
        return await client.get(path, headers=headers)


async def metrics(house: House) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample: its name and the values of its labels."""
    answer = await get(house, "/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in read_text(answer.text)
        for sample in family.samples
    }


# /healthz and /readyz ------------------------------------------------------------------------------------------------


async def test_a_process_that_answers_is_healthy_even_without_its_database(cut_off: House) -> None:
    answer = await get(cut_off, "/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_a_house_in_order_is_ready(house: House) -> None:
    async with at_work(house):
        async with house.database.statement() as tx, asyncio.timeout(5):
            while not house.signs.crews_run:
                await tx.value("SELECT 1")  # the loops have their turn meanwhile
        answer = await get(house, "/readyz")

    assert answer.json() == {"status": "ready", "checks": {"database": "ok", "storage": "ok", "queue": "ok"}}
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


async def test_it_says_when_the_database_is_away_and_not_where_it_is(cut_off: House, database_url: str) -> None:
    answer = await get(cut_off, "/readyz")

    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert checks["database"] == "the database does not answer; try again"
    assert checks["storage"] == "ok"
    assert checks["queue"] != "ok"
    assert database_url not in answer.text


async def test_it_says_when_nobody_hears_the_queue(house: House) -> None:
    answer = await get(replace(house, signs=Signs()), "/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"] == {
        "database": "ok",
        "storage": "ok",
        "queue": "the connection that hears of new jobs is not up; it is being made anew",
    }


async def test_it_says_when_jobs_are_not_taken_that_should_be(house: House) -> None:
    async with at_work(house):
        pass  # and then the loops have ended, though the process goes on

    queue = (await get(house, "/readyz")).json()["checks"]["queue"]
    assert queue == "this process takes no jobs from the queue: it has only just started, or its loops have ended"


class Hung(memory.Plug):
    """Never answers."""

    def __init__(self) -> None:
        super().__init__("memory://")

    @override
    async def head(self, key: str) -> StoredFile:
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_part_that_does_not_answer_is_not_waited_for(house: House) -> None:
    report = await Readiness(replace(house, storage=Hung()), check_seconds=0.05).look()

    assert report == Report(database=None, storage="the storage did not answer within 0.05 seconds", queue=None)


class Broken(memory.Plug):
    """Has a bug."""

    def __init__(self) -> None:
        super().__init__("memory://")

    @override
    async def head(self, key: str) -> StoredFile:
        raise RuntimeError("s3://key:secret@host/bucket")


async def test_a_check_with_a_bug_tells_nobody_its_secrets(house: House) -> None:
    answer = await get(replace(house, storage=Broken()), "/readyz")

    assert answer.json()["checks"]["storage"] == "the storage could not be looked at; the log says why"


async def test_looking_writes_nothing_and_a_full_storage_is_tried_until_it_is_mended(
    house: House, grace: Person, clock: StillClock
) -> None:
    full = replace(house, storage=storage.load("memory://?bytes_max=0"))
    async with client_of(full) as client:
        assert (await client.get("/readyz")).status_code == 200  # nobody has found out yet

        assert (await ask(full, grace)).status_code == 500
        clock.move(seconds=1)
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["storage"] == "the picture could not be stored: the storage is full"

        full.storage._bytes_left = 1  # type: ignore[attr-defined]
        clock.move(seconds=1)
        assert (await client.get("/readyz")).status_code == 200
        clock.move(seconds=1)
        assert (await client.get("/readyz")).status_code == 200
    assert full.storage._bytes_left == 0  # type: ignore[attr-defined]
    assert [key async for key in full.storage.keys("ready/")] == []
    assert await stored_keys(full) == []


async def test_many_who_ask_are_told_what_was_found_within_the_second(house: House, clock: StillClock) -> None:
    signs = Signs()
    signs.listening.set()
    async with client_of(replace(house, signs=signs)) as client:
        assert (await client.get("/readyz")).status_code == 200
        signs.listening.clear()
        assert (await client.get("/readyz")).status_code == 200

        clock.move(seconds=1)

        assert (await client.get("/readyz")).status_code == 503


async def test_the_log_says_once_that_it_is_not_ready_and_once_that_it_is_again(
    house: House, clock: StillClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    signs = Signs()
    async with client_of(replace(house, signs=signs)) as client:
        for _ in range(3):
            await client.get("/readyz")
            clock.move(seconds=1)
        signs.listening.set()
        for _ in range(3):
            await client.get("/readyz")
            clock.move(seconds=1)

    assert [r.getMessage() for r in caplog.records if r.name.startswith("limner")] == ["node.not_ready", "node.ready"]


# /metrics ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
async def test_the_metrics_are_for_this_machine(house: House, address: str) -> None:
    async with caller_from(house, (address, 4321)) as client:
        assert (await client.get("/metrics")).status_code == 200


@pytest.mark.parametrize("address", ["203.0.113.5", "10.0.0.1", "::ffff:203.0.113.5", "", "localhost"])
async def test_the_metrics_are_for_nobody_else(house: House, address: str) -> None:
    async with caller_from(house, (address, 4321)) as client:
        answer = await client.get("/metrics")

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "forbidden"
    assert "server.metrics_token" in answer.json()["error"]["message"]
    assert "limner_requests" not in answer.text


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip", "via"])
async def test_whom_a_proxy_on_this_machine_lets_in_is_somebody_else(house: House, header: str) -> None:
    assert (await get(house, "/metrics", **{header: "203.0.113.5"})).status_code == 403


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("Bearer ótters", 200),
        ("bearer ótters", 200),
        ("Basic ótters", 401),
        ("Bearer otters", 401),
        ("Bearer", 401),
        ("", 401),
    ],
)
@pytest.mark.parametrize("address", [HERE, ELSEWHERE])
async def test_with_a_token_they_are_for_whoever_sends_it(
    house: House, address: tuple[str, int], sent: str, status: int
) -> None:
    async with caller_from(replace(house, metrics_token="ótters"), address) as client:
        answer = await client.get("/metrics", headers=[(b"authorization", sent.encode())])

    assert answer.status_code == status
    if status == 401:
        assert answer.json()["error"]["code"] == "invalid_metrics_token"
        assert answer.headers["www-authenticate"] == 'Bearer realm="limner"'


async def test_requests_are_counted_by_route_and_never_by_path(house: House, grace: Person) -> None:
    link = await link_of(house, grace)
    async with client_of(house) as client:
        await client.get(link)
        await client.get("/v1/models/of-nobody", headers=grace.headers)
        await client.get("/wp-admin/setup.php")
        await client.request("BREW", "/v1/models")
        await client.delete("/v1/models")

    found = await metrics(house)

    requests = {labels: count for (name, labels), count in found.items() if name == "limner_requests_total"}
    assert requests == {
        ("POST", "/v1/images/generations", "200"): 1,
        ("GET", "/files/{key}", "200"): 1,
        ("GET", "/v1/models/{name}", "404"): 1,
        ("GET", "none", "404"): 1,
        ("other", "/v1/models", "405"): 1,
        ("DELETE", "/v1/models", "405"): 1,
    }
    assert found["limner_request_seconds_count", ("GET", "/files/{key}")] == 1
    assert found["limner_request_seconds_bucket", ("+Inf", "GET", "/files/{key}")] == 1


async def test_tasks_and_jobs_are_counted_where_they_are(house: House, grace: Person, clock: StillClock) -> None:
    async with client_of(house) as client:
        before = await metrics(house)
        await submitted(house, grace)
        clock.move(seconds=2)
        answer = await client.get("/metrics")

    assert before["limner_tasks", ("fake", "queued")] == 0
    assert before["limner_queue_depth", ("callback",)] == 0
    assert 'limner_tasks{engine="fake",status="queued"} 1.0' in answer.text
    assert 'limner_tasks{engine="fake",status="running"} 0.0' in answer.text
    assert 'limner_queue_depth{kind="paint:fake"} 1.0' in answer.text
    assert 'limner_queue_oldest_seconds{kind="paint:fake"}' in answer.text


async def test_many_scrapes_ask_the_database_once(house: House, grace: Person, clock: StillClock) -> None:
    async with client_of(house) as client:
        await client.get("/metrics")
        await submitted(house, grace)
        clock.move(seconds=1)

        assert 'limner_tasks{engine="fake",status="queued"} 0.0' in (await client.get("/metrics")).text


async def test_without_the_database_the_rest_is_told(house: House, cut_off: House, clock: StillClock) -> None:
    known = await metrics(house)
    clock.move(seconds=2)
    away = await metrics(cut_off)

    gone = {name for name, _ in known} - {name for name, _ in away}
    assert gone == {"limner_tasks", "limner_queue_depth", "limner_queue_oldest_seconds"}
    assert away["limner_database_connections", ("in_use",)] == 0


async def test_the_pool_and_the_process_are_told(house: House) -> None:
    async with house.database.statement():
        found = await metrics(house)

    assert found["limner_database_connections", ("in_use",)] >= 1
    assert found["limner_database_connections_max", ()] == 8
    (build,) = [labels for name, labels in found if name == "limner_build_info"]
    assert set(build) == {limner.__version__, platform.python_version()}
    assert any(name == "process_resident_memory_bytes" for name, _ in found)


async def test_openmetrics_is_spoken_to_those_who_ask(house: House, grace: Person) -> None:
    await ask(house, grace)
    answer = await get(house, "/metrics", accept="application/openmetrics-text; version=1.0.0")

    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name for family in read_openmetrics(answer.text)}
    assert {"limner_requests", "limner_request_seconds", "limner_engine_seconds"} <= names
    assert (await get(house, "/metrics")).headers["content-type"].startswith("text/plain; version=")


def test_every_metric_is_documented_and_no_other() -> None:
    page = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(limner_[a-z_]+)(?:\{([a-z, ]+)\})?` \|", page, re.MULTILINE)

    documented = {name: tuple(labels.split(", ")) if labels else () for name, labels in rows}

    assert documented == {metric.named.name: metric.named.labels for metric in Measures().board.metrics}


async def test_the_settings_token_is_the_one_that_is_asked_for(database_url: str, tmp_path: Path) -> None:
    settings = config.Settings(
        data_dir=tmp_path,
        server=config.Server(metrics_token=SecretStr("otters")),
        database=config.Database(url=SecretStr(database_url), connections_max=4),
    )
    async with opened_house(settings, public_url=PUBLIC_URL) as house:
        assert (await get(house, "/metrics")).status_code == 401
        assert (await get(house, "/metrics", authorization="Bearer otters")).status_code == 200
        assert "otters" not in repr(house)


# Both ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_asking_is_not_worth_a_line(house: House, path: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="limner")

    await get(house, path)

    (line,) = [record for record in caplog.records if record.getMessage() == "request.finished"]
    assert line.levelno == logging.DEBUG
    assert line.fields["path"] == path  # type: ignore[attr-defined]


async def test_a_worker_answers_these_three_and_nothing_else(house: House) -> None:
    transport = httpx2.ASGITransport(app=make_operate_app(house))
    async with httpx2.AsyncClient(transport=transport, base_url="http://worker.test") as client:
        found = {
            path: (await client.get(path)).status_code for path in ("/healthz", "/readyz", "/metrics", "/v1/models")
        }

    assert found == {"/healthz": 200, "/readyz": 200, "/metrics": 200, "/v1/models": 404}


async def test_a_token_in_a_path_is_not_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def shown(_request: Request) -> Response:
        return Response()

    router = Router([route("/inbox/{token}", shown, methods=["GET"])])
    transport = httpx2.ASGITransport(app=Door(router, house=house, body_bytes_max=1024))
    async with httpx2.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
        assert (await client.get("/inbox/s3cret-t0ken")).status_code == 200

    (line,) = [record for record in caplog.records if record.getMessage() == "request.finished"]
    assert line.fields["path"] == "/inbox/{token}"  # type: ignore[attr-defined]
