"""A person's own platform tokens."""

from __future__ import annotations

import re

from limner.flow.house import House
from limner.flow.tokens import make_token, tokens_of
from support.people import Person
from support.visits import visiting
from support.wire import client_of


async def test_grace_makes_a_token_that_works_and_is_shown_once(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        made = await browser.send("/tokens", {"name": "my <script>", "expires": ""}, at="/tokens")
        again = await browser.get("/tokens")

    secret = re.search(r"<code>(platform-v1-[\w-]+)</code>", made.text)
    assert secret is not None
    assert secret[1] not in again.text
    assert "my &lt;script&gt;" in again.text
    async with client_of(house) as client:
        answer = await client.get("/api/v1/models", headers={"authorization": f"Bearer {secret[1]}"})
    assert answer.status_code == 200


async def test_what_cannot_be_is_said_beside_its_field(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        nameless = await browser.send("/tokens", {"name": " ", "expires": ""}, at="/tokens")
        past = await browser.send("/tokens", {"name": "x", "expires": "2020-01-01"}, at="/tokens")
        never = await browser.send("/tokens", {"name": "x", "expires": "soon"}, at="/tokens")

    for answer in (nameless, past, never):
        assert answer.status_code == 400
        assert answer.text.count("aria-invalid") == 1
    assert await tokens_of(house, account_id=grace.account.id) == []


async def test_grace_deletes_her_own_and_eve_cannot(house: House, grace: Person, eve: Person) -> None:
    token = (await make_token(house, account_id=grace.account.id, name="x", expires_at=None)).token
    async with visiting(house, eve) as browser:
        assert (await browser.send(f"/tokens/{token.id}/delete", at="/tokens")).status_code == 404
        assert (await browser.send("/tokens/none/delete", at="/tokens")).status_code == 404
    async with visiting(house, grace) as browser:
        assert (await browser.send(f"/tokens/{token.id}/delete", at="/tokens")).status_code == 303
        assert "No tokens yet" in (await browser.get("/tokens")).text


async def test_nobody_sees_tokens_without_signing_in(house: House) -> None:
    async with visiting(house) as browser:
        assert (await browser.get("/tokens")).headers["location"] == "/login?next=%2Ftokens"
