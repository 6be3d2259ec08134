"""`limner accounts`: who there is, who may come, and how they get in."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from limner.flow import register
from limner.flow.house import House
from support.console import PUBLIC_URL, Console
from support.logins import comes_in, joins, with_policy

LINK = re.compile(rf"{PUBLIC_URL}/(\w+)(?:/|\?invitation=)([\w-]{{43}})\n")


def link_in(text: str, kind: str) -> str:
    found = LINK.fullmatch(text)
    assert found is not None, text
    assert found[1] == kind
    return found[2]


def test_the_owner_gets_a_login(console: Console) -> None:
    said = console.limner("accounts", "welcome")
    token = link_in(said.out, "welcome")
    assert "It is good once, for 24 hours." in said.err

    async def use(house: House) -> None:
        await register.welcome(
            house, token=token, email="ada@example.org", password="correct horse battery", sender="", agent=""
        )

    console.inside(use)

    (owner,) = console.limner("accounts", "list", "--json").json()
    assert (owner["email"], owner["verified_at"], owner["waiting"]) == ("ada@example.org", None, False)
    assert "ada@example.org (not verified)" in console.limner("accounts", "list").out
    again = console.limner("accounts", "welcome")
    assert again.code == 1
    assert "has a login already: `limner accounts reset`" in again.err


def test_an_account_without_a_login_gets_one_and_one_with_it_a_new_password(console: Console) -> None:
    console.limner("accounts", "create", "grace")
    link_in(console.limner("accounts", "welcome", "grace").out, "welcome")
    refused = console.limner("accounts", "reset", "grace")
    assert refused.code == 1
    assert "`limner accounts welcome grace` gives it one" in refused.err

    async def join(house: House) -> None:
        await joins(with_policy(house, registration="open"), "Mary@example.org")

    console.inside(join)
    for name in ("Mary", "mary@EXAMPLE.org"):
        said = console.limner("accounts", "reset", name)
        link_in(said.out, "reset")
        assert "It is good once, for an hour." in said.err
    assert console.limner("accounts", "reset", "nobody@example.org").code == 1


def test_an_invitation_is_shown_once_and_listed_without_its_code(console: Console) -> None:
    said = console.limner(
        "accounts", "invite", "--credits", "2.5", "--uses", "3", "--expires", "7d", "--note", "friends"
    )
    code = link_in(said.out, "register")
    assert "good 3 times, for whoever has it, until 20" in said.err
    assert "brings 2.500000 credits" in said.err

    async def join(house: House) -> None:
        await joins(house, invitation=code)
        await comes_in(house, "mary@example.org")

    console.inside(join)

    (listed,) = console.limner("accounts", "invitations", "--json").json()
    assert (listed["uses"], listed["uses_max"], listed["note"]) == (1, 3, "friends")
    assert datetime.fromisoformat(listed["expires_at"]) > datetime.now(UTC)
    shown = console.limner("accounts", "invitations").out
    assert "1 of 3" in shown
    assert code not in shown
    assert code.startswith(listed["prefix"])

    assert "has ended" in console.limner("accounts", "uninvite", code[:6]).out
    assert console.limner("accounts", "uninvite", code[:6]).code == 1
    assert "revoked" in console.limner("accounts", "invitations").out


def test_an_invitation_for_nobody_is_refused(console: Console) -> None:
    assert console.limner("accounts", "invite", "--email", "no email").code != 0
    assert console.limner("accounts", "invite", "--uses", "0").code == 2
    assert console.limner("accounts", "invite", "--credits", "-1").code == 2
    assert console.limner("accounts", "uninvite", "xxxxxx").code == 1


def test_who_waits_is_let_in_or_sent_away(console: Console) -> None:
    async def join(house: House) -> None:
        for email in ("mary@example.org", "john@example.org"):
            await joins(with_policy(house, registration="approval"), email)

    console.limner("accounts", "create", "grace")
    console.inside(join)
    assert [one["name"] for one in console.limner("accounts", "list", "--json").json() if one["waiting"]] == [
        "mary",
        "john",
    ]

    assert console.limner("accounts", "approve", "mary@example.org").out == "mary may come in.\n"
    assert console.limner("accounts", "refuse", "john").out == "john was sent away.\n"

    assert "mary does not wait for approval" in console.limner("accounts", "approve", "mary").err
    assert "grace does not wait for approval" in console.limner("accounts", "refuse", "grace").err
    listed = {one["name"]: one for one in console.limner("accounts", "list", "--json").json()}
    assert not listed["mary"]["waiting"]
    assert "john" not in listed


def test_an_account_is_suspended_and_resumed(console: Console) -> None:
    console.limner("accounts", "create", "grace")

    assert "`limner accounts resume grace` ends it" in console.limner("accounts", "suspend", "grace").out
    assert "grace is suspended already" in console.limner("accounts", "suspend", "grace").err
    assert "suspended" in console.limner("accounts", "list").out
    assert console.limner("accounts", "resume", "grace").out == "grace may be used again.\n"
    assert console.limner("accounts", "resume", "grace").code == 1
    assert "suspended" not in console.limner("accounts", "list").out
    assert "cannot be suspended" in console.limner("accounts", "suspend", "owner").err
