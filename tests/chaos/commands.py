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


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start one and leave it running."""
    return subprocess.Popen(
        [sys.executable, "-m", "trainui", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
