"""Writes the SQL of which a new SQLite database is made, from the models.

To be run at each change of the tables, for a test compares the two:

    .venv/bin/python -m tests.migration.tables_sql
"""

from __future__ import annotations

from sqlalchemy import Table, create_mock_engine
from sqlalchemy.dialects import sqlite
from sqlmodel import SQLModel

from trainui.store import tables
from trainui.store.db.schema import TABLES

VERSION_TABLE = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


def text() -> str:
    """Return the statements that make all tables and indexes."""
    statements: list[str] = []
    dialect = sqlite.dialect()
    engine = create_mock_engine(
        "sqlite://",
        lambda statement, *_: statements.append(str(statement.compile(dialect=dialect)).strip()),
    )
    rows = list(vars(tables).values())
    found = (getattr(row, "__table__", None) for row in rows)
    ours = list(dict.fromkeys(table for table in found if isinstance(table, Table)))
    SQLModel.metadata.create_all(engine, tables=ours, checkfirst=False)
    made = [one for one in statements if one.startswith("CREATE TABLE")]
    indexes = sorted(set(statements) - set(made))  # SQLAlchemy has those of a table in no order
    lines = "".join(f"{statement};\n\n" for statement in [*made, VERSION_TABLE, *indexes])
    return "\n".join(line.rstrip() for line in lines.rstrip("\n").split("\n")) + "\n"


if __name__ == "__main__":
    TABLES.write_text(text(), encoding="utf-8")
