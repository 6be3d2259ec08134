"""Asynchronous tasks and the queue: PgQueuer's own schema, its enqueueing statement as a function, then our SQL."""

from typing import Final

from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder

from limner.db.migrations.steps import run_script, run_sql
from limner.db.queue_names import queue_names

revision = "0002"
down_revision = "0001"

# The library's statement, so that admission can enqueue in the one statement that it is. In PL/pgSQL, which keeps its plan.
_ENQUEUE: Final = """
CREATE FUNCTION jobs_pgqueuer(integer[], text[], bytea[], interval[], text[], jsonb[])
RETURNS SETOF record LANGUAGE plpgsql AS $limner$ BEGIN RETURN QUERY {statement}; END $limner$;
"""


def upgrade() -> None:
    """Run all three."""
    environment, queue = QueryBuilderEnvironment(queue_names()), QueryQueueBuilder(queue_names())
    run_script(environment.build_install_query())
    run_script(environment.build_optimize_autovacuum_query())
    run_script(_ENQUEUE.format(statement=queue.build_enqueue_query("skip").rstrip()))
    run_sql(revision)
