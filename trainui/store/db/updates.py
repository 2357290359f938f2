"""Updates of the rows that still have the values seen (compare-and-set)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainui.store.db.protocol import Connection


def set_values(connection: Connection, table: str, row_id: int | str, **values: Any) -> None:
    """Change columns of the row with this id."""
    change(connection, table, {"id": row_id}, **values)


def change(connection: Connection, table: str, where: Mapping[str, Any], **values: Any) -> bool:
    """Change columns of the rows that have the values `where`; return True if there are any."""
    changes = ", ".join(f"{name} = ?" for name in values)
    seen = " AND ".join(
        f"{name} IS NULL" if value is None else f"{name} = ?" for name, value in where.items()
    )
    known = (value for value in where.values() if value is not None)
    statement = f"UPDATE {table} SET {changes} WHERE {seen}"
    return connection.execute(statement, (*values.values(), *known)).rowcount > 0
