"""Each run's newest note and last verdict, for the list of runs: they were in events only."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Bring the database to this revision."""
    op.add_column("runs", sa.Column("note", sa.String(), nullable=True))
    op.add_column("runs", sa.Column("verdict", sa.String(), nullable=True))
    connection = op.get_bind()
    found = connection.execute(
        sa.text("SELECT run_id, data_json FROM events WHERE kind = 'note' ORDER BY id")
    )
    for run_id, text in found.fetchall():
        data = json.loads(text or "{}")
        for column in ("note", "verdict"):
            if data.get(column):
                connection.execute(
                    sa.text(f"UPDATE runs SET {column} = :value WHERE id = :run"),
                    {"value": data[column], "run": run_id},
                )
