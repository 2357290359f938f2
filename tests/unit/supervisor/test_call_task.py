"""Calling a task in the stage's own interpreter: how it is found, and what comes of it."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from trainui.supervisor import call_task

SCRIPT = call_task.__file__


@dataclass
class Called:
    """What came of a call."""

    code: int
    result: dict[str, Any]
    stderr: str

    @property
    def message(self) -> str:
        return str(self.result["error"]).split("\n\n")[0]


class Project:
    """A folder of user modules, and calls into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        self.call_file, self.result_file = folder / "call.json", folder / "result.json"

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def call(self, task: str, *, python: str = sys.executable, **fields: Any) -> Called:
        call = {"task": task, "params": {}, "sys_path": [str(self.folder)], "include": [], **fields}
        self.call_file.write_text(json.dumps(call))
        done = subprocess.run(
            [python, SCRIPT, self.call_file, self.result_file],
            cwd="/",
            env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert self.result_file.exists(), done.stderr
        return Called(done.returncode, json.loads(self.result_file.read_text()), done.stderr)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_function_is_called_with_its_params(project: Project) -> None:
    project.write("train.py", "def fit(lr, epochs=1):\n    return {'lr': lr, 'epochs': epochs}\n")
    called = project.call("train.fit", params={"lr": 0.5})
    assert (called.code, called.result) == (0, {"ok": True, "result": {"lr": 0.5, "epochs": 1}})
    assert called.stderr == ""
    assert project.result_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "name",
    ["pkg.sub.mod.f", "pkg.sub.mod.Namespace.f", "pkg.f", "pkg.sub.mod:f", "pkg:f"],
)
def test_a_name_is_followed_through_packages_modules_and_classes(
    project: Project, name: str
) -> None:
    project.write("pkg/__init__.py", "def f():\n    return 'found'\n")
    project.write("pkg/sub/__init__.py", "")
    project.write(
        "pkg/sub/mod.py",
        "def f():\n    return 'found'\nclass Namespace:\n    f = staticmethod(f)\n",
    )
    assert project.call(name).result == {"ok": True, "result": "found"}


def test_a_function_named_as_its_module_is_the_function(project: Project) -> None:
    project.write("evaluate/__init__.py", "from .score import score\n")
    project.write("evaluate/score.py", "def score():\n    return 1\n")
    assert project.call("evaluate.score").result == {"ok": True, "result": 1}


def test_an_error_is_its_message_then_the_users_traceback(project: Project) -> None:
    project.write("train.py", "def fit():\n    raise ValueError('what')\n")
    called = project.call("train.fit")
    assert called.code == 1
    assert called.result["ok"] is False
    message, trace = called.result["error"].split("\n\n", 1)
    assert message == "ValueError: what"
    assert trace.splitlines()[0] == "Traceback (most recent call last):"
    assert trace.splitlines()[-1] == "ValueError: what"
    assert "train.py" in trace
    assert "call_task.py" not in trace
    assert called.stderr == trace


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ("nowhere.fit", "no module is named 'nowhere'"),
        ("nowhere:fit", "no module is named 'nowhere'"),
        ("train.missing", "'train' has no 'missing'"),
        ("train.fit.missing", "'train.fit' has no 'missing'"),
        ("fit", "it names no module"),
    ],
)
def test_an_unknown_task_is_named_with_the_searched_places(
    project: Project, task: str, why: str
) -> None:
    project.write("train.py", "def fit():\n    pass\n")
    called = project.call(task)
    assert called.code == 1
    assert called.message.startswith(f"ImportError: cannot find the task {task!r}: {why}")
    assert str(project.folder) in called.message
    assert str(Path(SCRIPT).parent) not in called.result["error"]


def test_a_dependency_that_lacks_is_the_error_not_the_task(project: Project) -> None:
    project.write("train.py", "import torch_is_not_here\ndef fit():\n    pass\n")
    called = project.call("train.fit")
    assert called.message == "ModuleNotFoundError: No module named 'torch_is_not_here'"
    assert "train.py" in called.stderr
    assert "importlib" not in called.stderr


def test_a_syntax_error_names_its_line(project: Project) -> None:
    project.write("train.py", "def fit(:\n")
    called = project.call("train.fit")
    assert called.message.startswith("SyntaxError: ")
    assert "(train.py, line 1)" in called.message


def test_a_task_that_is_no_function_is_an_error(project: Project) -> None:
    project.write("train.py", "fit = 3\n")
    assert project.call("train.fit").message == (
        "TypeError: the task 'train.fit' is a int, not a function"
    )


def test_a_result_that_is_not_json_is_an_error(project: Project) -> None:
    project.write("train.py", "def fit():\n    return {1, 2}\n")
    called = project.call("train.fit")
    assert called.code == 1
    assert called.message.startswith("TypeError: the result of the task 'train.fit' is not JSON: ")


@pytest.mark.parametrize(
    ("end", "code", "message"),
    [
        ("sys.exit(7)", 7, "SystemExit: 7"),
        ("sys.exit('no data')", 1, "SystemExit: no data"),
        ("sys.exit()", 0, None),
    ],
)
def test_an_exit_keeps_its_code(project: Project, end: str, code: int, message: str) -> None:
    project.write("train.py", f"import sys\ndef fit():\n    {end}\n")
    called = project.call("train.fit")
    assert called.code == code
    assert called.result["ok"] is (code == 0)
    if message:
        assert called.message == message


def test_our_neighbours_are_no_modules_of_the_users(project: Project) -> None:
    called = project.call("journal.read_exit")
    assert "no module is named 'journal'" in called.message


def test_the_users_paths_come_first(project: Project) -> None:
    project.write("colorsys.py", "def fit():\n    import sys\n    return sys.argv\n")
    assert project.call("colorsys.fit").result == {"ok": True, "result": ["colorsys.fit"]}


CELERY_APP = """
from celery import Celery
app = Celery("shop", broker="memory://", include=["jobs"])
@app.task
def plain(x):
    return x + 1
@app.task(name="by-name", bind=True)
def bound(self, x):
    return [self.name, x]
"""


@pytest.mark.parametrize(
    ("task", "result"), [("shop.plain", 2), ("by-name", ["by-name", 1]), ("included.job", 10)]
)
def test_a_celery_task_is_called_as_a_function(project: Project, task: str, result: object) -> None:
    pytest.importorskip("celery")
    project.write("shop.py", CELERY_APP)
    project.write(
        "jobs.py",
        "from shop import app\n@app.task(name='included.job')\ndef job(x):\n    return x * 10\n",
    )
    called = project.call(task, params={"x": 1}, include=["shop"])
    assert called.result == {"ok": True, "result": result}


def test_an_unregistered_celery_task_is_not_found(project: Project) -> None:
    pytest.importorskip("celery")
    project.write("shop.py", CELERY_APP.replace('"jobs"', ""))
    called = project.call("by-another-name", include=["shop"])
    assert called.message.endswith(", and at the tasks of the Celery app")


@functools.cache
def old_python() -> str | None:
    """Return the oldest Python here from 3.8 on that is older than ours."""
    for name in ("python3.8", "python3.9", "python3.10"):
        others = Path("~/.pyenv/versions").expanduser().glob(f"{name[6:]}.*/bin/{name}")
        for path in filter(None, (shutil.which(name), *map(str, others))):
            if works(path):
                return path
    return None


def works(python: str) -> bool:
    return not subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode


def test_the_users_python_may_be_older_than_ours(project: Project) -> None:
    python = old_python()
    if python is None:
        pytest.skip("no older Python here")
    project.write("train.py", "def fit(x):\n    return 1 / x\n")
    assert project.call("train.fit", python=python, params={"x": 1}).code == 0
    called = project.call("train.fit", python=python, params={"x": 0})
    assert called.message == "ZeroDivisionError: division by zero"
    assert "call_task.py" not in called.stderr
