"""Running attempts of a home on this host, found from their files without the database."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from trainui import settings
from trainui.paths import OURS, Home, stage_directory
from trainui.supervisor import journal, orphans, process, protocol
from trainui.supervisor.process import ProbeState
from trainui.supervisor.protocol import JournalError
from trainui.supervisor.supervise import boot_id

POLL_EVERY = 0.05
MARGIN = 20.0
"""Seconds that a supervisor gets after the stage's grace period; it normally ends earlier."""


@dataclass(frozen=True, slots=True)
class RunningAttempt:
    """An attempt with a live process."""

    directory: Path
    name: str
    """Name of its stage's directory."""
    stop_signal: str
    grace: float

    def is_alive(self) -> bool:
        """Return True if one of its processes is alive."""
        return process.probe(self.directory).state in (ProbeState.RUNNING, ProbeState.ORPHAN)

    def end(self) -> None:
        """Ask its supervisor to end it, or kill the orphans of a dead supervisor."""
        if not process.request_stop(self.directory):
            orphans.kill_orphans(self.directory, self.stop_signal, self.grace)


def of_home(home: Home) -> list[RunningAttempt]:
    """Return the attempts of a home that are running on this host."""
    runs = settings.runs_dir(settings.load())
    patterns = (f"*/{OURS}/*/*", f"*/*/{OURS}/*")  # the second: layout of older versions
    files = [sorted(runs.glob(f"{one}/{protocol.PIDS_FILE}")) for one in patterns]
    found = (_read(path.parent, home) for path in chain(*files))
    return [one for one in found if one is not None]


def end_all(running: Iterable[RunningAttempt]) -> list[RunningAttempt]:
    """End attempts; return those that are still running."""
    left = list(running)
    give_up_at = time.monotonic() + max((one.grace for one in left), default=0.0) + MARGIN
    while left and time.monotonic() < give_up_at:
        for one in left:
            with suppress(orphans.SupervisorLivesError):  # asked to stop, or still starting
                one.end()
        time.sleep(POLL_EVERY)
        left = [one for one in left if one.is_alive()]
    return left


def _read(directory: Path, home: Home) -> RunningAttempt | None:
    """Read an attempt's files; None if it has ended, is of another host or home, or unreadable."""
    try:
        pids = journal.read_pids(directory)
        spec = journal.read_spec(directory)
        if pids is None or pids.boot_id != boot_id():
            return None
        if spec is None or spec.revive_lock != str(home.guard_lock):
            return None
        name = stage_directory(directory).name
        found = RunningAttempt(directory, name, spec.stop_signal, spec.grace)
        return found if found.is_alive() else None
    except (JournalError, OSError):
        return None
