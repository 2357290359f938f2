"""Private homes and command lines for each test, or one home shared by a module's tests."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import cli as cli
from tests.integration import background
from tests.integration.conftest import trainui_home as trainui_home
from tests.integration.runs import Run, home_with_worker
from trainui.paths import Home

NewRun = Callable[..., Run]


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, served_database: Mapping[str, str]
) -> Iterator[Home]:
    with home_with_worker(tmp_path_factory.mktemp("faults"), served_database, cpus="3") as home:
        yield home


@pytest.fixture
def new_run(home: Home, tmp_path: Path) -> NewRun:
    """Returns a function that submits a run in a new directory to the running worker."""
    background.start()
    numbers = itertools.count()

    def submit(*stages: dict[str, Any], **fields: Any) -> Run:
        return Run(tmp_path / f"run{next(numbers)}", *stages, **fields)

    return submit
