"""Where an engine's work passes on its way: what it hands out goes from here to storage, and to whoever watches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from limner.attempts.models import Attempt
from limner.domain.problem import Problem
from limner.domain.spec import Cause, Partial, Picture, Progress, Setback, Shown, Spec, Usage
from limner.engines import Engine, EngineFailed, EngineTrouble
from limner.flow import certify, moderate
from limner.flow.house import House
from limner.images import rules as image_rules
from limner.images.models import StoredImage
from limner.storage import StorageFailed
from limner.tasks.models import Link, Outcome, Task, Tried


class Keeps(Protocol):
    """Puts an unfinished picture into storage."""

    async def __call__(self, partial: Partial) -> str:
        """The name that it lies under."""
        ...


class Audience(Protocol):
    """Who wants to know how a task comes along. `wants_bytes`: of pictures that lie elsewhere, too."""

    @property
    def wants_bytes(self) -> bool: ...  # noqa: D102 - see above

    async def progress(self, share: float) -> None:
        """It has come so far, between 0 and 1."""

    async def partial(self, partial: Partial, *, keep: Keeps) -> None:
        """There is an unfinished picture; `keep` it if that is to be read by others."""


class Stage:
    """One task's: what there is to show of it, and what was tried. `refused`: pictures that may not be shown, by index."""

    def __init__(self, house: House, *, task: Task, spec: Spec, audience: Audience | None) -> None:
        self.done: dict[int, tuple[StoredImage, bytes]] = {}
        self.links: dict[int, Link] = {}
        self.refused: dict[int, Problem] = {}
        self.attempts: list[Attempt] = []
        self.partials = False
        self._tried = [] if task.outcome is None else list(task.outcome.tried)
        self._warnings = [] if task.outcome is None else list(task.outcome.warnings)
        self._made_by: dict[int, tuple[str, str | None]] = {}
        self._usage: Usage | None = None
        self._house, self._task, self._spec, self._audience = house, task, spec, audience
        self._told_at = time.monotonic()
        for note in spec.notes:
            self.warn(note)

    def missing(self) -> list[int]:
        """The indexes of the pictures that are yet to be made."""
        made = self.done.keys() | self.links.keys() | self.refused.keys()
        return [index for index in range(self._spec.n) if index not in made]

    async def take(self, one: Shown, *, of: Sequence[int], engine: str, by: Engine) -> None:
        """What an engine shows. Its n pictures are those at the indexes `of`."""
        match one:
            case Picture():
                await self._take_picture(replace(one, index=of[one.index]), engine=engine, by=by)
            case Progress():
                await self._tell((self._spec.n - len(of) + one.share * len(of)) / self._spec.n)
            case Partial():
                await self._show(replace(one, index=of[one.index]))
            case Usage():
                self._usage = one if self._usage is None else self._usage + one
            case Setback():
                self._note(
                    engine, one.part, one.cause, said=one.said, seconds=one.seconds, lost_pictures=one.lost_pictures
                )

    def failed(self, engine: str, trouble: EngineTrouble, *, seconds: float) -> None:
        """The engine has given up."""
        cause = trouble.__cause__
        said = trouble.said or (f"{trouble.message} ({cause!r})" if cause else trouble.message)
        self._note(engine, trouble.part, trouble.cause, said=said, seconds=seconds, lost_pictures=trouble.lost_pictures)

    @property
    def refused_by(self) -> str:
        """The engine whose own moderation has refused it, if one has."""
        refused = (one.engine for one in reversed(self._tried) if one.cause is Cause.REFUSED)
        return next(refused, self._task.engine)

    def passed_over(self, engine: str, why: str) -> None:
        """The engine cannot do this, and was not asked."""
        self._note(engine, None, Cause.CANNOT, said=why, seconds=0.0, lost_pictures=0)

    def warn(self, sentence: str) -> None:
        """Tell the caller something beside the pictures, once."""
        if sentence not in self._warnings:
            self._warnings.append(sentence)

    def stood_in(self, engine: str, *, asked: Sequence[int]) -> None:
        """Tell the caller which of the pictures at `asked` this engine has made in place of others, if any."""
        others = {one.engine: one.cause for one in self._tried if one.engine != engine}
        made = [index + 1 for index in asked if index in self.done or index in self.links]
        if not others or not made:
            return
        what = "painted"
        if len(made) < self._spec.n:
            numbers = " and ".join(filter(None, [", ".join(map(str, made[:-1])), str(made[-1])]))
            what = f"picture {numbers} was painted" if len(made) == 1 else f"pictures {numbers} were painted"
        why = ", ".join(f"{name} ({cause})" for name, cause in others.items())
        sentence = f"{what} by the engine {engine} in place of {why}"
        if sentence not in self._warnings:
            self._warnings.insert(0, sentence)

    def outcome(self) -> Outcome | None:
        """How it came to be; None: as it was to be expected of the task's engine, and there is nothing to say of it."""
        makers = sorted(set(self._made_by.values()), key=lambda maker: (maker[0], maker[1] or ""))
        # Pictures of one answer may be of several makers; the one that made the most speaks for them.
        counted = list(self._made_by.values())
        engine, part = max(makers, key=counted.count) if makers else (self._task.engine, None)
        found = Outcome(
            engine=engine,
            part=part,
            tried=tuple(self._tried),
            warnings=tuple(self._warnings),
            usage=self._usage,
            links=tuple(link for _, link in sorted(self.links.items())),
        )
        return None if found == Outcome(engine=self._task.engine) else found

    def _note(
        self, engine: str, part: str | None, cause: Cause, *, said: str, seconds: float, lost_pictures: int
    ) -> None:
        self._tried.append(Tried(engine=engine, part=part, cause=cause, seconds=round(seconds, 3)))
        self.attempts.append(
            Attempt(engine=engine, part=part, cause=cause, said=said, seconds=seconds, lost_pictures=lost_pictures)
        )

    async def _take_picture(self, picture: Picture, *, engine: str, by: Engine) -> None:
        for note in picture.notes:
            self.warn(note if self._spec.n == 1 else f"picture {picture.index + 1}: {note}")
        self._made_by[picture.index] = (engine, picture.part)
        if picture.link is not None:
            if moderate.checks_pictures(self._house):
                raise EngineFailed("the picture came as a link, and was to be looked at first")
            self.links[picture.index] = Link(
                index=picture.index, url=picture.link, revised_prompt=picture.revised_prompt
            )
        else:
            # Nobody can read it before it was looked at, and nothing changes a byte of it once it is signed.
            try:
                await moderate.moderate_picture(self._house, task=self._task, spec=self._spec, picture=picture)
            except (moderate.Refused, moderate.ModerationUnavailable) as refused:
                self.refused[picture.index] = refused
                self.warn(f"picture {picture.index + 1} is missing, and not charged for: {_why(refused)}")
                return
            signed = await certify.certified(
                self._house, task=self._task, spec=self._spec, source_type=by.source_type, picture=picture
            )
            self.done[picture.index] = (await self._stored(signed), signed.data)
        missing = len(self.missing())
        if missing:
            await self._tell(1 - missing / self._spec.n)

    async def _tell(self, share: float) -> None:
        """Not more often than anybody looks."""
        now = time.monotonic()
        if self._audience is not None and now - self._told_at >= self._house.queue_policy.tell_every_seconds:
            self._told_at = now
            await self._audience.progress(share)

    async def _show(self, partial: Partial) -> None:
        if self._audience is None or moderate.checks_pictures(self._house):
            return
        await self._audience.partial(partial, keep=self._kept)

    async def _kept(self, partial: Partial) -> str:
        self.partials = True
        name = image_rules.partial_name(
            task_id=self._task.id, index=partial.index, number=partial.number, output_format=partial.output_format
        )
        key = image_rules.partial_key(created_at=self._task.created_at, name=name)
        await self._keep(key, partial.data)
        return name

    async def _keep(self, key: str, data: bytes) -> None:
        try:
            with self._house.tracer.span("storage put", attributes={"limner.bytes": len(data)}):
                await self._house.storage.put(key, data)
        except StorageFailed:
            self._house.signs.storage_failed = True
            raise
        self._house.signs.storage_failed = False

    async def _stored(self, picture: Picture) -> StoredImage:
        key = image_rules.storage_key(
            task_id=self._task.id,
            created_at=self._task.created_at,
            index=picture.index,
            output_format=picture.output_format,
        )
        await self._keep(key, picture.data)
        return StoredImage(
            index=picture.index,
            storage_key=key,
            media_type=picture.output_format.media_type,
            bytes=len(picture.data),
            width=picture.width,
            height=picture.height,
            seed=picture.seed,
            revised_prompt=picture.revised_prompt,
        )


def _why(refused: Problem) -> str:
    if isinstance(refused, moderate.Refused):
        return "it was refused by this server's rules"
    return "nobody could say whether it may be shown"
