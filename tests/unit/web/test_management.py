from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from limner.domain.money import micro
from limner.flow import operators
from limner.flow.house import House
from limner.flow.tokens import make_token
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from limner.web.dialects.management import openapi
from limner.web.dialects.management.render import SERVICE_ID
from support.people import Person, balance_of
from support.wire import ask, client_of
from unit.flow.test_operators import by

NOBODY = "00000000-0000-7000-8000-000000000000"


async def token_of(house: House, person: Person) -> str:
    return (await make_token(house, account_id=person.account.id, name="tests", expires_at=None)).secret


async def call(
    house: House, token: str | None, method: str, path: str, json: Any = None, **query: Any
) -> httpx2.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with client_of(house) as client:
        return await client.request(method, f"/api/v1{path}", headers=headers, json=json, params=query or None)


async def get(house: House, token: str | None, path: str, **query: Any) -> Any:
    answer = await call(house, token, "GET", path, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


ROUTES = [(method.upper(), path) for path, operations in openapi.paths().items() for method in operations]


def test_there_are_routes_to_try() -> None:
    assert len(ROUTES) > 20


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_only_a_token_opens_a_route_and_only_one_s_own_things(  # noqa: PLR0917 - the table
    house: House, ada: Person, grace: Person, eve: Person, method: str, path: str
) -> None:
    """Every route × ada, grace, eve and nobody; with an id, the id is grace's."""
    token = await make_token(house, account_id=grace.account.id, name="hers", expires_at=None)
    await operators.grant(house, by(ada), account_id=grace.account.id, amount=1, reason="an order")
    tokens = {person.account.name: await token_of(house, person) for person in (ada, eve)}
    short = path.removeprefix("/api/v1")
    ids = {
        "services": str(SERVICE_ID),
        "applications": str(grace.account.id),
        "credentials": str(grace.key.id),
        "orders": (await get(house, token.secret, "/orders/"))["items"][0]["id"],
        "platform-tokens": str(token.token.id),
    }
    real = short.replace("{id}", ids.get(short.split("/")[1], ""))
    is_hers = "{id}" in short and "services" not in short
    body = {"code": "NONE"} if short == "/orders/" and method == "POST" else None

    assert (await call(house, None, method, real, json=body)).status_code == 401
    with_key = 400 if short == "/files/" else 401  # a key may upload, and this is no form
    assert (await call(house, grace.secret, method, real, json=body)).status_code == with_key
    for stranger in ("ada", "eve"):
        answer = await call(house, tokens[stranger], method, real, json=body)
        assert (answer.status_code == 404) == is_hers, answer.text
    answer = await call(house, token.secret, method, real, json=body)
    is_answered = body is None and "/pay/" not in short and short != "/files/"  # which takes no JSON
    allowed = {200, 201, 204} if is_answered else {400, 409}
    assert answer.status_code in allowed, answer.text


@pytest.mark.parametrize("path", sorted({path for _, path in ROUTES}))
async def test_every_path_is_there_without_its_last_slash(house: House, eve: Person, path: str) -> None:
    token = await token_of(house, eve)
    async with client_of(house) as client:
        headers = {"authorization": f"Bearer {token}"}
        # Another method than any route has: told apart from a path that is not there.
        answer = await client.request("PATCH", path.rstrip("/").replace("{id}", NOBODY), headers=headers)

    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) >= {method for method, other in ROUTES if other == path}


async def test_an_api_key_is_told_what_it_is_not(house: House, grace: Person) -> None:
    answer = await call(house, grace.secret, "GET", "/applications/")

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "token_mismatched"
    assert answer.json()["success"] is False
    assert "makes pictures" in answer.json()["error"]["message"]
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("prefix", ["/openai", "/v1"])
async def test_a_token_paints_nothing_and_is_told_so(house: House, grace: Person, prefix: str) -> None:
    async with client_of(house) as client:
        answer = await client.post(
            f"{prefix}/images/generations",
            json={"model": "dall-e-2", "prompt": "x"},
            headers={"authorization": f"Bearer {await token_of(house, grace)}"},
        )

    assert answer.status_code == 401
    assert "platform token" in answer.json()["error"]["message"]


async def test_a_token_ends_with_its_time_its_account_and_its_deletion(
    house: House, clock: StillClock, ada: Person, grace: Person
) -> None:
    soon = house.clock.now() + timedelta(minutes=5)
    short = (await make_token(house, account_id=grace.account.id, name="short", expires_at=soon)).secret
    long = await token_of(house, grace)
    assert (await call(house, short, "GET", "/models/")).status_code == 200

    clock.moment += timedelta(minutes=5)
    answer = await call(house, short, "GET", "/models/")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token_expired")

    await operators.suspend(house, by(ada), account_id=grace.account.id)
    assert (await call(house, long, "GET", "/models/")).status_code == 403
    await operators.resume(house, by(ada), account_id=grace.account.id)

    (kept, *_) = (await get(house, long, "/platform-tokens/"))["items"]
    assert (await call(house, long, "DELETE", f"/platform-tokens/{kept['id']}")).status_code == 204
    answer = await call(house, long, "GET", "/models/")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_token")


async def test_a_token_is_shown_once_and_tells_when_it_was_used(house: House, grace: Person) -> None:
    first = await token_of(house, grace)
    made = (await call(house, first, "POST", "/platform-tokens/", json={"name": "second"})).json()

    assert re.fullmatch(r"platform-v1-[\w-]{43}", made["token"])
    listed = await get(house, made["token"], "/platform-tokens/")
    assert listed["count"] == 2
    assert made["token"] not in json.dumps(listed)
    assert listed["items"][0]["used_at"] == "2026-11-22T12:00:00.000Z"


async def test_the_application_tells_what_is_left_and_used(house: House, grace: Person) -> None:
    await ask(house, grace)
    answer = await call(house, await token_of(house, grace), "GET", "/applications/")

    (application,) = answer.json()["items"]
    assert application["id"] == str(grace.account.id)
    assert (application["remaining_amount"], application["used_amount"]) == (9.98, 0.02)
    assert '"used_amount":0.020000' in answer.text


async def test_applying_brings_free_credits_once(house: House, eve: Person) -> None:
    token = await token_of(house, eve)

    first = await call(house, token, "POST", "/applications/", json={"service_id": str(SERVICE_ID)})
    second = await call(house, token, "POST", "/applications/", json={})

    assert (first.status_code, second.status_code) == (201, 200)
    assert (await balance_of(house, eve)).free == house.free_credits
    assert first.json() == second.json()
    answers = openapi.document()["paths"]["/api/v1/applications/"]["post"]["responses"]
    assert answers["200"]["content"] == answers["201"]["content"]


async def test_a_credential_is_made_paints_is_rotated_and_deleted(house: House, grace: Person) -> None:
    token = await token_of(house, grace)
    body = {"application_id": str(grace.account.id), "name": "ci", "limited_amount": 0.02, "expired_at": "2027-01-01"}
    made = (await call(house, token, "POST", "/credentials/", json=body)).json()
    assert (made["limited_amount"], made["used_amount"]) == (0.02, 0)
    assert made["expired_at"] == "2027-01-01T00:00:00.000Z"

    async def paint(secret: str) -> int:
        async with client_of(house) as client:
            answer = await client.post(
                "/openai/images/generations",
                json={"model": "dall-e-2", "prompt": "x"},
                headers={"authorization": f"Bearer {secret}"},
            )
            return answer.status_code

    assert [await paint(made["token"]), await paint(made["token"])] == [200, 403]
    (listed, *_) = (await get(house, token, "/credentials/"))["items"]
    assert listed["used_amount"] == 0.02
    assert listed["token"].endswith("***")

    rotated = (await call(house, token, "POST", f"/credentials/{made['id']}/rotate/")).json()
    assert rotated["id"] == made["id"]
    assert rotated["token"] != made["token"]
    assert await paint(made["token"]) == 401
    assert (await call(house, token, "DELETE", f"/credentials/{made['id']}/")).status_code == 204
    assert await paint(rotated["token"]) == 401
    assert (await get(house, token, "/credentials/"))["count"] == 1


async def test_usage_is_told_by_call_day_and_status(house: House, grace: Person) -> None:
    token = await token_of(house, grace)
    await ask(house, grace, prompt="An otter")
    await ask(house, grace, prompt="A zeppelin")
    await ask(house, grace, prompt="An otter", size="256x256")

    calls = await get(house, token, "/usage/apis/", limit=1)
    assert calls["count"] == 2
    assert [(one["status_code"], one["deducted_amount"]) for one in calls["items"]] == [(200, 0.016)]
    assert (await get(house, token, "/usage/apis/", status_code=200))["count"] == 2
    assert (await get(house, token, "/usage/apis/", status_code=500))["count"] == 0
    assert (await get(house, token, "/usage/apis/", credential_id=str(uuid7())))["count"] == 0
    assert (await get(house, token, "/usage/apis/", created_at_to="2026-11-22T11:59:59Z"))["count"] == 0
    assert (await get(house, token, "/usage/apis/", application_id=NOBODY))["count"] == 0

    told = await get(house, token, "/usage/apis/aggregate/", created_at_from="2026-11-20")
    assert [day["date"] for day in told["items"]] == ["2026-11-20", "2026-11-21", "2026-11-22"]
    assert told["total"]["calls"] == told["items"][-1]["pictures"] == 2
    assert told["total"]["deducted_amount"] == 0.036
    assert (await get(house, token, "/usage/apis/status-codes/"))["items"] == [{"status_code": 200, "count": 2}]
    answer = await call(house, token, "GET", "/usage/apis/export/")
    assert answer.headers["content-type"].startswith("text/csv")
    assert len(answer.text.splitlines()) == 3


async def test_an_order_is_a_code_that_is_redeemed(house: House, ada: Person, eve: Person) -> None:
    token = await token_of(house, eve)
    (code,) = await operators.make_codes(house, by(ada), amount=micro(5))

    made = await call(
        house, token, "POST", "/orders/", json={"application_id": str(eve.account.id), "code": code.secret}
    )
    again = await call(house, token, "POST", "/orders/", json={"code": code.secret})

    assert (made.status_code, again.status_code) == (201, 409)
    assert (made.json()["type"], made.json()["state"], made.json()["amount"]) == ("Redemption", "Finished", 5)
    listed = await get(house, token, "/orders/")
    assert listed["items"][0] == made.json() == await get(house, token, f"/orders/{made.json()['id']}/")
    assert (await balance_of(house, eve)).free == micro(5)


@pytest.mark.parametrize(
    ("method", "path", "json", "status"),
    [
        ("GET", "/credentials/?limit=0", None, 400),
        ("GET", "/credentials/?limit=101", None, 400),
        ("GET", "/credentials/?offset=-1", None, 400),
        ("GET", "/credentials/?nothing=1", None, 400),
        ("GET", "/usage/apis/?status_code=x", None, 400),
        ("GET", "/usage/apis/?created_at_from=yesterday", None, 400),
        ("GET", "/usage/apis/aggregate/?created_at_from=2020-01-01", None, 400),
        ("GET", "/orders/none/", None, 404),
        ("GET", f"/services/{NOBODY}/", None, 404),
        ("POST", "/credentials/", {"nothing": 1}, 400),
        ("POST", "/credentials/", {"application_id": NOBODY}, 404),
        ("POST", "/credentials/", {"limited_amount": "x"}, 400),
        ("POST", "/credentials/", {"limited_amount": -1}, 400),
        ("POST", "/credentials/", {"expired_at": "2020-01-01"}, 400),
        ("POST", "/credentials/", {"name": ""}, 400),
        ("POST", "/credentials/", [], 400),
        ("POST", "/orders/", {}, 400),
        ("POST", "/platform-tokens/", {"name": 5}, 400),
        ("POST", "/platform-tokens/", {"expiration": True}, 400),
    ],
)
async def test_what_cannot_be_is_refused_in_the_vendor_s_form(  # noqa: PLR0917 - the table
    house: House, grace: Person, method: str, path: str, json: Any, status: int
) -> None:
    answer = await call(house, await token_of(house, grace), method, path, json=json)

    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"success", "error", "trace_id"}


async def test_a_list_is_told_in_parts(house: House, eve: Person) -> None:
    token = await token_of(house, eve)
    for number in range(4):
        await call(house, token, "POST", "/platform-tokens/", json={"name": f"number {number}"})

    part = await get(house, token, "/platform-tokens/", limit=2, offset=1)

    assert (part["count"], [one["name"] for one in part["items"]]) == (5, ["number 2", "number 1"])


async def test_the_document_tells_of_every_route_and_anybody_may_read_it(house: House) -> None:
    document = await get(house, None, "/openapi.json")

    assert set(document["paths"]) == {path for _, path in ROUTES}
    named = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert named == set(document["components"]["schemas"])
    operations = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(operations) == len(set(operations))


@pytest.mark.parametrize("path", ["/services/", "/applications/", "/credentials/", "/orders/", "/platform-tokens/"])
async def test_an_answer_has_the_fields_that_the_document_says(house: House, grace: Person, path: str) -> None:
    (item, *_) = (await get(house, await token_of(house, grace), path))["items"]
    document = openapi.document()
    answer = document["paths"][f"/api/v1{path}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    name = answer["properties"]["items"]["items"]["$ref"].rpartition("/")[2]

    assert set(item) == set(document["components"]["schemas"][name]["properties"])
