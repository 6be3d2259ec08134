"""Fields that we do not know: for the model's engine if it takes them, else refused by name."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from typing import Any

import httpx2
import openai
import pytest
from typing_extensions import override

from limner.domain.spec import Shown, Spec
from limner.engines import EngineFailed
from limner.flow.house import House
from limner.flow.keys import KeyLimits, limit_key
from limner.flow.retry import retry
from limner.web.app import make_app
from limner.web.dialects.images.parse import EXTRA_DEPTH_MAX, EXTRAS_BYTES_MAX, EXTRAS_MAX
from support.painters import Breaking, Painter, with_painter
from support.people import Person, join
from support.pictures import png
from support.shelves import task_rows
from support.wire import BODY_BYTES_MAX, PREFIXES, PUBLIC_URL, ask, client_of, post
from support.workers import at_work, ended
from unit.web.test_idempotency import asked


class Knowing(Painter):
    """Takes a few parameters of its own, and no seed; remembers what it was asked for."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self._names = names or ("steps", "negative_prompt", "loras", "guidance")
        self.asked: list[Spec] = []

    @override
    def extras(self, model: str) -> Collection[str]:
        return () if model == "dall-e-3" else self._names

    @override
    async def paint(self, spec: Spec) -> AsyncGenerator[Shown]:
        self.asked.append(spec)
        async with aclosing(super().paint(spec)) as shown:
            async for one in shown:
                yield one


def error_of(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 400, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_what_the_engine_takes_reaches_it_as_it_was_sent(house: House, grace: Person, prefix: str) -> None:
    painter = Knowing()
    extras = {"steps": 4, "negative_prompt": '水, "fog"', "loras": [{"name": "ink", "weight": 0.5}], "guidance": 1.0}

    answer = await ask(with_painter(house, painter), grace, prefix=prefix, quality="standard", user="u", **extras)

    assert answer.status_code == 200, answer.text
    (spec,) = painter.asked
    assert spec.extras == extras
    assert (spec.model, spec.quality_word, spec.size_word, spec.user) == ("dall-e-2", "standard", "auto", "u")


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_what_it_does_not_take_is_refused_by_name_and_costs_nothing(
    house: House, grace: Person, prefix: str
) -> None:
    painter = Knowing()

    answer = await ask(with_painter(house, painter), grace, prefix=prefix, steps=4, cfg_scale=7)

    error = error_of(answer)
    assert (error["param"], painter.asked) == ("cfg_scale", [])
    assert "has no parameter 'cfg_scale'" in error["message"]
    assert await task_rows(house) == []


async def test_it_is_asked_of_the_engine_for_each_model(house: House, grace: Person) -> None:
    house = with_painter(house, Knowing())

    assert (await ask(house, grace, steps=4)).status_code == 200
    assert error_of(await ask(house, grace, model="dall-e-3", steps=4))["param"] == "steps"


async def test_a_seed_is_refused_where_the_engine_has_none(house: House, grace: Person) -> None:
    assert error_of(await ask(with_painter(house, Knowing()), grace, seed=7))["param"] == "seed"
    assert (await ask(with_painter(house, Knowing("seed")), grace, seed=7)).status_code == 200


async def test_null_is_the_same_as_not_given(house: House, grace: Person) -> None:
    assert (await ask(house, grace, steps=None, whatever=None)).status_code == 200


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('"\\u0000"', "must not contain the character NUL"),
        ('[{"a": "\\u0000"}]', "must not contain the character NUL"),
        ('{"\\u0000": 1}', "must not contain the character NUL"),
        ("[" * EXTRA_DEPTH_MAX + "1" + "]" * EXTRA_DEPTH_MAX, None),
        ("[" * (EXTRA_DEPTH_MAX + 1) + "]" * (EXTRA_DEPTH_MAX + 1), "is too deep: 8 levels at most"),
        ('"' + "x" * EXTRAS_BYTES_MAX + '"', "is too large: there is room for 16384 bytes"),
        ('"' + "x" * (EXTRAS_BYTES_MAX - 20) + '"', None),
        ("9223372036854775807", None),
        ("9223372036854775808", "must be a smaller number"),
        ("[-9223372036854775809]", "must be a smaller number"),
        ("1e999", "must be a number"),
        ("[NaN]", "must be a number"),
        ("-Infinity", "must be a number"),
        ("[null, true, 1.5, {}]", None),
    ],
)
async def test_what_cannot_be_kept_or_sent_on_is_refused(
    house: House, grace: Person, text: str, says: str | None
) -> None:
    painter = Knowing("layers")
    body = f'{{"model": "dall-e-2", "prompt": "An otter", "layers": {text}}}'

    answer = await post(with_painter(house, painter), grace, body)

    if says is None:
        assert answer.status_code == 200, answer.text
        assert painter.asked[0].extras == {"layers": json.loads(text)}
    else:
        assert error_of(answer)["param"] == "layers"
        assert says in error_of(answer)["message"]
        assert painter.asked == []


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"model": "a", "\\u0000": 1}', "must not contain the character NUL"),
        ('{"model": "a", "b": [{"c": "\\u0000"}]}', "must not contain the character NUL"),
        ('{"model": 9223372036854775808}', "must be a smaller number"),
        ('{"a": ' + "[" * EXTRA_DEPTH_MAX + "]" * EXTRA_DEPTH_MAX + "}", "is too deep"),
        ('{"model": "' + "x" * EXTRAS_BYTES_MAX + '"}', "is too large"),
    ],
)
async def test_an_svg_s_object_that_cannot_be_kept_is_refused_however_lenient_a_request_is(
    house: House, grace: Person, prefix: str, text: str, says: str
) -> None:
    headers = {**grace.headers, "x-limner-lenient": "true", "content-type": "application/json"}
    body = f'{{"model": "gpt-image-2.6-flare", "prompt": "An otter", "svg": {text}}}'
    form = {"image": ("a.png", png(), "image/png"), "svg": (None, text), "prompt": (None, "An otter")}
    async with client_of(house) as client:
        path = f"{prefix}/images"
        answers = [
            await client.post(f"{path}/generations", content=body, headers=headers),
            await client.post(f"{path}/edits", files=form, headers=grace.headers | {"x-limner-lenient": "true"}),
        ]

    for answer in answers:
        assert error_of(answer)["param"] == "svg"
        assert says in error_of(answer)["message"]
    assert await task_rows(house) == []


@pytest.mark.parametrize("name", ["seed", "output_compression", "frame_count"])
async def test_a_number_that_cannot_be_kept_is_refused_however_lenient_a_request_is(
    house: House, grace: Person, name: str
) -> None:
    number = 2**64
    headers = {**grace.headers, "x-limner-lenient": "true"}
    form = {"image": ("a.png", png(), "image/png"), name: (None, str(number)), "prompt": (None, "An otter")}
    async with client_of(house) as client:
        body = {"model": "nano-banana", "prompt": "An otter", name: number}
        content = json.dumps(body)
        typed = headers | {"content-type": "application/json"}
        answers = [
            await client.post("/v1/images/generations", content=content, headers=typed),
            await client.post("/v1/images/edits", files=form, headers=headers),
        ]

    for answer in answers:
        assert (error_of(answer)["code"], error_of(answer)["param"]) == ("invalid_value", name)


@pytest.mark.parametrize("name", ["a b", "1st", "水", "x" * 65, "a\\u0000", ""])
async def test_a_name_that_is_none_is_refused(house: House, grace: Person, name: str) -> None:
    answer = await post(house, grace, f'{{"model": "dall-e-2", "prompt": "An otter", "{name}": 1}}')

    assert "there is no parameter" in error_of(answer)["message"]


async def test_there_are_not_too_many(house: House, grace: Person) -> None:
    names = [f"x{number}" for number in range(EXTRAS_MAX + 1)]
    house = with_painter(house, Knowing(*names))

    assert (await ask(house, grace, **dict.fromkeys(names[:-1], 1))).status_code == 200
    assert f"{EXTRAS_MAX} at most" in error_of(await ask(house, grace, **dict.fromkeys(names, 1)))["message"]


@pytest.mark.parametrize("name", ["model_config", "model_fields", "__dict__", "extras", "prompt_", "given"])
async def test_a_field_is_never_taken_for_something_of_ours(house: House, grace: Person, name: str) -> None:
    painter = Knowing(name)

    answer = await ask(with_painter(house, painter), grace, **{name: {"prompt": "mine"}})

    assert answer.status_code == 200, answer.text
    assert painter.asked[0].extras == {name: {"prompt": "mine"}}
    assert painter.asked[0].prompt == "A cute baby sea otter"


async def test_a_missing_field_is_found_under_its_misspelt_name(house: House, grace: Person) -> None:
    missing = await post(house, grace, '{"promt": "An otter", "steps": 1}')
    gone = await post(house, grace, '{"steps": 1}')

    assert "did you mean 'prompt'?" in error_of(missing)["message"]
    assert error_of(gone)["param"] == "prompt"


# all that comes after ----------------------------------------------------------------------------------------------------


async def test_they_are_shown_with_the_task(house: House, grace: Person) -> None:
    answer = await ask(with_painter(house, Knowing()), grace, steps=4, loras=[{"name": "ink"}])
    async with client_of(house) as client:
        path = f"/v1/images/tasks/{answer.json()['task_id']}"
        told = (await client.get(path, headers=grace.headers)).json()

    assert told["request"] == {
        "model": "dall-e-2",
        "prompt": "A cute baby sea otter",
        "steps": 4,
        "loras": [{"name": "ink"}],
    }


async def test_a_retry_asks_for_the_same(house: House, grace: Person) -> None:
    class Broken(Breaking):
        def extras(self, model: str) -> Collection[str]:  # noqa: ARG002
            return ("steps",)

    await ask(with_painter(house, Broken(EngineFailed("it broke"))), grace, steps=4)
    (old,) = await task_rows(house)
    painter = Knowing()
    mended = with_painter(house, painter)
    async with at_work(mended):
        await ended(mended, await retry(mended, task_id=old["id"], account_id=grace.account.id))

    assert painter.asked[0].extras == {"steps": 4}


async def test_a_worker_paints_with_them_too(house: House, grace: Person) -> None:
    painter = Knowing()
    house = with_painter(house, painter)
    async with at_work(house):
        answer = await ask(house, grace, steps=4, timeout=5)

    assert answer.status_code == 200, answer.text
    assert painter.asked[0].extras == {"steps": 4}


async def test_another_value_is_another_request(house: House, grace: Person) -> None:
    painter = Knowing()
    house = with_painter(house, painter)
    first = await asked(house, grace, loras=[{"name": "ink", "weight": 1}])
    same = await asked(house, grace, loras=[{"weight": 1, "name": "ink"}])
    other = await asked(house, grace, loras=[{"name": "ink", "weight": 2}])

    assert first.json() == same.json()
    assert other.status_code == 422
    assert len(painter.asked) == 1


async def test_a_quote_refuses_what_the_request_would_be_refused_for(house: House, grace: Person) -> None:
    body = {"model": "dall-e-2", "prompt": "An otter", "steps": 4}
    async with client_of(with_painter(house, Knowing())) as client:
        fine = await client.post("/v1/images/quote", json=body, headers=grace.headers)
        wrong = await client.post("/v1/images/quote", json={**body, "cfg": 1}, headers=grace.headers)

    assert fine.json()["credits"] == "0.020000"
    assert error_of(wrong)["param"] == "cfg"


async def test_models_say_what_their_engine_takes(house: House, grace: Person) -> None:
    async with client_of(with_painter(house, Knowing("steps", "seed", "layers"))) as client:
        told = (await client.get("/v1/models/dall-e-2", headers=grace.headers)).json()
        other = (await client.get("/v1/models/dall-e-3", headers=grace.headers)).json()

    assert told["abilities"]["parameters"]["steps"] == {"type": "integer", "minimum": 1, "maximum": 200}
    assert told["abilities"]["parameters"]["layers"] == {"type": ["string", "number", "boolean", "array", "object"]}
    assert told["abilities"]["parameters"]["seed"]["minimum"] == 0
    assert not {"steps", "seed"} & set(other["abilities"]["parameters"])


async def test_openai_s_own_package_sends_them_as_extra_body(house: House, grace: Person) -> None:
    painter = Knowing()
    app = make_app(with_painter(house, painter), body_bytes_max=BODY_BYTES_MAX)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app)) as line:
        program = openai.AsyncOpenAI(api_key=grace.secret, base_url=f"{PUBLIC_URL}/v1", http_client=line)
        answer = await program.images.generate(prompt="An otter", model="dall-e-2", extra_body={"steps": 4})
        with pytest.raises(openai.BadRequestError, match="no parameter 'cfg'"):
            await program.images.generate(prompt="An otter", model="dall-e-2", extra_body={"cfg": 4})

    assert answer.data is not None
    assert painter.asked[0].extras == {"steps": 4}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"num_inference_steps": 20, "cfg_scale": 7.5}, {"steps": 20, "guidance_scale": 7.5}),
        ({"extra_body": {"steps": 20, "negative_prompt": "fog"}}, {"steps": 20, "negative_prompt": "fog"}),
        ({"extra_body": {"num_inference_steps": 20}, "steps": 20}, {"steps": 20}),
        ({"extra_body": None, "steps": 1}, {"steps": 1}),
    ],
)
async def test_other_names_and_extra_body(
    house: House, grace: Person, given: dict[str, Any], kept: dict[str, Any]
) -> None:
    painter = Knowing("steps", "guidance_scale", "negative_prompt")
    assert (await ask(with_painter(house, painter), grace, **given)).status_code == 200

    assert painter.asked[0].extras == kept


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"steps": 20, "num_inference_steps": 30}, "num_inference_steps"),
        ({"steps": 0}, "steps"),
        ({"steps": 2.5}, "steps"),
        ({"steps": True}, "steps"),
        ({"guidance_scale": "high"}, "guidance_scale"),
        ({"negative_prompt": 5}, "negative_prompt"),
        ({"extra_body": 5}, "extra_body"),
        ({"extra_body": {"prompt": "A fox"}}, "extra_body"),
    ],
)
async def test_what_is_wrong_with_them(house: House, grace: Person, given: dict[str, Any], param: str) -> None:
    painter = Knowing("steps", "guidance_scale", "negative_prompt")
    answer = await ask(with_painter(house, painter), grace, **given)

    assert error_of(answer)["param"] == param
    assert painter.asked == []


async def test_extra_body_may_hold_what_we_know(house: House, grace: Person) -> None:
    painter = Knowing("seed")
    assert (await ask(with_painter(house, painter), grace, extra_body={"seed": 5, "n": 2})).status_code == 200

    assert (painter.asked[0].seed, painter.asked[0].n) == (5, 2)


async def test_a_lenient_request_is_told_what_was_left_out(house: House, grace: Person) -> None:
    async with client_of(house) as client:
        body = {"model": "dall-e-2", "prompt": "An otter", "style": "vivid", "cfg": 5}
        path, headers = "/v1/images/generations", grace.headers
        strict = await client.post(path, json=body, headers=headers)
        lenient = await client.post(path, json=body, headers={**headers, "x-limner-lenient": "true"})
        odd = await client.post(path, json=body, headers={**headers, "x-limner-lenient": "maybe"})

    assert strict.status_code == odd.status_code == 400
    assert lenient.json()["warnings"] == [
        "style was left out: the model 'dall-e-2' has no parameter 'style'",
        "cfg was left out: the model 'dall-e-2' has no parameter 'cfg'",
    ]
    assert '"cfg was left out' in lenient.headers["x-limner-warnings"]


async def test_a_lenient_key_s_requests_are_all_so(house: House) -> None:
    otto = await join(house, "otto", lenient=True)
    answer = await ask(house, otto, style="vivid")

    assert answer.json()["warnings"] == ["style was left out: the model 'dall-e-2' has no parameter 'style'"]


async def test_a_key_that_is_lenient_no_more_is_known_at_once(house: House) -> None:
    otto = await join(house, "otto", lenient=True)
    assert (await ask(house, otto, style="vivid")).status_code == 200
    await limit_key(house, account_id=otto.account.id, key_id=otto.key.id, may=KeyLimits())

    assert error_of(await ask(house, otto, style="vivid"))["param"] == "style"
