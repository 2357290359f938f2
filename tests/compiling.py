"""Compiles shared libraries that fake a machine's hardware or its clock."""

from __future__ import annotations

import functools
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest


@functools.cache
def library(source: Path, name: str, *options: str) -> Path:
    """Compile a library once per process; skip the test if there is no compiler."""
    compiler = _compiler()
    if compiler is None:
        pytest.skip("no C compiler: install gcc, or `pip install ziglang`")
    folder = tempfile.TemporaryDirectory(prefix="library-")
    _folders.append(folder)  # removed with this process
    made = Path(folder.name, name)
    flags = ["-shared", "-fPIC", *options]
    subprocess.run([*compiler, *flags, "-o", str(made), str(source)], check=True)
    return made


_folders: list[tempfile.TemporaryDirectory[str]] = []


def _compiler() -> list[str] | None:
    if found := shutil.which("cc") or shutil.which("gcc") or shutil.which("clang"):
        return [found]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    return None
