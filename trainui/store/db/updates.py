"""Updates of the rows that still have the values seen (compare-and-set)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table, Update, bindparam, update


def set_values(connection: Connection, table: Table, row_id: int | str, **values: Any) -> None:
    """Change columns of the row with this id."""
    change(connection, table, {"id": row_id}, **values)


def change(connection: Connection, table: Table, where: Mapping[str, Any], **values: Any) -> bool:
    """Change columns of the rows that have the values `where`; return True if there are any."""
    seen = {f"where_{name}": value for name, value in where.items() if value is not None}
    statement = _update(table, tuple((name, value is None) for name, value in where.items()))
    return connection.execute(statement, seen | values).rowcount > 0


@cache
def _update(table: Table, where: tuple[tuple[str, bool], ...]) -> Update:
    """Build the statement once, since building costs more than running.

    `where` has the columns that are compared, each with True if it must be NULL.
    """
    conditions = (
        table.c[name].is_(None) if is_null else table.c[name] == bindparam(f"where_{name}")
        for name, is_null in where
    )
    return update(table).where(*conditions)
