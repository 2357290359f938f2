"""The sizes of the files in an attempt's working directory before it starts.

What others have written into a file is not the attempt's, and the reader may see it only after the
attempt has appended to it. Standard library only, since the worker records them at each start.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from trainui import paths
from trainui.metrics.files.tail import FileState
from trainui.plugin import Format, Tracker, registry
from trainui.system import plain_files

NOTE = "files_before.json"
"""File in the attempt's directory."""

MOST_ENTRIES, MOST_SECONDS = 5000, 0.03
"""Directory entries and seconds after which the rest is left out."""

_USUAL = re.compile(r".*\.(?:[ct]sv|jsonl?|log|out|err|txt)(?:\.\d+)?")
_NOT_LOOKED_INTO = re.compile(r"\..*|__pycache__|node_modules|site-packages|artifacts")


def is_looked_into(name: str) -> bool:
    """Return True if a directory of this name may have metrics, also a tracker's hidden one."""
    is_skipped = _NOT_LOOKED_INTO.fullmatch(name) is not None
    return not is_skipped or any(name in one.places for one in registry.records(Tracker))


def _is_usual(name: str) -> bool:
    is_open = _USUAL.fullmatch(name) is not None
    return is_open or any(one.fits(name) for one in registry.records(Format))


def note(workdir: Path, attempt_dir: Path) -> None:
    """Record the files that may have metrics, by their names."""
    found = {}
    for entry in _entries(workdir):
        with suppress(OSError):
            if _is_usual(entry.name) and entry.is_file() and (now := entry.stat()).st_size:
                found[entry.path] = [now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns]
    if found:
        paths.write_private(attempt_dir / NOTE, json.dumps(found))


def read(attempt_dir: Path) -> dict[Path, FileState]:
    """Return the recorded files; none if nothing was recorded."""
    found = plain_files.read_object(attempt_dir / NOTE) or {}
    return {Path(path): FileState(*state) for path, state in found.items()}


def _entries(root: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the entries below a directory, those near the top first."""
    until, left, queue = time.monotonic() + MOST_SECONDS, MOST_ENTRIES, deque([str(root)])
    while queue and left > 0 and time.monotonic() < until:
        try:
            with os.scandir(queue.popleft()) as listed:
                entries = list(listed)
        except OSError:
            continue
        left -= len(entries)
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False) and is_looked_into(entry.name):
                queue.append(entry.path)
