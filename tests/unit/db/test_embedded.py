"""The embedded PostgreSQL in folders with names that people give them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from limner.db import Database, DatabaseUnavailable
from limner.db.embedded import _runtime_folder, open_embedded


@pytest.mark.parametrize("name", ['a "quoted" folder', "costs $5", "back\\slash", "`tick`"])
async def test_a_name_that_its_starter_cannot_quote_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="without quotes"):
        await open_embedded(tmp_path / name)


async def test_spaces_apostrophes_and_other_letters_are_fine(tmp_path: Path) -> None:
    folder = tmp_path / "Ada's 数据"
    folder.mkdir()

    url = await open_embedded(folder / "postgres")

    database = await Database.open(url, connections_max=2)
    async with database.statement() as tx:
        assert await tx.value("SELECT 1 + 1") == 2
    await database.close()


def test_the_folder_of_locks_and_sockets_is_nobody_else_s(tmp_path: Path) -> None:
    mine, other = _runtime_folder(tmp_path / "mine"), _runtime_folder(tmp_path / "other")

    assert mine != other
    assert stat.S_IMODE(mine.stat().st_mode) == 0o700
    assert len(str(mine)) < 60
