"""What a person who watches is rung for, as it happens: plain SQL on a read-only connection."""

from __future__ import annotations

from sqlite3 import Connection

from trainui.domain.notices import ENDS, MARKS, Notice

_ENDED = {f"the run is {status}": str(status) for status in ENDS}
"""Texts of the events that tell of a run's end, each with its state."""


def last(connection: Connection) -> int:
    """Return the number of the newest event; 0 where there is none."""
    row = connection.execute("SELECT max(id) FROM events").fetchone()
    return int(row[0] or 0)


def after(connection: Connection, event: int) -> tuple[int, list[Notice]]:
    """Return the number of the newest event, and what those after `event` are rung for."""
    marks = ", ".join("?" * len(MARKS))
    found = connection.execute(
        "SELECT events.id, kind, events.run_id, runs.name, text FROM events "
        f"JOIN runs ON runs.id = events.run_id WHERE events.id > ? AND kind IN ('run', {marks}) "
        "ORDER BY events.id",
        (event, *MARKS),
    ).fetchall()
    notices = []
    for _, kind, run_id, name, text in found:
        if kind in MARKS:
            notices.append(Notice(kind, run_id, name, f"{name}: {text}"))
        elif text in _ENDED:
            notices.append(Notice(_ENDED[text], run_id, name, f"{name} is {_ENDED[text]}"))
    return max(last(connection), event), notices
