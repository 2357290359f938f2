"""SwanLab: its directories, which are left alone: `swanlog` with one for each run, or another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from trainui.plugin import Tracker

TRACKER = Tracker(
    interface=1,
    name="swanlab",
    title="SwanLab",
    places=("swanlog",),
    owns="trainui.plugins.swanlab:owns",
    unread="have the training write JSON lines to $TRAINUI_METRICS_FILE, or event files, too",
)

_RUN = re.compile(r"run-\d{8}_\d{6}-\w+")
"""A run's directory; W&B's have such names too."""


def owns(directories: Sequence[str], name: str) -> bool:
    """Return True for all that is in a directory `swanlog`, and for what is SwanLab's alone."""
    if "swanlog" in directories or name.endswith(".swanlab"):
        return True
    runs = [at for at, one in enumerate(directories) if _RUN.fullmatch(one)]
    if not runs:
        return False
    run = Path(*directories[: runs[-1] + 1])
    return (run / "files" / "swanlab-metadata.json").is_file()
