"""The start page: the form, the code beside it, acquiring a key, trying it."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from limner.flow.house import House
from support.asks import OTTER
from support.open_line import calling
from support.painters import Showing, with_painter
from support.people import Person, balance_of, join
from support.visits import Browser, visiting
from support.wire import PUBLIC_URL, ask
from support.workers import at_work

SCRIPT = "<script>alert(1)</script>"
TAG = re.compile(r"<[^>]+>")


def code_in(text: str, language: str = "python") -> str:
    """The program that a page shows, as one would copy it."""
    found = re.search(rf'<pre id="code-{language}".*?<code>(.*?)</code></pre>', text, re.DOTALL)
    assert found is not None
    return html.unescape(TAG.sub("", found[1]))


async def tried(browser: Browser, **fields: str) -> str:
    """Everything that Try answers, until the task has ended."""
    form = {"model": "dall-e-2", "prompt": OTTER, **fields}
    answer = await browser.client.post(
        "/try", data=form, headers={"hx-request": "true", "x-csrf-token": await browser.csrf()}
    )
    assert answer.status_code == 200
    return html.unescape(answer.text)


async def test_whoever_comes_sees_what_it_is_and_what_it_costs(house: House) -> None:
    async with visiting(house) as browser:
        text = (await browser.get("/")).text
    assert "0.04 credits" in text
    assert "/login?next=/" in text
    assert 'id="try"' not in text
    for model in house.catalog.models():
        assert f">{model.name}</a>" in text


async def test_the_form_has_every_parameter_of_the_model_and_no_other(house: House) -> None:
    async with visiting(house) as browser:
        dalle = (await browser.get("/?model=dall-e-3")).text
        gpt = (await browser.get("/?model=gpt-image-1")).text
    for name in ("prompt", "size", "quality", "style", "response_format", "callback_url", "seed", "user"):
        assert f'name="{name}"' in dalle
    assert 'name="n"' not in dalle  # it paints one
    assert 'name="style"' not in gpt
    assert 'name="n"' in gpt
    assert 'value="hd"' in dalle
    assert 'value="hd"' not in gpt


async def test_the_code_is_for_exactly_this_form(house: House) -> None:
    form = {"model": "dall-e-3", "prompt": "two cats", "style": "natural", "quality": "hd", "given": "style quality"}
    async with visiting(house) as browser:
        text = (await browser.send("/code", form)).text
    code = code_in(text)
    assert f'url = "{PUBLIC_URL}/openai/images/generations"' in code
    for line in ('"model": "dall-e-3"', '"prompt": "two cats"', '"quality": "hd"', '"style": "natural"'):
        assert line in code
    assert "size" not in code
    assert "0.08 credits" in text


async def test_what_cannot_be_sent_says_why_beside_the_button(house: House) -> None:
    async with visiting(house) as browser:
        assert "Prompt is empty" in (await browser.send("/code", {"prompt": " "})).text


async def test_another_model_makes_the_form_anew_and_keeps_what_it_takes(house: House) -> None:
    form = {"prompt": "two cats", "style": "natural", "user": "lin", "given": "style user"}
    async with visiting(house) as browser:
        text = (await browser.send("/form", {**form, "model": "gpt-image-1"})).text
    assert 'name="style"' not in text
    code = code_in(text)
    assert '"prompt": "two cats"' in code
    assert '"user": "lin"' in code
    assert "natural" not in code


async def test_a_form_can_be_filled_in_by_its_address(house: House) -> None:
    async with visiting(house) as browser:
        text = (await browser.get("/?model=dall-e-2&n=3&prompt=a+boat&callback_url=https://example.com/x")).text
    code = code_in(text)
    assert '"n": 3' in code
    assert '"prompt": "a boat"' in code
    assert '"callback_url": "https://example.com/x"' in code


async def test_a_prompt_is_never_part_of_the_page(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser, at_work(house):
        page = (await browser.get("/")).text + (await browser.send("/code", {"prompt": SCRIPT})).text
        page += (await browser.client.get("/", params={"prompt": SCRIPT}, headers={"accept": "text/html"})).text
        sent = {"model": "dall-e-2", "prompt": SCRIPT}
        headers = {"hx-request": "true", "x-csrf-token": await browser.csrf()}
        page += (await browser.client.post("/try", data=sent, headers=headers)).text
    assert SCRIPT not in page
    assert html.escape(SCRIPT) in page


async def test_acquiring_gives_a_key_that_works_and_credits_once(house: House) -> None:
    lin = await join(house, "lin", credits_start=0)
    async with visiting(house, lin) as browser:
        first = (await browser.send("/acquire", {"prompt": OTTER, "model": "dall-e-2"})).text
        second = (await browser.send("/acquire", {"prompt": OTTER, "model": "dall-e-2"})).text
    secret = re.search(r'<code id="secret">(sk-limner-\w+)</code>', first)
    assert secret is not None
    assert f"Bearer {secret[1]}" in code_in(first)
    assert "free credits" in first
    assert "free credits" not in second
    assert (await balance_of(house, lin)).balance == house.free_credits
    answer = await ask(house, Person(account=lin.account, key=lin.key, secret=secret[1]))
    assert answer.status_code == 200


async def test_a_secret_is_in_the_code_for_its_own_key_only(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        form = {"prompt": OTTER, "key": str(grace.key.id), "secret": "sk-limner-somebodyelses"}
        assert "somebodyelses" not in (await browser.send("/code", form)).text
        form["secret"] = grace.secret
        assert grace.secret in code_in((await browser.send("/code", form)).text)


async def test_trying_shows_the_picture_and_what_it_cost(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser, at_work(house):
        shown = await tried(browser, n="2", seed="7")
    assert len(re.findall(r"<img src=\"[^\"]+/files/", shown)) == 2
    assert "Revised prompt" in shown
    assert "Callback instead" in shown
    assert "<b>0.04</b> credits" in shown
    assert "9.96 credits" in shown  # the balance at the top
    assert '"task_id"' in shown


async def test_trying_shows_how_far_it_is_and_what_can_be_seen_of_it(house: House, grace: Person) -> None:
    painter = Showing()
    told_at_once = replace(house.queue_policy, tell_every_seconds=0.0)
    house = with_painter(replace(house, queue_policy=told_at_once), painter)
    async with visiting(house, grace) as browser, at_work(house):
        headers = {
            "hx-request": "true",
            "x-csrf-token": await browser.csrf(),
            "cookie": "; ".join(f"{name}={value}" for name, value in browser.client.cookies.items()),
            "content-type": "application/x-www-form-urlencoded",
        }
        body = urlencode({"model": "dall-e-2", "prompt": OTTER}).encode()
        async with calling(house, grace, "/try", method="POST", headers=headers, body=body) as line:
            await line.says("Painting")
            painter.may_show.put_nowait(0.25)
            await line.says("25%")
            painter.may_show.put_nowait(0)
            await line.says(".partial0.png")
            painter.may_show.put_nowait(None)
            await line.says("data-picture")


async def test_trying_asks_for_exactly_what_the_code_says(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser, at_work(house):
        await tried(browser, prompt="two cats", size="512x512", given="size", user="")
        tasks = (await browser.client.get("/v1/images/tasks", headers=grace.headers)).json()["data"]
    assert tasks[0]["request"] == {"prompt": "two cats", "model": "dall-e-2", "size": "512x512"}


async def test_bytes_are_shown_as_a_picture_and_cut_short_as_json(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser, at_work(house):
        shown = await tried(browser, response_format="b64_json", given="response_format")
    assert "<img src=" in shown
    assert re.search(r'"b64_json": "[\w+/]{48}\.\.\."', shown)


async def test_trying_without_credits_says_so(house: House, eve: Person) -> None:
    async with visiting(house, eve) as browser:
        shown = await tried(browser)
    assert "0.020000 credits" in shown
    assert "<img" not in shown


async def test_nobody_tries_with_somebody_else_s_key(house: House, grace: Person, eve: Person) -> None:
    async with visiting(house, eve) as browser:
        assert "not there any more" in await tried(browser, key=str(grace.key.id))
    assert (await balance_of(house, grace)).balance == 10_000_000


async def test_nobody_tries_without_signing_in(house: House) -> None:
    async with visiting(house) as browser:
        for path in ("/try", "/acquire", "/callback-here"):
            answer = await browser.send(path, {"prompt": OTTER})
            assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2F")


async def test_an_inbox_becomes_the_callback(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser, at_work(house):
        text = html.unescape((await browser.send("/callback-here", {"prompt": OTTER, "model": "dall-e-2"})).text)
        address = re.search(r'name="callback_url" type="url" value="([^"]+)"', text)
        assert address is not None
        assert address[1].startswith(f"{PUBLIC_URL}/inbox/")
        assert f'"callback_url": "{address[1]}"' in code_in(text)


async def test_an_earlier_request_is_asked_again_or_varied(house: House, grace: Person, eve: Person) -> None:
    task = (await ask(house, grace, prompt="two cats", size="512x512", seed=7)).json()["task_id"]
    async with visiting(house, grace) as browser:
        again, vary = (
            code_in((await browser.get(f"/?again={task}")).text),
            code_in((await browser.get(f"/?vary={task}")).text),
        )
    assert '"prompt": "two cats"' in again
    assert '"seed": 7' in again
    assert '"size": "512x512"' in vary
    assert "seed" not in vary
    async with visiting(house, eve) as browser:
        assert "two cats" not in (await browser.get(f"/?again={task}")).text
        assert (await browser.get(f"/?again={uuid4()}")).status_code == 200
        assert (await browser.get("/?again=nonsense")).status_code == 200


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_the_page_is_there_in_both_languages(house: House, language: str) -> None:
    async with visiting(house, language=language) as browser:
        text = (await browser.get("/")).text
    assert ("图片生成" in text) is (language == "zh")
    assert ("Images Generations" in text) is (language == "en")
