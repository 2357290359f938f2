"""Convert a stage's command to the argument list of a process."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

STARTUP_VARIABLES = ("BASH_ENV", "ENV")
"""Variables that name a startup file of a shell; removed before a shell is started."""


def argv(command: str | Sequence[str], *, path: str | None = None) -> list[str]:
    """Return the argument list to execute; the shell is searched in `path` (format of PATH)."""
    if not isinstance(command, str):
        return list(command)
    if bash := shutil.which("bash", path=path):
        return [bash, "-e", "-o", "pipefail", "-c", command]
    return [shutil.which("sh", path=path) or "/bin/sh", "-e", "-c", command]
