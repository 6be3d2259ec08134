"""The way out for mails: one SMTP server, beside whatever caused them, with a few tries.

A mail is handed over and goes by itself; who caused it never waits for it. What could not be sent is logged, without its
text and without whom it was for. aiosmtplib is imported with the first mail.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from typing import Any, Final, Literal

from limner.kit.logs import event

_log = logging.getLogger(__name__)
_SECONDS: Final = 20.0
_WAITS: Final = (0.0, 2.0, 15.0)
_PERMANENT: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mails are handed in. `sender`: in whose name, as `Name <box@host>` or plain."""

    host: str
    port: int
    sender: str
    tls: Literal["starttls", "implicit", "none"]
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail as it is to be sent: plain text. `kind`: what the log calls it."""

    kind: str
    to: str = field(repr=False)
    subject: str
    text: str = field(repr=False)


class Post:
    """Sends mails, if there is a server for them, and whatever else is to be done without being waited for."""

    def __init__(self, server: MailServer | None = None, *, waits: Sequence[float] = _WAITS) -> None:
        self._server = server
        self._waits = waits
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def is_set(self) -> bool:
        """Whether mails can be sent."""
        return self._server is not None

    def send(self, mail: Mail) -> None:
        """Send it, beside everything else."""
        assert self._server is not None, "ask is_set first"
        self.begin(self._deliver(mail, self._server))

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something nobody waits for; it is owned here, and its failure logged."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._over)

    async def settled(self) -> None:
        """Until everything that was begun is done."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def close(self, *, seconds: float) -> None:
        """Wait so long for what is under way, then drop it."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=seconds)
        for task in tuple(self._under_way):
            task.cancel()

    def _over(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("post.failed", exc_info=error)

    async def _deliver(self, mail: Mail, server: MailServer) -> None:
        import aiosmtplib

        message = _message(mail, server)
        trouble = ""
        for wait in self._waits:
            await asyncio.sleep(wait)
            try:
                await aiosmtplib.send(
                    message,
                    hostname=server.host,
                    port=server.port,
                    username=server.username,
                    password=server.password,
                    use_tls=server.tls == "implicit",
                    start_tls=server.tls == "starttls",
                    timeout=_SECONDS,
                )
            except aiosmtplib.SMTPException as error:
                trouble = type(error).__name__
                refused = error.recipients if isinstance(error, aiosmtplib.SMTPRecipientsRefused) else [error]
                if any(getattr(one, "code", 0) >= _PERMANENT for one in refused):
                    break  # it would say the same again
            except OSError as error:
                trouble = error.strerror or type(error).__name__
            else:
                event(_log, "mail.sent", kind=mail.kind)
                return
        event(_log, "mail.failed", level=logging.ERROR, kind=mail.kind, host=server.host, error=trouble)


def _message(mail: Mail, server: MailServer) -> EmailMessage:
    name, box = parseaddr(server.sender)
    message = EmailMessage()
    message["From"] = Address(display_name=name, addr_spec=box)
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = make_msgid(domain=box.rpartition("@")[2] or None)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    return message
