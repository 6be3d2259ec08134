"""Who says what may be painted here, and what a node keeps in mind of it: the rules, an endpoint, the operator's function."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from uuid import UUID

from limner.db import Database
from limner.domain.problem import Problem
from limner.kit.logs import event
from limner.kit.moderations import Moderations, ModerationTrouble, Opinion, opinion_of
from limner.moderation import service as rule_book
from limner.moderation.models import Hit, Rule
from limner.moderation.rules import RuleSet

_log = logging.getLogger(__name__)
_TROUBLES_MAX: Final = 3
_REST_SECONDS: Final = 30.0
_LOOK_EVERY_SECONDS: Final = 60.0
_AGAIN_SECONDS: Final = 1.0
_HOOK_THREADS: Final = 4
_NOTED_SECONDS: Final = 60.0
_NOTED_MAX: Final = 60
_NOTED_ACCOUNTS_MAX: Final = 10_000
OTHERS: Final = "*"

PictureHook = Callable[[bytes, str], Any]
"""The operator's own function: given a picture's bytes and media type, True if it must not be shown, or results[0] of a
moderations endpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """From which score on a category counts; for the others (`*`: for all others) the server's own yes or no does.

    `low_thresholds` instead are for requests with moderation = "low"; without one, `low_threshold` is.
    """

    thresholds: Mapping[str, float] = field(default_factory=dict)
    low_thresholds: Mapping[str, float] = field(default_factory=dict)
    low_threshold: float = 0.9

    def against(self, opinion: Opinion, *, is_low: bool) -> tuple[str, ...] | None:
        """The categories for which it is refused, perhaps none by name; None: it is not."""
        names = {*opinion.categories, *opinion.scores}
        why = tuple(sorted(name for name in names if self._counts(name, opinion, is_low=is_low)))
        if why:
            return why
        # Flagged for nothing that has a name, there is nothing to weigh.
        is_unexplained = opinion.flagged and not any(opinion.categories.values()) and not opinion.scores
        return () if is_unexplained else None

    def _counts(self, name: str, opinion: Opinion, *, is_low: bool) -> bool:
        bound = self.thresholds.get(name, self.thresholds.get(OTHERS))
        if is_low:
            bound = self.low_thresholds.get(name, self.low_thresholds.get(OTHERS, self.low_threshold))
        score = opinion.scores.get(name)
        if bound is None or score is None:
            return opinion.categories.get(name, False)
        return score >= bound


class Rest:
    """Lets whoever is in trouble alone for half a minute after three troubles in a row, so that nobody has to wait for it."""

    def __init__(self, what: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._what, self._monotonic = what, monotonic
        self._troubles = 0
        self._until = 0.0

    @property
    def is_on(self) -> bool:
        """Whether it is left alone now."""
        return self._monotonic() < self._until

    def went_well(self) -> None:
        """It has answered."""
        self._troubles = 0

    def had_trouble(self, trouble: ModerationTrouble) -> None:
        """It has not, or with nothing of use."""
        if not trouble.is_theirs:
            self._troubles = 0
            return
        self._troubles += 1
        if self._troubles >= _TROUBLES_MAX:
            self._troubles = 0
            self._until = self._monotonic() + _REST_SECONDS
            event(
                _log,
                "moderation.rests",
                level=logging.WARNING,
                what=self._what,
                reason=trouble.reason,
                seconds=_REST_SECONDS,
            )


class Moderator:
    """What a node decides by. With nothing configured, `has_rules`, `asks_about_prompts` and `checks_pictures` are false.

    `words`: those of the settings. `line`: the endpoint, unopened; `pictures`: who looks at them. `on_trouble`: what becomes
    of that on which nobody has given an opinion.
    """

    def __init__(
        self,
        *,
        words: Sequence[str] = (),
        line: Moderations | None = None,
        pictures: Literal["endpoint"] | PictureHook | None = None,
        picture_seconds: float = 10.0,
        bounds: Bounds | None = None,
        on_trouble: Literal["allow", "refuse"] = "refuse",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        assert pictures != "endpoint" or line is not None
        self.bounds: Final = bounds or Bounds()
        self.on_trouble: Final = on_trouble
        self.pictures: Final = pictures
        self.asks_about_prompts: Final = line is not None
        self.checks_pictures: Final = pictures is not None
        self.words: Final = tuple(word for word in words if word)
        self._rules = RuleSet(words=self.words)
        self._line = line
        self._picture_seconds = picture_seconds
        self._threads: ThreadPoolExecutor | None = None
        self._rests = {what: Rest(what, monotonic=monotonic) for what in ("prompts", "pictures")}
        self._monotonic = monotonic
        self._noted: dict[UUID, tuple[float, int]] = {}

    async def open(self) -> None:
        """Get ready. Calls nobody."""
        if self._line is not None:
            await self._line.open()
        if callable(self.pictures):
            self._threads = ThreadPoolExecutor(_HOOK_THREADS, thread_name_prefix="moderation")

    async def close(self) -> None:
        """Give the connections and the threads back; a function that hangs is not waited for."""
        if self._line is not None:
            await self._line.close()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    # rules ---------------------------------------------------------------------------------------------------------------

    @property
    def has_rules(self) -> bool:
        """Whether there is anything to hold a prompt against."""
        return not self._rules.is_empty

    def take(self, rules: Sequence[Rule]) -> None:
        """Have these in force from now on, beside the words of the settings."""
        self._rules = RuleSet(words=self.words, rules=rules)

    def hits(self, prompt: str, *, account_id: UUID | None, models: Sequence[str]) -> list[Hit]:
        """What a prompt breaks, those that block first. `models`: by what names its model goes."""
        return self._rules.hits(prompt, account_id=account_id, models=models)

    # opinions ------------------------------------------------------------------------------------------------------------

    @property
    def endpoint_name(self) -> str | None:
        """The model that the endpoint is asked for."""
        return self._line.server.model if self._line is not None else None

    async def opinion_of_prompt(self, prompt: str) -> Opinion:
        """What the endpoint thinks of it. Raises `ModerationTrouble`."""
        rest = self._rests["prompts"]
        _stop_if(rest)
        assert self._line is not None
        try:
            opinion = await self._line.of_text(prompt)
        except ModerationTrouble as trouble:
            rest.had_trouble(trouble)
            raise
        rest.went_well()
        return opinion

    async def opinion_of_picture(self, data: bytes, *, media_type: str) -> Opinion:
        """What the endpoint, or the operator's function, thinks of it. Raises `ModerationTrouble`."""
        rest = self._rests["pictures"]
        _stop_if(rest)
        try:
            if callable(self.pictures):
                opinion = await self._by_hook(self.pictures, data, media_type)
            else:
                assert self._line is not None
                opinion = await self._line.of_picture(data, media_type=media_type)
        except ModerationTrouble as trouble:
            rest.had_trouble(trouble)
            raise
        rest.went_well()
        return opinion

    async def _by_hook(self, hook: PictureHook, data: bytes, media_type: str) -> Opinion:
        assert self._threads is not None
        loop = asyncio.get_running_loop()
        try:
            # A thread cannot be stopped: one that hangs keeps its place, and no more than these few can.
            async with asyncio.timeout(self._picture_seconds):
                return opinion_of(await loop.run_in_executor(self._threads, hook, data, media_type))
        except TimeoutError:
            raise ModerationTrouble("timeout") from None
        except ValueError as error:
            raise ModerationTrouble("not_understood") from error
        except Exception as error:
            raise ModerationTrouble("hook_broke") from error

    # writing down --------------------------------------------------------------------------------------------------------

    def may_note(self, account_id: UUID) -> bool:
        """Whether one more refusal before admission is written down: nobody fills the database by being refused."""
        now = self._monotonic()
        since, count = self._noted.get(account_id, (now, 0))
        if now - since >= _NOTED_SECONDS:
            since, count = now, 0
        if len(self._noted) >= _NOTED_ACCOUNTS_MAX:
            self._noted.clear()
        self._noted[account_id] = (since, count + 1)
        return count < _NOTED_MAX


def _stop_if(rest: Rest) -> None:
    if rest.is_on:
        raise ModerationTrouble("resting", is_theirs=False)


class RuleWatch:
    """Keeps a node's rules as the database has them: at once when told, and by looking now and then."""

    def __init__(self, database: Database, moderator: Moderator) -> None:
        self._database = database
        self._moderator = moderator
        self._stale = asyncio.Event()

    def heard(self, _payload: str) -> None:
        """A rule was added or removed."""
        self._stale.set()

    def gap(self) -> None:
        """Something may have been missed."""
        self._stale.set()

    async def look(self) -> None:
        """Take over what there is now."""
        await read_rules(self._database, self._moderator)

    async def run(self, *, every_seconds: float = _LOOK_EVERY_SECONDS) -> None:
        """Follow until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stale.wait(), every_seconds)
            self._stale.clear()
            try:
                await self.look()
            except Problem as problem:
                event(_log, "moderation.not_read", level=logging.WARNING, error=problem.message)
                await asyncio.sleep(_AGAIN_SECONDS)
                self._stale.set()


async def read_rules(database: Database, moderator: Moderator) -> None:
    """Have the rules as the database has them, now."""
    async with database.statement() as tx:
        moderator.take(await rule_book.rules(tx))
