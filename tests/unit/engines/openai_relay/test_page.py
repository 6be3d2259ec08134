"""docs/relays.md says what the tables in the code say."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from limner.engines.openai_relay.dialects import DIALECTS, Dialect, FreeSizes
from limner.engines.openai_relay.options import DIALECT_NAMES, RelayOptions, UpstreamOptions

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "relays.md").read_text(encoding="utf-8")


def cells(first: str) -> list[str]:
    """The row of a table that begins with `first`, without it."""
    found = re.search(rf"^\| {re.escape(first)} \|(.*)\|$", PAGE, re.MULTILINE)
    assert found is not None, f"no row {first}"
    return [cell.strip() for cell in found[1].split("|")]


def test_every_option_is_written_down() -> None:
    names = {one.name for one in (*fields(RelayOptions), *fields(UpstreamOptions))} - {"name", "base", "upstreams"}

    for name in names | {"address", "key_file", "key_env"}:
        assert f"`{name}`" in PAGE, name


@pytest.mark.parametrize(
    "name", ["weight", "concurrent", "connect_seconds", "seconds", "idle_seconds", "answer_bytes_max"]
)
def test_an_upstream_s_defaults_are_the_code_s(name: str) -> None:
    default = next(one.default for one in fields(UpstreamOptions) if one.name == name)

    assert float(cells(f"`{name}`")[0]) == default


def test_the_columns_are_the_dialects() -> None:
    assert cells("Dialect") == [f"`{name}`" for name in DIALECT_NAMES]


@pytest.mark.parametrize(
    ("row", "cell"),
    [
        ("pictures per call", lambda dialect: str(dialect.pictures_per_call)),
        ("style", lambda dialect: dialect.style),
        ("transparent background", lambda dialect: "yes" if dialect.transparent else "no"),
        ("moderation", lambda dialect: "yes" if dialect.moderates else "no"),
        ("user", lambda dialect: "yes" if dialect.user else "no"),
        ("seed", lambda dialect: {None: "no", "always": "yes", "given": "passed on"}[dialect.seed]),
    ],
)
def test_the_table_is_the_code_s(row: str, cell: object) -> None:
    assert callable(cell)

    assert cells(row) == [cell(dialect) for dialect in DIALECTS.values()]


def test_the_file_formats_are_the_code_s_those_of_some_models_too() -> None:
    def told(dialect: Dialect) -> set[str]:
        more = [otherwise["formats"] for _, otherwise in dialect.families if "formats" in otherwise]
        return {one.value for formats in (dialect.formats, *more) for one in formats}

    for cell, dialect in zip(cells("file formats"), DIALECTS.values(), strict=True):
        usual = ", ".join(dialect.formats) or "as it comes"
        assert cell.partition(";")[0] == usual
        assert set(re.findall(r"\b(?:png|jpeg|webp|gif|svg)\b", cell)) == told(dialect)


def _starts(row: str) -> list[str]:
    return [cell.split()[0].rstrip(",;") for cell in cells(row)]


def test_what_needs_more_words_begins_right() -> None:
    def steps(dialect: Dialect) -> str:
        return str(dialect.sizes.step) if isinstance(dialect.sizes, FreeSizes) else ""

    assert [re.findall(r"steps of (\d+)", cell)[:1] or [""] for cell in cells("sizes")][1:] == [
        [steps(dialect)] for dialect in list(DIALECTS.values())[1:]
    ]
    assert _starts("pictures to start from") == [str(one.images_max or "none") for one in DIALECTS.values()]
    assert [start == "yes" for start in _starts("mask")] == [one.mask is not None for one in DIALECTS.values()]
    assert [start != "no" for start in _starts("partial pictures")] == [one.streams for one in DIALECTS.values()]
    assert [start == "one" for start in _starts("quality")] == [not one.qualities for one in DIALECTS.values()]


def test_every_further_parameter_is_in_its_row() -> None:
    for name, dialect in DIALECTS.items():
        taken = {*dialect.extras, *dialect.edit_extras}
        for _, otherwise in dialect.families:
            taken |= {*otherwise.get("extras", ()), *otherwise.get("edit_extras", ())}
        if taken:
            row = PAGE[PAGE.index("| Dialect | Generations") :]
            found = re.search(rf"^\| `{name}` \|(.*)\|$", row, re.MULTILINE)
            assert found is not None, name
            assert set(re.findall(r"`(\w+)`", found[1])) == taken, name
