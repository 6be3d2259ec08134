"""The start page: what this is, a form for a request, the same request as code, and what comes of trying it."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from starlette.responses import Response, StreamingResponse
from typing_extensions import override

import limner
from limner.accounts import service as accounts
from limner.accounts.models import ApiKey
from limner.catalog import abilities as catalog_abilities
from limner.catalog.abilities import Abilities
from limner.catalog.models import Model
from limner.credits import service as credit_book
from limner.domain.ask import Ask
from limner.domain.problem import Problem
from limner.domain.spec import OutputFormat
from limner.flow.acquire import Acquired, acquire
from limner.flow.admit import WAITED_FOR, Callback, Terms, principal_of
from limner.flow.deliver import kept_result
from limner.flow.history import Told, tell
from limner.flow.inbox import address_of, make
from limner.flow.quote import Quote, quote
from limner.flow.submit import submit
from limner.flow.watch import Progressed, Quiet, Shown, Stands, watch
from limner.inboxes.models import Inbox
from limner.tasks.models import Task
from limner.tasks.service import NoSuchTask
from limner.web.console.draft import EXAMPLE, GIVEN, Draft, draft_of, typed
from limner.web.console.snippets import Request, highlight, snippets
from limner.web.console.trouble import said
from limner.web.console.visit import Page, Visit, page
from limner.web.dialects.images import parse, render
from limner.web.dialects.images.differences import dialect_of

PATH: Final = "/openai/images/generations"
_MODEL: Final = "dall-e-3"
_SHOWN_B64_CHARACTERS: Final = 48
_INBOX_NAME: Final = "from the start page"
_STREAM_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}


def pages() -> list[Page]:
    """To look is for everyone; to try it one needs a key."""
    return [
        page("/", _show, needs="anyone"),
        page("/form", _form, needs="anyone", methods=("POST",)),
        page("/code", _code, needs="anyone", methods=("POST",)),
        page("/acquire", _acquire, needs="account", methods=("POST",)),
        page("/callback-here", _callback_here, needs="account", methods=("POST",)),
        page("/try", _try, needs="account", methods=("POST",)),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """All that the form and the code are made from. `secret`: of the chosen key, if it has just been made."""

    draft: Draft
    abilities: Abilities
    keys: list[ApiKey]
    key: ApiKey | None
    secret: str | None

    @property
    def shown_key(self) -> str:
        """What the code says in place of the key."""
        return self.secret or (f"{self.key.prefix}..." if self.key else "{token}")


async def _show(visit: Visit) -> Response:
    if "text/html" not in visit.request.headers.get("accept", ""):
        return _hello(visit)
    asked = {**await _asked_before(visit), **dict(visit.request.query_params)}
    bench = await _bench(visit, {"prompt": EXAMPLE, **asked, GIVEN: " ".join(asked)})
    return await visit.page("api.html", **await _context(visit, bench), lines=_lines(visit))


def _hello(visit: Visit) -> Response:
    """For programs that look what is here."""
    address = visit.house.public_url
    where = {
        "name": "limner",
        "version": limner.__version__,
        "generations": f"{address}/v1/images/generations",
        "models": f"{address}/v1/models",
        "openapi": f"{address}/openapi.json",
        "docs": f"{address}/docs",
    }
    return Response(orjson.dumps(where), media_type="application/json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Models that take the same and cost the same. `prices`: micro-credits for a picture, from the least."""

    names: list[str]
    abilities: Abilities
    prices: list[int]


def _lines(visit: Visit) -> list[Line]:
    lines: dict[tuple[object, ...], Line] = {}
    for model in visit.house.catalog.models():
        able = _abilities(visit, model.name)
        prices = sorted({line.micro_credits for line in able.price_lines})
        same = lines.setdefault((able.parameters, tuple(prices)), Line(names=[], abilities=able, prices=prices))
        same.names.append(model.name)
    return list(lines.values())


async def _asked_before(visit: Visit) -> Mapping[str, str]:
    """The request of an earlier task, to be asked again (the same) or varied (without its seed)."""
    again, vary = visit.query("again"), visit.query("vary")
    if visit.signed is None or not (again or vary):
        return {}
    try:
        id_ = UUID(again or vary)
        told = await tell(visit.house, task_id=id_, account_id=visit.account_id, links_only=True)
    except (ValueError, NoSuchTask):
        return {}
    before = Ask.of(told.task.request)
    given = {name: typed(value) if name in before.extras else str(value) for name, value in before.given().items()}
    return {name: value for name, value in given.items() if not (vary and name == "seed")}


async def _form(visit: Visit) -> Response:
    """The form anew: another model has been chosen, or something that rules other things out."""
    bench = await _bench(visit, await _fields(visit))
    return visit.part("api.html", "workbench", **await _context(visit, bench))


async def _code(visit: Visit) -> Response:
    """Only the code and the price: what one is typing in stays as it is."""
    bench = await _bench(visit, await _fields(visit))
    context = await _context(visit, bench)
    parts = ("answered", "repriced")
    return visit.answer("".join(visit.part_text("api.html", part, **context) for part in parts))


async def _acquire(visit: Visit) -> Response:
    acquired = await acquire(visit.house, account_id=visit.account_id, now=visit.now)
    fields = {**await _fields(visit), "key": str(acquired.issued.key.id), "secret": acquired.issued.secret}
    bench = await _bench(visit, fields)
    context = await _context(visit, bench, acquired=acquired)
    async with visit.house.database.statement() as tx:
        balance = await credit_book.balance(tx, account_id=visit.account_id)
    text = visit.part_text("api.html", "workbench", **context)
    return visit.answer(text + visit.part_text("api.html", "balance", balance=balance))


async def _callback_here(visit: Visit) -> Response:
    """An inbox of one's own as the callback's address."""
    house = visit.house
    made = await make(
        house.database, clock=house.clock, life=house.inbox_life, account_id=visit.account_id, name=_INBOX_NAME
    )
    fields = {**await _fields(visit), "callback_url": address_of(made.inbox, public_url=visit.house.public_url)}
    bench = await _bench(visit, fields)
    return visit.part("api.html", "workbench", **await _context(visit, bench, inbox=made.inbox))


async def _fields(visit: Visit) -> dict[str, str]:
    return {name: value for name, value in (await visit.form()).items() if isinstance(value, str)}


def _abilities(visit: Visit, name: str) -> Abilities:
    model = visit.house.catalog.model(name)
    engine = visit.house.engines[model.engine].engine
    return _known_abilities(_Itself(model), engine.output_formats, frozenset(engine.extras(model.name)))


@dataclass(frozen=True, slots=True, eq=False)
class _Itself:
    """A model as the key of a cache: this very one, since an operator may change it under the same name."""

    model: Model

    @override
    def __hash__(self) -> int:
        return id(self.model)

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and other.model is self.model


@functools.lru_cache(maxsize=512)
def _known_abilities(of: _Itself, formats: frozenset[OutputFormat], extras: frozenset[str]) -> Abilities:
    return catalog_abilities.abilities(of.model, formats=formats, extras=extras, response_format="url")


async def _bench(visit: Visit, fields: Mapping[str, str]) -> Bench:
    names = [model.name for model in visit.house.catalog.models()]
    wanted = fields.get("model", "")
    name = wanted if wanted in names else (_MODEL if _MODEL in names else names[0])
    able = _abilities(visit, name)
    draft = draft_of(fields, abilities=able)
    keys: list[ApiKey] = []
    if visit.signed is not None and not visit.signed.is_waiting:
        async with visit.house.database.statement() as tx:
            keys = [key for key in await accounts.keys_of(tx, account_id=visit.account_id) if key.disabled_at is None]
    chosen = next((key for key in keys if str(key.id) == fields.get("key")), keys[-1] if keys else None)
    secret = fields.get("secret") or None
    is_its = chosen is not None and secret is not None and secret.startswith(chosen.prefix)
    return Bench(draft=draft, abilities=able, keys=keys, key=chosen, secret=secret if is_its else None)


async def _context(
    visit: Visit, bench: Bench, *, acquired: Acquired | None = None, inbox: Inbox | None = None
) -> dict[str, Any]:
    sent = Request(url=f"{visit.house.public_url}{PATH}", key=bench.shown_key, body=bench.draft.body)
    code = [(one, highlight(one.code, one.lexer)) for one in snippets(sent)]
    priced, trouble = _priced(visit, bench)
    return {
        "bench": bench,
        "draft": bench.draft,
        "code": code,
        "path": PATH,
        "models": visit.house.catalog.models(),
        "quote": priced,
        "trouble_said": trouble,
        "acquired": acquired,
        "inbox": inbox,
    }


def _priced(visit: Visit, bench: Bench) -> tuple[Quote | None, str | None]:
    """What the request costs; or why it cannot be sent as it stands."""
    try:
        ask, _ = parse.generation(orjson.dumps(bench.draft.body), dialect=dialect_of(PATH))
        return quote(visit.house, ask=ask), None
    except Problem as problem:
        return None, said(problem, language=visit.language)


async def _try(visit: Visit) -> Response:
    fields = await _fields(visit)
    bench = await _bench(visit, fields)
    try:
        _check_chosen(bench, wanted=fields.get("key", ""))
        task = await _submitted(visit, bench)
    except Problem as problem:
        told = said(problem, language=visit.language)
        # 200, because htmx is to show it where the picture would be; programs never see this.
        return visit.part("api_result.html", "refused", said=told, problem=problem)
    events = StreamingResponse(_come(visit, task), media_type="text/event-stream", headers=_STREAM_HEADERS)
    return visit.dressed(events)


def _check_chosen(bench: Bench, *, wanted: str) -> None:
    """Raises `NoSuchKey` when the key in the form is not there (any more): nobody else's, and no other, is taken for it."""
    if wanted and (bench.key is None or str(bench.key.id) != wanted):
        raise accounts.NoSuchKey("the key that was chosen is not there any more: choose another")


async def _submitted(visit: Visit, bench: Bench) -> Task:
    ask, manner = parse.generation(orjson.dumps(bench.draft.body), dialect=dialect_of(PATH))
    terms = Terms(
        prefix=dialect_of(PATH).prefix,
        as_links=ask.response_format != "b64_json",
        is_async=True,
        priority=WAITED_FOR,
        callback=Callback(url=manner.callback_url, secret=None) if manner.callback_url else None,
    )
    principal = await principal_of(
        visit.house, account_id=visit.account_id, api_key_id=bench.key.id if bench.key else None
    )
    return (await submit(visit.house, principal=principal, ask=ask, trace_id=visit.trace_id, terms=terms)).task


async def _come(visit: Visit, task: Task) -> AsyncGenerator[bytes]:
    """The card as the task comes along, until it has ended."""
    share, partial = 0.0, None
    told = None
    async for seen in watch(visit.house, task_id=task.id, account_id=visit.account_id):
        match seen:
            case Quiet():
                yield b": still at it\n\n"
                continue
            case Stands():
                told = seen.told
                if not told.task.is_open:
                    break
                share = max(share, told.task.progress)
            case Progressed():
                share = seen.share
            case Shown():
                partial = seen.url
        assert told is not None, "how it stands comes first"
        yield _event(visit.part_text("api_result.html", "coming", told=told, share=share, partial=partial))
    if told is not None and not told.task.is_open:
        yield _event(await _ended(visit, told))


async def _ended(visit: Visit, told: Told) -> str:
    task = told.task
    async with visit.house.database.statement() as tx:
        balance = await credit_book.balance(tx, account_id=visit.account_id)
    text = visit.part_text(
        "api_result.html",
        "ended",
        told=told,
        task=task,
        result=told.result,
        took=(task.finished_at - task.created_at).total_seconds() if task.finished_at else 0.0,
        json=await _shown_json(visit, told),
        link_seconds=visit.house.link_seconds,
    )
    return text + visit.part_text("api.html", "balance", balance=balance)


async def _shown_json(visit: Visit, told: Told) -> str:
    """The answer as a program gets it, indented; bytes of pictures are cut short."""
    task, result = told.task, told.result
    if task.callback_line is not None:
        body = orjson.loads(render.submitted_body(task))
    elif result is None:
        return ""
    else:
        if not task.as_links:
            result = await kept_result(visit.house, task=task)
        body = orjson.loads(render.result_body(result, trace_id=task.trace_id))
        for image in body["data"]:
            if "b64_json" in image:
                image["b64_json"] = image["b64_json"][:_SHOWN_B64_CHARACTERS] + "..."
    return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()


def _event(html: str) -> bytes:
    lines = "\n".join(f"data: {line}" for line in html.splitlines() if line.strip())
    return f"{lines}\n\n".encode()
