"""Credits are counted in whole micro-credits (1 credit = 1,000,000): integers, so that nothing is lost in rounding."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

MICRO_PER_CREDIT: Final = 1_000_000


def micro(credits_: str | float | Decimal) -> int:
    """Whole micro-credits of an amount in credits: `micro("0.04") == 40_000`."""
    return int((Decimal(str(credits_)) * MICRO_PER_CREDIT).to_integral_value(ROUND_HALF_EVEN))


def in_credits(micro_credits: int) -> str:
    """An amount in credits with all six places: `in_credits(40_000) == "0.040000"`."""
    sign, whole, rest = "-" if micro_credits < 0 else "", *divmod(abs(micro_credits), MICRO_PER_CREDIT)
    return f"{sign}{whole}.{rest:06d}"
