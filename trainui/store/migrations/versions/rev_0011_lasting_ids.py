"""Ids of events, attempts and sources that SQLite does not reuse, since others remember them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

TABLES = ("attempts", "events", "sources")


def upgrade() -> None:
    """Bring the database to this revision."""
    if op.get_bind().dialect.name != "sqlite":
        return  # no other database reuses them
    for table in TABLES:
        autoincrement = {"sqlite_autoincrement": True}
        with op.batch_alter_table(table, recreate="always", table_kwargs=autoincrement):
            pass
    # runs deleted before this revision may have left it above the ids of the next events
    newest = "(SELECT coalesce(max(id), 0) FROM events)"
    op.get_bind().execute(
        sa.text(
            f"UPDATE flags SET value = {newest} "
            f"WHERE name = 'notified_event' AND CAST(value AS INTEGER) > {newest}"
        )
    )
