"""The short form of the chaos run; `python -m tests.chaos --trials 500` is the long one."""

from __future__ import annotations

import subprocess
import sys


def test_a_few_random_runs_under_random_faults() -> None:
    command = [sys.executable, "-m", "tests.chaos", "--trials", "3", "--seed", "5", "--jobs", "3"]
    chaos = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert chaos.returncode == 0, chaos.stderr
    assert chaos.stdout.startswith("3 trials in")
