"""Forms with files, read as they come: real requests of bytes, torn wherever the network likes to."""

from __future__ import annotations

import random
import tempfile
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2
import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from limner.domain.problem import InvalidValue, Problem
from limner.flow.house import House
from limner.web.uploads import FormTooLarge, MalformedForm, form
from support.people import Person
from support.pictures import png
from support.shelves import task_rows
from support.wire import PREFIXES, client_of

BOUNDARY: Final = "------------------------d74496d66958873e"
KIND: Final = f"multipart/form-data; boundary={BOUNDARY}"
OTTER: Final = png(40, 30)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a form came to: fields, and files with their names, types and bytes."""

    fields: list[tuple[str, str]]
    files: list[tuple[str, str, str, bytes]]


def part(name: str, data: bytes, *, file: str | None = None, kind: str = "image/png", more: str = "") -> bytes:
    named = f'; filename="{file}"' if file is not None else ""
    typed = f"Content-Type: {kind}\r\n" if file is not None else ""
    head = f'Content-Disposition: form-data; name="{name}"{named}\r\n{typed}{more}\r\n'
    return head.encode() + data


def whole(*parts: bytes) -> bytes:
    body = b"".join(b"--" + BOUNDARY.encode() + b"\r\n" + one + b"\r\n" for one in parts)
    return body + b"--" + BOUNDARY.encode() + b"--\r\n"


def pieces(body: bytes, length: int) -> list[bytes]:
    return [body[at : at + length] for at in range(0, len(body), length)]


def requested(body: Iterable[bytes], *, kind: str = KIND, leaves: bool = False) -> Request:
    """A request whose body comes in these pieces; then its sender may leave."""
    coming: Iterator[bytes] = iter(body)

    async def receive() -> Message:
        piece = next(coming, None)
        if piece is not None:
            return {"type": "http.request", "body": piece, "more_body": True}
        if leaves:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(b"content-type", kind.encode("latin-1"))] if kind else []
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


async def told(body: bytes | Iterable[bytes], *, kind: str = KIND, **limits: int) -> Told:
    given = {"bytes_max_each": 1_000_000, "files_max": 18, "fields_max": 64, "field_bytes_max": 10_000, **limits}
    request = requested([body] if isinstance(body, bytes) else body, kind=kind)
    async with form(request, **given) as one:
        files = []
        for name, upload in one.files:
            data = upload.path.read_bytes()
            assert upload.bytes == len(data)
            files.append((name, upload.name, upload.media_type, data))
        return Told(fields=one.fields, files=files)


def folders() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob("limner-form-*")}


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # others use the usual one, too
    yield
    assert not folders()


USUAL: Final = whole(
    part("model", b"gpt-image-1"),
    part("image[]", OTTER, file="otter.png"),
    part("prompt", "Setz ihm einen Hut auf 🎩".encode()),
    part("image[]", b"\r\n--" + BOUNDARY.encode()[:-1] + b"\r\n-" * 3, file="tricky.bin", kind="application/x"),
    part("mask", b"", file="empty.png"),
    part("n", b""),
)


# torn --------------------------------------------------------------------------------------------------------------------


async def test_fields_and_files_come_in_their_order() -> None:
    given = await told(USUAL)

    assert given.fields == [("model", "gpt-image-1"), ("prompt", "Setz ihm einen Hut auf 🎩"), ("n", "")]
    assert [file[:3] for file in given.files] == [
        ("image[]", "otter.png", "image/png"),
        ("image[]", "tricky.bin", "application/x"),
        ("mask", "empty.png", "image/png"),
    ]
    assert given.files[0][3] == OTTER
    assert given.files[1][3] == b"\r\n--" + BOUNDARY.encode()[:-1] + b"\r\n-" * 3


@pytest.mark.parametrize("length", [1, 2, 3, 7, 64, 1000])
async def test_however_it_is_torn_it_is_the_same(length: int) -> None:
    assert await told(pieces(USUAL, length)) == await told(USUAL)


async def test_torn_at_random_it_is_the_same() -> None:
    dice, wanted = random.Random(6), await told(USUAL)
    for _ in range(100):
        cuts = sorted(dice.sample(range(len(USUAL)), dice.randint(1, 40)))
        torn = [USUAL[start:end] for start, end in zip([0, *cuts], [*cuts, len(USUAL)], strict=True)]
        assert await told(torn) == wanted


async def test_empty_pieces_are_nothing() -> None:
    assert await told([b"", *pieces(USUAL, 50), b""]) == await told(USUAL)


async def test_what_comes_after_the_end_is_passed_over() -> None:
    assert await told(USUAL + b"\r\n") == await told(USUAL)


async def test_a_large_file_goes_to_disk_and_not_into_memory() -> None:
    mebibyte = bytes(range(256)) * 4096

    def sent() -> Iterator[bytes]:
        start, end = whole(part("image", b"HERE", file="large.png")).split(b"HERE")
        yield start
        for _ in range(40):
            yield from pieces(mebibyte, 65_536)
        yield end

    tracemalloc.start()
    async with form(
        requested(sent()), bytes_max_each=50_000_000, files_max=1, fields_max=1, field_bytes_max=100
    ) as given:
        most = tracemalloc.get_traced_memory()[1]
        (_, upload), *_ = given.files
        assert (upload.bytes, upload.path.stat().st_size) == (40 * 2**20, 40 * 2**20)
    tracemalloc.stop()
    assert most < 8 * 2**20


# limits ------------------------------------------------------------------------------------------------------------------


def files(count: int) -> bytes:
    return whole(*(part("image[]", b"x", file=f"{number}.png") for number in range(count)))


async def test_as_many_files_as_may_be_and_one_more() -> None:
    assert len((await told(files(18))).files) == 18
    with pytest.raises(FormTooLarge, match=r"^the form has more than 18 files$"):
        await told(files(19))


async def test_as_many_fields_as_may_be_and_one_more() -> None:
    def fields(count: int) -> bytes:
        return whole(*(part(f"f{number}", b"x") for number in range(count)))

    assert len((await told(fields(64))).fields) == 64
    with pytest.raises(FormTooLarge, match=r"^the form has more than 64 fields$"):
        await told(fields(65))


@pytest.mark.parametrize("length", [1, 7, 100_000])
async def test_a_field_of_as_many_bytes_as_may_be_and_one_more(length: int) -> None:
    fits = await told(pieces(whole(part("prompt", b"x" * 10_000)), length))
    assert fits.fields == [("prompt", "x" * 10_000)]
    with pytest.raises(FormTooLarge, match=r"^prompt is larger than the 10000 bytes that a field may have$") as error:
        await told(pieces(whole(part("prompt", b"x" * 10_001)), length))
    assert error.value.param == "prompt"


@pytest.mark.parametrize("length", [1, 7, 100_000])
async def test_a_file_of_as_many_bytes_as_may_be_and_one_more(length: int) -> None:
    fits = await told(pieces(whole(part("mask", b"x" * 5000, file="m")), length), bytes_max_each=5000)
    assert fits.files[0][3] == b"x" * 5000
    with pytest.raises(FormTooLarge, match=r"^mask is larger than the 5000 bytes that a file may have$") as error:
        await told(pieces(whole(part("mask", b"x" * 5001, file="m")), length), bytes_max_each=5000)
    assert (error.value.param, error.value.status) == ("mask", 413)


async def test_what_is_too_large_is_refused_before_the_rest_is_read() -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        yield whole(part("image", b"HERE", file="a.png")).split(b"HERE")[0]
        while True:
            read += 1
            yield bytes(10_000)

    with pytest.raises(FormTooLarge):
        await told(endless())
    assert read <= 101


async def test_a_head_without_end_is_refused() -> None:
    endless = b"--" + BOUNDARY.encode() + b"\r\nX-Long: " + b"x" * 10_000_000

    with pytest.raises(Problem) as error:
        await told(pieces(endless, 65_536))
    assert error.value.status in {400, 413}


async def test_many_heads_without_end_are_refused() -> None:
    endless = b"--" + BOUNDARY.encode() + b"\r\n" + b"X-Long: x\r\n" * 100_000

    with pytest.raises(Problem) as error:
        await told(pieces(endless, 65_536))
    assert error.value.status in {400, 413}


# broken ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; x=y", ""]
)
async def test_without_a_boundary_there_is_no_form(kind: str) -> None:
    with pytest.raises(MalformedForm, match="no boundary"):
        await told(USUAL, kind=kind)


async def test_a_boundary_longer_than_any_is_refused() -> None:
    with pytest.raises(MalformedForm):
        await told(USUAL, kind=f"multipart/form-data; boundary={'x' * 5000}")


async def test_a_quoted_boundary_is_one() -> None:
    assert (await told(USUAL, kind=f'multipart/form-data; boundary="{BOUNDARY}"; charset=utf-8')) == await told(USUAL)


async def test_a_form_that_breaks_off_anywhere_is_none() -> None:
    # The last two bytes, the end of a line, are not needed.
    for length in range(len(USUAL) - 2):
        if length % 29 == 0 or length > len(USUAL) - 80:
            with pytest.raises(MalformedForm):
                await told(USUAL[:length])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        USUAL.replace(BOUNDARY.encode(), b"another"),
        whole(b"\r\nno head"),
        whole(b"X-What: ever\r\n\r\nno disposition"),
        whole(b'Content-Disposition: attachment; name="a"\r\n\r\nx'),
        whole(b"Content-Disposition: form-data\r\n\r\nno name"),
        whole(b'Content-Disposition form-data; name="a"\r\n\r\nno colon'),
        whole(part("image", b"eA==", file="a.png", more="Content-Transfer-Encoding: base64\r\n")),
        whole(part("prompt", b"=C3=A4", more="Content-Transfer-Encoding: quoted-printable\r\n")),
    ],
)
async def test_what_is_no_form_of_parts_is_called_that(body: bytes) -> None:
    with pytest.raises(MalformedForm) as error:
        await told(body)
    assert error.value.status == 400


@pytest.mark.parametrize("encoding", ["binary", "8bit", "7BIT"])
async def test_parts_that_say_that_they_are_as_they_are(encoding: str) -> None:
    given = await told(whole(part("prompt", b"hat", more=f"Content-Transfer-Encoding: {encoding}\r\n")))

    assert given.fields == [("prompt", "hat")]


async def test_bytes_that_are_no_text_are_refused_by_name() -> None:
    with pytest.raises(InvalidValue, match=r"^prompt must be text in UTF-8$") as error:
        await told(whole(part("prompt", b"\xff\xfehat")))
    assert error.value.param == "prompt"


async def test_text_torn_within_a_letter_is_text() -> None:
    assert (await told(pieces(whole(part("prompt", "画一只水獭".encode())), 1))).fields == [("prompt", "画一只水獭")]


@pytest.mark.parametrize("after", range(0, 400, 37))
async def test_who_leaves_leaves_nothing_behind(after: int) -> None:
    before = folders()
    with pytest.raises(ClientDisconnect):
        async with form(
            requested([USUAL[:after]], leaves=True),
            bytes_max_each=10_000,
            files_max=9,
            fields_max=9,
            field_bytes_max=1000,
        ):
            raise AssertionError
    assert folders() == before


async def test_files_are_there_while_the_form_is_and_not_afterwards() -> None:
    async with form(
        requested([USUAL]), bytes_max_each=10_000, files_max=9, fields_max=9, field_bytes_max=1000
    ) as given:
        paths = [upload.path for _, upload in given.files]
        assert all(path.is_file() for path in paths)
    assert not any(path.exists() for path in paths)


async def test_trouble_with_what_was_sent_leaves_nothing_behind() -> None:
    async def troubled() -> None:
        async with form(
            requested([USUAL]), bytes_max_each=10_000, files_max=9, fields_max=9, field_bytes_max=1000
        ) as given:
            assert len(given.files) == 3
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await troubled()
    assert not folders()


# names -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('form-data; name="image"; filename="otter.png"', "otter.png"),
        ("form-data; name=image; filename=otter.png", "otter.png"),
        ('FORM-DATA; NAME="image"; FILENAME="otter.png"', "otter.png"),
        ('form-data; filename="otter.png"; name="image"', "otter.png"),
        ('form-data; name="image"; filename="a \\"b\\".png"', 'a "b".png'),
        ('form-data; name="image"; filename="水獭.png"', "水獭.png"),
        ('form-data; name="image"; filename="a;b=c.png"', "a;b=c.png"),
        ("form-data; name=\"image\"; filename*=UTF-8''%E6%B0%B4%E7%8D%AD.png", "水獭.png"),
        ("form-data; name=\"image\"; filename*=utf-8'de'%C3%B6.png", "ö.png"),
        ("form-data; name=\"image\"; filename*=iso-8859-1''%F6.png", "ö.png"),
        ('form-data; name="image"; filename*=plain.png', "plain.png"),
        ('form-data; name="image"; filename="o.png"; filename*=UTF-8\'\'%C3%B6.png', "o.png"),
        ('form-data; name="image"; filename=""', ""),
    ],
)
async def test_names_of_files_however_they_are_written(disposition: str, name: str) -> None:
    body = whole(f"Content-Disposition: {disposition}\r\nContent-Type: image/png\r\n\r\n".encode() + OTTER)

    ((field, given, _, data),) = (await told(body)).files
    assert (field, given, data) == ("image", name, OTTER)


async def test_a_field_whose_name_looks_like_a_file_s_is_a_field() -> None:
    disposition = "form-data; name=\"a; filename*=utf-8''b.png\""

    given = await told(whole(f"Content-Disposition: {disposition}\r\n\r\nx".encode()))

    assert (given.fields, given.files) == ([("a; filename*=utf-8''b.png", "x")], [])


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "a\0b", "x" * 3000, ".."])
async def test_a_name_is_never_a_path(name: str) -> None:
    async with form(
        requested([whole(part("image", b"x", file=name))]),
        bytes_max_each=10_000,
        files_max=9,
        fields_max=9,
        field_bytes_max=1000,
    ) as given:
        ((_, upload),) = given.files
        assert upload.path.parent.name.startswith("limner-form-")
        assert upload.path.name == "0"
        assert len(upload.name) <= 255


async def test_a_line_s_end_in_a_name_cannot_make_the_part_another() -> None:
    body = whole(part("image", b"x", file='a.png"\r\nContent-Disposition: form-data; name="admin'))

    with pytest.raises(MalformedForm, match="content-disposition twice"):
        await told(body)


async def test_a_line_s_end_in_a_name_cannot_bring_another_part() -> None:
    injected = f'a.png"\r\n\r\nx\r\n--{BOUNDARY}x\r\nContent-Disposition: form-data; name="admin"\r\n\r\nyes'

    given = await told(whole(part("image", b"y", file=injected)))

    assert (given.fields, len(given.files)) == ([], 1)


async def test_the_same_name_twice_is_there_twice() -> None:
    given = await told(whole(part("n", b"1"), part("n", b"2")))

    assert given.fields == [("n", "1"), ("n", "2")]


async def test_a_browser_s_empty_choice_is_no_file() -> None:
    given = await told(whole(part("image", b"", file="", kind="application/octet-stream"), part("n", b"1")))

    assert (given.files, given.fields) == ([], [("n", "1")])


async def test_whatever_comes_is_a_form_or_is_refused() -> None:
    dice = random.Random(20_261_123)
    outcomes = {"form": 0, "refused": 0}
    for _ in range(400):
        body = bytearray(USUAL)
        for _ in range(dice.choice([1, 1, 2, 5])):
            place = dice.randrange(len(body))
            match dice.randrange(3):
                case 0:
                    body[place] = dice.randrange(256)
                case 1:
                    del body[place : place + dice.randint(1, 40)]
                case _:
                    body[place:place] = dice.choice(
                        [b"\r\n", b"--", b'"', b"\0", BOUNDARY.encode(), b"--" + BOUNDARY.encode()]
                    )
        try:
            await told(pieces(bytes(body), dice.choice([1, 50, 5000])))
            outcomes["form"] += 1
        except Problem:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 20, outcomes


# through the door --------------------------------------------------------------------------------------------------------


async def edited(
    house: House, person: Person, body: bytes, *, prefix: str = "/v1", kind: str = KIND
) -> httpx2.Response:
    async with client_of(house) as client:
        headers = {**person.headers, "content-type": kind}
        return await client.post(f"{prefix}/images/edits", content=body, headers=headers)


PROMPT: Final = (part("prompt", b"Put a hat on it"), part("model", b"gpt-image-1"))


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    "names",
    [
        ["image"],
        ["image", "image"],
        ["image[]", "image[]", "image[]"],
        ["image[0]", "image[1]"],
        ["images[]", "images[]"],
        ["image", "image[]"],
    ],
)
@pytest.mark.parametrize("files_first", [True, False])
async def test_pictures_under_every_name_before_and_after_the_words(
    house: House, grace: Person, prefix: str, names: list[str], *, files_first: bool
) -> None:
    pictures = [part(name, png(), file=f"{number}.png") for number, name in enumerate(names)]
    body = whole(*pictures, *PROMPT) if files_first else whole(*PROMPT, *pictures)

    answer = await edited(house, grace, body, prefix=prefix)

    assert answer.status_code == 200, answer.text
    count = "1 picture" if len(names) == 1 else f"{len(names)} pictures"
    assert answer.json()["data"][0]["revised_prompt"] == f"Put a hat on it (from {count})"


@pytest.mark.parametrize(
    ("parts", "param", "words"),
    [
        ([part("photo", OTTER, file="a.png")], "photo", "there is no picture called 'photo'"),
        ([part("image", OTTER, file="a.png"), part("n", b"1"), part("n", b"1")], "n", "n is there twice"),
        (
            [
                part("image", OTTER, file="a.png"),
                part("mask", OTTER, file="a.png"),
                part("mask", OTTER, file="b.png"),
            ],
            "mask",
            "mask is there twice",
        ),
        ([part("image", b"", file="a.png")], "image", "empty file"),
        ([part("image", b"", file="")], "image", "image is missing"),
        ([part("image", OTTER, file="a.png"), part("user", b"\xff")], "user", "must be text in UTF-8"),
        ([part("image", OTTER, file="a.png"), part("user", b"a\0b")], "user", "NUL"),
        ([part("image", b"hello", file="a.png", kind="image/png")], "image", "no picture that is known here"),
        ([part("prompt", OTTER, file="a.png")], "prompt", "there is no picture called 'prompt'"),
    ],
)
async def test_what_is_wrong_with_a_form(
    house: House, grace: Person, parts: list[bytes], param: str, words: str
) -> None:
    answer = await edited(house, grace, whole(*PROMPT, *parts))

    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param), answer.text
    assert words in error["message"]
    assert not await task_rows(house)


async def test_sixteen_pictures_a_mask_and_no_more(house: House, grace: Person) -> None:
    def sent(count: int) -> bytes:
        return whole(*PROMPT, *(part("image[]", OTTER, file=f"{number}.png") for number in range(count)))

    fine, many, far_too_many = [await edited(house, grace, sent(count)) for count in (16, 17, 19)]

    assert fine.json()["data"][0]["revised_prompt"] == "Put a hat on it (from 16 pictures)"
    assert (many.status_code, many.json()["error"]["param"]) == (400, "image")
    assert "16" in many.json()["error"]["message"]
    assert (far_too_many.status_code, far_too_many.json()["error"]["message"]) == (
        413,
        "the form has more than 18 files",
    )
