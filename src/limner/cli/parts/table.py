"""Lists for people, aligned, and the same as JSON for programs."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import click

_GAP: Final = "  "

json_option: Final[Callable[[Callable[..., Any]], Callable[..., Any]]] = click.option(
    "--json", "as_json", is_flag=True, help="Write JSON, for programs."
)


def write_json(value: object) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def write_table(rows: Sequence[Mapping[str, str]], *, nothing: str = "", right: Collection[str] = ()) -> None:
    """The rows under their headings; `nothing` says what to do when there are none."""
    for line in table(rows, right=right) or ([nothing] if nothing else []):
        click.echo(line)


def table(rows: Sequence[Mapping[str, str]], *, right: Collection[str] = ()) -> list[str]:
    """Lines of an aligned table. Columns that are empty in every row are left out; those in `right` are numbers."""
    if not rows:
        return []
    columns = [name for name in rows[0] if any(row[name] for row in rows)]
    widths = {name: max(map(width, (name, *(row[name] for row in rows)))) for name in columns}
    cells = [{name: name.upper() for name in columns}, *rows]
    lines = [
        _GAP.join(_padded(row[name], widths[name], to_right=name in right) for name in columns).rstrip()
        for row in cells
    ]
    return [click.style(lines[0], dim=True), *lines[1:]]


def width(text: str) -> int:
    """How many columns a terminal gives the text: wide letters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def _padded(text: str, columns: int, *, to_right: bool) -> str:
    space = " " * (columns - width(text))
    return space + text if to_right else text + space
