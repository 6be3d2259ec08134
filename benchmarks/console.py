"""How quick the console is for somebody who sits before it: the first visit, Try, and what a page loads.

`python benchmarks/console.py` starts `limner serve` on loopback with a data folder of its own and the illustrator, visits
it with Chromium (`make test-browser` installs it) and prints a table. Server, PostgreSQL and browser share the machine.
Results are also written as JSON with --json FILE.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from serve import Row, server

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # who goes through the console as a person would

from support import browsing
from support.journey import first_visit, try_ms

VISITS = 3
TRIES = 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    path = browsing.find_chromium()
    if path is None:
        print("not measured, because there is no Chromium here: `make test-browser` installs it")
        return
    with tempfile.TemporaryDirectory(prefix="limner-bench-") as temporary:
        work = Path(temporary)
        work.chmod(0o755)
        with server(work / "data") as target, browsing.chromium(path) as browser:
            url = target.url.removesuffix("/v1/images/generations")
            rows = [*visits(browser, url), *weight(browser, url)]
    width = max(len(row.figure) for row in rows)
    for row in rows:
        print(f"{row.figure:{width}}  {row.reach:22}  {row.measured}")
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


def visits(browser: browsing.Browser, url: str) -> list[Row]:
    """Some people come for the first time; the last of them stays, and tries again and again."""
    done, took = [], []
    for number in range(VISITS):
        with browsing.sitting(browser, url) as person:
            done.append(first_visit(person, email=f"visitor{number}@example.com"))
            if number == VISITS - 1:
                took = sorted(try_ms(person.page) for _ in range(TRIES))
    slowest = max(done, key=lambda visit: visit.seconds)
    return [
        Row(
            "first visit to first picture, typing 50 ms a key",
            "<= 60 s, <= 12 clicks",
            f"{slowest.seconds:.1f} s, {slowest.clicks} clicks (the slowest of {VISITS})",
        ),
        Row(
            "Try pressed to picture visible, standard",
            "<= 700 ms",
            f"p50 {statistics.median(took):.0f} ms, from {took[0]:.0f} to {took[-1]:.0f} ms",
        ),
    ]


def weight(browser: browsing.Browser, url: str) -> list[Row]:
    """What somebody loads who has never been here."""
    with browsing.sitting(browser, url) as person:
        loaded = browsing.weigh(person)
    whole = sum(loaded.values())
    return [
        Row(
            "start page, first visit, compressed, no pictures",
            "<= 150 KB",
            f"{whole / 1024:.1f} KB in {len(loaded)} files",
        )
    ]


if __name__ == "__main__":
    main()
