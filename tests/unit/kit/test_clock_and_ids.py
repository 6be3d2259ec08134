from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122

from limner.kit.clock import StillClock, SystemClock
from limner.kit.ids import uuid7


def test_the_system_clock_tells_utc() -> None:
    before = datetime.now(UTC)

    now = SystemClock().now()

    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta(0)


def test_a_still_clock_moves_when_told_to() -> None:
    clock = StillClock(datetime(2026, 11, 22, tzinfo=UTC))

    clock.move(seconds=90)
    clock.move(seconds=-30.5)

    assert clock.now() == datetime(2026, 11, 22, 0, 0, 59, 500_000, tzinfo=UTC)


def test_an_id_is_a_version_7_uuid_of_now() -> None:
    before = time.time_ns() // 1_000_000

    made = uuid7()

    assert (made.version, made.variant) == (7, RFC_4122)
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000


def test_ids_are_all_different_and_sort_by_the_millisecond() -> None:
    made = [uuid7() for _ in range(5000)]

    stamps = [id_.int >> 80 for id_ in made]
    assert len(set(made)) == 5000
    assert stamps == sorted(stamps)


def test_ids_sort_in_the_order_of_their_making() -> None:
    made = [uuid7() for _ in range(5000)]

    assert made == sorted(made)
    assert len(set(made)) == 5000


def test_all_74_random_bits_are_used() -> None:
    ones = zeros = 0
    for _ in range(60):
        made = time.time_ns() // 1_000_000
        while time.time_ns() // 1_000_000 == made:
            continue  # within a millisecond each is the one before it and a bit more
        number = uuid7().int
        ones |= number
        zeros |= ~number
    random_bits = (0xFFF << 64) | ((1 << 62) - 1)
    assert ones & random_bits == random_bits
    assert zeros & random_bits == random_bits
