"""Files that processes have open for writing, from `/proc`, and which attempt each belongs to."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from trainui.supervisor.supervise import written_files

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
