"""What every test relies on, however the tests were started."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests import postgresql

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # as in a shell's background job; the programs under test would inherit it and heed no ctrl+c
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgresql_programs() -> Path:
    """The directory of PostgreSQL's programs; without them a test is skipped."""
    programs = postgresql.find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian's package is called postgresql)")
    return programs


@pytest.fixture(scope="session")
def postgresql_server(postgresql_programs: Path) -> Iterator[postgresql.Server]:
    """A PostgreSQL for all tests of this process."""
    with closing(postgresql.Server(postgresql_programs)) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let the store be on this database; the test runs once on each."""
    if request.param == "sqlite":
        yield "sqlite"
        return
    server: postgresql.Server = request.getfixturevalue("postgresql_server")
    url = server.make_database(server.filled_template())
    monkeypatch.setenv("TRAINUI_DATABASE_URL", url)
    yield "postgresql"
    server.drop(url)
