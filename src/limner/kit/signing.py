"""Signed, expiring links in the manner of Azure's: `?se=<until>&sp=r&sig=<HMAC>`.

The signature covers the path, the permission and the expiry, so none of them can be changed. Several secrets may be
good at once (rotation): the first signs, any verifies.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

READ: Final = "r"
_EXPIRY_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"


class LinkExpiredError(Exception):
    """The link was good once."""


class LinkForgedError(Exception):
    """The link was never good: a part of it is missing, malformed or changed."""


def _signature(*, secret: bytes, path: str, expiry: str, permission: str) -> str:
    text = f"{permission}\n{expiry}\n{path}".encode()
    return base64.b64encode(hmac.digest(secret, text, hashlib.sha256)).decode()


def sign(*, secret: bytes, path: str, until: datetime) -> str:
    """The query string (without `?`) that opens `path` for reading until then."""
    expiry = until.astimezone(UTC).strftime(_EXPIRY_FORMAT)
    signature = _signature(secret=secret, path=path, expiry=expiry, permission=READ)
    # All that these two can hold and a query cannot: a third of the time that urlencode takes over it.
    for sign_, code in (("+", "%2B"), ("/", "%2F"), ("=", "%3D")):
        signature = signature.replace(sign_, code)
    return f"se={expiry.replace(':', '%3A')}&sp={READ}&sig={signature}"


def verify(
    *, secrets: Sequence[bytes], path: str, expiry: str, permission: str, signature: str, now: datetime
) -> datetime:
    """Check a link; return the moment at which it ends.

    Raises `LinkForgedError` for anything that no secret of ours has signed, `LinkExpiredError` for what one has, too long ago.
    """
    given, good = signature.encode(), False
    for secret in secrets:
        expected = _signature(secret=secret, path=path, expiry=expiry, permission=permission).encode()
        good |= hmac.compare_digest(expected, given)
    if permission != READ or not good:
        raise LinkForgedError
    until = datetime.strptime(expiry, _EXPIRY_FORMAT).replace(tzinfo=UTC)
    if until <= now:
        raise LinkExpiredError
    return until
