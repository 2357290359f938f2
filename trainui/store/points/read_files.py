"""The files that our own runs and adopted processes read: no external runs of their own."""

from __future__ import annotations

from sqlalchemy import Connection

from trainui.store.points.sources import run
from trainui.store.read import row_mapping

_ADOPTED = "pipeline = 'process (external)'"

_FILES = (
    "SELECT key, run_id FROM sources JOIN stages ON stages.id = owner "
    "JOIN runs ON runs.id = run_id "
    f"WHERE pipeline NOT LIKE '% (external)' OR {_ADOPTED}"
)

_DEFINITIONS = (
    f"SELECT definition_json, run_id FROM stages JOIN runs ON runs.id = run_id WHERE {_ADOPTED}"
)


def of_runs(connection: Connection) -> dict[str, str]:
    """Return the ids of runs by the keys of the files that they read."""
    found = {str(key): str(run_id) for key, run_id in run(connection, _FILES).fetchall()}
    for text, run_id in run(connection, _DEFINITIONS).fetchall():
        definition = row_mapping.definition(text)
        found |= {one.path: str(run_id) for one in definition.metrics or () if one.path}
    return found
