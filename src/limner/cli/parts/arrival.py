"""A request to an inbox, as a person reads it: what it is, whether it is signed, what it says. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Final

import click

from limner.cli.parts.table import cut, plain
from limner.inboxes import rules
from limner.inboxes.models import Received

_INDENT: Final = "  "
_LABEL_WIDTH: Final = 11
# JSON within the first two is shown whole; of anything else, only a beginning.
_JSON_LINES: Final = 200
_JSON_CHARACTERS: Final = 16_000
_LINES_MAX: Final = 40
_CHARACTERS_MAX: Final = 4_000
_STRING_CHARACTERS: Final = 400
_TELLING: Final = ("content-type", "user-agent", "webhook-id", "webhook-timestamp", "webhook-signature")
_PLAIN_SIGNATURE: Final = "x-callback-signature"
# What a receiver is tried out with by hand: half of a signature is worth nothing.
_COPIED: Final = frozenset({"webhook-id", "webhook-timestamp", "webhook-signature", _PLAIN_SIGNATURE})
# A string (perhaps cut off), a sign, or anything else up to the next of these.
_JSON_PART: Final = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?$)|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)

_COLOURS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "valid": "green",
        "wrong": "red",
        "malformed": "red",
        "too_old": "yellow",
        "too_new": "yellow",
        "unknown": "yellow",
    }
)
_STANDARD: Final[Mapping[str, str]] = MappingProxyType(
    {
        "valid": "valid: a secret of the account made it",
        "wrong": "wrong: no secret of the account made it for this body",
        "too_old": "too old: rightly made, more than five minutes ago",
        "too_new": "too new: rightly made, for a time to come; a clock is wrong",
        "malformed": "malformed: webhook-id, -timestamp or -signature is missing or not in its form",
        "unsigned": "none",
    }
)
_CALLBACK: Final[Mapping[str, str]] = MappingProxyType(
    {
        "valid": "valid: the request's callback_secret made it",
        "wrong": "wrong: the request's callback_secret did not make it for this body",
        "malformed": "malformed: it should be 64 hexadecimal digits",
        "unknown": "cannot be checked: this is no callback of the account that was asked for with a callback_secret",
        "unsigned": "none",
    }
)


def shown(received: Received, *, columns: int) -> Iterator[str]:
    """The lines, with colours; whoever prints them takes them off where they are not wanted."""
    yield _rule(received, columns=columns)
    query = f"?{received.query}" if received.query else ""
    yield f"{click.style(plain(received.method), bold=True)} {plain(received.path + query)}"
    yield ""
    yield _fact("From", f"{received.sender or 'nobody knows where'}, {received.body_bytes:,} bytes")
    yield from _signatures(received)
    if received.task_id is not None:
        yield _fact("Task", str(received.task_id))
    yield ""
    yield from _headers(received.headers, columns=columns)
    body = list(_body(received))
    if body:
        yield ""
        yield from body
    yield ""


def _rule(received: Received, *, columns: int) -> str:
    head = f"── {received.number} ── {received.received_at:%H:%M:%S} UTC "
    return click.style(head + "─" * max(0, min(columns, 100) - len(head)), dim=True)


def _signatures(received: Received) -> Iterator[str]:
    standard, callback = received.standard_check, received.callback_check
    if standard == callback == "unsigned":
        yield _fact("Signature", "none")
        return
    yield _fact("Signature", _checked(standard, _STANDARD))
    if callback != "unsigned":
        yield _fact("", f"{_PLAIN_SIGNATURE} {_checked(callback, _CALLBACK)}")


def _checked(check: str, words: Mapping[str, str]) -> str:
    word, _, why = words[check].partition(":")
    return click.style(word, fg=_COLOURS.get(check), bold=True) + (f":{why}" if why else "")


def _fact(label: str, value: str) -> str:
    return f"{click.style(label.ljust(_LABEL_WIDTH), dim=True)}{value}"


def _headers(headers: Mapping[str, str], *, columns: int) -> Iterator[str]:
    """Those that tell something of a callback first, then those that senders add, the rest dimmed."""
    telling = [name for name in (*_TELLING, _PLAIN_SIGNATURE) if name in headers]
    others = sorted(headers.keys() - telling, key=lambda name: (not name.startswith("x-"), name))
    for name in (*telling, *others):
        line = plain(f"{name}: {headers[name]}").replace("\n", " ")
        line = line if name in _COPIED else cut(line, columns)
        yield click.style(line, dim=True) if name in others else line


def _body(received: Received) -> Iterator[str]:
    body = rules.shown_body(received.body, is_truncated=received.is_truncated)
    if body.encoding == "base64":
        if received.body:
            yield click.style(f"({received.body_bytes:,} bytes that are no text)", dim=True)
        return
    text = plain(rules.shortened(body.text))
    is_json = _is_json(body.text, is_cut_off=received.is_truncated)
    lines = list(islice(pretty(text), _JSON_LINES + 1)) if is_json else text.splitlines()
    is_small_json = is_json and len(lines) <= _JSON_LINES and _characters(lines) <= _JSON_CHARACTERS
    begun = lines if is_small_json else list(_beginning(lines))
    yield from begun
    if received.is_truncated or begun != lines:
        yield click.style(f"({received.body_bytes:,} bytes in all; what is shown is its beginning)", dim=True)


def _characters(lines: Iterable[str]) -> int:
    return sum(len(click.unstyle(line)) for line in lines)


def _beginning(lines: Iterable[str]) -> Iterator[str]:
    """As many of the lines as do not flood a terminal; the last may be cut."""
    left = _CHARACTERS_MAX
    for line in islice(lines, _LINES_MAX):
        letters = click.unstyle(line)
        if len(letters) > left:
            yield letters[:left] + "…"
            return
        left -= len(letters)
        yield line


def _is_json(text: str, *, is_cut_off: bool) -> bool:
    """Whether it is an object or a list; of one that is cut off, whether it begins like one."""
    begun = re.match(r'\s*(\{\s*"|\[\s*[\[{"])', text) if is_cut_off else text.lstrip()[:1] in {"{", "["}
    if not begun or is_cut_off:
        return bool(begun)
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def pretty(text: str) -> Iterator[str]:
    """JSON with one thing on each line, as it was sent, whole or cut off; long strings are shortened."""
    line, depth = "", 0
    parts: list[str] = _JSON_PART.findall(text)
    for number, part in enumerate(parts):
        following = parts[number + 1] if number + 1 < len(parts) else ""
        if part in {"{", "["}:
            line += part
            if following not in {"}", "]"}:
                yield line
                depth += 1
                line = _INDENT * depth
        elif part in {"}", "]"}:
            if number and parts[number - 1] not in {"{", "["}:
                if line.strip():
                    yield line
                depth = max(0, depth - 1)
                line = _INDENT * depth
            line += part
        elif part == ",":
            yield line + part
            line = _INDENT * depth
        elif part == ":":
            line += ": "
        else:
            line += click.style(_short(part), fg="cyan") if following == ":" else _short(part)
    if line.strip():
        yield line


def _short(part: str) -> str:
    if len(part) <= _STRING_CHARACTERS:
        return part
    return f"{part[:_STRING_CHARACTERS]}… ({len(part) - _STRING_CHARACTERS:,} more)"
