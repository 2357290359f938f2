"""Names of the environment variables in which attempts of a stage differ; values stay in here.

Compared are the whole environments that processes were started with, as their supervisors have
them on record, less what is an attempt's own by design.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainui.domain.records import AttemptRecord
from trainui.supervisor.protocol import IDENTITY, SPEC_FILE

RUN_FILE = "env.json"
"""In a run's directory (`control.environment`, which imports too much to show a first frame)."""

_OWN = frozenset(
    {*IDENTITY, "TRAINUI_STAGE_DIR", "TRAINUI_METRICS_FILE", "TRAINUI_CHECKPOINT"}
    | {"MASTER_PORT", "PET_MASTER_PORT", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"}
)
"""Set anew for each attempt."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Names of the variables in which one environment differs from an earlier one."""

    since: str
    """What the earlier one is called."""
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What differs, in words; empty where nothing does."""
        parts = (("", self.changed), ("new ", self.added), ("gone ", self.gone))
        told = ", ".join(f"{word}{' '.join(names)}" for word, names in parts if names)
        return f"since {self.since}: {told}" if told else ""


def differences(
    attempts: Sequence[AttemptRecord], run_directory: Path, sets: Mapping[str, str]
) -> tuple[Differences, ...]:
    """Return in what the last of some attempts differs from the one before, and from the run.

    Args:
        attempts: of a stage, the first one first.
        run_directory: where the environment is kept that the run has by now.
        sets: the variables that the stage sets itself: against the run's they are no news.
    """
    ours = _of_attempt(attempts[-1]) if attempts else None
    if ours is None:
        return ()
    found = []
    if len(attempts) > 1 and (before := _of_attempt(attempts[-2])) is not None:
        found.append(_difference(f"attempt {attempts[-2].number}", before, ours))
    if (kept := _environ(run_directory / RUN_FILE, "environ")) is not None:
        shell = {name: value for name, value in kept.items() if name not in sets}
        own = {name: value for name, value in ours.items() if name in shell}
        found.append(_difference("the run's submission", shell, own))
    return tuple(found)


def environment_changed_at(run_directory: Path) -> int:
    """Return when the environment that a run has was written; 0 where there is none."""
    try:
        return (run_directory / RUN_FILE).stat().st_mtime_ns
    except OSError:
        return 0


def _of_attempt(attempt: AttemptRecord) -> Mapping[str, str] | None:
    """Return what the process of an attempt was started with; None where that is not to be read."""
    return _environ(Path(attempt.directory) / SPEC_FILE, "env")


def _environ(file: Path, key: str) -> Mapping[str, str] | None:
    try:
        found = json.loads(file.read_bytes())[key]
        return {name: value for name, value in found.items() if name not in _OWN}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _difference(since: str, before: Mapping[str, str], after: Mapping[str, str]) -> Differences:
    return Differences(
        since,
        changed=tuple(sorted(n for n in after if n in before and after[n] != before[n])),
        added=tuple(sorted(after.keys() - before.keys())),
        gone=tuple(sorted(before.keys() - after.keys())),
    )
