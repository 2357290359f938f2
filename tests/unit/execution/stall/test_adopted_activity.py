"""An adopted process is active while it writes, also where its files must not be looked at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trainui import mounts
from trainui.execution.stall import adopted_activity


@pytest.mark.parametrize("is_remote", [True, False])
def test_each_output_changes_the_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_remote: bool
) -> None:
    """A file on a remote file system counts by the process's position in it."""
    path = str(tmp_path / "train.log")
    found = {path} if is_remote else set[str]()
    monkeypatch.setattr(mounts, "remote_mount", lambda one: "/far" if one in found else "")
    with open(path, "a", buffering=1) as log:
        seen = set[tuple[int, ...]]()
        for _ in range(3):
            log.write("step 1\n")
            seen.add(adopted_activity.written({os.getpid()}))
        assert len(seen) == 3
        assert adopted_activity.written({os.getpid()}) in seen
