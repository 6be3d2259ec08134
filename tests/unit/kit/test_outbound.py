from __future__ import annotations

import asyncio
import gzip
import io
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from time import perf_counter

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from limner.kit.outbound import AddressRefusedError, Answer, CallFailedError, Outbound, Policy, SystemResolver, check

STRICT = Policy(http=False, ports=frozenset({80, 443}), networks=(), loopback=False)
HOME = replace(STRICT, loopback=True)
# Tests reach 127.0.0.1 only: it plays the address that may be called, and 127.0.0.2 the private one beside it.
ONE = replace(STRICT, networks=(ip_network("127.0.0.1/32"),))
NAME = "hooks.example"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Names:
    """A resolver with a book: each lookup of a name takes its next page, and the last one stays."""

    def __init__(self, **pages: Sequence[str]) -> None:
        self.book = {name.replace("_", "."): list(answers) for name, answers in pages.items()}
        self.asked: list[str] = []

    async def addresses(self, name: str, /) -> Sequence[IPv4Address | IPv6Address]:
        self.asked.append(name)
        if name not in self.book:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        pages = self.book[name]
        return [ip_address(address) for address in (pages.pop(0) if len(pages) > 1 else pages[0]).split()]


@dataclass
class Receiver:
    """A server of bytes: it hears a request, and says what it is told to."""

    port: int = 0
    connections: int = 0
    heard: list[bytes] = field(default_factory=list)

    def url(self, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}/hook"


async def hear(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return head + await reader.readexactly(int(line.split(b":")[1]))
    return head


@asynccontextmanager
async def receiver(
    says: bytes | Talk, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """Says the same after each request, on connections that it leaves open; or talks, once for each connection."""
    here = Receiver()
    talks: set[asyncio.Task[None] | None] = set()

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        here.connections += 1
        try:
            while True:
                here.heard.append(await hear(reader))
                if not isinstance(says, bytes):
                    await says(reader, writer)
                    break
                writer.write(says)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(on_connection, host, 0, ssl=tls)
    here.port = server.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        server.close()
        for task in talks:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in talks if task is not None))


def ok(body: bytes = b"thanks", *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", body])


async def for_ever(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def outbound(
    policy: Policy = HOME, names: Names | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Outbound]:
    async with Outbound(policy=policy, user_agent="limner/9.9", resolver=names, tls=tls) as client:
        yield client


async def post(client: Outbound, url: str, *, seconds: float = 5.0, answer_bytes_max: int = 4096) -> Answer:
    headers = {"content-type": "application/json", "webhook-id": "msg_1"}
    return await client.post(
        url, body=b'{"type":"task.finished"}', headers=headers, seconds=seconds, answer_bytes_max=answer_bytes_max
    )


# --- addresses as they are written


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("127.0.0.1", "this machine itself"),
        ("127.255.3.9", "this machine itself"),
        ("[::1]", "this machine itself"),
        ("[0:0:0:0:0:0:0:1]", "this machine itself"),
        ("localhost", "this machine itself"),
        ("LocalHost", "this machine itself"),
        ("localhost.", "this machine itself"),
        ("inbox.localhost", "this machine itself"),
        ("ｌｏｃａｌｈｏｓｔ", "this machine itself"),
        ("0.0.0.0", "the unspecified address"),
        ("[::]", "the unspecified address"),
        ("0.1.2.3", "an address of its own network"),
        ("10.0.0.1", "a private address"),
        ("172.16.0.1", "a private address"),
        ("172.31.255.255", "a private address"),
        ("192.168.1.1", "a private address"),
        ("[fc00::1]", "a private address"),
        ("[fd00:ec2::254]", "a private address"),
        ("169.254.169.254", "a link-local address"),
        ("169.254.169.254.", "a link-local address"),
        ("[fe80::1]", "a link-local address"),
        ("100.64.0.1", "inside a provider's network"),
        ("100.100.100.200", "inside a provider's network"),
        ("168.63.129.16", "inside a cloud"),
        ("192.0.2.1", "documentation"),
        ("198.51.100.1", "documentation"),
        ("203.0.113.1", "documentation"),
        ("[2001:db8::1]", "documentation"),
        ("[3fff::1]", "documentation"),
        ("198.18.0.1", "benchmarks"),
        ("198.19.255.255", "benchmarks"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("[ff02::1]", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("240.0.0.1", "reserved"),
        ("192.0.0.192", "reserved"),
        ("[100::1]", "reserved"),
        ("[2001:2::1]", "reserved"),
        ("[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "reserved"),  # Teredo
        ("[4000::1]", "reserved"),
        ("[5f00::1]", "reserved"),
        ("[fec0::1]", "site-local"),
        ("[::ffff:127.0.0.1]", "clothes of IPv6"),
        ("[::ffff:7f00:1]", "clothes of IPv6"),
        ("[::ffff:8.8.8.8]", "clothes of IPv6"),
        ("[::127.0.0.1]", "clothes of IPv6"),
        ("[2002:7f00:1::]", "clothes of IPv6"),
        ("[64:ff9b:1::a00:1]", "clothes of IPv6"),
        ("192.88.99.1", "clothes of IPv6"),
        ("[64:ff9b::127.0.0.1]", "this machine itself"),
        ("[64:ff9b::a9fe:a9fe]", "a link-local address"),
        ("１２７.０.０.１", "this machine itself"),
        ("127。0。0。1", "this machine itself"),
        ("①②⑦.0.0.1", "this machine itself"),
        ("127.1", "four decimal numbers"),
        ("127.0.1", "four decimal numbers"),
        ("2130706433", "four decimal numbers"),
        ("0", "four decimal numbers"),
        ("0x7f000001", "four decimal numbers"),
        ("0X7F.0.0.1", "four decimal numbers"),
        ("0x7f.1", "four decimal numbers"),
        ("0177.0.0.1", "four decimal numbers"),
        ("017700000001", "four decimal numbers"),
        ("127.0.0.0x1", "four decimal numbers"),
        ("0x", "four decimal numbers"),
        ("0127.0.0.1", "four decimal numbers"),
        ("256.0.0.1", "four decimal numbers"),
        ("1.2.3.4.5", "four decimal numbers"),
        ("10.0.0.1..", "letters, digits and hyphens"),
        ("%31%32%37.0.0.1", "four decimal numbers"),
        ("127.0.0.1%00", "letters, digits and hyphens"),
        ("localhos%74", "letters, digits and hyphens"),
        ("[fe80::1%25eth0]", "host and perhaps a port"),
        ("[::1%lo]", "host and perhaps a port"),
        ("[127.0.0.1]", "IPv6 address"),
        ("[::1]x", "host and perhaps a port"),
        ("[[::1]]", "host and perhaps a port"),
        ("::1", "host and perhaps a port"),
        ("[]", "IPv6 address"),
    ],
)
def test_a_host_that_is_no_public_address_is_refused(host: str, words: str) -> None:
    with pytest.raises(AddressRefusedError) as refused:
        check(f"https://{host}/hook", STRICT)

    assert words in refused.value.message
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "begins with https://"),
        ("hooks.example/x", "begins with https://"),
        ("//hooks.example/x", "begins with https://"),
        ("https:hooks.example", "begins with https://"),
        ("https:/hooks.example", "begins with https://"),
        ("ftp://hooks.example/x", "begins with https://"),
        ("file:///etc/passwd", "begins with https://"),
        ("gopher://hooks.example", "begins with https://"),
        ("httpſ://hooks.example", "begins with https://"),
        ("https://", "a host"),
        ("https:///hook", "a host"),
        ("https://:443/hook", "a host"),
        ("https://.", "a host"),
        ("https://?x=1", "a host"),
        ("http://hooks.example/x", "use https://"),
        ("HTTP://hooks.example/x", "use https://"),
        ("https://hooks.example:8443/", "use 443 or 80"),
        ("https://hooks.example:22/", "use 443 or 80"),
        ("https://hooks.example:0/", "from 1 to 65535"),
        ("https://hooks.example:65536/", "from 1 to 65535"),
        ("https://hooks.example:-1/", "host and perhaps a port"),
        ("https://hooks.example:4e2/", "host and perhaps a port"),
        ("https://hooks.example:４４３/", "host and perhaps a port"),
        ("https://hooks.example:443:443/", "host and perhaps a port"),
        ("https://ada@hooks.example/", "user name or password"),
        ("https://@hooks.example/", "user name or password"),
        ("https://hooks.example:443@127.0.0.1/", "user name or password"),
        ("https://hooks.example＠127.0.0.1/", "characters in it that no name"),
        ("https://hooks.example／x@127.0.0.1/", "user name or password"),
        ("https://hooks.example\\@127.0.0.1/", "backslashes"),
        ("https:\\\\hooks.example/", "backslashes"),
        (" https://hooks.example/", "spaces"),
        ("https://hooks.example/a b", "spaces"),
        ("https://hooks.example/\r\nHost: 127.0.0.1", "invisible"),
        ("ht\ttps://hooks.example/", "invisible"),
        ("https://hooks.example/\x00", "invisible"),
        ("https://hooks\u200b.example/", "invisible"),
        ("https://hooks.example/\ud800", "invisible"),
        ("https://hooks..example/", "letters, digits and hyphens"),
        ("https://-hooks.example/", "letters, digits and hyphens"),
        ("https://hooks!.example/", "letters, digits and hyphens"),
        ("https://" + "h" * 64 + ".example/", "letters, digits and hyphens"),
        ("https://" + "h." * 130 + "example/", "letters, digits and hyphens"),
        ("https://hooks.example/" + "x" * 2048, "2048 characters"),
    ],
)
def test_a_url_that_cannot_be_right_is_refused(url: str, words: str) -> None:
    with pytest.raises(AddressRefusedError) as refused:
        check(url, STRICT)

    assert words in refused.value.message
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example",
        "HTTPS://Hooks.Example:443/hook?task=1&x=%20#part",
        "https://hooks.example:/hook",
        "https://hooks.example:80/hook",
        "https://hooks.example./hook",
        "https://my_hooks.example/",
        "https://xn--mnchen-3ya.de/",
        "https://münchen.de/grüße?q=ü",
        "https://例え.テスト/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
        "https://[64:ff9b::8.8.8.8]/",
        "https://172.32.0.1/",
        "https://100.128.0.1/",
        "https://hooks.example/a@b//c;d=[e]|f?url=https://ada:secret@other.example/",
        "https://hooks.example/" + "x" * 2026,
    ],
)
def test_a_public_address_over_https_may_be_called(url: str) -> None:
    check(url, STRICT)


def test_a_refusal_does_not_repeat_credentials() -> None:
    for url in ("https://ada:s3cret@hooks.example/", "http://s3cret@10.0.0.1:99/", "ftp://ada:s3cret@hooks.example/"):
        with pytest.raises(AddressRefusedError) as refused:
            check(url, STRICT)

        assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["http://localhost:9000/hook", "http://127.0.0.1:9000/", "http://[::1]:9000/", "http://a.localhost:1/"]
)
def test_this_machine_may_be_called_where_that_is_allowed(url: str) -> None:
    check(url, HOME)
    with pytest.raises(AddressRefusedError):
        check(url, replace(STRICT, http=True, ports=frozenset({1, 9000})))


def test_allowed_networks_may_be_called_over_http_and_at_any_port() -> None:
    policy = replace(STRICT, networks=(ip_network("10.1.0.0/16"), ip_network("fd00:1::/32")))

    check("http://10.1.2.3:8080/", policy)
    check("http://[fd00:1::9]:8080/", policy)
    check("http://receiver.internal:8080/", policy)  # where that leads is seen when it is called
    for url in ("https://10.2.0.1/", "https://[::ffff:10.1.2.3]/", "https://localhost/", "http://8.8.8.8/"):
        with pytest.raises(AddressRefusedError):
            check(url, policy)


def test_plain_http_may_be_allowed_everywhere() -> None:
    policy = replace(STRICT, http=True)

    check("http://hooks.example/", policy)
    with pytest.raises(AddressRefusedError, match="Port 8080 is not called"):
        check("http://hooks.example:8080/", policy)


# --- names, by what they lead to


@pytest.mark.parametrize(
    "addresses",
    [
        "10.0.0.1",
        "127.0.0.2",
        "::1",
        "169.254.169.254",
        "fe80::1",
        "::ffff:127.0.0.1",
        "64:ff9b::10.0.0.1",
        "8.8.8.8 10.0.0.1",
        "10.0.0.1 8.8.8.8",
        "8.8.8.8 2606:4700::1111 fd00::1",
        "127.0.0.1 127.0.0.2",
    ],
)
async def test_a_name_is_refused_if_any_of_its_addresses_is_not_allowed(addresses: str) -> None:
    async with receiver(ok()) as here, outbound(ONE, Names(hooks_example=[addresses])) as client:
        with pytest.raises(AddressRefusedError) as refused:
            await post(client, here.url(NAME))

    assert here.connections == 0
    assert refused.value.message.startswith("hooks.example does not lead to public addresses only")
    assert not any(address in refused.value.message for address in addresses.split())


async def test_http_and_odd_ports_are_refused_to_a_name_that_leads_to_the_internet() -> None:
    async with outbound(HOME, Names(hooks_example=["8.8.8.8"], mixed_example=["127.0.0.1 8.8.8.8"])) as client:
        for url, words in (
            ("http://hooks.example/", "use https://"),
            ("https://hooks.example:9000/", "Port 9000"),
            ("http://mixed.example/", "use https://"),
        ):
            client.check(url)
            with pytest.raises(AddressRefusedError, match=words):
                await post(client, url)


async def test_a_name_that_changes_its_mind_is_called_where_it_was_checked() -> None:
    names = Names(hooks_example=["127.0.0.1", "127.0.0.2"])

    async with receiver(ok(b"thanks", b"Connection: close")) as here, outbound(ONE, names) as client:
        answer = await post(client, here.url(NAME))
        with pytest.raises(AddressRefusedError):
            await post(client, here.url(NAME))

    assert answer.body == b"thanks"
    assert here.connections == 1
    assert names.asked == [NAME, NAME]


async def test_a_literal_address_is_not_looked_up_and_is_refused_when_called() -> None:
    names = Names()

    async with outbound(ONE, names) as client:
        for url in (
            "http://127.0.0.2/",
            "https://10.0.0.1/",
            "https://127.1/",
            "http://[::1]/",
            "https://ada@8.8.8.8/",
        ):
            with pytest.raises(AddressRefusedError):
                await post(client, url)

    assert names.asked == []


async def test_no_socket_is_made_but_for_a_call() -> None:
    """Whatever aiohttp might do by itself: without an admitted address there is no connection."""
    async with receiver(ok()) as here, outbound() as client:
        assert client._wire is not None
        for url in (here.url(), here.url("localhost")):
            with pytest.raises(AddressRefusedError):
                await client._wire._session.get(url)

    assert here.connections == 0


async def test_a_name_that_does_not_exist_cannot_be_called() -> None:
    async with outbound(HOME, Names()) as client:
        with pytest.raises(CallFailedError) as failed:
            await post(client, "http://nowhere.example/")

    assert failed.value.reason == "resolve"
    assert failed.value.message == "nowhere.example does not exist or has no address"


async def test_the_system_knows_this_machine() -> None:
    async with receiver(ok()) as here, outbound() as client:
        answer = await post(client, here.url("localhost"))

    assert answer.status == 200


async def test_a_lookup_that_is_never_answered_ends_with_the_call() -> None:
    class Silent:
        async def addresses(self, _name: str, /) -> Sequence[IPv4Address | IPv6Address]:
            await asyncio.Event().wait()
            raise AssertionError

    async with Outbound(policy=HOME, user_agent="limner/9.9", resolver=Silent()) as client:
        with pytest.raises(CallFailedError) as failed:
            await post(client, "http://hooks.example/", seconds=0.1)

    assert failed.value.reason == "timeout"
    assert failed.value.message == "no connection could be made within 0.1 seconds"


async def test_the_system_is_asked_for_a_limited_time() -> None:
    resolver = SystemResolver(seconds=0)
    with closing(resolver):
        async with Outbound(policy=HOME, user_agent="limner/9.9", resolver=resolver) as client:
            with pytest.raises(CallFailedError) as failed:
                await post(client, "http://localhost:1/")

    assert failed.value.reason == "resolve"
    assert failed.value.message == "looking up localhost took too long"


# --- what is sent


async def test_a_post_is_sent_as_it_was_given() -> None:
    async with receiver(ok(b"thanks", b"X-Hook: yes", b"X-Hook: twice")) as here, outbound() as client:
        answer = await client.post(
            f"http://127.0.0.1:{here.port}/a/../b%2Fc~?q=%41+ü#part",
            body=b"{}",
            headers={"Content-Type": "application/json", "Webhook-Id": "msg_1"},
            seconds=5,
        )

    head, body = here.heard[0].split(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /a/../b%2Fc~?q=%41+%C3%BC HTTP/1.1"
    assert b"Host: 127.0.0.1:%d" % here.port in lines
    assert {b"Content-Type: application/json", b"Webhook-Id: msg_1", b"User-Agent: limner/9.9"} <= set(lines)
    assert b"Accept-Encoding: identity" in lines
    assert not any(line.lower().startswith((b"cookie", b"authorization")) for line in lines)
    assert body == b"{}"
    assert (answer.status, answer.body, answer.headers["x-hook"]) == (200, b"thanks", "yes, twice")
    assert 0 < answer.seconds < 5


async def test_a_large_body_is_sent_whole() -> None:
    async with receiver(ok()) as here, outbound() as client:
        await client.post(here.url(), body=b"x" * 3_000_000, headers={}, seconds=5)

    head, body = here.heard[0].split(b"\r\n\r\n")
    assert b"Content-Length: 3000000" in head
    assert len(body) == 3_000_000


async def test_the_host_header_is_the_name_and_not_the_address() -> None:
    async with receiver(ok()) as here, outbound(HOME, Names(hooks_example=["127.0.0.1"])) as client:
        await post(client, here.url("Hooks.Example."))

    assert b"\r\nHost: hooks.example:%d\r\n" % here.port in here.heard[0]


async def test_an_ipv6_address_can_be_called() -> None:
    async with receiver(ok(), host="::1") as here, outbound() as client:
        answer = await post(client, here.url("[0:0::1]"))

    assert answer.status == 200
    assert b"\r\nHost: [::1]:%d\r\n" % here.port in here.heard[0]


async def test_cookies_are_not_kept() -> None:
    async with (
        receiver(ok(b"", b"Set-Cookie: who=eve")) as here,
        outbound(HOME, Names(hooks_example=["127.0.0.1"])) as client,
    ):
        await post(client, here.url(NAME))
        await post(client, here.url(NAME))

    assert not any(b"eve" in request for request in here.heard)


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiver(ok()) as proxy, receiver(ok()) as here, outbound() as client:
        monkeypatch.setenv("http_proxy", proxy.url())
        await post(client, here.url())

    assert (proxy.connections, here.connections) == (0, 1)


async def test_a_connection_is_used_again_without_a_second_lookup() -> None:
    names = Names(hooks_example=["127.0.0.1"])

    async with receiver(ok()) as here, outbound(HOME, names) as client:
        for _ in range(3):
            await post(client, here.url(NAME), answer_bytes_max=len(b"thanks"))

    assert (here.connections, len(here.heard), names.asked) == (1, 3, [NAME])


async def test_two_names_at_one_address_have_a_connection_each() -> None:
    names = Names(hooks_example=["127.0.0.1"], other_example=["127.0.0.1"])

    async with receiver(ok()) as here, outbound(HOME, names) as client:
        await post(client, here.url(NAME))
        await post(client, here.url("other.example"))

    assert here.connections == 2


async def test_the_second_address_is_tried_when_the_first_refuses() -> None:
    async with receiver(ok()) as here, outbound(HOME, Names(hooks_example=["::1 127.0.0.1"])) as client:
        answer = await post(client, here.url(NAME))

    assert answer.status == 200


# --- what comes back


async def test_a_redirect_is_an_answer() -> None:
    async with receiver(ok()) as other:
        moved = b"HTTP/1.1 307 Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % other.url().encode()
        async with receiver(moved) as here, outbound() as client:
            posted = await post(client, here.url())
            fetched = await client.get(here.url(), seconds=5, bytes_max=100)

    assert posted.status == fetched.status == 307
    assert posted.headers["location"] == other.url()
    assert other.connections == 0


async def test_a_receiver_that_says_nothing_is_given_up() -> None:
    async with receiver(for_ever) as here, outbound() as client:
        with pytest.raises(CallFailedError) as failed:
            await post(client, here.url(), seconds=0.1)

    assert failed.value.reason == "timeout"
    assert failed.value.message == "no answer came within 0.1 seconds"


@pytest.mark.parametrize("start", [b"H", b"HTTP/1.1 200 OK\r\nX-Long: "])
async def test_a_head_that_dribbles_is_given_up(start: bytes) -> None:
    async def dribble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while not writer.is_closing():
            writer.write(b"x" if len(start) > 1 else b"")
            await asyncio.sleep(0.01)  # the rhythm of the drops

    started = perf_counter()
    async with receiver(dribble) as here, outbound() as client:
        with pytest.raises(CallFailedError) as failed:
            await post(client, here.url(), seconds=0.1)

    assert failed.value.reason == "timeout"
    assert perf_counter() - started < 1


async def test_a_body_that_dribbles_is_cut_at_the_deadline() -> None:
    async def dribble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.01)  # the rhythm of the drops

    async with receiver(dribble) as here, outbound() as client:
        answer = await post(client, here.url(), seconds=0.2)
        with pytest.raises(CallFailedError) as failed:
            await client.get(here.url(), seconds=0.2, bytes_max=4096)

    assert answer.status == 200
    assert 0 < len(answer.body) < 4000
    assert set(answer.body) == set(b"x")
    assert 0.19 < answer.seconds < 1
    assert (failed.value.reason, failed.value.message) == ("timeout", "no whole answer came within 0.2 seconds")


async def test_a_body_without_end_is_cut_at_its_cap() -> None:
    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 10_000)
            await writer.drain()

    async with receiver(flood) as here, outbound() as client:
        answer = await post(client, here.url(), answer_bytes_max=5000)
        with pytest.raises(CallFailedError) as failed:
            await client.get(here.url(), seconds=5, bytes_max=5000)

    assert answer.body == b"x" * 5000
    assert answer.seconds < 1
    assert (failed.value.reason, failed.value.message) == ("too_large", "the answer has more than 5000 bytes")


async def test_a_get_brings_all_of_what_is_there() -> None:
    async with receiver(ok(b"x" * 200_000)) as here, outbound() as client:
        answer = await client.get(here.url(), seconds=5, bytes_max=200_000, headers={"Accept": "image/*"})
        with pytest.raises(CallFailedError, match="more than 199999 bytes"):
            await client.get(here.url(), seconds=5, bytes_max=199_999)

    assert answer.body == b"x" * 200_000
    assert b"\r\nAccept: image/*\r\n" in here.heard[0]


async def test_of_an_error_a_get_brings_the_beginning() -> None:
    gone = b"HTTP/1.1 404 Gone\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000
    async with receiver(gone) as here, outbound() as client:
        answer = await client.get(here.url(), seconds=5, bytes_max=10)

    assert (answer.status, answer.body) == (404, b"x" * 10)


async def test_of_an_error_that_breaks_off_a_get_brings_what_came() -> None:
    async def half(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 404 Gone\r\nContent-Length: 5000\r\n\r\nhalf")

    async with receiver(half) as here, outbound() as client:
        answer = await client.get(here.url(), seconds=5, bytes_max=100)

    assert (answer.status, answer.body) == (404, b"half")


async def test_what_is_compressed_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    async with receiver(ok(bomb, b"Content-Encoding: gzip")) as here, outbound() as client:
        answer = await post(client, here.url(), answer_bytes_max=1_000_000)
        with pytest.raises(CallFailedError) as failed:
            await client.get(here.url(), seconds=5, bytes_max=1_000_000)

    assert answer.body == bomb
    assert failed.value.reason == "protocol"
    assert failed.value.message == "the answer is compressed, which was not asked for"


def breaking_off(after: bytes) -> Talk:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(after)
        await writer.drain()
        # Closing with this set is a reset.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return talk


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nX-Half"])
async def test_an_answer_that_breaks_off_in_its_head_is_none(said: bytes) -> None:
    async with receiver(breaking_off(said)) as here, outbound() as client:
        with pytest.raises(CallFailedError) as failed:
            await post(client, here.url())

    assert failed.value.reason == "reset"
    assert failed.value.message == "the connection was closed before an answer came"


async def test_an_answer_that_breaks_off_in_its_body_counts_for_a_post_only() -> None:
    async def half(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    async with receiver(half) as here, outbound() as client:
        answer = await post(client, here.url())
        with pytest.raises(CallFailedError) as failed:
            await client.get(here.url(), seconds=5, bytes_max=1000)

    assert (answer.status, answer.body) == (200, b"half")
    assert failed.value.reason == "reset"
    assert failed.value.message == "the connection was closed before the answer was complete"


@pytest.mark.parametrize(
    "said", [b"SSH-2.0-OpenSSH_9.9\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 9000]
)
async def test_what_is_not_http_is_no_answer(said: bytes) -> None:
    async with receiver(said) as here, outbound() as client:
        with pytest.raises(CallFailedError) as failed:
            await post(client, here.url())

    assert failed.value.reason == "protocol"
    assert failed.value.message == "the answer is not HTTP"


async def test_a_header_of_broken_bytes_can_still_be_stored() -> None:
    async with receiver(ok(b"", b"X-Bytes: \xff\xfe!")) as here, outbound() as client:
        answer = await post(client, here.url())

    assert answer.headers["x-bytes"] == "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}!"


async def test_a_port_where_nobody_is_refuses() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    async with outbound() as client:
        with pytest.raises(CallFailedError) as failed:
            await post(client, f"http://127.0.0.1:{port}/")

    assert (failed.value.reason, failed.value.message) == ("connect", "connection refused")


async def test_a_call_waits_for_a_free_connection_within_its_time() -> None:
    async with (
        receiver(for_ever) as here,
        Outbound(policy=HOME, user_agent="limner/9.9", connections_per_host=1) as client,
        asyncio.TaskGroup() as both,
    ):

        async def call(seconds: float) -> str:
            with pytest.raises(CallFailedError) as failed:
                await post(client, here.url(), seconds=seconds)
            return failed.value.message

        first, second = both.create_task(call(0.3)), both.create_task(call(0.1))

    assert first.result() == "no answer came within 0.3 seconds"
    assert second.result() == "no connection was free within 0.1 seconds"
    assert here.connections == 1


async def test_a_call_before_the_client_is_open_is_a_mistake() -> None:
    with pytest.raises(RuntimeError, match="open the client"):
        await post(Outbound(policy=HOME, user_agent="limner/9.9"), "http://127.0.0.1/")


async def test_a_client_can_be_closed_twice() -> None:
    client = Outbound(policy=HOME, user_agent="limner/9.9")
    await client.open()
    await client.open()
    await client.close()
    await client.close()


# --- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for hooks.example and 127.0.0.1 that vouches for itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    names = x509.SubjectAlternativeName([x509.DNSName(NAME), x509.IPAddress(IPv4Address("127.0.0.1"))])
    today = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    pem = io.BytesIO()
    pem.write(signed.public_bytes(serialization.Encoding.PEM))
    pem.write(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    path.write_bytes(pem.getvalue())
    return path


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_over_tls_the_name_is_asked_for_and_verified(certificate: Path, server_tls: ssl.SSLContext) -> None:
    asked: list[str | None] = []
    server_tls.sni_callback = lambda _socket, name, _context: asked.append(name)
    names = Names(hooks_example=["127.0.0.1"])
    trusting = ssl.create_default_context(cafile=certificate)

    async with receiver(ok(), tls=server_tls) as here, outbound(HOME, names, trusting) as client:
        by_name = await post(client, here.url(NAME, "https"))
        by_address = await post(client, here.url("127.0.0.1", "https"))

    assert by_name.status == by_address.status == 200
    assert asked == [NAME, None]
    assert b"\r\nHost: hooks.example:%d\r\n" % here.port in here.heard[0]


async def test_a_certificate_for_another_name_is_refused(certificate: Path, server_tls: ssl.SSLContext) -> None:
    names = Names(hooks_example=["127.0.0.1"], other_example=["127.0.0.1"])
    trusting = ssl.create_default_context(cafile=certificate)

    async with receiver(ok(), tls=server_tls) as here, outbound(HOME, names, trusting) as client:
        await post(client, here.url(NAME, "https"))
        with pytest.raises(CallFailedError) as failed:
            await post(client, here.url("other.example", "https"))

    assert failed.value.reason == "tls"
    assert failed.value.message.startswith("the certificate is not valid: ")
    assert "other.example" in failed.value.message
    assert len(here.heard) == 1


async def test_a_certificate_that_nobody_vouches_for_is_refused(server_tls: ssl.SSLContext) -> None:
    async with receiver(ok(), tls=server_tls) as here, outbound() as client:
        with pytest.raises(CallFailedError) as failed:
            await post(client, here.url(scheme="https"))

    assert (failed.value.reason, failed.value.message) == (
        "tls",
        "the certificate is not valid: self-signed certificate",
    )
    assert here.heard == []


async def test_a_server_without_tls_is_not_spoken_to_in_the_open() -> None:
    async def shout(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(ok())
        writer.close()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, outbound() as client:
        with pytest.raises(CallFailedError) as failed:
            await post(client, f"https://127.0.0.1:{port}/")

    assert (failed.value.reason, failed.value.message) == ("tls", "no TLS connection could be agreed on")
