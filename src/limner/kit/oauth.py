"""Asking another server who somebody is: OpenID Connect, and OAuth as GitHub does it. The client's side, over one way out.

Two halves with a visit to that server between them: `departure` says where to send somebody, `arrival` says who came
back. What ties the halves together is a `Secrets`, which whoever calls keeps and gives to nobody. Everything is read
anew each time, addresses and signing keys too: logins are rare, and what is read anew is never out of date.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from limner.kit.outbound import AddressRefusedError, CallFailedError, Outbound

_SECONDS: Final = 10.0
_BYTES_MAX: Final = 262_144
_LEEWAY_SECONDS: Final = 60
_OK: Final = 200
# Signatures that a provider alone can make; with "none" or a shared secret somebody else could.
_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


class ProviderTroubleError(Exception):
    """The provider did not do its part; the message says what, and has nothing secret in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What we are called at a provider, and where it sends people back to."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What only we and the visitor's browser know: `state` ties the way back to the way there, `nonce` the token, `verifier` the code."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)

    @classmethod
    def new(cls) -> Secrets:
        """Fresh ones."""
        return cls(state=secrets.token_urlsafe(32), nonce=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(48))


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who somebody is, as the provider says. `subject` never changes. `email` only if the provider calls it verified."""

    subject: str
    email: str | None
    label: str


class Provider(Protocol):
    """A server that says who somebody is."""

    async def departure(self, line: Outbound, *, client: Client, secrets_: Secrets) -> str:
        """Where to send somebody. Raises `ProviderTroubleError`."""
        ...

    async def arrival(
        self, line: Outbound, *, client: Client, code: str, nonce: str, verifier: str, now: datetime
    ) -> Person:
        """Who came back with that code. Raises `ProviderTroubleError`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenId:
    """A provider that speaks OpenID Connect; `issuer` is what it calls itself."""

    issuer: str

    async def departure(self, line: Outbound, *, client: Client, secrets_: Secrets) -> str:
        """Where to send somebody. Raises `ProviderTroubleError`."""
        told = await self._told(line)
        return _departure(
            _text(told, "authorization_endpoint"), client, secrets_, scope="openid email profile", nonce=secrets_.nonce
        )

    async def arrival(
        self, line: Outbound, *, client: Client, code: str, nonce: str, verifier: str, now: datetime
    ) -> Person:
        """Who came back with that code. Raises `ProviderTroubleError`."""
        told = await self._told(line)
        methods = told.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
        token = await _token(
            line, _text(told, "token_endpoint"), client=client, code=code, verifier=verifier, method=method
        )
        keys = await _get(line, _text(told, "jwks_uri"))
        claims = _claims(
            _text(token, "id_token"),
            keys=keys,
            issuer=self.issuer,
            client_id=client.client_id,
            nonce=nonce,
            access_token=token.get("access_token"),
            now=now,
        )
        email = claims.get("email") if claims.get("email_verified") is True else None
        label = next((claims[name] for name in ("email", "preferred_username", "name") if claims.get(name)), None)
        return Person(subject=str(claims["sub"]), email=_short(email), label=_short(label) or str(claims["sub"]))

    async def _told(self, line: Outbound) -> dict[str, Any]:
        told = await _get(line, self.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if told.get("issuer") != self.issuer:
            raise ProviderTroubleError(
                f"it calls itself {told.get('issuer')!r}, and the settings call it {self.issuer!r}"
            )
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHub:
    """GitHub, or a server of one's own that does as it does."""

    authorize_url: str = "https://github.com/login/oauth/authorize"
    token_url: str = "https://github.com/login/oauth/access_token"  # noqa: S105 - an address
    api_url: str = "https://api.github.com"

    async def departure(self, _line: Outbound, *, client: Client, secrets_: Secrets) -> str:
        """Where to send somebody."""
        return _departure(self.authorize_url, client, secrets_, scope="read:user user:email")

    async def arrival(
        self, line: Outbound, *, client: Client, code: str, nonce: str, verifier: str, now: datetime
    ) -> Person:
        """Who came back with that code. Raises `ProviderTroubleError`."""
        del nonce, now  # there is no token with a date to check: we ask GitHub itself who it is
        token = await _token(
            line, self.token_url, client=client, code=code, verifier=verifier, method="client_secret_post"
        )
        bearer = {"authorization": f"Bearer {_text(token, 'access_token')}", "accept": "application/vnd.github+json"}
        api = self.api_url.rstrip("/")
        user = await _get(line, f"{api}/user", headers=bearer)
        subject = user.get("id")
        if not isinstance(subject, int):
            raise ProviderTroubleError("it did not say who it is")
        emails = await _get_any(line, f"{api}/user/emails", headers=bearer)
        return Person(
            subject=str(subject), email=_short(_primary(emails)), label=_short(user.get("login")) or str(subject)
        )


def _primary(emails: Any) -> str | None:
    """The address that somebody has made their main one at GitHub, if GitHub has verified it."""
    listed = emails if isinstance(emails, list) else []
    for one in listed:
        if isinstance(one, dict) and one.get("primary") is True and one.get("verified") is True:
            return str(one.get("email"))
    return None


def _departure(url: str, client: Client, secrets_: Secrets, *, scope: str, **more: str) -> str:
    from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    address: str = prepare_grant_uri(
        url,
        client_id=client.client_id,
        response_type="code",
        redirect_uri=client.redirect_uri,
        scope=scope,
        state=secrets_.state,
        code_challenge=create_s256_code_challenge(secrets_.verifier),
        code_challenge_method="S256",
        **more,
    )
    if urlsplit(address).scheme not in {"http", "https"}:
        raise ProviderTroubleError("the address that it sends people to is none")
    return address


async def _token(line: Outbound, url: str, *, client: Client, code: str, verifier: str, method: str) -> dict[str, Any]:
    """What the code is worth."""
    from authlib.oauth2.auth import ClientAuth
    from authlib.oauth2.rfc6749.parameters import prepare_token_request

    body = prepare_token_request(
        "authorization_code", redirect_uri=client.redirect_uri, code=code, code_verifier=verifier
    )
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    auth = ClientAuth(client.client_id, client.client_secret, method)
    url, headers, body = auth.prepare("POST", url, headers, body)
    told = await _call(line, "POST", url, headers=headers, body=body.encode())
    if not isinstance(told, dict) or "error" in told:  # GitHub says so with 200
        error = str(told.get("error"))[:100] if isinstance(told, dict) else "no object"
        raise ProviderTroubleError(f"it took the code and answered {error!r}")
    return told


def _claims(
    id_token: str,
    *,
    keys: dict[str, Any],
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: Any,
    now: datetime,
) -> dict[str, Any]:
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    try:
        signed = jwt.decode(id_token, KeySet.import_key_set(keys), algorithms=_ALGORITHMS)  # type: ignore[arg-type]
        claims = CodeIDToken(
            signed.claims,
            signed.header,
            options={"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}},
            params={"nonce": nonce, "client_id": client_id, "access_token": access_token},
        )
        claims.validate(now=int(now.timestamp()), leeway=_LEEWAY_SECONDS)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise ProviderTroubleError(f"its token is not good: {type(error).__name__} {str(error)[:200]}") from None
    if not isinstance(claims.get("sub"), str) or not claims["sub"] or not claims["sub"].isprintable():
        raise ProviderTroubleError("its token does not say who it is")
    return dict(claims)


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value:
        raise ProviderTroubleError(f"it did not say its {name}")
    return value


def _short(value: Any) -> str | None:
    """A text that a person may be shown."""
    text = "".join(letter for letter in value if letter.isprintable())[:254] if isinstance(value, str) else ""
    return text or None


async def _get(line: Outbound, url: str, *, headers: dict[str, str] | None = None) -> dict[str, Any]:
    told = await _get_any(line, url, headers=headers)
    if not isinstance(told, dict):
        raise ProviderTroubleError(f"what is at {urlsplit(url).path} is no object")
    return told


async def _get_any(line: Outbound, url: str, *, headers: dict[str, str] | None = None) -> Any:
    return await _call(line, "GET", url, headers={"accept": "application/json", **(headers or {})})


async def _call(line: Outbound, method: Any, url: str, *, headers: dict[str, str], body: bytes | None = None) -> Any:
    path = urlsplit(url).path
    try:
        await line.open()
        answer = await line.request(
            method, url, body=body, headers=headers, seconds=_SECONDS, bytes_max=_BYTES_MAX, whole=True
        )
    except (AddressRefusedError, CallFailedError) as error:
        raise ProviderTroubleError(f"{path} could not be called: {error.message}") from None
    if answer.status != _OK:
        raise ProviderTroubleError(f"{path} answered {answer.status}")
    try:
        return json.loads(answer.body)
    except ValueError:
        raise ProviderTroubleError(f"{path} answered no JSON") from None
