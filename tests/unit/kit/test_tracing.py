"""Spans, as a collector gets them: over a real HTTP connection, read with OpenTelemetry's own messages."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pydantic import SecretStr

from limner import config
from limner.bootstrap import make_tracer
from limner.flow.admit import Callback, Terms
from limner.flow.house import House
from limner.kit.ids import uuid7
from limner.kit.otlp import OtlpTracer
from limner.kit.tracing import OFF, Origin, origin_of
from support.asks import OTTER
from support.ears import Ear, listening
from support.painters import Breaking, with_painter
from support.people import Person
from support.wire import ask, client_of
from support.workers import at_work, ended, submitted

CALLERS_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLERS_SPAN = "00f067aa0ba902b7"


@pytest.fixture
def collector() -> Iterator[Ear]:
    with listening(path="/v1/traces") as ear:
        yield ear


@contextmanager
def quiet_again() -> Iterator[None]:
    """The libraries are told to be silent; other tests need not care."""
    chatty = [logging.getLogger(name) for name in ("opentelemetry", "urllib3")]
    levels = [logger.level for logger in chatty]
    yield
    for logger, level in zip(chatty, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture
def tracer(collector: Ear) -> Iterator[OtlpTracer]:
    with quiet_again():
        yield OtlpTracer(collector.url, resource={"service.name": "limner", "service.version": "1"})


@pytest.fixture
def traced(house: House, tracer: OtlpTracer) -> House:
    return replace(house, tracer=tracer)


async def spans(tracer: OtlpTracer, collector: Ear) -> list[Span]:
    """Everything that the collector got, in the order of its beginning."""
    await tracer.close(seconds=10)
    found = []
    for body in collector.all():
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            assert {a.key: a.value.string_value for a in of_resource.resource.attributes}["service.name"] == "limner"
            found += [span for of_scope in of_resource.scope_spans for span in of_scope.spans]
    return sorted(found, key=lambda span: span.start_time_unix_nano)


def attributes(span: Span) -> dict[str, str | int]:
    return {a.key: a.value.string_value or a.value.int_value for a in span.attributes}


def tree(found: list[Span]) -> list[tuple[str, str | None]]:
    """Each span's name and that of the one around it."""
    names = {span.span_id: span.name for span in found}
    return [(span.name, names[span.parent_span_id] if span.parent_span_id else None) for span in found]


async def test_a_synchronous_request_is_one_trace_under_its_own_id(
    traced: House, tracer: OtlpTracer, collector: Ear, grace: Person
) -> None:
    answer = await ask(traced, grace, n=2)

    found = await spans(tracer, collector)
    assert tree(found) == [
        ("POST /v1/images/generations", None),
        ("task perform", "POST /v1/images/generations"),
        ("engine paint", "task perform"),
        ("picture certify", "engine paint"),
        ("storage put", "engine paint"),
        ("picture certify", "engine paint"),
        ("storage put", "engine paint"),
    ]
    assert {span.trace_id.hex() for span in found} == {UUID(answer.headers["x-request-id"]).hex}
    request, task = found[0], found[1]
    assert request.kind == Span.SPAN_KIND_SERVER
    assert attributes(request) == {
        "http.request.method": "POST",
        "http.route": "/v1/images/generations",
        "http.response.status_code": 200,
    }
    assert attributes(task)["limner.task_id"] == answer.json()["task_id"]
    assert all(span.end_time_unix_nano >= span.start_time_unix_nano for span in found)


async def test_nothing_in_a_span_is_anybody_s_secret(
    traced: House, tracer: OtlpTracer, collector: Ear, grace: Person
) -> None:
    link = (await ask(traced, grace, response_format="url")).json()["data"][0]["url"]
    async with client_of(traced) as client:
        await client.get(link)
        await client.get("/v1/no-such-place-s3cret")
    await tracer.close(seconds=10)

    sent = b"".join(collector.all())

    assert b"POST /v1/images/generations" in sent
    assert b"GET /files/{key}" in sent
    for secret in (OTTER, grace.secret, link.partition("sig=")[2], "s3cret"):
        assert secret.encode() not in sent


async def test_a_caller_s_trace_is_continued(traced: House, tracer: OtlpTracer, collector: Ear, grace: Person) -> None:
    async with client_of(traced) as client:
        traceparent = f"00-{CALLERS_TRACE}-{CALLERS_SPAN}-01"
        answer = await client.get("/v1/models", headers={**grace.headers, "traceparent": traceparent})

    (request,) = await spans(tracer, collector)
    assert request.trace_id.hex() == CALLERS_TRACE == UUID(answer.headers["x-request-id"]).hex
    assert request.parent_span_id.hex() == CALLERS_SPAN


async def test_a_trace_that_its_caller_does_not_record_is_not_sent(
    traced: House, tracer: OtlpTracer, collector: Ear
) -> None:
    async with client_of(traced) as client:
        await client.get("/v1/models", headers={"traceparent": f"00-{CALLERS_TRACE}-{CALLERS_SPAN}-00"})
        await client.get("/openapi.json")

    assert [span.name for span in await spans(tracer, collector)] == ["GET /openapi.json"]


async def test_whoever_asks_every_second_how_it_goes_is_not_traced(
    traced: House, tracer: OtlpTracer, collector: Ear
) -> None:
    async with client_of(traced) as client:
        for path in ("/healthz", "/readyz", "/metrics", "/"):
            await client.get(path)

    assert [span.name for span in await spans(tracer, collector)] == ["GET /"]


async def test_requests_at_the_same_time_keep_their_traces_apart(
    traced: House, tracer: OtlpTracer, collector: Ear, grace: Person
) -> None:
    answers = await asyncio.gather(*(ask(traced, grace, n=1) for _ in range(5)))

    found = await spans(tracer, collector)
    by_trace = {UUID(answer.headers["x-request-id"]).hex: answer.json()["task_id"] for answer in answers}
    assert len(found) == 5 * 5
    assert {s.trace_id.hex(): attributes(s)["limner.task_id"] for s in found if s.name == "task perform"} == by_trace


async def test_a_task_that_a_worker_performs_joins_the_request_s_trace_and_so_does_its_callback(
    traced: House, tracer: OtlpTracer, collector: Ear, grace: Person
) -> None:
    with listening() as receiver:
        async with client_of(traced) as client, at_work(traced):
            body = {"model": "dall-e-2", "prompt": OTTER, "callback_url": receiver.url}
            answer = await client.post("/v1/images/generations", json=body, headers=grace.headers)
            assert answer.status_code == 202
            await asyncio.to_thread(receiver.next)

    found = await spans(tracer, collector)
    assert {span.trace_id.hex() for span in found} == {UUID(answer.headers["x-request-id"]).hex}
    assert set(tree(found)) == {
        ("POST /v1/images/generations", None),
        ("task perform", None),
        ("engine paint", "task perform"),
        ("picture certify", "engine paint"),
        ("storage put", "engine paint"),
        ("callback", None),
    }
    by_name = {span.name: span for span in found}
    assert by_name["task perform"].kind == Span.SPAN_KIND_CONSUMER
    assert by_name["callback"].kind == Span.SPAN_KIND_CLIENT
    assert attributes(by_name["callback"])["http.response.status_code"] == 200
    assert attributes(by_name["callback"])["limner.task_id"] == answer.json()["task_id"]


async def test_a_trace_id_that_is_any_text_stands_in_a_trace_of_its_own(
    traced: House, tracer: OtlpTracer, collector: Ear, grace: Person
) -> None:
    async with at_work(traced):
        await ended(traced, await submitted(traced, grace))

    task, *_ = await spans(tracer, collector)
    assert task.name == "task perform"
    assert task.trace_id != bytes(16)
    assert attributes(task)["limner.trace_id"] == "trace-1"


async def test_what_fails_says_so_by_its_code(traced: House, tracer: OtlpTracer, collector: Ear, grace: Person) -> None:
    broken = with_painter(traced, Breaking(RuntimeError("a secret of ours")))
    answer = await ask(broken, grace)
    assert answer.status_code == 500
    async with at_work(broken):
        await ended(broken, await submitted(broken, grace))

    found = await spans(tracer, collector)
    failed = [(span.name, span.status.message) for span in found if span.status.code == span.status.STATUS_CODE_ERROR]
    assert failed == [
        ("POST /v1/images/generations", "500"),
        ("task perform", "RuntimeError"),
        ("engine paint", "RuntimeError"),
        ("task perform", "internal"),
        ("engine paint", "RuntimeError"),
    ]
    assert not any(span.events for span in found)


async def test_a_callback_that_nobody_takes_is_a_failed_one(
    traced: House, tracer: OtlpTracer, collector: Ear, grace: Person
) -> None:
    with listening() as receiver:
        url = receiver.url
    terms = Terms(is_async=True, callback=Callback(url=url, secret=None))
    async with at_work(traced):
        await ended(traced, await submitted(traced, grace, terms=terms))
        async with traced.database.statement() as tx, asyncio.timeout(5):
            while not await tx.value("SELECT count(*) FROM webhook_attempts"):
                continue

    callback = next(span for span in await spans(tracer, collector) if span.name == "callback")
    assert callback.status.message == "CallFailedError"


async def test_a_collector_that_is_away_hurts_nobody_and_is_told_of_once(
    house: House, grace: Person, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    caplog.set_level(logging.INFO)
    with quiet_again():
        tracer = OtlpTracer(f"http://127.0.0.1:{port}/v1/traces", resource={})
        traced = replace(house, tracer=tracer)
        for _ in range(3):
            assert (await ask(traced, grace)).status_code == 200
        started = asyncio.get_running_loop().time()
        await tracer.close(seconds=0.3)

    assert asyncio.get_running_loop().time() - started < 3
    ours = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING and not r.name.startswith("asyncio")]
    assert ours == ["traces.cut_off"]


async def test_the_log_says_once_that_a_collector_refuses_and_once_that_it_takes_them_again(
    collector: Ear, tracer: OtlpTracer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    collector.status = 400
    for _ in range(3):
        with tracer.span("one"):
            pass
        tracer._provider.force_flush()
    collector.status = 200
    for _ in range(3):
        with tracer.span("one"):
            pass
        tracer._provider.force_flush()
    await tracer.close(seconds=10)

    assert [record.getMessage() for record in caplog.records] == ["traces.not_sent", "traces.sent_again"]
    assert all("127.0.0.1" not in str(record.__dict__.get("fields")) for record in caplog.records)


async def test_a_house_that_traces_sends_what_is_left_at_its_end(
    collector: Ear, tmp_path: Path, database_url: str
) -> None:
    from limner.bootstrap import opened_house

    settings = config.Settings(
        data_dir=tmp_path,
        database=config.Database(url=SecretStr(database_url), connections_max=4),
        telemetry=config.Telemetry(otlp_url=collector.url, service_name="limner"),
    )
    with quiet_again():
        async with opened_house(settings, public_url="http://limner.test") as house, client_of(house) as client:
            await client.get("/")

    (body,) = collector.all()
    (of_resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    known = {a.key: a.value.string_value for a in of_resource.resource.attributes}
    assert known["service.instance.id"] == str(house.node_id)
    assert [span.name for span in of_resource.scope_spans[0].spans] == ["GET /"]


# Off -----------------------------------------------------------------------------------------------------------------


def test_without_an_address_nobody_traces() -> None:
    assert make_tracer(config.Settings(), node_id=uuid7()) is OFF


def test_an_address_that_is_none_is_refused() -> None:
    settings = config.Settings(telemetry=config.Telemetry(otlp_url="collector:4318"))

    with pytest.raises(config.SettingsError, match=r"telemetry\.otlp_url: must begin with http://"):
        make_tracer(settings, node_id=uuid7())


def test_without_the_extra_the_settings_say_what_to_install() -> None:
    code = """
import sys
sys.modules["opentelemetry"] = None  # as if it were not installed
from limner import bootstrap, config
settings = config.Settings(telemetry=config.Telemetry(otlp_url="http://127.0.0.1:1/v1/traces"))
try:
    bootstrap.make_tracer(settings, node_id=None)
except config.SettingsError as error:
    sys.stdout.write(str(error))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "telemetry.otlp_url: traces need OpenTelemetry: pip install limner[otel]"


def test_what_is_off_loads_no_library() -> None:
    code = "import sys, limner.web.app, limner.bootstrap; sys.stdout.write(str('opentelemetry' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False"


async def test_what_is_off_does_nothing() -> None:
    with OFF.span("one") as span:
        span.rename("two")
        span.note({"a": 1})
        span.fail("code")
        OFF.fail("code")
    await OFF.close(seconds=1)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("019ab3c5-0000-7000-8000-0000000000ff", 0x019AB3C50000700080000000000000FF),
        (CALLERS_TRACE, int(CALLERS_TRACE, 16)),
        (CALLERS_TRACE.upper(), int(CALLERS_TRACE, 16)),
    ],
)
def test_a_uuid_names_a_trace(text: str, number: int) -> None:
    assert origin_of(text) == Origin(trace_id=number)


@pytest.mark.parametrize(
    "text", ["", "trace-1", "0" * 32, f"{{{CALLERS_TRACE}}}", f"urn:uuid:{CALLERS_TRACE}", CALLERS_TRACE[1:], "g" * 32]
)
def test_other_text_names_none(text: str) -> None:
    assert origin_of(text) is None
