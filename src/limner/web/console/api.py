"""The start page: what this is, a form for a request, the same request as code, and what comes of trying it."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode
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
from limner.domain.ask import FILE_ID_PREFIX, Act, Ask
from limner.domain.problem import InvalidValue, Problem
from limner.domain.spec import OutputFormat
from limner.files.models import File
from limner.files.rules import extension_of
from limner.flow import files
from limner.flow.acquire import Acquired, acquire
from limner.flow.admit import WAITED_FOR, Callback, Terms, principal_of
from limner.flow.deliver import kept_result
from limner.flow.history import Told, tell
from limner.flow.inbox import address_of, make
from limner.flow.inputs import PURPOSE, given_of
from limner.flow.quote import Quote, quote
from limner.flow.starting import Start, from_gallery, start_of
from limner.flow.submit import submit
from limner.flow.watch import Progressed, Quiet, Shown, Stands, watch
from limner.inboxes.models import Inbox
from limner.tasks.models import Task
from limner.tasks.service import NoSuchTask
from limner.web.console.bodies import visible
from limner.web.console.draft import EXAMPLE, GIVEN, Draft, draft_of, typed
from limner.web.console.snippets import Request, highlight, snippets
from limner.web.console.trouble import said
from limner.web.console.visit import CSRF_HEADER, FormForged, Page, Visit, page
from limner.web.dialects.images import parse, render
from limner.web.dialects.images.differences import dialect_of
from limner.web.uploads import form

PATH: Final = "/openai/images/generations"
EDITS_PATH: Final = "/openai/images/edits"
_MODEL: Final = "dall-e-3"
_SHOWN_B64_CHARACTERS: Final = 48
_NAME_SHOWN: Final = 60
_PICTURES: Final = frozenset({"image", "mask", "markup"})
FILES_MAX: Final = 17
"""Of one form: as many pictures as any model takes, and a mask."""
FORM_BYTES: Final = 2**20
_INBOX_NAME: Final = "from the start page"
_START_FROM: Final = "/start-from"
_IMAGES: Final = "start_images"
_MASK: Final = "start_mask"
_WITHOUT: Final = "without"
_FIELDS_MAX: Final = 100
_FIELD_BYTES_MAX: Final = 256 * 1024
_STREAM_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}


def pages() -> list[Page]:
    """To look is for everyone; to try it one needs a key."""
    return [
        page("/", _show, needs="anyone"),
        page("/form", _form, needs="anyone", methods=("POST",)),
        page("/code", _code, needs="anyone", methods=("POST",)),
        page("/acquire", _acquire, needs="account", methods=("POST",)),
        page("/callback-here", _callback_here, needs="account", methods=("POST",)),
        page(_START_FROM, _start_from, needs="account", methods=("POST",)),
        page("/try", _try, needs="account", methods=("POST",)),
    ]


def larger(*, file_bytes_max: int) -> dict[str, int]:
    """The path that takes larger forms than others, and how large."""
    return {_START_FROM: FILES_MAX * file_bytes_max + FORM_BYTES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """All that the form and the code are made from. `secret`: of the chosen key, if it has just been made.

    `wanted`: the pictures that the form names; `start`: those that are there; `lost`, `lost_mask`: those that are not (any more).
    """

    draft: Draft
    abilities: Abilities
    wanted: tuple[str, ...]
    start: Start
    lost: tuple[str, ...]
    lost_mask: str
    keys: list[ApiKey]
    key: ApiKey | None
    secret: str | None

    @property
    def shown_key(self) -> str:
        """What the code says in place of the key."""
        return self.secret or (f"{self.key.prefix}..." if self.key else "{token}")

    @property
    def starts(self) -> bool:
        """Whether it starts from pictures, be they there or not."""
        return bool(self.wanted)

    @property
    def is_whole(self) -> bool:
        """Whether all that it names is there."""
        return not (self.lost or self.lost_mask)

    @property
    def path(self) -> str:
        """Where the request goes."""
        return EDITS_PATH if self.starts else PATH

    @property
    def may_add(self) -> bool:
        """Whether there may be one more picture."""
        return len(self.start.images) < self.abilities.images_max

    @property
    def mask_id(self) -> str:
        """The mask as the form carries it on."""
        return named(self.start.mask) if self.start.mask is not None else self.lost_mask


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
    given = {
        name: typed(value) if name in before.extras else str(value)
        for name, value in before.given().items()
        if name not in _PICTURES
    }
    if before.images:
        given[_IMAGES] = " ".join(FILE_ID_PREFIX + one.file_id.hex for one in before.images)
        given[_MASK] = FILE_ID_PREFIX + before.mask.file_id.hex if before.mask is not None else ""
    return {name: value for name, value in given.items() if not (vary and name == "seed")}


async def _start_from(visit: Visit) -> Response:
    """Pictures were chosen: they are kept, and the form is made anew with them."""
    house = visit.house
    if CSRF_HEADER not in visit.request.headers:
        # The form has been read already, to find in it what the header did not say.
        await (await visit.form()).close()
        raise FormForged("files are sent by the page's own script: load it again and choose them once more")
    trouble: str | None = None
    async with form(
        visit.request,
        bytes_max_each=house.files_policy.file_bytes_max,
        files_max=FILES_MAX,
        fields_max=_FIELDS_MAX,
        field_bytes_max=_FIELD_BYTES_MAX,
    ) as sent:
        fields = dict(sent.fields)
        images = fields.get(_IMAGES, "").split()
        for name, upload in sent.files:
            try:
                file = await files.keep(
                    house,
                    account_id=visit.account_id,
                    path=upload.path,
                    name=upload.name,
                    purpose=PURPOSE,
                    is_listed=False,
                )
            except Problem as problem:
                trouble = trouble or f"{visible(upload.name)[:_NAME_SHOWN]}: {said(problem, language=visit.language)}"
            else:
                if name == "mask":
                    fields[_MASK] = named(file)
                else:
                    images.append(named(file))
    bench = await _bench(visit, {**fields, _IMAGES: " ".join(images)})
    return await _anew(visit, bench, start_trouble=trouble)


async def start_with(visit: Visit, *, task_id: UUID, index: int) -> str:
    """Take a picture out of the gallery to start from; where the form is that has it."""
    able = models_from_pictures(visit)
    if not able:
        raise InvalidValue("no model here starts from pictures", param="image")
    file = await from_gallery(visit.house, account_id=visit.account_id, task_id=task_id, index=index)
    told = await tell(visit.house, task_id=task_id, account_id=visit.account_id, links_only=True)
    fields = {_IMAGES: named(file), "model": told.task.model if told.task.model in able else able[0], "prompt": ""}
    return f"/?{urlencode(fields)}"


def models_from_pictures(visit: Visit) -> list[str]:
    """The models on offer that start from pictures."""
    return [model.name for model in visit.house.catalog.models() if _abilities(visit, model.name).images is not None]


def named(file: File) -> str:
    """A file's id as requests have it."""
    return FILE_ID_PREFIX + file.id.hex


async def _form(visit: Visit) -> Response:
    """The form anew: another model has been chosen, or something that rules other things out."""
    return await _anew(visit, await _bench(visit, await _fields(visit)))


async def _anew(visit: Visit, bench: Bench, **more: Any) -> Response:
    context = await _context(visit, bench, **more)
    return visit.answer("".join(visit.part_text("api.html", part, **context) for part in ("workbench", "where")))


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


def _abilities(visit: Visit, name: str, *, act: Act = Act.GENERATION) -> Abilities:
    model = visit.house.catalog.model(name)
    engine = visit.house.engines[model.engine].engine
    extras = frozenset(engine.extras(model.name))
    return _known_abilities(_Itself(model), engine.formats(model.name), extras, act, engine.images_max)


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
def _known_abilities(
    of: _Itself, formats: frozenset[OutputFormat], extras: frozenset[str], act: Act, images_max: int
) -> Abilities:
    able = catalog_abilities.abilities(
        of.model, formats=formats, extras=extras, response_format="url", act=act, images_max=images_max
    )
    # It counts only where the answer is streamed: a form shows what the engine shows by itself.
    return replace(able, parameters=tuple(one for one in able.parameters if one.name != "partial_images"))


async def _bench(visit: Visit, fields: Mapping[str, str]) -> Bench:
    names = [model.name for model in visit.house.catalog.models()]
    wanted = fields.get("model", "")
    name = wanted if wanted in names else (_MODEL if _MODEL in names else names[0])
    wanted_ids, start, lost, lost_mask = await _start(visit, fields)
    able = _abilities(visit, name, act=Act.EDIT if wanted_ids else Act.GENERATION)
    draft = draft_of(fields, abilities=able)
    keys: list[ApiKey] = []
    if visit.signed is not None and not visit.signed.is_waiting:
        async with visit.house.database.statement() as tx:
            keys = [key for key in await accounts.keys_of(tx, account_id=visit.account_id) if key.disabled_at is None]
    chosen = next((key for key in keys if str(key.id) == fields.get("key")), keys[-1] if keys else None)
    secret = fields.get("secret") or None
    is_its = chosen is not None and secret is not None and secret.startswith(chosen.prefix)
    return Bench(
        draft=draft,
        abilities=able,
        start=start,
        wanted=wanted_ids,
        lost=lost,
        lost_mask=lost_mask,
        keys=keys,
        key=chosen,
        secret=secret if is_its else None,
    )


async def _start(visit: Visit, fields: Mapping[str, str]) -> tuple[tuple[str, ...], Start, tuple[str, ...], str]:
    """What the form names; what of it this account has; and the names of pictures and mask that it has not (any more)."""
    named_ones = fields.get(_IMAGES, "").split()[:FILES_MAX]
    without, mask = fields.get(_WITHOUT, ""), fields.get(_MASK, "")
    wanted = {one: _file_id(one) for one in named_ones if one != without}
    # A mask belongs to the first picture: without that it means nothing.
    if mask == without or without in named_ones[:1] or not wanted:
        mask = ""
    mask_id = _file_id(mask)
    start = Start()
    if visit.signed is not None and not visit.signed.is_waiting:
        ids = [id_ for id_ in wanted.values() if id_ is not None]
        start = await start_of(visit.house, account_id=visit.account_id, images=ids, mask=mask_id)
    there = {file.id for file in start.images}
    lost = tuple(one for one, id_ in wanted.items() if id_ not in there)
    return tuple(wanted), start, lost, mask if start.mask is None else ""


def _file_id(text: str) -> UUID | None:
    try:
        return UUID(text.removeprefix(FILE_ID_PREFIX))
    except ValueError:
        return None


async def _context(
    visit: Visit,
    bench: Bench,
    *,
    acquired: Acquired | None = None,
    inbox: Inbox | None = None,
    start_trouble: str | None = None,
) -> dict[str, Any]:
    start = bench.start
    sent = Request(
        url=f"{visit.house.public_url}{bench.path}",
        key=bench.shown_key,
        body=bench.draft.body,
        images=tuple(map(_name_of, start.images)),
        mask=_name_of(start.mask) if start.mask is not None else None,
    )
    code = [(one, highlight(one.code, one.lexer)) for one in snippets(sent)]
    priced, trouble = _priced(visit, bench)
    return {
        "bench": bench,
        "draft": bench.draft,
        "code": code,
        "path": bench.path,
        "start": [(file, named(file), files.link_to(visit.house, file)) for file in start.images],
        "mask": (start.mask, named(start.mask), files.link_to(visit.house, start.mask)) if start.mask else None,
        "start_trouble": start_trouble,
        "models": visit.house.catalog.models(),
        "quote": priced,
        "trouble_said": trouble,
        "acquired": acquired,
        "inbox": inbox,
    }


def _priced(visit: Visit, bench: Bench) -> tuple[Quote | None, str | None]:
    """What the request costs; or why it cannot be sent as it stands."""
    try:
        return quote(visit.house, ask=_asked(bench)[0]), None
    except Problem as problem:
        return None, said(problem, language=visit.language)


def _asked(bench: Bench) -> tuple[Ask, parse.Manner]:
    """The request that the form stands for. Raises a `Problem` that says why it cannot be sent as it stands."""
    body, start, dialect = bench.draft.body, bench.start, dialect_of(bench.path)
    if not bench.is_whole:
        raise files.NoSuchImageFile(
            "a picture that it starts from is not there any more: choose it again", param="image"
        )
    if not start.images:
        return parse.generation(orjson.dumps(body), dialect=dialect)
    sent = {**body, "image": [named(file) for file in start.images]}
    ask, manner, _ = parse.edit(orjson.dumps(sent), act=Act.EDIT, dialect=dialect)
    mask = given_of(start.mask) if start.mask is not None else None
    return replace(ask, images=tuple(map(given_of, start.images)), mask=mask), manner


def _name_of(file: File) -> str:
    """What the code calls it: as it lies on its owner's machine."""
    return visible(file.name) or f"{file.id.hex}.{extension_of(file.media_type)}"


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
    ask, manner = _asked(bench)
    terms = Terms(
        kind="images_edits" if bench.starts else "images_generations",
        prefix=dialect_of(bench.path).prefix,
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
        may_edit=bool(models_from_pictures(visit)),
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
