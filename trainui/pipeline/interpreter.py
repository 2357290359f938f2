"""The Python of a stage: what `${python}` is, and the directory that comes first on PATH."""

# Paths are texts here, as in definitions and messages.
# ruff: noqa: PTH100, PTH110, PTH112, PTH118, PTH120

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from trainui.errors import UnfitEnvironmentError


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python to run with."""

    path: str
    """What `${python}` stands for: absolute, or `python3` where there is none on PATH."""

    bin: str | None = None
    """A directory to put first on PATH; None: PATH stays as it is."""

    prefix: str | None = None
    """The directory of the environment that it belongs to; None: of none, or it is not known."""


def find(python: str | None, environ: Mapping[str, str]) -> Interpreter:
    """Find a stage's Python.

    Args:
        python: an interpreter, an environment's directory, or a name on PATH; None: the
            submitting shell's `python`, else its `python3`.
        environ: the submitting shell's environment.

    Raises:
        UnfitEnvironmentError: there is no interpreter there.
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
            f"there is no interpreter {python}; set `python` to one, or to an environment's "
            "directory"
        )
    # an environment's python is a link: followed, it would be the base's
    bin_directory = os.path.dirname(os.path.abspath(found))
    prefix = os.path.dirname(bin_directory)
    is_environment = os.path.exists(os.path.join(prefix, "pyvenv.cfg")) or _is_conda(prefix)
    return Interpreter(os.path.abspath(found), bin_directory, prefix if is_environment else None)


def with_first(environ: Mapping[str, str], interpreter: Interpreter) -> dict[str, str]:
    """Return an environment in which the interpreter is the one that `python` finds."""
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
        f"the environment {directory} has no bin/python; make it again, or name its interpreter"
    )
