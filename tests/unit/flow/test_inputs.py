"""The pictures that a request comes with: where they may come from, and what becomes of them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from PIL import Image
from typing_extensions import override

from limner.catalog import rules as catalog_rules
from limner.domain.ask import Ask, Given
from limner.domain.problem import InvalidValue, Problem
from limner.flow import files, inputs
from limner.flow.checker import DamagedImage, EmptyImage, ImageFileTooLarge, ImageTooLarge, UnsupportedImage
from limner.flow.files import FilesFull, NoSuchImageFile
from limner.flow.house import House
from limner.flow.inputs import (
    Inline,
    InvalidBase64,
    InvalidPictureUrl,
    Kept,
    Linked,
    PictureNotFetched,
    Reference,
    Uploaded,
    Wanted,
    check_ahead,
    gather,
    reference_of,
    with_pictures,
)
from limner.kit.clock import StillClock
from limner.kit.outbound import Answer, Outbound, Policy
from limner.kit.outbound.address import IPAddress
from support.files import give
from support.people import Person
from support.pictures import data_url, encoded, mask, noise, png
from support.receiving import HANGS, RESETS, Part, Receiver, Says, receiving
from support.wire import link_of

OTTER: Final = png()
POLICY: Final = Policy(http=True, ports=frozenset({80, 443}), networks=(), loopback=True)
STRICT: Final = Policy(http=False, ports=frozenset({443}), networks=(), loopback=False)


class Names:
    """Knows a few names."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known

    async def addresses(self, name: str, /) -> Sequence[IPAddress]:
        if name not in self._known:
            raise OSError
        return [ip_address(self._known[name])]


class Hasty(Outbound):
    """Has less patience than it is told to have, and remembers with how much."""

    seconds: float = 0

    @override
    async def get(
        self, url: str, *, seconds: float, bytes_max: int, headers: Mapping[str, str] | None = None
    ) -> Answer:
        self.seconds = seconds
        return await super().get(url, seconds=min(seconds, 0.2), bytes_max=bytes_max, headers=headers)


@asynccontextmanager
async def shelf(
    house: House, *parts: Part, names: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[House, Receiver]]:
    """A server of pictures on this machine, and the house that may call it."""
    resolver = Names(names) if names is not None else None
    async with (
        receiving(*parts) as there,
        Outbound(policy=POLICY, user_agent="limner/test", resolver=resolver) as outbound,
    ):
        yield replace(house, outbound=outbound), there


async def had(house: House, person: Person, *wanted: Reference, keeps: bool = True) -> tuple[Given, ...]:
    return await gather(house, principal=person.principal, wanted=wanted, keeps=keeps)


async def trouble(house: House, person: Person, *wanted: Reference) -> Problem:
    with pytest.raises(Problem) as error:
        await had(house, person, *wanted)
    return error.value


async def kept(house: House) -> list[str]:
    return [key async for key in house.storage.keys("inputs/")]


def inline(data: bytes, *, param: str = "image") -> Inline:
    return Inline(param=param, text=data_url(data))


def linked(url: str, *, param: str = "image") -> Linked:
    return Linked(param=param, url=url)


# what a text is ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("data:image/png;base64,AAAA", Inline),
        ("DATA:image/png;base64,AAAA", Inline),
        ("https://example.com/a.png", Linked),
        ("HTTP://example.com/a.png", Linked),
        ("file-019ab3c57d7a7c118f2e0e4a8f6f1b52", Kept),
        ("file-019ab3c5-7d7a-7c11-8f2e-0e4a8f6f1b52", Kept),
    ],
)
def test_what_a_text_refers_to(text: str, kind: type) -> None:
    assert isinstance(reference_of(text, param="image"), kind)


@pytest.mark.parametrize(
    "text",
    ["", "otter.png", "file:///etc/passwd", "ftp://example.com/a.png", "//example.com", "javascript:1", "/9j/4AAQ"],
)
def test_a_text_that_cannot_be_a_picture_s(text: str) -> None:
    with pytest.raises(InvalidValue) as error:
        reference_of(text, param="image[1]")
    assert error.value.message == (
        "image[1] must be an https link, a data URL (data:image/png;base64,...) or the id of a file (file-...)"
    )


def test_an_id_that_is_none_is_nobody_s_file() -> None:
    with pytest.raises(NoSuchImageFile, match="there is no file 'file-otter'"):
        reference_of("file-otter", param="image")


def test_pictures_do_not_get_into_the_log_by_being_shown() -> None:
    shown = repr((inline(OTTER), linked("https://example.com/secret")))

    assert "base64" not in shown
    assert "secret" not in shown


# inside the request ------------------------------------------------------------------------------------------------------


async def test_grace_s_picture_is_kept_as_she_gave_it(house: House, grace: Person) -> None:
    (given,) = await had(house, grace, inline(OTTER))

    (file,) = await files.files_of(house, account_id=grace.account.id, ids=[given.file_id])
    assert await files.read(house, file) == OTTER
    assert (given.width, given.height, given.media_type, given.alpha) == (64, 48, "image/png", "none")
    assert not file.is_listed


@pytest.mark.parametrize(
    "head",
    ["data:image/png;base64,", "data:;base64,", "data:image/jpeg;base64,", "data:text/html;charset=utf-8;BASE64,"],
)
async def test_what_a_data_url_says_of_itself_is_not_believed(house: House, grace: Person, head: str) -> None:
    text = head + base64.b64encode(OTTER).decode()

    (given,) = await had(house, grace, Inline(param="image", text=text))

    assert given.media_type == "image/png"


GOOD: Final = base64.b64encode(OTTER).decode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("data:image/png,rawbytes", "must begin like"),
        (f"data:image/png;base32,{GOOD}", "must begin like"),
        (f"data:image/png;base64;{GOOD}", "must begin like"),
        (f"data:{'x' * 500};base64,{GOOD}", "must begin like"),
        ("data:image/png;base64,!!!", "is not base64"),
        (f"data:image/png;base64,{GOOD[:-1]}*", "is not base64"),
        (f"data:image/png;base64,{GOOD[:41]}", "is not base64"),
        (f"data:image/png;base64,{GOOD[:40]}\n{GOOD[40:]}", "is not base64"),
        (f"data:image/png;base64,{GOOD[:40]}é", "is not base64"),
        (f"data:image/png;base64,{base64.urlsafe_b64encode(bytes([251, 255] * 30)).decode()}", "is not base64"),
    ],
)
async def test_base64_that_is_none(house: House, grace: Person, text: str, words: str) -> None:
    problem = await trouble(house, grace, Inline(param="image[3]", text=text))

    assert isinstance(problem, InvalidBase64)
    assert (problem.param, problem.code) == ("image[3]", "invalid_base64_image")
    assert words in problem.message
    assert await kept(house) == []


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", EmptyImage),
        (b"hello there", UnsupportedImage),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', UnsupportedImage),
        (OTTER[:500], DamagedImage),
    ],
)
async def test_data_that_is_no_picture(house: House, grace: Person, data: bytes, kind: type[Problem]) -> None:
    assert isinstance(await trouble(house, grace, inline(data)), kind)
    assert await kept(house) == []


async def test_too_many_bytes_and_too_many_pixels(house: House, grace: Person) -> None:
    small = replace(house, files_policy=replace(house.files_policy, file_bytes_max=len(OTTER) - 1))
    few = replace(house, files_policy=replace(house.files_policy, pixels_max=64 * 48 - 1))

    large = await trouble(small, grace, inline(OTTER))
    wide = await trouble(few, grace, inline(OTTER))

    assert (type(large), large.status) == (ImageFileTooLarge, 413)
    assert (type(wide), wide.status) == (ImageTooLarge, 413)


async def test_an_account_that_is_full_takes_no_more(house: House, grace: Person) -> None:
    full = replace(house, files_policy=replace(house.files_policy, account_bytes_max=len(OTTER) + 10))
    await had(full, grace, inline(OTTER))

    assert isinstance(await trouble(full, grace, inline(OTTER)), FilesFull)
    assert len(await kept(house)) == 1


async def test_a_part_of_a_form(house: House, grace: Person, tmp_path: Path) -> None:
    path = tmp_path / "0"
    path.write_bytes(OTTER)

    (given,) = await had(house, grace, Uploaded(param="image", path=path, name="../otter.png"))

    (file,) = await files.files_of(house, account_id=grace.account.id, ids=[given.file_id])
    assert file.name == "otter.png"


# by its link -------------------------------------------------------------------------------------------------------------


async def test_a_link_is_followed_by_the_guarded_client(house: House, grace: Person) -> None:
    async with shelf(house, Says(body=OTTER), names={"pictures.example": "127.0.0.1"}) as (there, server):
        url = server.origin.replace("127.0.0.1", "pictures.example") + "/a/otter.png?token=secret#top"
        (given,) = await had(there, grace, linked(url))
        (heard,) = server.heard

    assert (heard.method, heard.path) == ("GET", "/a/otter.png?token=secret")
    assert "authorization" not in heard.headers
    assert "cookie" not in heard.headers
    (file,) = await files.files_of(house, account_id=grace.account.id, ids=[given.file_id])
    assert file.name == "otter.png"
    assert given.url is not None
    assert "secret" not in given.url


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png",
        "https://localhost/a.png",
        "https://10.0.0.1/a.png",
        "https://192.168.1.1/a.png",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/a.png",
        "https://[::ffff:10.0.0.1]/a.png",
        "https://0x7f.1/a.png",
        "https://2130706433/a.png",
        "http://example.com/a.png",
        "https://example.com:22/a.png",
        "https://user:word@example.com/a.png",
        "https:///a.png",
        "https://example.com/a b.png",
        "https://example.com/" + "x" * 3000,
    ],
)
async def test_what_may_not_be_called_is_not(house: House, grace: Person, url: str) -> None:
    async with Outbound(policy=STRICT, user_agent="limner/test", resolver=Names({})) as outbound:
        problem = await trouble(replace(house, outbound=outbound), grace, linked(url, param="mask"))

    assert isinstance(problem, InvalidPictureUrl)
    assert (problem.param, problem.status) == ("mask", 400)
    assert problem.message.startswith("the link is not followed: ")


async def test_a_name_that_leads_inside_is_not_followed(house: House, grace: Person) -> None:
    names = {"inside.example": "10.0.0.7"}
    async with shelf(house, names=names) as (there, server):
        problem = await trouble(there, grace, linked("https://inside.example/a.png"))

    assert isinstance(problem, InvalidPictureUrl)
    assert "10.0.0.7" not in problem.message
    assert not server.heard


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest", "https://10.0.0.1/", "http://inside.example/", "//10.0.0.1/a.png"]
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_link_that_leads_inside_by_a_detour_is_not_followed(
    house: House, grace: Person, target: str, status: int
) -> None:
    parts = (Says(status=status, headers={"location": target}), Says(body=OTTER))
    async with shelf(house, *parts, names={"inside.example": "10.0.0.7"}) as (there, server):
        problem = await trouble(there, grace, linked(server.url))

    assert isinstance(problem, InvalidPictureUrl)
    assert len(server.heard) == 1


@pytest.mark.parametrize("target", ["file:///etc/passwd", "data:image/png;base64,AAAA", "gopher://example.com/"])
async def test_a_detour_out_of_the_web_is_not_followed(house: House, grace: Person, target: str) -> None:
    async with shelf(house, Says(status=302, headers={"location": target})) as (there, server):
        problem = await trouble(there, grace, linked(server.url))

    assert isinstance(problem, InvalidPictureUrl)


async def test_three_detours_are_taken_and_a_fourth_is_not(house: House, grace: Person) -> None:
    away = Says(status=302, headers={"location": "/further"})
    async with shelf(house, away, away, away, Says(body=OTTER)) as (there, server):
        (given,) = await had(there, grace, linked(server.url))
        assert (given.width, len(server.heard)) == (64, 4)
    async with shelf(house, away) as (there, server):
        problem = await trouble(there, grace, linked(server.url))
        assert len(server.heard) == 4

    assert isinstance(problem, PictureNotFetched)
    assert problem.message == "the link answers 302: give one that leads to a picture"


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 410, 429, 500, 503])
async def test_a_link_that_leads_to_no_picture(house: House, grace: Person, status: int) -> None:
    async with shelf(house, Says(status=status, body=b"" if status == 204 else b"no")) as (there, server):
        problem = await trouble(there, grace, linked(server.url))

    if status == 204:
        assert isinstance(problem, EmptyImage)
    else:
        assert problem.message == f"the link answers {status}: give one that leads to a picture"


async def test_a_redirect_that_says_not_where_to(house: House, grace: Person) -> None:
    async with shelf(house, Says(status=302)) as (there, server):
        assert isinstance(await trouble(there, grace, linked(server.url)), PictureNotFetched)


async def test_a_link_to_a_web_page_is_called_that(house: House, grace: Person) -> None:
    page = Says(body=b"<!doctype html><p>otter", headers={"content-type": "image/png"})
    async with shelf(house, page) as (there, server):
        problem = await trouble(there, grace, linked(server.url))

    assert isinstance(problem, UnsupportedImage)
    assert "this is a web page" in problem.message


async def test_a_link_to_more_than_may_be_is_given_up(house: House, grace: Person) -> None:
    async with shelf(house, Says(body=OTTER)) as (there, server):
        small = replace(there, files_policy=replace(there.files_policy, file_bytes_max=len(OTTER) - 1))
        problem = await trouble(small, grace, linked(server.url))

    assert isinstance(problem, PictureNotFetched)
    assert await kept(house) == []


@pytest.mark.parametrize("part", [HANGS, RESETS])
async def test_a_server_that_never_answers_is_given_up(house: House, grace: Person, part: Part) -> None:
    async with receiving(part) as server, Hasty(policy=POLICY, user_agent="limner/test") as outbound:
        problem = await trouble(replace(house, outbound=outbound), grace, linked(server.url))

    assert isinstance(problem, PictureNotFetched)
    assert outbound.seconds == 30


async def test_a_name_that_nobody_knows(house: House, grace: Person) -> None:
    async with shelf(house, names={}) as (there, _):
        assert isinstance(await trouble(there, grace, linked("https://nowhere.example/a.png")), PictureNotFetched)


async def test_a_link_of_ours_is_read_without_a_call_and_only_while_it_is_good(
    house: House, grace: Person, clock: StillClock
) -> None:
    link = await link_of(house, grace)
    async with shelf(house) as (there, server):
        (given,) = await had(there, grace, linked(link))
        assert not server.heard

    assert (given.width, given.height) == (1024, 1024)
    for wrong in (link.replace("sig=", "sig=x"), link.partition("?")[0], link.replace("/files/", "/files/../files/")):
        assert (await trouble(house, grace, linked(wrong))).status in {403, 404, 400}
    clock.move(seconds=timedelta(days=400).total_seconds())
    assert (await trouble(house, grace, linked(link))).param == "image"


async def test_a_link_that_only_looks_like_ours_is_not_ours(house: House, grace: Person) -> None:
    async with shelf(house, names={"limner.test.evil.example": "10.0.0.7"}) as (there, _):
        url = "http://limner.test.evil.example/files/2026-11-22/a.png?sig=x"
        assert isinstance(await trouble(there, grace, linked(url)), InvalidPictureUrl)


# files that are kept already ---------------------------------------------------------------------------------------------


async def test_one_s_own_file_is_used_as_it_is_kept(house: House, grace: Person) -> None:
    file = await give(house, grace)

    (given,) = await had(house, grace, Kept(param="image", file_id=file.id))

    assert (given.file_id, given.sha256) == (file.id, file.sha256)
    assert len(await kept(house)) == 1


async def test_eve_gets_nowhere_with_grace_s_file(house: House, grace: Person, eve: Person) -> None:
    file = await give(house, grace)

    theirs = await trouble(house, eve, Kept(param="images[1]", file_id=file.id))
    nobody_s = await trouble(house, eve, Kept(param="images[1]", file_id=UUID(int=7)))

    assert (theirs.code, theirs.param) == ("image_file_not_found", "images[1]")
    assert theirs.message.replace(file.id.hex, "") == nobody_s.message.replace(UUID(int=7).hex, "")


async def test_a_file_that_has_expired_or_was_deleted_is_not_there(
    house: House, grace: Person, clock: StillClock
) -> None:
    expired, deleted = await give(house, grace), await give(house, grace)
    await files.remove(house, account_id=grace.account.id, id_=deleted.id)
    assert isinstance(await trouble(house, grace, Kept(param="image", file_id=deleted.id)), NoSuchImageFile)
    clock.move(seconds=(expired.expires_at - clock.now()).total_seconds())
    assert isinstance(await trouble(house, grace, Kept(param="image", file_id=expired.id)), NoSuchImageFile)


# together ----------------------------------------------------------------------------------------------------------------


async def test_pictures_from_everywhere_come_in_their_order(house: House, grace: Person, tmp_path: Path) -> None:
    file, path = await give(house, grace), tmp_path / "0"
    path.write_bytes(png(20, 10))
    async with shelf(house, Says(body=png(30, 10))) as (there, server):
        given = await had(
            there,
            grace,
            linked(server.url),
            Uploaded(param="image", path=path, name=""),
            Kept(param="image", file_id=file.id),
            inline(png(40, 10)),
        )

    assert [one.width for one in given] == [30, 20, 64, 40]


async def test_of_several_faults_one_is_told_and_its_place(house: House, grace: Person) -> None:
    wanted = [inline(OTTER, param=f"image[{place}]") for place in range(6)]
    wanted[4] = inline(b"hello", param="image[4]")

    assert (await trouble(house, grace, *wanted)).param == "image[4]"


async def test_no_more_than_four_links_are_followed_at_once(house: House, grace: Person) -> None:
    async with shelf(house, Says(body=OTTER)) as (there, server):
        await had(there, grace, *(linked(f"{server.url}/{number}") for number in range(12)))

    assert len(server.heard) == 12
    assert server.most_at_once <= 4


async def test_who_leaves_while_a_link_is_followed_leaves_nothing(house: House, grace: Person) -> None:
    async with shelf(house, HANGS) as (there, server):
        waiting = asyncio.create_task(had(there, grace, linked(server.url)))
        await server.until_heard(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    assert await kept(house) == []


async def test_what_is_only_looked_at_is_told_the_same_and_not_kept(house: House, grace: Person) -> None:
    photograph = encoded(noise(mode="CMYK"), "JPEG")

    (looked,) = await had(house, grace, inline(photograph), keeps=False)
    assert await kept(house) == []
    (given,) = await had(house, grace, inline(photograph))

    assert replace(looked, file_id=given.file_id) == given
    assert given.notes == ("the picture was in CMYK and was converted to RGB",)


@pytest.mark.parametrize("count", [16, 17])
async def test_seventeen_pictures_are_refused_before_any_is_had(house: House, grace: Person, count: int) -> None:
    async with shelf(house, Says(body=OTTER)) as (there, server):
        wanted = Wanted(images=tuple(linked(f"{server.url}/{number}") for number in range(count)))
        ask = Ask(prompt="Put a hat on it", model="gpt-image-1")
        if count == 16:
            check_ahead(there, ask, wanted)
            assert len((await with_pictures(there, ask, wanted, principal=grace.principal)).images) == 16
        else:
            with pytest.raises(InvalidValue) as error:
                check_ahead(there, ask, wanted)
            assert error.value.param == "image"
            assert error.value.message == (
                "the engine behind the model 'gpt-image-1' starts from 16 pictures at most, not 17"
            )
            assert not server.heard


# masks -------------------------------------------------------------------------------------------------------------------


async def masked(house: House, person: Person, picture: bytes, over: bytes) -> None:
    """Have a picture and a mask, and have them judged."""
    ask = await with_pictures(
        house,
        Ask(prompt="Put a hat on it", model="gpt-image-1"),
        Wanted(images=(inline(picture),), mask=inline(over, param="mask")),
        principal=person.principal,
    )
    catalog_rules.spec_for(ask, model=house.catalog.model("gpt-image-1"))


async def asked(house: House, person: Person, picture: bytes, over: bytes) -> str:
    """What is said of a mask that will not do."""
    with pytest.raises(Problem) as error:
        await masked(house, person, picture, over)
    assert error.value.param == "mask"
    return error.value.message


async def test_masks_of_real_files(house: House, grace: Person) -> None:
    opaque = encoded(noise(mode="RGBA"))

    await masked(house, grace, OTTER, mask())
    assert await asked(house, grace, OTTER, mask(32, 48)) == (
        "mask must be as large as the first picture, 64x48; it is 32x48"
    )
    assert await asked(house, grace, OTTER, png()) == "mask must have an alpha channel: it can be seen through nowhere"
    assert await asked(house, grace, OTTER, opaque) == (
        "mask must be wholly transparent where the picture is to be painted anew: it is so nowhere"
    )
    assert await asked(house, grace, OTTER, encoded(noise(), "JPEG")) == "mask must be a png; this is a jpeg"


async def test_a_mask_is_measured_by_the_picture_as_it_stands_upright(house: House, grace: Person) -> None:
    told = Image.Exif()
    told[0x0112] = 6
    photograph = encoded(noise(64, 48), "JPEG", exif=told)

    await masked(house, grace, photograph, mask(48, 64))
    assert "48x64" in await asked(house, grace, photograph, mask(64, 48))


async def test_nothing_wanted_is_nothing_done(house: House, grace: Person) -> None:
    ask = Ask(prompt="An otter", model="gpt-image-1")

    assert await with_pictures(house, ask, inputs.NONE_WANTED, principal=grace.principal) is ask
