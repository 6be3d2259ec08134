"""The operator's pages: what they show, what they do, and that nobody else gets them."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx2
import pytest

from limner.audit.models import Filter
from limner.domain.money import micro
from limner.domain.setting import SettingShown
from limner.domain.spec import Quality
from limner.flow import operators
from limner.flow.house import House
from limner.web.console import operate, operate_accounts, operate_joining, operate_models
from limner.web.console.operate_accounts import amount_in
from limner.web.console.visit import Page
from support.painters import Breaking, with_painter
from support.people import Person, balance_of, budget_of, join
from support.visits import Browser, visiting
from support.wire import ask
from unit.flow.test_operators import by

PAGES: list[Page] = [
    page for module in (operate, operate_accounts, operate_joining, operate_models) for page in module.pages()
]
PLACES = [
    "/operate",
    "/operate/accounts",
    "/operate/invitations",
    "/operate/codes",
    "/operate/models",
    "/operate/models?new=1",
    "/operate/models/dall-e-2",
    "/operate/engines",
    "/operate/webhooks",
    "/operate/storage",
    "/operate/settings",
    "/operate/audit",
]


def test_every_operator_s_page_is_the_owner_s() -> None:
    assert {page.needs for page in PAGES} == {"owner"}
    assert all(page.path.startswith("/operate") for page in PAGES)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("place", PLACES)
async def test_ada_sees_every_page_with_nothing_in_it(house: House, ada: Person, place: str, language: str) -> None:
    async with visiting(house, ada, language=language) as browser:
        page = await browser.get(place)

    assert page.status_code == 200
    assert "<h1>" in page.text
    assert 'aria-current="page"' in page.text


@pytest.mark.parametrize("place", PLACES)
async def test_nobody_else_gets_one(house: House, grace: Person, place: str) -> None:
    async with visiting(house, grace) as browser:
        assert (await browser.get(place)).status_code == 404
    async with visiting(house) as browser:
        page = await browser.get(place)
        assert page.status_code == 303
        assert page.headers["location"].startswith("/login?next=")


@pytest.mark.parametrize("page", [page for page in PAGES if "POST" in page.methods], ids=lambda page: page.path)
async def test_nobody_else_does_anything(house: House, grace: Person, page: Page) -> None:
    path = page.path.replace("{id}", str(grace.account.id)).replace("{key}", str(grace.key.id))
    path = path.replace("{name:path}", "dall-e-2")
    async with visiting(house, grace) as browser:
        answer = await browser.send(path, {"amount": "5", "reason": "me", "credits": "5", "act": "save"})

    assert answer.status_code == 404
    assert await operators.audit_entries(house, which=Filter(), count=10) == []


async def test_the_overview_says_what_waits(house: House, ada: Person, grace: Person) -> None:
    await ask(house, grace)
    await operators.grant(house, by(ada), account_id=grace.account.id, amount=micro(1), reason="a <b>gift</b>")

    async with visiting(house, ada) as browser:
        text = (await browser.get("/operate")).text

    assert "succeeded in the last hour" in text
    assert "gave credits to" in text
    assert "a &lt;b&gt;gift&lt;/b&gt;" in text
    assert "no task has failed within a day" in text


async def test_accounts_are_searched_and_come_in_parts(house: House, ada: Person) -> None:
    for number in range(60):
        await join(house, f"person-{number:02}")
    async with visiting(house, ada) as browser:
        first = (await browser.get("/operate/accounts")).text
        older = re.search(r'hx-get="([^"]+)"', first)
        assert older is not None
        second = (await browser.part(older[1].replace("&amp;", "&"))).text
        found = (await browser.get("/operate/accounts?text=N-07")).text
        none = (await browser.get("/operate/accounts?text=nobody")).text

    assert len(re.findall(r"person-\d\d</a>", first)) == 50
    assert len(re.findall(r"person-\d\d</a>", second)) == 10
    assert "<html" not in second
    assert re.findall(r"person-\d\d</a>", found) == ["person-07</a>"]
    assert "Nobody is like that" in none


async def test_ada_gives_credits_on_the_page_of_an_account(house: House, ada: Person, eve: Person) -> None:
    here = f"/operate/accounts/{eve.account.id}"
    async with visiting(house, ada) as browser:
        wrong = await browser.send(f"{here}/grant", {"amount": "many", "reason": "x"}, at=here)
        too_much = await browser.send(f"{here}/grant", {"amount": "-5", "reason": "x"}, at=here)
        silent = await browser.send(f"{here}/grant", {"amount": "5", "reason": " "}, at=here)
        given = await browser.send(f"{here}/grant", {"amount": "2.5", "reason": "a gift"}, at=here)
        page = await browser.get(given.headers["location"])

    assert (wrong.status_code, too_much.status_code, silent.status_code) == (400, 403, 400)
    assert 'value="many"' in wrong.text
    assert "fewer credits that are free" in too_much.text
    assert given.status_code == 303
    assert "The credits are entered." in page.text
    assert "+2.50" in page.text
    assert (await balance_of(house, eve)).free == micro("2.5")


async def test_ada_suspends_and_resumes(house: House, ada: Person, grace: Person) -> None:
    here = f"/operate/accounts/{grace.account.id}"
    async with visiting(house, ada) as browser:
        await browser.send(f"{here}/suspend", at=here)
        assert (await ask(house, grace)).status_code == 403
        assert "suspended" in (await browser.get(here)).text
        await browser.send(f"{here}/resume", at=here)
        assert (await ask(house, grace)).status_code == 200
        own = f"/operate/accounts/{ada.account.id}"
        assert (await browser.send(f"{own}/suspend", at=here)).status_code == 409
        assert "/suspend" not in (await browser.get(own)).text
        assert "sign in as" not in (await browser.get(here)).text.lower()


async def test_ada_limits_a_key_and_switches_it_off(house: House, ada: Person, grace: Person) -> None:
    account = f"/operate/accounts/{grace.account.id}"
    key = f"{account}/keys/{grace.key.id}"
    async with visiting(house, ada) as browser:
        wrong = await browser.send(
            key, {"spend_limit": "x", "concurrent": "0", "requests_per_minute": "-1", "expires": "soon"}, at=key
        )
        past = await browser.send(key, {"expires": "2020-01-01"}, at=key)
        saved = await browser.send(
            key, {"spend_limit": "3", "concurrent": "2", "requests_per_minute": "", "expires": ""}, at=key
        )
        off = await browser.send(f"{key}/switch", {"on": "no"}, at=account)
        elsewhere = await browser.get(f"/operate/accounts/{ada.account.id}/keys/{grace.key.id}")

    assert (wrong.status_code, past.status_code) == (400, 400)
    assert wrong.text.count("aria-invalid") == 3
    assert (saved.status_code, off.status_code, elsewhere.status_code) == (303, 303, 404)
    assert (await budget_of(house, grace)).spend_limit == micro(3)
    assert (await ask(house, grace)).status_code == 403


@pytest.mark.parametrize(
    "path",
    ["/operate/accounts/none", "/operate/accounts/01a205a7-0000-7000-8000-000000000000", "/operate/models/none"],
)
async def test_what_is_not_there_is_not_found(house: House, ada: Person, path: str) -> None:
    async with visiting(house, ada) as browser:
        assert (await browser.get(path)).status_code == 404


async def test_an_invitation_s_link_is_shown_once(house: House, ada: Person) -> None:
    here = "/operate/invitations"
    async with visiting(house, ada) as browser:
        wrong = await browser.send(here, {"credits": "-1", "uses": "0", "days": "x"}, at=here)
        no_email = await browser.send(here, {"credits": "0", "uses": "1", "days": "", "email": "nobody"}, at=here)
        made = await browser.send(
            here, {"note": "for <Grace>", "credits": "5", "uses": "2", "days": "7", "email": ""}, at=here
        )
        again = await browser.get(here)
        revoke = re.search(r'action="(/operate/invitations/[^"]+/revoke)"', again.text)
        assert revoke is not None
        await browser.send(revoke[1], at=here)
        after = await browser.get(here)

    assert (wrong.status_code, no_email.status_code) == (400, 400)
    assert wrong.text.count("aria-invalid") == 3
    assert "That is no e-mail address." in no_email.text
    assert "/register?invitation=" in made.text
    assert "/register?invitation=" not in again.text
    assert "for &lt;Grace&gt;" in again.text
    assert "revoked" in after.text


async def test_codes_are_shown_once(house: House, ada: Person) -> None:
    here = "/operate/codes"
    async with visiting(house, ada) as browser:
        wrong = await browser.send(here, {"credits": "0", "count": "1", "uses": "1"}, at=here)
        past = await browser.send(here, {"credits": "1", "count": "1", "uses": "1", "expires": "2020-01-01"}, at=here)
        made = await browser.send(here, {"credits": "5", "count": "3", "uses": "1", "note": "fair"}, at=here)
        again = await browser.get(here)
        disable = re.search(r'action="(/operate/codes/[^"]+/disable)"', again.text)
        assert disable is not None
        await browser.send(disable[1], at=here)
        after = await browser.get(here)

    secrets = re.search(r'<pre class="codes">(.*?)</pre>', made.text, re.DOTALL)
    assert secrets is not None
    assert (wrong.status_code, past.status_code, len(secrets[1].split())) == (400, 400, 3)
    assert secrets[1].split()[0] not in again.text
    assert after.text.count("/disable") == 2


async def save(browser: Browser, here: str, form: dict[str, str]) -> httpx2.Response:
    """Look at what it would do, then do it."""
    shown = await browser.send(here, {**form, "act": "preview"}, at=here)
    mark = re.search(r'name="previewed" value="([0-9a-f]+)"', shown.text)
    assert mark is not None, shown.text
    return await browser.send(here, {**form, "act": "save", "previewed": mark[1]}, at=here)


PRICES = {"256.standard": "0.016", "512.standard": "0.018", "1k.standard": "0.05"}


async def test_a_price_is_looked_at_then_changed(house: House, ada: Person) -> None:
    here = "/operate/models/dall-e-2"
    form = {"seen": "0", "engine": "fake", "description": "Ours.", "is_offered": "yes", **PRICES}
    async with visiting(house, ada) as browser:
        shown = await browser.send(here, {**form, "act": "preview"}, at=here)
        assert house.catalog.model("dall-e-2").prices["1k"][Quality.STANDARD] == 20_000
        unseen = await browser.send(here, {**form, "act": "save"}, at=here)
        assert house.catalog.model("dall-e-2").prices["1k"][Quality.STANDARD] == 20_000
        saved = await save(browser, here, form)
        stale = await save(browser, here, form)
        page = await browser.get(here)
        await browser.send(here, {"act": "reset-save", "seen": "1"}, at=here)
        after = await browser.get(here)

    assert shown.status_code == unseen.status_code == 200
    assert "+150%" in shown.text
    assert "+150%" in unseen.text
    assert (saved.status_code, stale.status_code) == (303, 409)
    assert "Somebody else has changed this model" in stale.text
    assert 'value="0.05"' in page.text
    assert "ada" in page.text
    assert "back to how it comes" in after.text
    assert house.catalog.model("dall-e-2").prices["1k"][Quality.STANDARD] == 20_000


@pytest.mark.parametrize(
    ("field", "value"), [("1k.standard", "-1"), ("1k.standard", "x"), ("engine", "nobody"), ("description", "x" * 301)]
)
async def test_what_cannot_be_is_said_beside_its_field(house: House, ada: Person, field: str, value: str) -> None:
    here = "/operate/models/dall-e-2"
    form = {"seen": "0", "engine": "fake", "description": "", "is_offered": "yes", **PRICES, field: value}
    async with visiting(house, ada) as browser:
        answer = await browser.send(here, {**form, "act": "save"}, at=here)

    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert house.catalog.model("dall-e-2").prices["1k"][Quality.STANDARD] == 20_000


async def test_a_model_is_switched_off_and_on(house: House, ada: Person, grace: Person) -> None:
    here = "/operate/models/dall-e-2"
    form = {"engine": "fake", "description": "", **PRICES}
    async with visiting(house, ada) as browser:
        await save(browser, here, {**form, "seen": "0"})
        assert (await ask(house, grace, model="dall-e-2")).status_code == 404
        await save(browser, here, {**form, "seen": "1", "is_offered": "yes"})
        assert (await ask(house, grace, model="dall-e-2")).status_code == 200


async def test_a_model_of_one_s_own_is_added(house: House, ada: Person, grace: Person) -> None:
    form = {"profile": "dall-e-3", "engine": "fake", "description": "", "is_offered": "yes", "1k.standard": "0.5"}
    async with visiting(house, ada) as browser:
        page = await browser.get("/operate/models?new=1&profile=dall-e-3")
        taken = await browser.send("/operate/models", {**form, "name": "dall-e-2", "act": "save"}, at="/operate/models")
        empty = await browser.send(
            "/operate/models", {**form, "1k.standard": "", "name": "mine", "act": "preview"}, at="/operate/models"
        )
        shown = await browser.send("/operate/models", {**form, "name": "mine", "act": "preview"}, at="/operate/models")
        saved = await save(browser, "/operate/models", {**form, "name": "mine"})

    assert 'name="wide.hd"' in page.text
    assert (taken.status_code, empty.status_code, shown.status_code, saved.status_code) == (400, 400, 200, 303)
    assert (await ask(house, grace, model="mine")).status_code == 200


async def test_failures_are_told_with_code_and_trace_id(house: House, ada: Person, grace: Person) -> None:
    answer = await ask(with_painter(house, Breaking(RuntimeError("out of paint"))), grace)
    async with visiting(house, ada) as browser:
        text = (await browser.get("/operate/engines")).text
        overview = (await browser.get("/operate")).text

    assert answer.status_code >= 500
    assert answer.json()["trace_id"] in text
    assert "internal" in text
    assert "one task has failed within a day" in overview


async def test_a_receiver_in_trouble_is_shown_and_recovered(house: House, ada: Person, grace: Person) -> None:
    async with house.database.transaction() as tx:
        await tx.run(
            "INSERT INTO webhook_endpoints (account_id, origin, failing_since, paused_at) VALUES ($1, $2, $3, $3)",
            grace.account.id,
            "https://hook.example",
            house.clock.now() - timedelta(days=6),
        )
    here = "/operate/webhooks"
    async with visiting(house, ada) as browser:
        before = (await browser.get(here)).text
        form = {"account": str(grace.account.id), "origin": "https://hook.example"}
        done = await browser.send(f"{here}/recover", form, at=here)
        after = (await browser.get(done.headers["location"])).text

    assert "https://hook.example" in before
    assert "paused" in before
    assert "No receiver is in trouble" in after
    (act,) = await operators.audit_entries(house, which=Filter(), count=10)
    assert (act.verb, act.subject.label, act.details["account"]) == (
        "receiver.recovered",
        "https://hook.example",
        "grace",
    )


async def test_what_is_stored_is_told_by_account_and_day(house: House, ada: Person, grace: Person) -> None:
    await ask(house, grace)
    async with visiting(house, ada) as browser:
        text = (await browser.get("/operate/storage")).text

    assert "2026-11-22: 0.0 MB in 1 pictures" in text
    assert re.search(r">grace</a><progress", text)


async def test_settings_are_shown_with_where_they_come_from(house: House, ada: Person) -> None:
    async with visiting(house, ada) as browser:
        text = (await browser.get("/operate/settings")).text
        only_set = (await browser.get("/operate/settings?only=set")).text

    assert all(isinstance(setting, SettingShown) for setting in house.settings_shown)
    assert "server.metrics_token" in text
    assert "LIMNER_" not in only_set
    assert "Nothing is set" in only_set


async def test_the_log_is_filtered_and_comes_in_parts(house: House, ada: Person, grace: Person, eve: Person) -> None:
    for number in range(55):
        await operators.grant(house, by(ada), account_id=grace.account.id, amount=1, reason=f"reason {number}")
    await operators.suspend(house, by(ada), account_id=eve.account.id)
    async with visiting(house, ada) as browser:
        first = (await browser.get("/operate/audit")).text
        older = re.search(r'hx-get="([^"]+)"', first)
        assert older is not None
        second = (await browser.part(older[1].replace("&amp;", "&"))).text
        suspended = (await browser.get("/operate/audit?verb=account.suspended")).text
        about = (await browser.get("/operate/audit?text=eve")).text
        none = (await browser.get("/operate/audit?since=2030-01-01")).text

    assert first.count("gave credits to") == 49
    assert second.count("gave credits to") == 6
    assert "reason 1<" not in suspended
    assert about.count('<td data-label="Time"') == suspended.count('<td data-label="Time"') == 1
    assert "Nothing is like that" in none


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", 1_000_000),
        ("1,000.5", 1_000_500_000),
        ("0", 0),
        ("0.0000001", None),
        ("nan", None),
        ("1e400", None),
        ("", None),
    ],
)
def test_an_amount_is_what_was_typed_or_none(text: str, amount: int | None) -> None:
    assert amount_in(text) == amount


async def test_a_suspended_account_has_to_sign_in_again(house: House, ada: Person, grace: Person) -> None:
    async with visiting(house, grace) as hers, visiting(house, ada) as browser:
        page = f"/operate/accounts/{grace.account.id}"
        await browser.send(f"{page}/suspend", {"reason": "a test"}, at=page)
        await browser.send(f"{page}/resume", at=page)
        assert (await hers.get("/keys")).headers["location"].startswith("/login?next=")
