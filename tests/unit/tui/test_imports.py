"""The way to the first frame imports Textual and the database driver, and nothing heavier."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "alembic",
    "celery",
    "kombu",
    "msgspec",
    "numpy",
    "psutil",
    "pydantic",
    "redis",
    "yaml",
    "sqlalchemy",
    "sqlmodel",
    "typer",
)


def imported_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = found.stdout.split()
    return {name.split(".")[0] for name in names} | set(names)


def test_the_list_of_runs_needs_nothing_heavy() -> None:
    found = imported_by("trainui.tui.app, trainui.tui.run_list.screen")
    assert not found & {*HEAVY, "trainui.plugin", "statistics"}


def test_neither_does_a_runs_page() -> None:
    modules = "trainui.tui.run_page.screen, trainui.tui.readers.page_reader, trainui.tui.app"
    assert not imported_by(modules) & set(HEAVY)


def test_the_entry_does_not_even_import_textual() -> None:
    assert "textual" not in imported_by("trainui.tui.start")
