"""Data of events, who gave a stage's reason, edits of secret values: all of it was prose."""

from __future__ import annotations

import json
import math
import re

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

ALERTED = re.compile(
    r"(?P<metric>.+) (?:is \S+|has not improved for \S+ points) at step (?P<step>[^\s,;]+)"
    r"(?:[,;].*)?",
    re.DOTALL,
)
"""The text of older events on an alert or a NaN, with its metric and step."""

SILENT = "the host % has not been heard of for %"
"""The warning that older versions wrote on a stage of a host without a heartbeat."""

MADE_UP = "a secret"
"""The variable that stood in an attempt's definition for an edited secret value."""


def upgrade() -> None:
    """Bring the database to this revision."""
    op.add_column("events", sa.Column("data_json", sa.String(), nullable=True))
    op.add_column("stages", sa.Column("reason_host", sa.String(), nullable=True))
    op.add_column("attempts", sa.Column("secret_changes_json", sa.String(), nullable=True))
    connection = op.get_bind()
    _give_events_data(connection)
    _give_attempts_secret_changes(connection)
    connection.execute(
        sa.text(
            "UPDATE stages SET reason_host = '-' "  # some other host: which one is not on record
            "WHERE status = 'running' AND reason LIKE :silent"
        ),
        {"silent": SILENT},
    )


def _give_events_data(connection: sa.Connection) -> None:
    found = connection.execute(
        sa.text(
            "SELECT id, kind, stage, text FROM events WHERE kind IN ('run', 'nan', 'alert', 'mark')"
        )
    )
    datas = [
        {"id": number, "data": json.dumps(data, separators=(",", ":"))}
        for number, kind, stage, text in found.fetchall()
        if (data := _ended(text) if kind == "run" else _alerted(text.removeprefix(f"{stage}: ")))
    ]
    if datas:
        connection.execute(sa.text("UPDATE events SET data_json = :data WHERE id = :id"), datas)


def _ended(text: str) -> dict[str, object]:
    return {"status": text.removeprefix("the run is ")}


def _alerted(words: str) -> dict[str, object] | None:
    found = ALERTED.fullmatch(words)
    try:
        step = float(found["step"]) if found else math.nan
    except ValueError:
        return None
    return {"metric": found["metric"], "step": step} if found and math.isfinite(step) else None


def _give_attempts_secret_changes(connection: sa.Connection) -> None:
    found = connection.execute(
        sa.text("SELECT id, definition_json FROM attempts WHERE definition_json LIKE :made_up"),
        {"made_up": f'%"{MADE_UP}"%'},
    )
    for number, text in found.fetchall():
        definition = json.loads(text)
        if definition.get("env", {}).pop(MADE_UP, None) is None:
            continue
        connection.execute(
            sa.text(
                "UPDATE attempts SET definition_json = :definition, secret_changes_json = :changes "
                "WHERE id = :id"
            ),
            {
                "id": number,
                "definition": json.dumps(definition, ensure_ascii=False, separators=(",", ":")),
                "changes": '["a secret value changed"]',
            },
        )
