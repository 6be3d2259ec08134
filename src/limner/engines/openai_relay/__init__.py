"""Pictures from other servers: OpenAI, or whoever speaks like it. docs/relays.md is for operators.

A call goes from `requests` (what is sent, by the upstream's dialect) over `upstreams` (whose turn it is) and `line` (the
wire) to `answers` and `fitting`; `troubles` says what a failure means; `painting` leads through it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, ClassVar, Final

import limner
from limner.domain.spec import OutputFormat, Shown, Spec
from limner.engines import Health, SourceType
from limner.engines.openai_relay.dialects import formats_of
from limner.engines.openai_relay.options import options_of
from limner.engines.openai_relay.requests import extras_of, images_max_of
from limner.engines.openai_relay.upstreams import Upstreams

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from limner.engines.openai_relay.asking import Means
    from limner.kit.outbound import Outbound

_ENCODED: Final = frozenset({OutputFormat.PNG, OutputFormat.JPEG, OutputFormat.WEBP})
# Decoding and fitting let go of the interpreter's lock: more threads than processors would only get in each other's way.
_THREADS: Final = 4


class Plug:
    """The engine. Its options are those of `options.RelayOptions`: `upstreams`, and how they are treated."""

    needs_options: ClassVar[bool] = True
    # Whatever stands behind it was trained: nobody runs such servers for anything else.
    source_type: SourceType = SourceType.TRAINED

    def __init__(self, options: Mapping[str, object]) -> None:
        self._options = options_of(options)
        self._upstreams = Upstreams(self._options, now=time.monotonic)
        self._pool: ThreadPoolExecutor | None = None
        self._outbound: Outbound | None = None
        self._means: Means | None = None

    @property
    def output_formats(self) -> frozenset[OutputFormat]:
        """What can be made of whatever comes, and what one of the upstreams' models writes itself."""
        return _ENCODED.union(*(formats_of(one) for one in self._options.upstreams))

    @property
    def images_max(self) -> int:
        """Of the upstream that takes most."""
        return max(images_max_of(one) for one in self._options.upstreams)

    def formats(self, model: str) -> frozenset[OutputFormat]:
        """The same, of the upstreams that serve that model."""
        return _ENCODED.union(*(formats_of(one, model=model) for one in self._options.serving(model)))

    def extras(self, model: str) -> Collection[str]:
        """Whatever one of the upstreams that serve the model takes; the others are not asked then."""
        return frozenset().union(*(extras_of(one, model=model) for one in self._options.serving(model)))

    def health(self) -> Sequence[Health]:
        """Each upstream's, as this process knows it."""
        return self._upstreams.health()

    async def open(self) -> None:
        """Get ready to call; calls nobody."""
        from concurrent.futures import ThreadPoolExecutor

        from limner.engines.openai_relay.asking import Means
        from limner.kit.outbound import Outbound, Policy

        assert self._pool is None, "opened twice"
        await self._upstreams.open()
        # Addresses that an upstream answers with are a stranger's: they lead to the open internet or nowhere.
        policy = Policy(http=True, ports=frozenset({80, 443}), networks=(), loopback=False)
        self._outbound = Outbound(policy=policy, user_agent=f"limner/{limner.__version__}")
        await self._outbound.open()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="relay")
        self._means = Means(options=self._options, pool=self._pool, outbound=self._outbound)

    async def close(self) -> None:
        """Hang up; calls under way fail."""
        await self._upstreams.close()
        self._means = None
        outbound, self._outbound = self._outbound, None
        if outbound is not None:
            await outbound.close()
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)

    async def paint(self, spec: Spec) -> AsyncGenerator[Shown]:
        """Ask for the spec's pictures, and hand them on as they come."""
        from limner.engines.openai_relay.painting import painted

        assert self._means is not None, "painted before it was opened"
        async with aclosing(painted(spec, upstreams=self._upstreams, means=self._means)) as shown:
            async for one in shown:
                yield one
