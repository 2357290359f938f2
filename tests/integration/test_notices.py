"""Notifying people harms no run, whatever becomes of it."""

from __future__ import annotations

from pathlib import Path

from tests.integration.runs import NOTE, Run, home_with_worker, stage
from tests.receiver import receiving
from tests.unit.supervisor.waiting import wait_for
from trainui.model.states import Status


def test_hanging_or_failing_notifiers_delay_no_runs_end(tmp_path: Path) -> None:
    with receiving() as receiver:
        receiver.release.clear()
        ways = {"notify_command": "sleep 1000", "notify_urls": f'["{receiver.url}", "json://[::"]'}
        with home_with_worker(tmp_path, None, **ways):
            for name in ("one", "two"):
                run = Run(tmp_path / name, stage("a", NOTE), stage("b", "exit 3", "a"))
                assert run.wait().status == Status.FAILED
                assert run.lines("ledger") == ["a 1"]
            wait_for(lambda: receiver.messages, "a message")
            assert receiver.messages[0]["message"].startswith("test failed after ")
            assert receiver.messages[0]["message"].endswith(": b (exit code 3)")
