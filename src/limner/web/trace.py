"""One id per request, by which everything about it can be found: body, header, webhook and log all carry it.

It is a UUID whose 32 digits are an OpenTelemetry trace id; a caller that is being traced already (`traceparent`) keeps its own.
"""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from starlette.types import Scope

from limner.kit.ids import uuid7
from limner.kit.tracing import Origin

_STATE_KEY: Final = "limner.trace_id"
_ORIGIN_KEY: Final = "limner.origin"
_TRACEPARENT: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED: Final = 1


def begin(scope: Scope) -> str:
    """Give the request its id."""
    for name, value in scope["headers"]:
        if name == b"traceparent":
            found = _TRACEPARENT.match(value)
            if found:
                scope[_STATE_KEY] = str(UUID(found[1].decode()))
                scope[_ORIGIN_KEY] = Origin(
                    trace_id=int(found[1], 16), span_id=int(found[2], 16), is_sampled=bool(int(found[3], 16) & _SAMPLED)
                )
                return str(scope[_STATE_KEY])
    scope[_STATE_KEY] = str(uuid7())
    return str(scope[_STATE_KEY])


def trace_id_of(scope: Scope) -> str:
    """The id that the request was given."""
    return str(scope[_STATE_KEY])


def origin_in(scope: Scope) -> Origin:
    """What the request's span follows from: the caller's, or nothing."""
    origin: Origin | None = scope.get(_ORIGIN_KEY)
    return origin or Origin(trace_id=UUID(scope[_STATE_KEY]).int)
