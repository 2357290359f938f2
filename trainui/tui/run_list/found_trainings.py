"""Finds what can be added: trainings in this directory, and processes on this machine.

Both are found by child processes (`trainui add`), since a large directory takes a while.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainui.execution import processes
from trainui.formatting import quantity
from trainui.metrics import lenient_files
from trainui.plugin import Tracker, registry

PATIENCE = 20.0
"""Seconds after which a search is given up."""

_LOOK_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class FoundTraining:
    """A training or a process that can be added."""

    name: str
    kind: str
    """The tracker, or `pid 4711`."""
    words: str
    """Its path in this directory, or why the process is listed and its command."""
    path: str | None = None
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class FoundTrainings:
    """The results of both searches."""

    trainings: tuple[FoundTraining, ...] = ()
    processes: tuple[FoundTraining, ...] = ()
    problem: str = ""
    """Why the trainings are not known; empty: they are."""


def search(is_cancelled: Callable[[], bool]) -> FoundTrainings:
    """Search this directory and this machine, which takes seconds, until `is_cancelled`."""
    searches = (["--pid"], [".", "--dry-run"])
    with ThreadPoolExecutor(len(searches)) as pool:
        processes, trainings = pool.map(lambda words: _answer(words, is_cancelled), searches)
    slow = f"Searching this directory took over {PATIENCE:.0f} s; `trainui add .` has no limit."
    runs = (trainings or {}).get("runs", ())
    newest_first = sorted(runs, key=lambda one: -lenient_files.modified(Path(one["path"])))
    listed = []
    for one in newest_first:
        where = one["path"].removeprefix(f"{Path.cwd()}/")
        listed.append(FoundTraining(one["name"], one["kind"], where, path=one["path"]))
    running = []
    for one in (processes or {}).get("candidates", ()):
        words, pid = f"{one['why']}: {' '.join(one['command'])}", one["pid"]
        running.append(FoundTraining(one["name"], f"pid {pid}", words, pid=pid))
    return FoundTrainings(tuple(listed), tuple(running), slow if trainings is None else "")


def _answer(words: list[str], is_cancelled: Callable[[], bool]) -> dict[str, Any] | None:
    """Return what `trainui add` prints as JSON; None if it did not end in time."""
    command = processes.module_argv("trainui", "add", *words, "--json")
    give_up_at = time.monotonic() + PATIENCE
    none = subprocess.DEVNULL
    with (
        tempfile.TemporaryFile() as output,
        subprocess.Popen(command, stdin=none, stdout=output, stderr=none) as process,
    ):
        while process.poll() is None:
            if is_cancelled() or time.monotonic() > give_up_at:
                process.kill()
                return None
            time.sleep(_LOOK_EVERY)
        output.seek(0)
        try:
            answer: dict[str, Any] = json.load(output)
        except ValueError:
            return {}
    return answer


def add(chosen: FoundTraining | None) -> str:
    """Add one, or all trainings in this directory; return the message to show."""
    from trainui.control import external

    if chosen is None:
        return f"added {quantity(len(external.add(external.find(Path.cwd()))), 'training')}"
    if chosen.pid is not None:
        return f"added {external.adopt(chosen.pid).name}"
    path = Path(chosen.path or "")
    # parts of it may be elsewhere in this directory
    has_parts = any(one.joined and one.name == chosen.kind for one in registry.records(Tracker))
    listed = external.listed(Path.cwd() if has_parts else path)
    found = [one for one in listed if (one.name, one.path) == (chosen.name, path)]
    added = external.add(found or external.find(path))
    return f"added {', '.join(one.name for one in added[:3])}"
