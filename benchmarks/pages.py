"""How quick pages are with 100,000 tasks and pictures in the account that looks at them.

`python benchmarks/pages.py` fills a database of its own (`--folder` keeps it for the next time) with grace's tasks, their
pictures, book and callbacks, and with those of her neighbours; then it times what the pages ask for. What it searches
for is chosen to hurt: words that are in half of the pictures, in three of them, in none, and in many but none of late.
Results are also written as JSON with --json FILE.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx2
import orjson

from limner import config
from limner.accounts import service as accounts
from limner.accounts.models import Account, ApiKey
from limner.bootstrap import opened_house
from limner.domain.money import micro
from limner.flow.gallery import browse, picture
from limner.flow.history import tell, tell_all
from limner.flow.house import House
from limner.flow.keys import add_account, issue_key
from limner.flow.signin import open_session
from limner.images import service as images
from limner.images.models import Origin, StoredImage, Wanted
from limner.tasks.models import Filter
from limner.web.app import make_app
from limner.web.console.pages import pages

TASKS: Final = 100_000
NEIGHBOURS: Final = 3
_BATCH: Final = 2000
_HALF_MILLISECONDS: Final = 907_200_000  # of three weeks
_GOAL_SECONDS: Final = 0.060
_WORDS: Final = 3000
_SIZES: Final = ((1024, 1024), (1792, 1024), (1024, 1792))
_ZH: Final = (
    "水獭",
    "弹吉他",
    "城市夜景",
    "雪山",
    "红色的小狐狸",
    "在海边",
    "水彩画",
    "一座灯塔",
    "下雨的街道",
    "宇航员",
)

_ADD_TASKS: Final = """
INSERT INTO tasks (id, account_id, api_key_id, trace_id, kind, prefix, model, engine, request, spec, as_links, price,
    held, charged, is_async, has_job, priority, status, begun, progress, error_code, error_message, node_id, lease_until,
    created_at, started_at, finished_at)
SELECT t.id, $1, $2, t.id::text, 'images_generations', '/v1', t.model, 'illustrator', t.request, t.spec, true, 40000,
    40000, CASE WHEN t.status = 'succeeded' THEN 40000 ELSE 0 END, false, false, 0, t.status, 1, 1,
    CASE WHEN t.status <> 'succeeded' THEN 'engine_failed' END, CASE WHEN t.status <> 'succeeded' THEN 'it broke' END,
    $1, t.at, t.at, t.at, t.at + interval '300 ms'
FROM unnest($3::uuid[], $4::text[], $5::jsonb[], $6::jsonb[], $7::text[], $8::timestamptz[])
    AS t (id, model, request, spec, status, at)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A task of the past."""

    id: UUID
    at: datetime
    prompt: str
    model: str
    status: str
    size: tuple[int, int]

    @property
    def spec(self) -> dict[str, Any]:
        """Its choices."""
        return {
            "n": 1,
            "width": self.size[0],
            "height": self.size[1],
            "quality": "standard",
            "style": "vivid",
            "background": "opaque",
            "output_format": "png",
            "output_compression": 100,
            "seed": None,
        }


def _past(count: int, *, seed: int, now: datetime) -> Iterator[Made]:
    """Tasks of the last three weeks, oldest first, always the same ones."""
    chance = random.Random(seed)
    words = [f"{chance.choice('bcdfglmnprstvw')}{chance.choice('aeiou')}{number:x}ling" for number in range(_WORDS)]
    weights = [1 / (rank + 1) for rank in range(_WORDS)]
    start = now - timedelta(days=21)
    for number in range(count):
        share = number / count
        said = chance.choices(words, weights, k=18)
        if chance.random() < 0.5:
            said.insert(0, "otter")
        if share < 0.5:
            said.append("lighthouse")
        if number in (count // 10, count // 2, count - count // 4):
            said.append("zeppelin")
        prompt = " ".join(said)
        if chance.random() < 0.3:
            prompt = "，".join(chance.choices(_ZH, k=4))
        at = start + (now - start) * share
        milliseconds = int(at.timestamp() * 1000)
        yield Made(
            id=UUID(int=(milliseconds << 80) | (7 << 76) | (2 << 62) | (number << 16) | (seed & 0xFFFF)),
            at=at,
            prompt=prompt,
            model="dall-e-2" if share < 0.02 else chance.choice(("dall-e-3", "dall-e-3", "gpt-image-1")),
            status="failed" if chance.random() < 0.02 else "succeeded",
            size=chance.choices(_SIZES, (90, 8, 2))[0],
        )


async def fill(house: House, *, account: Account, key: ApiKey, count: int, seed: int) -> None:
    """Give the account a past of `count` tasks."""
    batch: list[Made] = []
    for made in _past(count, seed=seed, now=house.clock.now()):
        batch.append(made)
        if len(batch) == _BATCH:
            await _fill(house, account, key, batch)
            batch.clear()
    if batch:
        await _fill(house, account, key, batch)


async def _fill(house: House, account: Account, key: ApiKey, batch: list[Made]) -> None:
    columns = (
        [made.id for made in batch],
        [made.model for made in batch],
        [{"prompt": made.prompt, "model": made.model} for made in batch],
        [made.spec for made in batch],
        [made.status for made in batch],
        [made.at for made in batch],
    )
    async with house.database.transaction() as tx:
        await tx.run("SELECT set_config('synchronous_commit', 'off', true)")
        await tx.run(_ADD_TASKS, account.id, key.id, *columns)
        for made in batch:
            if made.status == "succeeded":
                await tx.together(_pictures(made, account=account, key=key))


def _pictures(made: Made, *, account: Account, key: ApiKey) -> Any:
    width, height = made.size
    image = StoredImage(
        index=0,
        storage_key=f"{made.at:%Y-%m-%d}/{made.id}_0.png",
        media_type="image/png",
        bytes=400_000,
        width=width,
        height=height,
        seed=made.id.int & 0xFFFFFFFF,
        revised_prompt=f"{made.prompt}, told at greater length, with soft light from the left and a calm background",
    )
    origin = Origin(
        api_key_id=key.id, model=made.model, prompt=made.prompt, quality="standard", style="vivid", price=40_000
    )
    return images.add(task_id=made.id, account_id=account.id, origin=origin, images=[image], now=made.at)


# timing ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How long something took, in milliseconds; `found`: how many things it answered with."""

    what: str
    found: int
    p50: float
    p95: float
    most: float

    @property
    def is_good(self) -> bool:
        """Whether it reaches the goal."""
        return self.p95 <= _GOAL_SECONDS * 1000


async def timed(what: str, ask: Callable[[], Awaitable[int]], *, times: int) -> Row:
    """Ask so often, one after the other."""
    took = []
    found = 0
    for _ in range(times):
        began = time.perf_counter()
        found = await ask()
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return Row(
        what=what,
        found=found,
        p50=took[len(took) // 2],
        p95=took[math.ceil(len(took) * 0.95) - 1],
        most=took[-1],
    )


async def verbs(house: House, *, account: Account, key: ApiKey, times: int) -> list[Row]:
    """What the gallery and the list of tasks ask for."""
    rows = []
    oldest = house.clock.now() - timedelta(days=21)
    galleries = {
        "gallery": Wanted(),
        "gallery, a word in half of them": Wanted(words="otter"),
        "gallery, the beginning of many words": Wanted(words="b"),
        "gallery, a word in three": Wanted(words="zeppelin"),
        "gallery, a word in none": Wanted(words="xylophone"),
        "gallery, a word in many, none of late": Wanted(words="lighthouse"),
        "gallery, two words, never together": Wanted(words="otter xylophone"),
        "gallery, two frequent words": Wanted(words="otter told"),
        "gallery, Chinese, frequent": Wanted(words="水獭"),
        "gallery, Chinese, a sentence": Wanted(words="红色的小狐狸在海边"),
        "gallery, one character": Wanted(words="灯"),
        "gallery, a model of long ago": Wanted(model="dall-e-2"),
        "gallery, tall ones": Wanted(shape="tall"),
        "gallery, a word and a shape": Wanted(words="otter", shape="tall"),
        "gallery, a day": Wanted(created_from=oldest, created_to=oldest + timedelta(days=1)),
        "gallery, a word on a day": Wanted(
            words="zeppelin", created_from=oldest, created_to=oldest + timedelta(days=3)
        ),
        "gallery, by key": Wanted(api_key_id=key.id),
    }
    deep = await _far(house, account_id=account.id, which=Wanted(created_to=house.clock.now() - timedelta(days=15)))
    for what, which in galleries.items():
        for where, after in (("first page", None), ("deep page", deep)):

            async def ask(which: Wanted = which, after: str | None = after) -> int:
                return len((await browse(house, account_id=account.id, which=which, after=after)).pictures)

            rows.append(await timed(f"{what}, {where}", ask, times=times))
    newest = await browse(house, account_id=account.id, which=Wanted(), count=1)
    shown = newest.pictures[0].image

    async def one() -> int:
        await picture(house, account_id=account.id, task_id=shown.task_id, index=0)
        return 1

    rows.append(await timed("a picture", one, times=times))

    async def task() -> int:
        await tell(house, account_id=account.id, task_id=shown.task_id)
        return 1

    rows.append(await timed("a task", task, times=times))
    middle = UUID(int=int((house.clock.now() - timedelta(days=15)).timestamp() * 1000) << 80)
    lists = {
        "tasks": Filter(),
        "tasks that failed": Filter(statuses=("failed",)),
        "tasks under way": Filter(statuses=("queued", "running")),
        "tasks that were cancelled": Filter(statuses=("cancelled",)),
        "tasks that have expired": Filter(statuses=("expired",)),
        "tasks that went well": Filter(statuses=("succeeded",)),
        "tasks of a model of long ago": Filter(model="dall-e-2"),
        "tasks of a model that there is not": Filter(model="none"),
        "failed tasks of a model of long ago": Filter(model="dall-e-2", statuses=("failed",)),
        "tasks of a day": Filter(created_from=oldest, created_to=oldest + timedelta(days=1)),
        "tasks by key": Filter(api_key_id=key.id),
        "tasks by a key that made none": Filter(api_key_id=account.id),
    }
    for what, kind in lists.items():
        for where, before in (("first page", None), ("deep page", middle)):

            async def ask_tasks(kind: Filter = kind, before: UUID | None = before) -> int:
                which = Filter(**{**{name: getattr(kind, name) for name in kind.__slots__}, "before": before})
                return len(await tell_all(house, account_id=account.id, which=which, count=41))

            rows.append(await timed(f"{what}, {where}", ask_tasks, times=times))
    return rows


async def _far(house: House, *, account_id: UUID, which: Wanted) -> str:
    wall = await browse(house, account_id=account_id, which=which, count=1)
    assert wall.after is not None
    return wall.after


async def whole_pages(house: House, *, account: Account, times: int) -> list[Row]:
    """Every page that needs no id, and the gallery's and the tasks' with theirs; as whole requests, without a network."""
    newest = (await browse(house, account_id=account.id, which=Wanted(), count=1)).pictures[0].image
    oldest = await _far(house, account_id=account.id, which=Wanted(created_to=house.clock.now() - timedelta(days=20)))
    # An export is a download of everything: no page.
    paths = [
        page.path
        for page in pages()
        if "GET" in page.methods and "{" not in page.path and not page.path.endswith("/export")
    ]
    paths += [
        f"/gallery?after={oldest}",
        "/gallery?q=otter",
        "/gallery?q=zeppelin",
        "/gallery?q=xylophone&model=dall-e-2&shape=tall",
        f"/gallery/{newest.task_id}/{newest.index}",
        f"/tasks/{newest.task_id}",
        f"/tasks?before={UUID(int=newest.task_id.int - (_HALF_MILLISECONDS << 80))}",
        "/tasks?state=failed",
        "/tasks?state=cancelled",
        "/tasks?model=dall-e-2",
    ]
    token = await open_session(house, account_id=account.id, sender="127.0.0.1", agent="benchmark")
    transport = httpx2.ASGITransport(app=make_app(house, body_bytes_max=65_536))
    rows = []
    async with httpx2.AsyncClient(transport=transport, base_url=house.public_url) as client:
        client.cookies.set("limner_session", token)
        for path in paths:

            async def visit(path: str = path) -> int:
                return (await client.get(path, headers={"accept": "text/html"})).status_code

            await visit()  # templates are read at the first visit
            rows.append(await timed(path.replace(str(newest.task_id), "...")[:58], visit, times=times))
    return rows


# all of it ---------------------------------------------------------------------------------------------------------------


def show(rows: list[Row]) -> None:
    """A table."""
    for row in rows:
        mark = " " if row.is_good else "!"
        sys.stdout.write(f"{mark} {row.what:58} {row.found:4} {row.p50:8.1f} {row.p95:8.1f} {row.most:8.1f}\n")


def settings_of(folder: Path) -> config.Settings:
    """Of a house that paints nothing."""
    return config.Settings(
        data_dir=folder, catalog=config.Catalog(engine="fake"), storage=config.Storage(url="memory://")
    )


async def filled(house: House, *, count: int) -> tuple[Account, ApiKey]:
    """Grace, her key, and everybody's past; found again if the folder has been filled before."""
    now = house.clock.now()
    async with house.database.statement() as tx:
        for account in await accounts.accounts(tx):
            if account.name == "grace":
                return account, (await accounts.keys_of(tx, account_id=account.id))[0]
    people = []
    for number in range(1 + NEIGHBOURS):
        name = "grace" if number == 0 else f"neighbour-{number}"
        async with house.database.transaction() as tx:
            account = await add_account(
                tx, name=name, role="owner" if number == 0 else "member", credits_start=micro(10), now=now
            )
            issued = await issue_key(tx, account=account, name="bench", now=now)
        people.append((account, issued.key))
    for seed, (account, key) in enumerate(people):
        await fill(house, account=account, key=key, count=count if seed == 0 else count // 4, seed=seed + 1)
    async with house.database.statement() as tx:
        await tx.run("VACUUM ANALYZE tasks")
        await tx.run("VACUUM ANALYZE images")
    return people[0]


async def main(arguments: argparse.Namespace) -> list[Row]:
    """Fill and time."""
    with tempfile.TemporaryDirectory(prefix="limner-pages-") as own:
        folder = arguments.folder or Path(own)
        async with opened_house(settings_of(folder), public_url="http://127.0.0.1") as house:
            began = time.perf_counter()
            account, key = await filled(house, count=arguments.tasks)
            sys.stdout.write(f"filled in {time.perf_counter() - began:.0f} s\n")
            rows = await verbs(house, account=account, key=key, times=arguments.times)
            rows += await whole_pages(house, account=account, times=arguments.times)
    show(rows)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=TASKS)
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    measured = asyncio.run(main(given))
    if given.json:
        given.json.write_bytes(orjson.dumps([asdict(row) for row in measured], option=orjson.OPT_INDENT_2))
