"""The state of an input, for cheap change detection: size, modification time, hash if small.

Large files are never read; for them a different size or modification time counts as a change.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trainui.system import plain_files

State = Mapping[str, Any]
"""`size` in bytes, `mtime_ns`, `sha256`; for a directory the total size, the number of `files` and
the hash of their listing. Unknown values are absent; `missing` is the only key if it is present."""

InputStates = Mapping[str, State]
"""Absolute path -> state."""

HASHED_UP_TO = 16 * 2**20
"""Size limit in bytes of files that are hashed; takes about 10 ms."""

MOST_FILES = 10_000
"""Maximum number of files of a directory that are examined, in path order."""


def observe(path: str | Path, known: State | None = None) -> State:
    """Return the state of a file or directory.

    A file with the size and mtime of its previous state (`known`) is not read again.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _directory(path)
        return _file(path, known or {})
    except OSError:
        return {"missing": True}


def is_same(before: State, now: State) -> bool:
    """Return True if two states have equal content, as far as both record it."""
    if before.get("missing") or now.get("missing"):
        return bool(before.get("missing")) == bool(now.get("missing"))
    if ("files" in before) != ("files" in now):  # one is a directory
        return False
    if "sha256" in before and "sha256" in now:
        return bool(before["sha256"] == now["sha256"])
    recorded = before.keys() & now.keys()
    return all(before[name] == now[name] for name in ("size", "mtime_ns") if name in recorded)


def _file(path: Path, known: State) -> State:
    status = path.stat()
    state = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
    if all(known.get(name) == value for name, value in state.items()):
        return known
    if status.st_size > HASHED_UP_TO:
        return state
    with plain_files.open_plain(path) as file:
        return {**state, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _directory(path: Path) -> State:
    digest = hashlib.sha256()
    files = size = 0
    for name, status in itertools.islice(_files(path), MOST_FILES):
        files += 1
        size += status.st_size
        digest.update(
            f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "replace")
        )
    return {"size": size, "files": files, "sha256": digest.hexdigest()}


def _files(directory: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files below a directory in path order; symbolic links are not followed."""
    left = [("", str(directory))]
    while left:
        name, path = left.pop()
        status = Path(path).stat(follow_symlinks=not name)
        if stat.S_ISDIR(status.st_mode):
            names = sorted(os.listdir(path), reverse=True)  # noqa: PTH208 (a path each costs more)
            left += [(f"{name}/{one}" if name else one, f"{path}/{one}") for one in names]
        else:
            yield name, status
