"""Optuna's journal as a database in memory, so that it is read as the database of a study is.

Each line is a change of a study or a trial, which are numbered by the lines that create them. A
change that Optuna ignores, like one of a trial that has ended, is ignored here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from trainui import plain_files
from trainui.metrics.files import lenient_files
from trainui.metrics.files.tail import look_at
from trainui.metrics.formats.optuna_journal import FIELDS, STATES, Change, JournalNumbers

_TABLES = """
CREATE TABLE studies (study_id INTEGER PRIMARY KEY, study_name TEXT);
CREATE TABLE study_directions (study_id INTEGER, objective INTEGER);
CREATE TABLE trials (trial_id INTEGER PRIMARY KEY, number INTEGER, study_id INTEGER, state TEXT,
    datetime_start TEXT, datetime_complete TEXT);
CREATE TABLE trial_params (trial_id INTEGER, param_name TEXT, param_value FLOAT,
    distribution_json TEXT);
CREATE TABLE trial_values (trial_value_id INTEGER PRIMARY KEY, trial_id INTEGER, objective INTEGER,
    value FLOAT);
CREATE TABLE trial_intermediate_values (trial_intermediate_value_id INTEGER PRIMARY KEY,
    trial_id INTEGER, step INTEGER, intermediate_value FLOAT);
"""


def is_journal(path: Path) -> bool:
    """Return True if a file begins as a journal."""
    head = lenient_files.known_head(path, look_at(path)).partition(b"\n")[0]
    return head.startswith(b"{") and all(f'"{name}"'.encode() in head for name in FIELDS)


def as_database(path: Path) -> sqlite3.Connection:
    """Return a journal as a database; a line that is not whole yet is left out."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.executescript(_TABLES)
    numbers, steps = JournalNumbers(), list[tuple[Any, ...]]()
    whole, _, _torn = plain_files.read_bytes(path).rpartition(b"\n")
    for line in whole.split(b"\n"):
        with suppress(ValueError, LookupError, TypeError, AttributeError):  # a damaged line
            entry = json.loads(line)
            if (change := numbers.apply(entry)) is not None:
                steps += [(change.trial, *one) for one in change.intermediate]
                if not change.is_step:
                    _apply(connection, change, entry)
    connection.executemany(
        "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value) "
        "VALUES (?, ?, ?)",
        steps,
    )
    return connection


def _apply(connection: sqlite3.Connection, change: Change, entry: Mapping[str, Any]) -> None:
    """Make the change of a line, apart from values at steps."""
    if change.is_deleted:
        connection.execute("DELETE FROM studies WHERE study_id = ?", (change.study,))
        return
    goals = range(change.goals) if change.is_new_study else ()
    trial = (change.trial, change.number, change.study, "RUNNING", None, None)
    values = enumerate(change.values)
    added: dict[str, list[tuple[Any, ...]]] = {
        "studies": [(change.study, change.study_name)] if change.is_new_study else [],
        "study_directions": [(change.study, goal) for goal in goals],
        "trials": [trial] if change.is_new_trial else [],
        "trial_params": [(change.trial, *one) for one in change.params],
        "trial_values": [(None, change.trial, objective, value) for objective, value in values],
    }
    for table, rows in added.items():
        for row in rows:
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)
    for column in ("datetime_start", "datetime_complete"):
        if entry.get(column):
            moment = datetime.fromisoformat(entry[column]).isoformat()
            connection.execute(
                f"UPDATE trials SET {column} = ? WHERE trial_id = ?", (moment, change.trial)
            )
    if change.state is not None:
        connection.execute(
            "UPDATE trials SET state = ? WHERE trial_id = ?", (STATES[change.state], change.trial)
        )
