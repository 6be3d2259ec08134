"""An account's own keys: made, limited, replaced, switched off, deleted; and what each has done."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID

import pytest

from limner.accounts import service as accounts
from limner.catalog.service import UnknownModel
from limner.credits.service import SpendLimitReached
from limner.domain.ask import Ask
from limner.domain.money import micro
from limner.domain.problem import InvalidValue, MissingParameter
from limner.flow import keys
from limner.flow.admit import authenticate, recognise
from limner.flow.generate import generate
from limner.flow.house import House
from limner.flow.keys import KeyLimits, KeyUse
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from support.asks import paint
from support.people import Person


async def asked_with(house: House, secret: str) -> UUID:
    """A picture by whoever has the secret, through the memory of callers, as a request does; by which key."""
    principal = await recognise(house, authorization=f"Bearer {secret}")
    ask = Ask(prompt="an otter", model="dall-e-2")
    await generate(house, principal=principal, ask=ask, trace_id="trace-1")
    return principal.api_key_id


async def only(house: House, person: Person) -> KeyUse:
    (one,) = await keys.keys_of(house, account_id=person.account.id)
    return one


def mine(person: Person) -> dict[str, UUID]:
    return {"account_id": person.account.id, "key_id": person.key.id}


async def test_grace_makes_a_key_with_limits(house: House, grace: Person, clock: StillClock) -> None:
    may = KeyLimits(
        models=frozenset({"dall-e-2"}),
        requests_per_minute=5,
        concurrent=2,
        expires_at=clock.now() + timedelta(days=1),
        spend_limit=micro(1),
    )

    issued = await keys.make_key(house, account_id=grace.account.id, name=" laptop ", may=may)

    newest, oldest = await keys.keys_of(house, account_id=grace.account.id)
    assert oldest.key.id == grace.key.id
    assert (newest.key, newest.budget.spend_limit) == (issued.key, micro(1))
    assert (newest.key.name, newest.key.models, newest.key.requests_per_minute) == (
        "laptop",
        frozenset({"dall-e-2"}),
        5,
    )
    principal = await authenticate(house, authorization=f"Bearer {issued.secret}")
    assert (principal.models, principal.concurrent) == (frozenset({"dall-e-2"}), 2)


@pytest.mark.parametrize(
    ("param", "name", "may"),
    [
        ("name", "", {}),
        ("name", "   ", {}),
        ("name", "x" * 65, {}),
        ("name", "a\nb", {}),
        ("models", "k", {"models": frozenset()}),
        ("requests_per_minute", "k", {"requests_per_minute": 0}),
        ("concurrent", "k", {"concurrent": -1}),
        ("spend_limit", "k", {"spend_limit": -1}),
        ("spend_limit", "k", {"spend_limit": 10**30}),
    ],
)
async def test_nonsense_is_no_key(house: House, grace: Person, param: str, name: str, may: dict[str, Any]) -> None:
    with pytest.raises((InvalidValue, MissingParameter)) as refused:
        await keys.make_key(house, account_id=grace.account.id, name=name, may=KeyLimits(**may))
    assert refused.value.param == param
    await only(house, grace)


async def test_a_key_for_a_model_that_there_is_not(house: House, grace: Person) -> None:
    with pytest.raises(UnknownModel):
        await keys.make_key(house, account_id=grace.account.id, name="k", may=KeyLimits(models=frozenset({"dall-e-9"})))


async def test_a_key_that_would_be_over_at_once(house: House, grace: Person, clock: StillClock) -> None:
    with pytest.raises(InvalidValue, match="expired already"):
        await keys.make_key(house, account_id=grace.account.id, name="k", may=KeyLimits(expires_at=clock.now()))


async def test_a_key_shows_what_it_has_done(house: House, grace: Person, clock: StillClock) -> None:
    fresh = await only(house, grace)
    assert (fresh.last_used_at, fresh.used.tasks, fresh.budget.spent) == (None, 0, 0)

    clock.move(seconds=5)
    await paint(house, grace, n=2)

    used = await only(house, grace)
    assert (used.last_used_at, used.used.tasks, used.used.pictures) == (clock.now(), 1, 2)
    assert used.used.charged == used.budget.spent == micro("0.04")


async def test_a_key_is_switched_off_and_on(house: House, grace: Person) -> None:
    await asked_with(house, grace.secret)

    await keys.disable_key(house, **mine(grace))
    with pytest.raises(accounts.DisabledKey):
        await asked_with(house, grace.secret)

    await keys.enable_key(house, **mine(grace))
    await asked_with(house, grace.secret)


async def test_a_key_gets_another_name(house: House, grace: Person) -> None:
    await keys.rename_key(house, **mine(grace), name="phone")
    assert (await only(house, grace)).key.name == "phone"


async def test_new_limits_count_from_the_next_request(house: House, grace: Person) -> None:
    await asked_with(house, grace.secret)

    await keys.limit_key(house, **mine(grace), may=KeyLimits(models=frozenset({"dall-e-3"})))
    with pytest.raises(accounts.ModelNotAllowed):
        await asked_with(house, grace.secret)

    await keys.limit_key(house, **mine(grace), may=KeyLimits(spend_limit=micro("0.03")))
    with pytest.raises(SpendLimitReached):
        await asked_with(house, grace.secret)

    await keys.limit_key(house, **mine(grace), may=KeyLimits())
    await asked_with(house, grace.secret)


async def test_a_limit_is_not_below_what_was_spent(house: House, grace: Person) -> None:
    await asked_with(house, grace.secret)

    with pytest.raises(InvalidValue, match=r"spent 0.020000 credits already"):
        await keys.limit_key(house, **mine(grace), may=KeyLimits(requests_per_minute=1, spend_limit=micro("0.01")))

    assert (await only(house, grace)).key.requests_per_minute is None


async def test_an_expiry_that_has_passed_may_stay(house: House, grace: Person, clock: StillClock) -> None:
    over = clock.now() + timedelta(days=1)
    await keys.limit_key(house, **mine(grace), may=KeyLimits(expires_at=over))
    clock.move(seconds=2 * 86_400)

    await keys.limit_key(house, **mine(grace), may=KeyLimits(expires_at=over, concurrent=1))
    with pytest.raises(InvalidValue):
        await keys.limit_key(house, **mine(grace), may=KeyLimits(expires_at=over + timedelta(hours=1)))

    assert (await only(house, grace)).has_expired(now=clock.now())


async def test_a_new_secret_opens_the_same_key(house: House, grace: Person) -> None:
    await asked_with(house, grace.secret)

    issued = await keys.rotate_key(house, **mine(grace), old_lives="day")

    assert issued.secret != grace.secret
    assert await asked_with(house, issued.secret) == grace.key.id
    used = await only(house, grace)
    assert (used.key.name, used.key.prefix, used.used.tasks) == ("grace's key", issued.key.prefix, 2)


@pytest.mark.parametrize("old_lives", get_args(keys.OldLives))
async def test_the_old_secret_lives_on_for_as_long_as_was_chosen(
    house: House, grace: Person, clock: StillClock, old_lives: keys.OldLives
) -> None:
    await asked_with(house, grace.secret)
    await keys.rotate_key(house, **mine(grace), old_lives=old_lives)
    seconds = keys.OLD_LIVES[old_lives].total_seconds()
    if seconds:
        clock.move(seconds=seconds - 1)
        await asked_with(house, grace.secret)
        ((old,),) = [(await only(house, grace)).old]
        assert (old.prefix, old.ends_at) == (grace.key.prefix, clock.now() + timedelta(seconds=1))
        clock.move(seconds=1)

    with pytest.raises(accounts.ExpiredKey):
        await asked_with(house, grace.secret)
    assert (await only(house, grace)).old == ()


async def test_a_caller_who_is_remembered_by_the_old_secret_is_not_for_longer(
    house: House, grace: Person, clock: StillClock
) -> None:
    """Memory of callers is only a guess: an old secret that has ended is refused though its key is as it was."""
    await keys.rotate_key(house, **mine(grace), old_lives="hour")
    await asked_with(house, grace.secret)
    remembered = dict(house.principals)
    clock.move(seconds=3600)

    house.principals.update(remembered)
    with pytest.raises(accounts.ExpiredKey):
        await asked_with(house, grace.secret)


async def test_rotating_again_ends_the_older_secret_no_later(house: House, grace: Person, clock: StillClock) -> None:
    second = await keys.rotate_key(house, **mine(grace), old_lives="week")

    third = await keys.rotate_key(house, **mine(grace), old_lives="hour")

    clock.move(seconds=3600)
    for secret in (grace.secret, second.secret):
        with pytest.raises(accounts.ExpiredKey):
            await asked_with(house, secret)
    await asked_with(house, third.secret)


async def test_old_secrets_can_be_ended_early(house: House, grace: Person) -> None:
    issued = await keys.rotate_key(house, **mine(grace), old_lives="week")

    assert await keys.end_old_secrets(house, **mine(grace))
    assert not await keys.end_old_secrets(house, **mine(grace))

    with pytest.raises(accounts.ExpiredKey):
        await asked_with(house, grace.secret)
    await asked_with(house, issued.secret)


async def test_an_old_secret_is_off_with_its_key(house: House, grace: Person) -> None:
    await keys.rotate_key(house, **mine(grace), old_lives="week")
    await keys.disable_key(house, **mine(grace))

    with pytest.raises(accounts.DisabledKey):
        await asked_with(house, grace.secret)


async def test_two_who_rotate_at_once_leave_one_present_secret(house: House, grace: Person) -> None:
    issued = await asyncio.gather(*(keys.rotate_key(house, **mine(grace), old_lives="now") for _ in range(6)))

    good = 0
    for one in issued:
        try:
            await asked_with(house, one.secret)
        except accounts.ExpiredKey:
            continue
        good += 1
    assert good == 1


async def test_a_deleted_key_is_gone_and_its_history_stays(house: House, grace: Person) -> None:
    old = grace.secret
    issued = await keys.rotate_key(house, **mine(grace), old_lives="week")
    await asked_with(house, issued.secret)

    await keys.delete_key(house, **mine(grace))

    assert await keys.keys_of(house, account_id=grace.account.id) == []
    for secret in (old, issued.secret):
        with pytest.raises(accounts.UnknownKey):
            await asked_with(house, secret)
    assert await keys.key_names(house, account_id=grace.account.id) == {grace.key.id: "grace's key"}
    async with house.database.statement() as tx:
        assert await accounts.keys(tx) == []
        assert not await accounts.enable_key(tx, id_=grace.key.id)


async def test_a_deleted_key_stays_deleted(house: House, grace: Person) -> None:
    await keys.delete_key(house, **mine(grace))

    with pytest.raises(accounts.NoSuchKey):
        await keys.delete_key(house, **mine(grace))
    with pytest.raises(accounts.NoSuchKey):
        await keys.enable_key(house, **mine(grace))
    with pytest.raises(accounts.NoSuchKey):
        await keys.rotate_key(house, **mine(grace), old_lives="now")


ACTS: dict[str, dict[str, Any]] = {
    "rename_key": {"name": "mine now"},
    "limit_key": {"may": KeyLimits()},
    "disable_key": {},
    "enable_key": {},
    "rotate_key": {"old_lives": "now"},
    "end_old_secrets": {},
    "delete_key": {},
    "key_of": {},
}


@pytest.mark.parametrize("act", ACTS)
async def test_eve_does_nothing_to_grace_s_key(house: House, grace: Person, eve: Person, act: str) -> None:
    before = await only(house, grace)

    for key_id in (grace.key.id, uuid7()):
        with pytest.raises(accounts.NoSuchKey):
            await getattr(keys, act)(house, account_id=eve.account.id, key_id=key_id, **ACTS[act])

    assert await only(house, grace) == before
    await asked_with(house, grace.secret)
