"""One request of a person's browser: who it is, in which language, and how pages answer.

Every page is a function from a `Visit` to an answer, and says by `needs` whom it is for. Forms carry a token that only
our own pages know; a request that changes something and has none is refused here, before any page sees it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from limner.credits import service as credit_book
from limner.domain.problem import InvalidValue, Problem
from limner.flow.house import House
from limner.flow.signin import SignedIn, signed_in
from limner.web.console.look import known_zone, rendered, rendered_part
from limner.web.console.packing import packed
from limner.web.console.words import LANGUAGES, Language, Words, preferred, words_of
from limner.web.door import UnknownPath
from limner.web.site import house_of, route
from limner.web.trace import trace_id_of

if TYPE_CHECKING:
    from uuid import UUID

    from limner.accounts.models import Account

Needs = Literal["anyone", "person", "account", "owner"]
"""Whom a page is for: a person is signed in, perhaps still waiting to be approved; an account has been."""
Theme = Literal["auto", "light", "dark"]

_THEMES: Final[Mapping[str, Theme]] = {"light": "light", "dark": "dark"}
SESSION_COOKIE: Final = "limner_session"
VISIT_COOKIE: Final = "limner_visit"
LANGUAGE_COOKIE: Final = "limner_language"
THEME_COOKIE: Final = "limner_theme"
ZONE_COOKIE: Final = "limner_zone"
CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "x-csrf-token"
_SAFE: Final = frozenset({"GET", "HEAD"})
_NONCE_BYTES: Final = 16
_CSRF_LABEL: Final = b"limner console forms"
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data: blob: {pictures};"
        " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


class FormForged(Problem):
    """A form was sent by a page that is not ours, or that is too old."""

    code = "form_forged"
    status = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request and who makes it. `cookie` tells this browser's visits from others', signed in or not."""

    request: Request
    house: House
    signed: SignedIn | None
    cookie: str
    has_cookie: bool
    language: Language
    theme: Theme
    zone: str
    _form: list[FormData] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """The house's time."""
        return self.house.clock.now()

    @property
    def path(self) -> str:
        """Where one is, with what was asked: what to return to."""
        query = self.request.url.query
        return self.request.url.path + (f"?{query}" if query else "")

    @property
    def account(self) -> Account:
        """Whose visit it is; only for pages that need somebody."""
        assert self.signed is not None, "the page has to say whom it needs"
        return self.signed.account

    @property
    def account_id(self) -> UUID:
        """The same, by id."""
        return self.account.id

    @property
    def is_owner(self) -> bool:
        """Whether the operator's pages are for them."""
        return self.signed is not None and self.signed.account.role == "owner"

    @property
    def is_partial(self) -> bool:
        """Whether htmx asks, and will put the answer into the page that is there."""
        return self.request.headers.get("hx-request") == "true"

    @property
    def words(self) -> Words:
        """For the few sentences that are not in templates: `_ = visit.words.gettext`."""
        return words_of(self.language)

    @property
    def trace_id(self) -> str:
        """By what the log finds this request."""
        return trace_id_of(self.request.scope)

    @property
    def sender(self) -> str:
        """The address that it came from, as the server sees it."""
        return self.request.client.host if self.request.client else ""

    @property
    def csrf(self) -> str:
        """A token for forms; new each time, so that a packed page does not give it away."""
        return csrf_token(self.house, cookie=self.cookie, session=self._session_token())

    def query(self, name: str, default: str = "") -> str:
        """What the address says."""
        return self.request.query_params.get(name, default)

    async def form(self) -> FormData:
        """The form that was sent."""
        if not self._form:
            form = await self.request.form()
            _check_texts(value for value in form.values() if isinstance(value, str))
            self._form.append(form)
        return self._form[0]

    async def field(self, name: str, default: str = "") -> str:
        """One text of the form; what it lacks is the default."""
        value = (await self.form()).get(name, default)
        return value if isinstance(value, str) else default

    async def page(self, template: str, *, status: int = 200, **context: Any) -> Response:
        """A whole page."""
        balance = None
        if self.signed is not None:
            async with self.house.database.statement() as tx:
                balance = await credit_book.balance(tx, account_id=self.account_id)
        text = rendered(template, language=self.language, context=self._context() | {"balance": balance} | context)
        return self.answer(text, status=status)

    def part(self, template: str, part: str, *, status: int = 200, **context: Any) -> Response:
        """One block of a template, for htmx to put in its place."""
        return self.answer(self.part_text(template, part, **context), status=status)

    def part_text(self, template: str, part: str, **context: Any) -> str:
        """The same as text, for event streams and for several parts in one answer."""
        return rendered_part(template, part, language=self.language, context=self._context() | context)

    def answer(self, text: str, *, status: int = 200) -> Response:
        """Any HTML of ours, with everything around it that keeps it safe."""
        body, encoding = packed(text.encode(), accept_encoding=self.request.headers.get("accept-encoding", ""))
        return self.dressed(HTMLResponse(body, status_code=status, headers=encoding))

    def redirect(self, path: str) -> Response:
        """Go on at another page of ours. `path` is one of our own making, or was made sure of by `ours`."""
        if self.is_partial:
            return self.dressed(Response(headers={"hx-redirect": path}))
        return self.dressed(RedirectResponse(quote(path, safe="/%?=&#:,+@!$'()*;~.-_"), status_code=303))

    def dressed(self, response: Response) -> Response:
        """An answer with the console's headers, and the cookie by which forms are told to be ours."""
        for name, value in headers_of(self.house).items():
            response.headers.setdefault(name, value)
        if not self.has_cookie:
            self.set_cookie(response, VISIT_COOKIE, self.cookie, seconds=None)
        return response

    def set_cookie(self, response: Response, name: str, value: str, *, seconds: int | None) -> None:
        """A cookie that no script can read. `seconds` None: until the browser is closed."""
        response.set_cookie(
            name, value, max_age=seconds, path="/", secure=is_secure(self.house), httponly=True, samesite="lax"
        )

    def drop_cookie(self, response: Response, name: str) -> None:
        """Forget a cookie."""
        response.delete_cookie(name, path="/", secure=is_secure(self.house), httponly=True, samesite="lax")

    def _session_token(self) -> str:
        return self.request.cookies.get(SESSION_COOKIE, "")

    def _context(self) -> dict[str, Any]:
        return {
            "visit": self,
            "now": self.now,
            "zone": self.zone,
            "csrf": self.csrf,
            "public_url": self.house.public_url,
        }


class Remembered(NamedTuple):
    """What a browser's cookies say of how somebody likes it."""

    language: Language
    theme: Theme
    zone: str


def remembered(request: Request) -> Remembered:
    """Language, theme and time zone; from the browser's own wishes where nobody has chosen."""
    cookies = request.cookies
    chosen, theme = cookies.get(LANGUAGE_COOKIE), cookies.get(THEME_COOKIE)
    language = next((one for one in LANGUAGES if one == chosen), None)
    return Remembered(
        language=language or preferred(request.headers.get("accept-language", "")),
        theme=_THEMES.get(theme or "", "auto"),
        zone=known_zone(unquote(cookies.get(ZONE_COOKIE, ""))),
    )


def ours(path: str, *, default: str = "/") -> str:
    """The path if it leads to a page of this server, else the default: nobody is sent elsewhere by a link of ours."""
    parts = urlsplit(path)
    is_ours = path.startswith("/") and not path.startswith("//") and not parts.scheme and not parts.netloc
    has_tricks = "\\" in path or any(ord(character) < ord(" ") for character in path)
    return path if is_ours and not has_tricks else default


def headers_of(house: House) -> dict[str, str]:
    """What every page is sent with. Pictures may come from where links to them lead, which a proxy may call otherwise."""
    parts = urlsplit(house.public_url)
    policy = HEADERS["content-security-policy"].format(pictures=f"{parts.scheme}://{parts.netloc}")
    return {**HEADERS, "content-security-policy": policy}


def is_secure(house: House) -> bool:
    """Whether people reach this server by https, so that cookies need never travel openly."""
    return house.public_url.startswith("https://")


def csrf_token(house: House, *, cookie: str, session: str) -> str:
    """What forms carry: known only to pages that this browser got from us, in this session."""
    nonce = secrets.token_hex(_NONCE_BYTES)
    return f"{nonce}.{_csrf_mark(house, nonce=nonce, cookie=cookie, session=session)}"


def _csrf_mark(house: House, *, nonce: str, cookie: str, session: str) -> str:
    key = hmac.digest(house.link_secrets[0], _CSRF_LABEL, "sha256")
    return hmac.new(key, f"{nonce}|{cookie}|{session}".encode(), hashlib.sha256).hexdigest()


Respond: TypeAlias = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A path of the console, whom it is for, and what answers."""

    path: str
    respond: Respond
    methods: Sequence[str]
    needs: Needs

    def route(self) -> Route:
        """As the application takes it."""

        async def respond(request: Request) -> Response:
            return await _answered(self, request)

        return route(self.path, respond, methods=self.methods)


def page(path: str, respond: Respond, *, needs: Needs, methods: Sequence[str] = ("GET",)) -> Page:
    """A page. What it needs is said each time, so that nobody forgets."""
    return Page(path=path, respond=respond, methods=methods, needs=needs)


async def _answered(of: Page, request: Request) -> Response:
    _check_texts(request.query_params.values())
    visit = await visit_of(request)
    # First of all: of whom it is not for, no form is read, which may be a large file.
    refusal = await _refusal(of, visit)
    if refusal is not None:
        return refusal
    if request.method not in _SAFE:
        await _check_form(visit)
    return await of.respond(visit)


def _check_texts(texts: Iterable[str]) -> None:
    """Raises `InvalidValue` for what no text has and no database keeps."""
    if any("\x00" in text for text in texts):
        raise InvalidValue("a text cannot have the character NUL in it")


async def visit_of(request: Request) -> Visit:
    """Who it is."""
    house = house_of(request)
    token = request.cookies.get(SESSION_COOKIE)
    likes = remembered(request)
    cookie = request.cookies.get(VISIT_COOKIE, "")
    return Visit(
        request=request,
        house=house,
        signed=await signed_in(house, token=token) if token else None,
        cookie=cookie or secrets.token_urlsafe(_NONCE_BYTES),
        has_cookie=bool(cookie),
        language=likes.language,
        theme=likes.theme,
        zone=likes.zone,
    )


async def _check_form(visit: Visit) -> None:
    """Refuse what a page of somebody else has made this browser send."""
    request = visit.request
    origin = request.headers.get("origin")
    hosts = {urlsplit(visit.house.public_url).netloc, request.headers.get("host", "")}
    if origin is not None and urlsplit(origin).netloc not in hosts:
        raise FormForged("the form was sent from a page of another server")
    sent = request.headers.get(CSRF_HEADER) or await visit.field(CSRF_FIELD)
    nonce, _, mark = sent.partition(".")
    wanted = _csrf_mark(visit.house, nonce=nonce, cookie=visit.cookie, session=request.cookies.get(SESSION_COOKIE, ""))
    if not visit.has_cookie or not hmac.compare_digest(mark.encode(), wanted.encode()):
        raise FormForged("the page was too old, or cookies are switched off: load it again and send the form once more")


async def _refusal(of: Page, visit: Visit) -> Response | None:
    """Why this visit does not get the page; None: it does."""
    if of.needs == "anyone":
        return None
    if visit.signed is None:
        back = visit.path if visit.request.method in _SAFE else "/"
        return visit.redirect(f"/login?next={quote(back, safe='')}")
    if of.needs == "person":
        return None
    if visit.signed.is_waiting:
        return await visit.page("waiting.html", status=403)
    if of.needs == "owner" and not visit.is_owner:
        raise UnknownPath("there is nothing at this address")
    return None
