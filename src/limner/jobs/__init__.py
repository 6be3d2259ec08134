"""The queue: what is to be done by whoever has time, now or after a crash. PgQueuer behind it.

A job is a kind and the id of its subject (a task to perform, a callback to send); everything else about it is in the
subject's own row. It is submitted in the transaction that writes that row, and is done at least once. Owns `job_lines`
and `job_places`, and looks after PgQueuer's tables.
"""
