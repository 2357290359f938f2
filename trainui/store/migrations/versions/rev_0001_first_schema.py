"""The first schema."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Bring the database to this revision."""
    op.create_table(
        "chunk_stats",
        *_required(sa.BigInteger(), "series_id", "chunk_id"),
        *_required(sa.Integer(), "source_id", "attempt", "generation", "n"),
        *_required(sa.BigInteger(), "first_ordinal", "last_ordinal"),
        *_required(sa.Numeric(asdecimal=False), "first_step", "last_step", "low_step", "high_step"),
        *_nullable(sa.Float(), "minimum", "maximum"),
        sa.Column("total", sa.Float(), nullable=False),
        sa.Column("nonfinite", sa.Integer(), nullable=False),
        sa.Column("last", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("series_id", "chunk_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "chunks",
        *_required(sa.Integer(), "id", "series_id", "source_id", "attempt", "generation"),
        *_required(sa.BigInteger(), "start_byte", "end_byte"),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("float_steps", sa.Boolean(), nullable=False),
        *_required(sa.LargeBinary(), "ordinals", "steps", "numbers", "times"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_chunks_open",
        "chunks",
        ["source_id"],
        sqlite_where=sa.text("open"),
        postgresql_where=sa.text("open"),
    )

    op.create_table(
        "flags",
        *_required(sa.String(), "name", "value"),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "pipelines",
        *_required(sa.String(), "digest", "name", "text"),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), nullable=False),
        *_required(sa.String(), "owner", "name"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("owner", "name"),
    )
    op.create_table(
        "sources",
        sa.Column("id", sa.Integer(), nullable=False),
        *_required(sa.String(), "owner", "key"),
        sa.Column("format", sa.String(), nullable=True),
        *_required(sa.Integer(), "attempt", "generation"),
        *_required(sa.BigInteger(), "offset", "rows", "next_ordinal"),
        sa.Column("identity_json", sa.String(), nullable=True),
        sa.Column("state_json", sa.String(), nullable=False),
        *_required(sa.Integer(), "tail_rows", "tail_points", "version"),
        sa.Column("problem", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_sources_owner", "sources", ["owner"])

    op.create_table(
        "tails",
        *_required(sa.Integer(), "id", "source_id", "attempt", "generation"),
        *_required(sa.BigInteger(), "start_byte", "end_byte"),
        sa.Column("points", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_tails_source", "tails", ["source_id"])

    op.create_table(
        "runs",
        # compared byte by byte, as SQLite does: ids are found by their first letters
        sa.Column("id", sa.String().with_variant(sa.String(collation="C"), "postgresql")),
        *_required(sa.String(), "name", "status", "pipeline"),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("file", sa.String(), nullable=True),
        *_required(sa.String(), "directory", "params_json", "submission_json"),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        *_nullable(sa.BigInteger(), "started_at", "completed_at", "notified_at"),
        sa.ForeignKeyConstraint(
            ["digest"],
            ["pipelines.digest"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_runs_created", "runs", ["created_at"])
    op.create_index("ix_runs_name", "runs", ["name"])
    op.create_index("ix_runs_status", "runs", ["status"])

    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("stage", sa.String(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("time", sa.BigInteger(), nullable=False),
        *_required(sa.String(), "kind", "text"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_events_run", "events", ["run_id", "id"])

    op.create_table(
        "stages",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        *_required(sa.String(), "name", "status"),
        sa.Column("reason", sa.String(), nullable=True),
        *_required(sa.String(), "definition_json", "directory"),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("celery_task_id", sa.String(), nullable=True),
        *_nullable(sa.BigInteger(), "started_at", "completed_at"),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        *_nullable(sa.String(), "result_json", "error"),
        sa.Column("stalled", sa.Boolean(), nullable=False),
        sa.Column("retries_used", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=True),
        sa.Column("fresh", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "name"),
    )
    op.create_index("ix_stages_run_status", "stages", ["run_id", "status"])
    op.create_index("ix_stages_status", "stages", ["status"])

    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stage_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        *_required(sa.String(), "status", "host"),
        sa.Column("celery_task_id", sa.String(), nullable=True),
        *_required(sa.String(), "directory", "slots_json"),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        *_nullable(sa.BigInteger(), "sent_at", "started_at", "completed_at"),
        *_nullable(sa.Integer(), "exit_code", "signal"),
        *_nullable(sa.String(), "error", "result_json"),
        *_nullable(sa.Integer(), "pid", "supervisor_pid"),
        sa.Column("checkpoint", sa.String(), nullable=True),
        sa.Column("checkpoint_tried", sa.Boolean(), nullable=False),
        sa.Column("cancel_requested_at", sa.BigInteger(), nullable=True),
        sa.Column("metrics_complete", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["stage_id"], ["stages.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("stage_id", "number"),
    )
    op.create_index("ix_attempts_status", "attempts", ["status"])

    op.create_table(
        "dependencies",
        *_required(sa.Text(), "stage_id", "upstream_id"),
        sa.ForeignKeyConstraint(["stage_id"], ["stages.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["upstream_id"], ["stages.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("stage_id", "upstream_id"),
    )
    op.create_index("ix_dependencies_upstream", "dependencies", ["upstream_id"])

    op.create_table(
        "slots",
        *_required(sa.String(), "host", "kind"),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("host", "kind", "number"),
    )
    op.create_index("ix_slots_attempt_id", "slots", ["attempt_id"])


def _required(kind: sa.types.TypeEngine[Any], *names: str) -> list[sa.Column[Any]]:
    """Return columns of one type that are not NULL."""
    return [sa.Column(name, kind, nullable=False) for name in names]


def _nullable(kind: sa.types.TypeEngine[Any], *names: str) -> list[sa.Column[Any]]:
    """Return columns of one type that may be NULL."""
    return [sa.Column(name, kind) for name in names]
