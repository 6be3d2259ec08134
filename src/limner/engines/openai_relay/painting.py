"""One request's way: split into runs of pictures, each asked of an upstream, and of another one if that is safe.

What may be asked twice is decided in `troubles`: nothing that may already have been painted, and charged.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

from limner.domain.spec import Picture, Setback, Shown, Spec
from limner.engines import EngineCannot, EngineFailed, EngineTrouble
from limner.engines.openai_relay import requests
from limner.engines.openai_relay.asking import Asking, Means
from limner.engines.openai_relay.line import CallBroke
from limner.engines.openai_relay.requests import Call
from limner.engines.openai_relay.upstreams import Upstream, Upstreams
from limner.kit.merging import merged


async def painted(spec: Spec, *, upstreams: Upstreams, means: Means) -> AsyncGenerator[Shown]:
    """All of the spec's pictures. Raises `EngineTrouble`, once every call that was under way has ended."""
    serving = upstreams.serving(spec.model)
    if not serving:
        raise EngineCannot(f"no upstream serves the model '{spec.model}'", param="model")
    share = max(requests.per_call(spec, upstream=one.options) for one in serving)
    runs = [
        _Run(
            list(range(first, min(first + share, spec.n))),
            spec=spec,
            serving=serving,
            upstreams=upstreams,
            means=means,
        ).shown()
        for first in range(0, spec.n, share)
    ]
    async with aclosing(runs[0] if len(runs) == 1 else merged(runs)) as shown:
        async for one in shown:
            yield one


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """What went wrong with a call. `may_repeat`: it is safe to ask again; `here`: of the same upstream, too."""

    upstream: Upstream
    trouble: EngineTrouble
    may_repeat: bool
    here: bool
    seconds: float


class _Run:
    """The pictures of a few indexes: asked for together, and asked for again as far as that is safe."""

    def __init__(
        self, left: list[int], *, spec: Spec, serving: Sequence[Upstream], upstreams: Upstreams, means: Means
    ) -> None:
        self._left = left
        self._spec = spec
        self._serving = serving
        self._upstreams = upstreams
        self._means = means
        self._options = means.options
        self._unable: dict[Upstream, EngineCannot] = {}
        self._failed: set[Upstream] = set()
        self._barred: set[Upstream] = set()
        self._tries = 0
        self._failure: _Failure | None = None

    async def shown(self) -> AsyncGenerator[Shown]:
        """Until nothing is left to paint, or nobody to ask."""
        while self._left:
            self._failure = None
            async with AsyncExitStack() as turn:
                upstream = await turn.enter_async_context(
                    self._upstreams.turn(self._candidates(), rather_not=self._failed)
                )
                call = self._call(upstream)
                if call is None:
                    continue
                # A slot of the upstream's is given back as soon as it has answered, whatever is done with that afterwards.
                asking = Asking(call, spec=self._spec, upstream=upstream, means=self._means)
                async with aclosing(self._attempt(upstream, call, asking, turn)) as shown:
                    async for one in shown:
                        yield one
            failure = self._last_failure()
            if failure is not None:
                seconds = self._pause(failure)
                yield Setback(
                    part=failure.upstream.name,
                    cause=failure.trouble.cause,
                    said=failure.trouble.said or failure.trouble.message,
                    seconds=failure.seconds,
                    lost_pictures=failure.trouble.lost_pictures,
                )
                if seconds:
                    await asyncio.sleep(seconds)

    def _last_failure(self) -> _Failure | None:
        return self._failure

    def _candidates(self) -> list[Upstream]:
        """Whom to ask. Raises what the dialects say if none of them has the words for it."""
        able = [one for one in self._serving if one not in self._unable and one not in self._barred]
        if not able:
            raise next(iter(self._unable.values()))
        return able

    def _call(self, upstream: Upstream) -> Call | None:
        """What to ask the upstream for; None: it cannot be asked for this."""
        share = requests.per_call(self._spec, upstream=upstream.options)
        try:
            return requests.call_of(
                self._spec,
                upstream=upstream.options,
                options=self._options,
                count=min(share, _in_a_row(self._left)),
                first_index=self._left[0],
                stream=requests.streams(self._spec, upstream=upstream.options),
            )
        except EngineCannot as cannot:
            self._unable[upstream] = cannot
            return None

    async def _attempt(
        self, upstream: Upstream, call: Call, asking: Asking, turn: AsyncExitStack
    ) -> AsyncGenerator[Shown]:
        """One call; what stopped it is in `_failure` afterwards."""
        started = time.monotonic()
        found = 0
        try:
            async with aclosing(asking.shown(heard_all=turn.aclose)) as shown:
                async for one in shown:
                    if isinstance(one, Picture):
                        self._left.remove(one.index)
                        found += 1
                    yield one
        except CallBroke as call_broke:
            trouble = call_broke.trouble
            may_repeat, here = call_broke.judged.is_safe_to_retry, call_broke.may_repeat_here
        except EngineTrouble as inside:
            trouble, may_repeat, here = inside, False, False
        else:
            upstream.went_well(seconds=time.monotonic() - started)
            if found == call.count:
                return
            # Who says that it is done has painted what it sent, and nothing else.
            trouble = EngineFailed(f"the upstream delivered {found} of {call.count} pictures", part=upstream.name)
            may_repeat = here = True
        if not found:
            upstream.went_wrong(trouble)
        self._failure = _Failure(
            upstream=upstream,
            trouble=trouble,
            may_repeat=may_repeat,
            here=here,
            seconds=time.monotonic() - started,
        )

    def _pause(self, failure: _Failure) -> float:
        """How long to wait, in seconds, before somebody is asked again. Raises the trouble if nobody should be."""
        self._tries += 1
        self._failed.add(failure.upstream)
        if not failure.here:
            self._barred.add(failure.upstream)
        others = [one for one in self._serving if one not in self._unable and one not in self._barred]
        trouble = failure.trouble
        if not failure.may_repeat or not others or self._tries >= self._options.attempts_max:
            raise trouble
        if self._upstreams.is_free(others, but=self._failed):
            return 0.0
        if trouble.retry_after_seconds is not None:
            if trouble.retry_after_seconds > self._options.retry_after_seconds_max:
                raise trouble
            return trouble.retry_after_seconds
        if all(one.state == "resting" for one in others):
            raise trouble  # by its own words, rather than as one that is left alone
        seconds = min(self._options.backoff_seconds * 2.0 ** (self._tries - 1), self._options.backoff_seconds_max)
        # Those who failed together should not come back together.
        return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - nothing secret


def _in_a_row(indexes: Sequence[int]) -> int:
    """How many of the first follow one another: only those can be asked for in one call, with one seed."""
    return next((n for n in range(1, len(indexes)) if indexes[n] != indexes[0] + n), len(indexes))
