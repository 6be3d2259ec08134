from __future__ import annotations

import asyncio

import asyncpg
import pytest

from limner.flow.house import House
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from limner.limits import rules
from limner.limits import service as limits
from limner.limits.models import Allowance, Policy
from support.people import Person, running_of

TEN_A_MINUTE = Policy(requests_per_minute=10, concurrent=100)


async def take(house: House, person: Person, *, policy: Policy = TEN_A_MINUTE) -> Allowance:
    step = limits.take(api_key_id=person.key.id, policy=policy, now=house.clock.now())
    (allowance,) = await house.database.together(step, order=(person.key.id,))
    return allowance


async def give_back(house: House, person: Person) -> None:
    await house.database.together(limits.give_back(api_key_id=person.key.id), order=(person.key.id,))


async def test_a_fresh_key_has_a_minute_s_worth(house: House, grace: Person) -> None:
    allowance = await take(house, grace)

    assert allowance == Allowance(policy=TEN_A_MINUTE, remaining=9, next_in_seconds=6.0, full_in_seconds=6.0)


async def test_the_eleventh_of_a_minute_is_too_many(house: House, grace: Person) -> None:
    for _ in range(10):
        await take(house, grace)

    with pytest.raises(limits.TooManyRequests, match=r"10 requests a minute: try again in 6 s") as caught:
        await take(house, grace)

    assert caught.value.code == "too_many_requests"
    assert caught.value.retry_after_seconds == pytest.approx(6.0)
    assert caught.value.allowance.remaining == 0
    assert await running_of(house, grace) == 10


async def test_the_bucket_refills_as_time_passes(house: House, grace: Person, clock: StillClock) -> None:
    for _ in range(10):
        await take(house, grace)

    clock.move(seconds=12)

    assert (await take(house, grace)).remaining == 1
    assert (await take(house, grace)).remaining == 0
    with pytest.raises(limits.TooManyRequests):
        await take(house, grace)


async def test_the_bucket_is_never_fuller_than_a_minute_s_worth(house: House, grace: Person, clock: StillClock) -> None:
    await take(house, grace)
    clock.move(seconds=86_400)

    assert (await take(house, grace)).remaining == 9


async def test_a_clock_that_goes_back_takes_nothing_away(house: House, grace: Person, clock: StillClock) -> None:
    await take(house, grace)
    clock.move(seconds=-3600)

    assert (await take(house, grace)).remaining == 8
    clock.move(seconds=3600)
    assert (await take(house, grace)).remaining == 7


async def test_so_many_at_once(house: House, grace: Person) -> None:
    policy = Policy(requests_per_minute=600, concurrent=2)
    await take(house, grace, policy=policy)
    await take(house, grace, policy=policy)

    with pytest.raises(limits.TooManyAtOnce, match="2 requests under way at once") as caught:
        await take(house, grace, policy=policy)
    assert caught.value.code == "too_many_at_once"
    assert caught.value.allowance.remaining == 598

    await give_back(house, grace)
    assert (await take(house, grace, policy=policy)).remaining == 597


async def test_a_refusal_takes_nothing(house: House, grace: Person) -> None:
    policy = Policy(requests_per_minute=600, concurrent=1)
    await take(house, grace, policy=policy)
    for _ in range(5):
        with pytest.raises(limits.TooManyAtOnce):
            await take(house, grace, policy=policy)
    await give_back(house, grace)

    assert (await take(house, grace, policy=policy)).remaining == 598


async def test_of_sixty_racing_callers_exactly_ten_get_through(house: House, grace: Person) -> None:
    answers = await asyncio.gather(*(take(house, grace) for _ in range(60)), return_exceptions=True)

    through = [answer for answer in answers if isinstance(answer, Allowance)]
    assert len(through) == 10
    assert sorted(allowance.remaining for allowance in through) == list(range(10))
    assert {type(answer) for answer in answers} == {Allowance, limits.TooManyRequests}
    assert await running_of(house, grace) == 10


async def test_keys_do_not_share_a_bucket(house: House, grace: Person, eve: Person) -> None:
    for _ in range(10):
        await take(house, eve)

    assert (await take(house, grace)).remaining == 9


async def test_a_lower_limit_counts_at_once(house: House, grace: Person) -> None:
    await take(house, grace, policy=Policy(requests_per_minute=600, concurrent=9))

    assert (await take(house, grace)).remaining == 9


async def test_nothing_is_given_back_that_was_not_taken(house: House, grace: Person) -> None:
    with pytest.raises((AssertionError, asyncpg.PostgresError)):
        await give_back(house, grace)
    await take(house, grace)
    await give_back(house, grace)
    with pytest.raises((AssertionError, asyncpg.PostgresError)):
        await give_back(house, grace)
    assert await running_of(house, grace) == 0


async def test_racing_callers_give_back_what_they_took(house: House, grace: Person) -> None:
    policy = Policy(requests_per_minute=600, concurrent=100)
    await asyncio.gather(*(take(house, grace, policy=policy) for _ in range(40)))

    await asyncio.gather(*(give_back(house, grace) for _ in range(40)))

    assert await running_of(house, grace) == 0


async def test_a_key_that_nobody_has_seen_has_a_bucket_too(house: House) -> None:
    step = limits.take(api_key_id=uuid7(), policy=TEN_A_MINUTE, now=house.clock.now())

    (allowance,) = await house.database.together(step, order=())

    assert allowance.remaining == 9


@pytest.mark.parametrize(
    ("tokens", "remaining", "full_in_seconds"), [(10, 0 + 10, 0), (9.99, 9, 0.06), (0, 0, 60), (4.5, 4, 33)]
)
def test_where_a_bucket_stands(tokens: float, remaining: int, full_in_seconds: float) -> None:
    allowance = rules.allowance(policy=TEN_A_MINUTE, tokens=tokens)

    assert allowance.remaining == remaining
    assert allowance.full_in_seconds == pytest.approx(full_in_seconds)


@pytest.mark.parametrize(("tokens", "seconds"), [(0, 6), (0.5, 3), (1, 0), (7, 0)])
def test_how_long_until_one_more(tokens: float, seconds: float) -> None:
    assert rules.seconds_until_one(policy=TEN_A_MINUTE, tokens=tokens) == pytest.approx(seconds)
