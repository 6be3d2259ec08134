"""Who is asking: an account, through one of its API keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An authenticated caller.

    `secret_hash`: by which the key is found. `models`: the only models this key may use; None means all. `requests_per_minute` and `concurrent`: the key's own
    limits; None means the house's. `lenient`: what an engine cannot do is left out of this key's requests, and named.
    """

    account_id: UUID
    api_key_id: UUID
    secret_hash: bytes = field(repr=False)
    models: frozenset[str] | None
    requests_per_minute: int | None
    concurrent: int | None
    lenient: bool = False
