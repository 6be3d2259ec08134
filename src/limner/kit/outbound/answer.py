"""What a call comes to: an answer, or a plain reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Reason = Literal["resolve", "connect", "tls", "timeout", "reset", "protocol", "too_large"]


class CallFailedError(Exception):
    """The call was allowed but came to nothing; `message` is short and plain, fit to be stored and shown."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(reason, message)
        self.reason: Reason = reason
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. Header names are in lower case; `seconds` is how long the whole call took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
