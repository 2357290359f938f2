"""Estimates when unfinished runs will end, from the durations of earlier runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from trainui import clock, settings
from trainui.model.records import RunRecord, StageRecord
from trainui.model.states import UNFINISHED
from trainui.pipeline.rules.remaining_time import PastDuration, StepProgress
from trainui.store.db.protocol import Connection
from trainui.store.points import read_points
from trainui.store.read import run_history, views
from trainui.store.read.stage_cache import StageCache
from trainui.tui.snapshot.run_page import Eta, RunEta
from trainui.tui.snapshot.snapshot import Cache

PERIOD = 5.0
"""Seconds for which the history of earlier runs is cached."""

MOST_RUNS, MOST_STAGES = 20, 8
"""The most listed runs with an estimate (unfinished ones, newest first), and the most stages
estimated by their step rate; others by elapsed time only."""


@dataclass(frozen=True, slots=True)
class _Past:
    """The history of a run's stages in earlier runs, by full name."""

    completions: Mapping[str, Sequence[PastDuration]]
    usual: Mapping[str, float | None]
    """The usual duration of a stage in seconds."""
    last_steps: dict[str, float | None] = field(default_factory=dict)
    """The last steps of the completions read so far, by stage id."""


class EtaEstimator:
    """Estimates end times; the history of earlier runs is cached for some seconds."""

    def __init__(self) -> None:
        self._past = Cache[_Past](2 * MOST_RUNS, PERIOD)
        self._cpus = settings.load().cpus
        self._stages: dict[str, StageCache] = {}
        """Cached stages of listed runs, by run id."""
        self.goals: dict[str, float] = {}
        """By a running stage's id, its last step in an earlier completed run."""

    def look(self, connection: Connection, run: RunRecord, stages: Sequence[StageRecord]) -> RunEta:
        """Return the estimated end of a run and of its running stages."""
        if run.status not in UNFINISHED:
            return RunEta(None, {})
        now = clock.now()
        before = self._past.read(None, lambda: _past(connection, run, stages), run.id)
        worked = run_history.elapsed(connection, stages, now)
        progress = _with_steps(connection, stages, worked, before)
        for stage in stages:
            if stage.name in progress and (goal := progress[stage.name].last_step):
                self.goals[stage.id] = goal
            else:
                self.goals.pop(stage.id, None)
        seconds = run_history.seconds_left(stages, before.usual, progress)
        remaining = run_history.remaining_time_of(stages, seconds, self._cpus)
        ending = None if remaining is None else _in(now, remaining.seconds, remaining.whole)
        running = {
            name: _in(now, left, True) for name in progress if (left := seconds[name]) is not None
        }
        return RunEta(ending, running)

    def of_list(self, connection: Connection, run_ids: Sequence[str]) -> dict[str, Eta]:
        """Return the estimated ends of listed runs, by id; runs without an estimate are omitted."""
        found = {}
        looked_at = run_ids[:MOST_RUNS]
        self._stages = {one: self._stages.get(one) or StageCache() for one in looked_at}
        for run_id, stages in self._stages.items():
            if (run := views.run(connection, run_id)) is not None:
                ending = self.look(connection, run, stages.read(connection, run_id)).run
                if ending is not None:
                    found[run_id] = ending
        return found


def _past(connection: Connection, run: RunRecord, stages: Sequence[StageRecord]) -> _Past:
    found = run_history.completions(connection, run, stages)
    return _Past(found, run_history.usual(found))


def _in(now: int, seconds: float, whole: bool) -> Eta:
    # rounded to seconds, so that an unchanged estimate compares equal
    return Eta((now + int(seconds * clock.SECOND)) // clock.SECOND * clock.SECOND, whole)


def _with_steps(
    connection: Connection,
    stages: Sequence[StageRecord],
    progress: Mapping[str, StepProgress],
    past: _Past,
) -> dict[str, StepProgress]:
    """Return the progress with step counts of first attempts added.

    None are added beyond the last step of the earlier completion: that one had fewer steps.
    """
    found = dict(progress)
    first = [one for one in stages if one.name in progress and one.attempt == 1]
    known = [(one, past.completions[one.name]) for one in first if past.completions.get(one.name)]
    for stage, completions in known[:MOST_STAGES]:
        before = completions[0].stage_id
        if before not in past.last_steps:
            past.last_steps[before] = _last_step(connection, before)
        last, step = past.last_steps[before], _last_step(connection, stage.id)
        if step is not None and last is not None and step <= last:
            found[stage.name] = replace(progress[stage.name], step=step, last_step=last)
    return found


def _last_step(connection: Connection, stage_id: str) -> float | None:
    steps = (one.last_step for one in read_points.summaries(connection, [stage_id]))
    return max((step for step in steps if step is not None), default=None)
