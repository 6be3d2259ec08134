"""What PgQueuer's tables are called and how they are kept, for the migration that makes them and the room that uses them.

Said here in full, so that no variable of somebody's environment makes the two disagree. Its log and statistics are not
written to the WAL: nothing of ours reads them.
"""

from __future__ import annotations

from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel


def queue_names() -> DBSettings:
    """The one way in which PgQueuer is set up here."""
    return DBSettings(
        prefix="",
        db_schema=None,
        channel=Channel("ch_pgqueuer"),
        function="fn_pgqueuer_changed",
        statistics_table="pgqueuer_statistics",
        queue_status_type="pgqueuer_status",
        queue_table="pgqueuer",
        queue_table_log="pgqueuer_log",
        trigger="tg_pgqueuer_changed",
        schedules_table="pgqueuer_schedules",
        durability=Durability.balanced,
    )
