"""Kills at random moments: no checkpoint is lost, and none is evaluated twice."""

from __future__ import annotations

from pathlib import Path

from tests.chaos import evaluations


def test_five_kills_lose_no_checkpoint(tmp_path: Path) -> None:
    assert evaluations.run_trial(tmp_path, 4, kills=5, newest=False)
