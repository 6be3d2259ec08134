"""One call to one upstream: from its answer, or its stream, to pictures as the caller wanted them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import Executor
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import urljoin

from limner.domain.spec import Partial, Picture, Shown, Spec
from limner.engines import EngineFailed
from limner.engines.openai_relay import answers, fitting
from limner.engines.openai_relay.answers import Answer, Event, Events, Found, Unfinished
from limner.engines.openai_relay.line import CallBroke, Reply
from limner.engines.openai_relay.options import RelayOptions
from limner.engines.openai_relay.requests import Call
from limner.engines.openai_relay.troubles import broke
from limner.engines.openai_relay.upstreams import Upstream
from limner.kit.outbound import AddressRefusedError, CallFailedError, Outbound

_T = TypeVar("_T")
_PICTURE_BYTES_MAX: Final = 128 * 1024 * 1024
# Below that, handing it to a thread takes longer than doing it.
_THREAD_BYTES: Final = 128 * 1024
_OK: Final = range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What all calls of a relay share. `pool`: threads for what would hold everybody up; `outbound`: to strangers."""

    options: RelayOptions
    pool: Executor
    outbound: Outbound


class Asking:
    """One call for some pictures of a spec."""

    def __init__(self, call: Call, *, spec: Spec, upstream: Upstream, means: Means) -> None:
        self._call = call
        self._spec = spec
        self._upstream = upstream
        self._means = means
        self._options = means.options
        self._part = upstream.name

    async def shown(self, *, heard_all: Callable[[], Awaitable[None]]) -> AsyncGenerator[Shown]:
        """What comes back. `heard_all`: called when the upstream is done with it, and may be given something else.

        Raises `CallBroke`, or an `EngineTrouble` that came within an answer which had begun well.
        """
        async with self._upstream.line.call(self._call) as reply:
            if reply.is_stream:
                async with aclosing(self._streamed(reply)) as shown:
                    async for one in shown:
                        yield one
                return
            body = await reply.whole()
        await heard_all()
        answer = await self._answer(body)
        body = b""
        if answer.usage is not None:
            yield answer.usage
        for number, found in enumerate(answer.pictures):
            yield await self._picture(found, number=number)

    async def _answer(self, body: bytes) -> Answer:
        return await self._off_the_loop(
            lambda: answers.answer_of(body, part=self._part, count=self._call.count), size=len(body)
        )

    async def _streamed(self, reply: Reply) -> AsyncGenerator[Shown]:
        done = 0
        events = Events(part=self._part, bytes_max=self._upstream.options.answer_bytes_max)
        async with aclosing(_events(events, reply.pieces)) as found:
            async for event in found:
                shown = await self._heard(event)
                if done == self._call.count:
                    continue  # more than were asked for are nobody's
                if isinstance(shown, Unfinished):
                    partial = self._partial(shown, number=done)
                    if partial is not None:
                        yield partial
                elif shown is not None:
                    if shown.usage is not None:
                        yield shown.usage
                    yield await self._picture(shown.pictures[0], number=done)
                    done += 1
        if not done:
            said = "the stream ended without a picture"
            judged = broke(stage="answer", timed_out=False, said=said, part=self._part, pictures=self._call.count)
            raise CallBroke(judged, may_repeat_here=False)

    async def _heard(self, event: Event) -> Answer | Unfinished | None:
        return await self._off_the_loop(lambda: answers.shown_of(event, part=self._part), size=len(event.data))

    def _partial(self, unfinished: Unfinished, *, number: int) -> Partial | None:
        header = fitting.header_of(unfinished.data)
        if header is None:
            return None
        return Partial(
            index=self._call.first_index + number,
            number=unfinished.number,
            data=unfinished.data,
            output_format=header.output_format,
        )

    async def _picture(self, found: Found, *, number: int) -> Picture:
        """As the caller asked for it: fetched if it lies elsewhere, cropped or scaled if it is of another size."""
        call, spec = self._call, self._spec
        data = found.data
        if data is None:
            link = urljoin(call.url, found.link or "")
            if self._may_stay(link):
                return self._told(found, number=number, link=link)
            data = await self._fetched(link)
        size = (spec.width, spec.height)
        fitted = fitting.at_once(
            data, size=size, output_format=spec.output_format, fit=self._options.fit, part=self._part
        )
        if fitted is None:
            fitted = await self._off_the_loop(
                lambda: fitting.fitted(
                    data,
                    size=size,
                    output_format=spec.output_format,
                    output_compression=spec.output_compression,
                    fit=self._options.fit,
                    part=self._part,
                )
            )
        return Picture(
            index=call.first_index + number,
            data=fitted.data,
            output_format=fitted.output_format,
            width=fitted.width,
            height=fitted.height,
            seed=call.seed_of(number),
            revised_prompt=found.revised_prompt or call.prompt,
            part=self._part,
            notes=(*call.notes, *fitted.notes),
        )

    def _may_stay(self, link: str) -> bool:
        """Whether the picture at that address is what was wanted, and whoever asked is content with the address."""
        spec = self._spec
        is_fitted = self._options.fit != "off" and self._call.size != (spec.width, spec.height)
        wanted = self._options.links == "pass" and spec.links_will_do and not is_fitted
        return wanted and link.startswith(("https://", "http://"))

    def _told(self, found: Found, *, number: int, link: str) -> Picture:
        call = self._call
        return Picture(
            index=call.first_index + number,
            data=b"",
            output_format=call.output_format or self._spec.output_format,
            width=call.size[0],
            height=call.size[1],
            seed=call.seed_of(number),
            revised_prompt=found.revised_prompt or call.prompt,
            link=link,
            part=self._part,
            notes=call.notes,
        )

    async def _fetched(self, link: str) -> bytes:
        """The picture at an address: of the upstream itself, or of anybody whom a stranger's address may lead to."""
        upstream = self._upstream
        bytes_max = min(_PICTURE_BYTES_MAX, upstream.options.answer_bytes_max)
        data = await upstream.line.fetch(link, bytes_max=bytes_max)
        if data is not None:
            return data
        try:
            answer = await self._means.outbound.get(link, seconds=upstream.options.idle_seconds, bytes_max=bytes_max)
        except (AddressRefusedError, CallFailedError) as error:
            said = f"{type(error).__name__}: {error}"
        else:
            if answer.status in _OK:
                return answer.body
            said = f"the address of the picture answered {answer.status}"
        raise EngineFailed(
            "the upstream's picture cannot be fetched from where it says it is",
            said=said,
            part=self._part,
            lost_pictures=1,
        )

    async def _off_the_loop(self, work: Callable[[], _T], *, size: int | None = None) -> _T:
        if size is not None and size < _THREAD_BYTES:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._means.pool, work)


async def _events(events: Events, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[Event]:
    async with aclosing(pieces):
        async for piece in pieces:
            for event in events.feed(piece):
                yield event
    for event in events.end():
        yield event
