"""What the gallery searches and shares: our SQL, then the words of the pictures that there are already."""

from __future__ import annotations

from typing import Any, Final

from alembic import op

from limner.db.migrations.steps import run_sql
from limner.images import rules
from limner.images.models import Origin, StoredImage

revision = "0006"
down_revision = "0005"

_BATCH: Final = 500
_KNOWN: Final = """
SELECT task_id, index, account_id, storage_key, media_type, bytes, width, height, seed, revised_prompt,
    api_key_id, model, prompt, quality, style, price
FROM images ORDER BY task_id, index
"""
_TELL: Final = """
UPDATE images SET words = array_to_tsvector(string_to_array($3, U&'\\001F')) WHERE task_id = $1 AND index = $2
"""


def upgrade() -> None:
    """Run both."""
    run_sql(revision)
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(_add_words)


async def _add_words(driver: Any) -> None:
    batch = []
    async for row in driver.cursor(_KNOWN, prefetch=_BATCH):
        batch.append((row["task_id"], row["index"], _terms(row)))
        if len(batch) == _BATCH:
            await driver.executemany(_TELL, batch)
            batch.clear()
    await driver.executemany(_TELL, batch)


def _terms(row: Any) -> str:
    columns = dict(row)
    del columns["task_id"]
    account_id = columns.pop("account_id")
    origin = Origin(
        **{name: columns.pop(name) for name in ("api_key_id", "model", "prompt", "quality", "style", "price")}
    )
    words = rules.words_of(origin.prompt)
    return rules.terms(account_id=account_id, image=StoredImage(**columns), origin=origin, prompt_words=words)
