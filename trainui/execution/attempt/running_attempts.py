"""Running attempts of a home on this host, found from files and processes without the database."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from trainui import settings
from trainui.model.definition import DEFAULT_GRACE
from trainui.paths import OURS, Home, stage_directory
from trainui.supervisor import orphans, process, protocol
from trainui.supervisor.process import Probe, ProbeState
from trainui.supervisor.protocol import IDENTITY, JournalError

POLL_EVERY = 0.05
MARGIN = 20.0
"""Seconds that a supervisor gets after the stage's grace period; it normally ends earlier."""


@dataclass(frozen=True, slots=True)
class RunningAttempt:
    """An attempt with a live process."""

    directory: Path
    name: str
    """Name of its stage, or of its stage's directory."""
    identity: Mapping[str, str]
    """The variables of its processes; the records alone identify them if it is empty."""
    stop_signal: str = "TERM"
    grace: float = DEFAULT_GRACE

    def look(self) -> Probe:
        """Return the state of its processes."""
        return process.probe(self.directory, self.identity)

    def is_alive(self) -> bool:
        """Return True if one of its processes is alive."""
        return self.look().state in (ProbeState.RUNNING, ProbeState.ORPHAN) or bool(self.pids())

    def pids(self) -> list[int]:
        """Return its living processes, its supervisor left out."""
        return [one.pid for one in orphans.find_processes(self.directory, self.identity)]

    def end(self) -> None:
        """Ask its supervisor to end it, or kill the orphans of a dead supervisor."""
        if not process.request_stop(self.directory, self.identity):
            orphans.kill_orphans(self.directory, self.stop_signal, self.grace, self.identity)


def of_home(home: Home) -> list[RunningAttempt]:
    """Return the attempts of a home that are running on this host.

    They are those with readable records, and those whose processes carry an attempt's variables,
    whatever became of its records.
    """
    runs = settings.runs_dir(settings.load())
    patterns = (f"*/{OURS}/*/*", f"*/*/{OURS}/*")  # the second: layout of older versions
    files = [sorted(runs.glob(f"{one}/{protocol.PIDS_FILE}")) for one in patterns]
    known: dict[Path, dict[str, str]] = {path.parent: {} for path in chain(*files)}
    for directory, identity in _carried(home, runs):
        known.pop(directory, None)
        known[directory] = identity
    found: dict[object, RunningAttempt] = {}
    for directory, identity in known.items():  # last those carried: a directory may be moved away
        if one := _read(directory, identity, home):
            found[frozenset(one.identity.items()) or directory] = one
    return list(found.values())


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


def _carried(home: Home, runs: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield the directories and variables of attempts by the environments of all processes."""
    for environ in orphans.environments((*IDENTITY, "TRAINUI_METRICS_FILE")):
        identity = {name: environ[name] for name in IDENTITY}
        run_directory = Path(environ["TRAINUI_RUN_DIR"])
        is_ours = environ.get("TRAINUI_HOME", str(home.root)) == str(home.root)
        if is_ours and run_directory.parent == runs:
            yield Path(environ["TRAINUI_METRICS_FILE"]).parent, identity


def _read(directory: Path, carried: Mapping[str, str], home: Home) -> RunningAttempt | None:
    """Return an attempt; None if it has ended, or is of another host or home."""
    name = carried.get("TRAINUI_STAGE") or stage_directory(directory).name
    found = RunningAttempt(directory, name, carried)
    with suppress(JournalError, OSError):
        spec = protocol.read_spec(directory)
        if spec is None and not carried:
            return None
        if spec is not None and spec.revive_lock != str(home.guard_lock):
            return None
        if spec is not None:
            identity = carried or spec.identity
            found = RunningAttempt(directory, name, identity, spec.stop_signal, spec.grace)
    return found if found.is_alive() else None
