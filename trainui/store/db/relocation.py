"""Moves the paths of a home's runs in its database when the home was moved or copied."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from trainui.store.db.protocol import Connection

PATHS = (
    ("runs", "id", "directory"),
    ("stages", "id", "directory"),
    ("attempts", "id", "directory"),
    ("attempts", "id", "checkpoint"),
    ("sources", "id", "key"),
)
"""Columns with one path each: table, key, column."""

TEXTS = (
    ("runs", "id", "submission_json"),
    ("runs", "id", "params_json"),
    ("stages", "id", "definition_json"),
    ("stages", "id", "result_json"),
    ("attempts", "id", "definition_json"),
    ("attempts", "id", "inputs_json"),
    ("attempts", "id", "kept_json"),
    ("attempts", "id", "result_json"),
    ("events", "id", "data_json"),
    ("sources", "id", "state_json"),
)
"""Columns with paths in JSON, e.g. in a command with `${run_dir}`."""

_OF_HOST = {
    "runs": "host = ?",
    "stages": "run_id IN (SELECT id FROM runs WHERE host = ?)",
    "events": "run_id IN (SELECT id FROM runs WHERE host = ?)",
    "attempts": "host = ?",
    "sources": "owner IN (SELECT stages.id FROM stages JOIN runs ON runs.id = run_id "
    "WHERE host = ?)",
}
"""The condition that a row belongs to a run of a host."""


def moved(path: str, old: Iterable[str], new: str) -> str:
    """Return where a path is after a home moved from one of its `old` paths; itself if outside."""
    for one in old:
        if path.startswith(f"{one}/"):
            return new + path[len(one) :]
    return path


def move(connection: Connection, old: str, new: str, host: str | None = None) -> None:
    """Replace the path of a home in all paths below it; on a shared database, of one host's runs.

    In texts it is replaced where it is not the end of a longer path.
    """
    if old == new:
        return
    for table, key, column in PATHS:
        _update(connection, (table, key, column), f"{old}/", new, host)
    for table, key, column in TEXTS:
        _update(connection, (table, key, column), f"{old}/", new, host, is_json=True)


def _update(
    connection: Connection,
    place: tuple[str, str, str],
    old: str,
    new: str,
    host: str | None,
    *,
    is_json: bool = False,
) -> None:
    table, key, column = place
    if is_json:
        old, new = (json.dumps(one, ensure_ascii=False)[1:-1] for one in (old, new))
    condition, parameters = f"{column} LIKE ? ESCAPE '!'", [f"{'%' * is_json}{_escaped(old)}%"]
    if host is not None:
        condition, parameters = f"{condition} AND {_OF_HOST[table]}", [*parameters, host]
    found = connection.execute(
        f"SELECT {key}, {column} FROM {table} WHERE {condition}", tuple(parameters)
    ).fetchall()
    pattern = re.compile(rf"(?<![\w./-]){re.escape(old)}" if is_json else f"^{re.escape(old)}")
    for row_id, text in found:
        changed = pattern.sub(lambda _: f"{new}/", text)
        if changed != text:
            connection.execute(
                f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (changed, row_id)
            )


def _escaped(text: str) -> str:
    return re.sub(r"([!%_])", r"!\1", text)
