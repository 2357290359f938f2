"""The Python of a stage is found as the shell would find it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from trainui.errors import UnfitEnvironmentError
from trainui.pipeline import stage_command
from trainui.pipeline.stage_command import Interpreter


def fake_python(directory: Path, name: str = "python") -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.symlink_to(sys.executable)
    return path


def test_without_a_wish_it_is_the_shells(tmp_path: Path) -> None:
    python3 = fake_python(tmp_path / "one", "python3")
    environ = {"PATH": str(tmp_path / "one")}
    assert stage_command.find_interpreter(None, environ) == Interpreter(str(python3))
    python = fake_python(tmp_path / "one")
    assert stage_command.find_interpreter(None, environ) == Interpreter(str(python))
    assert stage_command.find_interpreter(None, {"PATH": str(tmp_path)}) == Interpreter("python3")
    assert stage_command.with_interpreter(environ, Interpreter("x")) == environ


def test_an_environments_directory(tmp_path: Path) -> None:
    python = fake_python(tmp_path / "venv" / "bin")
    found = stage_command.find_interpreter(str(tmp_path / "venv"), {"PATH": "/usr/bin"})
    prefix = str(tmp_path / "venv")
    assert found == Interpreter(str(python), f"{prefix}/bin", prefix)
    environ = stage_command.with_interpreter(
        {"PATH": "/usr/bin", "PYTHONHOME": "/x", "A": "1"}, found
    )
    assert environ == {"PATH": f"{prefix}/bin:/usr/bin", "VIRTUAL_ENV": prefix, "A": "1"}


def test_an_interpreter_is_not_followed_out_of_its_environment(tmp_path: Path) -> None:
    python = fake_python(tmp_path / "venv" / "bin", "python3.11")
    found = stage_command.find_interpreter(str(python), {"PATH": "/usr/bin"})
    assert found == Interpreter(str(python), str(python.parent))


def test_an_interpreters_environment_replaces_the_shells(tmp_path: Path) -> None:
    shell = {"PATH": "/usr/bin", "VIRTUAL_ENV": "/shell", "CONDA_PREFIX": "/base"}
    for name, sign, variable in (
        ("venv", "pyvenv.cfg", "VIRTUAL_ENV"),
        ("conda", "conda-meta", "CONDA_PREFIX"),
    ):
        prefix = tmp_path / name
        python = fake_python(prefix / "bin")
        (prefix / sign).mkdir()
        for named in (prefix, python):
            environ = stage_command.with_interpreter(
                shell, stage_command.find_interpreter(str(named), {})
            )
            assert environ.pop("PATH") == f"{prefix}/bin:/usr/bin"
            assert environ == {"CONDA_PREFIX": "/base", variable: str(prefix)}
    python = fake_python(tmp_path / "opt" / "bin")
    environ = stage_command.with_interpreter(shell, stage_command.find_interpreter(str(python), {}))
    assert environ == {"PATH": f"{python.parent}:/usr/bin", "CONDA_PREFIX": "/base"}


def test_a_name_is_looked_up_on_the_submitting_path(tmp_path: Path) -> None:
    python = fake_python(tmp_path / "bin", "python9.9")
    found = stage_command.find_interpreter("python9.9", {"PATH": str(tmp_path / "bin")})
    assert found == Interpreter(str(python), str(python.parent))


def test_a_missing_interpreter_is_reported(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnfitEnvironmentError, match="no bin/python"):
        stage_command.find_interpreter(str(tmp_path / "empty"), {})
    with pytest.raises(UnfitEnvironmentError, match="set `python`"):
        stage_command.find_interpreter(str(tmp_path / "none"), {})
    with pytest.raises(UnfitEnvironmentError):
        stage_command.find_interpreter("python9.9", {"PATH": str(tmp_path)})


def test_the_first_python_is_the_one_that_runs(tmp_path: Path) -> None:
    fake_python(tmp_path / "venv" / "bin")
    found = stage_command.find_interpreter(str(tmp_path / "venv"), {})
    environ = stage_command.with_interpreter({"PATH": "/usr/bin:/bin"}, found)
    done = subprocess.run(
        ["sh", "-c", "command -v python"], env=environ, capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == found.path
