"""How a caller wants a request handled, from its body and its headers: waited for or not, called back, asked only once.

`Prefer` is RFC 7240's header, `Idempotency-Key` the IETF draft's; both kinds of quotes (with and without) are taken.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from limner.domain.ask import Ask
from limner.domain.claim import Claim
from limner.domain.problem import InvalidValue
from limner.flow.admit import Callback, Terms
from limner.web.dialects.images.differences import Dialect
from limner.web.dialects.images.parse import Manner

_WAIT_SECONDS_MAX: Final = 600.0
_KEY: Final = re.compile(r'"([\x21\x23-\x7e ]{1,255})"|([\x21\x23-\x7e]{1,255})', re.ASCII)
KEY_PATTERN: Final = r"^[\x21\x23-\x7e]{1,255}$"
"""A key as most callers send it: without quotes."""
PRIORITIES: Final = {"low": -1, "normal": 0, "high": 1}
_PRIORITY_HEADER: Final = "x-limner-priority"
_LENIENT_HEADER: Final = "x-limner-lenient"
_KEEP_ALIVE_HEADER: Final = "x-limner-keep-alive"
KEEP_ALIVE_SECONDS_MAX: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """What `Prefer` says of waiting; `applied` is for the answer's Preference-Applied."""

    respond_async: bool
    wait_seconds: float | None
    applied: str


def preference(header: str | None) -> Preference:
    """Read `Prefer`; what it says of other things, or makes no sense, is passed over, as the RFC wants."""
    respond_async, wait = False, None
    for part in (header or "").split(","):
        name, _, value = (piece.strip() for piece in part.partition(";")[0].partition("="))
        value = value.strip('"')
        if name.lower() == "respond-async":
            respond_async = True
        elif name.lower() == "wait" and (not value or re.fullmatch(r"[0-9]{1,6}", value, re.ASCII)):
            wait = min(float(value or 60), _WAIT_SECONDS_MAX)
    applied = [*(["respond-async"] if respond_async else []), *([f"wait={wait:.0f}"] if wait is not None else [])]
    return Preference(respond_async=respond_async, wait_seconds=wait, applied=", ".join(applied))


def terms(
    ask: Ask,
    manner: Manner,
    preferred: Preference,
    *,
    headers: Mapping[str, str],
    dialect: Dialect,
    kind: str,
    as_links: bool,
) -> Terms:
    """The terms that follow. Raises `InvalidValue` for a header that cannot be meant so."""
    callback = Callback(url=manner.callback_url, secret=manner.callback_secret) if manner.callback_url else None
    return Terms(
        kind=kind,
        prefix=dialect.prefix,
        as_links=as_links,
        # Whoever streams is there: a preference for going away is passed over.
        is_async=not manner.is_streamed
        and bool(callback or manner.is_async or preferred.respond_async or wait_seconds(manner, preferred) is not None),
        is_lenient=is_lenient(headers),
        priority=_priority(headers.get(_PRIORITY_HEADER)),
        callback=callback,
        claim=_claim(
            headers.get("idempotency-key"), ask=ask, manner=manner, dialect=dialect, kind=kind, as_links=as_links
        ),
    )


def wait_seconds(manner: Manner, preferred: Preference) -> float | None:
    """How long the caller would wait for a task of its own; None: for as long as it takes, or not at all."""
    if preferred.wait_seconds is not None:
        return preferred.wait_seconds
    return None if manner.timeout is None else min(manner.timeout, _WAIT_SECONDS_MAX)


def _priority(header: str | None) -> int:
    if header is None:
        return 0
    if header not in PRIORITIES:
        raise InvalidValue(f"X-Limner-Priority must be {', '.join(PRIORITIES)}", param="X-Limner-Priority")
    return PRIORITIES[header]


def is_lenient(headers: Mapping[str, str]) -> bool:
    """Whether the caller would rather have left out what cannot be done. Raises `InvalidValue`."""
    said = headers.get(_LENIENT_HEADER, "false").strip().lower() or "false"
    if said not in {"true", "false"}:
        raise InvalidValue("X-Limner-Lenient must be true or false", param="X-Limner-Lenient")
    return said == "true"


def keep_alive_seconds(headers: Mapping[str, str], *, usual: float | None) -> float | None:
    """How often the caller wants a space while it waits; None: not at all. Raises `InvalidValue`."""
    said = headers.get(_KEEP_ALIVE_HEADER)
    if said is None:
        return usual
    if not re.fullmatch(r"[0-9]{1,3}", said.strip(), re.ASCII) or int(said) > KEEP_ALIVE_SECONDS_MAX:
        raise InvalidValue(
            f"X-Limner-Keep-Alive must be a number of seconds from 1 to {KEEP_ALIVE_SECONDS_MAX}, or 0 for none",
            param="X-Limner-Keep-Alive",
        )
    return float(said) or None


def idempotency_key(header: str | None) -> str | None:
    """The caller's own key for this request. Raises `InvalidValue`."""
    if header is None:
        return None
    found = _KEY.fullmatch(header.strip())
    if found is None:
        raise InvalidValue(
            "Idempotency-Key must be 1 to 255 printable ASCII characters, such as a UUID", param="Idempotency-Key"
        )
    return found[1] or found[2]


def _claim(
    header: str | None, *, ask: Ask, manner: Manner, dialect: Dialect, kind: str, as_links: bool
) -> Claim | None:
    key = idempotency_key(header)
    if key is None:
        return None
    said = {
        "prefix": dialect.prefix,
        "kind": kind,
        "as_links": as_links,
        "ask": ask.identity(),
        **({"stream": True} if manner.is_streamed else {}),
        "callback_url": manner.callback_url,
        "callback_secret": manner.callback_secret,
        "async": manner.is_async,
    }
    return Claim(key=key, fingerprint=hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest())
