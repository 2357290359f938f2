"""Fixtures and options for all tests: the databases to run them on, and PostgreSQL servers."""

from __future__ import annotations

import gc
import signal
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.metadata import distribution
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import postgresql
from tests.security.another_user import unshared_directory
from tests.unit.profiles import LONG

DATABASES = ["sqlite", "postgresql"]

WAITING_UNTIL = 0.85
"""The part of the unit tests' files among which the others run; the last to start are short."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # e.g. in a shell's background job; the programs under test would inherit it and ignore ctrl+c
    signal.signal(signal.SIGINT, signal.default_int_handler)


# a busy machine fails no test by the time that an example takes
settings.register_profile(
    "untimed",
    deadline=None,
    max_examples=1000 if LONG else 40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("untimed")


def pytest_configure() -> None:
    """Refuse to run with entry points of an older `pyproject.toml`: plugins would be missing."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    installed = {(one.group, one.name, one.value) for one in distribution("trainui").entry_points}
    for group, points in project["entry-points"].items():
        if not {(group, name, value) for name, value in points.items()} <= installed:
            pytest.exit("entry points have changed: .venv/bin/pip install --no-deps -e .", 4)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Have the tests' own objects, which stay, left out of each search for garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests out that only the long suite has, unless it is asked for; mix the files."""
    if not LONG and "long" not in config.option.markexpr:
        left_out = [one for one in items if one.get_closest_marker("long")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [one for one in items if not one.get_closest_marker("long")]
    if hasattr(config, "workerinput"):  # one of several processes
        items[:] = _mixed(items)


def _mixed(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Order the files so that those that wait for processes run beside those that compute."""
    files: dict[str, list[pytest.Item]] = {}
    for one in items:
        files.setdefault(one.nodeid.partition("::")[0], []).append(one)
    computing = [file for file in files if file.startswith("tests/unit/")]
    waiting = [file for file in files if not file.startswith("tests/unit/")]
    place = {file: at / len(computing) for at, file in enumerate(computing)}
    place |= {file: WAITING_UNTIL * at / len(waiting) for at, file in enumerate(waiting)}
    return [one for file in sorted(files, key=place.__getitem__) for one in files[file]]


@pytest.fixture(scope="session", autouse=True)
def home_of_nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home for tests that set none: a person's own must be neither used nor changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRAINUI_HOME", str(tmp_path_factory.getbasetemp() / "home"))
        yield


@pytest.fixture
def unshared_path() -> Iterator[Path]:
    """A directory for tests that act as another user, in place of `tmp_path`."""
    with unshared_directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def postgresql_programs() -> Path:
    """The directory of PostgreSQL's programs; skips the test if there is none."""
    programs = postgresql.find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian's package is called postgresql)")
    return programs


@pytest.fixture(scope="session")
def postgresql_server(postgresql_programs: Path) -> Iterator[postgresql.Server]:
    """A PostgreSQL server for all tests of this process."""
    with closing(postgresql.Server(postgresql_programs)) as server:
        yield server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=DATABASES,
        default="sqlite",
        help="where the store is in tests that do not run on both",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests with `on_both_databases` on each database, others on the one of `--database`."""
    which = [metafunc.config.getoption("database")]
    if "on_both_databases" in metafunc.fixturenames:
        which = DATABASES
    if "only_on_sqlite" in metafunc.fixturenames:
        which = ["sqlite"]
    if "database" in metafunc.fixturenames:
        metafunc.parametrize("database", which, indirect=True, scope="function")
    if "served_database" in metafunc.fixturenames:
        metafunc.parametrize("served_database", which, indirect=True, scope="module")


@pytest.fixture
def on_both_databases() -> None:
    """Request to run a test that uses `database`, even indirectly, on each database."""


@pytest.fixture
def only_on_sqlite() -> None:
    """Request to run a test on SQLite only."""


@contextmanager
def settings_of_a_database(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    if request.param == "sqlite":
        yield {}
        return
    server: postgresql.Server = request.getfixturevalue("postgresql_server")
    with server.empty_database() as url:
        yield {"TRAINUI_DATABASE_URL": url}


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Environment variables that select an empty database for the store."""
    with settings_of_a_database(request) as environ:
        yield environ


@pytest.fixture(scope="module")
def served_database(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Like `database`, shared by all tests of a module."""
    with settings_of_a_database(request) as environ:
        yield environ
