from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import timedelta

import pytest

from limner.domain.ask import Ask
from limner.flow.admit import Callback, Terms
from limner.flow.cancel import cancel
from limner.flow.house import House
from limner.flow.submit import submit
from limner.kit.ids import uuid7
from limner.tasks.models import Task
from limner.webhooks import service as webhooks
from limner.webhooks.models import Delivered, GiveUp, Message, Retry, Verdict
from limner.webhooks.rules import shown_id
from support.console import Console
from support.people import Person, join

GOOD, BAD = "https://good.example/done", "http://127.0.0.1:9/done?token=1"


@dataclass
class Scene:
    """What became of callbacks to two receivers: one answers well, one has been paused.

    Of ada's, one was delivered and one is held; of grace's, one has failed and one was paused with its
    receiver. Ada's last task tells nobody.
    """

    delivered: Message
    held: Message
    failed: Message
    paused: Message
    silent: Task


async def _asked(house: House, person: Person, url: str | None) -> Task:
    callback = Callback(url=url, secret="hush" if url == BAD else None) if url else None
    terms = Terms(is_async=True, callback=callback)
    ask = Ask(prompt="An otter", model="dall-e-2")
    return (await submit(house, principal=person.principal, ask=ask, trace_id=str(uuid7()), terms=terms)).task


async def _tried(
    house: House, task: Task, verdict: Verdict, *, code: int | None, answer: bytes, ago: timedelta = timedelta()
) -> Message:
    """The task's callback after one more attempt."""
    now = house.clock.now() - ago
    async with house.database.transaction() as tx:
        (message,) = await webhooks.messages(tx, task_id=task.id, count=1)
        attempt = webhooks.record_attempt(
            message=message,
            started_at=now,
            seconds=0.25,
            status_code=code,
            answer=answer,
            error=None if code else "nobody listens there",
            verdict=verdict,
            now=now,
        )
        await tx.together(attempt)
        return await webhooks.message(tx, id_=message.id)


async def _played(house: House) -> Scene:
    ada, grace = await join(house, "ada", role="owner"), await join(house, "grace")
    tasks = [await _asked(house, ada, GOOD), await _asked(house, grace, BAD), await _asked(house, grace, BAD)]
    for task in tasks:
        await cancel(house, task_id=task.id, account_id=None)
    long_ago, soon = timedelta(days=6), Retry(at=house.clock.now() + timedelta(minutes=5))
    delivered = await _tried(house, tasks[0], Delivered(), code=204, answer=b"")
    await _tried(house, tasks[1], soon, code=None, answer=b"", ago=long_ago)
    failed = await _tried(
        house, tasks[1], GiveUp(reason="gone"), code=410, answer=b"gone\x1b[2J away\n" * 30, ago=long_ago
    )
    paused = await _tried(house, tasks[2], soon, code=500, answer=b"")
    silent, held = await _asked(house, ada, None), await _asked(house, ada, GOOD)
    async with house.database.statement() as tx:
        (unsent,) = await webhooks.messages(tx, task_id=held.id, count=1)
    return Scene(delivered=delivered, held=unsent, failed=failed, paused=paused, silent=silent)


@pytest.fixture
def scene(console: Console) -> Scene:
    return console.inside(_played)


def _statuses(console: Console, *options: str) -> list[str]:
    return [one["status"] for one in console.limner("webhooks", "list", "--json", *options).json()]


def test_nothing_is_said_to_be_nothing(console: Console) -> None:
    assert console.limner("webhooks", "list").out == "There are no callbacks.\n"
    assert console.limner("webhooks", "list", "--since", "2h").out == "No callback is like that.\n"
    assert console.limner("webhooks", "receivers").out == "Nobody has been called back yet.\n"
    assert console.limner("webhooks", "recover", "--since", "2h").out.startswith("No callback has failed since ")


def test_the_list_shows_how_each_stands_and_fits(console: Console, scene: Scene) -> None:
    said = console.limner("webhooks", "list")
    assert said.code == 0
    heading, *rows = said.lines
    assert heading.split() == ["TASK", "STATUS", "RECEIVER", "ACCOUNT", "AGE", "ATTEMPTS", "LAST"]
    assert [row.split()[1] for row in rows] == ["held", "paused", "failed", "delivered"]
    assert [row.split()[2] for row in rows][1:3] == ["http://127.0.0.1:9"] * 2
    assert [row.split()[-1] for row in rows] == ["0s", "500", "410", "204"]
    assert max(map(len, said.lines)) <= 100
    assert str(scene.held.task_id).startswith(rows[0].split()[0])


@pytest.mark.parametrize(
    ("options", "statuses"),
    [
        (("--status", "failed"), ["failed"]),
        (("--account", "ada"), ["held", "delivered"]),
        (("--receiver", "https://good.example/whatever"), ["held", "delivered"]),
        (("--receiver", "http://good.example"), []),
        (("--since", "1h", "--account", "grace"), ["paused", "failed"]),
    ],
)
def test_the_list_can_be_narrowed(
    console: Console, scene: Scene, options: tuple[str, ...], statuses: list[str]
) -> None:
    assert scene.held
    assert _statuses(console, *options) == statuses


def test_every_attempt_is_shown_and_none_of_it_reaches_the_terminal(console: Console, scene: Scene) -> None:
    said = console.limner("webhooks", "show", str(scene.failed.task_id))
    assert said.code == 0
    assert "Attempt 1" in said.out
    assert "nobody listens there" in said.out
    assert "answered 410" in said.out
    assert "gone�[2J away" in said.out
    assert "\x1b" not in said.out
    assert "(10 lines more: --json has them)" in said.out
    assert f"`limner webhooks resend {scene.failed.task_id}` tries it again" in said.out
    assert "hush" not in said.out
    tries = console.limner("webhooks", "show", shown_id(scene.failed.id), "--json").json()["tries"]
    assert [(one["number"], one["status_code"]) for one in tries] == [(1, None), (2, 410)]


def test_what_is_no_callback_is_one_line(console: Console, scene: Scene) -> None:
    nothing = str(scene.silent.id)
    for name, words in (
        (nothing, f"the task {nothing} was asked for without a callback"),
        ("msg_" + "0" * 32, f"there is no callback 'msg_{'0' * 32}' here"),
        ("otter", "'otter' is not a task's id, nor the beginning of one"),
    ):
        said = console.limner("webhooks", "show", name)
        assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
        assert words in said.err


def test_receivers_are_shown_with_what_is_wrong_with_them(console: Console, scene: Scene) -> None:
    assert scene.paused
    said = console.limner("webhooks", "receivers")
    assert max(map(len, said.lines)) <= 100
    records = {one["receiver"]: one for one in console.limner("webhooks", "receivers", "--json").json()}
    assert records["https://good.example:443"]["state"] == "good"
    assert records["http://127.0.0.1:9"]["state"] == "paused"
    assert "https://good.example " in said.out
    paused = next(line for line in said.lines if line.startswith("http://127.0.0.1:9 "))
    assert paused.split()[1:] == ["grace", "paused", "never", "6d", "ago", "0s", "ago"]
    assert "`limner webhooks resume RECEIVER`" in said.out


def test_a_paused_receiver_is_resumed_once(console: Console, scene: Scene) -> None:
    assert scene.paused
    first = console.limner("webhooks", "resume", "http://127.0.0.1:9/other/path")
    assert first.lines[0] == "http://127.0.0.1:9 is open again."
    assert "recover --since 7d --receiver http://127.0.0.1:9" in first.lines[1]
    assert console.limner("webhooks", "resume", BAD).out == "http://127.0.0.1:9 was not paused.\n"
    assert "paused" in _statuses(console)
    said = console.limner("webhooks", "resume", "https://nobody.example")
    assert (said.code, said.out) == (1, "")
    assert console.limner("webhooks", "resume", "nobody").code == 2


def test_callbacks_are_sent_again_and_those_under_way_are_named(console: Console, scene: Scene) -> None:
    said = console.limner(
        "webhooks", "resend", str(scene.delivered.task_id), str(scene.held.task_id), shown_id(scene.failed.id)
    )
    assert said.code == 1
    assert [line.split(", to ")[1] for line in said.lines] == ["https://good.example.", "http://127.0.0.1:9."]
    assert said.err == f"limner: {scene.held.task_id}: the callback's task has not ended: it is sent when it has\n"
    assert _statuses(console) == ["held", "paused", "waiting", "waiting"]


def test_what_has_failed_lately_is_recovered(console: Console, scene: Scene) -> None:
    assert scene.paused
    assert console.limner("webhooks", "recover", "--since", "2h").out == "1 callback is sent again.\n"
    assert _statuses(console, "--status", "waiting") == ["waiting"]
    assert console.limner("webhooks", "recover", "--since", "7d", "--account", "ada").out.startswith("No callback")
    said = console.limner("webhooks", "recover", "--since", "7d", "--account", "grace", "--receiver", BAD)
    assert said.out == "1 callback is sent again.\n"
    assert console.limner("webhooks", "recover").code == 2


def test_a_secret_alone_goes_to_standard_output(console: Console, scene: Scene) -> None:
    assert scene.held
    first = console.limner("webhooks", "secret", "--account", "grace")
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=\n", first.out)
    assert len(base64.b64decode(first.out.strip().removeprefix("whsec_"))) == 32
    assert first.err == ""
    assert console.limner("webhooks", "secret", "--account", "grace").out == first.out

    second = console.limner("webhooks", "secret", "--account", "grace", "--rotate")
    assert second.out != first.out
    assert second.err.startswith("A new secret for grace. The old one signs along until ")
    assert console.limner("webhooks", "secret", "--account", "grace").out == second.out
    assert console.limner("webhooks", "secret", "--account", "ada").out != second.out
    assert console.limner("webhooks", "secret", "--account", "eve").code == 1
