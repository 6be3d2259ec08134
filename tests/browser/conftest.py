"""A Chromium, a server with the real engine, and people before it; each module has its own of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

import pytest
from playwright.sync_api import Browser
from typing_extensions import override

from support import browsing
from support.browsing import Person
from support.server import Server, start

_MISSING: Final = "there is no Chromium on this machine; `make test-browser` installs it"


class _NotHere(pytest.Module):
    """A module whose tests need what is not here: one line says so for all of them."""

    @override
    def collect(self) -> NoReturn:
        pytest.skip(_MISSING, allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    if browsing.find_chromium() is None:
        module: pytest.Module = _NotHere.from_parent(parent, path=module_path)
        return module
    return None


@pytest.fixture(scope="module")
def server(fresh_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    environ = {"LIMNER_CATALOG__ENGINE": "illustrator"}
    server = start(tmp_path_factory.mktemp("visited") / "data", database_url=fresh_database_url, environ=environ)
    yield server
    assert server.stop() == 0, server.log.read_text()[-2000:]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = browsing.find_chromium()
    assert path is not None, _MISSING
    with browsing.chromium(path) as browser:
        yield browser


@pytest.fixture
def sitting(chromium: Browser, server: Server) -> Callable[..., AbstractContextManager[Person]]:
    """`with sitting(language=..., width=...) as person:` somebody opens a browser."""
    return partial(browsing.sitting, chromium, server.url)
