"""The attempts that the metrics reader has to read are found without reading all others."""

from __future__ import annotations

import sqlite3

import pytest

from trainui.store.db.engine import Database
from trainui.store.runs import metrics_progress


def test_unread_attempts_are_found_by_their_index(store: Database) -> None:
    with store.read() as connection:
        if not isinstance(connection, sqlite3.Connection):
            pytest.skip("PostgreSQL chooses by statistics")
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        metrics_progress.attempts_to_read(connection, "a")
        connection.set_trace_callback(None)
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statements[-1]}").fetchall()
    assert "ix_attempts_unread" in str(plan)
