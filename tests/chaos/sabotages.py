"""Faults of trainui itself, which the chaos runs must see: each is a patch of a worker's behaviour.

`python -m tests.chaos --sabotage NAME` names this module in the setting `include`, so that a worker
imports it as it starts. Nothing of the package is changed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

VARIABLE = "CHAOS_SABOTAGE"
"""Names the sabotage for the worker and the metrics reader."""

READER = "trainui.metrics.reader"

HOUR = 3600 * 10**6


def _change_outcomes(**changed: Callable[[Any], Any]) -> None:
    """Have other values recorded of each end."""
    from trainui.store.runs import attempts

    end = attempts.end

    def sabotaged(connection: Any, attempt_id: int, outcome: Any) -> Any:
        values = {name: change(getattr(outcome, name)) for name, change in changed.items()}
        return end(connection, attempt_id, replace(outcome, **values))

    attempts.end = sabotaged


def _nothing(_value: Any) -> None:
    return None


def change_points() -> None:
    """Every stored step is one too high, and every value is doubled."""
    from trainui.store.points import write_points

    save = write_points.save

    def sabotaged(connection: Any, before: Any, after: Any, batch: Any, *, records: int) -> Any:
        changed = {
            name: type(one)(one.ordinals, one.steps + 1, one.values * 2, one.times)
            for name, one in batch.items()
        }
        return save(connection, before, after, changed, records=records)

    write_points.save = sabotaged


def lose_points() -> None:
    """What is read in every third turn is not stored."""
    from trainui.store.points import write_points

    save, calls = write_points.save, iter(range(sys.maxsize))

    def sabotaged(connection: Any, before: Any, after: Any, batch: Any, *, records: int) -> Any:
        kept = {} if next(calls) % 3 == 2 else batch
        return save(connection, before, after, kept, records=records)

    write_points.save = sabotaged


def store_twice() -> None:
    """All points of a file that was rewritten are stored again."""
    from trainui.metrics.reader.source import RewriteDiff

    def sabotaged(self: Any, decoded: Any, first_row: int) -> None:
        self.new.append(
            {
                name: replace(found, ordinals=found.ordinals + first_row)
                for name, found in decoded.series.items()
            }
        )

    diff: Any = RewriteDiff
    diff.compare = sabotaged


def end_running() -> None:
    """A new worker ends every stage that runs."""
    from trainui.store.db import engine

    if not engine.exists():
        return
    with engine.reading() as connection:
        found = connection.execute(
            "SELECT pid FROM attempts WHERE status = 'running' AND pid IS NOT NULL"
        ).fetchall()
    for (pid,) in map(tuple, found):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def record_late() -> None:
    """Every end is recorded an hour late."""
    _change_outcomes(completed_at=lambda time: time + HOUR)


def lose_results() -> None:
    """The results of tasks are lost."""
    _change_outcomes(result=_nothing)


def lose_exit_codes() -> None:
    """Exit codes are lost."""
    _change_outcomes(exit_code=_nothing)


def lose_errors() -> None:
    """Why attempts failed is lost."""
    _change_outcomes(error=_nothing)


def give_up_orphans() -> None:
    """A process whose supervisor was killed is recorded as interrupted while it lives."""
    from trainui.supervisor import process

    probe = process.probe

    def sabotaged(
        attempt_dir: Path,
        identity: Mapping[str, str] | None = None,
        table: process.ProcessTable | None = None,
    ) -> process.Probe:
        found = probe(attempt_dir, identity, table)
        orphan = found.state == process.ProbeState.ORPHAN
        return process.Probe(process.ProbeState.LOST) if orphan else found

    process.probe = sabotaged


def never_retry() -> None:
    """Retries never happen."""
    from trainui.store.runs import attempts

    vars(attempts)["next_retry"] = lambda *_arguments, **_named: None


def start_afresh() -> None:
    """No attempt continues from a checkpoint."""
    from trainui.resume import checkpoints

    checkpoints.find = lambda *_arguments, **_named: None


def trust_exit_codes() -> None:
    """Outputs that are not there go unnoticed."""
    from trainui.resume import outputs

    outputs.problem = lambda *_arguments, **_named: None


def forget_samplers() -> None:
    """A new worker starts each search's random numbers again."""
    from trainui.plugins.optuna.study import SamplerHistory

    history: Any = SamplerHistory
    history.load = classmethod(lambda _kind, _stored: None)


def lose_reports() -> None:
    """The values that a pruner has seen are not in the study."""
    from trainui.plugins.optuna.study_file import StudyFile

    file: Any = StudyFile
    file.report = lambda _self, _values, _notes=(): None


def change_outcomes_of_trials() -> None:
    """The store has another value of each trial than the study."""
    from trainui.store.runs import trials

    end = trials.end

    def sabotaged(connection: Any, stage: Any, outcome: Any) -> None:
        value = None if outcome.value is None else outcome.value + 1
        end(connection, stage, replace(outcome, value=value))

    trials.end = sabotaged


def keep_directories() -> None:
    """A stage that starts fresh finds the files of its earlier attempts."""
    from trainui.execution.attempt import launch

    module: Any = launch
    module.move_away_if_fresh = lambda *_arguments: None


EDITS: dict[str, Callable[[], None]] = {"directories-kept": keep_directories}
"""Those that show in the results of runs that are edited."""

SEARCHES: dict[str, Callable[[], None]] = {
    "samplers-forgotten": forget_samplers,
    "reports-lost": lose_reports,
    "trials-changed": change_outcomes_of_trials,
}
"""Those of searches, which are seen sooner by kills in searches than by random trials."""

WORKER: dict[str, Callable[[], None]] = {
    "worker-ends-stages": end_running,
    "ends-an-hour-late": record_late,
    "results-lost": lose_results,
    "exit-codes-lost": lose_exit_codes,
    "errors-lost": lose_errors,
    "orphans-given-up": give_up_orphans,
    "no-retries": never_retry,
    "no-checkpoints": start_afresh,
    "outputs-unchecked": trust_exit_codes,
    **EDITS,
    **SEARCHES,
}

METRICS: dict[str, Callable[[], None]] = {
    "points-changed": change_points,
    "points-lost": lose_points,
    "points-twice": store_twice,
}
"""Those of the metrics reader's process."""

SABOTAGES = {**METRICS, **WORKER}

SHOWN_BY = {
    "orphans-given-up": "supervisor",
    "worker-ends-stages": "worker",
    "directories-kept": "edit before checkpoints",
}
"""The fault or action without which a sabotage does nothing: with it, that is chosen most of the
time."""

MOST_OF_THE_TIME = 40
"""Their weight, beside some twenty others of 1 to 3."""


def weights() -> dict[str, int]:
    """Return the weights of faults and actions that the sabotage of this process needs."""
    name = SHOWN_BY.get(os.environ.get(VARIABLE, ""))
    return {} if name is None else {name: MOST_OF_THE_TIME}


def environment(name: str) -> dict[str, str]:
    """Return the variables with which a worker is sabotaged."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    search = dict.fromkeys([str(Path(__file__).parents[2]), *filter(None, given)])
    return {
        VARIABLE: name,
        "TRAINUI_INCLUDE": json.dumps([__name__]),
        "PYTHONPATH": os.pathsep.join(search),
    }


def _start_reader(log: Path, module: str = READER, *arguments: str) -> subprocess.Popen[bytes]:
    del arguments
    command = [sys.executable, "-m", __name__, module]  # its name is how it is found
    with log.open("ab") as file:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=file, stderr=file, start_new_session=True
        )


def _sabotage_worker() -> None:
    name = os.environ[VARIABLE]
    if name in WORKER:
        WORKER[name]()
    else:
        from trainui.execution.daemon import metrics_process

        metrics_process.start_reader = _start_reader


def _is_worker() -> bool:
    """Return True if this process is a worker; a task's process imports `include` as well."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec is not None and spec.name == "trainui.execution.worker.__main__"


if __name__ == "__main__":
    METRICS[os.environ[VARIABLE]]()
    from trainui.metrics.reader.__main__ import main

    main()
elif VARIABLE in os.environ and _is_worker():
    _sabotage_worker()
