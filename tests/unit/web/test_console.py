"""What all pages of the console share: who gets them, forms, languages, how trouble is told."""

from __future__ import annotations

import pytest

from limner.flow.house import House
from limner.web.console.pages import pages
from limner.web.console.visit import ours
from limner.web.console.words import preferred
from support.people import Person
from support.visits import visiting


async def test_the_start_page_is_for_everyone(house: House) -> None:
    async with visiting(house) as browser:
        page = await browser.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Images Generations" in page.text


async def test_a_program_at_the_start_page_is_told_where_things_are(house: House) -> None:
    async with visiting(house) as browser:
        answer = await browser.client.get("/")
    assert answer.json()["generations"].endswith("/v1/images/generations")


async def test_no_page_runs_what_is_written_into_it(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        policy = (await browser.get("/")).headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == rules["form-action"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert "unsafe" not in policy


async def test_a_page_says_who_one_is_and_what_one_has(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        text = (await browser.get("/")).text
    assert "grace" in text
    assert "10.00 credits" in text
    assert "Sign in" not in text


async def test_what_changes_something_needs_a_form_of_ours(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        await browser.get("/")
        bare = await browser.client.post("/logout", headers={"accept": "text/html"})
        wrong = await browser.client.post("/logout", data={"csrf": "0.0"}, headers={"accept": "text/html"})
        assert (bare.status_code, wrong.status_code) == (403, 403)
        assert "10.00 credits" in (await browser.get("/")).text


async def test_a_form_of_another_session_is_refused(house: House, grace: Person, eve: Person) -> None:
    async with visiting(house, eve) as hers, visiting(house, grace) as browser:
        stolen = await hers.csrf()
        await browser.get("/")
        answer = await browser.client.post("/logout", data={"csrf": stolen}, headers={"accept": "text/html"})
        assert answer.status_code == 403


async def test_a_form_sent_from_another_server_s_page_is_refused(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        answer = await browser.send("/logout", origin="https://evil.example")
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("/keys", "/keys"),
        ("/gallery?q=otter", "/gallery?q=otter"),
        ("//evil.example/x", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/x\r\nset-cookie: a=b", "/"),
        ("", "/"),
        ("keys", "/"),
    ],
)
def test_nobody_is_sent_to_another_server(path: str, safe: str) -> None:
    assert ours(path) == safe


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.5", "en"),
        ("de-DE,de;q=0.9", "en"),
        ("fr, zh;q=0.2, en;q=0.4", "en"),
        ("zh-Hant-TW", "zh"),
        ("", "en"),
        ("zh;q=nonsense", "en"),
    ],
)
def test_the_browser_s_language_decides_first(header: str, language: str) -> None:
    assert preferred(header) == language


async def test_a_chosen_language_stays(house: House) -> None:
    async with visiting(house) as browser:
        assert 'lang="en"' in (await browser.get("/")).text
        answer = await browser.get("/language/zh?next=/")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert 'lang="zh-CN"' in (await browser.get("/")).text
        assert (await browser.get("/language/xx")).status_code == 404


async def test_a_chosen_theme_stays(house: House) -> None:
    async with visiting(house) as browser:
        await browser.get("/theme/dark?next=//evil.example")
        assert 'data-theme="dark"' in (await browser.get("/")).text


async def test_people_get_trouble_as_a_page_and_programs_as_json(house: House) -> None:
    async with visiting(house) as browser:
        page = await browser.get("/no-such-place")
        assert page.status_code == 404
        assert page.headers["x-request-id"] in page.text
        assert "<script>alert" not in (await browser.get("/<script>alert(1)</script>")).text
        assert (await browser.client.get("/no-such-place")).json()["error"]["code"] == "unknown_url"
        assert (await browser.get("/v1/no-such-place")).headers["content-type"] == "application/json"


async def test_htmx_gets_trouble_as_a_notice(house: House) -> None:
    async with visiting(house) as browser:
        part = await browser.part("/no-such-place")
    assert part.status_code == 404
    assert part.headers["hx-retarget"] == "#notices"
    assert "<html" not in part.text


async def test_pages_are_packed_for_their_way(house: House) -> None:
    async with visiting(house) as browser:
        page = await browser.get("/", **{"accept-encoding": "gzip"})
    assert page.headers["content-encoding"] == "gzip"
    assert "Images Generations" in page.text


def test_every_page_says_whom_it_is_for() -> None:
    seen = set()
    for page in pages():
        for method in page.methods:
            assert (page.path, method) not in seen
            seen.add((page.path, method))
    assert seen


async def test_what_a_setting_says_is_text(house: House, ada: Person) -> None:
    async with visiting(house, ada) as browser:
        page = await browser.get("/operate/settings")
    assert page.status_code == 200
    assert "limner &lt;no-reply@example.org&gt;" in page.text


@pytest.mark.parametrize("path", ["/tasks?q=%00", "/gallery?model=a%00b", "/operate/audit?text=%00", "/?prompt=%00"])
async def test_what_no_text_has_is_refused_as_such(house: House, ada: Person, path: str) -> None:
    async with visiting(house, ada) as browser:
        page = await browser.get(path)
    assert page.status_code == 400
    assert "NUL" in page.text


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/Los_Angeles"])
@pytest.mark.parametrize("days", ["to=9999-12-31", "from=0001-01-01", "to=0001-01-01&from=9999-12-31", "from=nonsense"])
async def test_the_ends_of_the_calendar_are_days_like_any_other(
    house: House, grace: Person, zone: str, days: str
) -> None:
    async with visiting(house, grace) as browser:
        browser.client.cookies.set("limner_zone", zone)
        assert (await browser.get(f"/gallery?{days}")).status_code == 200


async def test_whoever_asks_for_the_old_icon_gets_it(house: House) -> None:
    async with visiting(house) as browser:
        assert (await browser.client.get("/favicon.ico")).headers["content-type"] == "image/svg+xml"
