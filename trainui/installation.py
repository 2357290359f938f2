"""The installed trainui: which modules its processes import, and whether it was upgraded meanwhile.

PYTHONPATH comes after the standard library and packages: the directory of a project, which is often
on it, may have a `queue.py` or a `typer.py`, and on clusters it often has the packages of another
Python. An upgrade shows in files that every release replaces, that are run by path, or that define
the database schema.
"""

from __future__ import annotations

import os
import sys

# Commands import this first, so it imports what every interpreter has loaded: no pathlib.
# ruff: noqa: PTH100, PTH116, PTH118, PTH120

VARIABLE = "PYTHONPATH"


def prefer_own() -> None:
    """Search PYTHONPATH last in this process, for what it has not imported yet."""
    given = set(_given())
    sys.path.sort(key=lambda entry: entry in given)


def own_python_path() -> dict[str, str]:
    """Return the variable with which a Python that we start finds our modules first, if needed."""
    given, root = _given(), _package_root()
    own = _own() if given else []
    if not _is_installed(root):
        own = [root, *own]  # a source checkout that may not be installed
    search = dict.fromkeys([*own, *given])
    return {VARIABLE: os.pathsep.join(search)} if search else {}


def python_path_of_user() -> dict[str, str]:
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


_FILES = ("version.py", "supervisor/supervise.py", "store/migrations/__init__.py")


def _look() -> tuple[tuple[int, int] | None, ...]:
    """Return the state of each file; None for a missing one, e.g. during an upgrade."""
    return tuple(_mark(os.path.join(os.path.dirname(__file__), name)) for name in _FILES)


def _mark(file: str) -> tuple[int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size  # no inode: on some file systems it is not stable


_AT_OUR_START = _look()


def is_unchanged() -> bool:
    """Return True if trainui on disk is the one that this process runs."""
    return _look() == _AT_OUR_START


def is_upgraded() -> bool:
    """Return True if another trainui is installed completely, judging by these files."""
    found = _look()
    return None not in found and found != _AT_OUR_START
