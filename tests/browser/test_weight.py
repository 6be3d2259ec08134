"""What the first visit loads, and how long Try takes. The one is a limit; the other is printed, and is `make bench`'s."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager

from support.browsing import Person, weigh
from support.furnishing import newcomer
from support.journey import try_ms
from support.server import Server

FIRST_VISIT_BYTES_MAX = 150 * 1024
TRIES = 5


def test_the_first_visit_loads_little(sitting: Callable[..., AbstractContextManager[Person]]) -> None:
    with sitting() as person:
        loaded = weigh(person)

    whole = sum(loaded.values())
    print(f"first visit, compressed, without pictures: {whole / 1024:.1f} KB of {FIRST_VISIT_BYTES_MAX // 1024}")  # noqa: T201 (a figure, for whoever runs this)
    for path, size in sorted(loaded.items(), key=lambda one: -one[1]):
        print(f"  {size:7} {path}")  # noqa: T201 (the same)
    assert any(".woff2" in path for path in loaded), "the typeface counts"
    assert whole <= FIRST_VISIT_BYTES_MAX


def test_every_file_beside_the_page_is_kept_for_the_next_page(
    sitting: Callable[..., AbstractContextManager[Person]],
) -> None:
    with sitting() as person:
        weigh(person)
        again = weigh(person, path="/login")

    assert set(again) == {"/login"}


def test_try_to_picture(
    sitting: Callable[..., AbstractContextManager[Person]], server: Server, fresh_database_url: str
) -> None:
    with sitting(session=newcomer(server, fresh_database_url, name="grace")) as person:
        person.goto("/")
        took = sorted(try_ms(person.page) for _ in range(TRIES))

    print(f"try to picture, median of {TRIES}: {statistics.median(took):.0f} ms ({took[0]:.0f} to {took[-1]:.0f})")  # noqa: T201 (the same)
    assert len(took) == TRIES
