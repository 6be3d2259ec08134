"""One thing with everything about it: a label and a value on each line."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

import click

from limner.cli.parts.table import plain

_LABEL_WIDTH: Final = 11
_COLUMNS_MAX: Final = 100

STATE_COLOURS: Final = {
    "succeeded": "green",
    "delivered": "green",
    "good": "green",
    "queued": "yellow",
    "waiting": "yellow",
    "running": "cyan",
    "failed": "red",
    "paused": "red",
    "failing": "yellow",
}


def state(word: str, more: str = "") -> str:
    """A state in its colour, and what else there is to say of it."""
    return click.style(word, fg=STATE_COLOURS.get(word)) + (f" {more}" if more else "")


def fact(label: str, value: str) -> str:
    """One line; whoever prints it takes the colours off where they are not wanted."""
    return f"{click.style(label.ljust(_LABEL_WIDTH), dim=True)}{value}".rstrip()


def facts(label: str, values: Iterable[str]) -> Iterator[str]:
    """The first value beside the label, the others below it."""
    for number, value in enumerate(values):
        yield fact("" if number else label, value)


def passage(label: str, text: str) -> Iterator[str]:
    """A text that others have written: wrapped, and harmless."""
    columns = min(_COLUMNS_MAX, shutil.get_terminal_size((_COLUMNS_MAX, 24)).columns)
    room = max(_LABEL_WIDTH, columns - _LABEL_WIDTH)
    lines = [line for part in plain(text).splitlines() for line in textwrap.wrap(part, room) or [""]]
    yield from facts(label, lines or [""])
