"""What is counted here, and under which names. docs/operate.md explains them to whoever reads them."""

from __future__ import annotations

import platform
from typing import Final

import limner
from limner.domain.money import MICRO_PER_CREDIT
from limner.kit.metrics import Board

_REQUEST_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_ENGINE_BOUNDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 120.0)
_CALLBACK_BOUNDS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0)
# Anybody can send any word as a method; each would be a series of its own.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER_METHOD: Final = "other"
_AGAIN: Final = {"waiting": "retry"}


class Measures:
    """A process's counters. What is asked of the database when somebody looks is in the gauges."""

    def __init__(self) -> None:
        self.board = board = Board()
        self._requests = board.counter(
            "limner_requests_total", "Requests that were answered.", "method", "route", "status"
        )
        self._request_seconds = board.histogram(
            "limner_request_seconds",
            "From a request's head to the end of its answer.",
            "method",
            "route",
            bounds=_REQUEST_BOUNDS,
        )
        self.tasks = board.gauge(
            "limner_tasks", "Tasks that have not ended, in the whole database.", "engine", "status"
        )
        self._ended = board.counter(
            "limner_tasks_ended_total", "Tasks that this process has ended.", "engine", "status"
        )
        self._engine_seconds = board.histogram(
            "limner_engine_seconds",
            "From asking an engine to its last picture stored, or to its failure.",
            "engine",
            bounds=_ENGINE_BOUNDS,
        )
        self.queue_depth = board.gauge(
            "limner_queue_depth", "Jobs that wait to be done, in the whole database.", "kind"
        )
        self.queue_oldest = board.gauge(
            "limner_queue_oldest_seconds", "For how long the oldest job that could be done has waited.", "kind"
        )
        self._callbacks = board.counter(
            "limner_callback_attempts_total", "Attempts to deliver a callback, and what became of it.", "outcome"
        )
        self._callback_seconds = board.histogram(
            "limner_callback_seconds", "From calling a receiver to its answer, or to none.", bounds=_CALLBACK_BOUNDS
        )
        self._charged = board.counter("limner_credits_charged_total", "Credits charged for pictures.")
        self.connections = board.gauge(
            "limner_database_connections", "Connections of this process to the database.", "state"
        )
        self.connections_max = board.gauge(
            "limner_database_connections_max", "The most connections that this process opens."
        )
        build = board.gauge("limner_build_info", "Always 1; the labels say what runs.", "version", "python")
        build.show({(limner.__version__, platform.python_version()): 1})

    def request(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered. `route`: its template, never its path."""
        method = method if method in _METHODS else _OTHER_METHOD
        self._requests.add((method, route, str(status)))
        self._request_seconds.observe(seconds, (method, route))

    def task_ended(self, *, engine: str, status: str) -> None:
        """A task has succeeded, failed or been cancelled."""
        self._ended.add((engine, status))

    def painted(self, *, engine: str, seconds: float) -> None:
        """An engine is done with a task."""
        self._engine_seconds.observe(seconds, (engine,))

    def called_back(self, *, status: str, seconds: float) -> None:
        """A callback was tried; `status` is the message's afterwards."""
        self._callbacks.add((_AGAIN.get(status, status),))
        self._callback_seconds.observe(seconds)

    def charged(self, micro: int) -> None:
        """So many micro-credits were charged."""
        self._charged.add(by=micro / MICRO_PER_CREDIT)
