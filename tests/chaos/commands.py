"""Commands of trainui, run as a person would."""

from __future__ import annotations

import subprocess
import sys


def trainui(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one."""
    command = [sys.executable, "-m", "trainui", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=120
    )
