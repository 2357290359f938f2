"""Column for the alert that stopped an attempt."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Bring the database to this revision."""
    op.add_column("attempts", sa.Column("stop_reason", sa.String(), nullable=True))
