"""What strangers sent, so that a person can read it: JSON indented as it came, pictures cut short, nothing invisible. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

import orjson

from limner.inboxes import rules
from limner.web.console.snippets.colours import highlight
from limner.web.console.snippets.literals import is_unseen

if TYPE_CHECKING:
    from markupsafe import Markup

_LINES_MAX: Final = 400
_CHARACTERS_MAX: Final = 20_000
_DEPTH_MAX: Final = 40
_INDENT: Final = "  "
_MORE: Final = "…"
_KEPT: Final = frozenset("\n\t")
# A string (perhaps cut off), a sign, or anything else up to the next of these.
_JSON_PART: Final = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?$)|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_BEGINS_LIKE_JSON: Final = re.compile(r'\s*(\{\s*"|\[\s*[\[{"])')


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A text for a `pre`. `is_cut`: it had more than is shown."""

    lines: Markup
    is_json: bool
    is_cut: bool


def visible(text: str) -> str:
    """The text with what would not be seen, or would turn round what stands beside it, written out."""
    return "".join(
        f"\\u{ord(character):04x}" if character not in _KEPT and is_unseen(character) else character
        for character in text
    )


def shown(text: str, *, is_truncated: bool = False) -> Shown:
    """The text as it is to be read; of one that `is_truncated`, its end is not there."""
    short = rules.shortened(text.replace("\r\n", "\n"))
    is_json = _is_json(text, is_truncated=is_truncated)
    lines = _pretty(short) if is_json else iter(short.split("\n"))
    begun, is_cut = _beginning(lines)
    coloured = highlight(visible(begun), "json" if is_json else "text")
    return Shown(lines=coloured, is_json=is_json, is_cut=is_cut or is_truncated)


def _beginning(lines: Iterator[str]) -> tuple[str, bool]:
    """As much as a page can bear."""
    kept: list[str] = []
    left = _CHARACTERS_MAX
    for line in islice(lines, _LINES_MAX):
        if len(line) > left:
            return "\n".join([*kept, line[:left] + _MORE]), True
        kept.append(line)
        left -= len(line) + 1
    is_cut = next(lines, None) is not None
    return "\n".join([*kept, _MORE] if is_cut else kept), is_cut


def _is_json(text: str, *, is_truncated: bool) -> bool:
    """Whether it is an object or a list; of one that is cut off, whether it begins like one."""
    if is_truncated:
        return _BEGINS_LIKE_JSON.match(text) is not None
    if text.lstrip()[:1] not in {"{", "["}:
        return False
    try:
        orjson.loads(text)
    except ValueError:
        return False
    return True


def _pretty(text: str) -> Iterator[str]:
    """JSON with one thing on each line, every token as it was sent."""
    line, depth, before = "", 0, ""
    tokens = _JSON_PART.finditer(text)
    token = next(tokens, None)
    while token is not None:
        part, after = token[0], next(tokens, None)
        following = after[0] if after is not None else ""
        if part in {"{", "["}:
            line += part
            if following not in {"}", "]"}:
                yield line
                depth += 1
                line = _INDENT * min(depth, _DEPTH_MAX)
        elif part in {"}", "]"}:
            if before not in {"{", "["}:
                if line.strip():
                    yield line
                depth = max(0, depth - 1)
                line = _INDENT * min(depth, _DEPTH_MAX)
            line += part
        elif part == ",":
            yield line + part
            line = _INDENT * min(depth, _DEPTH_MAX)
        elif part == ":":
            line += ": "
        else:
            line += part
        before, token = part, after
    if line.strip():
        yield line
