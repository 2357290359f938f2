"""W&B's directories: a run has one for each time that it was started or resumed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from trainui.plugin import Place, Training
from trainui.plugin.reading import tracked
from trainui.plugins.wandb.run import describe

LOG = re.compile(r"run-(?P<id>.+)\.wandb")
_DIRECTORY = re.compile(r"(?:offline-)?run-\d{8}_\d{6}-.+")
"""Names of logs, and of their directories: a training may choose the id of its run."""

_OF_RUN = re.compile(r"(.*/)[^/]+/(run-[^/]+\.wandb)")


def owns(directories: Sequence[str], name: str) -> bool:
    """Return True for W&B's own logs, and its copies of the trainer's files."""
    return not {"wandb", ".wandb"}.isdisjoint(directories) and LOG.fullmatch(name) is None


def time_of(log: Path) -> str:
    """Return the time of a log, by which a run's logs are sorted: its directory's name."""
    return log.parent.name.removeprefix("offline-")


def prefixes(paths: Sequence[Path]) -> Mapping[Path, str]:
    """Return the prefixes of an attempt's logs: the first run of an attempt has none."""
    logs = sorted(paths, key=time_of)
    return {
        path: f"{path.stem.removeprefix('run-')}/" for path in logs if path.name != logs[0].name
    }


def are_parts(history: str, other: str) -> bool | None:
    """Return True if two logs are of the same run, which was resumed; None for other files."""
    logs = _OF_RUN.fullmatch(history), _OF_RUN.fullmatch(other)
    return logs[0].groups() == logs[1].groups() if logs[0] and logs[1] else None


def training(place: Place) -> Training | None:
    """Return the run of a directory."""
    logs = place.fits(LOG)
    if not logs or not _DIRECTORY.fullmatch(place.path.name):
        return None
    run = describe(place / logs[0])
    output = place / "files" / "output.log"
    log = output if output.is_file() else None
    job = tracked(run, place.path, (place / logs[0], "wandb"), log=log)
    return Training("wandb", run.name, place.path, (job,))


def joined(found: Iterable[Training]) -> list[Training]:
    """Return trainings, where a run that was resumed is one: it has a directory each time.

    One whose steps begin again, since W&B was offline and did not know the others, is separate.
    """
    parts: dict[str, list[Training]] = {}
    for one in found:
        key = str(one.path.parent / _log(one).name) if one.kind == "wandb" else one.key
        parts.setdefault(key, []).append(one)
    return [one for several in parts.values() for one in _joined(several)]


def _joined(parts: list[Training]) -> list[Training]:
    """Return the runs that some parts of a run make: the last directory has the logs of all."""
    if len(parts) == 1:
        return parts
    found: list[Training] = []
    for one in sorted(parts, key=lambda one: time_of(_log(one))):
        if found and "resumed" in describe(_log(one)).tags:
            before, job = found.pop().jobs[0], one.jobs[0]
            sources = (*(before.sources or ()), *(job.sources or ()))
            params = {**before.params, **job.params}
            job = replace(job, sources=sources, params=params, started=before.started)
            one = replace(one, jobs=(job,))
        found.append(one)
    return found


def _log(training: Training) -> Path:
    return (training.jobs[0].sources or ())[-1][0]
