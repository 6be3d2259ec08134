"""A server that takes mails by SMTP, on loopback, and keeps them to be read."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from limner.kit.mail import MailServer, Post

_LINK = re.compile(r"https?://\S+")


@dataclass(eq=False)
class PostBox:
    """What has come. `refusals`: what the next recipients are answered instead of being taken, in order."""

    port: int = 0
    login: tuple[str, str] | None = None
    refusals: list[str] = field(default_factory=list)
    letters: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    hellos: int = 0

    @property
    def last(self) -> EmailMessage:
        return self.letters[-1]

    @property
    def last_text(self) -> str:
        return str(self.last.get_content())

    @property
    def last_link(self) -> str:
        """The one link of the newest letter."""
        (found,) = _LINK.findall(self.last_text)
        return str(found)

    def server(self, **more: str) -> MailServer:
        return MailServer(
            **{  # type: ignore[arg-type]
                "host": "127.0.0.1",
                "port": self.port,
                "sender": "limner <no-reply@limner.test>",
                "tls": "none",
                **more,
            }
        )

    def post(self, *, waits: Iterable[float] = (0,), **more: str) -> Post:
        return Post(self.server(**more), waits=tuple(waits))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One conversation."""

        async def say(line: str) -> None:
            writer.write(line.encode() + b"\r\n")
            await writer.drain()

        await say("220 postbox.test ready")
        is_known = self.login is None
        while line := (await reader.readline()).decode().strip():
            word, _, rest = line.partition(" ")
            match word.upper():
                case "EHLO":
                    self.hellos += 1
                    await say("250-postbox.test\r\n250-SMTPUTF8\r\n250 AUTH PLAIN")
                case "AUTH":
                    given = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")[1:]
                    is_known = self.login == tuple(given)
                    await say("235 welcome" if is_known else "535 nobody knows you")
                case "MAIL":
                    await say("250 go on" if is_known else "530 who are you")
                case "RCPT":
                    if self.refusals:
                        await say(self.refusals.pop(0))
                        continue
                    self.recipients.append(rest)
                    await say("250 go on")
                case "DATA":
                    await say("354 go on")
                    raw = (await reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
                    message = message_from_bytes(raw, policy=policy.default)
                    assert isinstance(message, EmailMessage)
                    self.letters.append(message)
                    await say("250 taken")
                case "QUIT":
                    await say("221 farewell")
                    break
                case _:
                    await say("250 as you like")
        writer.close()


@asynccontextmanager
async def postbox(*, login: tuple[str, str] | None = None) -> AsyncIterator[PostBox]:
    """A server of its own."""
    box = PostBox(login=login)
    server = await asyncio.start_server(box.serve, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    async with server:
        yield box
