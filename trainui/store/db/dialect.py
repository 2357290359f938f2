"""SQLAlchemy expressions that compile differently for SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Text,
    cast,
    literal_column,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class _Member(FunctionElement[Any]):
    """A member of a JSON object in a text column; NULL if it is missing."""

    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], key: str) -> None:
        super().__init__(column, literal_column(f"'{key}'"))


@compiles(_Member)
def _of_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    column, key = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_extract({column}, '$.' || {key})"


@compiles(_Member, "postgresql")
def _of_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    column, key = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(CAST({column} AS JSON) ->> {key})"


def text_in(column: ColumnElement[Any], key: str) -> ColumnElement[str]:
    """Return a string member of a JSON object in a text column; NULL if it is missing."""
    return type_coerce(_Member(column, key), Text)


def number_in(column: ColumnElement[Any], key: str) -> ColumnElement[int]:
    """Return an integer member of such a JSON object; NULL if it is missing."""
    return cast(_Member(column, key), Integer)


class _Now(FunctionElement[int]):
    type = BigInteger()
    inherit_cache = True


@compiles(_Now)
def _now_of_sqlite(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"


@compiles(_Now, "postgresql")
def _now_of_postgresql(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"


def now() -> ColumnElement[int]:
    """Return the time of the database's clock, in microseconds: the same for all hosts."""
    return _Now()
