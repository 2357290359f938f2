"""Commands of trainui, run as a person would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def trainui(*arguments: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run one, in a home that is not the one of the environment if it is given."""
    return subprocess.run(
        [sys.executable, "-m", "trainui", *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=120,
        env=os.environ | ({} if home is None else {"TRAINUI_HOME": str(home)}),
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
