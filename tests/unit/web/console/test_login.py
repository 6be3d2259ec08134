"""The pages for coming in, over the wire."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import quote

import pytest

from limner.flow import register
from limner.flow.house import House
from limner.kit.clock import StillClock
from support.logins import PASSWORD, comes_in, logged_links, token_in, with_login, with_policy
from support.people import Person
from support.postbox import PostBox, postbox
from support.provider import ProviderServer, provider_server
from support.visits import Browser, visiting

NEW = "another fine password"
ELSEWHERE = (
    "//evil.example",
    "/\\evil.example",
    "http://evil.example",
    "https:evil.example",
    "%2F%2Fevil.example",
    "/%2Fevil.example",
    "/%5Cevil.example",
    "/%09/evil.example",
    "javascript:alert(1)",
)


@pytest.fixture
async def box() -> AsyncIterator[PostBox]:
    async with postbox() as box:
        yield box


@pytest.fixture
def posted(house: House, box: PostBox) -> House:
    """The house, with a server for mails."""
    return replace(house, post=box.post())


async def signs_in(
    browser: Browser, email: str = "grace@example.org", password: str = PASSWORD, *, next_: str = "/"
) -> tuple[int, str]:
    """Status, and where one is sent or what one reads."""
    answer = await browser.send("/login", {"email": email, "password": password, "next": next_}, at="/login")
    return answer.status_code, answer.headers.get("location", answer.text)


async def is_in(browser: Browser) -> bool:
    return (await browser.get("/account")).status_code == 200


def bare(text: str) -> str:
    """A page without what is new each time."""
    return re.sub(r"[0-9a-f]{32}\.[0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", text)


# in and out --------------------------------------------------------------------------------------------------------------


async def test_grace_signs_in_goes_on_and_signs_out(house: House, grace: Person) -> None:
    await with_login(house, grace)
    async with visiting(house) as browser:
        assert not await is_in(browser)
        assert await signs_in(browser, next_="/keys?new=1") == (303, "/keys?new=1")
        assert await is_in(browser)
        assert (await browser.get("/login?next=/keys")).headers["location"] == "/keys"
        assert (await browser.get("/register?next=//evil")).headers["location"] == "/"

        answer = await browser.send("/logout", at="/account")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert not await is_in(browser)


async def test_a_page_that_needs_somebody_brings_them_back(house: House, grace: Person) -> None:
    await with_login(house, grace)
    async with visiting(house) as browser:
        sent = (await browser.get("/account?done=sent")).headers["location"]
        assert sent == "/login?next=%2Faccount%3Fdone%3Dsent"
        page = await browser.get(sent)
        assert 'name="next" value="/account?done=sent"' in page.text
        assert "/register?next=%2Faccount%3Fdone%3Dsent" in page.text


@pytest.mark.parametrize("place", ELSEWHERE)
async def test_nobody_is_sent_elsewhere(house: House, grace: Person, place: str) -> None:
    await with_login(house, grace)
    async with visiting(house) as browser:
        for way in (place, quote(place, safe="")):
            page = await browser.get(f"/login?next={way}")
            assert 'name="next" value="/"' in page.text
        assert await signs_in(browser, next_=place) == (303, "/")
        await browser.send("/logout", at="/account")
        answer = await browser.send(
            "/register", {"email": "mary@example.org", "password": PASSWORD, "next": place}, at="/register"
        )
        assert answer.headers["location"] == "/"


@pytest.mark.parametrize(("public_url", "is_secure"), [("http://limner.test", False), ("https://limner.test", True)])
async def test_no_script_sees_the_session_and_no_other_site_sends_it(
    house: House, grace: Person, public_url: str, *, is_secure: bool
) -> None:
    await with_login(house, grace)
    house = replace(house, public_url=public_url)
    async with visiting(house) as browser:
        if is_secure:
            browser.client.base_url = "https://limner.test"
        answer = await browser.send("/login", {"email": "grace@example.org", "password": PASSWORD}, at="/login")
        (cookie,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith("limner_session=")]
        parts = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "samesite=lax", "path=/", "max-age=2592000"} <= parts
        assert ("secure" in parts) is is_secure
        assert "domain" not in cookie.lower()


async def test_a_form_that_is_not_ours_signs_nobody_in(house: House, grace: Person) -> None:
    await with_login(house, grace)
    async with visiting(house) as browser:
        await browser.get("/login")
        for path in ("/login", "/register", "/forgot", "/reset/x", "/verify/x", "/welcome/x"):
            form = {"email": "grace@example.org", "password": PASSWORD, "csrf": "0.0"}
            answer = await browser.client.post(path, data=form, headers={"accept": "text/html"})
            assert answer.status_code == 403, path
            assert "limner_session" not in answer.headers.get("set-cookie", "")
        assert not await is_in(browser)


async def test_a_wrong_password_and_a_stranger_see_the_same_page(house: House, grace: Person) -> None:
    await with_login(house, grace)
    async with visiting(house) as browser:
        wrong = await signs_in(browser, password="not the password")
        stranger = await signs_in(browser, "grade@example.org", password="not the password")
    assert wrong[0] == stranger[0] == 401
    assert "The e-mail or the password is wrong" in wrong[1]
    assert bare(wrong[1]).replace("grace@", "grade@") == bare(stranger[1])
    assert "not the password" not in wrong[1]


async def test_who_tries_too_often_is_told_when_to_come_again(house: House, grace: Person) -> None:
    await with_login(house, grace)
    async with visiting(house) as browser:
        for _ in range(10):
            assert (await signs_in(browser, password="not the password"))[0] == 401
        answer = await browser.send("/login", {"email": "grace@example.org", "password": PASSWORD}, at="/login")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "90"
    assert "try again in 90 s" in answer.text


async def test_what_is_written_into_a_form_is_text(house: House) -> None:
    nasty = '"><script>alert(1)</script>'
    async with visiting(house) as browser:
        for path in ("/login", "/register", "/forgot"):
            answer = await browser.send(path, {"email": nasty, "password": PASSWORD}, at=path)
            assert answer.status_code in {400, 401}
            assert "<script>alert" not in answer.text


async def test_in_chinese_all_of_it_is(house: House) -> None:
    async with visiting(house, language="zh-CN") as browser:
        answer = await browser.send("/register", {"email": "x", "password": "short"}, at="/register")
        assert "这不是邮箱地址" in answer.text
        answer = await browser.send("/register", {"email": "a@b.c", "password": "short"}, at="/register")
        assert "密码至少 10 个字符" in answer.text
        assert "邮箱或密码不正确" in (await signs_in(browser))[1]


# joining -----------------------------------------------------------------------------------------------------------------


async def registers(browser: Browser, email: str = "mary@example.org", **more: str) -> tuple[int, str]:
    form = {"email": email, "password": PASSWORD, "next": "/", **more}
    answer = await browser.send("/register", form, at="/login")
    return answer.status_code, answer.headers.get("location", answer.text)


async def test_mary_registers_and_is_back_where_she_was(house: House) -> None:
    async with visiting(house) as browser:
        assert await registers(browser, next="/gallery?q=otter") == (303, "/gallery?q=otter")
        assert await is_in(browser)
        assert "mary@example.org" in (await browser.get("/account")).text


async def test_without_mails_a_taken_email_is_said(house: House, grace: Person) -> None:
    await with_login(house, grace)
    async with visiting(house) as browser:
        status, text = await registers(browser, "grace@example.org")
    assert status == 409
    assert "There is an account with this e-mail already" in text


async def test_with_mails_nobody_learns_who_has_an_account(posted: House, box: PostBox, grace: Person) -> None:
    await with_login(posted, grace)
    async with visiting(posted) as browser:
        taken = await registers(browser, "grace@example.org")
        new = await registers(browser, "mary1@example.org")
        answers = [
            await browser.send("/forgot", {"email": email}, at="/forgot")
            for email in ("grace@example.org", "nobod@example.org")
        ]
        wrong = [await signs_in(browser, email, NEW) for email in ("grace@example.org", "mary1@example.org")]
    await posted.post.settled()

    assert taken[0] == new[0] == 200
    assert bare(taken[1]).replace("grace@", "mary1@") == bare(new[1])
    assert [answer.status_code for answer in answers] == [200, 200]
    assert bare(answers[0].text).replace("grace@", "nobod@") == bare(answers[1].text)
    assert bare(wrong[0][1]).replace("grace@", "mary1@") == bare(wrong[1][1])
    assert "limner_session" not in str(answers[0].headers)
    assert sorted(str(letter["To"]) for letter in box.letters) == [
        "grace@example.org",
        "grace@example.org",
        "mary1@example.org",
    ]


async def test_the_link_in_the_mail_is_looked_at_and_then_used(posted: House, box: PostBox) -> None:
    async with visiting(posted, language="zh") as browser:
        await registers(browser, next="/keys")
        await posted.post.settled()
        assert box.last["Subject"] == "请确认你的邮箱 · limner"
        path = "/verify/" + token_in(box.last_link, "verify")

        for _ in range(2):
            assert "mary@example.org" in (await browser.get(path)).text
        done = await browser.send(path, at=path)
        assert "/login?next=%2Fkeys" in done.text
        assert (await browser.get(path)).status_code == 410
        assert await signs_in(browser, "mary@example.org", next_="/keys") == (303, "/keys")


async def test_an_invitation_fills_in_whom_it_is_for(house: House, ada: Person) -> None:
    house = with_policy(house, registration="invitation")
    async with house.database.transaction() as tx:
        code = (
            await register.invite(
                tx, made_by=ada.account.id, now=house.clock.now(), email="mary@example.org", credits_=2_500_000
            )
        ).code
    async with visiting(house) as browser:
        page = await browser.get(f"/register?invitation={code}")
        assert "starts with 2.50 credits" in page.text
        assert 'value="mary@example.org"' in page.text
        assert (await registers(browser, "eve@example.org", invitation=code))[0] == 403
        assert (await registers(browser))[0] == 403
        assert (await registers(browser, invitation=code))[0] == 303
        assert "2.50 credits" in (await browser.get("/account")).text
        await browser.send("/logout", at="/account")
        page = await browser.get(f"/register?invitation={code}")
        assert "was used or has expired" in page.text


async def test_a_closed_server_says_so(house: House) -> None:
    async with visiting(with_policy(house, registration="closed")) as browser:
        page = await browser.get("/register")
        assert "takes no new accounts" in page.text
        assert 'action="/register"' not in page.text
        assert "/register" not in (await browser.get("/login")).text
        assert (await registers(browser))[0] == 403


async def test_who_waits_for_approval_sees_that(house: House) -> None:
    async with visiting(with_policy(house, registration="approval")) as browser:
        assert (await registers(browser))[0] == 303
        assert (await browser.get("/account")).status_code == 200
        waiting = await browser.get("/gallery")
        assert waiting.status_code == 403
        assert "waits to be approved" in waiting.text


async def test_twenty_accounts_an_hour_are_made_from_one_place(house: House) -> None:
    async with visiting(house) as browser:
        for number in range(20):
            assert (await registers(browser, f"mary{number}@example.org"))[0] == 303
            browser.client.cookies.delete("limner_session")
        assert (await registers(browser))[0] == 429


# links -------------------------------------------------------------------------------------------------------------------


async def test_a_forgotten_password_is_set_anew(house: House, grace: Person, caplog: pytest.LogCaptureFixture) -> None:
    await with_login(house, grace)
    async with visiting(house) as browser:
        assert (await browser.send("/forgot", {"email": "Grace@example.org"}, at="/forgot")).status_code == 200
        await house.post.settled()
        path = "/reset/" + token_in(logged_links(caplog)[-1], "reset")

        assert "grace@example.org" in (await browser.get(path)).text
        short = await browser.send(path, {"password": "short"}, at=path)
        assert (short.status_code, "At least 10 characters" in short.text) == (400, False)
        done = await browser.send(path, {"password": NEW}, at=path)
        assert (done.status_code, done.headers["location"]) == (303, "/")
        assert await is_in(browser)
        await comes_in(house, "grace@example.org", password=NEW)
        assert (await browser.get(path)).status_code == 410
        assert "/forgot" in (await browser.get(path)).text


async def test_no_token_of_a_link_is_in_the_log(house: House, ada: Person, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "limner")
    async with house.database.transaction() as tx:
        token = await register.welcome_link(tx, account_id=ada.account.id, now=house.clock.now())
    async with visiting(house) as browser:
        await browser.get(f"/welcome/{token}")
        await browser.get(f"/reset/{token}")
        await browser.get(f"/verify/{token}")
        await browser.get(f"/register?invitation={token}")
    assert caplog.records
    assert not any(token in str(record.__dict__) for record in caplog.records)


async def test_the_owner_is_welcomed(house: House, ada: Person) -> None:
    async with house.database.transaction() as tx:
        token = await register.welcome_link(tx, account_id=ada.account.id, now=house.clock.now())
    path = f"/welcome/{token}"
    async with visiting(house) as browser:
        wrong = await browser.send(path, {"email": "ada@example.org", "password": "short"}, at=path)
        assert (wrong.status_code, 'value="ada@example.org"' in wrong.text) == (400, True)
        done = await browser.send(path, {"email": "ada@example.org", "password": PASSWORD}, at=path)
        assert done.status_code == 303
        assert "/operate" in (await browser.get("/account")).text
        assert (await browser.get(path)).status_code == 410


# providers ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def server(clock: StillClock) -> AsyncIterator[ProviderServer]:
    async with provider_server(clock) as server:
        yield server


async def goes(browser: Browser, server: ProviderServer, path: str) -> tuple[int, str]:
    """There and back."""
    sent = await browser.get(path)
    assert sent.status_code == 303
    back = server.consents(sent.headers["location"])
    answer = await browser.get(f"/login/example/back?code={quote(back['code'])}&state={quote(back['state'])}")
    return answer.status_code, answer.headers.get("location", answer.text)


async def test_jane_comes_in_through_a_provider(house: House, server: ProviderServer) -> None:
    house = with_policy(house, providers={"example": server.oidc()})
    async with visiting(house) as browser:
        assert "Continue with Example" in (await browser.get("/login?next=/keys")).text
        assert await goes(browser, server, "/login/example?next=%2Fkeys") == (303, "/keys")
        assert "jane@example.org" in (await browser.get("/account")).text
        assert (await browser.get("/login/elsewhere")).status_code == 404


@pytest.mark.parametrize("place", ELSEWHERE)
async def test_nor_is_anybody_sent_elsewhere_by_that_way(house: House, server: ProviderServer, place: str) -> None:
    house = with_policy(house, providers={"example": server.oidc()})
    async with visiting(house) as browser:
        assert await goes(browser, server, f"/login/example?next={quote(place, safe='')}") == (303, "/")


async def test_another_browser_cannot_come_back_for_jane(house: House, server: ProviderServer) -> None:
    house = with_policy(house, providers={"example": server.oidc()})
    async with visiting(house) as browser, visiting(house) as other:
        back = server.consents((await browser.get("/login/example")).headers["location"])
        await other.get("/login")
        stolen = await other.get(f"/login/example/back?code={quote(back['code'])}&state={quote(back['state'])}")
        assert stolen.status_code == 400
        assert not await is_in(other)


async def test_grace_links_and_unlinks_a_provider(house: House, server: ProviderServer, grace: Person) -> None:
    house = with_policy(house, providers={"example": server.oidc()})
    await with_login(house, grace)
    async with visiting(house, grace) as browser:
        assert "/login/example?link=1" in (await browser.get("/account")).text
        lured = await browser.get("/login/example?link=1", **{"sec-fetch-site": "cross-site"})
        assert lured.status_code == 403
        assert await goes(browser, server, "/login/example?link=1") == (303, "/account#identities")
        assert "jane@example.org" in (await browser.get("/account")).text
        form = {"provider": "example", "subject": server.subject}
        assert (await browser.send("/account/unlink", form, at="/account")).status_code == 303
        assert (await browser.send("/account/unlink", form, at="/account")).status_code == 404


async def test_what_goes_wrong_there_is_said_where_one_can_try_again(
    house: House, server: ProviderServer, grace: Person
) -> None:
    house = with_policy(house, registration="invitation", providers={"example": server.oidc()})
    async with visiting(house) as browser:
        status, text = await goes(browser, server, "/login/example")
        assert (status, 'action="/login"' in text, "needs an invitation" in text) == (403, True, True)
        server.issuer_shown = "https://evil.example"
        failed = await browser.get("/login/example?next=/keys")
        assert (failed.status_code, 'value="/keys"' in failed.text) == (502, True)
        assert "evil.example" not in failed.text
    async with visiting(house, grace) as browser:
        assert (await browser.get("/login/example?link=1")).status_code == 502
