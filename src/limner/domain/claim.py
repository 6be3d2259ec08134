"""A caller's own key for a request, so that asking again means the same thing: what stands behind `Idempotency-Key`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

CLAIMS_LIVE: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The same key and `fingerprint` (a hash of what is asked) mean the same thing, for as long as `CLAIMS_LIVE`."""

    key: str
    fingerprint: bytes
