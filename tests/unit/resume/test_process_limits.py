"""What the shell that submits a run passes on to its stages besides the environment."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys

from trainui.resume import process_limits

PROGRAM = """
import json, os, resource
from trainui.resume import process_limits
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
os.nice(1)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
print(json.dumps(process_limits.current()))
"""


def test_it_is_what_the_process_has() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    found = json.loads(done.stdout)
    cpus = os.sched_getaffinity(0)
    assert found["cpus"] == ([max(cpus)] if len(cpus) > 1 else [])
    assert found["nice"] == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 1)
    assert found["limits"]["CORE"] == [0, 0]
    assert found["limits"]["NOFILE"] == list(resource.getrlimit(resource.RLIMIT_NOFILE))


def test_all_cpus_are_not_a_list_that_another_host_may_not_have() -> None:
    if os.sched_getaffinity(0) == os.sched_getaffinity(1):
        assert process_limits.current()["cpus"] == []
