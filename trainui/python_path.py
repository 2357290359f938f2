"""The search path of our own processes: PYTHONPATH comes after the standard library and packages.

The directory of a project, which is often on PYTHONPATH, may have a `queue.py` or a `typer.py`, and
on clusters PYTHONPATH often has the packages of another Python.
"""

# Commands import this first, so it imports what every interpreter has loaded: no pathlib.
# ruff: noqa: PTH100, PTH120

from __future__ import annotations

import os
import sys

VARIABLE = "PYTHONPATH"


def prefer_own() -> None:
    """Search PYTHONPATH last in this process, for what it has not imported yet."""
    given = set(_given())
    sys.path.sort(key=lambda entry: entry in given)


def of_own_process() -> dict[str, str]:
    """Return the variable with which a Python that we start finds our modules first, if needed."""
    given, root = _given(), _package_root()
    own = _own() if given else []
    if not _is_installed(root):
        own = [root, *own]  # a source checkout that may not be installed
    search = dict.fromkeys([*own, *given])
    return {VARIABLE: os.pathsep.join(search)} if search else {}


def of_user() -> dict[str, str]:
    """Return the variable as it was given to the process that started this one."""
    own = {_package_root(), *_own()}
    return {VARIABLE: os.pathsep.join(part for part in _given() if part not in own)}


def _given() -> list[str]:
    parts = os.environ.get(VARIABLE, "").split(os.pathsep)
    return [os.path.abspath(part) for part in parts if part]


def _own() -> list[str]:
    """Return the directories of the standard library, then those of our packages.

    If they are the user's own (`pip install --user`), Python searches them after PYTHONPATH.
    """
    import sysconfig

    library = sysconfig.get_path("stdlib")
    parts = [entry for entry in sys.path if entry.startswith(f"{library}/")]
    root = _package_root()
    packages = [*([root] if _is_installed(root) else []), sysconfig.get_path("purelib")]
    return list(dict.fromkeys([library, *parts, *packages]))


def _is_installed(root: str) -> bool:
    return root.endswith(("site-packages", "dist-packages"))


def _package_root() -> str:
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
