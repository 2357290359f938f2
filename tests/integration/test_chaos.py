"""The short forms of the chaos runs; CONTRIBUTING.md has the long ones."""

from __future__ import annotations

import subprocess
import sys

import pytest


def test_a_random_run_under_random_faults() -> None:
    _check("--trials", "1", "--seed", "5", "--jobs", "1")


@pytest.mark.long
def test_a_run_that_is_edited() -> None:
    _check("--edits", "--trials", "1", "--seed", "2", "--jobs", "1")


def _check(*arguments: str) -> None:
    command = [sys.executable, "-m", "tests.chaos", *arguments]
    chaos = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert chaos.returncode == 0, chaos.stderr
    assert " trials in " in chaos.stdout
