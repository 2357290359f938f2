"""Measures how soon a trial is pruned after its point was stored, and the cost of following trials.

python -m benchmarks.prune [--seconds 30] [--live 64]

A made search with completed trials and live ones, each of which gets a point a second. The thread
of the searches runs in this process as in a worker, which looks once a second; the points are
stored by another process. Now and then a trial gets a value that its pruner rejects. The cost is
compared with that of Optuna's own loop, in which each training reports its points itself.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import optuna

from benchmarks import figures
from benchmarks.made import workplace
from tests.unit.store.readings import Feeder
from trainui import clock
from trainui.execution.planner import host
from trainui.execution.worker.member_threads import SearchThread
from trainui.execution.worker.services import ChangeDetector
from trainui.model.definition import Pipeline, Prune, Search, StageDefinition
from trainui.model.records import Slot
from trainui.model.states import Status
from trainui.store.db.engine import Database, open_store
from trainui.store.read import sweeps, views
from trainui.store.runs import attempts, stored_pipeline
from trainui.store.runs.attempts import Outcome

DONE, HISTORY, LAST = 20, 100, 600
"""Completed trials, the points that each live trial has at first, and the last step of all."""

SEARCH = Search("val/loss", "minimize", prune=Prune("MedianPruner", {}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--live", type=int, default=64)
    parser.add_argument(
        "--write", metavar="LIVE SECONDS", nargs=2, type=int, help=argparse.SUPPRESS
    )
    options = parser.parse_args()
    if options.write:
        write(*options.write)
        return 0
    with workplace() as (directory, store):
        make(store, directory, options.live)
        share = report(store, options.live, options.seconds)
    peer = optunas(options.live)
    name = "share of a core for the searches"
    figures.without_limit(name, share, "%")
    figures.at_most(f"{name}, to that of Optuna's loop", share / peer, 0.2, "times")
    return figures.exit_code()


def make(store: Database, directory: Path, live: int) -> None:
    """Store a run with completed and with running trials."""
    names = [f"train[n={number}]" for number in range(DONE + live)]
    members = tuple(
        StageDefinition(
            name, group="train", command="true", matrix={"n": str(number)}, search=SEARCH
        )
        for number, name in enumerate(names)
    )
    new = stored_pipeline.NewRun(
        id="run",
        name="run",
        pipeline=Pipeline("search", members, text="stages: []", digest="0" * 64),
        directory=str(directory / "run"),
        stage_directories={name: str(directory / "run" / name) for name in names},
        submission={"umask": 0o22},
    )
    (directory / "run" / ".trainui").mkdir(parents=True)
    with store.write() as connection:
        stored_pipeline.create(connection, new)
    for number, name in enumerate(names):
        start(store, name, number)
        if number < DONE:
            with store.write() as connection:
                stage = views.stage(connection, "run", name)
                assert stage is not None
                last = views.attempts_of_stage(connection, stage.id)[-1]
                attempts.end(connection, last.id, Outcome(Status.COMPLETED, clock.now()))


def start(store: Database, name: str, number: int) -> None:
    with store.write() as connection:
        stage = views.stage(connection, "run", name)
        assert stage is not None
        granted = attempts.grant(connection, stage, [Slot(host(), "cpu", number)], host=host())
        assert granted is not None
        attempts.claim(connection, "run", name, str(granted.celery_task_id))
    steps = range(LAST + 1 if number < DONE else HISTORY)
    Feeder(store, stage.id).feed({"val/loss": [(step, value(number, step)) for step in steps]})


def value(number: int, step: int) -> float:
    """A curve that falls; those of completed trials are above those of live ones."""
    return (1.0 if number < DONE else 0.95) - step / 1e3 + number / 1e6


def report(store: Database, live: int, seconds: int) -> float:
    """Report how soon trials are pruned; return the searches' share of a core, in percent."""
    thread, changes = SearchThread(store, threading.Event()), ChangeDetector()
    thread.poll(changed=True)
    while count_told(store) < DONE:  # after imports, and the points of before
        time.sleep(0.5)
    command = [sys.executable, "-m", "benchmarks.prune", "--write", str(live), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        begun, used = time.monotonic(), time.process_time()
        while writer.poll() is None:
            thread.poll(changed=changes.seen())
            time.sleep(1)
        spent, wall = time.process_time() - used, time.monotonic() - begun
        assert writer.stdout is not None
        delays = [delay(store, *line.split()) for line in writer.stdout]
    figures.at_most("seconds until a trial is asked to stop: median", statistics.median(delays), 2)
    figures.at_most("seconds until a trial is asked to stop: longest", max(delays), 2)
    return 100 * spent / wall


def optunas(live: int, rounds: int = 5) -> float:
    """Return the share of a core that Optuna's loop takes for a point a second of each trial."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="trainui-prune-") as folder:
        study = optuna.create_study(
            storage=f"sqlite:///{folder}/study.db", pruner=optuna.pruners.MedianPruner()
        )
        for number in range(DONE):
            points = {step: value(number, step) for step in range(LAST + 1)}
            done = optuna.trial.create_trial(value=points[LAST], intermediate_values=points)
            study.add_trial(done)
        trials = [study.ask() for _ in range(live)]
        used = time.process_time()
        for step in range(rounds):
            for number, trial in enumerate(trials, start=DONE):
                trial.report(value(number, step), step)
                trial.should_prune()
        return 100 * (time.process_time() - used) / rounds


def count_told(store: Database) -> int:
    with store.read() as connection:
        found = sweeps.trials_of(connection, "run", "train")
    return sum(one.state != sweeps.ASKED for one in found)


def delay(store: Database, stage_id: str, stored_at: str) -> float:
    with store.read() as connection:
        requested = views.attempts_of_stage(connection, stage_id)[-1].cancel_requested_at
    return float("inf") if requested is None else (requested - int(stored_at)) / clock.SECOND


def write(live: int, seconds: int) -> None:
    """Store a point a second for each live trial; print the id and time of each bad one."""
    store = open_store()
    with store.read() as connection:
        found = [one for one in views.stages(connection, "run") if one.status == Status.RUNNING]
    feeders = [Feeder(store, stage.id) for stage in found[:live]]
    bad: set[int] = set()
    for second in range(seconds):
        begun = time.monotonic()
        for number, feeder in enumerate(feeders):
            if number in bad:
                continue
            is_bad = second % 3 == 1 and second < seconds - 4 and number == 7 * second % live
            now = HISTORY + second
            step = LAST if is_bad else now  # at the last step, all are better than it is now
            feeder.feed({"val/loss": [(step, value(DONE + number, now))]})
            if is_bad:
                bad.add(number)
                print(found[number].id, clock.now(), flush=True)
        time.sleep(max(0.0, begun + 1 - time.monotonic()))


if __name__ == "__main__":
    sys.exit(main())
