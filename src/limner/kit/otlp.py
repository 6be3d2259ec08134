"""Spans for an OpenTelemetry collector, over OTLP/HTTP. Needs the extra's libraries, so import it only when it is wanted.

A thread of the library's sends them in batches; a collector that is away costs the spans, one line in the log, and no more.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from typing_extensions import override

from limner.kit.logs import event
from limner.kit.tracing import Kind, Origin, Value

_SEND_SECONDS: Final = 5.0
_EVERY_MILLISECONDS: Final = 2000.0
_WAITING_MAX: Final = 8192
_KINDS: Final[Mapping[Kind, otel.SpanKind]] = {
    "internal": otel.SpanKind.INTERNAL,
    "server": otel.SpanKind.SERVER,
    "client": otel.SpanKind.CLIENT,
    "consumer": otel.SpanKind.CONSUMER,
}
_AROUND: Final[ContextVar[otel.Span | None]] = ContextVar("limner.span", default=None)
_log = logging.getLogger(__name__)


class OtlpTracer:
    """Sends spans to the collector at `url`. `resource`: who it is that sends them, in OpenTelemetry's names."""

    is_on: Final = True

    def __init__(self, url: str, *, resource: Mapping[str, str]) -> None:
        # What the libraries say of a collector that is away, they say for every batch.
        for chatty in ("opentelemetry", "urllib3"):
            logging.getLogger(chatty).setLevel(logging.CRITICAL)
        self._exporter = _Exporter(url)
        self._ids = _Ids()
        self._provider = TracerProvider(
            # Every trace, but those whose caller says that nobody looks at them: our ids are too regular for a sampler
            # that decides by them, and a collector can choose better.
            sampler=ParentBased(ALWAYS_ON),
            resource=Resource.create(dict(resource)),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(self._exporter, max_queue_size=_WAITING_MAX, schedule_delay_millis=_EVERY_MILLISECONDS)
        )
        self._tracer = self._provider.get_tracer("limner")

    @contextmanager
    def span(
        self,
        name: str,
        *,
        kind: Kind = "internal",
        origin: Origin | None = None,
        attributes: Mapping[str, Value] | None = None,
    ) -> Generator[_Span]:
        """A span for as long as the block runs."""
        around = _AROUND.get()
        if around is None and origin is not None:
            if origin.span_id:
                around = otel.NonRecordingSpan(_elsewhere(origin))
            else:
                self._ids.wanted = origin.trace_id
        made = self._tracer.start_span(
            name,
            context=Context() if around is None else otel.set_span_in_context(around, Context()),
            kind=_KINDS[kind],
            attributes=attributes,
        )
        token = _AROUND.set(made)
        try:
            yield _Span(made)
        except BaseException as error:
            # Only its kind: a message may hold what is nobody's business.
            made.set_status(otel.StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            _AROUND.reset(token)
            made.end()

    def fail(self, why: str) -> None:
        """What the innermost block does went wrong."""
        around = _AROUND.get()
        if around is not None:
            around.set_status(otel.StatusCode.ERROR, why)

    async def close(self, *, seconds: float) -> None:
        """Send what has not been sent, for up to so long."""
        # The library waits for half a minute, and a thread of asyncio's would be waited for at the end of the process.
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        await asyncio.to_thread(last.join, seconds)
        if last.is_alive():
            self._exporter.shutdown()
            event(_log, "traces.cut_off", level=logging.WARNING, after_seconds=seconds)


class _Span:
    """A span of the library's."""

    __slots__ = ("_made",)

    def __init__(self, made: otel.Span) -> None:
        self._made = made

    def rename(self, name: str) -> None:
        self._made.update_name(name)

    def note(self, attributes: Mapping[str, Value]) -> None:
        self._made.set_attributes(attributes)

    def fail(self, why: str) -> None:
        self._made.set_status(otel.StatusCode.ERROR, why)


def _elsewhere(origin: Origin) -> otel.SpanContext:
    flags = otel.TraceFlags(otel.TraceFlags.SAMPLED if origin.is_sampled else otel.TraceFlags.DEFAULT)
    return otel.SpanContext(origin.trace_id, origin.span_id, is_remote=True, trace_flags=flags)


class _Ids(RandomIdGenerator):
    """Random ids, but for a trace that has one already. Asked in the same breath as told, so nobody comes between."""

    def __init__(self) -> None:
        self.wanted = 0

    @override
    def generate_trace_id(self) -> int:
        wanted, self.wanted = self.wanted, 0
        return wanted or super().generate_trace_id()

    @override
    def is_trace_id_random(self) -> bool:
        return False


class _Exporter(SpanExporter):
    """The library's, with a line in the log when the collector goes away and when it is back."""

    def __init__(self, url: str) -> None:
        self._exporter = OTLPSpanExporter(endpoint=url, timeout=_SEND_SECONDS)
        self._is_away = False
        self._is_shut = False

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        is_away = result is not SpanExportResult.SUCCESS
        if is_away != self._is_away and not self._is_shut:
            self._is_away = is_away
            event(
                _log,
                "traces.not_sent" if is_away else "traces.sent_again",
                level=logging.WARNING if is_away else logging.INFO,
            )
        return result

    @override
    def shutdown(self) -> None:
        if not self._is_shut:
            self._is_shut = True
            self._exporter.shutdown()  # type: ignore[no-untyped-call]
