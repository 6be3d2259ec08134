"""Server-sent events, read from the pieces in which they come. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event; `data` is the JSON object it carries, empty if that is not one."""

    name: str
    data: dict[str, Any]


class Reader:
    """Takes bytes, gives events; None for a comment, by which a server says that it is still there."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[Event | None]:
        """What is complete with `piece`."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            yield from self._line(line.removesuffix(b"\r"))

    def _line(self, line: bytes) -> Iterator[Event | None]:
        if not line:
            if self._data:
                yield Event(name=self._name or "message", data=_object(b"\n".join(self._data)))
            self._name, self._data = "", []
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not name:
            yield None
        elif name == b"event":
            self._name = value.decode("utf-8", "replace")
        elif name == b"data":
            self._data.append(value)


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
