"""The socket that wakes the worker or the reader."""

from __future__ import annotations

from pathlib import Path

from trainui import wakeup


def test_one_that_ends_late_leaves_its_successors_socket(tmp_path: Path) -> None:
    """A reader that is replaced may end after the next one listens."""
    path = tmp_path / "metrics.sock"
    first = wakeup.WakeupSocket(path)
    second = wakeup.WakeupSocket(path)
    first.close()
    try:
        wakeup.wake(path)
        assert second.wait(60) == {wakeup.LOOK}
    finally:
        second.close()
    assert not path.exists()
