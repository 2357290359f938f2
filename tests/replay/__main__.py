"""Replays the corpus's traces in full: python -m tests.replay [--jobs N] [NAME...].

Each trace is read after every operation, by one reader and by a new one each time; by other
processes after 50 operations; and, if it is small, with each appended byte by itself. Every
moment's points are compared with the finished file's. The corpus lies in $TRAINUI_CORPUS.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.unit.metrics import corpus
from tests.unit.metrics.replaying import Replay, bytewise, finished, seeded
from trainui.store.db.engine import Database, open_store

SMALL = 32_000
"""Bytes that a trainer wrote, of a trace that is split into bytes."""

PROCESSES = 50

WAYS = ("each operation", "a new reader each time", "other processes", "each byte")


def main() -> int:
    """Replay the traces of these names, or all; return 1 if anything was not as expected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    traces = {trace.name.split(".")[0]: trace for trace in corpus.traces()}
    wanted = [(name, way) for name in options.names or traces for way in _ways(traces[name])]
    with ProcessPoolExecutor(options.jobs) as jobs:
        held = list(
            jobs.map(_try, (traces[name] for name, _ in wanted), (way for _, way in wanted))
        )
    print(f"{sum(held)} of {len(held)} as expected")
    return 0 if held and all(held) else 1


def _ways(trace: Path) -> tuple[str, ...]:
    size = sum(len(operation.data) for operation in corpus.operations(trace))
    return WAYS if size <= SMALL else WAYS[:-1]


def _try(trace: Path, way: str) -> bool:
    """Replay a trace in one way, in a home of its own; return True if it was as expected."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory, "home")
        home.mkdir(mode=0o700)
        os.environ["TRAINUI_HOME"] = str(home)
        store = open_store()
        try:
            _replay(trace, Path(directory, "played"), store, way)
            result = "as expected"
        except AssertionError as error:
            result = f"FAILED: {error!r:.600}"
        finally:
            store.close()
    took = time.monotonic() - begun
    print(f"{trace.name.split('.')[0]}, {way}: {result} ({took:.1f} s)", flush=True)
    return result == "as expected"


def _replay(trace: Path, root: Path, store: Database, way: str) -> None:
    Replay(trace, root, store, anew=way == "a new reader each time").run(
        bytewise(trace) if way == "each byte" else None,
        other_process=seeded(trace, PROCESSES) if way == "other processes" else frozenset(),
        whole=finished(store, trace),
    )


if __name__ == "__main__":
    sys.exit(main())
