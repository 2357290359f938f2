"""A stage's process: its interpreter, its argument list, its directories."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trainui.errors import UnfitEnvironmentError
from trainui.pipeline import template

# Paths are texts here, as in definitions and messages.
# ruff: noqa: PTH100, PTH110, PTH112, PTH118, PTH120
# ruff: noqa: PTH110, PTH111, PTH118


# Find a stage's Python: the value of `${python}` and the directory to put first on PATH.


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python interpreter for a stage."""

    path: str
    """The value of `${python}`: absolute, or `python3` if none is on PATH."""
    bin: str | None = None
    """Directory to put first on PATH; None: PATH is unchanged."""
    prefix: str | None = None
    """Directory of its environment; None: it belongs to none, or this is unknown."""


def find_interpreter(python: str | None, environ: Mapping[str, str]) -> Interpreter:
    """Find a stage's Python: an interpreter, an environment's directory, or a name on PATH.

    None stands for `python` of the submitting shell (`environ`), or `python3` if it has none.

    Raises:
        UnfitEnvironmentError: no interpreter was found.
    """
    path = environ.get("PATH")
    if python is None:
        found = shutil.which("python", path=path) or shutil.which("python3", path=path)
        return Interpreter(found or "python3")
    if os.path.isdir(python):
        return _of_environment(python)
    found = shutil.which(python, path=path)
    if found is None:
        raise UnfitEnvironmentError(
            f"no interpreter {python}; set `python` to one, or to an environment's directory"
        )
    # do not resolve the link: an environment's python links to the base interpreter
    bin_directory = os.path.dirname(os.path.abspath(found))
    prefix = os.path.dirname(bin_directory)
    is_environment = os.path.exists(os.path.join(prefix, "pyvenv.cfg")) or _is_conda(prefix)
    return Interpreter(os.path.abspath(found), bin_directory, prefix if is_environment else None)


def with_interpreter(environ: Mapping[str, str], interpreter: Interpreter) -> dict[str, str]:
    """Return an environment whose PATH finds this interpreter first as `python`."""
    changed = dict(environ)
    if interpreter.bin is not None:
        rest = environ.get("PATH") or os.defpath
        changed["PATH"] = f"{interpreter.bin}{os.pathsep}{rest}"
        for name in ("PYTHONHOME", "VIRTUAL_ENV"):  # of the submitting shell's environment
            changed.pop(name, None)
    if interpreter.prefix is not None:
        changed["CONDA_PREFIX" if _is_conda(interpreter.prefix) else "VIRTUAL_ENV"] = (
            interpreter.prefix
        )
    return changed


def _is_conda(prefix: str) -> bool:
    return os.path.isdir(os.path.join(prefix, "conda-meta"))


def _of_environment(directory: str) -> Interpreter:
    prefix = os.path.abspath(directory)
    bin_directory = os.path.join(prefix, "bin")
    for name in ("python", "python3"):
        candidate = shutil.which(name, path=bin_directory)
        if candidate is not None:
            return Interpreter(candidate, bin_directory, prefix)
    raise UnfitEnvironmentError(
        f"the environment {directory} has no bin/python; recreate it, or name its interpreter"
    )


# Convert a stage's command to the argument list of a process.


STARTUP_VARIABLES = ("BASH_ENV", "ENV")
"""Variables that name a startup file of a shell; removed before a shell is started."""


def argv(command: str | Sequence[str], *, path: str | None = None) -> list[str]:
    """Return the argument list to execute; the shell is searched in `path` (format of PATH)."""
    if not isinstance(command, str):
        return list(command)
    if bash := shutil.which("bash", path=path):
        return [bash, "-e", "-o", "pipefail", "-c", command]
    return [shutil.which("sh", path=path) or "/bin/sh", "-e", "-c", command]


# Resolve paths written in a pipeline file: `~`, and paths relative to the file.


def absolute_path(text: str, directory: str) -> str:
    """Return the absolute path; one that starts with `${...}` is returned unchanged."""
    parts = template.parse(text)
    if not parts or not isinstance(parts[0], str):
        return text if parts else directory
    first = os.path.expanduser(parts[0])
    while first.startswith("./"):
        first = first[2:].lstrip("/")
    if first in ("", ".") and len(parts) == 1:
        return directory
    joined = os.path.join(directory, first)
    return template.unparse(template.join((joined, *parts[1:])))


def resolve_interpreter(text: str, directory: str) -> str:
    """Resolve `python:`: an absolute path, or a bare name to be looked up on PATH.

    A bare name is a path beside the file if that exists, otherwise it is looked up on PATH.
    """
    if "/" in text or text.startswith(("~", ".", "${")):
        return absolute_path(text, directory)
    beside = os.path.join(directory, text)
    return beside if os.path.exists(beside) else text
