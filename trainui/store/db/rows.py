"""Writes of rows on the driver's connection, inside a transaction that SQLAlchemy has begun.

Through SQLAlchemy a statement would cost ten times as much; many run at each change of a stage, and
a dozen files may be stored twenty times a second.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from trainui.store.db import protocol, statements
from trainui.store.db.engine import raw


def run(connection: Connection, statement: str, parameters: Sequence[Any] = ()) -> protocol.Cursor:
    """Execute a statement, written for SQLite."""
    return raw(connection).execute(statement, parameters)


def insert(connection: Connection, table: str, values: Mapping[str, Any]) -> int:
    """Insert a row; return its id."""
    columns = f"({', '.join(values)}) VALUES ({statements.placeholders(values)})"
    driver, parameters = raw(connection), tuple(values.values())
    if isinstance(driver, sqlite3.Connection):
        return driver.execute(f"INSERT INTO {table} {columns}", parameters).lastrowid or 0
    found = driver.execute(f"INSERT INTO {table} {columns} RETURNING id", parameters)
    return int(found.fetchone()[0])


def insert_all(connection: Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that have the same columns."""
    statements.insert(raw(connection), table, rows)


def change(connection: Connection, table: str, where: Mapping[str, Any], **values: Any) -> bool:
    """Change columns of the rows that have these values; return True if there are any."""
    columns = ", ".join(f"{name} = ?" for name in values)
    same = " AND ".join(
        f"{name} IS NULL" if value is None else f"{name} = ?" for name, value in where.items()
    )
    parameters = (*values.values(), *(value for value in where.values() if value is not None))
    return run(connection, f"UPDATE {table} SET {columns} WHERE {same}", parameters).rowcount > 0


def set_values(connection: Connection, table: str, row_id: int | str, **values: Any) -> None:
    """Change columns of the row with this id."""
    change(connection, table, {"id": row_id}, **values)
