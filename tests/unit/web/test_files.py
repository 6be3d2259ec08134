from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote, unquote

import httpx2
import pytest
from PIL import Image

from limner.flow.deliver import FILES_PATH, link_to
from limner.flow.house import House
from limner.kit import signing
from limner.kit.clock import StillClock
from limner.web.files import Part, RangeUnsatisfiable, wanted_part
from support.people import Person
from support.wire import client_of, link_of


@pytest.fixture
async def link(house: House, grace: Person) -> str:
    return await link_of(house, grace)


async def test_a_link_opens_without_a_header(caller: httpx2.AsyncClient, link: str) -> None:
    answer = await caller.get(link)

    assert answer.status_code == 200
    assert Image.open(io.BytesIO(answer.content)).size == (1024, 1024)
    assert answer.headers["content-type"] == "image/png"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"].startswith('inline; filename="')
    assert answer.headers["cache-control"] == "private, max-age=3600, immutable"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-request-id"]


async def test_head_says_what_get_would_send(caller: httpx2.AsyncClient, link: str) -> None:
    head, got = await caller.head(link), await caller.get(link)

    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "last-modified", "accept-ranges"):
        assert head.headers[name] == got.headers[name]


async def test_a_known_picture_is_not_sent_again(caller: httpx2.AsyncClient, link: str) -> None:
    etag = (await caller.get(link)).headers["etag"]
    assert etag.startswith('"')

    for known in (etag, f"W/{etag}", "*", f'"other", {etag}'):
        answer = await caller.get(link, headers={"if-none-match": known})
        assert (answer.status_code, answer.content) == (304, b""), known
        assert answer.headers["etag"] == etag

    assert (await caller.get(link, headers={"if-none-match": '"another"'})).status_code == 200


async def test_a_part_of_a_picture(caller: httpx2.AsyncClient, link: str) -> None:
    whole = (await caller.get(link)).content

    answer = await caller.get(link, headers={"range": "bytes=10-19"})

    assert (answer.status_code, answer.content) == (206, whole[10:20])
    assert answer.headers["content-range"] == f"bytes 10-19/{len(whole)}"
    assert answer.headers["content-length"] == "10"


async def test_the_end_of_a_picture(caller: httpx2.AsyncClient, link: str) -> None:
    whole = (await caller.get(link)).content

    assert (await caller.get(link, headers={"range": "bytes=-5"})).content == whole[-5:]
    assert (await caller.get(link, headers={"range": "bytes=100-"})).content == whole[100:]


async def test_a_part_of_a_picture_that_is_another_now(caller: httpx2.AsyncClient, link: str) -> None:
    etag = (await caller.get(link)).headers["etag"]

    same = await caller.get(link, headers={"range": "bytes=0-1", "if-range": etag})
    other = await caller.get(link, headers={"range": "bytes=0-1", "if-range": '"another"'})

    assert (same.status_code, other.status_code) == (206, 200)


async def test_head_has_no_parts(caller: httpx2.AsyncClient, link: str) -> None:
    """RFC 9110 defines Range for GET alone."""
    head = await caller.head(link, headers={"range": "bytes=0-1"})

    assert head.status_code == 200
    assert "content-range" not in head.headers


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=0-0", Part(0, 1)),
        ("bytes=0-", Part(0, 100)),
        ("bytes=99-", Part(99, 100)),
        ("bytes=0-1000", Part(0, 100)),
        ("bytes=-1", Part(99, 100)),
        ("bytes=-1000", Part(0, 100)),
        (" bytes=1-2 ", Part(1, 3)),
        ("bytes=5-2", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("bytes=a-b", None),
        ("items=0-1", None),
        ("bytes=٠-١", None),
        ("", None),
        ("bytes=" + "9" * 40 + "-", None),
    ],
)
def test_parts_that_can_be_had(header: str | None, part: Part | None) -> None:
    assert wanted_part(header, length=100) == part


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=999999999999999999-"])
def test_parts_beyond_the_end(header: str) -> None:
    with pytest.raises(RangeUnsatisfiable, match="the file has 100 bytes"):
        wanted_part(header, length=100)


async def test_a_part_beyond_the_end_tells_the_length(caller: httpx2.AsyncClient, link: str) -> None:
    whole = (await caller.get(link)).content

    answer = await caller.get(link, headers={"range": f"bytes={len(whole)}-"})

    assert answer.status_code == 416
    assert str(len(whole)) in answer.json()["error"]["message"]


async def test_a_link_ends_when_it_says(house: House, caller: httpx2.AsyncClient, link: str, clock: StillClock) -> None:
    clock.move(seconds=3599)
    answer = await caller.get(link)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, max-age=1, immutable")

    clock.move(seconds=1)

    assert (await caller.get(link)).status_code == 403
    assert house.link_seconds == 3600


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("_0.png", "_1.png"),
        ("_0.png", "_0.svg"),
        ("2026-11-22/", "2026-11-23/"),
        ("13%3A00%3A00Z", "14%3A00%3A00Z"),
        ("sp=r", "sp=w"),
        ("sig=", "sig=x"),
        ("?se=", "?es="),
    ],
)
async def test_a_changed_link_is_refused(caller: httpx2.AsyncClient, link: str, old: str, new: str) -> None:
    assert old in link

    answer = await caller.get(link.replace(old, new))

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "link_invalid")


async def test_a_link_without_its_query_is_refused(caller: httpx2.AsyncClient, link: str) -> None:
    assert (await caller.get(link.partition("?")[0])).status_code == 403


async def test_a_link_may_carry_more_than_it_needs(caller: httpx2.AsyncClient, link: str) -> None:
    assert (await caller.get(link + "&utm_source=otters")).status_code == 200


@pytest.mark.parametrize("key", ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "/etc/passwd", "a\\..\\b", "%00", ""])
async def test_eve_cannot_walk_out_of_the_folder(caller: httpx2.AsyncClient, link: str, key: str) -> None:
    answer = await caller.get(f"{FILES_PATH}{key}?{link.partition('?')[2]}")

    assert answer.status_code in {403, 404}


@pytest.mark.parametrize("key", ["../../etc/passwd", "a//b", "a/../b", "2026-11-22", "2026-11-22/", "a\0b", "\u202e"])
async def test_not_even_a_signed_link_leads_out_of_the_folder(house: House, key: str) -> None:
    path = FILES_PATH + key
    query = signing.sign(secret=house.link_secrets[0], path=path, until=house.clock.now() + timedelta(seconds=60))
    async with client_of(house) as client:
        answer = await client.get(f"{FILES_PATH}{quote(key, safe='')}?{query}")

    assert answer.status_code in {403, 404}, answer.text


async def test_a_deleted_picture_is_gone(house: House, caller: httpx2.AsyncClient, link: str) -> None:
    await house.storage.delete(unquote(link.partition(FILES_PATH)[2].partition("?")[0]))

    for answer in (await caller.get(link), await caller.head(link)):
        assert answer.status_code == 404
    assert (await caller.get(link)).json()["error"]["message"].startswith("the picture is not there any more")


async def test_a_link_of_another_house_is_refused(house: House, link: str) -> None:
    async with client_of(replace(house, link_secrets=[b"x" * 32])) as client:
        assert (await client.get(link)).status_code == 403


async def test_links_of_an_older_secret_stay_good(house: House, link: str) -> None:
    rotated = replace(house, link_secrets=[b"x" * 32, *house.link_secrets])
    async with client_of(rotated) as client:
        assert (await client.get(link)).status_code == 200
        fresh = link_to(rotated, link.partition(FILES_PATH)[2].partition("?")[0])
        assert (await client.get(fresh)).status_code == 200


async def test_a_link_may_be_posted_to_by_nobody(caller: httpx2.AsyncClient, link: str) -> None:
    assert (await caller.post(link)).status_code == 405


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("a.png", "image/png"), ("a.jpeg", "image/jpeg"), ("a.webp", "image/webp"), ("a.svg", "image/svg+xml"),
     ("a.html", "application/octet-stream"), ("a", "application/octet-stream")],
)  # fmt: skip
async def test_the_media_type_follows_the_name(house: House, name: str, media_type: str) -> None:
    await house.storage.put(f"d/{name}", b"x")

    async with client_of(house) as client:
        answer = await client.get(link_to(house, f"d/{name}"))

    assert answer.headers["content-type"] == media_type


async def test_a_large_picture_is_sent_whole(house: House) -> None:
    data = bytes(range(256)) * 10_000
    await house.storage.put("d/large.png", data)

    async with client_of(house) as client:
        answer = await client.get(link_to(house, "d/large.png"))

    assert answer.content == data
