"""The first schema that was released; a test compares it with the models."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0100"
down_revision = None

NEVER_REUSED = {"sqlite_autoincrement": True}
"""Option of a table whose ids are remembered outside of it."""


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "chunk_figures",
        *_required(sa.BigInteger(), "series_id", "chunk_id"),
        *_required(sa.LargeBinary(), "figures"),
        sa.PrimaryKeyConstraint("series_id", "chunk_id"),
        sqlite_with_rowid=False,
    )

    op.create_table(
        "chunks",
        *_required(sa.Integer(), "id", "series_id", "source_id", "attempt", "generation"),
        *_required(sa.BigInteger(), "start_byte", "end_byte"),
        *_required(sa.Boolean(), "open"),
        *_required(sa.Integer(), "n"),
        *_required(sa.Boolean(), "float_steps"),
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
        "homes",
        *_required(sa.String(), "id", "root", "path", "place", "mount"),
        sa.PrimaryKeyConstraint("id"),
    )

    op.create_table(
        "hosts",
        *_required(sa.String(), "name", "home"),
        *_required(sa.BigInteger(), "seen_at"),
        *_nullable(sa.String(), "place"),
        *_required(sa.String(), "slots_json", "queues_json"),
        sa.PrimaryKeyConstraint("name"),
    )

    op.create_table(
        "log_reads",
        *_required(sa.String(), "id", "host"),
        *_required(sa.Integer(), "attempt_id"),
        *_required(sa.String(), "name"),
        *_required(sa.BigInteger(), "start"),
        *_required(sa.Integer(), "length"),
        *_required(sa.BigInteger(), "asked_at"),
        *_nullable(sa.String(), "answer_json"),
        *_nullable(sa.LargeBinary(), "data"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_log_reads_host", "log_reads", ["host"])

    op.create_table(
        "pipelines",
        *_required(sa.String(), "digest", "name", "text"),
        sa.PrimaryKeyConstraint("digest"),
    )

    op.create_table(
        "series",
        *_required(sa.Integer(), "id"),
        *_required(sa.String(), "owner", "name"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("owner", "name"),
    )

    op.create_table(
        "sources",
        *_required(sa.Integer(), "id"),
        *_required(sa.String(), "owner", "key"),
        *_nullable(sa.String(), "format"),
        *_required(sa.Integer(), "attempt", "generation"),
        *_required(sa.BigInteger(), "offset", "rows", "next_ordinal"),
        *_nullable(sa.String(), "identity_json"),
        *_required(sa.String(), "state_json"),
        *_required(sa.Integer(), "tail_rows", "tail_points", "version"),
        *_nullable(sa.String(), "problem"),
        sa.PrimaryKeyConstraint("id"),
        **NEVER_REUSED,
    )
    op.create_index("ix_sources_owner", "sources", ["owner"])

    op.create_table(
        "tails",
        *_required(sa.Integer(), "id", "source_id", "attempt", "generation"),
        *_required(sa.BigInteger(), "start_byte", "end_byte"),
        *_required(sa.LargeBinary(), "points"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_tails_source", "tails", ["source_id"])

    op.create_table(
        "runs",
        # compared byte by byte, as SQLite does: ids are found by their first letters
        sa.Column("id", sa.String().with_variant(sa.String(collation="C"), "postgresql")),
        *_required(sa.String(), "name", "status", "kind", "pipeline"),
        *_required(sa.Text(), "digest"),
        *_nullable(sa.String(), "file"),
        *_required(sa.String(), "directory", "params_json", "submission_json"),
        *_required(sa.Integer(), "priority"),
        *_required(sa.BigInteger(), "created_at"),
        *_nullable(sa.BigInteger(), "started_at", "completed_at", "notified_at"),
        *_nullable(sa.String(), "host", "place", "original", "note", "verdict", "started_by"),
        sa.ForeignKeyConstraint(["digest"], ["pipelines.digest"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_runs_created", "runs", ["created_at"])
    op.create_index("ix_runs_name", "runs", ["name", "created_at"])
    op.create_index("ix_runs_notified", "runs", ["notified_at"])
    op.create_index("ix_runs_pipeline", "runs", ["pipeline", "created_at"])
    op.create_index("ix_runs_status", "runs", ["status"])

    op.create_table(
        "events",
        *_required(sa.Integer(), "id"),
        *_required(sa.Text(), "run_id"),
        *_nullable(sa.String(), "stage"),
        *_nullable(sa.Integer(), "attempt"),
        *_required(sa.BigInteger(), "time"),
        *_required(sa.String(), "kind", "text"),
        *_nullable(sa.String(), "data_json"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        **NEVER_REUSED,
    )
    op.create_index("ix_events_run", "events", ["run_id", "id"])

    op.create_table(
        "searches",
        *_required(sa.Text(), "run_id"),
        *_required(sa.String(), "name", "sampler"),
        *_nullable(sa.String(), "history", "importance_json"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "name"),
    )

    op.create_table(
        "stages",
        *_required(sa.String(), "id"),
        *_required(sa.Text(), "run_id"),
        *_required(sa.Integer(), "position"),
        *_required(sa.String(), "name", "status"),
        *_nullable(sa.String(), "reason"),
        *_required(sa.String(), "definition_json", "executor"),
        *_required(sa.Integer(), "gpus"),
        *_nullable(sa.String(), "for_host", "for_queue"),
        *_required(sa.String(), "directory"),
        *_required(sa.Integer(), "attempt"),
        *_nullable(sa.String(), "celery_task_id"),
        *_nullable(sa.BigInteger(), "started_at", "completed_at"),
        *_nullable(sa.Integer(), "exit_code"),
        *_nullable(sa.String(), "result_json", "error"),
        *_required(sa.Boolean(), "stalled"),
        *_required(sa.Integer(), "retries_used"),
        *_nullable(sa.BigInteger(), "not_before"),
        *_required(sa.Boolean(), "fresh", "removed"),
        *_nullable(sa.String(), "reason_host"),
        *_nullable(sa.Float(), "stalls_after"),
        *_nullable(sa.String(), "given_up_json"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "name"),
    )
    op.create_index("ix_stages_run_status", "stages", ["run_id", "status"])
    op.create_index("ix_stages_status", "stages", ["status"])

    op.create_table(
        "attempts",
        *_required(sa.Integer(), "id"),
        *_required(sa.Text(), "stage_id"),
        *_required(sa.Integer(), "number"),
        *_required(sa.String(), "status", "host", "executor"),
        *_nullable(sa.String(), "celery_task_id"),
        *_required(sa.String(), "directory", "slots_json"),
        *_required(sa.BigInteger(), "granted_at"),
        *_nullable(sa.BigInteger(), "sent_at", "started_at", "completed_at"),
        *_nullable(sa.Integer(), "exit_code", "signal"),
        *_nullable(sa.String(), "error", "result_json"),
        *_nullable(sa.Integer(), "pid", "supervisor_pid"),
        *_nullable(sa.String(), "checkpoint"),
        *_required(sa.Boolean(), "checkpoint_tried"),
        *_nullable(sa.BigInteger(), "cancel_requested_at"),
        *_nullable(sa.String(), "stop_reason"),
        *_required(sa.Boolean(), "stops_early", "restarts", "metrics_complete"),
        *_nullable(
            sa.String(),
            "definition_json",
            "digest",
            "inputs_json",
            "kept_json",
            "code_change",
            "secret_changes_json",
            "pruning_json",
        ),
        sa.ForeignKeyConstraint(["stage_id"], ["stages.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("stage_id", "number"),
        **NEVER_REUSED,
    )
    op.create_index("ix_attempts_status", "attempts", ["status"])
    op.create_index(
        "ix_attempts_unread",
        "attempts",
        ["host"],
        sqlite_where=sa.text("metrics_complete = 0"),
        postgresql_where=sa.text("NOT metrics_complete"),
    )

    op.create_table(
        "dependencies",
        *_required(sa.Text(), "stage_id", "upstream_id"),
        sa.ForeignKeyConstraint(["stage_id"], ["stages.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["upstream_id"], ["stages.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("stage_id", "upstream_id"),
    )
    op.create_index("ix_dependencies_upstream", "dependencies", ["upstream_id"])

    op.create_table(
        "trials",
        *_required(sa.Text(), "stage_id"),
        *_required(sa.String(), "run_id", "search"),
        *_required(sa.Integer(), "number"),
        *_required(sa.String(), "state"),
        *_nullable(sa.Float(), "value", "step"),
        *_nullable(sa.String(), "reason"),
        sa.ForeignKeyConstraint(["stage_id"], ["stages.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("stage_id"),
        sa.UniqueConstraint("run_id", "search", "number"),
    )
    op.create_index("ix_trials_state", "trials", ["state"])

    op.create_table(
        "evaluations",
        *_required(sa.Text(), "stage_id"),
        *_required(sa.String(), "run_id"),
        *_nullable(sa.String(), "metric"),
        sa.ForeignKeyConstraint(["stage_id"], ["stages.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("stage_id"),
    )

    op.create_table(
        "checkpoints",
        *_required(sa.Integer(), "id"),
        *_required(sa.Text(), "evaluation_id"),
        *_nullable(sa.Text(), "stage_id"),
        *_required(sa.String(), "path"),
        *_required(sa.BigInteger(), "written_at"),
        *_required(sa.Integer(), "attempt"),
        *_nullable(sa.Float(), "step"),
        *_required(sa.String(), "identity_json", "state"),
        *_nullable(sa.String(), "reason", "held"),
        *_nullable(sa.Float(), "value"),
        *_required(sa.Integer(), "drawn"),
        sa.ForeignKeyConstraint(["evaluation_id"], ["stages.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["stage_id"], ["stages.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_checkpoints_evaluation_id", "checkpoints", ["evaluation_id"])
    op.create_index("ix_checkpoints_stage_id", "checkpoints", ["stage_id"])

    op.create_table(
        "slots",
        *_required(sa.String(), "host", "kind"),
        *_required(sa.Integer(), "number"),
        *_required(sa.BigInteger(), "attempt_id"),
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
