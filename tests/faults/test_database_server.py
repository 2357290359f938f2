"""The database's server stopped and started again, again and again, while a run is on."""

from __future__ import annotations

import os
import random
import time
from contextlib import closing
from pathlib import Path

from tests import postgresql
from tests.integration.runs import NOTE, Run, home_with_worker, stage
from trainui.model.states import Status
from trainui.store.db import engine
from trainui.store.points import read_points

TIMES = 60 if os.environ.get("TRAINUI_TEST_LONG") else 4

LOGS = (
    "n=0; until [ $n != 0 -a -e $TRAINUI_STAGE.go ]; do n=$((n+1)); "
    'echo "{\\"step\\": $n, \\"loss\\": 1}" >> $TRAINUI_METRICS_FILE; '
    "echo line $n; sleep 0.02; done"
)
"""A stage that logs until it is released, and then prints how often it did."""


def test_nothing_is_lost_and_nothing_runs_twice(tmp_path: Path, postgresql_programs: Path) -> None:
    chance = random.Random(11)
    settings = {"synchronous_commit": "on"}
    with closing(postgresql.Server(postgresql_programs, settings)) as server:
        url = server.make_database()
        with home_with_worker(tmp_path, database_url=url) as home:
            run = Run(
                tmp_path / "p",
                stage("a", NOTE + LOGS),
                stage("b", NOTE + LOGS, "a"),
                stage("c", NOTE + LOGS, "a"),
                stage("d", NOTE, "b", "c"),
            )
            directory = run.directory
            for nth in range(TIMES):
                time.sleep(chance.uniform(0.0, 2.0))  # the moment is what is tried
                server.stop()
                if nth == TIMES // 2:
                    (directory / "a.go").touch()  # it ends while nobody can note it
                time.sleep(chance.uniform(0.0, 2.0))
                server.start()
            for name in "bc":
                (directory / f"{name}.go").touch()
            assert run.wait().status == Status.COMPLETED, run.stages()
            assert sorted(run.lines("ledger")) == ["a 1", "b 1", "c 1", "d 1"]
            log = home.worker_log.read_text()
            assert "Traceback" not in log
            # by the worker and the reader, and again if a write ends late that had succeeded
            assert log.count("retrying until it succeeds") <= 6 * TIMES
            for name in "abc":
                said = Path(run.attempt(name).directory, "stdout.log").read_text().splitlines()
                with engine.reading() as connection:
                    (series,) = read_points.summaries(connection, {run.stage(name).id: name})
                assert (series.count, series.superseded) == (len(said), 0)
