"""Counting what happens, for Prometheus: cheap where it happens, put into words when somebody asks.

Nothing here locks: count in the event loop's thread only. The library that knows Prometheus' forms takes a while to load
and is only needed when there is something to tell.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

Labels: TypeAlias = tuple[str, ...]
"""The values of a metric's labels, in the order of their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a metric is called, what it says in one sentence, and the names of its labels."""

    name: str
    sentence: str
    labels: tuple[str, ...] = ()


class Counter:
    """Something that only ever grows. The `named` of one that counts ends in `_total`."""

    def __init__(self, named: Named) -> None:
        self.named = named
        # One without labels is there from the start, so that its first step can be seen.
        self._values: dict[Labels, float] = {} if named.labels else {(): 0.0}

    def add(self, labels: Labels = (), *, by: float = 1.0) -> None:
        """It has grown."""
        self._values[labels] = self._values.get(labels, 0.0) + by

    def family(self) -> Metric:
        """In Prometheus' terms."""
        from prometheus_client.metrics_core import CounterMetricFamily

        family = CounterMetricFamily(self.named.name, self.named.sentence, labels=self.named.labels)
        for labels, value in tuple(self._values.items()):
            family.add_metric(labels, value)
        return family


class Gauge:
    """Something that is looked up when somebody asks. Nothing known: it is not shown at all."""

    def __init__(self, named: Named) -> None:
        self.named = named
        self._values: Mapping[Labels, float] = {}

    def show(self, values: Mapping[Labels, float]) -> None:
        """What is known now, in place of what was."""
        self._values = values

    def family(self) -> Metric:
        """In Prometheus' terms."""
        from prometheus_client.metrics_core import GaugeMetricFamily

        family = GaugeMetricFamily(self.named.name, self.named.sentence, labels=self.named.labels)
        for labels, value in tuple(self._values.items()):
            family.add_metric(labels, value)
        return family


class Histogram:
    """How long things take. `bounds`: the upper bounds of the ranges that are counted, in seconds, ascending."""

    def __init__(self, named: Named, *, bounds: Sequence[float]) -> None:
        self.named = named
        self._bounds = tuple(bounds)
        self._names = (*(str(float(bound)) for bound in bounds), "+Inf")
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, seconds: float, labels: Labels = ()) -> None:
        """Something took so long."""
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0] * len(self._names)
            self._sums[labels] = 0.0
        counts[bisect_left(self._bounds, seconds)] += 1
        self._sums[labels] += seconds

    def family(self) -> Metric:
        """In Prometheus' terms: each range with all those below it."""
        from prometheus_client.metrics_core import HistogramMetricFamily

        family = HistogramMetricFamily(self.named.name, self.named.sentence, labels=self.named.labels)
        for labels, counts in tuple(self._counts.items()):
            family.add_metric(labels, self._buckets(counts), sum_value=self._sums.get(labels, 0.0))
        return family

    def _buckets(self, counts: list[int]) -> list[tuple[str, float]]:
        total, buckets = 0, []
        for name, count in zip(self._names, tuple(counts), strict=True):
            total += count
            buckets.append((name, float(total)))
        return buckets


class _Tells(Protocol):
    named: Named

    def family(self) -> Metric: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposition:
    """What a collector is answered, and in which form."""

    body: bytes
    media_type: str


_TEXT: Final = "text/plain"


class Board:
    """All metrics of a process, and what the process itself is: memory, files, collections."""

    def __init__(self) -> None:
        self.metrics: list[_Tells] = []
        self._registry: CollectorRegistry | None = None

    def counter(self, name: str, sentence: str, *labels: str) -> Counter:
        """A new counter."""
        counter = Counter(Named(name=name, sentence=sentence, labels=labels))
        self.metrics.append(counter)
        return counter

    def gauge(self, name: str, sentence: str, *labels: str) -> Gauge:
        """A new gauge."""
        gauge = Gauge(Named(name=name, sentence=sentence, labels=labels))
        self.metrics.append(gauge)
        return gauge

    def histogram(self, name: str, sentence: str, *labels: str, bounds: Sequence[float]) -> Histogram:
        """A new histogram."""
        histogram = Histogram(Named(name=name, sentence=sentence, labels=labels), bounds=bounds)
        self.metrics.append(histogram)
        return histogram

    def collect(self) -> Iterator[Metric]:
        """What Prometheus' registry asks its collectors for; a gauge of which nothing is known is left out."""
        for metric in self.metrics:
            family = metric.family()
            if family.samples or not isinstance(metric, Gauge):
                yield family

    def told(self, accept: str) -> Exposition:
        """Everything, in the form that `accept` (the header) asks for. May be called in a thread."""
        from prometheus_client.exposition import choose_encoder

        encode, media_type = choose_encoder(accept or _TEXT)
        return Exposition(body=encode(self._whole()), media_type=media_type)

    def _whole(self) -> CollectorRegistry:
        from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

        if self._registry is None:
            registry = CollectorRegistry()
            ProcessCollector(registry=registry)
            PlatformCollector(registry=registry)
            GCCollector(registry=registry)
            registry.register(self)
            self._registry = registry
        return self._registry
