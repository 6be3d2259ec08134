from __future__ import annotations

import logging

import pytest

from limner.kit.mail import Mail, Post
from support.postbox import postbox

HELLO = Mail(kind="verify", to="ada@example.org", subject="Confirm 请确认", text="Open this.\n.\n请打开。\n")


async def test_a_mail_arrives_as_it_was_written() -> None:
    async with postbox() as box:
        post = box.post()
        post.send(HELLO)
        await post.settled()

    assert box.last["To"] == "ada@example.org"
    assert box.last["From"] == "limner <no-reply@limner.test>"
    assert box.last["Subject"] == "Confirm 请确认"
    assert box.last["Message-ID"].endswith("@limner.test>")
    assert box.last["Date"].endswith("+0000")
    assert box.last.get_content() == HELLO.text
    assert box.recipients == ["TO:<ada@example.org>"]


async def test_who_has_a_password_shows_it() -> None:
    async with postbox(login=("limner", "geheim")) as box:
        post = box.post(username="limner", password="geheim")
        post.send(HELLO)
        await post.settled()
        wrong = box.post(username="limner", password="falsch")
        wrong.send(HELLO)
        await wrong.settled()

    assert len(box.letters) == 1


async def test_a_server_that_is_busy_is_asked_again() -> None:
    async with postbox() as box:
        box.refusals = ["451 later", "451 later"]
        post = box.post(waits=(0, 0, 0))
        post.send(HELLO)
        await post.settled()

    assert len(box.letters) == 1
    assert box.hellos == 3


async def test_a_server_that_says_no_is_not_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    async with postbox() as box:
        box.refusals = ["550 nobody here"] * 3
        post = box.post(waits=(0, 0, 0))
        post.send(HELLO)
        await post.settled()

    assert box.letters == []
    assert box.hellos == 1
    (line,) = [record for record in caplog.records if record.getMessage() == "mail.failed"]
    assert "ada@example.org" not in str(line.__dict__)


async def test_no_server_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with postbox() as box:
        server = box.server()
    post = Post(server, waits=(0, 0))
    post.send(HELLO)
    await post.settled()

    (line,) = [record for record in caplog.records if record.getMessage() == "mail.failed"]
    assert line.levelno == logging.ERROR


async def test_what_should_be_secret_is_not_sent_in_the_open() -> None:
    async with postbox() as box:
        post = box.post(tls="starttls")
        post.send(HELLO)
        await post.settled()

    assert box.hellos > 0
    assert box.letters == []


async def test_without_a_server_it_says_so() -> None:
    assert not Post().is_set
