"""The cost of a cancel: each stage's running time since its last checkpoint.

Reads the store and the stages' directories, so call it in a thread.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from trainui import clock, formatting
from trainui.clock import SECOND
from trainui.domain.records import StageRecord
from trainui.domain.states import UNFINISHED, Status
from trainui.pipeline.graph import Graph
from trainui.resume import checkpoints
from trainui.store.read import views
from trainui.text import harmless
from trainui.tui.actions.target import listed

MOST_BLOCKED = 8
"""Maximum number of stages that are named; the others are counted."""


def lost_work(run_id: str, names: Collection[str] | None) -> list[str]:
    """Return what each stage would lose; without names, every unfinished stage counts."""
    with views.reading() as connection:
        stages = views.stages(connection, run_id)
    ended = [
        stage
        for stage in stages
        if stage.status in UNFINISHED and (names is None or stage.name in names)
    ]
    lines = [_lost_work_of(stage) for stage in ended if stage.status == Status.RUNNING]
    if waiting := len(ended) - len(lines):
        lines.append(f"{waiting} {'stage has' if waiting == 1 else 'stages have'} not started yet")
    if names is not None:
        lines += _dependants(stages, names)
    return lines


def _lost_work_of(stage: StageRecord) -> str:
    name, now = harmless(stage.name), clock.now()
    if stage.started_at is None:
        return f"{name} has just started"
    spent = formatting.duration(int((now - stage.started_at) / SECOND))
    with views.reading() as connection:
        attempts = [one.directory for one in views.attempts_of_stage(connection, stage.id)]
    where = checkpoints.search(stage.definition, stage.directory, attempts)
    newest = next(checkpoints.complete(where), None)
    if newest is None:
        kind = "no checkpoint yet" if stage.definition.checkpoint else "it declares no checkpoint"
        return f"{name} has run for {spent}; all of it would be lost: {kind}"
    path = Path(newest)
    since = formatting.duration(max(int(now / SECOND - path.stat().st_mtime), 0))
    lost = f"{since} since the last checkpoint, {harmless(path.name)}, would be lost"
    return f"{name} has run for {spent}; {lost}"


def _dependants(stages: Collection[StageRecord], names: Collection[str]) -> list[str]:
    """Return lines with the dependants that would be blocked, and with those that would start."""
    ended = [one for one in stages if one.name in names and one.status in UNFINISHED]
    left = [one for one in stages if one.name not in names or one.status not in UNFINISHED]
    unfinished = {one.definition.group for one in left if one.status in UNFINISHED}
    completed = {one.definition.group for one in left if one.status == Status.COMPLETED}
    blocking = [one.name for one in ended if not _is_tolerated(one, unfinished | completed)]
    tolerated = [one for one in ended if one.name not in blocking]
    over = {one.name for one in tolerated if one.definition.group not in unfinished}
    graph = Graph.of(stages)
    blocked = graph.downstream(*blocking)
    others = [one for one in left if one.status in UNFINISHED and one.name not in blocked]
    found = {
        "would be blocked": [
            one.name for one in left if one.status in UNFINISHED and one.name in blocked
        ],
        "would start, without what is cancelled": [
            one.name for one in others if over.intersection(one.depends_on)
        ],
    }
    return [f"{words}: {listed(which, MOST_BLOCKED)}" for words, which in found.items() if which]


def _is_tolerated(stage: StageRecord, groups: Collection[str]) -> bool:
    """Return True if dependants start although a stage was cancelled.

    Those of a search need a trial: one of these groups has another that completed or may.
    """
    is_trial = stage.definition.trial is not None
    return stage.definition.may_fail and (not is_trial or stage.definition.group in groups)
