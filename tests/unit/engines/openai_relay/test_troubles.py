from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from limner.engines import (
    EngineBusy,
    EngineCannot,
    EngineFailed,
    EngineQuota,
    EngineRefused,
    EngineTimeout,
    EngineTrouble,
    EngineUnavailable,
)
from limner.engines.openai_relay.troubles import SAID_CHARACTERS_MAX, Judged, answered, broke, masked, said_within

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def judged(status: int, body: object = b"", *, pictures: int = 1, keys: tuple[str, ...] = (), **headers: str) -> Judged:
    return answered(
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=body if isinstance(body, bytes) else orjson.dumps(body),
        part="main",
        keys=keys,
        pictures=pictures,
        now=NOON,
    )


def error(**told: Any) -> dict[str, Any]:
    return {"error": told}


SAFETY = "Your request was rejected by the safety system. safety_violations=[violence]."


@pytest.mark.parametrize(
    ("status", "body", "kind", "param"),
    [
        # moderation, in all its words
        (400, error(code="moderation_blocked", type="image_generation_user_error", message=SAFETY), EngineRefused, "prompt"),
        (400, error(code="content_policy_violation", type="invalid_request_error", message="x"), EngineRefused, "prompt"),
        (400, error(type="image_generation_user_error", message=SAFETY), EngineRefused, "prompt"),
        (400, error(code="contentFilter", message="x", inner_error={"code": "ResponsibleAIPolicyViolation"}), EngineRefused, "prompt"),
        (403, {"success": False, "error": {"code": "forbidden", "message": "Our moderators feel your prompt might be against our community standards."}}, EngineRefused, "prompt"),
        (403, error(code=403, message="Input was flagged", metadata={"reasons": ["violence"]}), EngineRefused, "prompt"),
        (400, error(message="The request was blocked by our moderation."), EngineRefused, "prompt"),
        # a word of moderation is no moderation yet
        (400, error(code="invalid_value", param="moderation", message="Content moderation must be low or auto"), EngineCannot, "moderation"),
        (500, error(message="the content moderation service cannot be reached"), EngineFailed, None),
        # means
        (429, error(code="insufficient_quota", type="insufficient_quota", message="You exceeded your current quota"), EngineQuota, None),
        (400, error(code="billing_hard_limit_reached", type="billing_limit_user_error", message="Billing hard limit has been reached"), EngineQuota, None),
        (402, b"", EngineQuota, None),
        (402, error(code=402, message="Insufficient credits"), EngineQuota, None),
        (403, error(code="used_up", message="Your balance is not sufficient"), EngineQuota, None),
        # not let in, not there
        (401, error(code="invalid_api_key", message="Incorrect API key provided: sk-abcdefghijkl"), EngineUnavailable, None),
        (403, error(message="Your organization must be verified"), EngineUnavailable, None),
        (404, error(code="model_not_found", message="The model `x` does not exist"), EngineUnavailable, None),
        (400, error(code="model_not_found", message="x"), EngineUnavailable, None),
        (400, {"detail": "Model mismatch: request specifies 'a' but server is running 'b'."}, EngineUnavailable, None),
        (400, error(code="invalid_value", param="model", message="Invalid value: 'dall-e-3'."), EngineUnavailable, None),
        (404, {"detail": "Not Found"}, EngineUnavailable, None),
        (302, b"", EngineUnavailable, None),
        (521, b"<html>Web server is down</html>", EngineUnavailable, None),
        # time, and too many
        (408, b"", EngineTimeout, None),
        (504, b"<html>Gateway Time-out</html>", EngineTimeout, None),
        (524, b"", EngineTimeout, None),
        (429, error(code="rate_limit_exceeded", message="Rate limit reached"), EngineBusy, None),
        (503, b"", EngineBusy, None),
        (529, error(code=529, message="overloaded"), EngineBusy, None),
        # broken
        (500, error(type="server_error", message="The server had an error"), EngineFailed, None),
        (500, {"error": "generate_image returned no results"}, EngineFailed, None),
        (502, b"<html>Bad Gateway</html>", EngineFailed, None),
        (520, b"", EngineFailed, None),
        # cannot
        (400, error(message="Invalid size '1x1'", param="size", code="invalid_value"), EngineCannot, "size"),
        (400, error(message="Unknown parameter: 'seed'.", param="seed", code="unknown_parameter"), EngineCannot, "seed"),
        (400, error(message="image too small", param="image[0]"), EngineCannot, "image"),
        (422, {"detail": [{"loc": ["body", "num_inference_steps"], "msg": "less than 200"}]}, EngineCannot, "steps"),
        (400, {"detail": "Requested image size 9000x9000 exceeds the maximum allowed size"}, EngineCannot, "size"),
        (400, {"error": "prompt required"}, EngineCannot, "prompt"),
        (413, b"<html>Request Entity Too Large</html>", EngineCannot, None),
        (400, b"", EngineCannot, None),
        (400, [1], EngineCannot, None),
    ],
)  # fmt: skip
def test_each_trouble_has_one_word_of_ours(
    status: int, body: object, kind: type[EngineTrouble], param: str | None
) -> None:
    trouble = judged(status, body).trouble

    assert type(trouble) is kind
    assert trouble.param == param
    assert trouble.part == "main"
    assert trouble.said.startswith(str(status))


def test_the_caller_never_hears_the_upstream_s_words() -> None:
    for status in (400, 401, 402, 403, 404, 429, 500, 503, 504):
        trouble = judged(status, error(message="ask bob at internal.example, his key is 7")).trouble
        assert "bob" not in trouble.message
        assert "bob" in trouble.said


# what it may have cost ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "is_safe", "lost"),
    [
        (429, True, 0),
        (503, True, 0),
        (500, True, 0),
        (401, True, 0),
        (404, True, 0),
        (402, True, 0),
        (400, False, 0),
        (502, False, 2),
        (504, False, 2),
        (524, False, 2),
        (408, False, 2),
    ],
)
def test_only_what_was_not_painted_is_asked_again(status: int, is_safe: bool, lost: int) -> None:  # noqa: FBT001
    what = judged(status, pictures=2)

    assert (what.is_safe_to_retry, what.trouble.lost_pictures, what.may_have_charged) == (is_safe, lost, lost > 0)


def test_what_is_refused_or_cannot_be_done_is_not_asked_again() -> None:
    assert not judged(400, error(code="moderation_blocked", message="no")).is_safe_to_retry
    assert not judged(400, error(param="size", message="no")).is_safe_to_retry


def test_a_call_that_never_left_may_be_made_again() -> None:
    what = broke(stage="connect", timed_out=False, said="Connection refused", part="main", pictures=2)

    assert isinstance(what.trouble, EngineUnavailable)
    assert (what.is_safe_to_retry, what.may_have_charged) == (True, False)
    assert broke(stage="connect", timed_out=True, said="", part="main").is_safe_to_retry


@pytest.mark.parametrize("stage", ["send", "answer"])
def test_a_call_that_broke_off_may_have_been_charged(stage: Any) -> None:
    gone = broke(stage=stage, timed_out=False, said="reset", part="main", pictures=2)
    late = broke(stage=stage, timed_out=True, said="", part="main", pictures=2)

    assert type(gone.trouble) is EngineFailed
    assert type(late.trouble) is EngineTimeout
    for what in (gone, late):
        assert (what.is_safe_to_retry, what.trouble.lost_pictures, what.trouble.part) == (False, 2, "main")


def test_an_error_within_an_answer_counts_by_its_codes() -> None:
    assert isinstance(said_within({"code": 429, "message": "x"}, part="main").trouble, EngineBusy)
    assert isinstance(said_within({"code": "insufficient_quota"}, part="main").trouble, EngineQuota)
    assert isinstance(
        said_within({"type": "image_generation_user_error", "message": SAFETY}, part="main").trouble, EngineRefused
    )
    assert isinstance(said_within({"code": "timeout"}, part="main").trouble, EngineTimeout)
    assert isinstance(said_within("it broke", part="main").trouble, EngineFailed)
    assert isinstance(said_within(None, part="main").trouble, EngineFailed)


# when to come again ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({"Retry_After": "7"}, "", 7.0),
        ({"retry_after": "1.5"}, "", 1.5),
        ({"retry_after_ms": "250", "retry_after": "7"}, "", 0.25),
        ({"Retry_After": "Mon, 23 Nov 2026 12:00:30 GMT"}, "", 30.0),
        ({"Retry_After": "Mon, 23 Nov 2026 12:00:30 GMT", "Date": "Mon, 23 Nov 2026 12:00:10 GMT"}, "", 20.0),
        ({"Retry_After": "Mon, 23 Nov 2026 11:00:00 GMT"}, "", 0.0),
        ({"Retry_After": "99999999999"}, "", 86_400.0),
        ({"Retry_After": "soon"}, "", None),
        ({"Retry_After": "-5"}, "", None),
        ({"Retry_After": "nan"}, "", None),
        ({"Retry_After": ""}, "", None),
        ({}, "", None),
        ({}, "Limit 5/min. Please try again in 12s.", 12.0),
        ({}, "Please retry after 200ms", 0.2),
        ({}, "Please try again in 2 min", 120.0),
    ],
)
def test_retry_after_is_read_however_it_is_said(headers: dict[str, str], message: str, seconds: float | None) -> None:
    trouble = judged(429, error(code="rate_limit_exceeded", message=message), **headers).trouble

    assert (
        trouble.retry_after_seconds == pytest.approx(seconds)
        if seconds is not None
        else trouble.retry_after_seconds is None
    )


def test_only_what_passes_says_when_to_come_again() -> None:
    assert judged(503, retry_after="7").trouble.retry_after_seconds == 7.0
    assert judged(400, retry_after="7").trouble.retry_after_seconds is None


# what is kept ------------------------------------------------------------------------------------------------------------


def test_keys_are_masked_in_what_is_kept() -> None:
    body = error(
        message="Incorrect API key provided: sk-proj-abcdef123456; header was Bearer abc.def.ghi-jkl; our-odd-key too"
    )

    said = judged(401, body, keys=("our-odd-key",)).trouble.said

    assert said == "401: Incorrect API key provided: ***; header was Bearer ***; *** too"


def test_what_is_kept_has_an_end_and_no_pictures_in_it() -> None:
    assert len(judged(500, error(message="so sorry " * 1000)).trouble.said) == SAID_CHARACTERS_MAX
    assert judged(500, error(message="got " + "iVBORw0KGgo" * 100)).trouble.said == "500: got …"
    assert masked("a\x00b\x1b[31mc\nd") == "a b [31mc\nd"


def test_a_page_is_kept_as_its_words() -> None:
    page = b"<html><head><title>502 Bad Gateway</title><style>b{}</style></head><body>nginx &amp; co</body></html>"

    assert judged(502, page).trouble.said == "502: 502 Bad Gateway nginx &amp; co"


def test_bytes_that_are_no_text_are_kept_as_well_as_can_be() -> None:
    assert judged(500, b"\xff\xfe\x00broken").trouble.said.endswith("broken")
