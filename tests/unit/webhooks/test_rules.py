"""How callbacks are signed, as two receivers' libraries see it, and what their answers mean."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import openai
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from limner.domain.problem import InvalidValue
from limner.kit.ids import uuid7
from limner.webhooks import rules
from limner.webhooks.models import Check, Delivered, GiveUp, Retry, Verdict
from support import receiving

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
ID = UUID("01941f29-7c00-7000-8000-0123456789ab")
NEW, OLD, FOREIGN = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
BODY = '{"success":true,"task_id":"6a97bf49","data":{"data":[{"revised_prompt":"eine Möwe, 海鸥"}]}}'.encode()
SCHEDULE = (5, 60, 300, 1800, 7200, 21_600, 50_400, 86_400)
WAITS = list(enumerate(SCHEDULE, start=1))


def signed(
    *, body: bytes = BODY, now: datetime | None = None, callback_secret: str | None = "s3cret"
) -> dict[str, str]:
    return rules.headers(
        message_id=ID, secrets=[NEW, OLD], callback_secret=callback_secret, body=body, now=now or datetime.now(UTC)
    )


def node_says(
    *, headers: dict[str, str], body: bytes = BODY, secret: bytes | None = NEW, callback_secret: str | None = None
) -> dict[str, str | None]:
    shown = rules.shown_secret(secret) if secret is not None else None
    return receiving.node_says(headers=headers, body=body, secret=shown, callback_secret=callback_secret)


# signing ---------------------------------------------------------------------------------------------------------------


def test_the_published_example_is_signed_as_published() -> None:
    signature = rules.standard_signature(
        secrets=[base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_headers_are_these() -> None:
    headers = signed(now=NOON + timedelta(seconds=0.9))

    assert headers["webhook-id"] == "msg_01941f297c00700080000123456789ab"
    assert headers["webhook-timestamp"] == str(int(NOON.timestamp()))
    assert [part[:3] for part in headers["webhook-signature"].split(" ")] == ["v1,", "v1,"]
    assert headers["x-callback-signature"] == hmac.new(b"s3cret", BODY, hashlib.sha256).hexdigest()
    assert set(headers) == {"webhook-id", "webhook-timestamp", "webhook-signature", "x-callback-signature"}


def test_without_a_secret_of_the_caller_s_there_is_no_signature_by_it() -> None:
    assert "x-callback-signature" not in signed(callback_secret=None)


def test_an_id_has_no_dot_in_it() -> None:
    assert all("." not in rules.shown_id(uuid7()) for _ in range(100))
    with pytest.raises(AssertionError):
        rules.standard_signature(secrets=[NEW], message_id="msg_1.2", timestamp=0, body=b"")


def test_a_secret_is_shown_as_receivers_take_it() -> None:
    shown = rules.shown_secret(NEW)

    assert shown.startswith("whsec_")
    assert base64.b64decode(shown.removeprefix("whsec_")) == NEW


@pytest.mark.parametrize("secret", [NEW, OLD])
def test_the_python_library_takes_both_secrets(secret: bytes) -> None:
    assert Webhook(rules.shown_secret(secret)).verify(BODY, signed()) == json.loads(BODY)


@pytest.mark.parametrize("secret", [NEW, OLD])
def test_the_openai_library_takes_both_secrets(secret: bytes) -> None:
    client = openai.OpenAI(api_key="none", webhook_secret=rules.shown_secret(secret))

    client.webhooks.verify_signature(BODY.decode(), signed())

    with pytest.raises(openai.InvalidWebhookSignatureError):
        client.webhooks.verify_signature(BODY.decode() + " ", signed())
    client.close()


@pytest.mark.parametrize(
    ("body", "secret", "age"), [(BODY + b" ", NEW, 0), (BODY, FOREIGN, 0), (BODY, NEW, 600), (BODY, NEW, -600)]
)
def test_the_python_library_refuses_what_is_wrong(body: bytes, secret: bytes, age: int) -> None:
    headers = signed(now=datetime.now(UTC) - timedelta(seconds=age))

    with pytest.raises(WebhookVerificationError):
        Webhook(rules.shown_secret(secret)).verify(body, headers, json_parse=False)


@pytest.mark.parametrize("secret", [NEW, OLD])
def test_the_npm_library_takes_both_secrets(secret: bytes) -> None:
    verdicts = node_says(headers=signed(), secret=secret, callback_secret="s3cret")

    assert verdicts == {"standard": "valid", "callback": "valid"}


@pytest.mark.parametrize(
    ("body", "secret", "age", "complaint"),
    [
        (BODY + b" ", NEW, 0, "No matching signature found"),
        (BODY, FOREIGN, 0, "No matching signature found"),
        (BODY, NEW, 600, "Message timestamp too old"),
        (BODY, NEW, -600, "Message timestamp too new"),
    ],
)
def test_the_npm_library_refuses_what_is_wrong(body: bytes, secret: bytes, age: int, complaint: str) -> None:
    headers = signed(now=datetime.now(UTC) - timedelta(seconds=age))

    assert node_says(headers=headers, body=body, secret=secret)["standard"] == complaint


def test_a_receiver_in_javascript_refuses_another_s_callback_secret() -> None:
    assert node_says(headers=signed(), secret=None, callback_secret="other")["callback"] == "wrong"


# checking --------------------------------------------------------------------------------------------------------------


def check(headers: dict[str, str], *, body: bytes = BODY, later: float = 0) -> Check:
    return rules.verify_standard(headers=headers, body=body, secrets=[OLD], now=NOON + timedelta(seconds=later))


@pytest.mark.parametrize(
    ("later", "found"),
    [
        (0, Check.VALID),
        (300, Check.VALID),
        (301, Check.TOO_OLD),
        (-300, Check.VALID),
        (-301, Check.TOO_NEW),
        (10**8, Check.TOO_OLD),
    ],
)
def test_a_signature_is_good_for_five_minutes(later: float, found: Check) -> None:
    assert check(signed(now=NOON), later=later) is found


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"webhook-id": "msg_another"}, Check.WRONG),
        ({"webhook-timestamp": str(int(NOON.timestamp()) + 1)}, Check.WRONG),
        ({"webhook-signature": "v1,AAAA v2,BBBB"}, Check.WRONG),
        ({"webhook-signature": "nonsense"}, Check.WRONG),
        ({"webhook-signature": "v1,\udcff\u00e9"}, Check.WRONG),
        ({"webhook-signature": ""}, Check.MALFORMED),
        ({"webhook-id": "msg.1"}, Check.MALFORMED),
        ({"webhook-id": ""}, Check.MALFORMED),
        ({"webhook-timestamp": "noon"}, Check.MALFORMED),
        ({"webhook-timestamp": "٣"}, Check.MALFORMED),
        ({"webhook-timestamp": "9" * 40}, Check.MALFORMED),
        ({"webhook-timestamp": "-1"}, Check.MALFORMED),
    ],
)
def test_what_was_changed_on_the_way_is_found_out(changed: dict[str, str], found: Check) -> None:
    assert check(signed(now=NOON) | changed) is found


def test_a_changed_body_is_found_out() -> None:
    assert check(signed(now=NOON), body=BODY[:-1]) is Check.WRONG


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_header_that_is_missing_is_missed(name: str) -> None:
    headers = signed(now=NOON)
    del headers[name]

    assert check(headers) is Check.MALFORMED


def test_what_is_not_signed_is_unsigned() -> None:
    assert check({"content-type": "application/json"}) is Check.UNSIGNED
    assert rules.verify_callback(headers={}, body=BODY, secret="s3cret") is Check.UNSIGNED


@pytest.mark.parametrize(
    ("signature", "found"),
    [
        (rules.callback_signature(secret="s3cret", body=BODY), Check.VALID),
        (rules.callback_signature(secret="S3cret", body=BODY), Check.WRONG),
        (rules.callback_signature(secret="s3cret", body=b""), Check.WRONG),
        (rules.callback_signature(secret="s3cret", body=BODY).upper(), Check.MALFORMED),
        ("sha256=1234", Check.MALFORMED),
        ("", Check.MALFORMED),
    ],
)
def test_the_plain_signature_is_checked_too(signature: str, found: Check) -> None:
    headers = {"x-callback-signature": signature}

    assert rules.verify_callback(headers=headers, body=BODY, secret="s3cret") is found


# receivers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://example.com/done?task=1", "https://example.com:443"),
        ("HTTPS://Example.COM:443", "https://example.com:443"),
        ("https://example.com.:8443/a", "https://example.com:8443"),
        ("http://user:password@example.com/", "http://example.com:80"),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/x", "http://[::1]:8080"),
        ("http://[0:0::0:1]/x", "http://[::1]:80"),
        ("https://faß.example/", "https://xn--fa-hia.example:443"),
        ("https://bücher.example/ä", "https://xn--bcher-kva.example:443"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: str) -> None:
    assert rules.origin_of(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com",
        "https://",
        "https://:443/",
        "https://example.com:99999/",
        "https://example.com:port/",
        "https://exam ple.com/",
        "https://example.com/\n",
        "https://example.com/\0",
        "https://[::1/",
        "https://[::x]/",
        "https://" + "ü" * 80 + ".example/",
    ],
)
def test_what_cannot_be_called_has_no_origin(url: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        rules.origin_of(url)

    assert caught.value.param == "callback_url"


# answers ---------------------------------------------------------------------------------------------------------------


def verdict(status_code: int | None, *, retry_after: str | None = None, tried: int = 1, jitter: float = 0.5) -> Verdict:
    return rules.verdict(
        status_code=status_code, retry_after=retry_after, tried=tried, schedule=SCHEDULE, jitter=jitter, now=NOON
    )


def wait_of(verdict: Verdict) -> float:
    assert isinstance(verdict, Retry)
    return (verdict.at - NOON).total_seconds()


@pytest.mark.parametrize("status_code", [200, 201, 202, 204, 299])
@pytest.mark.parametrize("tried", [1, 9, 10])
def test_any_two_hundred_is_delivered(status_code: int, tried: int) -> None:
    assert verdict(status_code, tried=tried, retry_after="60") == Delivered()


@pytest.mark.parametrize("tried", [1, 4, 9])
def test_who_is_gone_is_left_alone(tried: int) -> None:
    assert verdict(410, tried=tried, retry_after="60") == GiveUp(reason="gone")


@pytest.mark.parametrize("status_code", [None, 0, 100, 301, 302, 307, 400, 401, 404, 429, 500, 502, 503, 504, 999])
@pytest.mark.parametrize(("tried", "wait"), WAITS)
def test_whatever_else_is_tried_again_as_the_schedule_says(status_code: int | None, tried: int, wait: float) -> None:
    assert wait_of(verdict(status_code, tried=tried)) == pytest.approx(wait)


@pytest.mark.parametrize("status_code", [None, 302, 429, 500])
@pytest.mark.parametrize("tried", [9, 10, 1000])
def test_after_the_last_wait_s_attempt_it_has_failed(status_code: int | None, tried: int) -> None:
    assert verdict(status_code, tried=tried, retry_after="60") == GiveUp(reason="attempts_used_up")


@pytest.mark.parametrize(("tried", "wait"), WAITS)
@pytest.mark.parametrize(("jitter", "factor"), [(0.0, 0.9), (0.25, 0.95), (0.5, 1.0), (0.75, 1.05)])
def test_waits_vary_by_up_to_a_tenth(tried: int, wait: float, jitter: float, factor: float) -> None:
    assert wait_of(verdict(500, tried=tried, jitter=jitter)) == pytest.approx(wait * factor)


def test_no_wait_is_more_than_a_tenth_longer() -> None:
    assert wait_of(verdict(500, tried=8, jitter=0.999_999)) < 86_400 * 1.1


def test_without_a_schedule_there_is_one_attempt() -> None:
    found = rules.verdict(status_code=500, retry_after=None, tried=1, schedule=(), jitter=0, now=NOON)

    assert found == GiveUp(reason="attempts_used_up")


@pytest.mark.parametrize("status_code", [429, 503, 500, 301])
@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("0.5", 5),
        ("0", 5),
        ("4", 5),
        ("86400", 86_400),
        ("86401", 86_400),
        pytest.param("9" * 400, 86_400, id="many nines"),
        pytest.param("9" * 5000, 86_400, id="no end of nines"),
        ("Sun, 22 Nov 2026 12:10:00 GMT", 600),
        ("Sunday, 22-Nov-26 12:10:00 GMT", 600),
        ("Sun Nov 22 12:10:00 2026", 600),
        ("Sun, 22 Nov 2026 12:10:00 -0000", 600),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 5),
        ("Sat, 22 Nov 2036 12:00:00 GMT", 86_400),
        ("Fri, 31 Dec 9999 23:59:59 -2300", 86_400),
        ("Mon, 01 Jan 0001 00:00:00 +2300", 5),
        ("", 5),
        ("soon", 5),
        ("-60", 5),
        ("١٢٠", 5),
        ("1e9", 5),
        ("Sun, 99 Nov 2026 12:10:00 GMT", 5),
    ],
)
def test_a_receiver_that_asks_us_to_wait_is_waited_for_within_reason(
    status_code: int, retry_after: str, wait: float
) -> None:
    assert wait_of(verdict(status_code, retry_after=retry_after)) == pytest.approx(wait)


def test_a_wait_that_is_asked_for_never_shortens_ours() -> None:
    assert wait_of(verdict(429, retry_after="10", tried=8)) == pytest.approx(86_400)


def test_a_clock_in_another_zone_is_understood() -> None:
    now = NOON.astimezone(timezone(timedelta(hours=8)))

    found = rules.verdict(
        status_code=429, retry_after="Sun, 22 Nov 2026 12:10:00 GMT", tried=1, schedule=SCHEDULE, jitter=0.5, now=now
    )

    assert wait_of(found) == pytest.approx(600)


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (b"", ""),
        (b"ok", "ok"),
        (b"a\0b", "ab"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("ü".encode()[:1], "\ufffd"),
        (b"x" * 5000, "x" * 4096),
        (b"x" + "ü".encode() * 3000, "x" + "ü" * 2047),
        (b"\xff" * 5000, "\ufffd" * 4096),
        (b"\0" * 5000, ""),
    ],
)
def test_an_answer_is_kept_as_text(answer: bytes, shown: str) -> None:
    assert rules.shown_answer(answer) == shown


@pytest.mark.parametrize(("error", "shown"), [("a\0b", "ab"), ("\udcff", "?"), ("e" * 501, "e" * 500)])
def test_a_complaint_is_kept_as_text(error: str, shown: str) -> None:
    assert rules.shown_error(error) == shown


def test_what_is_secret_is_not_in_what_is_printed(message_values: dict[str, Any]) -> None:
    from limner.webhooks.models import Attempt, Message

    message = Message(**message_values)
    attempt = Attempt(
        message_id=ID, number=1, started_at=NOON, seconds=0, status_code=200, answer="token=hush", error=None
    )

    assert "hush" not in f"{message!r} {attempt!r}"
