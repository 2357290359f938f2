"""Files that the processes of attempts have open for writing, from `/proc`."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

_VARIABLE = b"TRAINUI_METRICS_FILE="
"""Its value is in the attempt's directory, so it tells which attempt a process belongs to."""

_MAX_AGE = 1.0
"""Seconds for which a survey serves all attempts: it visits all processes."""

Survey = Mapping[Path | None, frozenset[str]]
"""By attempt directory, the files that its processes write; None: processes of no attempt."""

_last: tuple[float, Survey] = (-_MAX_AGE, {})


def survey(is_wanted: Callable[[str], bool]) -> Survey:
    """Return which files are open for writing, at most a second ago.

    Args:
        is_wanted: returns True for the names of files that matter.
    """
    global _last
    if time.monotonic() - _last[0] > _MAX_AGE:
        found = _survey(is_wanted)
        _last = time.monotonic(), found  # its end, since it may take long on a busy machine
    return _last[1]


def _survey(is_wanted: Callable[[str], bool]) -> Survey:
    found: dict[Path | None, set[str]] = defaultdict(set)
    with suppress(OSError):
        for pid in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 (names are faster)
            with suppress(OSError):  # ended, or another user's
                if files := _written(f"/proc/{pid}", is_wanted):
                    found[_attempt(f"/proc/{pid}")] |= files
    return {attempt: frozenset(files) for attempt, files in found.items()}


def _written(process: str, is_wanted: Callable[[str], bool]) -> set[str]:
    files = set()
    for descriptor in os.listdir(f"{process}/fd"):  # noqa: PTH208
        with suppress(OSError):
            target = os.readlink(f"{process}/fd/{descriptor}")  # noqa: PTH115
            is_metrics = target.startswith("/") and is_wanted(target.rpartition("/")[2])
            if is_metrics and _is_for_writing(f"{process}/fdinfo/{descriptor}"):
                files.add(target)
    return files


def _is_for_writing(info: str) -> bool:
    for line in Path(info).read_text().splitlines():
        if line.startswith("flags:"):
            return int(line.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
    return False


def _attempt(process: str) -> Path | None:
    with suppress(OSError):
        for variable in Path(process, "environ").read_bytes().split(b"\0"):
            if variable.startswith(_VARIABLE):
                return Path(os.fsdecode(variable.removeprefix(_VARIABLE))).parent
    return None
