"""The wire under `Outbound`: aiohttp, held to connecting only to addresses that the policy has admitted.

How that holds, whatever aiohttp does between us and the socket:

- A name is looked up when a connection is made for it, once; all of its addresses must be admitted for this scheme and
  port, and the connection is made to one of those. There is no second lookup.
- Every socket is made by `_socket_for`, which knows the call it is made for and refuses any address that was not admitted
  for just that call.
- A connection kept open is used again for the same scheme, host and port only, all that its admission depended on (the
  policy never changes); so the lookup is saved as well, and what the name leads to meanwhile does not matter.
"""

from __future__ import annotations

import asyncio
import errno
import io
import socket
import ssl
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final, Literal

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override
from yarl import URL

from limner.kit.outbound.address import AddressRefusedError, Policy, Target, admit
from limner.kit.outbound.answer import Answer, CallFailedError
from limner.kit.outbound.names import Resolver

# Shorter than what servers commonly keep an idle connection for (5 s and more): else a call now and then would be sent
# into a connection that is just being closed, and a POST cannot be sent again.
_KEEP_SECONDS: Final = 4.0
# From here on aiohttp wants a file, so as not to hold the loop for the whole body at once.
_BODY_BYTES_AT_ONCE: Final = 1 << 20
_SUCCESS: Final = range(200, 300)
_UNREACHABLE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


@dataclass(slots=True, kw_only=True)
class _Call:
    """One call under way: what it was admitted to, how far it is, and what has come of the answer."""

    target: Target
    stage: Literal["queue", "connect", "answer"] = "answer"
    admitted: frozenset[tuple[str, int]] = frozenset()
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


# aiohttp asks the resolver and makes sockets in the task of the call, or in tasks that it starts from there.
_CALL: Final[ContextVar[_Call | None]] = ContextVar("outbound_call", default=None)


class Wire:
    """One session, made in the loop that uses it."""

    def __init__(
        self,
        *,
        policy: Policy,
        user_agent: str,
        resolver: Resolver,
        tls: ssl.SSLContext | None,
        connections: int,
        connections_per_host: int,
    ) -> None:
        self._user_agent = user_agent
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=_AdmittingResolver(resolver=resolver, policy=policy),
                socket_factory=_socket_for,
                # A cache would give one call what was admitted for another.
                use_dns_cache=False,
                keepalive_timeout=_KEEP_SECONDS,
                limit=connections,
                limit_per_host=connections_per_host,
                ssl=tls or True,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            # Each call has its own deadline, around everything.
            timeout=aiohttp.ClientTimeout(),
            # Nothing compressed is asked for, and what is compressed all the same is not unpacked.
            auto_decompress=False,
            trace_configs=[_stages()],
        )

    async def close(self) -> None:
        """Close all connections; calls under way fail."""
        await self._session.close()

    async def call(
        self,
        method: str,
        target: Target,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        seconds: float,
        bytes_max: int,
        whole: bool,
    ) -> Answer:
        """Do as `Outbound.request` does; an address in `target` has been admitted, a name has not."""
        started = time.perf_counter()
        call = _Call(target=target)
        if target.literal is not None:
            # aiohttp asks no resolver about it.
            call.admitted = frozenset({(target.host, target.port)})
        token = _CALL.set(call)
        try:
            async with asyncio.timeout(seconds):
                await self._exchange(call, method, body=body, headers=headers, bytes_max=bytes_max, whole=whole)
        except (TimeoutError, aiohttp.ClientError) as error:
            if call.status is None or (whole and call.status in _SUCCESS):
                raise _failure(call, error, seconds) from error
        finally:
            _CALL.reset(token)
        if call.status is None:
            raise AssertionError("an exchange ends with a status or an error")
        return Answer(
            status=call.status, headers=call.headers, body=bytes(call.body), seconds=time.perf_counter() - started
        )

    async def _exchange(
        self,
        call: _Call,
        method: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        bytes_max: int,
        whole: bool,
    ) -> None:
        response = await self._session.request(
            method,
            _url_of(call.target),
            data=io.BytesIO(body) if body is not None and len(body) > _BODY_BYTES_AT_ONCE else body,
            headers={**headers, "User-Agent": self._user_agent, "Accept-Encoding": "identity"},
            allow_redirects=False,
        )
        try:
            call.headers = {
                name.lower(): ", ".join(map(_storable, response.headers.getall(name))) for name in response.headers
            }
            call.status = response.status
            strict = whole and response.status in _SUCCESS
            if strict:
                _check_head(response, bytes_max)
            # One byte more than wanted: so an answer of just that length ends, and its connection can be kept.
            while (room := bytes_max + 1 - len(call.body)) > 0:
                piece = await response.content.read(room)
                if not piece:
                    break
                call.body += piece
            if len(call.body) > bytes_max:
                if strict:
                    raise _too_large(bytes_max)
                del call.body[bytes_max:]
        finally:
            # If the answer was read to its end, the connection has gone back already.
            response.close()


class _AdmittingResolver(AbstractResolver):
    """What aiohttp asks: it gives no address that the policy does not admit for the call."""

    def __init__(self, *, resolver: Resolver, policy: Policy) -> None:
        self._resolver = resolver
        self._policy = policy

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        call = _CALL.get()
        if call is None or (host, port) != (call.target.host, call.target.port):
            raise AddressRefusedError("This address was not asked for.")
        try:
            addresses = await self._resolver.addresses(host)
        except OSError as error:
            raise CallFailedError("resolve", _unresolved(host, error)) from error
        if not addresses:
            raise CallFailedError("resolve", f"{host} has no address")
        admit(call.target, addresses, self._policy)
        call.admitted = frozenset((str(address), port) for address in addresses)
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,  # noqa: PLR2004 - IPv4
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    @override
    async def close(self) -> None:
        """Whoever brought the resolver closes it."""


def _socket_for(info: tuple[Any, ...]) -> socket.socket:
    """The door through which every connection goes: a socket for an address admitted for this call, or none."""
    family, kind, protocol, _, address = info
    call = _CALL.get()
    if call is None or (address[0], address[1]) not in call.admitted:
        raise AddressRefusedError("This address was not admitted.")
    return socket.socket(family, kind, protocol)


def _stages() -> aiohttp.TraceConfig:
    """Notes how far each call is, so that a timeout can say what it was waiting for."""

    def noting(stage: Literal["queue", "connect", "answer"]) -> Any:
        async def note(_session: aiohttp.ClientSession, _context: SimpleNamespace, _params: object) -> None:
            call = _CALL.get()
            if call is not None:
                call.stage = stage

        return note

    stages = aiohttp.TraceConfig()
    stages.on_connection_queued_start.append(noting("queue"))
    stages.on_connection_create_start.append(noting("connect"))
    stages.on_connection_create_end.append(noting("answer"))
    stages.on_connection_reuseconn.append(noting("answer"))
    return stages


def _url_of(target: Target) -> URL:
    host = f"[{target.host}]" if ":" in target.host else target.host
    query = f"?{target.query}" if target.query else ""
    return URL(f"{target.scheme}://{host}:{target.port}{target.path}{query}", encoded=True)


def _storable(value: str) -> str:
    """A header without the lone surrogates by which aiohttp carries bytes that are no UTF-8: databases take none."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _check_head(response: aiohttp.ClientResponse, bytes_max: int) -> None:
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise CallFailedError("protocol", "the answer is compressed, which was not asked for")
    if response.content_length is not None and response.content_length > bytes_max:
        raise _too_large(bytes_max)


def _too_large(bytes_max: int) -> CallFailedError:
    return CallFailedError("too_large", f"the answer has more than {bytes_max} bytes")


def _unresolved(host: str, error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"looking up {host} took too long"
    # EAI_NODATA is not known everywhere.
    if isinstance(error, socket.gaierror) and error.errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None)}:
        return f"{host} does not exist or has no address"
    return f"{host} cannot be looked up at present"


def _failure(call: _Call, error: Exception, seconds: float) -> CallFailedError:
    """The plain words for what aiohttp reports."""
    match error:
        case TimeoutError():
            waited = {
                "queue": "no connection was free",
                "connect": "no connection could be made",
                "answer": "no whole answer came" if call.status else "no answer came",
            }[call.stage]
            return CallFailedError("timeout", f"{waited} within {seconds:g} seconds")
        case aiohttp.ClientConnectorError():
            return _not_connected(error)
        case aiohttp.ClientResponseError():
            return CallFailedError("protocol", "the answer is not HTTP")
        case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError():
            where = "before the answer was complete" if call.status else "before an answer came"
            return CallFailedError("reset", f"the connection was closed {where}")
        case _:
            return CallFailedError("protocol", "the call could not be made")


def _not_connected(failure: aiohttp.ClientConnectorError) -> CallFailedError:
    match failure:
        case aiohttp.ClientConnectorCertificateError():
            why = getattr(failure.certificate_error, "verify_message", "") or "it cannot be verified"
            return CallFailedError("tls", f"the certificate is not valid: {why}")
        case aiohttp.ClientSSLError():
            return CallFailedError("tls", "no TLS connection could be agreed on")
    match failure.os_error:
        case ConnectionRefusedError():
            return CallFailedError("connect", "connection refused")
        case ConnectionError():
            return CallFailedError("reset", "the connection was closed while it was being made")
        case OSError(errno=number) if number in _UNREACHABLE:
            return CallFailedError("connect", "there is no way to this address from here")
    return CallFailedError("connect", "no connection could be made")
