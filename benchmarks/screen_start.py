"""Compares the screen's start-up time with a minimal app and Textual's DataTable.

All are started in turn in a pseudo-terminal, with 1,000 runs in the database; the ratio of the
medians is what counts, since it holds on any machine. Run it from a checkout:

    python -m benchmarks.screen_start [--runs 1000] [--repeats 9]

The first paint is the first character that can be seen, and no empty alternate screen.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path

from benchmarks import figures

REPOSITORY = Path(__file__).resolve().parent.parent

COLUMNS, LINES = 120, 36

INVISIBLE = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]P_^X].*?(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|\x1b.*\Z|[\x00- ]",
    re.DOTALL,
)
"""Escape sequences, whole or begun, controls and spaces."""

FILLED, FILLED_TO_TABLE, PAINTED = 1.6, 1.0, 0.4
"""Times a minimal app's, a DataTable's and a minimal app's first paint: the limits."""

MINIMAL = """
from textual.app import App
from textual.widgets import Footer, Header, Static
class Minimal(App):
    def compose(self):
        yield Header()
        yield Static("ready-to-use")
        yield Footer()
Minimal().run()
"""
TABLE = """
from textual.app import App
from textual.widgets import DataTable
class Table(App):
    def compose(self):
        yield DataTable()
    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns("state", "name", "stages", "stage", "elapsed", "when")
        for number in range({rows}):
            table.add_row("completed", "ready-to-use", "4/4", f"stage {{number}}", "1m", "12:00")
Table().run()
"""
SCREEN = "from trainui.cli.main import run; run()"
TIMEOUT = 30.0


def fill(home: Path, runs: int) -> None:
    """Store as many runs of five stages."""
    os.environ["TRAINUI_HOME"] = str(home)
    from tests.unit.tui.filled import DIAMOND, Filler, multiply
    from trainui.store.db.engine import open_store

    filler = Filler(open_store(), home / "runs")
    run_id = filler.run(DIAMOND, name="ready-to-use")
    filler.complete(run_id, *DIAMOND)
    multiply(home / "trainui.db", run_id, runs - 1)


def seconds_until_shown(program: str, text: bytes) -> tuple[float, float]:
    """Start a program in a terminal; return the seconds to its first frame and to a text."""
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", PYTHONPATH=str(REPOSITORY))
        os.execv(sys.executable, [sys.executable, "-c", program])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    try:
        return _watch(terminal, text, began)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(terminal)
        os.waitpid(pid, 0)


def _watch(terminal: int, text: bytes, began: float) -> tuple[float, float]:
    seen = b""
    first = None
    while time.perf_counter() - began < TIMEOUT:
        if not select.select([terminal], [], [], 1.0)[0]:
            continue
        seen += os.read(terminal, 65_536)
        if first is None and INVISIBLE.sub(b"", seen):
            first = time.perf_counter() - began
        if text in seen:
            return first or 0.0, time.perf_counter() - began
    raise SystemExit(f"{text!r} was not shown within {TIMEOUT} s")


def main() -> int:
    """Measure, and report the ratios of the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each start would compile everything
    with tempfile.TemporaryDirectory() as home:
        fill(Path(home), options.runs)
        programs = {"minimal": MINIMAL, "screen": SCREEN}
        programs["DataTable"] = TABLE.format(rows=options.runs)
        times: dict[str, list[float]] = {name: [] for name in programs}
        firsts_of: dict[str, list[float]] = {name: [] for name in programs}
        for repeat in range(options.repeats + 1):
            for name, program in programs.items():
                first, shown = seconds_until_shown(program, b"ready-to-use")
                if repeat:  # the first start compiles
                    firsts_of[name].append(first)
                    times[name].append(shown)
    firsts = {name: statistics.median(found) for name, found in firsts_of.items()}
    medians = {name: statistics.median(found) for name, found in times.items()}
    for name, found in times.items():
        print(f"{name:<8} median {medians[name]:.3f} s  least {min(found):.3f} s")
    filled = medians["screen"]
    name = f"list of {options.runs} runs"
    figures.at_most(f"{name}, to a minimal app", filled / medians["minimal"], FILLED, "times")
    ratio = filled / medians["DataTable"]
    figures.at_most(f"{name}, to a DataTable", ratio, FILLED_TO_TABLE, "times")
    ratio = firsts["screen"] / firsts["minimal"]
    figures.at_most("first paint, to a minimal app's", ratio, PAINTED, "times")
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
