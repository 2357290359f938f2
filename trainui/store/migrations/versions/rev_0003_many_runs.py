"""Indexes for the queries at each change: the latest run of a name, and the ends to notify of."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Bring the database to this revision."""
    op.drop_index("ix_runs_name", "runs")
    op.create_index("ix_runs_name", "runs", ["name", "created_at"])
    op.create_index("ix_runs_notified", "runs", ["notified_at"])
