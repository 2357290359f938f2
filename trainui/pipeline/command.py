"""A stage's command as the words of a process."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

STARTUP_VARIABLES = ("BASH_ENV", "ENV")
"""Name files that a shell reads before its text; they are taken out where a shell is started."""


def argv(command: str | Sequence[str], *, path: str | None = None) -> list[str]:
    """Return the words to execute.

    Args:
        command: shell text, or words, which are returned as they are.
        path: where a shell is looked for, as in PATH; None: this process's PATH.
    """
    if not isinstance(command, str):
        return list(command)
    if bash := shutil.which("bash", path=path):
        return [bash, "-e", "-o", "pipefail", "-c", command]
    return [shutil.which("sh", path=path) or "/bin/sh", "-e", "-c", command]
