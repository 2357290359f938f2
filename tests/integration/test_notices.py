"""Notifying people harms no run, whatever becomes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration import background
from tests.integration.runs import NOTE, Run, home_of_its_own, home_with_worker, stage
from tests.receiver import receiving
from tests.unit.supervisor.waiting import wait_for
from trainui import clock
from trainui.execution import processes
from trainui.model.states import Status
from trainui.store.db.engine import open_store
from trainui.store.runs import runs
from trainui.store.runs.runs import DIGESTED


@pytest.mark.long
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


def test_an_idle_worker_stays_until_the_digest_is_sent(tmp_path: Path) -> None:
    half_a_day = 12 * 3600 * clock.SECOND
    later = clock.to_datetime(clock.now() + half_a_day).astimezone().strftime("%H:%M")
    with receiving() as receiver:
        receiver.release.clear()
        ways = {
            "notify_urls": f'["{receiver.url}"]',
            "notify_on": '["stalled"]',
            "notify_digest": later,
            "idle_timeout": "0.5",
        }
        with home_of_its_own(tmp_path, None, **ways) as home:
            run = Run(tmp_path / "one", stage("a", "exit 3"))  # before a worker that may be idle
            background.start()
            worker = background.worker_pid(home)
            assert run.wait().status == Status.FAILED
            ended = clock.now()
            wait_for(lambda: clock.now() > ended + 2 * clock.SECOND, "four times the idle timeout")
            assert background.worker_pid(home) == worker
            assert processes.is_worker_wanted(home)
            store = open_store()
            with store.write() as connection:  # as if the last one was of two days ago
                runs.set_flag(connection, DIGESTED, str(ended - 4 * half_a_day))
            store.close()
            background.kill(worker, home.worker_lock)
            wait_for(lambda: receiver.messages, "the digest")
            assert "1 failed" in receiver.messages[0]["title"]
            assert processes.is_worker_wanted(home)
            receiver.release.set()
            wait_for(lambda: background.is_all_gone(home), "idleness")
            assert len(receiver.messages) == 1
