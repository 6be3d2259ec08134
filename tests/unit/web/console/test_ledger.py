"""The page of credits: what one has, why, and redeem codes."""

from __future__ import annotations

import re

import pytest

from limner.credits import service as credit_book
from limner.domain.money import micro
from limner.flow.house import House
from limner.flow.redeem import make_codes
from limner.kit.ids import uuid7
from support.asks import paint
from support.people import Person, balance_of
from support.visits import visiting


async def code_for(house: House, credits_: float = 5) -> str:
    async with house.database.transaction() as tx:
        (issued,) = await make_codes(tx, amount=micro(credits_), made_by=None, now=house.clock.now())
    return issued.secret


async def given(house: House, person: Person, *reasons: str) -> None:
    async with house.database.transaction() as tx:
        for reason in reasons:
            await credit_book.grant(
                tx, id_=uuid7(), account_id=person.account.id, amount=micro(1), reason=reason, now=house.clock.now()
            )


async def test_every_entry_has_its_reason_and_its_task(house: House, grace: Person) -> None:
    delivery = await paint(house, grace, n=2)
    async with visiting(house, grace) as browser:
        text = (await browser.get("/credits")).text
    assert "9.96" in text
    assert "pictures by dall-e-2" in text
    assert "held for a task" in text
    assert "to start with" in text
    assert text.count(f'href="/tasks/{delivery.result.task_id}"') == 2


async def test_entries_of_a_kind(house: House, grace: Person) -> None:
    await paint(house, grace)
    async with visiting(house, grace) as browser:
        spent = (await browser.get("/credits?kind=charged")).text
        received = (await browser.get("/credits?kind=given")).text
        unknown = (await browser.get("/credits?kind=nonsense")).text
    assert "pictures by" in spent
    assert "to start with" not in spent
    assert "to start with" in received
    assert "pictures by" not in received
    assert "pictures by" in unknown


async def test_older_entries_follow(house: House, grace: Person) -> None:
    await given(house, grace, *(f"gift {number}" for number in range(120)))
    read: list[str] = []
    async with visiting(house, grace) as browser:
        answer = await browser.get("/credits")
        while True:
            read += re.findall(r"gift \d+", answer.text)
            more = re.search(r'hx-get="([^"]+)"', answer.text)
            if more is None:
                break
            answer = await browser.part(more[1].replace("&amp;", "&"))
            assert "<html" not in answer.text
    assert read == [f"gift {number}" for number in reversed(range(120))]


async def test_eve_redeems_a_code(house: House, eve: Person) -> None:
    code = await code_for(house)
    async with visiting(house, eve) as browser:
        page = await browser.send("/credits", {"code": code.lower()}, at="/credits")
        assert page.status_code == 200
        assert "5.00 credits are yours." in page.text
        assert code[:9] in page.text
        assert code not in page.text
        again = await browser.send("/credits", {"code": code}, at="/credits")
        assert again.status_code == 409
        assert "has redeemed this code already" in again.text
    assert (await balance_of(house, eve)).balance == micro(5)


async def test_guessing_is_told_at_the_field_and_ends(house: House, eve: Person) -> None:
    async with visiting(house, eve) as browser:
        for _ in range(10):
            page = await browser.send("/credits", {"code": "LIMN-AAAA-BBBB-CCCC"}, at="/credits")
            assert page.status_code == 409
            assert "There is no such redeem code" in page.text
            assert 'value="LIMN-AAAA-BBBB-CCCC"' in page.text
        assert (await browser.send("/credits", {"code": await code_for(house)}, at="/credits")).status_code == 429
    assert (await balance_of(house, eve)).balance == 0


async def test_reasons_are_shown_and_not_run(house: House, grace: Person) -> None:
    await given(house, grace, "<script>alert(1)</script>")
    async with visiting(house, grace) as browser:
        text = (await browser.get("/credits")).text
    assert "&lt;script&gt;alert" in text
    assert "<script>alert" not in text


async def test_eve_sees_nothing_of_grace(house: House, grace: Person, eve: Person) -> None:
    delivery = await paint(house, grace)
    async with visiting(house, eve) as browser:
        text = (await browser.get("/credits")).text
    assert str(delivery.result.task_id) not in text


async def test_without_a_form_of_ours_no_code_is_redeemed(house: House, eve: Person) -> None:
    code = await code_for(house)
    async with visiting(house, eve) as browser:
        await browser.get("/credits")
        answer = await browser.client.post("/credits", data={"code": code}, headers={"accept": "text/html"})
    assert answer.status_code == 403
    assert (await balance_of(house, eve)).balance == 0


async def test_strangers_sign_in_first(house: House) -> None:
    async with visiting(house) as browser:
        answer = await browser.get("/credits")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fcredits")


async def test_the_owner_is_told_that_credits_never_stop_her(house: House, ada: Person) -> None:
    async with visiting(house, ada) as browser:
        assert "never stop you" in (await browser.get("/credits")).text


@pytest.mark.parametrize("code", ["LIMN-AAAA-BBBB-CCCC", None])
async def test_the_page_speaks_chinese(house: House, grace: Person, code: str | None) -> None:
    await paint(house, grace)
    async with visiting(house, grace, language="zh-CN") as browser:
        page = (
            await browser.get("/credits")
            if code is None
            else await browser.send("/credits", {"code": code}, at="/credits")
        )
    assert "dall-e-2 生成的图片" in page.text
    assert ("没有这个兑换码" in page.text) == (code is not None)
    for english in ("free to spend", "Redeem", "Entries", ">charged<"):
        assert english not in page.text
