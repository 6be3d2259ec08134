from __future__ import annotations

import click

from limner.cli.parts.table import table


def test_columns_are_aligned_and_empty_ones_left_out() -> None:
    rows = [
        {"name": "grace", "note": "", "credits": "10.5"},
        {"name": "小明", "note": "", "credits": "7"},
    ]
    lines = [click.unstyle(line) for line in table(rows, right={"credits"})]
    assert lines == [
        "NAME   CREDITS",
        "grace     10.5",
        "小明         7",  # each of these letters takes two columns
    ]


def test_no_rows_are_no_lines() -> None:
    assert table([]) == []
