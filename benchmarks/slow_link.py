"""Measures key latency over a slow link, with live curves against the same page at rest.

The terminal's bytes are let through at the link's rate, after its delay, as one buffer of ssh's
size holds them; both phases are of one screen, whose stage logs 8 metrics at 10 steps a second and
is then cancelled.

    python -m benchmarks.slow_link [--round-trip 0.1] [--megabits 1] [--keys 30]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import figures
from benchmarks.screen_live import live_stage, run_id, trainui
from benchmarks.terminals import TIMEOUT, Program

MOST_BUFFERED = 1_500_000
"""Bytes that ssh and the kernel hold before a program has to wait."""

AT_MOST = 1.25
"""Times the page at rest."""


class FarProgram(Program):
    """A program whose terminal is behind a slow link; times are measured at the far end."""

    def __init__(
        self, command: list[str], environ: dict[str, str], round_trip: float, rate: float
    ) -> None:
        """Start it.

        Args:
            command: the program.
            environ: variables besides ours.
            round_trip: seconds.
            rate: bytes a second.
        """
        self._delay, self._rate, self._free_at = round_trip / 2, rate, 0.0
        super().__init__(command, environ)

    def _has_more(self) -> bool:
        if self._free_at - time.perf_counter() > MOST_BUFFERED / self._rate:
            time.sleep(0.01)  # the buffers are full: the program waits
            return False
        return super()._has_more()

    def _arrival(self, size: int) -> float:
        self._free_at = max(self._free_at, time.perf_counter()) + size / self._rate
        return self._free_at + self._delay

    def press(self, key: bytes) -> float:
        """Press a key; return the seconds until something arrives that it can have caused."""
        pressed = time.perf_counter()
        time.sleep(self._delay)
        soonest = pressed + 2 * self._delay
        with self._more:
            before = len(self.arrivals)
            os.write(self._terminal, key)
            self._more.wait_for(lambda: max(self.arrivals[before:], default=0.0) > soonest, TIMEOUT)
            return next(at for at in self.arrivals[before:] if at > soonest) - pressed


def told(name: str, screen: FarProgram, count: int) -> float:
    """Press keys and print the milliseconds; return their median."""
    times = []
    for number in range(count):
        times.append(1000 * screen.press((b"2", b"1")[number % 2]))
        time.sleep(0.4 + 0.031 * (number % 10))
    median, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    print(f"{name:<8} key to change: median {median:.0f} ms, p95 {p95:.0f} ms")
    return median


def main() -> int:
    """Measure, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--round-trip", type=float, default=0.1, help="seconds")
    parser.add_argument("--megabits", type=float, default=1.0, help="a second")
    parser.add_argument("--keys", type=int, default=30)
    options = parser.parse_args()
    options.keys += options.keys % 2  # each phase ends on the tab that it began on
    with tempfile.TemporaryDirectory() as place, live_stage(Path(place)):
        home = Path(place)
        command = f"from trainui.tui.start import run_screen; run_screen({run_id(home)!r})"
        screen = FarProgram(
            [sys.executable, "-c", command],
            {"TRAINUI_HOME": str(home)},
            options.round_trip,
            options.megabits * 1e6 / 8,
        )
        try:
            screen.until(b"metric_1")
            screen.cost(5.0)
            live = told("live", screen, options.keys)
            trainui("cancel", run_id(home), home=home)
            screen.quiet(3.0)
            rest = told("at rest", screen, options.keys)
        finally:
            screen.close()
    name = "key to change while curves move, to that at rest"
    figures.at_most(name, live / rest, AT_MOST, "times")
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
