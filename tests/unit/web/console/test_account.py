"""One's own account, over the wire."""

from __future__ import annotations

from dataclasses import replace

import pytest

from limner.flow import signin
from limner.flow.house import House
from limner.kit.clock import StillClock
from limner.logins.service import WrongLogin
from limner.web.console.enter import browser_of
from support.logins import AGENT, PASSWORD, SENDER, comes_in, token_in, with_login
from support.people import Person
from support.postbox import postbox
from support.visits import visiting

NEW = "another fine password"


async def test_the_page_says_how_one_signs_in(house: House, grace: Person) -> None:
    await with_login(house, grace)
    async with visiting(house, grace) as browser:
        page = await browser.get("/account")
    assert page.status_code == 200
    assert "grace@example.org" in page.text
    assert "this browser" in page.text
    assert "Other ways to sign in" not in page.text


async def test_an_account_with_keys_only_has_a_page_too(house: House, grace: Person, ada: Person) -> None:
    for person, may_leave in ((grace, True), (ada, False)):
        async with visiting(house, person) as browser:
            page = await browser.get("/account")
        assert page.status_code == 200
        assert ("/account/delete" in page.text) is may_leave


async def test_the_password_is_changed(house: House, grace: Person) -> None:
    await with_login(house, grace)
    async with visiting(house, grace) as browser, visiting(house, grace) as other:
        wrong = await browser.send("/account/password", {"old": "nonsense", "new": NEW}, at="/account")
        assert wrong.status_code == 401
        assert 'id="old-help" role="alert">The password is wrong' in wrong.text
        short = await browser.send("/account/password", {"old": PASSWORD, "new": "short"}, at="/account")
        assert short.status_code == 400
        assert 'id="new-help" role="alert">A password has at least 10 characters' in short.text
        done = await browser.send("/account/password", {"old": PASSWORD, "new": NEW}, at="/account")
        assert done.headers["location"] == "/account?done=password"
        assert "signed out everywhere else" in (await browser.get("/account?done=password")).text
        assert (await other.get("/account")).status_code == 303
    await comes_in(house, "grace@example.org", password=NEW)


async def test_the_email_is_changed_with_the_password(house: House, grace: Person) -> None:
    await with_login(house, grace)
    async with visiting(house, grace) as browser:
        form = {"email": "g@example.org", "email_password": "nonsense"}
        wrong = await browser.send("/account/email", form, at="/account")
        assert wrong.status_code == 401
        assert 'id="email_password-help" role="alert"' in wrong.text
        none = await browser.send("/account/email", {"email": "g", "email_password": PASSWORD}, at="/account")
        assert 'id="email-help" role="alert"' in none.text
        done = await browser.send("/account/email", form | {"email_password": PASSWORD}, at="/account")
        assert done.headers["location"] == "/account?done=email"
        assert "g@example.org" in (await browser.get("/account")).text


async def test_the_email_is_confirmed_by_mail(house: House, grace: Person) -> None:
    async with postbox() as box:
        house = replace(house, post=box.post())
        await with_login(house, grace)
        async with visiting(house, grace) as browser:
            assert "not confirmed" in (await browser.get("/account")).text
            assert (await browser.send("/account/verify", at="/account")).headers["location"] == "/account?done=sent"
            await house.post.settled()
            path = "/verify/" + token_in(box.last_link, "verify")
            done = await browser.send(path, at=path)
            assert done.headers["location"] == "/account?done=verified"
            assert "not confirmed" not in (await browser.get("/account")).text
            for _ in range(4):
                await browser.send("/account/verify", at="/account")
            often = await browser.send("/account/verify", at="/account")
            assert often.status_code == 429
            assert int(often.headers["retry-after"]) > 0
            await house.post.settled()


async def test_one_signs_out_everywhere_else_or_everywhere(house: House, grace: Person) -> None:
    await with_login(house, grace)
    async with visiting(house, grace) as here, visiting(house, grace) as there:
        assert (await there.get("/account")).status_code == 200
        await here.send("/account/sessions", at="/account")
        assert (await there.get("/account")).status_code == 303
        assert (await here.get("/account")).status_code == 200
        gone = await here.send("/account/sessions", {"here": "1"}, at="/account")
        assert gone.headers["location"] == "/"
        assert await signin.sessions_of(house, account_id=grace.account.id) == []


async def test_an_account_is_deleted_with_its_password(house: House, grace: Person) -> None:
    await with_login(house, grace)
    async with visiting(house, grace) as browser:
        wrong = await browser.send("/account/delete", {"delete_password": "nonsense"}, at="/account")
        assert wrong.status_code == 401
        assert 'id="delete_password-help" role="alert"' in wrong.text
        gone = await browser.send("/account/delete", {"delete_password": PASSWORD}, at="/account")
        assert gone.status_code == 200
        assert "Your account is deleted" in gone.text
        assert "10.00 credits" not in gone.text
        assert (await browser.get("/account")).status_code == 303
    with pytest.raises(WrongLogin):
        await comes_in(house, "grace@example.org")


async def test_the_owner_s_account_is_not(house: House, ada: Person) -> None:
    await with_login(house, ada)
    async with visiting(house, ada) as browser:
        answer = await browser.send("/account/delete", {"delete_password": PASSWORD}, at="/account")
    assert answer.status_code == 409


async def test_without_a_password_one_must_have_come_just_now(house: House, clock: StillClock, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        clock.move(seconds=601)
        answer = await browser.send("/account/delete", at="/account")
        assert answer.status_code == 403
        assert "ign in again first" in answer.text


async def test_nothing_is_done_by_a_form_that_is_not_ours(house: House, grace: Person) -> None:
    await with_login(house, grace)
    async with visiting(house, grace) as browser:
        await browser.get("/account")
        for path in ("email", "verify", "password", "sessions", "unlink", "delete"):
            form = {"delete_password": PASSWORD, "old": PASSWORD, "new": NEW, "csrf": "0.0"}
            answer = await browser.client.post(f"/account/{path}", data=form, headers={"accept": "text/html"})
            assert answer.status_code == 403, path
        assert (await browser.get("/account")).status_code == 200


async def test_what_a_browser_calls_itself_is_text(house: House, grace: Person) -> None:
    await signin.open_session(
        house, account_id=grace.account.id, sender="<script>1</script>", agent="<script>2</script>"
    )
    async with visiting(house, grace) as browser:
        assert "<script>1" not in (await browser.get("/account")).text


@pytest.mark.parametrize(
    ("agent", "known"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
            ("Chrome", "Linux"),
        ),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0", ("Edge", "Windows")),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile Safari/604.1", ("Safari", "iOS")),
        ("Mozilla/5.0 (Android 16; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0", ("Firefox", "Android")),
        (AGENT, ("", "")),
        (SENDER, ("", "")),
    ],
)
def test_browsers_are_called_as_people_call_them(agent: str, known: tuple[str, str]) -> None:
    assert browser_of(agent) == known
