"""A token bucket's arithmetic, for the sentences and headers; the deciding itself is one SQL statement. Pure."""

from __future__ import annotations

from limner.limits.models import Allowance, Policy

SECONDS_PER_MINUTE = 60


def allowance(*, policy: Policy, tokens: float) -> Allowance:
    """Where a bucket with so many tokens stands."""
    missing = max(0.0, policy.requests_per_minute - tokens)
    return Allowance(
        policy=policy,
        remaining=int(tokens),
        next_in_seconds=min(missing, 1 - tokens % 1) * SECONDS_PER_MINUTE / policy.requests_per_minute,
        full_in_seconds=missing * SECONDS_PER_MINUTE / policy.requests_per_minute,
    )


def seconds_until_one(*, policy: Policy, tokens: float) -> float:
    """How long until the bucket has a whole token again."""
    return max(0.0, 1.0 - tokens) * SECONDS_PER_MINUTE / policy.requests_per_minute
