"""Column for the reason why a search's pruner requested an attempt's end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Bring the database to this revision."""
    op.add_column("attempts", sa.Column("pruning_json", sa.String(), nullable=True))
