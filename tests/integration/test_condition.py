"""What is said of background processes that were really killed: what is gone, and why."""

from __future__ import annotations

import os
import signal

from tests.integration import background
from tests.unit.supervisor.waiting import wait_for
from trainui.execution import condition, locks, service
from trainui.paths import Home
from trainui.supervisor.supervise import list_processes

GONE: dict[str, object] = {"reachable": False, "pid": None}
ANSWERS: dict[str, object] = {"reachable": True, "pid": 1}


def test_what_is_gone_is_said_and_why(trainui_home: Home) -> None:
    home = trainui_home
    assert (condition.problems(home, GONE), condition.brief(home)) == ([], "no worker")
    background.start()
    worker, guard = background.worker_pid(home), background.guard_pid(home)
    broker = background.broker_pid(home)
    assert service.status()["problems"] == []
    assert condition.brief(home) == ""

    os.kill(broker, signal.SIGSTOP)
    (hangs,) = service.status()["problems"]
    assert hangs.startswith(f"the broker hangs, as process {broker}; if it stays so for 60 s, ")
    os.kill(broker, signal.SIGCONT)

    # the worker dies, and before it is there again that is said; then the guard, too
    os.kill(worker, signal.SIGKILL)
    end = wait_for(lambda: condition.last_end(home), "the worker's end")
    assert (end.pid, end.code) == (worker, -signal.SIGKILL)
    os.kill(guard, signal.SIGSTOP)  # so that what it has just started, and would again, stays gone
    for child in [one for one in list_processes() if one.parent == guard]:
        os.kill(child.pid, signal.SIGKILL)
    wait_for(lambda: not locks.is_held(home.worker_lock), "no worker")
    wait_for(lambda: len(condition.problems(home, ANSWERS)) == 3, "a guard that has stopped")
    stopped, gone, last_line = condition.problems(home, ANSWERS)
    assert stopped.startswith("the guard is stopped by a signal")
    assert gone.startswith("the worker is gone: ended at ")
    assert gone.endswith("killed by signal 9 (KILL); the guard starts it again")
    assert last_line.startswith("the last line of its log: 2")
    assert condition.brief(home) == "worker killed by signal 9 (KILL), starts again"

    os.kill(guard, signal.SIGKILL)
    wait_for(lambda: not locks.is_held(home.guard_lock), "no guard")
    found = condition.problems(home, ANSWERS)
    assert found[0].startswith("the guard is gone")
    assert "`trainui worker start` starts it again" in found[1]
    assert condition.brief(home) == "worker and guard are gone"

    assert service.stop()
    assert "stopped" in condition.problems(home, GONE)[0]
    assert condition.brief(home) == "no worker"
