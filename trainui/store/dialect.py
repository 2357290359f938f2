"""SQL that the two databases word differently, for statements that SQLAlchemy writes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class number_in(FunctionElement[int]):
    """A whole number of a JSON object that a column of text holds; NULL where it is not there."""

    type = Integer()
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], key: str) -> None:
        from sqlalchemy import literal_column

        super().__init__(column, literal_column(f"'{key}'"))


@compiles(number_in)
def _sqlite(element: Any, compiler: Any, **options: Any) -> str:
    column, key = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_extract({column}, '$.' || {key})"


@compiles(number_in, "postgresql")
def _postgresql(element: Any, compiler: Any, **options: Any) -> str:
    column, key = (compiler.process(clause, **options) for clause in element.clauses)
    return f"CAST(CAST({column} AS JSON) ->> {key} AS INTEGER)"
