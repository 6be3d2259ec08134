"""The verbs of this room, as steps to be done together with those of other rooms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from limner.db import Tx
from limner.db.steps import Step, nothing
from limner.domain.problem import Problem
from limner.limits import queries, rules
from limner.limits.models import Allowance, Policy


class TooManyRequests(Problem):
    """The key has used up its requests for the moment; `allowance` says where it stands."""

    code = "too_many_requests"
    status = 429

    def __init__(self, message: str, *, allowance: Allowance, retry_after_seconds: float) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds)
        self.allowance = allowance


class TooManyAtOnce(TooManyRequests):
    """The key has as many requests under way as it may have."""

    code = "too_many_at_once"


def take(*, api_key_id: UUID, policy: Policy, is_counted: bool = True, now: datetime) -> Step[Allowance]:
    """Let one request through. Refused with `TooManyRequests` or `TooManyAtOnce`.

    `is_counted`: it counts as under way, to be given back when it ends.
    """
    return Step(
        call=queries.TAKE,
        arguments=(api_key_id, float(policy.requests_per_minute), policy.concurrent, int(is_counted), now),
        read=lambda tokens: rules.allowance(policy=policy, tokens=tokens),
        refusals={queries.OVER_THE_LIMIT: lambda tokens: _refusal(policy, tokens=float(tokens))},
    )


def give_back(*, api_key_id: UUID) -> Step[None]:
    """One request of the key has ended."""
    return Step(call=queries.GIVE_BACK, arguments=(api_key_id,), read=nothing)


async def last_taken(tx: Tx, *, api_key_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """When each of these keys last took a place; those that never have are not there."""
    return {row["api_key_id"]: row["refilled_at"] for row in await tx.rows(queries.LAST_TAKEN, list(api_key_ids))}


def _refusal(policy: Policy, *, tokens: float) -> TooManyRequests:
    allowance = rules.allowance(policy=policy, tokens=tokens)
    if tokens < 1:
        seconds = rules.seconds_until_one(policy=policy, tokens=tokens)
        return TooManyRequests(
            f"this API key may make {policy.requests_per_minute} requests a minute: try again in {max(1, math.ceil(seconds))} s",
            allowance=allowance,
            retry_after_seconds=seconds,
        )
    return TooManyAtOnce(
        f"this API key may have {policy.concurrent} requests under way at once: wait for one to end",
        allowance=allowance,
        retry_after_seconds=1,
    )
