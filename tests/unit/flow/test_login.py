"""E-mail and password: coming in, changing either, and getting back in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from limner.domain.problem import InvalidValue
from limner.flow import login, signin
from limner.flow.house import House
from limner.flow.login import AccountSuspended, NoEmail, NotFresh
from limner.kit.clock import StillClock
from limner.kit.passwords import Passwords
from limner.logins import service as logins
from limner.logins.service import EmailTaken, LinkOver, TriedTooOften, WrongLogin
from support.logins import AGENT, PASSWORD, SENDER, comes_in, joins, logged_links, token_in, who_has, with_login
from support.people import Person
from support.postbox import PostBox, postbox

NEW = "another fine password"


@pytest.fixture
async def box() -> AsyncIterator[PostBox]:
    async with postbox() as box:
        yield box


@pytest.fixture
def posted(house: House, box: PostBox) -> House:
    """The house, with a server for mails."""
    return replace(house, post=box.post())


# coming in ---------------------------------------------------------------------------------------------------------------


async def test_grace_comes_in_however_she_writes_her_email(house: House, grace: Person) -> None:
    await with_login(house, grace, email="Grace@Example.org")

    for written in ("Grace@Example.org", "grace@example.org", "  GRACE@EXAMPLE.ORG "):
        assert (await comes_in(house, written)).account == grace.account


async def test_a_wrong_password_and_a_stranger_get_the_same_words(house: House, grace: Person) -> None:
    await with_login(house, grace)

    with pytest.raises(WrongLogin) as wrong:
        await comes_in(house, "grace@example.org", password="not her password")
    with pytest.raises(WrongLogin) as stranger:
        await comes_in(house, "nobody@example.org")
    with pytest.raises(WrongLogin) as nonsense:
        await comes_in(house, "\udcff' OR 1=1 --", password="x" * 100_000)

    assert wrong.value.message == stranger.value.message == nonsense.value.message


async def test_who_has_only_a_provider_has_no_password(house: House, grace: Person) -> None:
    async with house.database.transaction() as tx:
        await logins.add_login(
            tx,
            account_id=grace.account.id,
            email="grace@example.org",
            password_hash=None,
            must_verify=False,
            verified_at=house.clock.now(),
            approved_at=house.clock.now(),
            invitation_id=None,
            now=house.clock.now(),
        )

    for password in ("", "nobody's", PASSWORD):
        with pytest.raises(WrongLogin):
            await comes_in(house, "grace@example.org", password=password)


async def test_the_eleventh_wrong_password_of_a_quarter_of_an_hour_is_not_looked_at(
    house: House, clock: StillClock, grace: Person
) -> None:
    await with_login(house, grace)
    for number in range(10):
        with pytest.raises(WrongLogin):
            await comes_in(house, "grace@example.org", password="guess number", sender=f"192.0.2.{number}")

    with pytest.raises(TriedTooOften, match="try again in 90 s") as caught:
        await comes_in(house, "GRACE@example.org", sender="192.0.2.99")
    assert caught.value.retry_after_seconds == 90

    clock.move(seconds=90)
    assert (await comes_in(house, "grace@example.org")).account == grace.account


async def test_an_unknown_email_is_throttled_like_a_known_one(house: House) -> None:
    for number in range(10):
        with pytest.raises(WrongLogin):
            await comes_in(house, "nobody@example.org", sender=f"192.0.2.{number}")
    with pytest.raises(TriedTooOften):
        await comes_in(house, "nobody@example.org", sender="192.0.2.99")


async def test_one_sender_has_thirty_tries_for_all_emails(house: House) -> None:
    for number in range(30):
        with pytest.raises(WrongLogin):
            await comes_in(house, f"nobody{number}@example.org")
    with pytest.raises(TriedTooOften):
        await comes_in(house, "somebody@example.org")
    with pytest.raises(WrongLogin):
        await comes_in(house, "somebody@example.org", sender="192.0.2.8")


async def test_racing_guesses_are_counted_each(house: House, grace: Person) -> None:
    await with_login(house, grace)

    async def guess(number: int) -> type[Exception] | None:
        try:
            await comes_in(house, "grace@example.org", password=f"guess number {number}", sender=f"192.0.2.{number}")
        except (WrongLogin, TriedTooOften) as error:
            return type(error)
        return None

    outcomes = await asyncio.gather(*(guess(number) for number in range(25)))

    assert outcomes.count(WrongLogin) == 10
    assert outcomes.count(TriedTooOften) == 15


async def test_coming_in_well_does_not_count(house: House, grace: Person) -> None:
    await with_login(house, grace)
    for _ in range(40):
        await comes_in(house, "grace@example.org")


async def test_a_suspended_account_is_told_so_and_only_with_its_password(house: House, grace: Person) -> None:
    await with_login(house, grace)
    async with house.database.statement() as tx:
        await tx.run("UPDATE accounts SET suspended_at = now() WHERE id = $1", grace.account.id)

    with pytest.raises(WrongLogin):
        await comes_in(house, "grace@example.org", password="not her password")
    with pytest.raises(AccountSuspended):
        await comes_in(house, "grace@example.org")


async def test_a_password_hashed_of_old_is_hashed_anew(house: House, grace: Person) -> None:
    old = replace(house, passwords=Passwords(memory_kib=1024, rounds=1))
    await with_login(old, grace)

    async def kept() -> str:
        async with house.database.statement() as tx:
            return str(await tx.value("SELECT password_hash FROM logins"))

    assert "m=1024,t=1" in await kept()
    await comes_in(house, "grace@example.org")
    assert "m=47104,t=2" in await kept()
    await comes_in(house, "grace@example.org")


# passwords ---------------------------------------------------------------------------------------------------------------


async def test_a_changed_password_ends_every_other_session(house: House, grace: Person) -> None:
    elsewhere = await with_login(house, grace)
    here = await comes_in(house, "grace@example.org")

    await login.change_password(house, here, old=PASSWORD, new=NEW, sender=SENDER)

    left = await signin.sessions_of(house, account_id=grace.account.id)
    assert [one.id for one in left] == [here.session.id]
    assert elsewhere.session.id != here.session.id
    assert (await comes_in(house, "grace@example.org", password=NEW)).account == grace.account
    with pytest.raises(WrongLogin):
        await comes_in(house, "grace@example.org", password=PASSWORD)


async def test_who_does_not_know_the_old_password_sets_no_new_one(house: House, grace: Person) -> None:
    here = await with_login(house, grace)

    for old in (None, "", "not her password"):
        with pytest.raises(WrongLogin, match="the password is wrong"):
            await login.change_password(house, here, old=old, new=NEW, sender=SENDER)
    with pytest.raises(InvalidValue, match="at least 10 characters"):
        await login.change_password(house, here, old=PASSWORD, new="short", sender=SENDER)
    with pytest.raises(InvalidValue, match="not the e-mail itself"):
        await login.change_password(house, here, old=PASSWORD, new="grace@example.org", sender=SENDER)
    await comes_in(house, "grace@example.org")


async def test_an_open_browser_gives_no_more_guesses_than_the_login_page(house: House, grace: Person) -> None:
    here = await with_login(house, grace)

    for _ in range(10):
        with pytest.raises(WrongLogin):
            await login.change_password(house, here, old="a wrong guess", new=NEW, sender=SENDER)
    with pytest.raises(TriedTooOften):
        await login.change_password(house, here, old=PASSWORD, new=NEW, sender=SENDER)


async def test_an_account_without_a_login_has_no_password_to_change(house: House, grace: Person) -> None:
    here = await who_has(house, await signin.open_session(house, account_id=grace.account.id, sender="", agent=""))

    with pytest.raises(NoEmail):
        await login.change_password(house, here, old=None, new=NEW, sender=SENDER)


# reset -------------------------------------------------------------------------------------------------------------------


async def reset_link(house: House, email: str = "grace@example.org") -> None:
    await login.request_reset(house, email=email, sender=SENDER, language="en")
    await house.post.settled()


async def test_without_mails_the_link_is_in_the_log(
    house: House, grace: Person, caplog: pytest.LogCaptureFixture
) -> None:
    before = await with_login(house, grace)

    await reset_link(house)
    (link,) = logged_links(caplog)
    assert link.startswith("http://limner.test/reset/")
    token = token_in(link, "reset")
    assert await login.look_at_link(house, token=token, purpose="reset", sender=SENDER) == "grace@example.org"

    session = await login.reset(house, token=token, password=NEW, sender=SENDER, agent=AGENT)

    assert (await who_has(house, session)).account == grace.account
    assert before.session.id not in {one.id for one in await signin.sessions_of(house, account_id=grace.account.id)}
    await comes_in(house, "grace@example.org", password=NEW)
    with pytest.raises(WrongLogin):
        await comes_in(house, "grace@example.org")


async def test_with_mails_it_is_in_the_mail_and_nowhere_else(
    posted: House, box: PostBox, grace: Person, caplog: pytest.LogCaptureFixture
) -> None:
    await with_login(posted, grace)

    await reset_link(posted, "GRACE@example.org")

    assert box.last["To"] == "grace@example.org"
    assert box.last["Subject"] == "Set a new password · limner"
    token = token_in(box.last_link, "reset")
    assert token not in caplog.text
    assert not any(token in str(record.__dict__) for record in caplog.records)
    await login.reset(posted, token=token, password=NEW, sender=SENDER, agent=AGENT)


async def test_it_is_written_in_chinese_for_who_reads_it(posted: House, box: PostBox, grace: Person) -> None:
    await with_login(posted, grace)
    await login.request_reset(posted, email="grace@example.org", sender=SENDER, language="zh")
    await posted.post.settled()

    assert box.last["Subject"] == "设置新密码 · limner"
    assert "1 小时内有效" in box.last_text


async def test_a_stranger_s_email_gets_nothing_and_the_same_answer(posted: House, box: PostBox) -> None:
    await reset_link(posted, "nobody@example.org")

    assert box.letters == []
    async with posted.database.statement() as tx:
        assert await tx.value("SELECT count(*) FROM login_links") == 0


async def test_a_reset_verifies_the_email(house: House, grace: Person, caplog: pytest.LogCaptureFixture) -> None:
    assert (await with_login(house, grace)).login.verified_at is None  # type: ignore[union-attr]
    await reset_link(house)
    token = token_in(logged_links(caplog)[0], "reset")

    session = await login.reset(house, token=token, password=NEW, sender=SENDER, agent=AGENT)

    assert (await who_has(house, session)).login.verified_at == house.clock.now()  # type: ignore[union-attr]


async def test_a_link_is_used_once_however_many_race_for_it(
    house: House, grace: Person, caplog: pytest.LogCaptureFixture
) -> None:
    await with_login(house, grace)
    await reset_link(house)
    token = token_in(logged_links(caplog)[0], "reset")

    async def use(number: int) -> bool:
        try:
            await login.reset(house, token=token, password=f"password number {number}", sender=SENDER, agent=AGENT)
        except LinkOver:
            return False
        return True

    assert sum(await asyncio.gather(*(use(number) for number in range(6)))) == 1


async def test_a_link_is_good_for_an_hour(
    house: House, clock: StillClock, grace: Person, caplog: pytest.LogCaptureFixture
) -> None:
    await with_login(house, grace)
    await reset_link(house)
    token = token_in(logged_links(caplog)[0], "reset")

    clock.move(seconds=3601)
    with pytest.raises(LinkOver):
        await login.look_at_link(house, token=token, purpose="reset", sender=SENDER)
    with pytest.raises(LinkOver):
        await login.reset(house, token=token, password=NEW, sender=SENDER, agent=AGENT)


async def test_a_bad_password_does_not_use_the_link_up(
    house: House, grace: Person, caplog: pytest.LogCaptureFixture
) -> None:
    await with_login(house, grace)
    await reset_link(house)
    token = token_in(logged_links(caplog)[0], "reset")

    with pytest.raises(InvalidValue):
        await login.reset(house, token=token, password="short", sender=SENDER, agent=AGENT)
    await login.reset(house, token=token, password=NEW, sender=SENDER, agent=AGENT)


async def test_one_used_link_ends_the_others(house: House, grace: Person, caplog: pytest.LogCaptureFixture) -> None:
    await with_login(house, grace)
    await reset_link(house)
    await reset_link(house)
    first, second = (token_in(link, "reset") for link in logged_links(caplog))

    await login.reset(house, token=second, password=NEW, sender=SENDER, agent=AGENT)
    with pytest.raises(LinkOver):
        await login.reset(house, token=first, password="the third password", sender=SENDER, agent=AGENT)


async def test_a_link_for_one_thing_is_good_for_no_other(
    house: House, grace: Person, caplog: pytest.LogCaptureFixture
) -> None:
    here = await with_login(house, grace)
    await login.request_verification(house, here, sender=SENDER, language="en")
    token = token_in(logged_links(caplog)[0], "verify")

    with pytest.raises(LinkOver):
        await login.reset(house, token=token, password=NEW, sender=SENDER, agent=AGENT)


async def test_five_mails_an_hour_to_one_address(posted: House, box: PostBox, grace: Person) -> None:
    await with_login(posted, grace)
    for number in range(5):
        await login.request_reset(posted, email="grace@example.org", sender=f"192.0.2.{number}", language="en")
    with pytest.raises(TriedTooOften):
        await login.request_reset(posted, email="Grace@example.org", sender="192.0.2.99", language="en")
    await posted.post.settled()
    assert len(box.letters) == 5


async def test_links_cannot_be_guessed_for_long(house: House) -> None:
    for _ in range(60):
        with pytest.raises(LinkOver):
            await login.look_at_link(house, token="guess", purpose="reset", sender=SENDER)
    with pytest.raises(TriedTooOften):
        await login.look_at_link(house, token="guess", purpose="reset", sender=SENDER)


# e-mails -----------------------------------------------------------------------------------------------------------------


async def test_an_email_is_verified_by_the_link_that_went_there(posted: House, box: PostBox, grace: Person) -> None:
    here = await with_login(posted, grace)
    await login.request_verification(posted, here, sender=SENDER, language="en")
    await posted.post.settled()

    verified = await login.verify(posted, token=token_in(box.last_link, "verify"), sender=SENDER)

    assert (verified.account_id, verified.email) == (grace.account.id, "grace@example.org")
    assert (await comes_in(posted, "grace@example.org")).login.verified_at is not None  # type: ignore[union-attr]
    with pytest.raises(LinkOver):
        await login.verify(posted, token=token_in(box.last_link, "verify"), sender=SENDER)


async def test_without_mails_an_email_is_changed_at_once(house: House, grace: Person, eve: Person) -> None:
    here = await with_login(house, grace)
    await with_login(house, eve)

    with pytest.raises(WrongLogin):
        await login.change_email(house, here, email="g@x.org", password="wrong", sender=SENDER, language="en")
    with pytest.raises(EmailTaken):
        await login.change_email(house, here, email="EVE@example.org", password=PASSWORD, sender=SENDER, language="en")
    assert await login.change_email(house, here, email="g@example.org", password=PASSWORD, sender=SENDER, language="en")

    await comes_in(house, "g@example.org")
    with pytest.raises(WrongLogin):
        await comes_in(house, "grace@example.org")


async def test_with_mails_it_is_changed_when_the_new_one_is_shown_to_be_hers(
    posted: House, box: PostBox, grace: Person
) -> None:
    here = await with_login(posted, grace)
    await login.request_verification(posted, here, sender=SENDER, language="en")
    await posted.post.settled()
    await login.verify(posted, token=token_in(box.last_link, "verify"), sender=SENDER)

    assert not await login.change_email(
        posted, here, email="g@example.org", password=PASSWORD, sender=SENDER, language="en"
    )
    await posted.post.settled()
    assert box.last["To"] == "g@example.org"
    await comes_in(posted, "grace@example.org")

    await login.verify(posted, token=token_in(box.last_link, "verify"), sender=SENDER)
    await posted.post.settled()

    assert (await comes_in(posted, "g@example.org")).account == grace.account
    assert (box.last["To"], box.last["Subject"]) == ("grace@example.org", "Your e-mail was changed · limner")


async def test_with_mails_a_taken_email_is_answered_like_a_free_one(
    posted: House, box: PostBox, grace: Person, eve: Person
) -> None:
    await with_login(posted, grace)
    here = await with_login(posted, eve)

    assert not await login.change_email(
        posted, here, email="grace@example.org", password=PASSWORD, sender=SENDER, language="en"
    )
    await posted.post.settled()

    assert box.last["Subject"] == "You have an account already · limner"
    assert box.last_link.endswith("/forgot")


async def test_two_who_want_the_same_new_email_do_not_both_get_it(
    posted: House, box: PostBox, grace: Person, eve: Person
) -> None:
    tokens = []
    for person in (grace, eve):
        here = await with_login(posted, person)
        await login.change_email(posted, here, email="us@example.org", password=PASSWORD, sender=SENDER, language="en")
        await posted.post.settled()
        tokens.append(token_in(box.last_link, "verify"))

    await login.verify(posted, token=tokens[0], sender=SENDER)
    with pytest.raises(EmailTaken):
        await login.verify(posted, token=tokens[1], sender=SENDER)
    assert (await comes_in(posted, "us@example.org")).account == grace.account
    assert (await comes_in(posted, "eve@example.org")).account == eve.account


async def test_a_session_stands_for_a_password_only_while_it_is_fresh(
    house: House, clock: StillClock, grace: Person
) -> None:
    token = await signin.open_session(house, account_id=grace.account.id, sender=SENDER, agent=AGENT)
    here = await who_has(house, token)

    await login.prove(house, here, password=None, sender=SENDER)
    clock.move(seconds=601)
    with pytest.raises(NotFresh):
        await login.prove(house, here, password=None, sender=SENDER)


async def test_joining_and_logging_in_leave_no_password_behind(house: House, caplog: pytest.LogCaptureFixture) -> None:
    await joins(house)
    await comes_in(house, "mary@example.org")

    async with house.database.statement() as tx:
        rows = [*await tx.rows("SELECT l::text FROM logins l"), *await tx.rows("SELECT s::text FROM sessions s")]
    assert not any(PASSWORD in row[0] for row in rows)
    assert not any(PASSWORD in str(record.__dict__) for record in caplog.records)
