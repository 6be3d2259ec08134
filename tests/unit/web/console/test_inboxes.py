"""The pages of inboxes: one button makes an address, and what comes there is seen as it comes."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from urllib.parse import quote

import httpx2
import pytest

from limner.flow.house import House
from limner.flow.signin import open_session
from limner.flow.signing import signers
from limner.inboxes.service import INBOXES_MAX
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from limner.web.console.bodies import shown, visible
from limner.webhooks import rules
from support.open_line import Line, calling
from support.people import Person
from support.visits import Browser, visiting
from support.wire import client_of

EVIL = "<script>alert(1)</script>"
SECRET_PICTURE = "iVBORw0KGgo" * 400


@pytest.fixture
async def caller(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody out there who knows the address."""
    async with client_of(house) as client:
        yield client


async def made(browser: Browser) -> str:
    """The path of a new inbox's page."""
    answer = await browser.send("/inboxes", at="/inboxes")
    assert answer.status_code == 303
    return answer.headers["location"]


def address(path: str) -> str:
    return path.replace("/inboxes/", "/inbox/")


def text_of(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def numbers_on(page: str) -> list[int]:
    return [int(found) for found in re.findall(r'aria-label="Request (\d+)"', page)]


async def until(line: Line, is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():
            line._heard.clear()
            await line._heard.wait()


# making -------------------------------------------------------------------------------------------------------------------


async def test_one_button_makes_an_address(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        assert "No inboxes" in (await browser.get("/inboxes")).text
        path = await made(browser)
        page = (await browser.get(path)).text
        listed = (await browser.get("/inboxes")).text

    where = house.public_url + address(path)
    assert where in page
    assert where in listed
    assert f'href="/?callback_url={quote(where, safe="")}"' in page
    assert "Nothing has come yet" in page


async def test_the_address_becomes_the_callback_url_of_the_form(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        path = await made(browser)
        found = re.search(r'href="(/\?callback_url=[^"]+)"', (await browser.get(path)).text)
        assert found is not None
        form = html.unescape((await browser.get(found[1])).text)
    assert f'value="{house.public_url}{address(path)}"' in form


async def test_too_many_are_told_of_where_one_is(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        for _ in range(INBOXES_MAX):
            await made(browser)
        answer = await browser.send("/inboxes", at="/inboxes")
    assert answer.status_code == 429
    assert f"{INBOXES_MAX} inboxes" in answer.text
    assert answer.text.count("/inbox/") >= INBOXES_MAX


async def test_an_inbox_is_deleted_by_whose_it_is(house: House, grace: Person, eve: Person) -> None:
    async with visiting(house, grace) as browser, visiting(house, eve) as hers:
        path = await made(browser)
        assert (await hers.send(f"{path}/delete")).status_code == 404
        assert (await browser.get(path)).status_code == 200
        answer = await browser.send(f"{path}/delete", at=path)
        page = (await browser.get(answer.headers["location"])).text
        assert "The inbox is gone" in page
        assert "No inboxes" in page
        assert (await browser.get(path)).status_code == 410
        again = await browser.send(f"{path}/delete", at="/inboxes")
        assert again.headers["location"] == "/inboxes?done=delete"


# looking ------------------------------------------------------------------------------------------------------------------


async def test_grace_sees_what_came_newest_first_and_eve_sees_nothing(
    house: House, grace: Person, eve: Person, caller: httpx2.AsyncClient
) -> None:
    async with visiting(house, grace) as browser, visiting(house, eve) as hers:
        path = await made(browser)
        await caller.post(address(path), json={"first": 1})
        await caller.put(f"{address(path)}/a/b?c=d", content=b"second")
        page = (await browser.get(path)).text
        for suffix in ("", "/older", "/live"):
            assert (await hers.get(path + suffix)).status_code == 404

    assert numbers_on(page) == [2, 1]
    text = text_of(page)
    assert "PUT /a/b?c=d" in text
    assert "second" in text
    assert '"first" : 1' in text
    assert "2 received" in text
    assert "not signed" in text


async def test_what_senders_wrote_never_becomes_markup(house: House, grace: Person, caller: httpx2.AsyncClient) -> None:
    async with visiting(house, grace) as browser:
        path = await made(browser)
        await caller.post(
            f"{address(path)}/{quote(EVIL, safe='()')}?{quote(EVIL, safe='<>/()')}",
            content=f'{{"a": "{EVIL}"}}'.encode(),
            headers={"x-evil": EVIL, "user-agent": EVIL},
        )
        await caller.post(address(path), content=EVIL.encode())
        page = (await browser.get(path)).text

    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 4


async def test_pictures_are_not_dumped_and_bytes_are_not_shown(
    house: House, grace: Person, caller: httpx2.AsyncClient
) -> None:
    async with visiting(house, grace) as browser:
        path = await made(browser)
        await caller.post(address(path), json={"data": {"data": [{"b64_json": SECRET_PICTURE}]}})
        await caller.post(address(path), content=bytes(range(256)))
        await caller.get(address(path))
        text = text_of((await browser.get(path)).text)

    assert SECRET_PICTURE not in text
    assert "iVBORw0KGgo" in text
    assert "more)" in text
    assert "256 B that are no text." in text
    assert "No body." in text


async def test_secrets_of_senders_are_not_shown(house: House, grace: Person, caller: httpx2.AsyncClient) -> None:
    async with visiting(house, grace) as browser:
        path = await made(browser)
        await caller.post(address(path), headers={"authorization": "Bearer hush-hush", "cookie": "a=hush-hush"})
        assert "hush-hush" not in (await browser.get(path)).text


async def test_signatures_are_checked_and_said_in_words(
    house: House, grace: Person, eve: Person, caller: httpx2.AsyncClient
) -> None:
    body = b'{"success":true}'

    async def sign(person: Person, *, late: timedelta = timedelta()) -> dict[str, str]:
        (signer,) = await signers(house, account_id=person.account.id)
        now = house.clock.now() - late
        return rules.headers(message_id=uuid7(), secrets=[signer.secret], callback_secret=None, body=body, now=now)

    async with visiting(house, grace) as browser:
        path = await made(browser)

        async def said(headers: dict[str, str]) -> str:
            await caller.post(address(path), content=body, headers=headers)
            page = (await browser.get(path)).text
            return text_of(page[page.index("<article") : page.index("</article>")])

        good = await sign(grace)
        assert "signature valid" in await said(good)
        assert "made with a secret of this account" in await said(good)
        assert "signature not valid" in await said(await sign(eve))
        assert "no secret of this account made it" in await said(await sign(eve))
        assert "more than five minutes" in await said(await sign(grace, late=timedelta(minutes=6)))
        assert "a clock is wrong" in await said(await sign(grace, late=timedelta(minutes=-6)))
        assert "not in its form" in await said({"webhook-id": "msg_1"})
        assert "not signed" in await said({})
        assert "cannot be checked" in await said({"x-callback-signature": "0" * 64})


async def test_older_requests_come_page_by_page(house: House, grace: Person, caller: httpx2.AsyncClient) -> None:
    async with visiting(house, grace) as browser:
        path = await made(browser)
        for number in range(45):
            await caller.post(address(path), content=b"%d" % number)
        first = (await browser.get(path)).text
        assert numbers_on(first) == list(range(45, 25, -1))
        second = (await browser.part(f"{path}/older?before=26")).text
        assert numbers_on(second) == list(range(25, 5, -1))
        last = (await browser.part(f"{path}/older?before=6")).text
        assert numbers_on(last) == list(range(5, 0, -1))
        assert "Older ones" in second
        assert "Older ones" not in last


# as it comes --------------------------------------------------------------------------------------------------------------


async def session_of(house: House, person: Person) -> dict[str, str]:
    token = await open_session(house, account_id=person.account.id, sender="127.0.0.1", agent="tests")
    return {"cookie": f"limner_session={token}"}


def data_of(line: Line) -> str:
    """What the stream's messages put on the page, as a browser reads them."""
    return "\n".join(part.removeprefix("data: ") for part in line.text.split("\n") if part.startswith("data: "))


async def test_a_request_appears_while_one_looks(house: House, grace: Person, caller: httpx2.AsyncClient) -> None:
    async with visiting(house, grace) as browser:
        path = await made(browser)
    await caller.post(address(path), content=b"before")
    async with calling(house, grace, f"{path}/live", headers=await session_of(house, grace)) as line:
        await until(line, lambda: line.text != "")
        await caller.post(address(path), content=f'{{"a": "{EVIL}",\n\n"b": 1}}\r\n\r\nend'.encode())
        await until(line, lambda: "</hx-partial>" in line.text)
        text = line.text

    assert (line.status, line.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
    assert "default-src 'none'" in line.headers["content-security-policy"]
    assert "id: 2\n" in text
    assert numbers_on(data_of(line)) == [2]
    assert "<script>alert" not in text
    assert "before" not in text
    assert text.count("\n\n") == 2, "one comment and one message, however many empty lines a body has"
    assert '<hx-partial hx-target="#received" hx-swap="innerHTML">2</hx-partial>' in data_of(line)


async def test_who_lost_the_line_misses_nothing(house: House, grace: Person, caller: httpx2.AsyncClient) -> None:
    async with visiting(house, grace) as browser:
        path = await made(browser)
    for number in range(3):
        await caller.post(address(path), content=b"%d" % number)
    headers = await session_of(house, grace) | {"last-event-id": "1"}
    async with calling(house, grace, f"{path}/live", headers=headers) as line:
        await until(line, lambda: line.text.count("id: ") == 2)

    assert numbers_on(data_of(line)) == [2, 3]


async def test_the_stream_says_that_the_inbox_has_ended(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        path = await made(browser)
        async with calling(house, grace, f"{path}/live", headers=await session_of(house, grace)) as line:
            await until(line, lambda: line.text != "")
            await browser.send(f"{path}/delete", at=path)
            await until(line, lambda: line.is_over)

    assert "The inbox has ended" in line.text
    assert line.text.endswith("event: over\ndata:\n\n")


async def test_an_inbox_whose_time_is_over_says_so(house: House, grace: Person, clock: StillClock) -> None:
    async with visiting(house, grace) as browser:
        path = await made(browser)
        clock.moment += house.inbox_life
        assert (await browser.get(path)).status_code == 410
        assert (await browser.get(f"{path}/live")).status_code == 410
        assert "No inboxes" in (await browser.get("/inboxes")).text


# everywhere ---------------------------------------------------------------------------------------------------------------


async def test_nobody_is_asked_to_sign_in_and_comes_back(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        path = await made(browser)
    async with visiting(house) as browser:
        for where in ("/inboxes", path, f"{path}/live", f"{path}/older"):
            answer = await browser.get(where)
            assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={quote(where, safe='')}")


async def test_forms_of_others_change_nothing(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        path = await made(browser)
        for where in ("/inboxes", f"{path}/delete"):
            assert (await browser.client.post(where, headers={"accept": "text/html"})).status_code == 403
        assert (await browser.get("/inboxes")).text.count('class="code" href="/inboxes/') == 1


async def test_pages_are_in_chinese_too(house: House, grace: Person, caller: httpx2.AsyncClient) -> None:
    async with visiting(house, grace, language="zh") as browser:
        path = await made(browser)
        await caller.post(address(path), json={})
        page = text_of((await browser.get(path)).text)
        listed = text_of((await browser.get("/inboxes")).text)

    assert "没有签名" in page
    assert "用作 callback_url" in page
    assert "新建收件箱" in listed
    for english in ("received", "Headers", "not signed", "Requests", "Make an inbox"):
        assert english not in page + listed


# bodies -------------------------------------------------------------------------------------------------------------------


def plain(text: str, *, is_truncated: bool = False) -> str:
    marked = str(shown(text, is_truncated=is_truncated).lines)
    return html.unescape(re.sub(r"<[^>]*>", "", marked)).removesuffix("\n")


def test_json_is_indented_as_it_was_sent() -> None:
    sent = '{"a":[1.50,{}, [] ,1e300],"b":"\\u6d77{\\"x\\":[1,2]}","a":12345678901234567890123}'

    assert plain(sent) == (
        '{\n  "a": [\n    1.50,\n    {},\n    [],\n    1e300\n  ],\n'
        '  "b": "\\u6d77{\\"x\\":[1,2]}",\n  "a": 12345678901234567890123\n}'
    )


@pytest.mark.parametrize("text", ["", "otter", '{"a": }', "[1, 2", "12", '"text"', "<a>{}</a>", "{otter}"])
def test_what_is_no_json_stays_as_it_is(text: str) -> None:
    assert plain(text) == text
    assert not shown(text).is_json


def test_json_that_was_cut_off_is_indented_as_far_as_it_goes() -> None:
    assert plain('{"a":{"b":[1,2,"thr', is_truncated=True) == '{\n  "a": {\n    "b": [\n      1,\n      2,\n      "thr'


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "[" * 900 + "]" * 900, '{"a":' * 50_000, " x" * 150_000, "\n" * 300_000]
)
@pytest.mark.parametrize("is_truncated", [True, False])
def test_no_body_is_too_much_for_the_page(text: str, *, is_truncated: bool) -> None:
    found = shown(text, is_truncated=is_truncated)

    assert len(str(found.lines)) < 200_000
    assert found.is_cut


def test_nothing_on_the_page_is_invisible() -> None:
    assert visible("a\u202eb\x00c\r\n\td\u200b") == "a\\u202eb\\u0000c\\u000d\n\td\\u200b"
    assert plain('{"a":"\u202e"}') == '{\n  "a": "\\u202e"\n}'
