"""Measures how long the screen takes to exit, for each way to end it; the limit is 0.5 s.

python benchmarks/screen_endings.py [--repeats 7]
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import figures
from benchmarks.screen_start import fill
from benchmarks.terminals import Program

REPOSITORY = Path(__file__).resolve().parent.parent

SCREEN = "from trainui.cli.main import run; run()"
DEAF = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); {SCREEN}"
LIMIT = 0.5
"""Seconds."""


def signalled(number: signal.Signals) -> Callable[[Program], None]:
    return lambda shown: os.kill(shown.pid, number)


ENDINGS: dict[str, tuple[str, Callable[[Program], None]]] = {
    "q": (SCREEN, lambda shown: shown.type(b"q")),
    "SIGTERM": (SCREEN, signalled(signal.SIGTERM)),
    "SIGHUP": (SCREEN, signalled(signal.SIGHUP)),
    "terminal gone": (SCREEN, Program.hang_up),
    "terminal gone, SIGHUP ignored": (DEAF, Program.hang_up),
}


def seconds_to_end(program: str, end: Callable[[Program], None]) -> float:
    """Start the screen, let it end, and return how long that took."""
    shown = Program([sys.executable, "-c", program], {"PYTHONPATH": str(REPOSITORY)})
    shown.until(b"ready-to-use")
    shown.quiet(0.5)
    began = time.perf_counter()
    end(shown)
    os.waitpid(shown.pid, 0)
    return time.perf_counter() - began


def main() -> int:
    """Measure each ending, and report the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        fill(Path(home), 100)
        for name, (program, end) in ENDINGS.items():
            times = [seconds_to_end(program, end) for _ in range(options.repeats)]
            figures.at_most(f"gone after {name}", statistics.median(times), LIMIT, "s")
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
