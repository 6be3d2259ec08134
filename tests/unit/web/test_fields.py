"""Every row of fields.toml, sent: what is taken reaches the engine, what is not is refused with its code and its name."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final

import httpx2
import orjson
import pytest
from PIL import Image
from typing_extensions import override

from limner.domain.spec import OutputFormat, Partial, Picture, Shown, Spec
from limner.flow.house import House
from limner.kit.outbound import Outbound, Policy
from limner.web.app import make_app
from support.files import upload
from support.painters import Painter, with_painter
from support.people import Person, join
from support.pictures import data_url, encoded, mask, noise
from support.receiving import Receiver, receiving
from support.wire import PUBLIC_URL, link_of
from support.workers import at_work

BOOK: Final[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("fields.toml").read_text(encoding="utf-8"))
ROWS: Final[list[dict[str, Any]]] = BOOK["row"]
PICTURES: Final = {"image", "images", "mask", "markup"}
COUNTED: Final = {"images": len, "mask": bool, "markup": bool}
SIDE: Final = 64
CLEAR: Final = mask(SIDE, SIDE)
LARGE: Final = 1024
FILES: Final = {
    "@png": (CLEAR, "image/png"),
    "@jpeg": (encoded(noise(SIDE, SIDE), "JPEG"), "image/jpeg"),
    "@odd": (mask(48, 32), "image/png"),
    "@mask": (CLEAR, "image/png"),
    "@webp": (encoded(noise(SIDE, SIDE), "WEBP"), "image/webp"),
}
NAMES_OF_FILES: Final = {*FILES, "@large"}


@functools.cache
def file_of(name: str) -> tuple[bytes, str]:
    """A picture, and of which type."""
    if name != "@large":
        return FILES[name]
    picture = Image.merge("RGBA", [noise(LARGE, LARGE, mode="L")] * 3 + [noise(LARGE, LARGE, mode="L")])
    picture.paste((0, 0, 0, 0), (0, 0, LARGE, 1))
    data = encoded(picture, compress_level=0)
    assert len(data) > 4_000_000
    return data, "image/png"


class Noting(Painter):
    """Notes what it is asked for, and says that it writes every format."""

    output_formats: ClassVar[frozenset[OutputFormat]] = frozenset(OutputFormat)

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Spec] = []

    @override
    async def paint(self, spec: Spec) -> AsyncGenerator[Shown]:
        self.asked.append(spec)
        async with aclosing(super().paint(spec)) as shown:
            async for one in shown:
                is_file = isinstance(one, (Picture, Partial))
                yield replace(one, output_format=spec.output_format) if is_file else one


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where requests are sent, and what some values stand for."""

    house: House
    painter: Noting
    person: Person
    receiver: Receiver
    stand_ins: Mapping[str, Any]

    def value(self, given: Any) -> Any:
        """What is really sent in JSON."""
        match given:
            case str() if given.startswith("@long:"):
                return "x" * int(given.removeprefix("@long:"))
            case str() if given in NAMES_OF_FILES:
                data, kind = file_of(given)
                return data_url(data, kind=kind.removeprefix("image/"))
            case str() if given in self.stand_ins:
                return self.stand_ins[given]
            case list():
                return [self.value(one) for one in given]
            case dict():
                return {name: self.value(one) for name, one in given.items()}
            case _:
                return given

    async def send(self, path: str, body: Mapping[str, Any], *, is_form: bool) -> httpx2.Response:
        """The request, as JSON or as a form."""
        app = make_app(self.house, body_bytes_max=65_536)
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
            if not is_form:
                return await client.post(path, json=self.value(body), headers=self.person.headers)
            return await client.post(path, files=self._form(body), headers=self.person.headers)

    def _form(self, body: Mapping[str, Any]) -> list[tuple[str, Any]]:
        parts: list[tuple[str, Any]] = []
        for name, given in body.items():
            several = isinstance(given, list)
            for one in given if several else [given]:
                field = f"{name}[]" if several else name
                if isinstance(one, str) and one in NAMES_OF_FILES:
                    data, kind = file_of(one)
                    parts.append((field, ("a.png", data, kind)))
                else:
                    parts.append((field, (None, as_text(self.value(one)))))
        return parts


def as_text(value: Any) -> str:
    """A value as forms have it."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@pytest.fixture
async def scene(house: House) -> AsyncGenerator[Scene]:
    """Somebody with enough credits for all of it, before an engine that takes notes."""
    rich = await join(house, "iris", credits_start=100_000, requests_per_minute=1_000_000)
    painter = Noting()
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(receiving())
        file_id = (await upload(house, rich)).json()["id"]
        stand_ins = {"@link": await link_of(house, rich), "@file": file_id, "@receiver": receiver.url, "@null": None}
        house = with_painter(house, painter)
        yield Scene(house=house, painter=painter, person=rich, receiver=receiver, stand_ins=stand_ins)


def table_of(row: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = BOOK["tables"][row["table"]]
    return found


def body_of(row: Mapping[str, Any], case: Mapping[str, Any]) -> dict[str, Any]:
    """What every request has, but for what the case leaves out; and what it adds."""
    table = table_of(row)
    usual: dict[str, Any] = {"model": table["model"]}
    if table["act"] != "variations":
        usual["prompt"] = "An otter"
    if table["act"] != "generations":
        usual["image"] = "@png"
    left = set(case.get("leave", ()))
    return {name: value for name, value in usual.items() if name not in left} | case.get("send", {})


def ways_of(row: Mapping[str, Any]) -> list[str]:
    """How its requests can be sent."""
    usual = ["json"] if table_of(row)["act"] == "generations" else ["json", "form"]
    found: list[str] = row.get("as", usual)
    return found


def named(row: Mapping[str, Any]) -> str:
    return f"{row['table']}-{row['field']}"


def is_text_in_a_form(row: Mapping[str, Any], case: Mapping[str, Any]) -> bool:
    """Whether a value is wrong for its type only: in a form everything is text, and it is not."""
    return case.get("code") == "invalid_type" and isinstance(case.get("send", {}).get(row["field"]), (int, float))


def cases(kind: str) -> list[Any]:
    """Each request of that kind, each way that it can be sent."""
    return [
        pytest.param(row, case, way, id=f"{named(row)}-{number}-{way}")
        for row in ROWS
        for number, case in enumerate(row[kind])
        for way in ways_of(row)
        if way == "json" or not is_text_in_a_form(row, case)
    ]


def members(name: str) -> set[str]:
    """The models of a group."""
    found: set[str] = set()
    for one in BOOK["groups"][name]:
        found |= members(one[1:]) if one.startswith("@") else {one}
    return found


def at(told: Any, path: str) -> Any:
    """What stands there: names and numbers with dots between them, `length` at the end of a list."""
    for step in path.split("."):
        if isinstance(told, list):
            told = len(told) if step == "length" else told[int(step)] if int(step) < len(told) else None
        else:
            told = (told or {}).get(step)
    return told


def events_of(answer: httpx2.Response) -> list[str]:
    return [line.removeprefix("event: ") for line in answer.text.splitlines() if line.startswith("event: ")]


# what is told of the fields ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", BOOK["tables"])
def test_every_field_has_a_row_that_is_tried_both_ways(table: str) -> None:
    rows = [row for row in ROWS if row["table"] == table]

    assert [row["field"] for row in rows] == list(dict.fromkeys(row["field"] for row in rows))
    assert {row["field"] for row in rows} == set(BOOK["tables"][table]["fields"])
    for row in rows:
        assert row["fine"], named(row)
        assert row["refused"], named(row)
        assert all(
            {"spec", "answer", "has", "events", "keys", "heard"} & set(case) or case["send"] for case in row["fine"]
        )
        # What a bound says is tried on both its sides.
        if "enum" in row:
            assert set(row["enum"]) <= set(row["values"]), named(row)
        if "most" in row and table != "own":
            assert {row["most"], row["most"] + 1} <= set(row["values"]), named(row)


@pytest.mark.parametrize("name", BOOK["document"])
async def test_the_document_names_the_same_fields(caller: httpx2.AsyncClient, name: str) -> None:
    document = (await caller.get("/openapi.json")).json()
    schema, wanted = document["components"]["schemas"][name], BOOK["document"][name]
    fields = {field for table in wanted["tables"] for field in BOOK["tables"][table]["fields"]}
    fields = (fields | set(wanted.get("more", ()))) - set(wanted.get("less", ()))

    assert set(schema["properties"]) == fields
    assert set(schema.get("required", ())) == set(wanted["required"])
    for field in fields - PICTURES:
        assert bounds_in(schema["properties"][field]) == in_order(BOOK["bounds"][field]), field
    for field in fields & PICTURES:
        assert schema["properties"][field]["description"]


def bounds_in(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Type and bounds of a field, which may be null in JSON."""
    (one,) = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    return in_order({name: value for name, value in one.items() if name != "additionalProperties"})


def in_order(bounds: dict[str, Any]) -> dict[str, Any]:
    return {name: sorted(value) if name == "enum" else value for name, value in bounds.items()}


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_the_bounds_of_a_row_are_within_the_document_s(row: dict[str, Any]) -> None:
    if row["field"] in PICTURES:
        return
    bounds = BOOK["bounds"][row["field"]]
    assert row["type"] == bounds["type"]
    assert set(row.get("enum", ())) <= set(bounds.get("enum", row.get("enum", ())))
    assert row.get("least", bounds.get("minimum")) == bounds.get("minimum")
    assert row.get("most", bounds.get("maximum")) == bounds.get("maximum")


# what becomes of them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "case", "way"), cases("fine"))
async def test_what_is_fine_reaches_the_engine_or_is_seen_in_the_answer(
    scene: Scene, row: dict[str, Any], case: dict[str, Any], way: str
) -> None:
    table, body = table_of(row), body_of(row, case)
    if way == "form" and row["field"] == "image" and body["model"].startswith("nano"):
        assert body["image"] == "@link", "as a field of a form"
    house = replace(scene.house, outbound=calling_out(may_stay_here=True))
    scene = replace(scene, house=house)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(house.outbound)
        if "heard" in case or case.get("works"):
            await stack.enter_async_context(at_work(house))
        answer = await scene.send(f"{table['prefix']}/images/{table['act']}", body, is_form=way == "form")
        assert answer.status_code == 200, answer.text
        if "heard" in case:
            await heard_at(scene, case)
    if "events" in case:
        assert events_of(answer) == case["events"]
    else:
        told = answer.json()
        assert {path: at(told, path) for path in case.get("answer", {})} == case.get("answer", {})
        assert [path for path in case.get("has", ()) if at(told, path) is None] == []
        assert [path for path in case.get("lacks", ()) if at(told, path) is not None] == []
        assert "keys" not in case or set(told) == set(case["keys"])
    if "spec" in case:
        (spec,) = scene.painter.asked
        wanted = {name: scene.value(value) for name, value in case["spec"].items()}
        assert {name: seen(spec, name) for name in wanted} == wanted


def seen(spec: Spec, name: str) -> Any:
    value = getattr(spec, name)
    return COUNTED[name](value) if name in COUNTED else value


def calling_out(*, may_stay_here: bool) -> Outbound:
    """May it call this machine, too?"""
    policy = Policy(http=may_stay_here, ports=frozenset({80, 443}), networks=(), loopback=may_stay_here)
    return Outbound(policy=policy, user_agent="limner/test")


async def heard_at(scene: Scene, case: dict[str, Any]) -> None:
    await scene.receiver.until_heard(1)
    (heard,) = scene.receiver.heard
    assert {path: at(heard.told, path) for path in case["heard"]} == case["heard"]
    assert [path for path in case.get("heard_has", ()) if at(heard.told, path) is None] == []
    assert set(case.get("heard_headers", ())) <= set(heard.headers)


@pytest.mark.parametrize(("row", "case", "way"), cases("refused"))
async def test_what_is_refused_is_refused_by_its_name_and_nothing_is_painted(
    scene: Scene, row: dict[str, Any], case: dict[str, Any], way: str
) -> None:
    table, body = table_of(row), body_of(row, case)
    scene = replace(scene, house=replace(scene.house, outbound=calling_out(may_stay_here=False)))
    answer = await scene.send(f"{table['prefix']}/images/{table['act']}", body, is_form=way == "form")

    assert answer.status_code == case.get("status", 400), answer.text
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == (case["code"], case.get("param", row["field"]))
    assert scene.painter.asked == []


NAMES: Final = [row for row in ROWS if row["field"] == "model"]
VALUES: Final = [row for row in ROWS if "values" in row and row["field"] != "model"]


@pytest.mark.parametrize("row", NAMES, ids=named)
async def test_every_name_of_a_model_is_known(scene: Scene, row: dict[str, Any]) -> None:
    for name in row["values"]:
        body = body_of(row, {"send": {"model": name}})
        answer = await scene.send(f"{table_of(row)['prefix']}/images/quote", body, is_form=False)
        assert (answer.status_code, answer.json().get("object")) == (200, "quote"), (name, answer.text)


@pytest.mark.parametrize("row", VALUES, ids=named)
async def test_every_value_with_every_model(scene: Scene, row: dict[str, Any]) -> None:
    path, allowed, wrong = f"{table_of(row)['prefix']}/images/quote", allowed_by(row), []
    for model in sorted(members("all")):
        if model in members("nano") and model not in allowed:
            continue  # these leave out what they do not take, and say so
        for value in row["values"]:
            send = {"model": model, row["field"]: value, **row.get("with", {})}
            answer = await scene.send(path, body_of(row, {"send": send}), is_form=False)
            expected = value in allowed.get(model, ())
            if expected != (answer.status_code == 200) or not (expected or is_told_of(row, answer, model in allowed)):
                wrong.append((model, value, answer.text[:200]))
    assert wrong == []


def allowed_by(row: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The values that each model takes."""
    found: dict[str, list[Any]] = {}
    wider = {group: values for group, values in row.get("wider", {}).items() if group != "why"}
    assert bool(wider) == ("why" in row.get("wider", {}))
    for group, values in [*row.get("taken", {}).items(), *wider.items()]:
        for model in members(group):
            found.setdefault(model, []).extend(values)
    return found


def is_told_of(row: Mapping[str, Any], answer: httpx2.Response, has_field: bool) -> bool:  # noqa: FBT001 - one caller
    """Whether the refusal names the field, or what it goes along with; and has the row's code where it is for the value."""
    error = answer.json()["error"]
    if error["param"] not in {row["field"], *row.get("with", {})}:
        return False
    return not has_field or "code" not in row or error["code"] == row["code"]
