"""A server that says who somebody is, by OpenID Connect and as GitHub does, on loopback; its person says yes at once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from limner.flow.house import ProviderPolicy
from limner.kit.clock import Clock

CLIENT_ID = "limner"
CLIENT_SECRET = "between us"


@dataclass(eq=False)
class ProviderServer:
    """Who is at the keyboard there, and what is wrong with it, if anything is.

    `spoil`: changes the claims before they are signed. `key`: what signs; `shown_key`: what it says that signs.
    """

    clock: Clock
    port: int = 0
    subject: str = "248289761001"
    email: str | None = "jane@example.org"
    email_verified: object = True
    name: str = "jane"
    auth_methods: tuple[str, ...] = ("client_secret_basic",)
    spoil: Callable[[dict[str, Any]], object] = lambda _claims: None
    issuer_shown: str | None = None
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    shown_key: RSAKey | None = None
    signs: Callable[[dict[str, Any]], str] | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    visits: list[str] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def oidc(self) -> ProviderPolicy:
        return ProviderPolicy(
            kind="oidc", title="Example", client_id=CLIENT_ID, client_secret=CLIENT_SECRET, issuer=self.issuer
        )

    def github(self) -> ProviderPolicy:
        return ProviderPolicy(
            kind="github",
            title="GitHub",
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            authorize_url=f"{self.issuer}/authorize",
            token_url=f"{self.issuer}/token",
            api_url=f"{self.issuer}/api",
        )

    def consents(self, address: str) -> dict[str, str]:
        """Somebody is sent here, and says yes: what they take back."""
        assert urlsplit(address).path == "/authorize"
        asked = dict(parse_qsl(urlsplit(address).query))
        assert asked["client_id"] == CLIENT_ID
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def answer(  # noqa: PLR0911 - one for each address
        self, method: str, target: str, headers: dict[str, str], body: str
    ) -> tuple[int, Any]:
        """One request."""
        parts = urlsplit(target)
        self.visits.append(parts.path)
        bearer = headers.get("authorization") == "Bearer a token"
        match method, parts.path:
            case "GET", "/.well-known/openid-configuration":
                return 200, {
                    "issuer": self.issuer_shown or self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys",
                    "token_endpoint_auth_methods_supported": list(self.auth_methods),
                }
            case "GET", "/keys":
                return 200, {"keys": [(self.shown_key or self.key).as_dict(private=False)]}
            case "GET", "/authorize":
                back = self.consents(f"{self.issuer}{target}")
                return 303, parse_qs(parts.query)["redirect_uri"][0] + "?" + urlencode(back)
            case "POST", "/token":
                return self._token(headers, dict(parse_qsl(body)))
            case "GET", "/api/user" if bearer:
                return 200, {"id": int(self.subject), "login": self.name, "email": "public@example.org"}
            case "GET", "/api/user/emails" if bearer:
                return 200, [
                    {"email": "old@example.org", "primary": False, "verified": True},
                    {"email": self.email, "primary": True, "verified": self.email_verified},
                ]
        return 404, {"error": "not_found"}

    def _token(self, headers: dict[str, str], form: dict[str, str]) -> tuple[int, Any]:
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        by_header = "client_secret_basic" in self.auth_methods and headers.get("authorization") == f"Basic {basic}"
        by_form = (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        if not (by_header or by_form):
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None:
            return 200, {"error": "bad_verification_code"}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if challenge != asked["code_challenge"] or form.get("redirect_uri") != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "a token", "token_type": "bearer", "id_token": self._id_token(asked)}

    def _id_token(self, asked: dict[str, str]) -> str:
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": asked.get("nonce", ""),
            "name": self.name,
            "email": self.email,
            "email_verified": self.email_verified,
        }
        self.spoil(claims)
        if self.signs is not None:
            return self.signs(claims)
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, then it hangs up."""
        method, target, _ = (await reader.readline()).decode().split()
        headers = {}
        while line := (await reader.readline()).decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        status, told = self.answer(method, target, headers, body.decode())
        head = f"HTTP/1.1 {status} x\r\nconnection: close\r\n"
        if isinstance(told, str):
            writer.write(f"{head}location: {told}\r\ncontent-length: 0\r\n\r\n".encode())
        else:
            text = json.dumps(told)
            writer.write(f"{head}content-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n{text}".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def provider_server(clock: Clock) -> AsyncIterator[ProviderServer]:
    """A server of its own."""
    made = ProviderServer(clock=clock)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made
