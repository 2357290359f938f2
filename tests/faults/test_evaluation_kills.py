"""Kills at random moments: no checkpoint is lost, and none is evaluated twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import evaluations


@pytest.mark.long
def test_three_kills_lose_no_checkpoint(tmp_path: Path) -> None:
    """CONTRIBUTING.md has the long form."""
    assert evaluations.run_trial(tmp_path, 4, kills=3, newest=False)
