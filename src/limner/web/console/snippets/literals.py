"""Values as they stand in programs: whatever somebody has typed into a prompt means itself there, and nothing more."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from limner.web.console.snippets.request import Value

SAFE_INTEGER_MAX: Final = 2**53 - 1
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BASIC_PLANE_MAX: Final = 0xFFFF
# Zero-width joiners make emoji and write whole languages: they stay. So do the tags of flags, beyond the basic plane.
_JOINERS: Final = frozenset("\u200c\u200d")
_JAVASCRIPT_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_PLAIN_WORD: Final = re.compile(r"[A-Za-z0-9_@%+=:,./-]+", re.ASCII)


def is_unseen(character: str) -> bool:
    """Whether it would not be seen, or would change how what stands beside it is seen or read."""
    is_kept = ord(character) > _BASIC_PLANE_MAX or character in _JOINERS
    return not is_kept and unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def quoted(text: str) -> str:
    """In double quotes, as JSON, JavaScript, Python and Go all read it."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    return f"\\u{ord(character):04x}" if is_unseen(character) else character


def json_text(body: Mapping[str, Value], *, margin: str = "") -> str:
    """The body as JSON, a field to a line; all lines but the first begin with `margin`."""
    fields = ",\n".join(f"{margin}  {quoted(name)}: {in_json(value)}" for name, value in body.items())
    return f"{{\n{fields}\n{margin}}}"


def in_json(value: Value | None) -> str:
    """As JSON writes it."""
    match value:
        case str():
            return quoted(value)
        case list():
            return f"[{', '.join(map(in_json, value))}]"
        case dict():
            return f"{{{', '.join(f'{quoted(name)}: {in_json(one)}' for name, one in value.items())}}}"
        case _:
            return json.dumps(value)


def in_javascript(value: Value | None) -> str:
    """As JavaScript writes it; whole numbers that it would round are handed to JSON as they are."""
    match value:
        case int() if abs(value) > SAFE_INTEGER_MAX:
            return f'JSON.rawJSON("{value}")'
        case list():
            return f"[{', '.join(map(in_javascript, value))}]"
        case dict():
            # A computed name: `"__proto__": ...` would be something else.
            return f"{{{', '.join(f'[{quoted(name)}]: {in_javascript(one)}' for name, one in value.items())}}}"
        case _:
            return in_json(value)


def name_in_javascript(name: str) -> str:
    """A property's name as JavaScript writes it."""
    return name if _JAVASCRIPT_NAME.fullmatch(name) and name != "__proto__" else f"[{quoted(name)}]"


def in_python(value: Value | None) -> str:
    """As Python writes it."""
    match value:
        case str():
            return quoted(value)
        case list():
            return f"[{', '.join(map(in_python, value))}]"
        case dict():
            return f"{{{', '.join(f'{quoted(name)}: {in_python(one)}' for name, one in value.items())}}}"
        case _:
            return repr(value)


def in_php(value: Value | None) -> str:
    """As PHP writes it: in single quotes, in which it reads next to nothing, unless something must be escaped."""
    if isinstance(value, list):
        return f"[{', '.join(map(in_php, value))}]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{in_php(name)} => {in_php(one)}" for name, one in value.items())
        return f"[{pairs}]" if pairs else "new stdClass()"
    if not isinstance(value, str):
        return json.dumps(value)
    if not any(is_unseen(character) for character in value):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return '"' + "".join(_escaped_for_php(character) for character in value) + '"'


def _escaped_for_php(character: str) -> str:
    if character == "$":
        return "\\$"
    if character in _SHORT:
        return _SHORT[character]
    return f"\\u{{{ord(character):x}}}" if is_unseen(character) else character


def in_bash(text: str) -> str:
    """A word of a command, in single quotes where it needs any: in them a shell reads nothing at all."""
    return text if _PLAIN_WORD.fullmatch(text) else "'" + text.replace("'", "'\\''") + "'"


def in_go(text: str) -> str:
    """JSON as a raw string of Go, which ends at the first backtick: JSON can do without."""
    return "`" + text.replace("`", "\\u0060") + "`"
