"""For whoever runs the server: does the process answer, can it do its work, what has it counted.

The same three for `limner serve`, beside everything else, and for `limner worker`, alone.
"""

from __future__ import annotations

import hmac
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from limner.domain.problem import Problem
from limner.flow.figures import Figures
from limner.flow.house import House
from limner.flow.readiness import Readiness
from limner.web.door import Door
from limner.web.site import route

HEALTH: Final = "/healthz"
READY: Final = "/readyz"
METRICS: Final = "/metrics"
PATHS: Final = frozenset({HEALTH, READY, METRICS})
"""Asked every few seconds by machines: not worth a line in the log."""

_JSON: Final = "application/json"
_BODY_BYTES_MAX: Final = 1024
_FRESH: Final = {"cache-control": "no-store"}
# A proxy on this machine that passes everything on is not this machine's own wish.
_PASSED_ON: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


class MetricsRefused(Problem):
    """The metrics are not for this caller."""

    code = "metrics_refused"
    status = 403


class MetricsTokenWrong(Problem):
    """The metrics are for whoever has their token, and this caller has not sent it."""

    code = "metrics_token_wrong"
    status = 401


def make_operate_app(house: House) -> ASGIApp:
    """An application with only these three, for a process that serves nothing else."""
    return Door(Router(routes(house), redirect_slashes=False), house=house, body_bytes_max=_BODY_BYTES_MAX, quiet=PATHS)


def routes(house: House) -> list[Route]:
    """The three."""
    readiness, figures = Readiness(house), Figures(house)

    async def health(_request: Request) -> Response:
        return Response(orjson.dumps({"status": "ok"}), media_type=_JSON, headers=_FRESH)

    async def ready(_request: Request) -> Response:
        report = await readiness.look()
        checks = dict.fromkeys(("database", "storage", "queue"), "ok") | report.troubles()
        body = {"status": "ready" if report.is_ready else "not ready", "checks": checks}
        status = HTTPStatus.OK if report.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Response(orjson.dumps(body), status_code=status, media_type=_JSON, headers=_FRESH)

    async def metrics(request: Request) -> Response:
        _check_may_read(request, token=house.metrics_token)
        told = await figures.told(request.headers.get("accept", ""))
        return Response(told.body, headers={"content-type": told.media_type, **_FRESH})

    return [
        route(HEALTH, health, methods=["GET", "HEAD"]),
        route(READY, ready, methods=["GET", "HEAD"]),
        route(METRICS, metrics, methods=["GET"]),
    ]


def _check_may_read(request: Request, *, token: str | None) -> None:
    if token is None:
        if not _is_this_machine(request):
            raise MetricsRefused(
                "the metrics may be read from the server's own machine; for others, set server.metrics_token and send it "
                "as Authorization: Bearer"
            )
        return
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    is_right = hmac.compare_digest(sent.strip().encode("latin-1"), token.encode())
    if scheme.lower() != "bearer" or not is_right:
        raise MetricsTokenWrong("send the server's metrics token as Authorization: Bearer; it is no API key")


def _is_this_machine(request: Request) -> bool:
    if request.client is None or any(name in request.headers for name in _PASSED_ON):
        return False
    try:
        address = ip_address(request.client.host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
