from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from support.console import Console


@pytest.fixture
def console(
    new_database: Callable[[], AbstractContextManager[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Console]:
    """A console with a house in which nobody is yet."""
    with new_database() as url:
        yield Console.at(tmp_path, database_url=url, capsys=capsys)
