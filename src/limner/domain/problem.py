"""Expected trouble, as one type.

Whatever a caller can cause or must be told is a `Problem`, raised next to its cause. A dialect renders it; anything
else that escapes is a bug, answered with 500 and logged once. `code` is our own, stable name of the trouble
(docs/errors.md lists them all); each dialect has its own word for it in `web/dialects/images/differences.py`.
"""

from __future__ import annotations

import functools
from typing import ClassVar


class Problem(Exception):
    """Something the caller can understand, and mostly mend.

    `message` says what is wrong and what would be right. `param` is the request field at fault, if one is.
    `retry_after_seconds`: when asking again makes sense; None when it does not.
    """

    code: ClassVar[str]
    status: ClassVar[int]

    def __init__(self, message: str, *, param: str | None = None, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_seconds = retry_after_seconds


@functools.cache
def _kept(code_: str) -> type[Problem]:
    return type("KeptProblem", (Problem,), {"code": code_, "status": 500})


def kept_problem(*, code: str, message: str) -> Problem:
    """A trouble of another time, from what was written down of it."""
    return _kept(code)(message)


class IdempotencyKeyReused(Problem):
    """The idempotency key was used for another request."""

    code = "idempotency_key_reused"
    status = 422


class MissingParameter(Problem):
    """A field that the request needs is not there."""

    code = "missing_parameter"
    status = 400


class UnknownParameter(Problem):
    """A field that does not exist, or that the chosen model does not have."""

    code = "unknown_parameter"
    status = 400


class InvalidValue(Problem):
    """A field has a value that it may not have."""

    code = "invalid_value"
    status = 400


class NotOffered(Problem):
    """A thing that the API knows and this server does not do."""

    code = "not_offered"
    status = 400
