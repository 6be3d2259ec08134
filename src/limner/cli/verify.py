"""`limner verify`: what picture files say of where they come from, and what that is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from limner.cli.parts.given import Given, pass_given, shared_options
from limner.cli.parts.table import json_option, plain, write_json
from limner.cli.parts.trouble import Trouble, failed_in_part, one_line

if TYPE_CHECKING:
    from limner.config import Settings
    from limner.db import Database
    from limner.flow.verify import Standing, Trust, Verified
    from limner.provenance.models import Authority

_SOURCES: Final[Mapping[str, str]] = {
    "trainedAlgorithmicMedia": "made by a trained model",
    "algorithmicMedia": "made by an algorithm, without a trained model",
    "compositeWithTrainedAlgorithmicMedia": "a picture that somebody gave, edited by a trained model",
    "compositeSynthetic": "a picture that somebody gave, edited by an algorithm",
    "digitalCapture": "taken by a camera",
    "humanEdits": "edited by a person",
    "digitalCreation": "made by a person",
}
_RELATIONS: Final = {"parent": "what was edited", "input": "what went into it", "component": "a part of it"}


@click.command(short_help="Say where picture files come from.")
@click.argument("files", nargs=-1, metavar="FILE...", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--anchors",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Root certificates of others that are to be trusted, in PEM.",
)
@click.option("--root", is_flag=True, help="Print this server's own root certificate, for others to trust.")
@json_option
@shared_options()
@pass_given
def command(given: Given, files: tuple[Path, ...], anchors: Path | None, *, root: bool, as_json: bool) -> None:
    """Say where png, jpeg and webp files come from, by the content credentials in them.

    Trusted is what the server of this data folder has signed, and whoever has a certificate from --anchors. The exit
    status is 0 if every file has credentials that are trusted and unbroken, 1 if one has not, 2 for a wrong call.

    \b
    For example:
      limner verify otter.png
      limner verify --root > limner-root.pem
    """  # noqa: D301 - click's \b keeps the lines apart
    if root == bool(files):
        raise click.UsageError("give the files to look at, or --root alone")
    if root:
        _print_root(given.settings())
        return
    more = _certificates(anchors)
    trust = _trust(given.settings(), others=more)
    looked = [_looked(file, trust=trust) for file in files]
    if as_json:
        write_json([_json(file, found, why) for file, (found, why) in zip(files, looked, strict=True)])
    for file, (found, why) in zip(files, looked, strict=True):
        if found is None:
            failed_in_part(str(file), why)
        elif not as_json:
            _write(file, found)
    if not all(found is not None and found.standing in {"ours", "trusted"} for found, _ in looked):
        click.get_current_context().exit(1)


def _print_root(settings: Settings) -> None:
    trust = _trust(settings, others=[])
    roots = [*([] if trust.operators is None else [trust.operators.root]), *trust.roots]
    if not roots:
        raise Trouble("there is no root certificate yet: `limner serve` makes it at its first start")
    click.echo("".join(roots), nl=False)


def _looked(file: Path, *, trust: Trust) -> tuple[Verified | None, str]:
    from limner.flow.verify import UnreadableError, verified

    try:
        return verified(file.read_bytes(), trust=trust), ""
    except UnreadableError as error:
        return None, str(error)
    except OSError as error:
        return None, (error.strerror or "it cannot be read").lower()


# whom to trust -----------------------------------------------------------------------------------------------------------


def _trust(settings: Settings, *, others: list[str]) -> Trust:
    """This server's authorities, as far as one can get at them: a file can be read without, and then nobody is trusted."""
    from limner.cli.parts.books import is_made, with_books
    from limner.domain.problem import Problem
    from limner.flow.verify import Trust
    from limner.provenance import service as provenance

    async def act(database: Database) -> list[str]:
        async with database.statement() as tx:
            return await provenance.anchors(tx)

    roots: list[str] = []
    if is_made(settings):
        try:
            roots = with_books(settings, act)
        except (Problem, OSError) as error:
            click.echo(f"limner: this server's own certificates cannot be read: {one_line(str(error))}", err=True)
    return Trust(roots=roots, operators=_operators(settings), others=others)


def _operators(settings: Settings) -> Authority | None:
    """The operator's own certificates. Raises `SettingsError` for those that will not do."""
    from limner.bootstrap import operators_authority
    from limner.kit.clock import SystemClock

    return operators_authority(settings, now=SystemClock().now())


def _certificates(file: Path | None) -> list[str]:
    if file is None:
        return []
    from cryptography import x509

    try:
        data = file.read_bytes()
        x509.load_pem_x509_certificates(data)
    except ValueError:
        raise Trouble(f"{file} has no certificate in PEM form") from None
    return [data.decode("utf-8", "replace")]


# what is said ------------------------------------------------------------------------------------------------------------


def _headline(found: Verified) -> str:
    credentials = found.credentials
    if credentials is None:
        return "no content credentials: it does not say who made it"
    who = _seen(credentials.signer or "somebody without a name")
    sayings: dict[Standing, str] = {
        "ours": "made by this limner, and unchanged since",
        "trusted": f"signed by {who}, whom you trust; unchanged since",
        "stranger": f"signed by {who}; nobody that limner was told to trust; unchanged since",
        "broken": f"does not hold: it claims to be signed by {who}, and was changed since or signed wrongly",
    }
    return sayings[found.standing]


def _write(file: Path, found: Verified) -> None:
    colour = {"ours": "green", "trusted": "green", "broken": "red"}.get(found.standing, "yellow")
    click.echo(f"{_seen(str(file))}: {click.style(_headline(found), fg=colour)}")
    lines = [(name, _seen(text)) for name, text in _facts(found)]
    wide = max((len(name) for name, _ in lines), default=0)
    before = ""
    for name, text in lines:
        click.echo(f"  {'' if name == before else name:<{wide}}  {text}")
        before = name


def _facts(found: Verified) -> Iterator[tuple[str, str]]:
    credentials = found.credentials
    if credentials is not None:
        yield from [("problem", one) for one in credentials.problems]
        told = [
            ("signed by", credentials.signer),
            ("software", credentials.software),
            ("source", source_said(credentials.source_type)),
            ("made at", credentials.made_at),
            ("task", credentials.task_id),
        ]
        yield from [(name, text) for name, text in told if text]
        for action in credentials.actions:
            yield "done", ", ".join(one for one in (action.action, action.when, action.software) if one)
        for one in credentials.ingredients:
            worth = "its credentials hold" if one.is_good else "its credentials do not hold" if one.is_signed else ""
            said = (one.title, one.media_type, _RELATIONS.get(one.relation, ""), worth)
            yield "made from", ", ".join(filter(None, said))
    if found.xmp is not None:
        claims = (source_said(found.xmp.source_type), found.xmp.software, found.xmp.task_id)
        yield "XMP says", ", ".join(one for one in claims if one)


def source_said(word: str | None) -> str | None:
    """IPTC's word in plain English, with itself."""
    return f"{_SOURCES[word]} ({word})" if word is not None and word in _SOURCES else word


def _seen(text: str) -> str:
    """What a stranger wrote, on one line and without tricks."""
    return plain(one_line(text))


def _json(file: Path, found: Verified | None, why: str) -> dict[str, Any]:
    from dataclasses import asdict

    if found is None:
        return {"file": str(file), "standing": "unreadable", "error": why, "credentials": None, "xmp": None}
    return {"file": str(file), "error": None, **asdict(found)}
