"""Replays the corpus's traces in full: python -m tests.replay [NAME...].

Each trace is read after every operation, by one reader and by a new one each time, with every
moment's points compared with the finished file's; by other processes after 50 operations; and, if
it is small, with each write split into its bytes. The corpus lies in $TRAINUI_CORPUS.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.unit.metrics import corpus
from tests.unit.metrics.replaying import Points, Replay, bytewise, finished, seeded
from tests.unit.store import readings
from trainui.store.engine import Store, open_store

SMALL = 8000
"""Bytes that a trainer wrote, of a trace that is split into bytes."""

PROCESSES = 50

Whole = dict[str, dict[str, Points]]


def main(names: list[str]) -> int:
    """Replay the traces of these names, or all; return how many ways failed."""
    failed = 0
    for trace in corpus.traces():
        name = trace.name.split(".")[0]
        if not names or name in names:
            for way, replay in _ways(trace).items():
                failed += not _try(f"{name}, {way}", trace, replay)
    return failed


def _ways(trace: Path) -> dict[str, Callable[[Path, Store, Whole], None]]:
    size = sum(len(operation.data) for operation in corpus.operations(trace))
    ways: dict[str, Callable[[Path, Store, Whole], None]] = {
        "each operation": lambda root, store, whole: Replay(trace, root, store).run(whole=whole),
        "a new reader each time": lambda root, store, whole: Replay(
            trace, root, store, anew=True
        ).run(whole=whole),
        "other processes": lambda root, store, _whole: Replay(trace, root, store).run(
            other_process=seeded(trace, PROCESSES)
        ),
    }
    if size <= SMALL:
        ways["each byte"] = lambda root, store, whole: Replay(trace, root, store).run(
            bytewise(trace), whole=whole
        )
    return ways


def _try(label: str, trace: Path, replay: Callable[[Path, Store, Whole], None]) -> bool:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory, "home")
        home.mkdir(mode=0o700)
        os.environ["TRAINUI_HOME"] = str(home)
        store = open_store()
        try:
            replay(Path(directory, "played"), store, finished(store))
            result = "as expected"
        except AssertionError as error:
            result = f"FAILED: {str(error)[:600]}"
        finally:
            readings.close_all()
            store.close()
    print(f"{label}: {result} ({time.monotonic() - begun:.1f} s)", flush=True)
    return result == "as expected"


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
