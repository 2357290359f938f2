"""Measures the delay from a written line to the screen, at 10 lines per second and at rare lines.

    python -m benchmarks.screen_lines [--live 300] [--rare 20]

A stage logs 8 metrics through a real worker, its page open. A line is on the screen once that shows
its number or a later one, and its moment is when the terminal got it. The limits are in seconds: in
a run on another day TensorBoard took 4 s and W&B LEET 7 s from a log call to the point (medians, at
2 lines a second).
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pyte

from benchmarks import figures
from benchmarks.screen_live import live_stage, run_id
from benchmarks.terminals import Program

COLUMNS, LINES = 120, 36
OFTEN, RARELY = 0.1, 2.3
"""Seconds between two lines; after two without any, files are looked at no more."""

AT_MOST, AT_MOST_LATE = 0.18, 0.3
"""Seconds: the median, and 95 of 100."""

SHOWN = re.compile(r"\bline +last +(\d+)\b")
TRAINING = """
import json, math, os, time
often, rarely = {often}, {rarely}
path = os.environ["TRAINUI_METRICS_FILE"]
with open(path, "a", buffering=1) as file, open({times!r}, "w") as times:
    for step in range(often + rarely):
        values = {{f"metric_{{n}}": math.exp(-step / 500 / (n + 1)) for n in range(1, 8)}}
        file.write(json.dumps({{"step": step, "line": step, **values}}) + "\\n")
        print(time.perf_counter(), file=times, flush=True)
        time.sleep({pause} if step < often else {rest})
time.sleep(1000)
"""


class Seen(Program):
    """A screen of which it is known what it showed when."""

    def _arrival(self, size: int) -> float:
        self.sizes = [*getattr(self, "sizes", ()), size]
        return super()._arrival(size)

    def lines(self) -> list[tuple[float, int]]:
        """Return each moment at which a line was to be seen, and its number."""
        terminal = pyte.Screen(COLUMNS, LINES)
        stream, at, found = pyte.ByteStream(terminal), 0, []
        for moment, size in zip(self.arrivals, self.sizes, strict=True):
            stream.feed(self.output[at : at + size])
            at += size
            if shown := SHOWN.search("\n".join(terminal.display)):
                found.append((moment, int(shown[1])))
        return found


def delays(
    written: list[float], shown: list[tuple[float, int]], first: int, last: int
) -> list[float]:
    """Return the delay of each line in seconds, without lines written before the screen opened."""
    found = []
    for number in range(first, last):
        if written[number] > shown[0][0]:
            moment = next((at for at, line in shown if line >= number), float("inf"))
            found.append(moment - written[number])
    return found


def report(name: str, found: list[float]) -> None:
    """Report how soon lines were seen."""
    figures.at_most(f"{name}, on the screen, median", statistics.median(found), AT_MOST, "s")
    late = statistics.quantiles(found, n=20)[-1]
    figures.at_most(f"{name}, on the screen, 95 of 100", late, AT_MOST_LATE, "s")


def main() -> int:
    """Measure, and print the figures and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--live", type=int, default=300, help="lines")
    parser.add_argument("--rare", type=int, default=20, help="lines")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        home, times = Path(place, "home"), Path(place, "times")
        home.mkdir()
        training = TRAINING.format(
            often=options.live, rarely=options.rare, pause=OFTEN, rest=RARELY, times=str(times)
        )
        with live_stage(home, training):
            command = f"from trainui.tui.start import run_screen; run_screen({run_id(home)!r})"
            screen = Seen([sys.executable, "-c", command], {"TRAINUI_HOME": str(home)})
            try:
                screen.until(b"metric_1")
                while len(times.read_text().splitlines()) < options.live + options.rare:
                    time.sleep(0.5)
                time.sleep(1.0)
            finally:
                screen.close()
        written, shown = list(map(float, times.read_text().split())), screen.lines()
    report("10 lines a second", delays(written, shown, 0, options.live))
    report("rare lines", delays(written, shown, options.live, len(written)))
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
