"""Whom to ask: the upstreams of a relay, how they are doing, and whose turn it is.

An upstream that has failed several times in a row rests for a while; then one request tries it. One that says when to come
again rests until then. Requests beyond what an upstream is given at once wait in line, for whichever is free first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal

from limner.domain.spec import Cause
from limner.engines import EngineBusy, EngineQuota, EngineTrouble, EngineUnavailable, Health
from limner.engines.openai_relay.line import Line
from limner.engines.openai_relay.options import RelayOptions, UpstreamOptions

# So many times its share may wait for an upstream; who comes then would only wait in vain.
_WAITING_PER_SLOT: Final = 8
_REST_DOUBLINGS_MAX: Final = 4
# What an upstream that is well may answer, too.
_NO_FAILURES: Final = frozenset({Cause.REFUSED, Cause.CANNOT})
# Nothing that more tries would mend: no credit left, no way in.
_AT_ONCE: Final = frozenset({Cause.QUOTA})


class Upstream:
    """One upstream as this process knows it. `line`: the way to it."""

    def __init__(self, options: UpstreamOptions, relay: RelayOptions, *, now: Callable[[], float]) -> None:
        self.options = options
        self.line = Line(options)
        self.busy = 0
        self.credit = 0.0
        self._relay = relay
        self._now = now
        self._tried = self._failed = self._failures = self._rests = 0
        self._rests_until: float | None = None
        self._last: EngineTrouble | None = None
        self._seconds: float | None = None

    @property
    def name(self) -> str:
        """What the operator calls it."""
        return self.options.name

    @property
    def is_full(self) -> bool:
        """Whether it has as many requests as it is given at once: one, while it is being tried."""
        return self.busy >= (1 if self.state == "trying" else self.options.concurrent)

    @property
    def state(self) -> Literal["well", "trying", "resting", "unknown"]:
        """How it is; see `Health`."""
        if self._rests_until is not None:
            return "resting" if self._now() < self._rests_until else "trying"
        return "well" if self._tried else "unknown"

    @property
    def resting_seconds(self) -> float:
        """Until it may be tried again."""
        return 0.0 if self._rests_until is None else max(0.0, self._rests_until - self._now())

    @property
    def last_trouble(self) -> EngineTrouble | None:
        """Why it rests."""
        return self._last

    def went_well(self, *, seconds: float) -> None:
        """It has answered with pictures, `seconds` after it was asked."""
        self._tried += 1
        self._failures = self._rests = 0
        self._rests_until = None
        self._seconds = seconds if self._seconds is None else 0.8 * self._seconds + 0.2 * seconds

    def went_wrong(self, trouble: EngineTrouble) -> None:
        """It has not."""
        self._tried += 1
        if trouble.cause in _NO_FAILURES:
            # It is well; the request is not.
            self._failures = 0
            self._rests_until = None
            return
        self._failed += 1
        self._failures += 1
        self._last = trouble
        if trouble.cause is Cause.BUSY and trouble.retry_after_seconds is not None:
            self._rests_until = self._now() + trouble.retry_after_seconds
        elif (
            self._failures >= self._relay.breaker_failures or self._rests_until is not None or trouble.cause in _AT_ONCE
        ):
            # Tried after a rest and failed again: the rest is longer each time.
            factor = 2 ** min(self._rests, _REST_DOUBLINGS_MAX)
            self._rests += 1
            self._rests_until = self._now() + factor * self._relay.breaker_seconds

    def health(self) -> Health:
        """For the operator."""
        told = self._last
        address = self.options.base
        model = self.options.model or ("by name" if self.options.models else "the caller's name")
        return Health(
            part=self.name,
            state=self.state,
            tried=self._tried,
            failed=self._failed,
            busy=self.busy,
            at_once=self.options.concurrent,
            seconds=self._seconds,
            last_trouble=None if told is None else f"{told.cause}: {told.said or told.message}",
            resting_seconds=self.resting_seconds or None,
            details={"address": address, "dialect": self.options.dialect, "model": model},
        )


@dataclass(frozen=True, slots=True)
class _Wish:
    """One of `among`, but of `rather_not` only if there is no other."""

    among: Sequence[Upstream]
    rather_not: Collection[Upstream]


class Upstreams:
    """All upstreams of a relay. `now`: seconds of a clock that only goes forward."""

    def __init__(self, options: RelayOptions, *, now: Callable[[], float]) -> None:
        self._all = [Upstream(one, options, now=now) for one in options.upstreams]
        self._line: deque[tuple[asyncio.Future[Upstream], _Wish]] = deque()

    def serving(self, model: str) -> list[Upstream]:
        """Those that have what is called `model` here."""
        return [one for one in self._all if one.options.model_for(model) is not None]

    async def open(self) -> None:
        """Get the lines ready."""
        for upstream in self._all:
            await upstream.line.open()

    async def close(self) -> None:
        """Hang up."""
        for turn, _ in self._line:
            turn.cancel()
        await asyncio.gather(*(upstream.line.close() for upstream in self._all))

    def health(self) -> Sequence[Health]:
        """How each of them is."""
        return [upstream.health() for upstream in self._all]

    def is_free(self, among: Sequence[Upstream], *, but: Collection[Upstream]) -> bool:
        """Whether one of `among`, none of `but`, could be asked now."""
        return any(one not in but and one.state != "resting" and not one.is_full for one in among)

    @asynccontextmanager
    async def turn(
        self, among: Sequence[Upstream], *, rather_not: Collection[Upstream] = ()
    ) -> AsyncGenerator[Upstream]:
        """One of `among` that may be asked now, held until this ends; waits in line where all that may be are full.

        `rather_not`: those only if there is no other. Raises `EngineBusy` where too many wait, and where all rest because
        they are busy; `EngineUnavailable` or `EngineQuota` where all rest for another reason: with when to come again.
        """
        upstream = await self._taken(_Wish(among, rather_not))
        try:
            yield upstream
        finally:
            upstream.busy -= 1
            self._serve_line()

    async def _taken(self, wish: _Wish) -> Upstream:
        if len(self._line) >= _WAITING_PER_SLOT * sum(one.options.concurrent for one in self._all):
            raise EngineBusy("too many requests wait for the upstream: try again later", retry_after_seconds=5)
        turn: asyncio.Future[Upstream] = asyncio.get_running_loop().create_future()
        self._line.append((turn, wish))
        self._serve_line()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                # It was given away just when whoever wanted it left.
                turn.result().busy -= 1
                self._serve_line()
            raise

    def _serve_line(self) -> None:
        """Give everybody in line, first come first, what is free for him, or the reason why nothing ever will be."""
        line, self._line = self._line, deque()
        for turn, wish in line:
            if turn.done():
                continue
            upstream = self._pick(wish.among, rather_not=wish.rather_not)
            if upstream is not None:
                upstream.busy += 1
                turn.set_result(upstream)
            elif all(one.state == "resting" for one in wish.among):
                turn.set_exception(_all_rest(wish.among))
            else:
                self._line.append((turn, wish))

    def _pick(self, among: Sequence[Upstream], *, rather_not: Collection[Upstream]) -> Upstream | None:
        free = [one for one in among if one.state != "resting" and not one.is_full]
        able = [one for one in free if one not in rather_not]
        if not able and any(one not in rather_not and one.state != "resting" for one in among):
            return None  # one that is better is only full: wait for it
        able = able or free
        if not able:
            return None
        # Whoever has least to do for its weight; among equals in turns, the heavier more often.
        least = min(one.busy / one.options.weight for one in able)
        able = [one for one in able if one.busy / one.options.weight == least]
        for one in able:
            one.credit += one.options.weight
        chosen = max(able, key=lambda one: one.credit)
        chosen.credit -= sum(one.options.weight for one in able)
        return chosen


_KINDS: Final[Mapping[Cause, type[EngineTrouble]]] = {Cause.BUSY: EngineBusy, Cause.QUOTA: EngineQuota}


def _all_rest(among: Sequence[Upstream]) -> EngineTrouble:
    """What to tell when nobody may be asked: the reason of the one that is back first."""
    first = min(among, key=lambda one: one.resting_seconds)
    last = first.last_trouble
    kind = _KINDS.get(last.cause, EngineUnavailable) if last is not None else EngineUnavailable
    return kind(
        "the upstream has failed too often of late, and is left alone for a while",
        retry_after_seconds=first.resting_seconds,
        said="" if last is None else f"resting after: {last.said or last.message}",
        part=first.name,
    )
