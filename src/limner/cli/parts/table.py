"""Lists for people, aligned, and the same as JSON for programs."""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import click

_GAP: Final = "  "
_COLUMNS: Final = 100
_NARROWEST: Final = 8

json_option: Final[Callable[[Callable[..., Any]], Callable[..., Any]]] = click.option(
    "--json", "as_json", is_flag=True, help="Write JSON, for programs."
)


def write_json(value: object) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def write_table(
    rows: Sequence[Mapping[str, str]],
    *,
    nothing: str = "",
    right: Collection[str] = (),
    narrow: Collection[str] = (),
) -> None:
    """The rows under their headings; `nothing` says what to do when there are none.

    `narrow`: columns whose texts are cut where the table would be wider than the terminal.
    """
    columns = shutil.get_terminal_size((_COLUMNS, 24)).columns
    for line in table(rows, right=right, narrow=narrow, columns_max=columns) or ([nothing] if nothing else []):
        click.echo(line)


def table(
    rows: Sequence[Mapping[str, str]],
    *,
    right: Collection[str] = (),
    narrow: Collection[str] = (),
    columns_max: int = _COLUMNS,
) -> list[str]:
    """Lines of an aligned table. Columns that are empty in every row are left out; those in `right` are numbers.

    Those in `narrow` are cut, the widest first, until the lines are no longer than `columns_max`.
    """
    if not rows:
        return []
    columns = [name for name in rows[0] if any(row[name] for row in rows)]
    widths = {name: max(map(width, (name, *(row[name] for row in rows)))) for name in columns}
    _make_room(widths, narrow=[name for name in columns if name in narrow], columns_max=columns_max)
    cells = [{name: name.upper() for name in columns}, *rows]
    lines = [
        _GAP.join(
            _padded(cut(row[name], widths[name]), widths[name], to_right=name in right) for name in columns
        ).rstrip()
        for row in cells
    ]
    return [click.style(lines[0], dim=True), *lines[1:]]


def _make_room(widths: dict[str, int], *, narrow: Sequence[str], columns_max: int) -> None:
    too_many = sum(widths.values()) + len(_GAP) * (len(widths) - 1) - columns_max
    for _ in range(too_many):
        widest = max(narrow, key=lambda name: widths[name], default=None)
        if widest is None or widths[widest] <= max(len(widest), _NARROWEST):
            return
        widths[widest] -= 1


def cut(text: str, columns: int) -> str:
    """The text, or as much of it as fits and a sign that there is more."""
    if width(text) <= columns:
        return text
    plain = click.unstyle(text)
    while width(plain) > columns - 1:
        plain = plain[:-1]
    return plain + "…"


def plain(text: str) -> str:
    """The text without what could move the cursor, change colours, or stand for another letter than it seems to."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text)


def width(text: str) -> int:
    """How many columns a terminal gives the text: wide letters take two, combining marks and colours none."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in click.unstyle(text)
    )


def _padded(text: str, columns: int, *, to_right: bool) -> str:
    space = " " * (columns - width(text))
    return space + text if to_right else text + space
