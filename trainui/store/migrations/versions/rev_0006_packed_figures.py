"""The figures of a chunk as one value, and an index for the attempts that are still to be read."""

from __future__ import annotations

import math
import struct
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

STEPS = slice(6, 10)


def upgrade() -> None:
    """Bring the database to this revision."""
    op.create_table(
        "chunk_figures",
        sa.Column("series_id", sa.BigInteger(), nullable=False),
        sa.Column("chunk_id", sa.BigInteger(), nullable=False),
        sa.Column("figures", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "chunk_id"),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    of_series = sa.text(
        "SELECT series_id, chunk_id, attempt, source_id, generation, n, first_ordinal, "
        "last_ordinal, first_step, last_step, low_step, high_step, minimum, maximum, total, "
        "nonfinite, last FROM chunk_stats WHERE series_id = :series_id"
    )
    insert = sa.text("INSERT INTO chunk_figures VALUES (:series_id, :chunk_id, :figures)")
    for (series_id,) in connection.execute(sa.text("SELECT id FROM series")).fetchall():
        rows = connection.execute(of_series, {"series_id": series_id}).fetchall()
        packed = [
            {"series_id": series_id, "chunk_id": chunk_id, "figures": pack(figures)}
            for _, chunk_id, *figures in rows
        ]
        if packed:
            connection.execute(insert, packed)
    op.drop_table("chunk_stats")
    op.create_index(
        "ix_attempts_unread",
        "attempts",
        ["host"],
        sqlite_where=sa.text("metrics_complete = 0"),
        postgresql_where=sa.text("NOT metrics_complete"),
    )


def pack(figures: list[Any]) -> bytes:
    """Write figures as the store reads them."""
    steps = figures[STEPS]
    whole = all(step == int(step) and abs(step) < 2**63 for step in steps)
    figures[STEPS] = [int(step) if whole else float(step) for step in steps]
    found = [math.nan if figure is None else figure for figure in figures]
    return struct.pack("<q3q3q4q3dqd" if whole else "<q3q3q4d3dqd", whole, *found)
