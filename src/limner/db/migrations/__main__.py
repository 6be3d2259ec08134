"""`python -m limner.db.migrations` upgrades the database whose address is in the environment (see `db/schema.py`)."""

from __future__ import annotations

import os

from alembic import command
from alembic.config import Config

from limner.db.schema import MIGRATIONS, URL_VARIABLE

config = Config()
config.set_main_option("script_location", str(MIGRATIONS))
config.attributes["url"] = os.environ[URL_VARIABLE]
command.upgrade(config, "head")
