from __future__ import annotations

import re

import pytest

from limner.flow.house import House
from limner.flow.redeem import redeem
from support.console import Console
from support.people import join


def test_codes_are_made_and_shown_alone(console: Console) -> None:
    said = console.limner("credits", "codes", "make", "5", "--count", "3", "--uses", "2", "--note", "workshop")

    assert said.code == 0
    assert len(set(said.lines)) == 3
    assert all(re.fullmatch(r"LIMN(-[A-HJ-NP-Z2-9]{4}){3}", line) for line in said.lines)
    assert "5.000000 credits" in said.err
    listed = console.limner("credits", "codes", "list")
    assert listed.out.count("0 of 2") == listed.out.count("workshop") == 3
    assert not any(code in listed.out for code in said.lines)


def test_a_code_that_was_redeemed_says_so(console: Console) -> None:
    (code,) = console.limner("credits", "codes", "make", "5").lines

    async def act(house: House) -> None:
        eve = await join(house, "eve", credits_start=0)
        await redeem(house, account_id=eve.account.id, code=code)

    console.inside(act)

    (listed,) = console.limner("credits", "codes", "list", "--json").json()
    assert (listed["state"], listed["uses"], listed["prefix"]) == ("used up", 1, code[:9])
    assert "redemption" in console.limner("credits", "entries", "eve").out


@pytest.mark.parametrize("given", ["{}", "{prefix}", "{prefix}...", "{id}", "{lower}"])
def test_a_code_is_switched_off(console: Console, given: str) -> None:
    (made,) = console.limner("credits", "codes", "make", "5", "--json").json()
    code = made["code"]
    name = given.format(code, prefix=code[:9], id=made["id"], lower=code.lower())

    assert console.limner("credits", "codes", "disable", name).out == f"{code[:9]}... is switched off.\n"
    assert console.limner("credits", "codes", "disable", name).out == f"{code[:9]}... was off already.\n"
    assert "disabled" in console.limner("credits", "codes", "list").out


@pytest.mark.parametrize("amount", ["0", "-3"])
def test_a_code_gives_something(console: Console, amount: str) -> None:
    said = console.limner("credits", "codes", "make", "--", amount)
    assert said.code != 0
    assert "more than 0 credits" in said.err


def test_a_code_that_there_is_not(console: Console) -> None:
    said = console.limner("credits", "codes", "disable", "LIMN-AAAA")
    assert said.code != 0
    assert "no code begins with 'LIMN-AAAA'" in said.err
