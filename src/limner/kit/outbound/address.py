"""Which addresses may be called: the rules for a URL as it is written, and for what its host leads to.

A URL is read once, by a grammar narrower than browsers': what could be understood in two ways is refused, so that nobody
after us can understand it differently. The only thing taken from it are the parts of a `Target`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final
from urllib.parse import quote

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

URL_CHARACTERS_MAX: Final = 2048
_NAME_CHARACTERS_MAX: Final = 253
_PORT_MAX: Final = 65535
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_URL: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?",
    re.IGNORECASE | re.ASCII,
)
_AUTHORITY: Final = re.compile(
    r"(?:\[(?P<v6>[0-9a-f:.]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[0-9]{0,5}))?", re.IGNORECASE | re.ASCII
)
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# A host whose last part is a number is an IPv4 address in somebody's eyes: inet_aton takes 1 to 4 parts in three bases.
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
# What a path or query may hold as it is; "%" too, since it is percent-encoded already.
_AS_WRITTEN: Final = "%/?:@!$&'()*+,;=-._~[]|"

_LOOPBACK: Final = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_NAT64: Final = IPv6Network("64:ff9b::/96")
_GLOBAL_IPV6: Final = IPv6Network("2000::/3")
# From IANA's registries of special-purpose addresses, the narrow before the wide.
_SPECIAL: Final[tuple[tuple[IPNetwork, str], ...]] = tuple(
    (ip_network(network), words)
    for words, networks in {
        "this machine itself": "127.0.0.0/8 ::1/128",
        "the unspecified address": "0.0.0.0/32 ::/128",
        "an address of its own network": "0.0.0.0/8",
        "a private address": "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7",
        "a link-local address": "169.254.0.0/16 fe80::/10",
        "an address inside a provider's network": "100.64.0.0/10",
        # Azure's own services answer here, inside every virtual machine and nowhere else.
        "an address inside a cloud": "168.63.129.16/32",
        "an address for documentation": "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20",
        "an address for benchmarks": "198.18.0.0/15",
        "a multicast address": "224.0.0.0/4 ff00::/8",
        "the broadcast address": "255.255.255.255/32",
        "a reserved address": "192.0.0.0/24 240.0.0.0/4 2001::/23 100::/64",
        "a site-local address": "fec0::/10",
        # Teredo lies in 2001::/23, above.
        "an IPv4 address in the clothes of IPv6": "::ffff:0:0/96 ::/96 64:ff9b:1::/48 2002::/16 192.88.99.0/24",
    }.items()
    for network in networks.split()
)


class AddressRefusedError(Exception):
    """The address may not be called, and nothing was sent; `message` says in one sentence what is wrong and what is right."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What may be called besides https:// at public addresses and at `ports`.

    `http` allows plain http everywhere. `networks` may be called although they are private, over http and at any port;
    `loopback` allows the same for 127.0.0.0/8 and ::1.
    """

    http: bool
    ports: frozenset[int]
    networks: tuple[IPNetwork, ...]
    loopback: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL in parts. `host` is an ASCII name in lower case or the text of `literal`; `path` and `query` are ASCII."""

    scheme: str
    host: str
    port: int
    path: str
    query: str
    literal: IPAddress | None


def check(url: str, policy: Policy) -> None:
    """Refuse `url` if nothing that its host might lead to could make it good; no name is looked up.

    So http:// or an unusual port is let through for a name where `policy` allows them in some networks: whether the
    name leads there is decided when it is called. Raises `AddressRefusedError`.
    """
    target_of(url, policy)


def target_of(url: str, policy: Policy) -> Target:
    """Do as `check` does, and give the parts."""
    target = _read(url)
    if target.literal is not None:
        admit(target, (target.literal,), policy)
    elif _is_localhost(target.host) and not _may_call_loopback(policy):
        raise AddressRefusedError(
            f"{target.host} is this machine itself: give an address that can be reached from the internet."
        )
    elif not policy.networks and not policy.loopback:
        _check_way(target, policy)
    return target


def admit(target: Target, addresses: Sequence[IPAddress], policy: Policy) -> None:
    """Refuse `target` unless each of the addresses that it leads to may be called. Raises `AddressRefusedError`."""
    outside = [address for address in addresses if not _is_allowed(address, policy)]
    for address in outside:
        kind = _kind(address)
        if kind is None:
            continue
        if target.literal is None:
            # Neither which address nor of what kind: strangers need not learn what our names lead to.
            raise AddressRefusedError(
                f"{target.host} does not lead to public addresses only: give one that can be reached from the internet."
            )
        raise AddressRefusedError(f"{address} is {kind}: give an address that can be reached from the internet.")
    if outside:
        _check_way(target, policy)


def _read(url: str) -> Target:
    if len(url) > URL_CHARACTERS_MAX:
        raise AddressRefusedError(f"The address is too long: {URL_CHARACTERS_MAX} characters are the most.")
    if not url.isprintable() or " " in url or "\\" in url:
        raise AddressRefusedError(
            "The address has spaces, backslashes or invisible characters in it: write them percent-encoded."
        )
    parts = _URL.match(url)
    if parts is None or parts["scheme"].lower() not in _DEFAULT_PORTS:
        raise AddressRefusedError("The address must be a whole URL that begins with https://.")
    if "@" in parts["authority"]:
        raise AddressRefusedError(
            "The address must not have a user name or password in it: leave out what stands before the @."
        )
    scheme = parts["scheme"].lower()
    host, literal, port = _read_authority(parts["authority"])
    return Target(
        scheme=scheme,
        host=host,
        literal=literal,
        port=_DEFAULT_PORTS[scheme] if port is None else port,
        path=quote(parts["path"] or "/", safe=_AS_WRITTEN),
        query=quote((parts["query"] or "")[1:], safe=_AS_WRITTEN),
    )


def _read_authority(authority: str) -> tuple[str, IPAddress | None, int | None]:
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise AddressRefusedError(
            "The address must have a host and perhaps a port after //, such as hooks.example.com:443."
        )
    port = int(parts["port"]) if parts["port"] else None
    if port is not None and not 0 < port <= _PORT_MAX:
        raise AddressRefusedError(f"The port must be a number from 1 to {_PORT_MAX}.")
    if parts["v6"] is not None:
        try:
            address = IPv6Address(parts["v6"])
        except ValueError:
            raise AddressRefusedError(
                "What stands in the brackets must be an IPv6 address, such as [2600::1]."
            ) from None
        return str(address), address, port
    host = _ascii(parts["name"]).removesuffix(".")
    if not host:
        raise AddressRefusedError("The address must have a host after //, such as hooks.example.com.")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            number = IPv4Address(host)
        except ValueError:
            raise AddressRefusedError(
                "An IPv4 address must be four decimal numbers from 0 to 255 without leading zeros, such as 8.8.8.8."
            ) from None
        return host, number, port
    if len(host) > _NAME_CHARACTERS_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefusedError("The host must be a name of letters, digits and hyphens, such as hooks.example.com.")
    return host, None, port


def _ascii(name: str) -> str:
    """The name in lower case, and as DNS writes it: xn--... for what is not ASCII; it is still to be judged."""
    if name.isascii():
        return name.lower()
    # It comes with aiohttp; names like these are rare.
    from yarl import URL

    try:
        return (URL.build(scheme="https", host=name).raw_host or "").lower()
    except ValueError:
        raise AddressRefusedError("The host has characters in it that no name can have.") from None


def _check_way(target: Target, policy: Policy) -> None:
    """The scheme and the port, where nothing about the addresses excuses them."""
    if target.scheme == "http" and not policy.http:
        raise AddressRefusedError("Addresses with http:// are not called: use https://.")
    if target.port not in policy.ports:
        good = " or ".join(str(port) for port in sorted(policy.ports, reverse=True))
        raise AddressRefusedError(f"Port {target.port} is not called: use {good or 'another server'}.")


def _kind(address: IPAddress) -> str | None:
    """In words, why an address is not public; None if it is."""
    if isinstance(address, IPv6Address) and address in _NAT64:
        # Where a network has no IPv4, this is how its resolver writes every IPv4 address: as good as what is in it.
        return _kind(IPv4Address(int(address) & 0xFFFFFFFF))
    for network, words in _SPECIAL:
        if address in network:
            return words
    public = address.is_global and (isinstance(address, IPv4Address) or address in _GLOBAL_IPV6)
    return None if public else "a reserved address"


def _is_allowed(address: IPAddress, policy: Policy) -> bool:
    networks = (*policy.networks, *_LOOPBACK) if policy.loopback else policy.networks
    return any(address in network for network in networks)


def _is_localhost(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")


def _may_call_loopback(policy: Policy) -> bool:
    def meet(one: IPNetwork, other: IPNetwork) -> bool:
        return one.network_address in other or other.network_address in one

    return policy.loopback or any(meet(network, loop) for network in policy.networks for loop in _LOOPBACK)
