from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import click
import pytest

from limner.cli.parts.arrival import pretty, shown
from limner.flow.house import House
from limner.flow.inbox import Sent, make, receive
from limner.inboxes.models import Inbox, Received
from limner.kit.ids import uuid7
from support.console import PUBLIC_URL, Console
from support.people import join

TASK = uuid7()


def received(**given: Any) -> Received:
    values: dict[str, Any] = {
        "inbox_id": uuid7(),
        "number": 3,
        "received_at": datetime(2026, 11, 22, 12, 30, 5, tzinfo=UTC),
        "method": "POST",
        "path": "/done",
        "query": "a=1",
        "headers": {"host": "limner.test", "content-type": "application/json", "x-mine": "1", "webhook-id": "msg_1"},
        "body": b"",
        "standard_check": "valid",
        "callback_check": "unsigned",
        "task_id": None,
        "sender": "127.0.0.1",
    }
    values |= given
    return Received(**({"body_bytes": len(values["body"])} | values))


def lines(**given: Any) -> list[str]:
    return [click.unstyle(line) for line in shown(received(**given), columns=80)]


# showing -----------------------------------------------------------------------------------------------------------------


def test_a_request_is_read_from_top_to_bottom() -> None:
    body = b'{"success":true,"data":{"data":[{"url":"https://x.test/a.png"}],"usage":{}},"error":null,"none":[]}'
    assert lines(body=body, task_id=TASK, callback_check="valid") == [
        "── 3 ── 12:30:05 UTC " + "─" * 59,
        "POST /done?a=1",
        "",
        f"From       127.0.0.1, {len(body)} bytes",
        "Signature  valid: a secret of the account made it",
        "           x-callback-signature valid: the request's callback_secret made it",
        f"Task       {TASK}",
        "",
        "content-type: application/json",
        "webhook-id: msg_1",
        "x-mine: 1",
        "host: limner.test",
        "",
        "{",
        '  "success": true,',
        '  "data": {',
        '    "data": [',
        "      {",
        '        "url": "https://x.test/a.png"',
        "      }",
        "    ],",
        '    "usage": {}',
        "  },",
        '  "error": null,',
        '  "none": []',
        "}",
        "",
    ]


@pytest.mark.parametrize(
    ("standard", "callback", "words"),
    [
        ("valid", "unsigned", "Signature  valid: "),
        ("wrong", "unsigned", "Signature  wrong: "),
        ("too_old", "unsigned", "Signature  too old: "),
        ("too_new", "unsigned", "Signature  too new: "),
        ("malformed", "unsigned", "Signature  malformed: "),
        ("unsigned", "unsigned", "Signature  none"),
        ("unsigned", "wrong", "           x-callback-signature wrong: "),
        ("unsigned", "unknown", "           x-callback-signature cannot be checked: "),
        ("unsigned", "malformed", "           x-callback-signature malformed: "),
    ],
)
def test_what_a_signature_is_worth_is_said_in_words(standard: str, callback: str, words: str) -> None:
    said = lines(standard_check=standard, callback_check=callback)

    assert [line for line in said if line.startswith(words)] != []


def test_good_and_bad_have_their_colours() -> None:
    good = "\n".join(shown(received(), columns=80))
    bad = "\n".join(shown(received(standard_check="wrong"), columns=80))

    assert click.style("valid", fg="green", bold=True) in good
    assert click.style("wrong", fg="red", bold=True) in bad


def test_pictures_are_shortened_and_what_was_cut_off_is_said() -> None:
    body = json.dumps({"prompt": "an otter", "b64_json": base64.b64encode(bytes(3000)).decode()}).encode()

    said = lines(body=body[:2000], body_bytes=len(body))

    assert '  "prompt": "an otter",' in said
    assert max(map(len, said)) <= 100
    assert said[-2] == f"({len(body):,} bytes in all; what is shown is its beginning)"


def test_a_form_is_shown_as_it_is_and_bytes_are_counted() -> None:
    assert lines(body=b"hello=world\n[1")[-3:-1] == ["hello=world", "[1"]
    assert lines(body=b"[info] all is well, so far")[-2] == "[info] all is well, so far"
    assert lines(body=b"[info] all is well, so far", body_bytes=99)[-3] == "[info] all is well, so far"
    assert lines(body=b"\x89PNG\xff")[-2] == "(5 bytes that are no text)"
    assert lines(body=b"")[-2:] == ["host: limner.test", ""]


def test_a_request_cannot_write_on_the_terminal_as_it_likes() -> None:
    evil = "\x1b[2J\x1b]0;owned\x07\r"
    said = "\n".join(
        shown(
            received(method=evil, path=evil, query=evil, headers={"x-evil": evil + "\nFrom: ada"}, body=evil.encode()),
            columns=80,
        )
    )

    assert "\x1b[2J" not in said
    assert "\x1b]" not in said
    assert not {"\r", "\x07"} & set(said)
    assert "\nFrom: ada" not in said


def body_shown(body: bytes, *, body_bytes: int) -> list[str]:
    said = lines(headers={}, body=body, body_bytes=body_bytes)
    # A rule, the request's line, a blank, two facts and two blanks come before it; a blank line ends it.
    assert (said[5:7], said[-1]) == (["", ""], "")
    return said[7:-1]


@pytest.mark.parametrize(
    ("body", "count"),
    [
        pytest.param(b"so it goes " * 30_000, 1, id="one line without end"),
        pytest.param(b"so it goes\n" * 30_000, 40, id="lines without end"),
        pytest.param(b"\n" * 300_000, 40, id="empty lines without end"),
        pytest.param(b"\x00" * 300_000, 1, id="what a terminal must not be sent"),
        pytest.param("獭".encode() * 100_000, 1, id="wide letters"),
        pytest.param(b"[" * 300_000, 40, id="lists in lists, cut off"),
        pytest.param(json.dumps(["so it goes"] * 30_000).encode(), 40, id="a list without end, cut off"),
        pytest.param(json.dumps({"key " * 90_000: 1}).encode(), 2, id="a long key, cut off"),
    ],
)
def test_a_huge_body_does_not_flood_the_terminal(body: bytes, count: int) -> None:
    *begun, last = body_shown(body[:262_144], body_bytes=3_000_000)

    assert last == "(3,000,000 bytes in all; what is shown is its beginning)"
    assert len(begun) == count
    assert sum(map(len, begun)) <= 4_001


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 100_000, id="no JSON that can be read"),
        pytest.param(json.dumps(list(range(1000))).encode(), id="a thousand lines"),
        pytest.param(json.dumps(["so it goes " * 30] * 100).encode(), id="a hundred long lines"),
    ],
)
def test_of_a_body_that_was_kept_whole_only_the_beginning_is_shown(body: bytes) -> None:
    *begun, last = body_shown(body, body_bytes=len(body))

    assert last == f"({len(body):,} bytes in all; what is shown is its beginning)"
    assert len(begun) <= 40
    assert sum(map(len, begun)) <= 4_001


def test_json_of_a_callback_s_size_is_shown_whole() -> None:
    body = json.dumps({"data": [{"revised_prompt": "an otter " * 40, "url": "x" * 200}] * 10}).encode()

    assert len(body_shown(body, body_bytes=len(body))) == 2 + 10 * 4 + 2


def test_what_one_wants_to_copy_is_not_cut() -> None:
    copied = {
        "webhook-id": "msg_" + "1" * 90,
        "webhook-timestamp": "1" * 90,
        "webhook-signature": " ".join(["v1," + "A" * 43 + "="] * 2),
        "x-callback-signature": "ab" * 50,
    }
    said = lines(headers=copied | {"x-mine": "1" * 90})

    for name, value in copied.items():
        assert f"{name}: {value}" in said
    assert "x-mine: " + "1" * 71 + "…" in said


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a":"b\\"}{","c":[1,2]}', ["{", '  "a": "b\\"}{",', '  "c": [', "    1,", "    2", "  ]", "}"]),
        ("[]", ["[]"]),
        ('[{"a":"cut o', ["[", "  {", '    "a": "cut o']),
        ('{"a":"cut o\\', ["{", '  "a": "cut o\\']),
        ("}}]", ["}", "}", "]"]),
        ("{", ["{"]),
        ('["' + "x " * 300 + '"]', ["[", '  "' + ("x " * 300)[:399] + "… (202 more)", "]"]),
    ],
)
def test_json_is_laid_out_whole_or_cut_off(text: str, found: list[str]) -> None:
    assert [click.unstyle(line) for line in pretty(text)] == found


# the command -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def inbox(console: Console) -> Inbox:
    async def sent(house: House) -> Inbox:
        ada = await join(house, "owner", role="owner")
        await join(house, "grace")
        made = await make(
            house.database, clock=house.clock, life=house.inbox_life, account_id=ada.account.id, name="callbacks"
        )
        head = Sent(method="POST", path="/done", query="", headers=[("authorization", "Bearer hush")], sender=None)
        for _ in range(2):
            await receive(house, token=made.inbox.token, sent=head, body=_body())
        return made.inbox

    return console.inside(sent)


async def _body() -> Any:
    yield b'{"n": 1}'


def test_an_inbox_that_is_there_shows_what_has_come(console: Console, inbox: Inbox) -> None:
    said = console.limner("inbox", inbox.token, "--once")

    assert said.code == 0
    assert f"  Inbox   {PUBLIC_URL}/inbox/{inbox.token}" in said.lines
    assert f"no limner answers at {PUBLIC_URL}" in said.out
    assert [line[:8] for line in said.lines if line.startswith("──")] == ["── 1 ── "]
    assert "authorization: Bearer ***" in said.lines
    assert said.lines[-4:-1] == ["{", '  "n": 1', "}"]


def test_programs_get_one_line_for_each_request(console: Console, inbox: Inbox) -> None:
    said = console.limner("inbox", f"{PUBLIC_URL}/inbox/{inbox.token}", "--once", "--json")

    assert said.code == 0
    (line,) = said.lines
    request = json.loads(line)
    assert (request["number"], request["body"], request["path"]) == (1, '{"n": 1}', "/done")
    assert request["signature"] == {"valid": None, "standard": "unsigned", "callback": "unsigned"}
    assert inbox.token in said.err


def test_inboxes_are_listed(console: Console, inbox: Inbox) -> None:
    said = console.limner("inbox", "--list")
    (one,) = console.limner("inbox", "--list", "--json").json()

    assert said.lines[0].split()[:3] == ["INBOX", "NAME", "REQUESTS"]
    assert said.lines[1].split()[:3] == [inbox.token, "callbacks", "2"]
    assert (one["url"], one["requests"]) == (f"{PUBLIC_URL}/inbox/{inbox.token}", 2)
    assert (
        console.limner("inbox", "--list", "--account", "grace").out
        == "grace has no inboxes: `limner inbox` makes one.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nonsense",), "there is no such inbox"),
        (("--account", "eve"), "there is no account called 'eve'"),
        (("--list", "--account", "eve"), "there is no account called 'eve'"),
    ],
)
def test_what_is_not_there_is_one_line(console: Console, inbox: Inbox, arguments: tuple[str, ...], words: str) -> None:
    assert inbox
    said = console.limner("inbox", *arguments)

    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"limner: {words}")
    assert said.err.count("\n") == 1


def test_another_account_s_inbox_is_not_shown(console: Console, inbox: Inbox) -> None:
    assert console.limner("inbox", inbox.token, "--account", "grace").err.startswith("limner: there is no such inbox")
