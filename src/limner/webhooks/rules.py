"""How callbacks are signed, and what their receivers' answers mean. Pure.

Two signatures go along: that of Standard Webhooks 1.0 with the account's secrets, and, if the caller gave a secret of
their own, a plain HMAC of the body, as the vendor of the seed document makes it.
"""

from __future__ import annotations

import base64
import codecs
import hashlib
import hmac
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from limner.domain.problem import InvalidValue
from limner.webhooks.models import Check, Delivered, GiveUp, Retry, Verdict

SECRET_BYTES: Final = 32
ANSWER_BYTES: Final = 4096
TOLERANCE: Final = timedelta(minutes=5)
RETRY_AFTER_MAX: Final = timedelta(hours=24)
_JITTER: Final = 0.1
_PORTS: Final = {"http": 80, "https": 443}
_GONE: Final = 410
_ERROR_CHARACTERS: Final = 500
_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"
CALLBACK_SIGNATURE: Final = "x-callback-signature"


def shown_secret(secret: bytes) -> str:
    """The secret as receivers are given it: `whsec_` and base64."""
    return "whsec_" + base64.b64encode(secret).decode()


def shown_id(id_: UUID) -> str:
    """A message's id as it is sent."""
    return f"msg_{id_.hex}"


def read_id(shown: str) -> UUID | None:
    """The message's id of one that was sent; None for anything that could not be one of ours."""
    found = re.fullmatch(r"msg_([0-9a-f]{32})", shown, re.ASCII)
    return UUID(hex=found[1]) if found else None


def standard_signature(*, secrets: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """What goes into `webhook-signature`: one signature for each secret. `timestamp`: Unix seconds of this attempt."""
    assert "." not in message_id, "a dot would let one part of what is signed pass for another"
    text = f"{message_id}.{timestamp}.".encode() + body
    made = (base64.b64encode(hmac.digest(secret, text, hashlib.sha256)).decode() for secret in secrets)
    return " ".join(f"v1,{signature}" for signature in made)


def callback_signature(*, secret: str, body: bytes) -> str:
    """What goes into `x-callback-signature`: HMAC-SHA256 of the body, in lower-case hex."""
    return hmac.digest(secret.encode(), body, hashlib.sha256).hex()


def headers(
    *, message_id: UUID, secrets: Sequence[bytes], callback_secret: str | None, body: bytes, now: datetime
) -> dict[str, str]:
    """The headers that an attempt at `now` is signed with."""
    shown, timestamp = shown_id(message_id), int(now.timestamp())
    signed = {
        ID: shown,
        TIMESTAMP: str(timestamp),
        SIGNATURE: standard_signature(secrets=secrets, message_id=shown, timestamp=timestamp, body=body),
    }
    if callback_secret is not None:
        signed[CALLBACK_SIGNATURE] = callback_signature(secret=callback_secret, body=body)
    return signed


def verify_standard(*, headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes], now: datetime) -> Check:
    """Check what `headers` (names in lower case) say of `body`, as a receiver would."""
    checking = StandardCheck(headers=headers, secrets=secrets)
    checking.feed(body)
    return checking.result(now=now)


def verify_callback(*, headers: Mapping[str, str], body: bytes, secret: str) -> Check:
    """Check the plain signature; it names no time, so it never grows old."""
    checking = CallbackCheck(headers=headers, secret=secret)
    checking.feed(body)
    return checking.result()


class StandardCheck:
    """The same as `verify_standard` for a body that comes in pieces, none of which is kept."""

    def __init__(self, *, headers: Mapping[str, str], secrets: Sequence[bytes]) -> None:
        self._known = {ID, TIMESTAMP, SIGNATURE} & headers.keys()
        message_id, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
        self._given = headers.get(SIGNATURE, "")
        # Eleven digits last for three thousand years.
        is_time = re.fullmatch(r"[0-9]{1,11}", timestamp, re.ASCII)
        self._timestamp = int(timestamp) if is_time and message_id and "." not in message_id and self._given else None
        # The very text of the header, as it was signed: a time may be written with zeros before it.
        begun = _raw(f"{message_id}.{timestamp}.")
        self._made = (
            [hmac.new(secret, begun, hashlib.sha256) for secret in secrets] if self._timestamp is not None else []
        )

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the body."""
        for made in self._made:
            made.update(piece)

    def result(self, *, now: datetime) -> Check:
        """What the signature is worth, when the whole body has come."""
        if not self._known:
            return Check.UNSIGNED
        if self._timestamp is None:
            return Check.MALFORMED
        expected = [b"v1," + base64.b64encode(made.digest()) for made in self._made]
        good = False
        for one in self._given.split():
            for other in expected:
                good |= hmac.compare_digest(_raw(one), other)
        if not good:
            return Check.WRONG
        age = timedelta(seconds=now.timestamp() - self._timestamp)
        if abs(age) <= TOLERANCE:
            return Check.VALID
        return Check.TOO_OLD if age > TOLERANCE else Check.TOO_NEW


class CallbackCheck:
    """The same as `verify_callback` for a body that comes in pieces, none of which is kept."""

    def __init__(self, *, headers: Mapping[str, str], secret: str) -> None:
        self._given = headers.get(CALLBACK_SIGNATURE)
        self._made = hmac.new(secret.encode(), digestmod=hashlib.sha256)

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the body."""
        self._made.update(piece)

    def result(self) -> Check:
        """What the signature is worth, when the whole body has come."""
        if self._given is None:
            return Check.UNSIGNED
        if not re.fullmatch(r"[0-9a-f]{64}", self._given, re.ASCII):
            return Check.MALFORMED
        return Check.VALID if hmac.compare_digest(self._given, self._made.hexdigest()) else Check.WRONG


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def origin_of(url: str) -> str:
    """Scheme, host and port of an http(s) address: `https://example.com:443`. Raises `InvalidValue`."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
        host = _ascii((parts.hostname or "").removesuffix("."))
    except (ValueError, KeyError):
        raise _not_an_address() from None
    if not host or not url.isprintable() or " " in url:
        raise _not_an_address()
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}:{port}"


def _ascii(host: str) -> str:
    """The host as DNS writes it, or one way of writing an IPv6 address. Raises `ValueError`."""
    if ":" in host:
        return str(IPv6Address(host))
    if host.isascii():
        return host
    # It comes with aiohttp; names like these are rare.
    from yarl import URL

    return URL.build(scheme="https", host=host).raw_host or ""


def _not_an_address() -> InvalidValue:
    return InvalidValue(
        "'callback_url' is not an address that could be called: give one like https://example.com/done",
        param="callback_url",
    )


def verdict(
    *,
    status_code: int | None,
    retry_after: str | None,
    tried: int,
    schedule: Sequence[float],
    jitter: float,
    now: datetime,
) -> Verdict:
    """What an attempt's answer means.

    `status_code` None: there was no answer. `retry_after`: the header of that name. `tried`: how many attempts of this
    schedule were made, this one among them. `schedule`: the waits in seconds. `jitter`: a number from 0 up to 1, which
    makes a wait up to a tenth shorter or longer.
    """
    assert tried >= 1
    assert 0 <= jitter < 1
    if status_code is not None and is_success(status_code):
        return Delivered()
    if status_code == _GONE:
        return GiveUp(reason="gone")
    if tried > len(schedule):
        return GiveUp(reason="attempts_used_up")
    wait = timedelta(seconds=schedule[tried - 1] * (1 + _JITTER * (2 * jitter - 1)))
    return Retry(at=now + max(wait, _asked_wait(retry_after, now=now)))


def is_success(status_code: int) -> bool:
    """Whether a receiver has taken what it was sent."""
    return 200 <= status_code < 300  # noqa: PLR2004 - the range that HTTP calls success


def _asked_wait(retry_after: str | None, *, now: datetime) -> timedelta:
    """How long the receiver asks us to wait, within reason; nothing if it does not, or not in a way we understand."""
    text = (retry_after or "").strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return timedelta()
        # The only form without a zone is one that means UTC.
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now.timestamp()
    assert not math.isnan(seconds)
    return timedelta(seconds=max(0.0, min(seconds, RETRY_AFTER_MAX.total_seconds())))


def shown_answer(answer: bytes) -> str:
    """The beginning of a receiver's answer, as text that the database takes; no character is cut in two."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return decoder.decode(answer[:ANSWER_BYTES], final=len(answer) <= ANSWER_BYTES).replace("\0", "")


def shown_error(error: str) -> str:
    """The same for a sentence that may have come from anywhere."""
    return error.encode("utf-8", "replace").decode().replace("\0", "")[:_ERROR_CHARACTERS]
