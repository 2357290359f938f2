"""The password of a configured broker is never shown, whatever fails with that broker."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.terminal import terminal
from tests.integration import background
from tests.integration.runs import HOLD, NOTE, home_of_its_own, stage
from tests.integration.runs import Run as NewRun
from tests.unit.supervisor.waiting import wait_for
from trainui.execution import broker
from trainui.execution.daemon import lifecycle
from trainui.supervisor.process import processes_of

PASSWORD = "canary-broker-8"


@contextmanager
def server(directory: Path, port: int) -> Iterator[None]:
    """Run a broker of somebody else's, which wants a password."""
    argv = [str(broker.find_programs()[0]), "--port", str(port), "--bind", "127.0.0.1"]
    argv += ["--requirepass", PASSWORD, "--save", "", "--dir", str(directory)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
        yield
        process.kill()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def is_reachable() -> bool:
    return bool(lifecycle.status()["broker"]["reachable"])


def told(*words: str) -> str:
    command = [sys.executable, "-m", "trainui", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_the_password_of_a_broker_is_never_shown(tmp_path: Path) -> None:
    """It is there, then gone in the middle of a run, then there again, then of another password."""
    port = free_port()
    url = f"redis://somebody:{PASSWORD}@127.0.0.1:{port}/0".replace("somebody", "default")
    seen = ""
    with home_of_its_own(tmp_path, broker_url=url) as home:
        with server(tmp_path, port):
            background.start()
            run = NewRun(tmp_path / "p", stage("a", HOLD), stage("b", NOTE, "a"))
            run.process("a")
        wait_for(lambda: not is_reachable(), "no broker")
        for words in (("worker", "status"), ("worker", "status", "--json"), ("doctor",)):
            seen += told(*words)
        with terminal() as shown:
            shown.until_shown("● running")
            seen += shown.received
        wait_for(lambda: "Cannot connect" in home.worker_log.read_text(), "a line on it", 30)
        run.go()
        with server(tmp_path, port):
            run.completed_once("a", "b")
            pids = processes_of({"TRAINUI_HOME": str(home.root)})
            seen += "".join(Path(f"/proc/{pid}/cmdline").read_text() for pid in pids)
        files = [path for path in home.root.rglob("*") if path.is_file()]
        assert home.worker_log in files
        holding = [path for path in files if PASSWORD.encode() in path.read_bytes()]
        # the environment that the stages inherit, as the shell that submitted them had it
        assert {path.name for path in holding} <= {"env.json"}
    assert f"default:********@127.0.0.1:{port}" in seen
    assert PASSWORD not in seen


def test_an_unusable_url_is_refused_without_its_password(tmp_path: Path) -> None:
    with home_of_its_own(tmp_path, broker_url=f"amqp://me:{PASSWORD}@host/"):
        said = told("worker", "start") + told("doctor") + told("run", "--detach", "--", "true")
    assert "redis://" in said
    assert PASSWORD not in said
