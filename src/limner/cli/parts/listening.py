"""The listening socket: opened before anything else, so that a port in use is said before anything is touched."""

from __future__ import annotations

import errno
import socket
from typing import Final

from limner.cli.parts.trouble import Trouble

BACKLOG: Final = 2048
_OPEN_PORTS_FROM: Final = 1024


def listen(*, host: str, port: int, section: str | None = "server") -> socket.socket:
    """A socket that listens there; port 0 takes a free one. Raises `Trouble`, naming settings of `section` (None: there are options only).

    It listens at once, not only when the server is ready: whoever comes early waits a moment and is not refused, and
    two servers that start together cannot both believe the port is theirs.
    """
    family, address = _resolved(host, port, section)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # `::` means everywhere
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Trouble(_why_not(error, host=host, port=port, section=section)) from None
    listener.setblocking(False)  # noqa: FBT003 - the standard library's way
    return listener


def url_of(listener: socket.socket, *, host: str) -> str:
    """The address to call it at from this machine: http://host:port."""
    port = listener.getsockname()[1]
    name = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - not bound here
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _resolved(host: str, port: int, section: str | None) -> tuple[socket.AddressFamily, tuple[object, ...]]:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise Trouble(
            f"there is no address called '{host}': give one of this machine's with {_option('host', section)}"
        ) from None
    # A name may stand for several; IPv4 first, because that is what `localhost` means to most programs.
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, address


def _why_not(error: OSError, *, host: str, port: int, section: str | None) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"port {port} on {host} is in use: stop what listens there, "
                f"or choose another with {_option('port', section)}"
            )
        case errno.EACCES:
            return (
                f"port {port} on {host} is not for everyone: choose one from {_OPEN_PORTS_FROM} up "
                f"with {_option('port', section)}"
            )
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine: choose another with {_option('host', section)}"
        case _:
            return f"cannot listen at port {port} on {host}: {error.strerror}"


def _option(name: str, section: str | None) -> str:
    """How a person sets it: the server's by an option too."""
    if section is None:
        return f"--{name}"
    variable = f"LIMNER_{section.upper()}__{name.upper()}"
    return f"--{name} or {variable}" if section == "server" else variable
