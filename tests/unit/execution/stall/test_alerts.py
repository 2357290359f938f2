"""Alerts on a stall of metrics, on a stage that really runs."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from tests.unit.execution.attempt.test_monitor import follower as follower
from tests.unit.execution.attempt.test_orphan import Running
from tests.unit.store.readings import Feeder
from tests.unit.supervisor.waiting import PATIENCE, wait_for
from trainui.execution.attempt.monitor import AttemptMonitor
from trainui.execution.gpu.nvml import Gpu
from trainui.execution.stall.detector import StallAlerts
from trainui.model.states import Status
from trainui.store.db.engine import Store
from trainui.store.read import views


def test_a_stage_whose_metrics_stop_is_ended_with_the_reason(
    store: Store, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path, alerts={"stalled": 5, "then": "stop"})
    watch = StallAlerts(store, least_silence=0.5, grace=0.0)
    feeder = Feeder(store, run.stage.id)
    for step in range(20):
        feeder.feed({"loss": [(step, 0.5)]})
        watch.poll()
        assert run.attempt.stop_reason is None

    def asked() -> bool:
        watch.poll()
        return run.attempt.stop_reason is not None

    wait_for(asked, "it is asked to stop")
    run.until(Status.FAILED)
    words = r"stopped by an alert: no metric for \S+, more than 5 times the usual pace"
    assert re.fullmatch(words, run.stage.reason or "")
    assert kinds(run) == ["alert"]


def test_a_stage_is_not_stopped_since_the_store_could_not_be_written(
    store: Store, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path, alerts={"stalled": 5, "then": "stop"})
    feeder = Feeder(store, run.stage.id)
    with closing(Store(store.url)) as another, ThreadPoolExecutor() as pool:
        watch = StallAlerts(another, least_silence=0.2, grace=0.0)
        for step in range(20):
            feeder.feed({"loss": [(step, 0.5)]})
            watch.poll()
        ((watched,),) = watch._watched.values()
        watched.stall._grace = PATIENCE
        with store.write():
            wait_for(lambda: watched.rule.is_stalled(time.monotonic()), "a silence")
            looking = pool.submit(watch.poll)
            wait_for(another._write_lock.locked, "that it waits to write")
        looking.result()
    assert run.attempt.stop_reason is None
    run.go()


def test_a_gpu_that_computes_is_no_stall(
    store: Store, follower: AttemptMonitor, tmp_path: Path
) -> None:
    run = Running(store, follower, tmp_path, alerts={"stalled": 5, "then": "notify"})
    used = {"gpu": 90}
    watch = StallAlerts(
        store,
        least_silence=0.2,
        grace=0.0,
        gpus=lambda: [Gpu(0, "uuid", "GPU", utilisation=used["gpu"])],
    )
    with store.write() as connection:  # as if its place were a GPU
        slots = json.dumps([["here", "gpu", 0]])
        connection.execute("UPDATE attempts SET slots_json = ?", (slots,))
    feeder = Feeder(store, run.stage.id)
    for step in range(20):
        feeder.feed({"loss": [(step, 0.5)]})
        watch.poll()
    until = time.monotonic() + 1
    while time.monotonic() < until:
        watch.poll()
    assert kinds(run) == []
    used["gpu"] = 0

    def marked() -> bool:
        watch.poll()
        return kinds(run) == ["alert"]

    wait_for(marked, "it is marked")
    run.go()


def kinds(run: Running) -> list[str]:
    with views.reading() as connection:
        found = [event.kind for _, event in views.events(connection, run.id)]
    return [kind for kind in found if kind == "alert"]
