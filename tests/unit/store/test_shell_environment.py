"""A run's environment: what of it is masked in every text."""

from __future__ import annotations

import json
import logging
import os
import resource
import subprocess
import sys
from pathlib import Path

from trainui.pipeline.masking import Secrets
from trainui.store import shell_environment
from trainui.store.shell_environment import ShellEnvironment


def test_a_former_secret_stays_masked(tmp_path: Path) -> None:
    for key in ("first-value", "second-value", "third-value"):
        secrets = Secrets({"api_key": f"param-{key}"})
        shell_environment.write(tmp_path, ShellEnvironment({"A_KEY": key}, 0o077, secrets=secrets))
    masker = shell_environment.masker(tmp_path)
    assert (
        masker.text("first-value second-value third-value param-first-value") == "*** *** *** ***"
    )


def test_secrets_of_every_stage_and_behind_variables_are_masked(tmp_path: Path) -> None:
    stages = {"a": {"env": {"TOKEN": "${env.PLAIN}-${env.NONE}x"}, "command": "a"}}
    stages["b"] = {"params": {"deep": [{"password": "nested-1"}]}}
    shell = ShellEnvironment(
        {"PLAIN": "value", "LR": "0.123456"}, 0o077, secrets=Secrets({}, stages)
    )
    shell_environment.write(tmp_path, shell)
    shown = shell_environment.masker(tmp_path).text("value-x nested-1 0.123456")
    assert shown == "*** *** 0.123456"


def test_without_a_readable_file_nothing_is_masked(tmp_path: Path) -> None:
    assert shell_environment.masker(tmp_path).text("value") == "value"
    (tmp_path / "env.json").write_text("{")
    assert shell_environment.masker(tmp_path).text("value") == "value"


PROGRAM = """
import json, os, resource
from trainui.store import shell_environment
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
os.nice(1)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
print(json.dumps(shell_environment.current_limits()))
"""


def test_it_is_what_the_process_has() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    found = json.loads(done.stdout)
    cpus = os.sched_getaffinity(0)
    assert found["cpus"] == ([max(cpus)] if len(cpus) > 1 else [])
    assert found["nice"] == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 1)
    assert found["limits"]["CORE"] == [0, 0]
    assert found["limits"]["NOFILE"] == list(resource.getrlimit(resource.RLIMIT_NOFILE))


def test_all_cpus_are_no_list_for_other_hosts() -> None:
    if os.sched_getaffinity(0) == os.sched_getaffinity(1):
        assert shell_environment.current_limits()["cpus"] == []


def test_a_processs_log_masks_its_runs_secrets(tmp_path: Path) -> None:
    shell_environment.write(tmp_path, ShellEnvironment({"A_KEY": "value-of-run"}, 0o077))
    record = logging.makeLogRecord({"msg": "failed", "exc_info": _raised("no value-of-run")})
    formatter = shell_environment.MaskedFormatter("%(message)s")
    assert "value-of-run" in formatter.format(record)
    shell_environment.masker(tmp_path)
    assert formatter.format(record).endswith("ValueError: no ***")


def _raised(words: str) -> tuple[type[BaseException], BaseException, None]:
    return ValueError, ValueError(words), None
