"""The origin of each attempt, stages removed by an edited file, and past runs by file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Bring the database to this revision."""
    op.add_column("attempts", sa.Column("definition_json", sa.String(), nullable=True))
    op.add_column("attempts", sa.Column("digest", sa.String(), nullable=True))
    op.add_column("attempts", sa.Column("inputs_json", sa.String(), nullable=True))
    op.add_column("attempts", sa.Column("kept_json", sa.String(), nullable=True))
    op.add_column("attempts", sa.Column("code_change", sa.String(), nullable=True))
    op.add_column(
        "stages", sa.Column("removed", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_index("ix_runs_pipeline", "runs", ["pipeline", "created_at"])
