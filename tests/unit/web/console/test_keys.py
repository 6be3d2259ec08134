"""The pages of keys."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from limner.accounts import service as accounts
from limner.domain.money import micro
from limner.flow import keys
from limner.flow.admit import authenticate
from limner.flow.house import House
from limner.flow.keys import KeyLimits, KeyUse
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from support.asks import paint
from support.people import Person
from support.visits import visiting

_SECRET = re.compile(r"sk-limner-[\w]{30,}")
ACTS = ("", "/rotate", "/end-old", "/disable", "/enable", "/delete")


async def mine(house: House, person: Person) -> list[KeyUse]:
    return await keys.keys_of(house, account_id=person.account.id)


async def good(house: House, secret: str) -> bool:
    try:
        await authenticate(house, authorization=f"Bearer {secret}")
    except (accounts.UnknownKey, accounts.ExpiredKey, accounts.DisabledKey):
        return False
    return True


async def test_grace_sees_her_keys_and_what_they_have_done(house: House, grace: Person) -> None:
    await paint(house, grace, n=2)
    async with visiting(house, grace) as browser:
        text = (await browser.get("/keys")).text
    assert "grace&#39;s key" in text
    assert grace.key.prefix in text
    assert "0.04" in text
    assert grace.secret not in text


async def test_whoever_has_no_keys_is_told_what_to_do(house: House, grace: Person) -> None:
    await keys.delete_key(house, account_id=grace.account.id, key_id=grace.key.id)
    async with visiting(house, grace) as browser:
        text = (await browser.get("/keys")).text
    assert "No keys yet" in text
    assert 'href="/keys/new"' in text


async def test_a_new_key_is_shown_once(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        made = await browser.send("/keys", {"name": "laptop"}, at="/keys/new")
        (secret,) = set(_SECRET.findall(made.text))
        again = (await browser.get("/keys")).text

    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    assert await good(house, secret)
    assert "laptop" in again
    assert not _SECRET.findall(again)


async def test_a_new_key_gets_the_limits_that_the_form_says(house: House, grace: Person) -> None:
    form: dict[str, str | list[str]] = {
        "name": "shop",
        "models": ["dall-e-2", "dall-e-3"],
        "requests_per_minute": "60",
        "concurrent": "2",
        "spend_limit": "2.5",
        "expires": "2026-12-24",
    }
    async with visiting(house, grace) as browser:
        browser.client.cookies.set("limner_zone", "Asia%2FShanghai")
        await browser.send("/keys", form, at="/keys/new")

    use = (await mine(house, grace))[0]
    assert (use.key.models, use.key.requests_per_minute) == (frozenset({"dall-e-2", "dall-e-3"}), 60)
    assert (use.key.concurrent, use.budget.spend_limit) == (2, micro("2.5"))
    # The end of that day in Shanghai.
    assert use.key.expires_at == datetime(2026, 12, 24, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"name": ""}, "A name has 1 to 64 characters."),
        ({"name": "x" * 65}, "A name has 1 to 64 characters."),
        ({"requests_per_minute": "0"}, "from 1 to 1,000,000"),
        ({"requests_per_minute": "many"}, "from 1 to 1,000,000"),
        ({"concurrent": "-1"}, "from 1 to 10,000"),
        ({"spend_limit": "NaN"}, "An amount from 0"),
        ({"spend_limit": "1e99"}, "An amount from 0"),
        ({"spend_limit": "-1"}, "An amount from 0"),
        ({"expires": "yesterday"}, "A day to come"),
        ({"expires": "2026-11-21"}, "A day to come"),
        ({"expires": "9999-12-31"}, "A day to come"),
    ],
)
async def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(
    house: House, grace: Person, form: dict[str, str], told: str
) -> None:
    async with visiting(house, grace) as browser:
        for path, at in (("/keys", "/keys/new"), (f"/keys/{grace.key.id}", f"/keys/{grace.key.id}")):
            page = await browser.send(path, {"name": "typed before", "concurrent": "3", **form}, at=at)
            assert page.status_code == 400
            assert told in page.text
            assert 'aria-invalid="true"' in page.text
            assert "typed before" in page.text or "name" in form
    assert [use.key for use in await mine(house, grace)] == [grace.key]


async def test_a_key_is_changed(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        at = f"/keys/{grace.key.id}"
        saved = await browser.send(at, {"name": "phone", "models": ["dall-e-3"], "spend_limit": "3"}, at=at)
        assert (saved.status_code, saved.headers["location"]) == (303, f"{at}?done=save")
        page = (await browser.get(f"{at}?done=save")).text
    assert "Saved." in page
    (use,) = await mine(house, grace)
    assert (use.key.name, use.key.models, use.budget.spend_limit) == ("phone", frozenset({"dall-e-3"}), micro(3))


async def test_saving_what_was_not_touched_changes_nothing(house: House, grace: Person, clock: StillClock) -> None:
    """Not even the second of the expiry, nor a model that is not offered any more."""
    may = KeyLimits(
        models=frozenset({"dall-e-2"}),
        requests_per_minute=7,
        concurrent=3,
        expires_at=clock.now() + timedelta(days=3, seconds=17),
        spend_limit=1_234_567,
    )
    await keys.limit_key(house, account_id=grace.account.id, key_id=grace.key.id, may=may)
    async with house.database.statement() as tx:
        await tx.run("UPDATE api_keys SET models = '{dall-e-2,gone-by}' WHERE id = $1", grace.key.id)
    before = await mine(house, grace)
    async with visiting(house, grace) as browser:
        at = f"/keys/{grace.key.id}"
        text = (await browser.get(at)).text
        form: dict[str, str | list[str]] = dict(
            re.findall(r'<input id="(\w+)" name="\w+" type="\w+" value="([^"]*)"', text)
        )
        form["models"] = re.findall(r'name="models" value="([^"]*)" checked', text)
        form["name"] = grace.key.name
        assert (await browser.send(at, form, at=at)).status_code == 303
    assert await mine(house, grace) == before


async def test_a_key_is_switched_off_and_on_and_deleted(house: House, grace: Person) -> None:
    at = f"/keys/{grace.key.id}"
    async with visiting(house, grace) as browser:
        await browser.send(f"{at}/disable", at=at)
        assert not await good(house, grace.secret)
        assert "Switch it on" in (await browser.get(at)).text
        await browser.send(f"{at}/enable", at=at)
        assert await good(house, grace.secret)
        deleted = await browser.send(f"{at}/delete", at=at)
        assert deleted.headers["location"] == "/keys?done=delete"
        assert not await good(house, grace.secret)
        assert (await browser.get(at)).status_code == 404


async def test_a_key_is_given_a_new_secret_and_the_old_one_lives_on(
    house: House, grace: Person, clock: StillClock
) -> None:
    at = f"/keys/{grace.key.id}"
    async with visiting(house, grace) as browser:
        page = await browser.send(f"{at}/rotate", {"old_lives": "hour"}, at=at)
        (secret,) = set(_SECRET.findall(page.text))
        assert "being replaced" in page.text
    assert await good(house, secret)
    assert await good(house, grace.secret)
    clock.move(seconds=3600)
    assert not await good(house, grace.secret)


async def test_old_secrets_are_ended_early(house: House, grace: Person) -> None:
    at = f"/keys/{grace.key.id}"
    async with visiting(house, grace) as browser:
        await browser.send(f"{at}/rotate", {"old_lives": "week"}, at=at)
        await browser.send(f"{at}/end-old", at=at)
    assert not await good(house, grace.secret)


async def test_names_are_shown_and_not_run(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        await browser.send("/keys", {"name": "<script>alert(1)</script>"}, at="/keys/new")
        for path in ("/keys", f"/keys/{(await mine(house, grace))[0].key.id}"):
            text = (await browser.get(path)).text
            assert "<script>alert" not in text
            assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize("act", ACTS)
async def test_eve_gets_nowhere_with_grace_s_key(house: House, grace: Person, eve: Person, act: str) -> None:
    before = await mine(house, grace)
    async with visiting(house, eve) as browser:
        assert (await browser.get(f"/keys/{grace.key.id}")).status_code == 404
        for id_ in (grace.key.id, uuid7(), "nonsense"):
            answer = await browser.send(f"/keys/{id_}{act}", {"name": "hers"}, at="/keys/new")
            assert answer.status_code == 404
    assert await mine(house, grace) == before
    assert await good(house, grace.secret)


@pytest.mark.parametrize("act", ACTS)
async def test_without_a_form_of_ours_nothing_happens(house: House, grace: Person, act: str) -> None:
    before = await mine(house, grace)
    async with visiting(house, grace) as browser:
        await browser.get("/keys")
        for path in (f"/keys/{grace.key.id}{act}", "/keys"):
            answer = await browser.client.post(path, data={"name": "x"}, headers={"accept": "text/html"})
            assert answer.status_code == 403
    assert await mine(house, grace) == before


@pytest.mark.parametrize("path", ["/keys", "/keys/new", "/keys/019ab3c5-7d7a-7c11-8f2e-0e4a8f6f1b52"])
async def test_strangers_sign_in_first_and_come_back(house: House, path: str) -> None:
    async with visiting(house) as browser:
        answer = await browser.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"/login?next={path.replace('/', '%2F')}")


@pytest.mark.parametrize("path", ["/keys", "/keys/new", "/keys/{id}"])
async def test_pages_of_keys_speak_chinese(house: House, grace: Person, path: str) -> None:
    async with visiting(house, grace, language="zh-CN") as browser:
        text = (await browser.get(path.replace("{id}", str(grace.key.id)))).text
    assert "密钥" in text
    for english in ("Spend limit", "Last used", "Switch it off", "New key"):
        assert english not in text
