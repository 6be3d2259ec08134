"""Watching a task come along: where it stands, how far it is, what can be seen of it, until it has ended."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID

from limner.flow.deliver import link_to
from limner.flow.history import Told, tell
from limner.flow.house import House
from limner.flow.news import LOOK, OVER
from limner.images import rules as image_rules
from limner.storage import StorageFailed
from limner.tasks.models import Task

_LOOK_EVERY_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """How the task stands: at first, and whenever its state or its place in the queue has changed."""

    told: Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """It has come so far, between 0 and 1."""

    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An unfinished picture, the `number`th of picture `index`; its file, `key` in storage, lives until the task has ended."""

    index: int
    number: int
    url: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Nothing, for a while."""


Seen: TypeAlias = Stands | Progressed | Shown | Quiet


async def watch(
    house: House, *, task_id: UUID, account_id: UUID | None, every_seconds: float = _LOOK_EVERY_SECONDS
) -> AsyncGenerator[Seen]:
    """What is to be seen of a task; the last thing is how it has ended, unless the server stops before that.

    News come at once, from whichever node performs it; what was missed is found by looking `every_seconds`.
    Raises `NoSuchTask`.
    """
    with house.news.about(task_id) as watcher:
        view = _View(house, await tell(house, task_id=task_id, account_id=account_id, links_only=True))
        yield Stands(told=view.told)
        if view.told.task.status == "running":
            for seen in await view.lying_about():
                yield seen
        while view.told.task.is_open:
            what = await watcher.next(seconds=every_seconds)
            if what == OVER:
                return
            word, _, rest = what.partition(" ")
            news: Seen | None
            if word == "partial":
                news = view.heard(rest)
            elif word == "progress" and view.told.task.status == "running":
                news = view.progressed(float(rest))
            else:
                news = view.compared(await tell(house, task_id=task_id, account_id=account_id, links_only=True))
            if news is not None:
                yield news
            elif what == LOOK:
                yield Quiet()


class _View:
    """What a watcher has seen so far, so that it is told nothing twice."""

    def __init__(self, house: House, told: Told) -> None:
        self.told = told
        self._house = house
        self._share = _rounded(told.task.progress)
        self._partials: dict[int, int] = {}

    def compared(self, told: Told) -> Stands | Progressed | None:
        """How it stands now, if that is new."""
        before, self.told = self.told, told
        if before.task.begun != told.task.begun or before.task.status != told.task.status:
            if before.task.begun != told.task.begun:
                self._partials.clear()  # somebody else has begun it from the start
            self._share = _rounded(told.task.progress)
            return Stands(told=told)
        if told.place is not None and before.place is not None and told.place.ahead != before.place.ahead:
            return Stands(told=told)
        return self.progressed(told.task.progress)

    def progressed(self, share: float) -> Progressed | None:
        """How far it has come, if that is further than before."""
        share = _rounded(share)
        if share <= self._share:
            return None
        self._share = share
        return Progressed(share=share)

    def heard(self, said: str) -> Shown | None:
        """The unfinished picture that news of `<name> <begun>` are about, if it is of this beginning and newer."""
        name, _, begun = said.partition(" ")
        return self.shown(name) if begun == str(self.told.task.begun) else None

    def shown(self, name: str) -> Shown | None:
        """The unfinished picture of that name, if it is newer than the one before."""
        which = image_rules.partial_of(name)
        if which is None or which[1] <= self._partials.get(which[0], -1):
            return None
        index, self._partials[index] = which
        key = image_rules.partial_key(created_at=self.told.task.created_at, name=name)
        return Shown(index=index, number=which[1], url=link_to(self._house, key), key=key)

    async def lying_about(self) -> list[Shown]:
        """The newest unfinished pictures that were there before anybody watched."""
        newest: dict[int, tuple[int, str]] = {}
        try:
            async for key in self._house.storage.keys(_prefix(self.told.task)):
                name = key.rpartition("/")[2]
                which = image_rules.partial_of(name)
                if which is not None:
                    newest[which[0]] = max(newest.get(which[0], (-1, "")), (which[1], name))
        except StorageFailed:
            return []  # whoever stores the pictures will say so
        found = [self.shown(name) for _, (_, name) in sorted(newest.items())]
        return [one for one in found if one is not None]


def _rounded(share: float) -> float:
    """The database keeps it in four bytes: what is heard of it and what is read differ in the eighth digit."""
    return round(share, 3)


def _prefix(task: Task) -> str:
    return image_rules.storage_prefix(task_id=task.id, created_at=task.created_at)
