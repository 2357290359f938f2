"""Estimates for a resume plan: durations of stages, GPU time saved, steps of checkpoints."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainui import clock
from trainui.model.records import AttemptRecord, RunRecord, StageRecord
from trainui.model.states import Status
from trainui.pipeline.rules import remaining_time
from trainui.pipeline.rules.remaining_time import PastDuration
from trainui.pipeline.rules.resume_plan import Action, PlannedStage
from trainui.resume import integrity, integrity_pickle
from trainui.store.points import read_points
from trainui.store.read import run_history, views
from trainui.system import plain_files
from trainui.system.plain_files import BoundedFile

LARGEST = 1 << 20
"""The most bytes read to find a step; weights are not read."""

KEYS = (
    "global_step",
    "step",
    "iteration",
    "iter_num",
    "iter",
    "num_timesteps",
    "total_timesteps",
    "training_iteration",
)
"""Names of the step in the files that libraries save, in order of preference."""

_WORD = r"(?:global_?)?(?:time)?steps?|iter(?:ation)?s?|it|updates?|rounds?"
_NAMED = re.compile(
    rf"(?:^|[^a-z])(?:{_WORD})[=_.-]?(\d+)|(\d+)[=_.-]?(?:{_WORD})(?![a-z]|[=_.-]?\d)", re.I
)
_TRANSFORMERS = re.compile(r"checkpoint-(\d+)")
_NUMBER = re.compile(r"\d+")
_OTHER = re.compile(r"epoch|(?:^|[^a-z])(?:ep?|fold|seed|rank|part|shard|v)[=_.-]?\d", re.I)
"""Numbers that do not count steps."""

PADDED = 5
"""A lone number with at least so many digits is a step: there are never so many epochs."""


def with_savings(
    planned: Sequence[PlannedStage],
    stages: Mapping[str, StageRecord],
    attempts: Mapping[str, Sequence[AttemptRecord]],
    run: RunRecord,
) -> list[PlannedStage]:
    """Return a plan with durations, GPU time and steps added.

    Durations are estimated from earlier runs of the pipeline, too.
    """
    with views.reading() as connection:
        past = run_history.completions(connection, run, stages.values())
    continued = [one.name for one in planned if one.action == Action.CONTINUE]
    reached = _last_steps([one.stage_id for name in continued for one in past.get(name, ())[:1]])
    return [
        _with_savings(
            one,
            stages[one.name],
            attempts.get(stages[one.name].id, ()),
            past=past.get(one.name, ()),
            last_steps=reached,
        )
        for one in planned
    ]


def _last_steps(stage_ids: Sequence[str]) -> dict[str, int]:
    """Return the last recorded step of each stage that has one."""
    if not stage_ids:
        return {}
    steps: dict[str, int] = {}
    with views.reading() as connection:
        for series in read_points.summaries(connection, stage_ids):
            if series.last_step is not None:
                steps[series.stage] = max(steps.get(series.stage, 0), int(series.last_step))
    return steps


def _with_savings(
    one: PlannedStage,
    stage: StageRecord,
    attempts: Sequence[AttemptRecord],
    *,
    past: Sequence[PastDuration],
    last_steps: Mapping[str, int],
) -> PlannedStage:
    """Add a stage's estimates to its plan.

    `past` are its durations in earlier runs, those of the same work if there are any; `last_steps`
    are their last steps by stage id.
    """
    completed = [attempt for attempt in attempts if attempt.status == Status.COMPLETED][-1:]
    saved, step, about = 0.0, None, None
    if one.checkpoint is not None:
        # its points show roughly which step it had reached when it wrote the checkpoint
        file = plain_files.look(Path(one.checkpoint))
        written = 0 if file is None else file.st_mtime_ns // 1000
        with views.reading() as connection:
            reached = read_points.step_at(connection, stage.id, written)
        about = None if reached is None else int(reached)
        step = step_of(Path(one.checkpoint), about)
        saved = sum(_gpu_seconds(attempt, until=written) for attempt in attempts)
    last = last_steps.get(past[0].stage_id) if past else None
    seconds = remaining_time.from_checkpoint(
        remaining_time.typical(past), about if step is None else step, last
    )
    if one.action == Action.SKIP:
        seconds = next((_seconds(attempt) for attempt in completed), None)
        saved = sum(_gpu_seconds(attempt) for attempt in completed)
    return replace(one, step=step, seconds=seconds, gpu_seconds_saved=saved)


def _seconds(attempt: AttemptRecord, until: int | None = None) -> float:
    if attempt.started_at is None or attempt.completed_at is None:
        return 0.0
    end = attempt.completed_at if until is None else min(attempt.completed_at, until)
    return max(end - attempt.started_at, 0) / clock.SECOND


def _gpu_seconds(attempt: AttemptRecord, until: int | None = None) -> float:
    return len(attempt.gpus) * _seconds(attempt, until)


def step_of(checkpoint: Path, about: int | None = None) -> int | None:
    """Return the step of a checkpoint; None if neither its name nor its content has one.

    A small number in a name, which may count epochs, is used only if it is near the step that the
    stage had about reached when the checkpoint was written (`about`).
    """
    for found in (_in_name(checkpoint), _in_content(checkpoint)):
        if found is not None:
            return found
    number = _only_number(checkpoint.name)
    if number is None or len(number) >= PADDED:
        return None if number is None else int(number)
    near = about is not None and abs(about - int(number)) <= max(int(number), 2)
    return int(number) if near else None


def _in_name(checkpoint: Path) -> int | None:
    if (match := _TRANSFORMERS.fullmatch(checkpoint.name)) is not None:
        return int(match[1])
    for name in (checkpoint.name, checkpoint.parent.name):
        if found := {first or second for first, second in _NAMED.findall(name)}:
            return int(found.pop()) if len(found) == 1 else None
    return None


def _only_number(name: str) -> str | None:
    """Return the only number in a name; None if there are several, or it is not a step."""
    found = _NUMBER.findall(name.partition(".")[0])
    return found[0] if len(found) == 1 and not _OTHER.search(name) else None


def _in_content(checkpoint: Path) -> int | None:
    try:
        if checkpoint.is_dir():
            states = (checkpoint / one.state for one in integrity.kinds_of_directories())
            state = next((one for one in states if one.is_file()), None)
            return _chosen(_of_json(state)) if state is not None else None
        if checkpoint.suffix.lower() == ".json":
            return _chosen(_of_json(checkpoint))
        with plain_files.open_plain(checkpoint) as opened:
            source: Any = BoundedFile(opened, integrity.MOST_READ)
            return _chosen(dict(_of_archive(source)) if zipfile.is_zipfile(source) else {})
    except Exception:
        return None


def _chosen(found: Mapping[str, Any]) -> int | None:
    """Return the number under the first of the keys that has one."""
    numbers = (found.get(key) for key in KEYS)
    whole = (one for one in numbers if isinstance(one, int) and not isinstance(one, bool))
    return next((one for one in whole if one >= 0), None)


def _of_json(path: Path) -> Mapping[str, Any]:
    with plain_files.open_plain(path) as file:
        content = json.loads(BoundedFile(file, LARGEST).read())
    return content if isinstance(content, dict) else {}


def _of_archive(source: Any) -> Iterator[tuple[str, int]]:
    """Yield the named integers in an archive that NumPy or PyTorch saved."""
    archive = zipfile.ZipFile(source)
    for entry in archive.infolist():
        name = entry.filename.rpartition("/")[2]
        if entry.file_size > LARGEST or not integrity.is_readable(entry):
            continue
        if name == "data.pkl":
            yield from integrity_pickle.numbers(io.BytesIO(archive.read(entry)), KEYS).items()
        elif name.endswith(".npy") and name.removesuffix(".npy") in KEYS:
            yield from _of_array(name.removesuffix(".npy"), archive.read(entry))


def _of_array(name: str, data: bytes) -> Iterator[tuple[str, int]]:
    import numpy as np

    array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    if array.size == 1 and array.dtype.kind in "iu":
        yield name, int(array.item())
