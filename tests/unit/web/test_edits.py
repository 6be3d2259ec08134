"""Pictures from pictures: POST .../images/edits and .../images/variations, as forms and as JSON."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import httpx2
import orjson
import pytest

from limner.flow.history import tell
from limner.flow.house import House
from limner.kit.outbound import Outbound, Policy
from support.painters import Painter, with_painter
from support.people import Person, balance_of
from support.pictures import data_url, encoded, mask, noise, png
from support.receiving import Says, receiving
from support.shelves import task_rows
from support.wire import PREFIXES, ask, client_of, link_of
from support.workers import at_work, ended

MODEL = "gpt-image-1"


async def edit(
    house: House,
    person: Person,
    *,
    files: list[tuple[str, Any]],
    prefix: str = "/v1",
    act: str = "edits",
    headers: dict[str, str] | None = None,
    **fields: str,
) -> httpx2.Response:
    """A form."""
    data = {"model": MODEL, **({"prompt": "Put a hat on it"} if act == "edits" else {}), **fields}
    async with client_of(house) as client:
        return await client.post(
            f"{prefix}/images/{act}", data=data, files=files, headers=person.headers | (headers or {})
        )


async def edit_json(house: House, person: Person, *, prefix: str = "/v1", **body: Any) -> httpx2.Response:
    async with client_of(house) as client:
        return await client.post(
            f"{prefix}/images/edits", json={"model": MODEL, "prompt": "Put a hat on it", **body}, headers=person.headers
        )


def calling_out() -> Outbound:
    """Calls this machine, too."""
    policy = Policy(http=True, ports=frozenset({80, 443}), networks=(), loopback=True)
    return Outbound(policy=policy, user_agent="limner/test")


def revised(answer: httpx2.Response) -> str:
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["data"][0]["revised_prompt"]
    return text


def fault(answer: httpx2.Response, *, status: int = 400) -> tuple[str, str | None, str]:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    return error["code"], error["param"], error["message"]


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_grace_puts_a_hat_on_her_picture(house: House, grace: Person, prefix: str) -> None:
    before = (await balance_of(house, grace)).free
    answer = await edit(house, grace, prefix=prefix, files=[("image", ("otter.png", png(), "image/png"))])

    assert revised(answer) == "Put a hat on it (from 1 picture)"
    (row,) = await task_rows(house)
    assert (row["kind"], row["status"]) == ("images_edits", "succeeded")
    assert (await balance_of(house, grace)).free < before
    usage = answer.json()["usage"]
    assert usage["input_tokens_details"]["image_tokens"] > 0


@pytest.mark.parametrize("name", ["image[]", "image", "images[]", "images"])
async def test_several_pictures_and_a_mask(house: House, grace: Person, name: str) -> None:
    files = [(name, ("a.png", png(), "image/png")), (name, ("b.jpg", encoded(noise(), "JPEG"), "image/png"))]
    answer = await edit(house, grace, files=[*files, ("mask", ("m.png", mask(), "image/png"))])

    assert revised(answer) == "Put a hat on it (from 2 pictures and a mask)"


async def test_numbered_pictures_come_in_the_order_of_their_numbers(house: House, grace: Person) -> None:
    class Measuring(Painter):
        seen: tuple[int, ...] = ()

        async def paint(self, spec: Any) -> Any:
            type(self).seen = tuple(len(one.data) for one in spec.images)
            async for one in super().paint(spec):
                yield one

    house = with_painter(house, Measuring())
    small, large = png(16, 16), png(64, 64)
    files = [("image[1]", ("b.png", large, "image/png")), ("image[0]", ("a.png", small, "image/png"))]
    assert (await edit(house, grace, files=files)).status_code == 200
    assert Measuring.seen == (len(small), len(large))


async def test_scalars_of_a_form_are_read_as_what_they_are(house: House, grace: Person) -> None:
    answer = await edit(
        house,
        grace,
        files=[("image", ("a.png", png(), "image/png"))],
        n="2",
        size="1536x1024",
        quality="high",
        output_compression="100",
        background="opaque",
        response_format="url",
        stream="false",
        input_fidelity="high",
        user="otto",
        seed="7",
    )

    assert answer.status_code == 200, answer.text
    assert (answer.json()["size"], answer.json()["quality"], len(answer.json()["data"])) == ("1536x1024", "high", 2)
    assert answer.json()["data"][0]["url"].startswith("http://limner.test/files/")


@pytest.mark.parametrize(("name", "value"), [("n", "two"), ("stream", "maybe"), ("n", "1.5"), ("seed", "x")])
async def test_scalars_of_a_form_that_are_not(house: House, grace: Person, name: str, value: str) -> None:
    answer = await edit(house, grace, files=[("image", ("a.png", png(), "image/png"))], **{name: value})

    assert fault(answer)[1] == name


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    "given",
    [
        {"image": data_url(png())},
        {"image": [data_url(png()), data_url(encoded(noise(), "WEBP"), kind="webp")]},
        {"images": [{"image_url": data_url(png())}]},
        {"images": [{"image_url": {"url": data_url(png())}}]},
        {"image": data_url(png()), "mask": {"image_url": data_url(mask())}},
        {"image": data_url(png()), "mask": data_url(mask())},
    ],
)
async def test_pictures_in_json(house: House, grace: Person, prefix: str, given: dict[str, Any]) -> None:
    count = len(given["image"]) if isinstance(given.get("image"), list) else 1
    text = revised(await edit_json(house, grace, prefix=prefix, **given))

    assert f"{count} picture" in text
    assert ("mask" in text) == ("mask" in given)


async def test_a_picture_by_its_link(house: House, grace: Person) -> None:
    parts = (Says(status=302, headers={"location": "/there"}), Says(body=png(), headers={"content-type": "text/plain"}))
    async with receiving(*parts) as shelf, calling_out() as outbound:
        answer = await edit_json(replace(house, outbound=outbound), grace, image=f"{shelf.url}/otter.png?secret=1")
        assert [heard.path for heard in shelf.heard] == ["/done/otter.png?secret=1", "/there"]

    assert revised(answer) == "Put a hat on it (from 1 picture)"
    (row,) = await task_rows(house)
    assert row["request"]["image"][0]["media_type"] == "image/png"


async def test_a_link_that_leads_nowhere(house: House, grace: Person) -> None:
    async with receiving(Says(status=404)) as shelf, calling_out() as outbound:
        answer = await edit_json(replace(house, outbound=outbound), grace, image=[shelf.url])

    assert fault(answer) == (
        "failed_to_download_image",
        "image[0]",
        "the link answers 404: give one that leads to a picture",
    )


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "https://10.0.0.1/a.png", "https://a@b.example/"])
async def test_a_link_that_leads_inside_is_not_followed(house: House, grace: Person, url: str) -> None:
    code, param, message = fault(await edit_json(house, grace, image=url))

    assert (code, param) == ("invalid_image_url", "image")
    assert "not followed" in message


async def test_our_own_link_is_read_without_a_call(house: House, grace: Person) -> None:
    answer = await edit_json(house, grace, image=await link_of(house, grace))

    assert revised(answer) == "Put a hat on it (from 1 picture)"


async def test_our_own_link_with_another_signature_is_refused(house: House, grace: Person) -> None:
    link = (await link_of(house, grace)).replace("sig=", "sig=x")

    assert fault(await edit_json(house, grace, image=link), status=403)[1] == "image"


@pytest.mark.parametrize(
    ("given", "param", "words"),
    [
        ({}, "image", "image is missing"),
        ({"image": 5}, "image", "must be a link"),
        ({"image": "otter.png"}, "image", "must be an https link"),
        ({"image": [data_url(png())] * 17}, "image", "16"),
        ({"image": data_url(png()), "images": [data_url(png())]}, "images", "two names"),
        ({"image": "data:image/png;base64,!!!"}, "image", "not base64"),
        ({"image": data_url(b"hello there")}, "image", "no picture"),
        ({"image": [data_url(png()), data_url(png()[:900])]}, "image[1]", "cut off"),
        ({"image": "file-0123"}, "image", "no file"),
        ({"image": data_url(png()), "mask": data_url(mask(32, 32))}, "mask", "32x32"),
        ({"image": data_url(png()), "mask": data_url(png())}, "mask", "alpha"),
        ({"image": data_url(png()), "prompt": " "}, "prompt", "prompt is missing"),
        ({"image": data_url(png()), "style": "vivid"}, "style", "style"),
    ],
)
async def test_what_is_wrong_with_pictures(
    house: House, grace: Person, given: dict[str, Any], param: str, words: str
) -> None:
    answer = await edit_json(house, grace, **given)
    error = answer.json()["error"]

    assert answer.status_code in {400, 404}, answer.text
    assert error["param"] == param
    assert words in error["message"]
    assert not await task_rows(house)


async def test_eve_cannot_use_what_grace_has_uploaded(house: House, grace: Person, eve: Person) -> None:
    async with client_of(house) as client:
        file = {"file": ("otter.png", png(), "image/png")}
        uploaded = await client.post("/v1/files", data={"purpose": "vision"}, files=file, headers=grace.headers)
    id_ = uploaded.json()["id"]

    assert revised(await edit_json(house, grace, images=[{"file_id": id_}])) == "Put a hat on it (from 1 picture)"
    code, param, _ = fault(await edit_json(house, eve, images=[{"file_id": id_}]))
    assert (code, param) == ("image_file_not_found", "images[0]")


async def test_somebody_else_performs_it_from_storage(house: House, grace: Person) -> None:
    async with at_work(house):
        answer = await edit(house, grace, files=[("image", ("a.png", png(), "image/png"))], **{"async": "true"})
        assert answer.status_code == 202, answer.text
        task = (await tell(house, account_id=grace.account.id, task_id=answer.json()["task_id"])).task
        task = await ended(house, task)
    told = await tell(house, account_id=grace.account.id, task_id=task.id)

    assert told.task.status == "succeeded"
    assert told.result is not None
    assert told.result.images[0].revised_prompt == "Put a hat on it (from 1 picture)"


async def test_the_same_key_and_the_same_picture_is_one_request(house: House, grace: Person) -> None:
    picture = png()
    answers = [
        await edit(house, grace, files=[("image", ("a.png", picture, "image/png"))], headers={"idempotency-key": "k"})
        for _ in range(2)
    ]
    other = await edit(house, grace, files=[("image", ("a.png", png(), "image/png"))], headers={"idempotency-key": "k"})

    assert answers[1].headers["idempotency-replayed"] == "true"
    assert answers[0].json()["data"] == answers[1].json()["data"]
    assert other.status_code == 422
    assert len(await task_rows(house)) == 1


async def test_an_engine_that_starts_from_words_alone_says_so(house: House, grace: Person) -> None:
    class Wordy(Painter):
        images_max = 0

    answer = await edit(with_painter(house, Wordy()), grace, files=[("image", ("a.png", png(), "image/png"))])

    assert fault(answer)[2] == "the engine behind the model 'gpt-image-1' starts from words alone, not from pictures"


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"--x\r\n", "multipart/form-data; boundary=x", "breaks off"),
        (b"nothing", "multipart/form-data", "no boundary"),
        (b"a=b", "application/x-www-form-urlencoded", "multipart/form-data"),
        (b"", "application/json", "empty"),
        (b"{", "application/json", "not valid JSON"),
    ],
)
async def test_bodies_that_are_none(house: House, grace: Person, body: bytes, kind: str, words: str) -> None:
    async with client_of(house) as client:
        headers = {**grace.headers, "content-type": kind}
        answer = await client.post("/v1/images/edits", content=body, headers=headers)

    assert words in fault(answer)[2]


async def test_a_file_that_is_too_large_is_refused_while_it_is_sent(house: House, grace: Person) -> None:
    house = replace(house, files_policy=replace(house.files_policy, file_bytes_max=5000))
    answer = await edit(house, grace, files=[("image", ("a.png", png(128, 128), "image/png"))])

    assert fault(answer, status=413)[1] == "image"


async def test_notes_on_a_picture_are_warnings(house: House, grace: Person) -> None:
    files = [("image", ("a.jpg", encoded(noise(mode="CMYK"), "JPEG"), "image/jpeg"))]
    answer = await edit(house, grace, files=files)

    assert answer.json()["warnings"] == ["the picture was in CMYK and was converted to RGB"]
    assert "CMYK" in answer.headers["x-limner-warnings"]


# variations --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_variations_of_a_picture(house: House, grace: Person, prefix: str) -> None:
    files = [("image", ("a.png", png(256, 256), "image/png"))]
    answer = await edit(house, grace, act="variations", prefix=prefix, files=files, model="dall-e-2", n="2")

    assert answer.status_code == 200, answer.text
    assert len(answer.json()["data"]) == 2
    (row,) = await task_rows(house)
    assert row["kind"] == "images_variations"


async def test_variations_have_no_prompt(house: House, grace: Person) -> None:
    files = [("image", ("a.png", png(), "image/png"))]
    answer = await edit(house, grace, act="variations", files=files, prompt="A hat")

    assert fault(answer)[:2] == ("unknown_parameter", "prompt")


async def test_a_variation_from_the_queue_knows_what_it_is(house: House, grace: Person) -> None:
    async with at_work(house):
        files = [("image", ("a.png", png(256, 256), "image/png"))]
        answer = await edit(house, grace, act="variations", files=files, model="dall-e-2", **{"async": "true"})
        task = (await tell(house, account_id=grace.account.id, task_id=answer.json()["task_id"])).task
        await ended(house, task)
    told = await tell(house, account_id=grace.account.id, task_id=task.id)

    assert told.result is not None
    assert told.result.images[0].revised_prompt.startswith("Another picture like this one")


# streams -----------------------------------------------------------------------------------------------------------------


async def test_an_edit_can_be_streamed(house: House, grace: Person) -> None:
    files = [("image", ("a.png", png(), "image/png"))]
    answer = await edit(house, grace, files=files, stream="true", partial_images="1")
    events = [block for block in answer.text.split("\n\n") if block]

    assert [block.split("\n")[0] for block in events] == [
        "event: image_edit.partial_image",
        "event: image_edit.completed",
    ]
    last = orjson.loads(events[-1].split("data: ", 1)[1])
    assert base64.b64decode(last["b64_json"]).startswith(b"\x89PNG")


async def test_generations_take_no_pictures(house: House, grace: Person) -> None:
    answer = await ask(house, grace, image=data_url(png()))

    assert fault(answer)[1] == "image"


async def test_a_task_tells_of_its_pictures_as_they_could_be_sent_again(house: House, grace: Person) -> None:
    async with client_of(house) as client:
        form = {"model": "gpt-image-1", "prompt": "A hat", "response_format": "url"}
        files = [("image[]", ("a.png", png(64, 64), "image/png")), ("image[]", ("b.png", png(64, 64), "image/png"))]
        first = await client.post("/v1/images/edits", data=form, files=files, headers=grace.headers)
        task = (await client.get(f"/v1/images/tasks/{first.json()['task_id']}", headers=grace.headers)).json()

        again = await client.post("/v1/images/edits", json=task["request"], headers=grace.headers)

    assert [one[:5] for one in task["request"]["image"]] == ["file-", "file-"]
    assert again.status_code == 200, again.text
