"""A key that has been here before is known from memory, and checked by the admission itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from limner.accounts import service as accounts
from limner.domain.ask import Ask
from limner.flow.admit import admit, recognise
from limner.flow.house import House
from support.people import join

ASK = Ask(prompt="a lighthouse", model="dall-e-3")


async def test_a_key_is_looked_up_once(house: House) -> None:
    ada = await join(house, "ada")

    first = await recognise(house, authorization=ada.headers["authorization"])
    second = await recognise(house, authorization=ada.headers["authorization"])

    assert second is first


async def test_a_disabled_key_is_refused_although_it_is_remembered(house: House) -> None:
    eve = await join(house, "eve")
    remembered = await recognise(house, authorization=eve.headers["authorization"])
    async with house.database.statement() as tx:
        await accounts.disable_key(tx, id_=eve.key.id, now=house.clock.now())

    with pytest.raises(accounts.DisabledKey):
        await admit(house, principal=remembered, ask=ASK, trace_id="t")

    with pytest.raises(accounts.DisabledKey):
        await recognise(house, authorization=eve.headers["authorization"])


async def test_a_key_expires_although_it_is_remembered(house: House) -> None:
    grace = await join(house, "grace", expires_at=house.clock.now() + timedelta(minutes=1))
    remembered = await recognise(house, authorization=grace.headers["authorization"])
    house.clock.move(seconds=61)  # type: ignore[attr-defined] # the scene's clock stands still

    with pytest.raises(accounts.ExpiredKey):
        await admit(house, principal=remembered, ask=ASK, trace_id="t")


async def test_new_limits_count_at_once(house: House) -> None:
    grace = await join(house, "grace", models=frozenset({"dall-e-3"}))
    remembered = await recognise(house, authorization=grace.headers["authorization"])
    async with house.database.statement() as tx:
        await tx.run("UPDATE api_keys SET models = '{dall-e-2}' WHERE id = $1", grace.key.id)

    with pytest.raises(accounts.ModelNotAllowed):
        await admit(house, principal=remembered, ask=ASK, trace_id="t")


async def test_a_stranger_is_not_remembered(house: House) -> None:
    before = dict(house.principals)

    with pytest.raises(accounts.UnknownKey):
        await recognise(house, authorization="Bearer sk-limner-nobody")

    assert house.principals == before
