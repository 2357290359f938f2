"""Two hosts, each with a home and a worker of its own, on one Redis and one PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests import certificates, postgresql, redis_server
from tests.gpus.stand_in import GIB, Machine
from tests.hosts.network import HUB, BaseApp, network
from tests.unit.supervisor.waiting import wait_for
from tests.unit.tui.driving import opened
from trainui import clock
from trainui.model.records import AttemptRecord, StageRecord
from trainui.model.states import ENDED, Status
from trainui.store import hosts
from trainui.store.db import engine
from trainui.store.db.engine import open_store
from trainui.store.points import read_points
from trainui.store.read import views

METRIC = "echo '{\"step\": '$n', \"loss\": 1}' >> $TRAINUI_METRICS_FILE"
LOOP = (
    f"n=0; until [ -e $TRAINUI_RUN_DIR/go ]; do n=$((n+1)); {METRIC}; echo line $n; sleep 0.1; done"
)
"""A stage that ends once it is let go."""


@dataclass
class Hosts:
    """Hosts that share a database, which the test looks into by another way."""

    stack: ExitStack
    directory: Path
    make: Callable[[str, dict[str, str]], BaseApp]

    def add(self, name: str, *, runs: str, libraries: str = "", **settings: str) -> BaseApp:
        """Add a host and start its worker."""
        values = {"runs_dir": str(self.directory / runs), "cpus": "2", **settings}
        host = self.make(name, values)
        self.stack.callback(host.end)
        host.environ["LD_LIBRARY_PATH"] = libraries
        started = host.run("worker", "start")
        assert started.returncode == 0, started.stderr
        return host

    def submit(self, host: BaseApp, *stages: dict[str, Any]) -> str:
        """Submit a run on a host."""
        file = self.directory / "pipeline.yaml"
        file.write_text(json.dumps({"name": "p", "stages": stages}))
        return str(host.json("run", str(file), "--detach")["run"])

    def stages(self, run: str) -> dict[str, StageRecord]:
        with engine.reading() as connection:
            return {stage.name: stage for stage in views.stages(connection, run)}

    def attempt(self, run: str, name: str) -> AttemptRecord:
        with engine.reading() as connection:
            return views.attempts_of_stage(connection, self.stages(run)[name].id)[-1]

    def until(self, run: str, holds: Callable[[dict[str, StageRecord]], Any], what: str) -> None:
        try:
            wait_for(lambda: holds(self.stages(run)), what)
        except AssertionError as error:
            raise AssertionError(f"not {what}: {self.stages(run)}") from error

    def go(self, run: str) -> None:
        with engine.reading() as connection:
            found = views.run(connection, run)
        assert found is not None
        Path(found.directory, "go").touch()

    def let_be_silent(self, host: BaseApp) -> None:
        """Have a host that is cut off be silent for as long as counts, and wait for nothing."""
        with closing(open_store()) as store, store.write() as connection:
            earlier = int(hosts.SILENT_AFTER * clock.SECOND)
            heard = "UPDATE hosts SET seen_at = seen_at - ? WHERE name = ?"
            connection.execute(heard, (earlier, host.name))

    def until_looked(self, host: BaseApp) -> None:
        """Wait until a host has looked after the others once more."""

        def looked_at() -> int | None:
            with closing(open_store()) as store, store.read() as connection:
                seen = "SELECT seen_at FROM hosts WHERE name = ?"
                return next((row[0] for row in connection.execute(seen, (host.name,))), None)

        before = looked_at()
        wait_for(lambda: looked_at() != before, f"another look of {host.name}'s worker")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, postgresql_programs: Path) -> Iterator[Hosts]:
    """A hub with a Redis and a PostgreSQL, both with a password and behind TLS."""
    tmp_path = tmp_path_factory.mktemp("hosts")
    with ExitStack() as stack:
        monkeypatch = stack.enter_context(pytest.MonkeyPatch.context())
        net = stack.enter_context(network())
        tls = certificates.make(tmp_path / "tls", HUB)
        server = stack.enter_context(
            closing(
                postgresql.Server(
                    postgresql_programs,
                    {"synchronous_commit": "on"},
                    certificates=tls,
                    wrap=net.hub,
                )
            )
        )
        broker = stack.enter_context(redis_server.running(tmp_path, tls, HUB, 6379, wrap=net.hub))
        store = f"postgresql://trainui:{quote(postgresql.PASSWORD, safe='')}@{HUB}/postgres"
        store += f"?sslmode=verify-full&sslrootcert={quote(str(tls.authority))}"
        common = {"database_url": store, "broker_url": broker}
        monkeypatch.setenv("TRAINUI_DATABASE_URL", server.url("postgres"))  # by its socket
        monkeypatch.setenv("TRAINUI_HOME", str(tmp_path / "here"))
        yield Hosts(
            stack,
            tmp_path,
            lambda name, values: BaseApp(net, name, tmp_path, {**common, **values}),
        )


@pytest.fixture(scope="module")
def gpus_of_b(shared: Hosts) -> Iterator[Machine]:
    machine = Machine(shared.directory / "nvml", 2)
    yield machine
    machine.remove_locks()


@pytest.fixture(scope="module")
def a(shared: Hosts) -> BaseApp:
    return shared.add("a", runs="runs")


@pytest.fixture(scope="module")
def b(shared: Hosts, gpus_of_b: Machine) -> BaseApp:
    """One that sees the runs of `a`."""
    libraries = gpus_of_b.library_path
    return shared.add("b", runs="runs", libraries=libraries, queues='["big"]')


@pytest.fixture(scope="module")
def c(shared: Hosts) -> BaseApp:
    """One whose directory of runs only it sees."""
    return shared.add("c", runs="private")


def stage(name: str, run: str, *depends_on: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "run": run, "depends_on": list(depends_on), **fields}


def test_stages_run_on_their_hosts_and_any_host_shows_all(
    shared: Hosts, a: BaseApp, b: BaseApp
) -> None:
    run = shared.submit(
        a,
        stage("first", "hostname > ../first.txt", host="a"),
        stage("second", "hostname; cat ../first.txt; n=7; " + METRIC, "first", host="b"),
        stage("third", "true", "second", queue="big"),
        stage("never", "true", queue="huge"),
        stage("nowhere", "true", host="e"),
    )
    shared.until(run, lambda found: found["third"].status == Status.COMPLETED, "third completed")
    assert [shared.attempt(run, name).host for name in ("first", "second", "third")] == [*"abb"]
    for host in (a, b):
        shown = {one["name"]: one for one in host.json("show", run)["stages"]}
        assert [shown[name]["status"] for name in shown] == ["completed"] * 3 + ["queued"] * 2
        assert [line["last"] for line in host.json("metrics", run, "second")["series"]] == [1]
    said = Path(shared.attempt(run, "second").directory, "stdout.log").read_text()
    assert said.split() == ["b", "a"]
    shared.until(run, lambda found: found["nowhere"].reason, "a reason why it waits")
    reason = shared.stages(run)["nowhere"].reason
    assert reason == "asks for the host e, which has no active worker"
    told = b.json("worker", "status")
    heard = {host["host"]: host["heard"] for host in told["hosts"]}
    assert heard.items() >= {"a": True, "b": True}.items()
    a.run("cancel", run)
    shared.until(run, lambda found: found["never"].status in ENDED, "cancelled")


@pytest.mark.long
async def test_the_screen_on_any_host_shows_the_gpus_of_all(
    shared: Hosts, b: BaseApp, gpus_of_b: Machine
) -> None:
    run = shared.submit(b, stage("far", LOOP, gpus=1), stage("idle", "true"))
    shared.until(run, lambda found: found["far"].started_at, "far started")
    gpus_of_b.change(0, utilisation=37, used=3 * GIB)
    gpus_of_b.lose(1)
    async with opened(size=(80, 24)) as driven:
        await driven.until_shown("b:0  37%  3/80G far", "b:1 ▲ has fallen off the bus")
        await driven.press("M")
        await driven.until_shown("NVIDIA H100 80GB HBM3", "far of p", "3/80 GiB")
        b.cut_off()
        shared.let_be_silent(b)
        driven.app.poller.reread()
        await driven.until_shown("▲ no heartbeat for 40 s or longer")
        b.bring_back()
    shared.go(run)
    shared.until(run, lambda found: found["far"].status == Status.COMPLETED, "far completed")


@pytest.mark.usefixtures("a")
def test_where_runs_are_not_shared_they_stay_on_their_host(shared: Hosts, c: BaseApp) -> None:
    run = shared.submit(
        c, stage("here", "true"), stage("then", "true", "here"), stage("there", "true", host="a")
    )
    shared.until(run, lambda found: found["then"].status == Status.COMPLETED, "then completed")
    assert [shared.attempt(run, name).host for name in ("here", "then")] == [*"cc"]
    shared.until(run, lambda found: found["there"].reason, "a reason why it waits")
    assert "another directory of runs than c" in (shared.stages(run)["there"].reason or "")
    assert shared.stages(run)["there"].attempt == 0


def test_a_disconnected_host_continues_and_records_all_later(
    shared: Hosts, a: BaseApp, b: BaseApp
) -> None:
    run = shared.submit(a, stage("far", LOOP, host="b"), stage("near", "true", "far", host="a"))
    shared.until(run, lambda found: found["far"].started_at, "far started")
    b.cut_off()
    other = shared.submit(a, stage("only", "true"))
    shared.until(other, lambda found: found["only"].status == Status.COMPLETED, "only completed")
    assert shared.attempt(other, "only").host == "a"  # who is cut off keeps nobody from writing
    shared.let_be_silent(b)
    shared.until(run, lambda found: found["far"].reason, "words on the silence")
    assert "the host b has sent no heartbeat" in (shared.stages(run)["far"].reason or "")
    shared.go(run)  # it ends, and nobody can know
    journal = Path(shared.attempt(run, "far").directory)
    wait_for(lambda: list(journal.glob("exit*")), "the end of far")
    shared.until_looked(a)
    far = shared.stages(run)["far"]
    assert (far.status, shared.stages(run)["near"].status) == (Status.RUNNING, Status.PENDING)
    b.bring_back()
    shared.until(run, lambda found: found["near"].status == Status.COMPLETED, "near completed")
    far = shared.stages(run)["far"]
    assert (far.status, far.reason, far.attempt) == (Status.COMPLETED, None, 1)
    lines = Path(journal, "stdout.log").read_text().splitlines()
    with engine.reading() as connection:
        (series,) = read_points.summaries(connection, {far.id: "far"})
    assert (series.count, series.superseded) == (len(lines), 0)


@pytest.mark.long
def test_a_cancel_on_a_disconnected_host_waits_for_it(
    shared: Hosts, a: BaseApp, b: BaseApp
) -> None:
    run = shared.submit(a, *(stage(name, LOOP, host="b") for name in ("far", "lost")))
    shared.until(run, lambda found: all(one.started_at for one in found.values()), "both started")
    shared.until_looked(b)  # an earlier test may have had it silent
    refused = a.run("cancel", run, "lost", "--forget")
    assert refused.returncode == 2, refused  # its host answers
    b.cut_off()
    shared.let_be_silent(b)
    a.run("cancel", run)
    shared.until_looked(a)
    asked = "cancel requested at "
    shared.until(run, lambda found: (found["far"].reason or "").startswith(asked), "asked to stop")
    pid = shared.attempt(run, "lost").pid
    for word in ("the host b has sent no heartbeat since", f"(process {pid})"):
        assert word in (shared.stages(run)["lost"].reason or "")
    given_up = a.run("cancel", run, "lost", "--forget")
    assert (given_up.returncode, f"(process {pid})" in given_up.stderr) == (0, True), given_up
    states = {name: one.status for name, one in shared.stages(run).items()}
    assert states == {"far": Status.RUNNING, "lost": Status.CANCELLED}
    b.bring_back()
    shared.until(run, lambda found: found["far"].status == Status.CANCELLED, "far cancelled")
    findings = json.loads(b.run("doctor", "--json").stdout)["findings"]
    (processes,) = (one for one in findings if one["name"] == "processes")
    assert str(pid) in processes["advice"].partition("`kill ")[2].partition("`")[0].split()
    shared.go(run)


def test_a_log_is_read_from_another_host_by_parts(shared: Hosts, a: BaseApp, c: BaseApp) -> None:
    large = "seq -f 'line %g' 60000; echo wrong >&2; " + LOOP
    run = shared.submit(c, stage("far", large))
    shared.until(run, lambda found: found["far"].started_at, "far started")
    place = Path(shared.attempt(run, "far").directory).relative_to(shared.directory)
    log = shared.directory / "c" / place / "stdout.log"
    wait_for(lambda: log.exists() and log.stat().st_size > 500_000, "a large log")
    assert not (shared.directory / "a" / place).exists()
    seen = a.run("logs", run, "far", "-n", "3", "--stream", "err")
    assert (seen.stdout, seen.stderr) == ("wrong\n", "")
    (shared.directory / "c" / place.parents[2] / "go").touch()
    shared.until(run, lambda found: found["far"].status == Status.COMPLETED, "far completed")
    assert a.run("logs", run, "far", "--stream", "out").stdout == log.read_text()
    lines = log.read_text().splitlines()
    followed = a.json("logs", run, "far", "-n", "2", "--stream", "out")
    assert [line["text"] for line in followed["lines"]] == lines[-2:]
    c.cut_off()
    shared.let_be_silent(c)
    refused = a.run("logs", run, "far")
    assert refused.returncode == 4
    assert "the host c, which has the log, has sent no heartbeat" in refused.stderr
