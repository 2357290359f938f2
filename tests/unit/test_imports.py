"""What a start loads, seen from outside: what is slow to load is loaded by what needs it."""

from __future__ import annotations

import subprocess
import sys
from operator import attrgetter
from pathlib import Path

import pytest

from trainui.cli.options import MODULES

HEAVY = ("textual", "celery", "kombu", "sqlalchemy", "sqlmodel", "alembic", "numpy", "pydantic")


def loaded(code: str, tmp_path: Path) -> set[str]:
    """Return the modules that a new interpreter has loaded after some code."""
    program = f"import sys\n{code}\nsys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={
            "TRAINUI_HOME": str(tmp_path / "home"),
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def command(*arguments: str) -> str:
    return f"from trainui.cli.main import main\nmain({list(arguments)!r})"


def test_the_package_alone_loads_nothing_heavy(tmp_path: Path) -> None:
    assert not loaded("import trainui", tmp_path) & {*HEAVY, "typer", "psutil", "sqlite3"}


def test_help_loads_no_screen_no_celery_and_no_orm(tmp_path: Path) -> None:
    heavy = loaded(command("--help"), tmp_path) & {*HEAVY}
    assert not heavy & {"textual", "celery", "kombu", "sqlalchemy", "sqlmodel", "alembic"}


def test_looking_loads_the_database_driver_only(tmp_path: Path) -> None:
    seen = loaded(command("ls"), tmp_path)
    # Typer itself may load pydantic, which is none of ours
    assert not seen & {"textual", "celery", "kombu", "sqlalchemy", "sqlmodel", "alembic", "numpy"}
    assert "sqlite3" in seen


def test_a_command_loads_its_own_module_alone(tmp_path: Path) -> None:
    seen = loaded(command("ls"), tmp_path)
    assert seen & {f"trainui.cli.{name}" for name in MODULES} == {
        "trainui.cli.app",
        "trainui.cli.runs_list",
    }
    assert not seen & {"tomllib", "socket", "hashlib", "statistics", "logging"}
    assert "trainui.model.records" not in seen
    assert not {name for name in seen if name.startswith("trainui.plugin")}


def test_the_store_loads_no_sqlalchemy_and_no_other_driver(tmp_path: Path) -> None:
    seen = loaded("from trainui.store.db.engine import open_store\nopen_store()", tmp_path)
    assert not seen & {"sqlalchemy", "sqlmodel", "pydantic", "psycopg", "alembic"}


SUBMIT = (
    "from trainui import control\nfrom trainui.pipeline.stage_command import from_command\n"
    "control.submit(from_command(['true']))"
)


def test_showing_a_run_loads_no_plugins(tmp_path: Path) -> None:
    loaded(SUBMIT, tmp_path)
    seen = loaded(command("show", "true"), tmp_path)
    assert "trainui.store.read.views" in seen
    assert not {name for name in seen if name.startswith("trainui.plugin")}


def test_stopping_the_worker_loads_no_plugins_and_no_parser_of_pipelines(tmp_path: Path) -> None:
    seen = loaded(command("worker", "stop"), tmp_path)
    assert "trainui.execution.daemon.lifecycle" in seen
    assert not {name for name in seen if name.startswith(("trainui.plugin", "trainui.pipeline"))}


def test_a_command_is_submitted_without_orm_and_pydantic(tmp_path: Path) -> None:
    seen = loaded(SUBMIT, tmp_path)  # makes the store too
    assert "trainui.store.runs.stored_pipeline" in seen
    assert not seen & {"sqlalchemy", "sqlmodel", "alembic", "numpy", "pydantic", "yaml"}


def test_the_way_to_the_screen_loads_no_command(tmp_path: Path) -> None:
    # there is no terminal, so it ends before Textual
    seen = loaded(command(), tmp_path)
    assert not seen & {*HEAVY, "typer", "click"}
    assert not {name for name in seen if name.startswith("trainui.plugin")}


def test_checking_a_file_loads_no_database(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text("stages: [{name: one, run: echo}]")
    seen = loaded(command("validate", str(file)), tmp_path)
    assert "yaml" in seen
    assert not seen & {"sqlalchemy", "sqlmodel", "alembic", "numpy"}


ALL_OF_CONTROL = "from trainui import control\nfor name in control.__all__: getattr(control, name)"


@pytest.mark.parametrize(
    "code", ["import trainui.tui.start", "import trainui.cli.app", ALL_OF_CONTROL]
)
def test_front_ends_do_not_load_celery(code: str, tmp_path: Path) -> None:
    assert not loaded(code, tmp_path) & {"celery", "kombu"}


def test_public_names_are_resolved_on_first_use(tmp_path: Path) -> None:
    code = "import trainui\nfor name in trainui.__all__: getattr(trainui, name)"
    assert {"celery", "sqlmodel"} <= loaded(code, tmp_path)
    assert "sqlalchemy" not in loaded("from trainui import validate_file_path", tmp_path)


def test_an_unknown_name_is_an_attribute_error() -> None:
    import trainui

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        attrgetter("nothing")(trainui)


def test_a_worker_imports_neither_numpy_nor_what_few_need(tmp_path: Path) -> None:
    code = (
        "from trainui.execution.worker import __main__\n__main__._import_worker()\n"
        "from trainui import settings\nfrom trainui.execution import planner\n"
        "planner.all_slots(settings.load())"
    )
    seen = loaded(code, tmp_path)
    assert {"celery", "kombu.serialization"} <= seen
    assert not seen & {"sqlalchemy", "sqlmodel"}
    assert not seen & {"numpy", "textual", "yaml", "psutil", "optuna"}
    assert not seen & {"trainui.execution.attempt.cause", "trainui.metrics.formats"}


WORKER = "from trainui.execution.worker import __main__\n__main__._import_worker()\n"
LOADER = "from trainui.pipeline import loader\nloader.load_text('stages: [{name: a, run: b}]')\n"


@pytest.mark.parametrize(
    ("code", "last"), [(WORKER, "kombu.matcher"), (LOADER, "pydantic.plugin._loader")]
)
def test_the_installed_packages_are_not_searched_for_libraries_plugins(
    code: str, last: str, tmp_path: Path
) -> None:
    code = (
        "import importlib.metadata\n"
        "def entry_points(**_): raise AssertionError('searched')\n"
        "importlib.metadata.entry_points = entry_points\n"
        f"{code}"
        "import os\nassert 'PYDANTIC_DISABLE_PLUGINS' not in os.environ"
    )
    assert last in loaded(code, tmp_path)


@pytest.mark.parametrize(("option", "early"), [("--detach", True), ("--dry-run", False)])
def test_a_run_starts_its_worker_before_the_parser_is_imported(
    option: str, early: bool, tmp_path: Path
) -> None:
    code = (
        "from trainui.cli import main\nfrom trainui.execution import processes\n"
        "main._call_command = lambda _: 0\n"
        "processes._begin_early_worker = lambda: sys.modules.update(early=sys)\n"
        f"main.main(['run', {option!r}, '--', 'true', '--dry-run'])"
    )
    seen = loaded(code, tmp_path)
    assert ("early" in seen) == early
    assert "typer" not in seen


def test_optuna_is_loaded_by_a_worker_with_a_search_alone(tmp_path: Path) -> None:
    seen = loaded("from trainui.execution.worker import celery_worker", tmp_path)
    assert {"trainui.execution.worker.member_threads", "trainui.resume.search_results"} <= seen
    assert "optuna" not in seen
