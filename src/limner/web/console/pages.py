"""Every page of the console, in one list: who adds a page adds its module here."""

from __future__ import annotations

from starlette.routing import Route

from limner.web.console import (
    account,
    api,
    assets,
    docs,
    gallery,
    inboxes,
    keys,
    ledger,
    likes,
    login,
    management,
    operate,
    operate_accounts,
    operate_joining,
    operate_models,
    operate_moderation,
    register,
    tasks,
    tokens,
    usage,
    verify,
    webhooks,
)
from limner.web.console.visit import Page

_MODULES = (
    management,
    api,
    inboxes,
    likes,
    webhooks,
    gallery,
    tasks,
    login,
    verify,  # before the links in mails, which begin alike
    register,
    account,
    keys,
    usage,
    ledger,
    tokens,
    operate,
    operate_accounts,
    operate_joining,
    operate_models,
    operate_moderation,
    docs,
)


def pages() -> list[Page]:
    """All of them, each with whom it is for."""
    return [page for module in _MODULES for page in module.pages()]


def routes() -> list[Route]:
    """As the application takes them, with what they load."""
    return [*(page.route() for page in pages()), *assets.routes()]
