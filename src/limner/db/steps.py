"""Acts of single rooms, done together: several calls of the schema's functions in one statement.

One statement is one round trip and one transaction, and the rows that many requests share stay locked for as long as
the server works, not for as long as our event loop takes to come round.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import asyncpg

from limner.domain.problem import Problem

_Result_co = TypeVar("_Result_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[_Result_co]):
    """An act of one room, ready to be done together with those of others.

    `call` is a call of one of the schema's functions, with {} for each of `arguments`. `read` makes the result of what
    the function returns. `refusals` says, by SQLSTATE, which `Problem` a refusal is; it is given the error's detail.
    """

    call: str
    arguments: tuple[object, ...] = field(repr=False)
    read: Callable[[Any], _Result_co]
    refusals: Mapping[str, Callable[[str], Problem]] = field(default_factory=dict)


def _name(value: str) -> None:
    assert value == "off", value


FORGIVING: Final[Step[None]] = Step(call="set_config('synchronous_commit', 'off', true)", arguments=(), read=_name)
"""Beside others: what they write need not be on the disk before they are done. A crash of the database may undo it, which
must do no harm; what others write is not affected. Shared rows stay locked for a fraction of the time."""


def nothing(value: object) -> None:
    """Reads the result of a function that returns void."""
    assert value is None or value == "", value


def statement(steps: Sequence[Step[Any]]) -> tuple[str, list[object]]:
    """One SELECT that does the steps from left to right, and its arguments."""
    sql = _select(tuple((step.call, len(step.arguments)) for step in steps))
    return sql, [argument for step in steps for argument in step.arguments]


@functools.lru_cache(maxsize=256)
def _select(calls: tuple[tuple[str, int], ...]) -> str:
    """Cached, so that the server's plans for it are found again."""
    numbers = itertools.count(1)
    made = (call.format(*(f"${next(numbers)}" for _ in range(count))) for call, count in calls)
    return f"SELECT {', '.join(made)}"


def results(steps: Sequence[Step[Any]], row: Sequence[Any]) -> tuple[Any, ...]:
    """What each step makes of its column."""
    return tuple(step.read(value) for step, value in zip(steps, row, strict=True))


def refusal(steps: Sequence[Step[Any]], error: asyncpg.PostgresError) -> Problem | None:
    """The `Problem` that the error is, if a step says so."""
    for step in steps:
        if error.sqlstate in step.refusals:
            return step.refusals[error.sqlstate](error.detail or "")
    return None
