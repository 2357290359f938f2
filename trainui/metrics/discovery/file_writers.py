"""Who writes a file: the processes that have it open, and what was in it before an attempt.

The first is from `/proc`. The second are sizes that the worker records at each start: what others
have written into a file is not the attempt's, and the reader may see it only after the attempt has
appended to it. Standard library only, since every start imports this.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import defaultdict, deque
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from trainui import paths, system
from trainui.metrics.tail import FileState
from trainui.plugin import Format, Tracker, registry
from trainui.supervisor.supervise import written_files

MOST_ENTRIES, MOST_SECONDS = 5000, 0.03
"""Directory entries and seconds after which the rest is left out."""

_VARIABLE = b"TRAINUI_METRICS_FILE="
"""Its value is in the attempt's directory, so it identifies the attempt of a process."""

Survey = Mapping[Path | None, frozenset[str]]
"""By attempt directory, the files that its processes write; None: processes of no attempt."""


def survey() -> Survey:
    """Return the files that the processes we may look at have open for writing."""
    found: dict[Path | None, set[str]] = defaultdict(set)
    with suppress(OSError):
        for pid in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 (names are faster)
            if files := written_files(int(pid)):
                found[attempt_of(f"/proc/{pid}")].update(files)
    return {attempt: frozenset(files) for attempt, files in found.items()}


def written() -> frozenset[str]:
    """Return the paths of all files that a process has open for writing."""
    return frozenset[str]().union(*survey().values())


def written_by(pids: Iterable[int]) -> set[str]:
    """Return the paths of the files and terminals that processes have open for writing."""
    return {path for pid in pids for path in written_files(pid)}


def positions(pids: Iterable[int], paths: Container[str]) -> set[int]:
    """Return the offsets of processes in files that they have open; no file is looked at."""
    found = set[int]()
    for process in (f"/proc/{pid}" for pid in pids):
        with suppress(OSError):  # ended
            for descriptor in os.listdir(f"{process}/fd"):  # noqa: PTH208
                with suppress(OSError, ValueError, IndexError):  # closed meanwhile
                    if os.readlink(f"{process}/fd/{descriptor}") in paths:  # noqa: PTH115
                        text = Path(process, "fdinfo", descriptor).read_text()
                        found.add(int(text.split("\n", 1)[0].split()[1]))
    return found


def is_any_below(directory: Path, open_paths: frozenset[str]) -> bool:
    """Return True if a process has a file below a directory open for writing."""
    prefix = f"{directory.resolve()}/"
    return any(path.startswith(prefix) for path in open_paths)


def attempt_of(process: str) -> Path | None:
    """Return the attempt's directory of a process, by its directory in `/proc`; None: it has none.

    Its environment is that of its start, which the attempt's other processes have too.
    """
    return attempt_in(environment_of(process))


def environment_of(process: str) -> bytes:
    """Return the environment of a process as the kernel has it; empty if it has just ended."""
    try:
        return Path(process, "environ").read_bytes()
    except OSError:
        return b""


def attempt_in(environment: bytes) -> Path | None:
    """Return the attempt's directory that an environment names."""
    for variable in environment.split(b"\0"):
        if variable.startswith(_VARIABLE):
            return Path(os.fsdecode(variable.removeprefix(_VARIABLE))).parent
    return None


SIZES_FILE = "files_before.json"
"""File in the attempt's directory."""


_USUAL = re.compile(r".*\.(?:[ct]sv|jsonl?|log|out|err|txt)(?:\.\d+)?")
_NOT_LOOKED_INTO = re.compile(r"\..*|__pycache__|node_modules|site-packages|artifacts")


def is_looked_into(name: str) -> bool:
    """Return True if a directory of this name may have metrics, also a tracker's hidden one."""
    is_skipped = _NOT_LOOKED_INTO.fullmatch(name) is not None
    return not is_skipped or any(name in one.places for one in registry.records(Tracker))


def _is_usual(name: str) -> bool:
    is_open = _USUAL.fullmatch(name) is not None
    return is_open or any(one.fits(name) for one in registry.records(Format))


def note_sizes(workdir: Path, attempt_dir: Path) -> None:
    """Record the files that may have metrics, by their names."""
    found = {}
    for entry in _entries(workdir):
        with suppress(OSError):
            if _is_usual(entry.name) and entry.is_file() and (now := entry.stat()).st_size:
                found[entry.path] = [now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns]
    if found:
        paths.write_private(attempt_dir / SIZES_FILE, json.dumps(found))


def sizes_at_start(attempt_dir: Path) -> dict[Path, FileState]:
    """Return the recorded files; none if nothing was recorded."""
    found = system.read_object(attempt_dir / SIZES_FILE) or {}
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
