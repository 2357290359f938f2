"""All SQL is in the store: other packages call its named functions."""

from __future__ import annotations

import ast
import re

import pytest

from tests.unit.sources import PACKAGE, parsed

ROOMS = (
    "store/",
    "metrics/trackers.py",
    "plugins/",
    "execution/worker/celery_app.py",
)
"""The store; trackers and plugins read databases of other programs. The sender's `execute` is
Redis's."""

SQL = re.compile(
    r"\s*(SELECT\s|INSERT (OR \w+ )?INTO\s|UPDATE \w+ SET\s|DELETE FROM\s|PRAGMA\s|WITH \w+ AS \("
    r"|(BEGIN|COMMIT|ROLLBACK)( IMMEDIATE)?;?$|(LISTEN|NOTIFY|CREATE TABLE|ALTER TABLE) )"
)


def statements(tree: ast.Module) -> list[str]:
    """Return the SQL in a module's strings, and its calls of a connection's `execute`."""
    nodes = list(ast.walk(tree))
    texts = [one.value for one in nodes if isinstance(one, ast.Constant)]
    calls = [one.func for one in nodes if isinstance(one, ast.Call)]
    return [text for text in texts if isinstance(text, str) and SQL.match(text)] + [
        ast.unparse(call)
        for call in calls
        if isinstance(call, ast.Attribute) and call.attr in ("execute", "executemany")
    ]


def test_no_module_outside_the_store_has_sql() -> None:
    found = {
        name: statements(tree)
        for file, tree in parsed()
        if not (name := file.relative_to(PACKAGE).as_posix()).startswith(ROOMS)
    }
    assert {name: texts for name, texts in found.items() if texts} == {}


@pytest.mark.parametrize(
    "source",
    [
        "SQL = 'SELECT id FROM runs'",
        "f'UPDATE runs SET name = ? WHERE id IN ({marks})'",
        "connection.execute(query)",
        "run('BEGIN IMMEDIATE')",
    ],
)
def test_sql_is_recognised(source: str) -> None:
    assert statements(ast.parse(source))
