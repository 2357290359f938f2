"""Files that processes have open for writing, which says whether a training still runs."""

from __future__ import annotations

import os
from pathlib import Path


def is_any_below(directory: Path, open_paths: frozenset[str]) -> bool:
    """Return True if a process has a file below a directory open for writing."""
    prefix = f"{directory.resolve()}/"
    return any(path.startswith(prefix) for path in open_paths)


def written() -> frozenset[str]:
    """Return the paths of all files that a process we may look at has open for writing."""
    found: set[str] = set()
    for process in os.scandir("/proc"):
        if not process.name.isdigit():
            continue
        try:
            with os.scandir(f"{process.path}/fd") as descriptors:
                for one in descriptors:
                    # a descriptor's mode is that of its link: writable if the owner may write
                    if one.stat(follow_symlinks=False).st_mode & 0o200:
                        found.add(str(Path(one.path).readlink()))
        except OSError:
            continue
    return frozenset(path for path in found if path.startswith("/"))
