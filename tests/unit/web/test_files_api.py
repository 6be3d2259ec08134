"""POST, GET and DELETE .../files: pictures that are given beforehand."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from limner.flow.house import FilesPolicy, House
from limner.flow.sweep import sweep
from limner.flow.tokens import make_token
from limner.kit.clock import StillClock
from support.files import OTTER, png, upload
from support.people import Person
from support.wire import PREFIXES, client_of

NOON = 1795348800
WEEK = 7 * 86_400
RECORD = {
    "id", "object", "bytes", "created_at", "expires_at", "filename", "purpose", "status", "media_type", "width", "height",
}  # fmt: skip


async def call(
    house: House, person: Person | None, method: str, path: str, *, prefix: str = "/v1", **more: Any
) -> httpx2.Response:
    headers = {**(person.headers if person else {}), **more.pop("headers", {})}
    async with client_of(house) as client:
        return await client.request(method, f"{prefix}/files{path}", headers=headers, **more)


async def uploaded(house: House, person: Person, data: bytes = OTTER, **more: Any) -> dict[str, Any]:
    answer = await upload(house, person, data, **more)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def ids(house: House, person: Person, query: str = "") -> list[str]:
    answer = await call(house, person, "GET", query)
    assert answer.status_code == 200, answer.text
    return [file["id"] for file in answer.json()["data"]]


def code_of(answer: httpx2.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


# uploading ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/", "/upload"])
async def test_grace_uploads_a_picture(house: House, grace: Person, path: str) -> None:
    answer = await upload(house, grace, path=path, purpose="user_data")

    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == RECORD
    assert body.pop("id").removeprefix("file-").isalnum()
    assert body == {
        "object": "file",
        "bytes": len(OTTER),
        "created_at": NOON,
        "expires_at": NOON + WEEK,
        "filename": "otter.png",
        "purpose": "user_data",
        "status": "processed",
        "media_type": "image/png",
        "width": 64,
        "height": 48,
    }


@pytest.mark.parametrize("path", ["", "/upload"])
async def test_the_vendor_s_programs_are_given_a_link_that_opens_without_a_key(
    house: House, grace: Person, clock: StillClock, path: str
) -> None:
    body = await uploaded(house, grace, prefix="/openai", path=path)

    assert set(body) == RECORD | {"success", "url"}
    assert body["success"] is True
    assert body["expires_at"] == NOON + WEEK
    clock.move(seconds=WEEK - 60)
    async with client_of(house) as client:
        opened = await client.get(body["url"])
    assert opened.content == OTTER
    assert opened.headers["content-type"] == "image/png"


async def test_whatever_it_is_called_it_is_what_its_bytes_say(house: House, grace: Person) -> None:
    body = await uploaded(house, grace, name="../../holiday.svg")

    assert (body["filename"], body["media_type"]) == ("holiday.svg", "image/png")
    assert body["purpose"] == "vision"


async def test_a_file_may_be_kept_for_another_time(house: House, grace: Person, clock: StillClock) -> None:
    more = {"expires_after__anchor": "created_at", "expires_after__seconds": "3600"}
    body = await uploaded(house, grace, **more)

    assert body["expires_at"] == NOON + 3600
    clock.move(seconds=3600)
    assert (await call(house, grace, "GET", f"/{body['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"purpose": "two words"}, "purpose"),
        ({"expires_after__anchor": "created_at"}, "expires_after[seconds]"),
        ({"expires_after__seconds": "3600"}, "expires_after[anchor]"),
        ({"expires_after__anchor": "now", "expires_after__seconds": "3600"}, "expires_after[anchor]"),
        ({"expires_after__anchor": "created_at", "expires_after__seconds": "3599"}, "expires_after[seconds]"),
        ({"expires_after__anchor": "created_at", "expires_after__seconds": "2592001"}, "expires_after[seconds]"),
        ({"expires_after__anchor": "created_at", "expires_after__seconds": "an hour"}, "expires_after[seconds]"),
        ({"colour": "blue"}, "colour"),
        ({"file": "words"}, "file"),
    ],
)
async def test_a_field_that_is_wrong_is_named(house: House, grace: Person, fields: dict[str, str], param: str) -> None:
    answer = await upload(house, grace, **fields)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert await ids(house, grace) == []


async def test_whoever_uploads_something_else_is_told_what_files_are_here(house: House, grace: Person) -> None:
    answer = await upload(house, grace, b'{"messages": []}', name="train.jsonl", purpose="fine-tune")

    assert answer.json()["error"]["message"].endswith("files here are pictures to paint from, and nothing else")


async def test_a_form_without_a_file_is_told_so(house: House, grace: Person) -> None:
    nothing = await call(house, grace, "POST", "", files={"picture": ("a.png", OTTER, "image/png")})
    empty = await call(house, grace, "POST", "", files={"purpose": (None, b"vision")})
    as_json = await call(house, grace, "POST", "", json={"file": "data:image/png;base64,AAAA"})

    assert code_of(nothing) == (400, "unknown_parameter", "picture")
    assert code_of(empty) == (400, "missing_required_parameter", "file")
    assert code_of(as_json) == (400, "invalid_type", "file")


@pytest.mark.parametrize(
    ("data", "openai", "vendor"),
    [
        (b"", (400, "empty_image_file"), (400, "bad_request")),
        (b'{"messages": []}\n', (400, "unsupported_image_media_type"), (400, "bad_request")),
        (png(64, 64, noise=1)[:5000], (400, "image_parse_error"), (400, "bad_request")),
        (png(300, 300), (400, "image_too_large"), (413, "content_too_large")),
    ],
)
async def test_only_pictures_are_taken(
    house: House, grace: Person, data: bytes, openai: tuple[int, str], vendor: tuple[int, str]
) -> None:
    house = replace(house, files_policy=FilesPolicy(pixels_max=80_000))

    for prefix, expected in (("/v1", openai), ("/openai", vendor)):
        answer = await upload(house, grace, data, prefix=prefix)
        assert code_of(answer) == (*expected, "file"), answer.text
        assert "picture" in answer.json()["error"]["message"]
    assert await ids(house, grace) == []


@pytest.mark.parametrize(("prefix", "status"), [("/v1", 400), ("/openai", 413)])
async def test_a_file_of_too_many_bytes_is_told_so(house: House, grace: Person, prefix: str, status: int) -> None:
    house = replace(house, files_policy=FilesPolicy(file_bytes_max=50_000))

    answer = await upload(house, grace, png(200, 200, noise=3), prefix=prefix)

    assert answer.status_code in {status, 413}, answer.text
    assert "50,000" in answer.text or "50000" in answer.text or "kB" in answer.text
    assert await ids(house, grace) == []


async def test_a_file_may_be_larger_than_other_bodies(house: House, grace: Person) -> None:
    data = png(400, 300, noise=4)
    assert len(data) > 65_536

    body = await uploaded(house, grace, data)

    assert (await call(house, grace, "GET", f"/{body['id']}/content")).content == data


async def test_an_account_that_has_enough_is_told_so_whoever_comes_first(house: House, grace: Person) -> None:
    house = replace(house, files_policy=FilesPolicy(account_bytes_max=3 * len(OTTER)))

    answers = await asyncio.gather(*(upload(house, grace) for _ in range(7)))

    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [400] * 4
    refused = next(answer for answer in answers if answer.status_code == 400)
    assert code_of(refused) == (400, "files_full", "file")
    assert len(await ids(house, grace)) == 3


# looking -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_file_is_told_of_as_it_was(house: House, grace: Person, prefix: str) -> None:
    body = await uploaded(house, grace, prefix=prefix)

    told = await call(house, grace, "GET", f"/{body['id']}", prefix=prefix)

    assert told.json() == body
    assert told.headers["cache-control"] == "no-store"


async def test_the_account_s_files_are_listed_page_by_page(house: House, grace: Person, ada: Person) -> None:
    made = [(await uploaded(house, grace, purpose=purpose))["id"] for purpose in ("vision", "user_data", "vision")]
    await uploaded(house, ada)

    whole = (await call(house, grace, "GET", "")).json()
    assert (whole["object"], whole["has_more"]) == ("list", False)
    assert [whole["first_id"], whole["last_id"]] == [made[2], made[0]]
    assert [file["id"] for file in whole["data"]] == made[::-1]
    first = (await call(house, grace, "GET", "?limit=2&order=asc")).json()
    assert first["has_more"] is True
    assert [file["id"] for file in first["data"]] == made[:2]
    assert await ids(house, grace, f"?after={first['last_id']}&order=asc") == made[2:]
    assert await ids(house, grace, "/?purpose=vision") == [made[2], made[0]]


async def test_of_nothing_there_is_an_empty_list(house: House, eve: Person) -> None:
    assert (await call(house, eve, "GET", "")).json() == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=10001", "limit"),
        ("limit=x", "limit"),
        ("after=otter", "after"),
        ("order=up", "order"),
        ("size=1", "size"),
    ],
)
async def test_a_list_s_query_that_is_wrong_is_named(house: House, grace: Person, query: str, param: str) -> None:
    answer = await call(house, grace, "GET", f"?{query}")

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


async def test_the_picture_itself_comes_back(house: House, grace: Person) -> None:
    id_ = (await uploaded(house, grace))["id"]

    whole = await call(house, grace, "GET", f"/{id_}/content")

    assert whole.content == OTTER
    assert whole.headers["content-type"] == "image/png"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in whole.headers["content-security-policy"]
    known = await call(house, grace, "GET", f"/{id_}/content", headers={"if-none-match": whole.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    part = await call(house, grace, "GET", f"/{id_}/content", headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, OTTER[10:20])
    head = await call(house, grace, "HEAD", f"/{id_}/content")
    assert (head.headers["content-length"], head.content) == (str(len(OTTER)), b"")


# removing ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_what_was_deleted_is_gone(house: House, grace: Person, prefix: str) -> None:
    body = await uploaded(house, grace, prefix="/openai")

    answer = await call(house, grace, "DELETE", f"/{body['id']}", prefix=prefix)

    assert answer.json() == {"id": body["id"], "object": "file", "deleted": True}
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        assert (await call(house, grace, method, f"/{body['id']}{path}", prefix=prefix)).status_code == 404
    async with client_of(house) as client:
        assert (await client.get(body["url"])).status_code == 404
    assert await ids(house, grace) == []


async def test_what_has_expired_is_gone(house: House, grace: Person, clock: StillClock) -> None:
    id_ = (await uploaded(house, grace))["id"]
    clock.move(seconds=WEEK)

    assert code_of(await call(house, grace, "GET", f"/{id_}")) == (404, "not_found", None)
    assert (await call(house, grace, "GET", f"/{id_}/content")).status_code == 404
    assert await ids(house, grace) == []
    clock.move(seconds=3600)
    await sweep(house)
    assert [key async for key in house.storage.keys("inputs/")] == []


# others ------------------------------------------------------------------------------------------------------------------


async def test_eve_reads_and_removes_nobody_s_file(house: House, grace: Person, eve: Person, ada: Person) -> None:
    id_ = (await uploaded(house, grace))["id"]

    for nosy in (eve, ada):
        for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
            answer = await call(house, nosy, method, f"/{id_}{path}")
            assert code_of(answer)[:2] == (404, "not_found")
        assert await ids(house, nosy) == []
        assert await ids(house, nosy, f"?after={id_}") == []
    assert (await call(house, grace, "GET", f"/{id_}/content")).content == OTTER


@pytest.mark.parametrize("id_", ["file-0", "file-" + "0" * 32, "otter", "file-..%2f..%2fetc", "a" * 500])
async def test_what_is_no_file_is_not_found(house: House, grace: Person, id_: str) -> None:
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        assert (await call(house, grace, method, f"/{id_}{path}")).status_code == 404


async def test_nobody_gets_anywhere_without_a_key(house: House, grace: Person) -> None:
    id_ = (await uploaded(house, grace))["id"]

    for method, path in (
        ("GET", ""),
        ("POST", ""),
        ("GET", f"/{id_}"),
        ("GET", f"/{id_}/content"),
        ("DELETE", f"/{id_}"),
    ):
        assert (await call(house, None, method, path)).status_code == 401


# the management API ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/files", "/files/"])
async def test_a_platform_token_uploads_for_its_account(house: House, grace: Person, eve: Person, path: str) -> None:
    token = (await make_token(house, account_id=grace.account.id, name="tests", expires_at=None)).secret

    async def post(secret: str, **files: Any) -> httpx2.Response:
        async with client_of(house) as client:
            return await client.post(f"/api/v1{path}", files=files, headers={"authorization": f"Bearer {secret}"})

    answer = await post(token, file=("otter.png", png(400, 300, noise=4), "image/png"))

    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert (body["success"], body["name"], body["width"]) == (True, "otter.png", 400)
    assert body["expires_at"] == "2026-11-29T12:00:00.000Z"
    assert await ids(house, grace) == [body["id"]]
    assert await ids(house, eve) == []
    async with client_of(house) as client:
        assert len((await client.get(body["url"])).content) == body["bytes"]
    assert (await post(token, picture=("otter.png", OTTER, "image/png"))).status_code == 400
    assert (await post(token, file=("words.txt", b"words", "image/png"))).status_code == 400
    assert (await post("sk-limner-" + "0" * 43, file=("otter.png", OTTER, "image/png"))).status_code == 401
    assert len(await ids(house, grace)) == 1


@pytest.mark.parametrize("path", ["/files", "/files/"])
async def test_an_api_key_uploads_where_the_vendor_s_sdk_does(house: House, grace: Person, path: str) -> None:
    async with client_of(house) as client:
        file = {"file": ("otter.png", OTTER, "image/png")}
        answer = await client.post(f"/api/v1{path}", files=file, headers=grace.headers)

    assert answer.status_code == 201, answer.text
    assert await ids(house, grace) == [answer.json()["id"]]
