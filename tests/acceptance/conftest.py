"""Command lines with a private TRAINUI_HOME; their processes are ended after the test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine


@pytest.fixture
def cli(tmp_path: Path, database: Mapping[str, str]) -> Iterator[CommandLine]:
    command_line = CommandLine(tmp_path, database)
    yield command_line
    command_line.close()


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, served_database: Mapping[str, str]
) -> Iterator[CommandLine]:
    """A command line whose worker is shared by all tests of a module; run names must differ."""
    command_line = CommandLine(tmp_path_factory.mktemp("served"), served_database)
    assert command_line("worker", "start").code == 0
    yield command_line
    command_line.close()
