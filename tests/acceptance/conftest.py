"""Command lines with a private TRAINUI_HOME; their processes are ended after the test or module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine


@pytest.fixture
def cli(tmp_path: Path, database: Mapping[str, str]) -> Iterator[CommandLine]:
    command_line = CommandLine(tmp_path, database)
    yield command_line
    command_line.close()


@contextmanager
def serving(directory: Path, settings: Mapping[str, str]) -> Iterator[CommandLine]:
    """A command line whose worker has started."""
    command_line = CommandLine(directory, settings)
    assert command_line("worker", "start").code == 0
    yield command_line
    command_line.close()


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with serving(tmp_path_factory.mktemp("shared"), {}) as command_line:
        yield command_line


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory,
    served_database: Mapping[str, str],
    request: pytest.FixtureRequest,
) -> Iterator[CommandLine]:
    """A command line whose worker is shared by all tests of a module; run names must differ.

    Its home is that of other modules, too, which leave no run there.
    """
    directory = tmp_path_factory.mktemp("served")
    if served_database:
        with serving(directory, served_database) as command_line:
            yield command_line
        return
    shared_home: CommandLine = request.getfixturevalue("shared_home")
    assert shared_home("worker", "start").code == 0
    yield shared_home.in_directory(directory / "work")
    shared_home.delete_runs()


@pytest.fixture
def emptied(served: CommandLine, tmp_path: Path) -> Iterator[CommandLine]:
    """The module's command line, with no run and in a directory of the test's own."""
    yield served.in_directory(tmp_path / "work")
    served.delete_runs()
