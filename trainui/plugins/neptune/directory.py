"""Neptune's directory: queues of operations for its server, in a format of their own."""

from __future__ import annotations

from collections.abc import Sequence


def owns(directories: Sequence[str], name: str) -> bool:
    """Return True for all that is in a directory `.neptune`."""
    del name
    return ".neptune" in directories
