"""`limner files`: pictures that callers have given."""

from __future__ import annotations

from limner.files.models import File
from limner.flow.house import House
from support.console import PUBLIC_URL, Console
from support.files import OTTER, give
from support.people import join


async def _two_people(house: House) -> tuple[File, File]:
    grace, eve = await join(house, "grace"), await join(house, "eve")
    first = await give(house, grace, name="otter\x1b[31m.png")
    second = await give(house, eve, name="", is_listed=False, purpose="input", url="https://eve.test/a.png?key=1")
    return first, second


def test_files_are_listed_shown_and_removed(console: Console) -> None:
    grace_s, eve_s = console.inside(_two_people)

    listed = console.limner("files", "list")
    assert listed.code == 0, listed.err
    assert len(listed.lines) == 3
    assert "input" in listed.lines[1]
    assert "64x48" in listed.lines[2]
    assert "grace" in listed.lines[2]
    (only,) = console.limner("files", "list", "--account", "grace", "--json").json()
    assert (only["id"], only["account"], only["bytes"]) == (f"file-{grace_s.id.hex}", "grace", len(OTTER))
    assert only["name"] == "otter[31m.png"

    shown = console.limner("files", "show", f"file-{eve_s.id.hex}")
    assert shown.code == 0, shown.err
    told = dict(line.split(maxsplit=1) for line in shown.lines)
    assert told["File"] == f"file-{eve_s.id.hex}"
    assert told["Purpose"] == "input: it came inside a request"
    assert told["From"] == "https://eve.test/a.png"
    assert told["Link"].startswith(f"{PUBLIC_URL}/files/inputs/")
    beginning = listed.lines[2].split()[0]
    assert console.limner("files", "show", beginning, "--json").json()["sha256"] == grace_s.sha256

    removed = console.limner("files", "remove", str(eve_s.id), "ffff")
    assert removed.code == 1
    assert removed.lines == [f"file-{eve_s.id.hex} is removed."]
    assert "there is no file whose id begins with 'ffff'" in removed.err
    assert len(console.limner("files", "list", "--json").json()) == 1
    assert console.limner("files", "list", "--account", "eve").lines == ["eve has no files."]
    assert console.inside(_stored) == [grace_s.storage_key]


async def _stored(house: House) -> list[str]:
    return [key async for key in house.storage.keys("inputs/")]


def test_where_there_is_nothing_it_is_said(console: Console) -> None:
    async def nobody(_house: House) -> None:
        return None

    console.inside(nobody)

    assert console.limner("files", "list").lines == ["There are no files."]
    missing = console.limner("files", "show", "ffff")
    assert missing.code != 0
    assert "limner files list" in missing.err
