"""Every trouble that the table of words knows, as callers meet it, under both prefixes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID

import httpx2
import pytest
from pydantic import SecretStr

from limner import config, storage
from limner.accounts import service as accounts
from limner.bootstrap import opened_database
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
from limner.flow.cancel import cancel
from limner.flow.generate import Interrupted
from limner.flow.house import House
from limner.flow.sweep import sweep
from limner.kit.clock import StillClock
from limner.limits.models import Policy
from limner.web.dialects.images import render
from limner.web.dialects.images.differences import OPENAI, VENDOR, WORDS
from support.painters import Breaking, Waiting, with_painter
from support.people import join
from support.wire import BODY_BYTES_MAX, PREFIXES, PUBLIC_URL, ask, client_of, link_of, post

Scene: TypeAlias = Callable[[House, str], Awaitable[httpx2.Response]]
INVALID, IMAGE, QUOTA = "invalid_request_error", "image_generation_user_error", "insufficient_quota"
RATE, SERVER, OVERLOADED = "rate_limit_error", "server_error", "service_unavailable_error"

# Status and code at the vendor's prefix, status and code at OpenAI's, the kind of error.
TOLD: dict[str, tuple[int, str, int, str, str]] = {
    "no_key": (401, "no_token", 401, "missing_api_key", INVALID),
    "unknown_key": (401, "invalid_token", 401, "invalid_api_key", INVALID),
    "expired_key": (401, "token_expired", 401, "api_key_expired", INVALID),
    "disabled_key": (403, "disabled", 403, "api_key_disabled", INVALID),
    "model_not_allowed": (400, "token_mismatched", 403, "model_not_found", INVALID),
    "unknown_model": (400, "bad_request", 404, "model_not_found", INVALID),
    "malformed_json": (400, "bad_request", 400, "invalid_json", INVALID),
    "missing_parameter": (400, "bad_request", 400, "missing_required_parameter", INVALID),
    "unknown_parameter": (400, "bad_request", 400, "unknown_parameter", INVALID),
    "invalid_type": (400, "bad_request", 400, "invalid_type", INVALID),
    "invalid_value": (400, "bad_request", 400, "invalid_value", IMAGE),
    "body_too_large": (413, "content_too_large", 413, "request_too_large", INVALID),
    "malformed_form": (400, "bad_request", 400, "invalid_multipart", INVALID),
    "unknown_path": (400, "api_not_implemented", 404, "unknown_url", INVALID),
    "wrong_method": (405, "api_not_implemented", 405, "method_not_allowed", INVALID),
    "refused": (403, "forbidden", 400, "content_policy_violation", INVALID),
    "moderation_blocked": (403, "forbidden", 400, "moderation_blocked", IMAGE),
    "engine_refused": (403, "forbidden", 400, "content_policy_violation", INVALID),
    "too_many_requests": (429, "too_many_requests", 429, "rate_limit_exceeded", RATE),
    "too_many_at_once": (429, "too_many_requests", 429, "rate_limit_exceeded", RATE),
    "credits_used_up": (403, "used_up", 429, "insufficient_quota", QUOTA),
    "spend_limit_reached": (403, "used_up", 429, "project_spend_limit_exceeded", QUOTA),
    "engine_busy": (503, "busy", 503, "server_is_overloaded", OVERLOADED),
    "engine_failed": (500, "api_error", 500, "engine_failed", SERVER),
    "engine_timeout": (504, "timeout", 504, "timeout", SERVER),
    "engine_unavailable": (503, "busy", 503, "service_unavailable", OVERLOADED),
    "engine_quota": (503, "busy", 503, "service_unavailable", OVERLOADED),
    "engine_cannot": (400, "bad_request", 400, "invalid_value", IMAGE),
    "timed_out": (504, "timeout", 504, "timeout", SERVER),
    "still_under_way": (504, "timeout", 504, "timeout", SERVER),
    "storage_failed": (500, "api_error", 500, "storage_failed", SERVER),
    "database_unavailable": (503, "busy", 503, "service_unavailable", OVERLOADED),
    "task_abandoned": (500, "api_error", 500, "task_abandoned", SERVER),
    "internal": (500, "api_error", 500, "internal_error", SERVER),
    "queue_full": (429, "too_many_requests", 429, "queue_full", RATE),
    "callback_refused": (400, "bad_request", 400, "invalid_callback_url", INVALID),
    "idempotency_key_reused": (422, "duplication", 422, "idempotency_key_reused", INVALID),
    "no_such_task": (404, "not_found", 404, "task_not_found", INVALID),
    "task_over": (409, "not_applied", 409, "task_already_ended", INVALID),
    "cancelled": (409, "canceled", 409, "cancelled", INVALID),
}
# Links have one address, which speaks as OpenAI does.
TOLD_OF_FILES = {
    "file_missing": (404, "not_found"),
    "link_expired": (403, "link_expired"),
    "link_forged": (403, "link_invalid"),
    "range_unsatisfiable": (416, "range_not_satisfiable"),
}
# Nobody is there any more to be answered, or only commands and the console ask for it.
TOLD_ELSEWHERE = {"interrupted", "no_such_account", "account_exists", "no_such_key", "not_to_retry"}
TOLD_ELSEWHERE |= {"too_many_keys", "code_refused", "no_such_code"}
# Scenes of their own, beside what they are about.
TOLD_ELSEWHERE |= {"no_such_message", "message_under_way"}
TOLD_ELSEWHERE |= {"metrics_refused", "metrics_token_wrong"}
TOLD_ELSEWHERE |= {"no_such_inbox", "no_such_request", "inbox_ended", "inbox_busy", "too_many_inboxes"}
# Of pictures that callers give: tests/unit/web/test_files_api.py, tests/unit/flow/test_files.py, tests/unit/kit.
TOLD_ELSEWHERE |= {"no_such_file", "image_file_not_found", "files_full", "invalid_image", "empty_image"}
TOLD_ELSEWHERE |= {"unsupported_image", "damaged_image", "image_file_too_large", "image_too_large", "image_too_small"}
TOLD_ELSEWHERE |= {"invalid_image_mode"}
# Of pictures that come inside requests: tests/unit/web/test_edits.py, tests/unit/catalog/test_pictures.py.
TOLD_ELSEWHERE |= {"invalid_picture_url", "picture_not_fetched", "invalid_base64_image", "invalid_input_fidelity_model"}
# Of the management API, and of what a chat with a painter is not for (tests/unit/web/test_chat_door.py).
TOLD_ELSEWHERE |= {"not_offered"}
# Of the console's pages (tests/unit/web/console) and what they do (tests/unit/flow, tests/unit/logins).
TOLD_ELSEWHERE |= {
    "form_forged",
    "no_such_picture",
    "no_such_share",
    "not_to_share",
    "too_many_shares",
    "model_changed",
}
TOLD_ELSEWHERE |= {"wrong_login", "tried_too_often", "email_taken", "no_email", "login_exists", "login_link_over"}
TOLD_ELSEWHERE |= {"registration_closed", "invitation_needed", "invitation_over", "no_such_invitation", "not_approved"}
TOLD_ELSEWHERE |= {"account_suspended", "owner_stays", "session_not_fresh", "last_way_in"}
TOLD_ELSEWHERE |= {"unknown_provider", "provider_refused", "provider_failed", "provider_journey_over"}
TOLD_ELSEWHERE |= {"identity_taken", "no_such_identity"}
# Of the management API (tests/unit/web/test_management*.py).
TOLD_ELSEWHERE |= {"no_platform_token", "unknown_platform_token", "expired_platform_token", "no_such_platform_token"}
TOLD_ELSEWHERE |= {"too_many_platform_tokens", "key_manages_nothing", "token_paints_nothing", "no_such_record"}
# Of moderation (tests/unit/web/test_moderation.py, tests/unit/flow/test_moderate.py).
TOLD_ELSEWHERE |= {"moderation_unavailable", "no_such_rule", "rule_exists", "too_many_rules"}

SCENES: dict[str, Scene] = {}


def scene(act: Scene) -> Scene:
    SCENES[act.__name__] = act
    return act


@scene
async def no_key(house: House, prefix: str) -> httpx2.Response:
    async with client_of(house) as client:
        return await client.post(f"{prefix}/images/generations", json={"prompt": "an otter"})


@scene
async def unknown_key(house: House, prefix: str) -> httpx2.Response:
    eve = replace(await join(house, "eve"), secret="sk-limner-guess")
    return await ask(house, eve, prefix=prefix)


@scene
async def expired_key(house: House, prefix: str) -> httpx2.Response:
    return await ask(house, await join(house, "grace", expires_at=house.clock.now()), prefix=prefix)


@scene
async def disabled_key(house: House, prefix: str) -> httpx2.Response:
    grace = await join(house, "grace")
    async with house.database.statement() as tx:
        await accounts.disable_key(tx, id_=grace.key.id, now=house.clock.now())
    return await ask(house, grace, prefix=prefix)


@scene
async def model_not_allowed(house: House, prefix: str) -> httpx2.Response:
    return await ask(house, await join(house, "grace", models=frozenset({"dall-e-3"})), prefix=prefix)


@scene
async def unknown_model(house: House, prefix: str) -> httpx2.Response:
    return await ask(house, await join(house, "grace"), prefix=prefix, model="dall-e-9")


@scene
async def malformed_json(house: House, prefix: str) -> httpx2.Response:
    return await post(house, await join(house, "grace"), '{"prompt": "an otter" "n": 1}', prefix=prefix)


@scene
async def missing_parameter(house: House, prefix: str) -> httpx2.Response:
    return await post(house, await join(house, "grace"), '{"model": "dall-e-3"}', prefix=prefix)


@scene
async def unknown_parameter(house: House, prefix: str) -> httpx2.Response:
    return await ask(house, await join(house, "grace"), prefix=prefix, colour="brown")


@scene
async def invalid_type(house: House, prefix: str) -> httpx2.Response:
    return await ask(house, await join(house, "grace"), prefix=prefix, n="one")


@scene
async def invalid_value(house: House, prefix: str) -> httpx2.Response:
    return await ask(house, await join(house, "grace"), prefix=prefix, n=0)


@scene
async def body_too_large(house: House, prefix: str) -> httpx2.Response:
    return await ask(house, await join(house, "grace"), prefix=prefix, prompt="x" * BODY_BYTES_MAX)


@scene
async def malformed_form(house: House, prefix: str) -> httpx2.Response:
    grace = await join(house, "grace")
    async with client_of(house) as client:
        headers = {**grace.headers, "content-type": "multipart/form-data; boundary=x"}
        return await client.post(f"{prefix}/images/edits", content=b"--x", headers=headers)


@scene
async def unknown_path(house: House, prefix: str) -> httpx2.Response:
    async with client_of(house) as client:
        return await client.post(f"{prefix}/images/inpainting")


@scene
async def wrong_method(house: House, prefix: str) -> httpx2.Response:
    async with client_of(house) as client:
        return await client.put(f"{prefix}/images/generations")


@scene
async def refused(house: House, prefix: str) -> httpx2.Response:
    return await ask(house, await join(house, "grace"), prefix=prefix, prompt="a zeppelin")


@scene
async def moderation_blocked(house: House, prefix: str) -> httpx2.Response:
    return await ask(house, await join(house, "grace"), prefix=prefix, model="gpt-image-1", prompt="a zeppelin")


@scene
async def too_many_requests(house: House, prefix: str) -> httpx2.Response:
    grace = await join(house, "grace", requests_per_minute=1)
    await ask(house, grace, prefix=prefix)
    return await ask(house, grace, prefix=prefix)


@scene
async def too_many_at_once(house: House, prefix: str) -> httpx2.Response:
    painter = Waiting()
    house = replace(with_painter(house, painter), policy=Policy(requests_per_minute=600, concurrent=1))
    grace = await join(house, "grace")
    first = asyncio.create_task(ask(house, grace, prefix=prefix))
    await painter.began.wait()
    second = await ask(house, grace, prefix=prefix)
    painter.may_go_on.set()
    await first
    return second


@scene
async def credits_used_up(house: House, prefix: str) -> httpx2.Response:
    return await ask(house, await join(house, "eve", credits_start=0), prefix=prefix)


@scene
async def spend_limit_reached(house: House, prefix: str) -> httpx2.Response:
    return await ask(house, await join(house, "grace", spend_limit=0.01), prefix=prefix)


@scene
async def engine_busy(house: House, prefix: str) -> httpx2.Response:
    busy = EngineBusy("twelve wait already", retry_after_seconds=500)
    return await ask(with_painter(house, Breaking(busy)), await join(house, "grace"), prefix=prefix)


@scene
async def engine_failed(house: House, prefix: str) -> httpx2.Response:
    painter = Breaking(EngineFailed("the brush broke in the middle"))
    return await ask(with_painter(house, painter), await join(house, "grace"), prefix=prefix)


@scene
async def engine_timeout(house: House, prefix: str) -> httpx2.Response:
    painter = Breaking(EngineTimeout("the picture took longer than it may"))
    return await ask(with_painter(house, painter), await join(house, "grace"), prefix=prefix)


async def broken_by(house: House, prefix: str, trouble: EngineTrouble) -> httpx2.Response:
    return await ask(with_painter(house, Breaking(trouble)), await join(house, "grace"), prefix=prefix)


@scene
async def engine_unavailable(house: House, prefix: str) -> httpx2.Response:
    return await broken_by(house, prefix, EngineUnavailable("nobody who could paint this can be reached"))


@scene
async def engine_quota(house: House, prefix: str) -> httpx2.Response:
    return await broken_by(house, prefix, EngineQuota("the means with the upstream are used up"))


@scene
async def engine_refused(house: House, prefix: str) -> httpx2.Response:
    return await broken_by(house, prefix, EngineRefused("the upstream will not paint this prompt", param="prompt"))


@scene
async def engine_cannot(house: House, prefix: str) -> httpx2.Response:
    return await broken_by(house, prefix, EngineCannot("it paints no picture of this size", param="size"))


@scene
async def timed_out(house: House, prefix: str) -> httpx2.Response:
    house = replace(with_painter(house, Waiting()), task_seconds=0)
    return await ask(house, await join(house, "grace"), prefix=prefix)


@scene
async def still_under_way(house: House, prefix: str) -> httpx2.Response:
    """The engine is elsewhere, and nobody is there."""
    house = replace(house, performs=frozenset(), task_seconds=0)
    answer = await ask(house, await join(house, "grace"), prefix=prefix)
    async with house.database.statement() as tx:
        id_ = await tx.value("SELECT id FROM tasks")
    assert str(id_) in answer.json()["error"]["message"]
    await cancel(house, task_id=id_, account_id=None)
    return answer


@scene
async def storage_failed(house: House, prefix: str) -> httpx2.Response:
    house = replace(house, storage=storage.load("memory://?bytes_max=1"))
    return await ask(house, await join(house, "grace"), prefix=prefix)


@scene
async def task_abandoned(house: House, prefix: str) -> httpx2.Response:
    painter = Waiting()
    house = with_painter(house, painter)
    grace = await join(house, "grace")
    request = asyncio.create_task(ask(house, grace, prefix=prefix))
    await painter.began.wait()
    await sweep(replace(house, clock=StillClock(house.clock.now() + timedelta(hours=1))))
    painter.may_go_on.set()
    return await request


@scene
async def internal(house: House, prefix: str) -> httpx2.Response:
    painter = Breaking(ZeroDivisionError("a secret of ours"))
    return await ask(with_painter(house, painter), await join(house, "grace"), prefix=prefix)


@scene
async def queue_full(house: House, prefix: str) -> httpx2.Response:
    house = replace(house, queue_policy=replace(house.queue_policy, account_concurrent=1, account_waiting_max=1))
    grace = await join(house, "grace")
    made = [(await ask(house, grace, prefix=prefix, **{"async": True})).json()["task_id"] for _ in range(2)]
    answer = await ask(house, grace, prefix=prefix, **{"async": True})
    for id_ in made:
        await cancel(house, task_id=UUID(id_), account_id=None)
    return answer


@scene
async def callback_refused(house: House, prefix: str) -> httpx2.Response:
    return await ask(house, await join(house, "grace"), prefix=prefix, callback_url="https://192.168.0.1/")


@scene
async def idempotency_key_reused(house: House, prefix: str) -> httpx2.Response:
    grace = await join(house, "grace")
    async with client_of(house) as client:
        for prompt in ("an otter", "an owl"):
            answer = await client.post(
                f"{prefix}/images/generations",
                json={"model": "dall-e-2", "prompt": prompt},
                headers=grace.headers | {"idempotency-key": "order-4711"},
            )
    return answer


@scene
async def no_such_task(house: House, prefix: str) -> httpx2.Response:
    grace = await join(house, "grace")
    async with client_of(house) as client:
        return await client.get(f"{prefix}/images/tasks/{UUID(int=7)}", headers=grace.headers)


@scene
async def task_over(house: House, prefix: str) -> httpx2.Response:
    grace = await join(house, "grace")
    id_ = (await ask(house, grace, prefix=prefix)).json()["task_id"]
    async with client_of(house) as client:
        return await client.post(f"{prefix}/images/tasks/{id_}/cancel", headers=grace.headers)


@scene
async def cancelled(house: House, prefix: str) -> httpx2.Response:
    painter = Waiting()
    house = with_painter(house, painter)
    asking = asyncio.create_task(ask(house, await join(house, "grace"), prefix=prefix))
    await painter.began.wait()
    async with house.database.statement() as tx:
        id_ = await tx.value("SELECT id FROM tasks")
    await cancel(house, task_id=id_, account_id=None)
    return await asking


@pytest.fixture
async def cut_off(house: House, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house whose database has gone away."""
    settings = config.Settings(
        data_dir=tmp_path_factory.mktemp("data"), database=config.Database(url=SecretStr(database_url))
    )
    context: AbstractAsyncContextManager[object] = opened_database(settings)
    database = await context.__aenter__()
    await context.__aexit__(None, None, None)
    return replace(house, database=database)  # type: ignore[arg-type]


def assert_told(answer: httpx2.Response, *, status: int, code: str, type_: str) -> None:
    body = answer.json()
    assert set(body) == {"success", "error", "trace_id"}
    assert set(body["error"]) == {"code", "message", "type", "param"}
    assert (answer.status_code, body["error"]["code"], body["error"]["type"]) == (status, code, type_)
    assert body["success"] is False
    assert len(body["error"]["message"]) > 15
    assert body["trace_id"] == answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("code", sorted(set(TOLD) - {"database_unavailable"}))
async def test_what_callers_are_told(house: House, code: str, prefix: str) -> None:
    answer = await SCENES[code](house, prefix)

    vendor_status, vendor_code, openai_status, openai_code, type_ = TOLD[code]
    if prefix == "/openai":
        # The vendor knows no such difference between families of models.
        kind = INVALID if code == "moderation_blocked" else type_
        assert_told(answer, status=vendor_status, code=vendor_code, type_=kind)
    else:
        assert_told(answer, status=openai_status, code=openai_code, type_=type_)
    async with house.database.statement() as tx:
        unfinished = await tx.value("SELECT count(*) FROM tasks WHERE status = 'running'")
        held = await tx.value("SELECT coalesce(sum(held), 0) FROM credit_balances")
        running = await tx.value("SELECT coalesce(sum(running), 0) FROM rate_limits")
    assert (unfinished, held, running) == (0, 0, 0)


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_a_database_that_is_away(cut_off: House, prefix: str) -> None:
    async with client_of(cut_off) as client:
        answer = await client.get(f"{prefix}/models", headers={"authorization": "Bearer sk-limner-x"})

    assert_told(answer, status=503, code="busy" if prefix == "/openai" else "service_unavailable", type_=OVERLOADED)
    assert answer.headers["retry-after"] == "2"


async def file_missing(house: House) -> httpx2.Response:
    link = await link_of(house, await join(house, "grace"))
    await house.storage.delete(link.partition("/files/")[2].partition("?")[0])
    return await get(house, link)


async def link_expired(house: House) -> httpx2.Response:
    link = await link_of(house, await join(house, "grace"))
    return await get(replace(house, clock=StillClock(house.clock.now() + timedelta(seconds=3600))), link)


async def link_forged(house: House) -> httpx2.Response:
    link = await link_of(house, await join(house, "grace"))
    return await get(replace(house, link_secrets=[b"another secret of 32 bytes......"]), link)


async def range_unsatisfiable(house: House) -> httpx2.Response:
    link = await link_of(house, await join(house, "grace"))
    return await get(house, link, range_="bytes=100000-")


async def get(house: House, link: str, *, range_: str | None = None) -> httpx2.Response:
    async with client_of(house) as client:
        return await client.get(link, headers={"range": range_} if range_ else {})


@pytest.mark.parametrize("act", [file_missing, link_expired, link_forged, range_unsatisfiable])
async def test_what_callers_of_links_are_told(house: House, act: Callable[[House], Awaitable[httpx2.Response]]) -> None:
    status, code = TOLD_OF_FILES[act.__name__]

    assert_told(await act(house), status=status, code=code, type_=INVALID)


@pytest.mark.parametrize(("dialect", "status", "code"), [(VENDOR, 503, "busy"), (OPENAI, 503, "service_unavailable")])
def test_what_a_caller_would_be_told_whose_request_was_cut_off(dialect: object, status: int, code: str) -> None:
    problem = Interrupted("the server was stopped before the picture was done; nothing was charged")

    assert render.problem_status(problem, dialect=dialect) == status  # type: ignore[arg-type]
    assert f'"code":"{code}"' in render.problem_body(problem, dialect=dialect, trace_id="t").decode()  # type: ignore[arg-type]


def test_no_trouble_is_without_a_scene() -> None:
    assert set(TOLD) | set(TOLD_OF_FILES) | TOLD_ELSEWHERE == set(WORDS)


# Beside the words ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("code", ["no_key", "unknown_key", "expired_key"])
async def test_a_401_says_how_to_authenticate(house: House, code: str, prefix: str) -> None:
    assert (await SCENES[code](house, prefix)).headers["www-authenticate"] == 'Bearer realm="limner"'


@pytest.mark.parametrize("code", ["credits_used_up", "spend_limit_reached"])
async def test_asking_again_makes_no_sense_without_credits(house: House, code: str) -> None:
    answer = await SCENES[code](house, "/v1")

    assert answer.headers["x-should-retry"] == "false"
    assert "retry-after" not in answer.headers


async def test_too_many_requests_says_when_and_where_the_limits_stand(house: House) -> None:
    headers = (await too_many_requests(house, "/v1")).headers

    assert headers["retry-after"] == "60"
    assert headers["ratelimit"] == '"requests";r=0;t=60'
    assert headers["ratelimit-policy"] == '"requests";q=1;w=60, "concurrent";q=16;qu="concurrent-requests"'
    assert headers["x-ratelimit-limit-requests"] == "1"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-ratelimit-reset-requests"] == "1m0s"


async def test_nobody_is_told_to_wait_longer_than_the_sdk_would(house: House) -> None:
    assert (await engine_busy(house, "/v1")).headers["retry-after"] == "120"


async def test_a_bug_is_not_shown(house: House, caplog: pytest.LogCaptureFixture) -> None:
    answer = await internal(house, "/v1")

    assert "secret of ours" not in answer.text
    (broke,) = [record for record in caplog.records if record.getMessage() == "request.broke"]
    assert broke.fields["trace_id"] == answer.json()["trace_id"]  # type: ignore[attr-defined]
    assert broke.exc_info is not None


@pytest.mark.parametrize(
    ("path", "allow"),
    [("/v1/images/generations", "POST"), ("/openai/images/generations", "POST"), ("/v1/models", "GET, HEAD")],
)
async def test_a_wrong_method_is_told_the_right_ones(house: House, path: str, allow: str) -> None:
    async with client_of(house) as client:
        answer = await client.delete(path)

    assert sorted(answer.headers["allow"].split(", ")) == allow.split(", ")
    assert "not DELETE" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v2", "/v1", "/v1/", "/v1/images", "/openaix/images/generations", "/files", "/%00"])
async def test_a_wrong_path_is_named_with_the_right_one(house: House, path: str) -> None:
    async with client_of(house) as client:
        answer = await client.get(path)

    assert answer.status_code == 404
    assert "POST /v1/images/generations" in answer.json()["error"]["message"]
    assert answer.url == f"{PUBLIC_URL}{path}"
