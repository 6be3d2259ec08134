"""The guarded client: it calls only what the policy admits, and gives each call one deadline and a cap on bytes."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from limner.kit.outbound.address import Policy, check, target_of
from limner.kit.outbound.answer import Answer
from limner.kit.outbound.names import Resolver, SystemResolver

if TYPE_CHECKING:
    from limner.kit.outbound.wire import Wire


class Outbound:
    """Calls addresses that strangers chose. Open it in the loop that uses it, and close it; or use `async with`.

    `user_agent` is sent with each call. `tls` is for certificates of one's own; without it the system's are trusted.
    At most `connections` are open at once, `connections_per_host` of them to one host and port; a call that gets none
    waits, and its time runs.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        user_agent: str,
        resolver: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
        connections: int = 128,
        connections_per_host: int = 16,
    ) -> None:
        self._policy = policy
        self._user_agent = user_agent
        self._resolver = resolver
        self._own_resolver: SystemResolver | None = None
        self._tls = tls
        self._connections = connections
        self._connections_per_host = connections_per_host
        self._wire: Wire | None = None

    async def open(self) -> None:
        """Get ready to call, in the loop that will."""
        if self._wire is not None:
            return
        # aiohttp takes a third of a second: whoever opens no client does not pay for it.
        from limner.kit.outbound.wire import Wire

        resolver = self._resolver
        if resolver is None:
            resolver = self._own_resolver = SystemResolver()
        self._wire = Wire(
            policy=self._policy,
            user_agent=self._user_agent,
            resolver=resolver,
            tls=self._tls,
            connections=self._connections,
            connections_per_host=self._connections_per_host,
        )

    async def close(self) -> None:
        """Close all connections; calls under way fail."""
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()
        if self._own_resolver is not None:
            self._own_resolver.close()
            self._own_resolver = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def check(self, url: str) -> None:
        """Refuse at once what could never be called. Raises `AddressRefusedError`."""
        check(url, self._policy)

    async def post(
        self, url: str, *, body: bytes, headers: Mapping[str, str], seconds: float, answer_bytes_max: int = 4096
    ) -> Answer:
        """Send `body`; give the answer with the first `answer_bytes_max` bytes of its body.

        Once the answer's head is there the call has worked: if the rest breaks off or is not there within `seconds`, what
        came is the answer. Redirects are answers like others. Raises `AddressRefusedError`, `CallFailedError`.
        """
        return await self.request(
            "POST", url, body=body, headers=headers, seconds=seconds, bytes_max=answer_bytes_max, whole=False
        )

    async def get(
        self, url: str, *, seconds: float, bytes_max: int, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Fetch what is there, whole, and fail with "too_large" if it has more than `bytes_max` bytes.

        Of answers other than 2xx (redirects too) the body is cut instead. Raises `AddressRefusedError`, `CallFailedError`.
        """
        return await self.request("GET", url, headers=headers or {}, seconds=seconds, bytes_max=bytes_max, whole=True)

    async def request(
        self,
        method: Literal["GET", "POST"],
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str],
        seconds: float,
        bytes_max: int,
        whole: bool,
    ) -> Answer:
        """Make a call that takes at most `seconds` from the lookup to the last byte.

        With `whole` a 2xx answer must be complete, unpacked and no larger than `bytes_max`; else its body is what of the
        first `bytes_max` bytes has come. Raises `AddressRefusedError`, `CallFailedError`.
        """
        if self._wire is None:
            raise RuntimeError("open the client before calling")
        target = target_of(url, self._policy)
        return await self._wire.call(
            method, target, body=body, headers=headers, seconds=seconds, bytes_max=bytes_max, whole=whole
        )
