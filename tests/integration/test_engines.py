"""A whole run on a Redis and a PostgreSQL that are there: with passwords, and behind TLS."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import certificates, postgresql, redis_server
from tests.integration import background
from tests.integration.runs import NOTE, Run, home_of_its_own, stage
from tests.unit.supervisor.waiting import wait_for
from trainui.execution.daemon import lifecycle
from trainui.model.states import Status
from trainui.store.db import engine
from trainui.store.points import read_points


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.long
def test_a_run_on_redis_and_postgresql_with_passwords_and_tls(
    tmp_path: Path, postgresql_programs: Path
) -> None:
    tls = certificates.make(tmp_path / "tls", "127.0.0.1")
    port = free_port()
    secret = quote(postgresql.PASSWORD, safe="")
    store = f"postgresql://trainui:{secret}@127.0.0.1:{port}/postgres?sslmode=verify-full"
    store += f"&sslrootcert={quote(str(tls.authority))}"
    with (
        closing(postgresql.Server(postgresql_programs, {"port": str(port)}, certificates=tls)),
        redis_server.running(tmp_path, tls, "127.0.0.1", free_port()) as broker,
        home_of_its_own(tmp_path, broker_url=broker, database_url=store) as home,
    ):
        background.start()
        found = lifecycle.status()["broker"]
        assert (found["kind"], found["reachable"], found["pid"]) == ("redis", True, None)
        line = 'echo \'{"step": 1, "loss": 0.5}\' >> $TRAINUI_METRICS_FILE'
        fails = 'test "$TRAINUI_ATTEMPT" = 2'
        run = Run(
            tmp_path / "p",
            stage("a", NOTE + line),
            stage("b", fails, "a", retries=1, retry_delay=0),
            stage("c", NOTE, "b"),
        )
        assert run.wait().status == Status.COMPLETED, run.stages()
        assert run.lines("ledger") == ["a 1", "c 1"]
        assert len(run.attempts("b")) == 2
        with engine.reading() as connection:
            (series,) = read_points.summaries(connection, {run.stage("a").id: "a"})
        assert (series.name, series.last) == ("loss", 0.5)
        shown = wait_for(_status_with_a_broker, "the status while the broker answers")
        told = shown + (home.worker / "worker.log").read_text()
        for password in (postgresql.PASSWORD, redis_server.PASSWORD):
            assert password not in told
            assert quote(password, safe="") not in told
        assert not home.broker.exists()
        assert not home.database.exists()


def _status_with_a_broker() -> str | None:
    shown = subprocess.run(
        [sys.executable, "-m", "trainui", "worker", "status", "--json"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return shown if json.loads(shown)["broker"]["reachable"] else None
