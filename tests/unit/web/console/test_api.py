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
from support.painters import Painter, Showing, with_painter
from support.people import Person, balance_of, join
from support.pictures import encoded, mask, noise, png
from support.visits import Browser, visiting
from support.wire import PUBLIC_URL, ask
from support.workers import at_work

FROM_PICTURES = "gpt-image-1"
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


class FromWords(Painter):
    """Starts from words alone."""

    images_max = 0


async def started(browser: Browser, *files: tuple[str, bytes], **fields: str) -> str:
    """The form after these files were chosen: pictures, and what is called a mask."""
    headers = {"accept": "text/html", "hx-request": "true", "x-csrf-token": await browser.csrf()}
    form = {"model": FROM_PICTURES, "prompt": "put a hat on it", **fields}
    sent = [("mask" if name == "mask.png" else "picture", (name, data)) for name, data in files]
    answer = await browser.client.post("/start-from", data=form, files=sent, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


def inputs_in(text: str) -> dict[str, str]:
    """What the form carries on of the pictures."""
    fields = {name: re.search(rf'name="{name}" value="([^"]*)"', text) for name in ("start_images", "start_mask")}
    return {name: found[1] for name, found in fields.items() if found is not None and found[1]}


async def test_grace_starts_from_pictures_and_the_code_sends_them(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        text = await started(browser, ("otter.png", png()), ("mask.png", mask()), n="2")
        second = await started(browser, ("boat.jpg", encoded(noise(), "JPEG")), **inputs_in(text))
    assert f"{PUBLIC_URL}/openai/images/edits" in code_in(text, "curl")
    assert "--form image=@otter.png" in code_in(text, "curl")
    assert "--form mask=@mask.png" in code_in(text, "curl")
    assert 'image=open("otter.png", "rb")' in code_in(text, "python-openai")
    assert "client.images.edit({" in code_in(text, "node")
    assert "2 × " in text
    assert "POST</b> /openai/images/edits" in text
    assert '("image[1]", open("boat.jpg", "rb"))' in code_in(second)
    assert second.count('src="http') == 3


async def test_trying_makes_an_edit_of_them(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser, at_work(house):
        inputs = inputs_in(await started(browser, ("otter.png", png()), ("mask.png", mask())))
        shown = await tried(browser, model=FROM_PICTURES, prompt="put a hat on it", **inputs)
        task = (await browser.client.get("/v1/images/tasks", headers=grace.headers)).json()["data"][0]
        again = (await browser.get(f"/?again={task['id']}")).text
        gallery = (await browser.get(f"/gallery/{task['id']}/0")).text
    assert "data-picture" in shown
    assert task["kind"] == "images_edits"
    assert task["request"]["image"] == inputs["start_images"]
    assert task["request"]["mask"] == inputs["start_mask"]
    assert inputs_in(again) == inputs
    assert "Made from" in gallery
    assert gallery.count("/files/inputs/") == 4


async def test_a_picture_is_taken_away_again_and_its_mask_with_it(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        inputs = inputs_in(await started(browser, ("otter.png", png()), ("mask.png", mask())))
        form = {"model": FROM_PICTURES, "prompt": "x", **inputs}
        without_mask = (await browser.send("/form", {**form, "without": inputs["start_mask"]})).text
        without_all = (await browser.send("/form", {**form, "without": inputs["start_images"]})).text
    assert inputs_in(without_mask) == {"start_images": inputs["start_images"]}
    assert inputs_in(without_all) == {}
    assert "/openai/images/generations" in code_in(without_all)


async def test_what_is_no_picture_is_refused_by_name_and_the_others_stay(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        text = html.unescape(await started(browser, ("notes.png", b"words"), ("otter.png", png())))
    assert "notes.png: " in text
    assert len(inputs_in(text)["start_images"].split()) == 1


async def test_what_the_rules_say_of_pictures_is_said_beside_the_button(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        text = html.unescape(await started(browser, ("otter.png", png(64, 48)), ("mask.png", mask(32, 32))))
    assert "64x48" in text
    assert re.search(r'id="try"[^>]* disabled', text)


async def test_eve_starts_from_no_picture_of_somebody_else_s(house: House, ada: Person, eve: Person) -> None:
    async with visiting(house, ada) as browser:
        inputs = inputs_in(await started(browser, ("secret.png", png())))
    task_id = (await ask(house, ada)).json()["task_id"]
    async with visiting(house, eve) as browser:
        form = {"model": FROM_PICTURES, "prompt": "x", **inputs}
        page = html.unescape((await browser.send("/form", form)).text)
        shown = await tried(browser, **form)
        taken = await browser.send(f"/gallery/{task_id}/0/edit")
        at_once = await browser.get(f"/?start_images={inputs['start_images']}")
    for text in (page, shown, at_once.text):
        assert "secret.png" not in text
        assert "/files/inputs/" not in text
    assert "not there any more" in page
    assert "not there any more" in shown
    assert taken.status_code == 404


async def test_nobody_uploads_without_signing_in(house: House) -> None:
    async with visiting(house) as browser:
        answer = await browser.client.post(
            "/start-from", files={"picture": ("a.png", png())}, headers={"x-csrf-token": await browser.csrf()}
        )
    assert answer.headers["location"].startswith("/login")


async def test_files_are_sent_by_the_page_s_own_script(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        data = {"csrf": await browser.csrf()}
        answer = await browser.client.post("/start-from", data=data, files={"picture": ("a.png", png())})
    assert answer.status_code == 403


async def test_a_picture_of_the_gallery_becomes_the_start_of_the_form(house: House, grace: Person) -> None:
    task_id = (await ask(house, grace)).json()["task_id"]
    async with visiting(house, grace) as browser:
        sent = await browser.send(f"/gallery/{task_id}/0/edit")
        text = (await browser.get(sent.headers["location"])).text
    assert sent.status_code == 303
    assert f"{task_id}_0.png" in code_in(text)
    assert "model=dall-e-2" in code_in(text, "curl")


async def test_where_no_engine_starts_from_pictures_nothing_is_said_of_it(house: House, grace: Person) -> None:
    house = with_painter(house, FromWords())
    house = replace(house, engines=dict.fromkeys(house.engines, house.engines["fake"]))
    task_id = (await ask(house, grace)).json()["task_id"]
    async with visiting(house, grace) as browser:
        page, picture = (await browser.get("/")).text, (await browser.get(f"/gallery/{task_id}/0")).text
    assert "/start-from" not in page
    assert "/edit" not in picture


async def test_what_is_gone_is_seen_to_be_gone_and_nothing_is_painted_without_it(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        inputs = inputs_in(await started(browser, ("otter.png", png()), ("boat.png", png()), ("mask.png", mask())))
        first = inputs["start_images"].split()[0]
        for id_ in (first, inputs["start_mask"]):
            assert (await browser.client.delete(f"/v1/files/{id_}", headers=grace.headers)).status_code == 200
        form = {"model": FROM_PICTURES, "prompt": "x", **inputs}
        page = (await browser.send("/form", form)).text
        shown = await tried(browser, **form)
        rest = (await browser.send("/form", {**form, **inputs_in(page), "without": first})).text
    assert page.count('class="gone"') == 2
    assert re.search(r'id="try"[^>]* disabled', page)
    assert "not there any more" in shown
    assert list(inputs_in(rest)) == ["start_images"]
    assert 'class="gone"' not in rest
    assert "--form image=@boat.png" in code_in(rest, "curl")
