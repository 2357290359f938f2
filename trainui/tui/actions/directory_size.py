"""Sizes of directories, measured within a time limit."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from trainui.formatting import size

TIME_LIMIT = 1.0
"""Time limit in seconds; after it the size so far is reported as a lower bound."""


def size_in_words(directories: Iterable[Path], limit: float = TIME_LIMIT) -> str:
    """Return the size of some directories, e.g. `1.2 GB in 34 files`, or `over ...` if cut off."""
    deadline = time.monotonic() + limit
    total, count, whole = 0, 0, True
    for entry in _files(directories):
        if time.monotonic() > deadline:
            whole = False
            break
        total, count = total + entry, count + 1
    words = f"{size(total)} in {count} file{'s' * (count != 1)}"
    return words if whole else f"over {words}"


def _files(directories: Iterable[Path]) -> Iterator[int]:
    for directory in directories:
        for place, _, names in os.walk(directory):
            for name in names:
                try:
                    yield os.lstat(f"{place}/{name}").st_size
                except OSError:
                    continue  # deleted meanwhile
