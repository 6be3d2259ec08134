"""Who may come in over HTTP: whoever brings a key that is good at the limner behind, and no page of another site."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from limner.mcp.api import ApiTrouble, Line, Place

_GOOD_SECONDS: Final = 60.0
_GOOD_MAX: Final = 10_000
_PROBE: Final = "/v1/models"


class Door:
    """Lets requests through to `app` that carry a key which the limner at `address` takes; others are told why not."""

    def __init__(self, app: ASGIApp, *, line: Line, address: str) -> None:
        self._app = app
        self._line = line
        self._address = address
        self._good: OrderedDict[str, float] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            refusal = _of_another_site(headers) or await self._refusal(headers)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
            key = _key(headers)
            # Sessions of the protocol belong to who began them: by this the library tells callers apart.
            token = AccessToken(token=key, client_id=_digest(key), scopes=[])
            scope = {**scope, "user": AuthenticatedUser(token)}
        await self._app(scope, receive, send)

    async def _refusal(self, headers: Headers) -> JSONResponse | None:
        key = _key(headers)
        if not key:
            return _refused(HTTPStatus.UNAUTHORIZED, "send an API key of this limner, as Authorization: Bearer <key>")
        digest, now = _digest(key), time.monotonic()
        if self._good.get(digest, 0.0) > now:
            return None
        try:
            await self._line.to(Place(address=self._address, key=key)).get(_PROBE)
        except ApiTrouble as trouble:
            if trouble.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
                return _refused(HTTPStatus.UNAUTHORIZED, trouble.message)
            if trouble.status is None or trouble.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return _refused(HTTPStatus.SERVICE_UNAVAILABLE, trouble.message)
        self._good[digest] = now + _GOOD_SECONDS
        self._good.move_to_end(digest)
        while len(self._good) > _GOOD_MAX:
            self._good.popitem(last=False)
        return None


def _key(headers: Headers) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _of_another_site(headers: Headers) -> JSONResponse | None:
    origin = headers.get("origin")
    if origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower():
        return None
    return _refused(HTTPStatus.FORBIDDEN, "pages of other sites are not let in")


def _refused(status: HTTPStatus, message: str) -> JSONResponse:
    headers = {"www-authenticate": 'Bearer realm="limner"'} if status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse({"error": {"message": message}}, status_code=status, headers=headers)
