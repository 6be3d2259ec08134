"""The schema's history: `sql/NNNN_name.sql`, applied in order by Alembic. A file that has been released is never edited."""
