"""Every setting, its default and what it is for; and where each value comes from.

One TOML file, the environment on top (`LIMNER_SECTION__KEY`, or `..._FILE` naming a file that holds the value), flags on
top of that. A name that does not exist is refused with the nearest one that does. Read in bootstrap and cli only; the
rest of the house is handed what it needs.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from typing_extensions import override

from limner.domain.choice import Choice
from limner.domain.setting import SettingShown
from limner.domain.spec import Cause
from limner.kit.masking import without_password

PREFIX: Final = "LIMNER_"
SEPARATOR: Final = "__"
FILE_SUFFIX: Final = "_FILE"
CONFIG_FILE_VARIABLE: Final = "LIMNER_CONFIG"
API_KEY_VARIABLE: Final = "LIMNER_API_KEY"
"""A caller's key, for `limner mcp` and programs of their own; it says nothing about the server."""
DEFAULT_CONFIG_FILE: Final = Path("limner.toml")
_NO_SETTINGS: Final = frozenset({CONFIG_FILE_VARIABLE, API_KEY_VARIABLE})
_MASK: Final = "***"
_SECRET_WORDS: Final = ("key", "secret", "token", "password")


class SettingsError(Exception):
    """The configuration cannot be used; each line of the message says what is wrong and where."""


def default_data_dir() -> Path:
    """`/var/lib/limner` for root, else the user's data folder.

    The embedded PostgreSQL refuses to run as root, so it runs as a user of its own, who must be able to walk to its
    folder: under root's home that would mean opening the home to everyone.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/limner")
    return platformdirs.user_data_path("limner")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_not_given(cls, given: object) -> object:
        """An empty text is how files say "not set", of whatever type the setting is."""
        if not isinstance(given, Mapping):
            return given
        optional = {name for name, field in cls.model_fields.items() if field.default is None}
        return {name: value for name, value in given.items() if not (value == "" and name in optional)}


class Server(_Section):
    """Where the server listens and how it is reached."""

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """The port to listen on; 0 takes a free one."""
    public_url: Annotated[str, Field(pattern=r"^(https?://[^/?#\s]+(/[^?#\s]*)?)?$")] | None = None
    """The address that callers use, for links in answers; without it, http://host:port."""
    body_bytes_max: Annotated[int, Field(ge=1024)] = 1_048_576
    """The largest request body that is read."""
    stop_for_leavers: bool = False
    """Whether a caller that closes the connection stops what it waits for; else that is finished, kept and charged."""
    keep_alive_seconds: Annotated[float, Field(gt=0, le=600)] | None = None
    """How often a space is sent to callers who wait for a plain answer, so that no proxy cuts them off; the answer's status is then 200 whatever becomes of it. Without it, only where a request says so in X-Limner-Keep-Alive."""
    stop_seconds: Annotated[int, Field(ge=1)] = 30
    """How long a stop waits for requests and tasks under way; what is not done by then goes back to the queue."""
    metrics_token: SecretStr | None = None
    """What a collector sends as `Authorization: Bearer ...` to read /metrics; without it, only this machine may read it."""


class Database(_Section):
    """The PostgreSQL database."""

    url: SecretStr | None = None
    """A PostgreSQL address (postgresql://user:password@host/name); without it, one is embedded in the data folder."""
    connections_max: Annotated[int, Field(ge=2, le=200)] = 16
    """The most connections that one process opens."""


class Storage(_Section):
    """Where pictures are kept."""

    url: str | None = None
    """file:///folder, s3://bucket/folder or memory:// (lost at the end); without it, `pictures` in the data folder."""
    keep_days: Annotated[float, Field(gt=0)] = 30.0
    """How long pictures are kept; then their files are removed and their tasks say `expired`."""


class Links(_Section):
    """Links to pictures."""

    seconds: Annotated[int, Field(ge=1, le=604_800)] = 3600
    """How long a link in an answer stays good."""


class Limits(_Section):
    """What one API key may do, unless the key itself says otherwise."""

    requests_per_minute: Annotated[int, Field(ge=1)] = 600
    """Generations per minute and key."""
    concurrent: Annotated[int, Field(ge=1)] = 16
    """Generations under way at once per key."""
    task_seconds: Annotated[int, Field(ge=1)] = 120
    """How long one generation may take."""


class Queue(_Section):
    """Asynchronous tasks: how they wait for their turn."""

    account_concurrent: Annotated[int, Field(ge=1, le=1000)] = 8
    """Tasks of one account that are performed at once; its further ones wait in a line of their own."""
    account_waiting_max: Annotated[int, Field(ge=1)] = 10_000
    """Tasks that one account may have waiting."""
    attempts_max: Annotated[int, Field(ge=1, le=100)] = 3
    """How often a task is begun, when the process that had it in hand disappears each time."""
    lease_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    """How long a process may be silent before others take over its tasks."""


class Worker(_Section):
    """Which tasks a process performs: `limner worker`, and `limner serve` beside its requests."""

    engines: tuple[str, ...] | None = None
    """The engines whose tasks this process performs; without it, all. [] leaves everything to other processes."""
    concurrent: Annotated[int, Field(ge=1, le=1000)] = 8
    """Asynchronous tasks that this process performs at once for each engine."""
    engine_concurrent: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """The same by engine, where it differs: an engine that fills a GPU takes one at a time."""
    host: str = "127.0.0.1"
    """The address at which `limner worker` answers /healthz, /readyz and /metrics."""
    port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """The port for that; without it, `limner worker` listens nowhere."""


class Webhooks(_Section):
    """How callbacks are delivered."""

    retry_seconds: tuple[Annotated[float, Field(gt=0)], ...] = (5, 60, 300, 1800, 7200, 21_600, 50_400, 86_400)
    """The waits between attempts, each varied by up to a tenth; after the last one a callback has failed."""
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 15.0
    """How long a receiver may take to answer."""
    concurrent: Annotated[int, Field(ge=1, le=10_000)] = 256
    """Callbacks that one process sends at once."""
    endpoint_concurrent: Annotated[int, Field(ge=1, le=1000)] = 8
    """Callbacks that one process sends at once to the same receiver."""
    pause_days: Annotated[float, Field(gt=0)] = 5.0
    """A receiver that has answered nothing well for so long is paused."""
    operator_url: str | None = None
    """Where to tell the operator, by POST, of a receiver that was paused."""


class Outbound(_Section):
    """Where limner may call: the addresses that callers give it."""

    http: bool = False
    """Whether http:// addresses are allowed, not only https://."""
    ports: tuple[int, ...] = (80, 443)
    """The ports that may be called."""
    private_networks: tuple[str, ...] = ()
    """Networks that may be called though they are private, such as 10.1.0.0/16; over http, and at any port."""
    loopback: bool | None = None
    """The same for this machine itself; without it, yes if nobody else can reach the server, else no."""


class Inbox(_Section):
    """Addresses on this server that show what is sent to them: /inbox/<token>."""

    hours: Annotated[float, Field(gt=0)] = 24.0
    """How long an inbox lives."""


class Files(_Section):
    """Pictures that callers give, to be painted from: uploaded to /v1/files, or inside a request."""

    keep_days: Annotated[float, Field(gt=0)] = 7.0
    """How long an uploaded file is kept, unless its request says otherwise."""
    input_hours: Annotated[float, Field(gt=0)] = 24.0
    """How long a picture is kept that came inside a request; in any case until the request's task has ended."""
    file_bytes_max: Annotated[int, Field(ge=1024)] = 50_000_000
    """The largest picture that is taken."""
    pixels_max: Annotated[int, Field(ge=1024)] = 40_000_000
    """The most pixels that a picture may have, whatever its bytes."""
    account_bytes_max: Annotated[int, Field(ge=1024)] = 2_000_000_000
    """How much of one account's pictures may lie here at once."""


class Telemetry(_Section):
    """Traces for an OpenTelemetry collector (needs limner[otel])."""

    otlp_url: str | None = None
    """Where to send traces: the collector's OTLP address over HTTP, such as http://127.0.0.1:4318/v1/traces."""
    service_name: str = "limner"
    """By what name the traces go."""


class Credits(_Section):
    """What accounts start with."""

    owner_start: Annotated[int, Field(ge=0)] = 1000
    """Credits of the owner's account at first start; the owner is never stopped by them, only counted."""
    account_start: Annotated[int, Field(ge=0)] = 10
    """Credits that an account made with `limner accounts create` starts with."""
    free: Annotated[int, Field(ge=0)] = 10
    """Credits that an account is given, once for ever, when it first presses Acquire."""


class Provider(_Section):
    """Another server that says who somebody is."""

    kind: Literal["oidc", "github"]
    """How it is spoken to: OpenID Connect, or as github.com does."""
    title: str | None = None
    """What the button says; without it, the provider's name in the settings."""
    issuer: Annotated[str, Field(pattern=r"^https?://[^?#\s]+$")] | None = None
    """The provider's address, for OpenID Connect: what it is called in its own tokens."""
    client_id: str
    """What limner is called there."""
    client_secret: SecretStr
    """The secret that goes with it."""
    authorize_url: Annotated[str, Field(pattern=r"^https?://[^?#\s]+$")] | None = None
    """Where people are sent, for a GitHub of one's own."""
    token_url: Annotated[str, Field(pattern=r"^https?://[^?#\s]+$")] | None = None
    """Where codes become tokens, for a GitHub of one's own."""
    api_url: Annotated[str, Field(pattern=r"^https?://[^?#\s]+$")] | None = None
    """Where people are asked after, for a GitHub of one's own."""

    @model_validator(mode="after")
    def _has_an_issuer(self) -> Self:
        if self.kind == "oidc" and self.issuer is None:
            msg = "OpenID Connect needs an issuer, such as https://login.example.org"
            raise ValueError(msg)
        return self


class Accounts(_Section):
    """Who may have an account, and how they come in."""

    registration: Literal["open", "invitation", "approval", "closed"] | None = None
    """Who may make an account: everybody, whoever has an invitation, everybody whom the owner approves, nobody; without it, open if only this machine can reach the server, else by invitation."""
    session_days: Annotated[float, Field(gt=0)] = 30.0
    """How long somebody stays signed in."""
    session_idle_days: Annotated[float, Field(gt=0)] = 7.0
    """How long somebody stays signed in who does not come back."""
    providers: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")], Provider] = Field(default_factory=dict)
    """Other servers by which people may sign in, by a short name: kind (oidc or github), issuer, client_id, client_secret, title."""


class Mail(_Section):
    """How mails are sent: to confirm an e-mail, to set a new password."""

    host: str | None = None
    """The SMTP server; without it, such links go to the log, and `limner accounts reset` makes them."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Its port; without it, 587, or 465 if tls is implicit, or 25 if there is none."""
    username: str | None = None
    """Who hands the mails in, if the server asks."""
    password: SecretStr | None = None
    """The password that goes with it."""
    sender: Annotated[str, Field(pattern=r"^([^<>@\s]+@[^<>@\s]+|[^<>@\r\n]*<[^<>@\s]+@[^<>@\s]+>)$")] | None = None
    """In whose name, such as limner <no-reply@example.org>; without it, limner at the server's own name."""
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """How the connection is made secret: begun plain and made so, so from the start, or not at all."""


class Moderation(_Section):
    """What is refused: prompts before they are painted, pictures before anybody can read them."""

    blocked_words: tuple[str, ...] = ()
    """Prompts that contain one of these words or phrases (any case) are refused."""
    url: Annotated[str, Field(pattern=r"^https?://[^?#\s]+$")] | None = None
    """A server that is asked about every prompt: any that speaks OpenAI's moderations, such as https://api.openai.com/v1."""
    key: SecretStr | None = None
    """The key for it, if it asks for one."""
    model: str | None = None
    """What is asked for there, such as omni-moderation-latest; without it, the server chooses."""
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    """How long it may take for a prompt or a picture."""
    thresholds: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    """From which score on a category is refused, by its name ("*": every other); without one, the server's yes or no counts."""
    low_thresholds: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    """The same for requests with moderation = "low"."""
    low_threshold: Annotated[float, Field(ge=0, le=1)] = 0.9
    """For such requests, the score for categories that are not among those. Where a server tells no scores, its yes counts."""
    on_trouble: Literal["allow", "refuse"] = "refuse"
    """What becomes of prompts and pictures while nobody can be asked about them."""
    pictures: Annotated[str, Field(pattern=r"^(endpoint|[\w.]+:\w+)$")] | None = None
    """Who looks at finished pictures before anybody can read them: endpoint (the same server), or a Python function of your own as package.module:function."""
    picture_seconds: Annotated[float, Field(gt=0, le=120)] = 10.0
    """How long that function may take for a picture."""
    verdict_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """How long it is kept what was blocked, or flagged and let through."""

    @model_validator(mode="after")
    def _has_a_server(self) -> Self:
        if self.pictures == "endpoint" and not self.url:
            msg = "pictures = endpoint needs url, such as https://api.openai.com/v1"
            raise ValueError(msg)
        return self


class Provenance(_Section):
    """What pictures say of where they come from: content credentials (C2PA) and XMP."""

    credentials: bool = True
    """Whether png, jpeg and webp pictures are signed."""
    xmp: bool = True
    """Whether they say, in XMP, that they were made by a machine."""
    organization: Annotated[str, Field(min_length=1, max_length=64)] = "limner"
    """In whose name the authority signs that limner makes for itself at the first start."""
    certificate_file: Path | None = None
    """Certificates of your own to sign with, in PEM: the one that signs, then those above it; without it, limner's own authority."""
    key_file: Path | None = None
    """The key that belongs to the first of them, in PEM, without a password."""

    @model_validator(mode="after")
    def _has_both(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            msg = "certificate_file and key_file go together"
            raise ValueError(msg)
        return self


class Revise(_Section):
    """Prompts that are rewritten before they are painted from: `revised_prompt` in answers."""

    mode: Literal["none", "engine", "chat"] = "engine"
    """Who rewrites prompts: nobody (answers repeat the prompt), the engine if it does so by itself, or a language model before it."""
    url: Annotated[str, Field(pattern=r"^https?://[^?#\s]+$")] | None = None
    """The language model's server, for chat: any that speaks OpenAI's chat completions, such as http://127.0.0.1:11434/v1."""
    key: SecretStr | None = None
    """The key for it, if it asks for one."""
    model: str | None = None
    """What the model is called there."""
    timeout_seconds: Annotated[float, Field(gt=0, le=120)] = 15.0
    """How long it may take; then the picture is painted from the prompt as it came."""
    templates: dict[str, str] = Field(default_factory=dict)
    """What it is told to do, by the name of a profile or of a model; an empty text: such prompts stay as they are."""
    edit_templates: dict[str, str] = Field(default_factory=dict)
    """The same for edits, whose prompts are instructions."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Further fields of every request to it, such as temperature = 0.7."""

    @model_validator(mode="after")
    def _has_a_server(self) -> Self:
        if self.mode == "chat" and not (self.url and self.model):
            msg = "mode chat needs url, such as http://127.0.0.1:11434/v1, and model, its name there"
            raise ValueError(msg)
        return self


class Log(_Section):
    """What is logged, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are still written."""
    form: Literal["words", "json"] = "words"
    """One line of words or one JSON object for each event."""


class Fallback(_Section):
    """An engine that has its turn when the one before it did not manage."""

    engine: str
    """A name that `limner models --engines` lists."""
    on: tuple[Cause, ...] | None = None
    """What for: busy, failed, timeout, unavailable, quota, refused, cannot; without it, all but the last two."""

    @model_validator(mode="before")
    @classmethod
    def _in_one_line(cls, given: object) -> object:
        """As short as `gpu`, or `gpu: busy timeout`."""
        if not isinstance(given, str):
            return given
        engine, colon, causes = given.partition(":")
        return {"engine": engine.strip(), **({"on": tuple(causes.replace(",", " ").split())} if colon else {})}

    @override
    def __str__(self) -> str:
        return self.engine if self.on is None else f"{self.engine}: {' '.join(self.on)}"


class Model(_Section):
    """One more model, or something else for a name that is there: what is not said, that name keeps."""

    engine: str | None = None
    """The engine that paints: a name that `limner models --engines` lists; without it, catalog.engine."""
    fallbacks: tuple[Fallback, ...] | None = None
    """Who paints when that engine does not manage; without it, catalog.fallbacks for a model on catalog.engine, else nobody."""
    profile: Literal["dall-e-2", "dall-e-3", "gpt-image", "gpt-image-2", "gpt-image-2.5", "open"] | None = None
    """Which parameters, sizes and lengths it takes; without it, those of the name that is there, else open."""
    description: str = ""
    """One sentence for the list of models."""
    price: Annotated[float, Field(ge=0)] | None = None
    """Credits for a picture, whatever its size and quality; without it, what the name that is there costs, else 0."""


class Catalog(_Section):
    """The models on offer."""

    engine: str | None = None
    """The engine behind every model name that comes with limner; without it, the best one at hand, as the start says."""
    fallbacks: tuple[Fallback, ...] = ()
    """Who paints when that engine does not manage, in this order, such as ["gpu", "illustrator: busy timeout"]."""
    models: dict[str, Model] = Field(default_factory=dict)
    """Further models by name, or other engines for names that are there."""


class Settings(_Section):
    """All settings."""

    data_dir: Path = Field(default_factory=default_data_dir)
    """The folder for everything that limner keeps; as root /var/lib/limner, else in the user's data folder."""
    server: Server = Server()
    database: Database = Database()
    storage: Storage = Storage()
    links: Links = Links()
    limits: Limits = Limits()
    queue: Queue = Queue()
    worker: Worker = Worker()
    webhooks: Webhooks = Webhooks()
    outbound: Outbound = Outbound()
    inbox: Inbox = Inbox()
    files: Files = Files()
    telemetry: Telemetry = Telemetry()
    credits: Credits = Credits()
    accounts: Accounts = Accounts()
    mail: Mail = Mail()
    moderation: Moderation = Moderation()
    revise: Revise = Revise()
    provenance: Provenance = Provenance()
    log: Log = Log()
    catalog: Catalog = Catalog()
    engines: dict[str, dict[str, Any]] = Field(default_factory=dict, repr=False)
    """Engines by name, each with its options, such as [engines.illustrator] processes = 2; `plug` says what kind of engine a name of yours is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The settings in force, and for each one that was given its dotted name and the place that gave it.

    `choice`: which engine was chosen, and why; None: the settings say, or nobody has looked yet.
    """

    settings: Settings
    origins: Mapping[str, str]
    choice: Choice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One setting that exists."""

    name: str
    """Dotted: server.port."""
    default: object
    sentence: str
    secret: bool

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.name.replace(".", SEPARATOR).upper()


def known_settings() -> Iterator[Known]:
    """Every setting, in the order of the file."""
    return _known(Settings, "")


def _known(model: type[BaseModel], prefix: str) -> Iterator[Known]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _known(kind, f"{prefix}{name}.")
        else:
            secret = "SecretStr" in str(kind)
            default = field.get_default(call_default_factory=True)
            yield Known(name=prefix + name, default=default, sentence=field.description or "", secret=secret)


def load(*, config_file: Path | None, environ: Mapping[str, str], flags: Mapping[str, object]) -> Loaded:
    """Read file, environment and flags (dotted names; None means not given) into settings.

    Raises `SettingsError`, one line for each thing that is wrong.
    """
    tree: dict[str, Any] = {}
    origins: dict[str, str] = {}
    path = config_file or (Path(environ[CONFIG_FILE_VARIABLE]) if CONFIG_FILE_VARIABLE in environ else None)
    if path is not None or DEFAULT_CONFIG_FILE.exists():
        _read_file(path or DEFAULT_CONFIG_FILE, tree, origins)
    _read_environment(environ, tree, origins)
    for name, value in flags.items():
        if value is not None:
            _put(tree, name.split("."), value)
            origins[name] = "command line"
    try:
        return Loaded(settings=Settings.model_validate(tree), origins=origins)
    except ValidationError as error:
        raise SettingsError("\n".join(_sentences(error, origins))) from None


def _read_file(path: Path, tree: dict[str, Any], origins: dict[str, str]) -> None:
    try:
        with path.open("rb") as file:
            tree.update(tomllib.load(file))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from None
    origins.update({name: str(path) for name in _leaves(tree, "")})


def _leaves(tree: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def _read_environment(environ: Mapping[str, str], tree: dict[str, Any], origins: dict[str, str]) -> None:
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable in _NO_SETTINGS:
            continue
        value, name = environ[variable], variable.removeprefix(PREFIX)
        if not value:
            continue  # an empty variable is how compose files say "not set"
        if name.endswith(FILE_SUFFIX):
            name, value = name.removesuffix(FILE_SUFFIX), _secret_from(variable, value)
        parts = name.lower().split(SEPARATOR)
        _put(tree, parts, _loosely_parsed(value) if _is_option(parts) else _parsed(value))
        origins[".".join(parts)] = variable


def _secret_from(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{variable}: {path}: {error.strerror}") from None


def _parsed(value: str) -> object:
    """Lists and tables are written as JSON in the environment; everything else is text that its field reads."""
    if value[:1] in {"[", "{"}:
        try:
            parsed: object = json.loads(value)
        except ValueError:
            return value
        return parsed
    return value


def _is_option(parts: Sequence[str]) -> bool:
    """Whether it is for an engine or a server, which has no types for us to read it by; what is called like a secret stays text."""
    return (parts[0] == "engines" or parts[:2] == ["revise", "options"]) and not any(
        word in parts[-1] for word in _SECRET_WORDS
    )


def _loosely_parsed(value: str) -> object:
    """Numbers, true and false as what they look like."""
    try:
        parsed: object = json.loads(value)
    except ValueError:
        return value
    return value if parsed is None else parsed


def _put(tree: dict[str, Any], parts: list[str], value: object) -> None:
    for part in parts[:-1]:
        below = tree.setdefault(part, {})
        if not isinstance(below, dict):
            tree[part] = below = {}
        tree = below
    tree[parts[-1]] = value


def _sentences(error: ValidationError, origins: Mapping[str, str]) -> Iterator[str]:
    names = [known.name for known in known_settings()]
    for fault in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in fault["loc"])
        origin = origins.get(name) or next((o for n, o in origins.items() if n.startswith(name)), "")
        where = f" (from {origin})" if origin else ""
        if fault["type"] == "extra_forbidden":
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]} ({_variable(near[0])})?" if near else ""
            yield f"there is no setting {name}{where}{hint}"
        else:
            yield f"{name}{where}: {fault['msg']}"


def _variable(name: str) -> str:
    return PREFIX + name.replace(".", SEPARATOR).upper()


# as they may be shown ----------------------------------------------------------------------------------------------------


def all_shown(loaded: Loaded) -> list[SettingShown]:
    """Every setting in force, in the order of the file; secrets are masked."""
    return [shown(known, loaded) for known in known_settings()]


def shown(known: Known, loaded: Loaded) -> SettingShown:
    """One of them."""
    value: Any = loaded.settings
    for part in known.name.split("."):
        value = getattr(value, part)
    origins = [place for name, place in loaded.origins.items() if f"{name}.".startswith(f"{known.name}.")]
    return SettingShown(
        name=known.name,
        value=_masked(value),
        default=_masked(known.default),
        origin=", ".join(dict.fromkeys(origins)) or "default",
        sentence=known.sentence,
    )


def _masked(value: Any) -> str:
    """A value for the eyes of whoever looks over the shoulder."""
    if value is None:
        return ""
    if hasattr(value, "get_secret_value"):
        secret = value.get_secret_value()
        return without_password(secret) if "://" in secret else _MASK
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_masked_part(name, part)}" for name, part in value.items())
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value))
    return without_password(str(value))


def _masked_part(name: str, value: Any) -> str:
    if any(word in name.lower() for word in _SECRET_WORDS):
        return _MASK
    if isinstance(value, _Section) and not isinstance(value, Fallback):
        known = {field: getattr(value, field) for field in type(value).model_fields}
        value = {field: part for field, part in known.items() if part is not None and part != ""}
    if name == "headers" and isinstance(value, Mapping):  # whatever they are called, some of them let one in
        value = dict.fromkeys(value, _MASK)
    return f"({_masked(value)})" if isinstance(value, Mapping) else _masked(value)
