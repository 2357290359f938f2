"""Measures how fast a curve of ten million points pans: from a query to the drawn text.

The feed reads each window in its thread, as on the screen, and the plot is drawn; the limit is a
tenth of a second, so that it moves ten times a second.

    python -m benchmarks.curve_pan [--points 10000000] [--rounds 40]
"""

from __future__ import annotations

import argparse
import queue
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import figures
from benchmarks.made import workplace
from trainui.store.db.engine import Database
from trainui.store.points import point_sources, write_points
from trainui.store.points.chunks import Points
from trainui.store.points.plot_points import Axis
from trainui.tui.curve_data import Chart, CurvesWanted, PlotOptions
from trainui.tui.curves.plot import plot
from trainui.tui.plot_axes import Frame
from trainui.tui.readers.poller import Poller
from trainui.tui.snapshot import MetricQuery, RunQuery, Snapshot

LIMIT = 100.0
"""Milliseconds from one picture to the next."""

BATCH = 500_000
CELLS, LINES = 190, 45
"""Characters of the plot: a terminal of 200 x 60."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    with workplace() as (directory, store):
        run_id = fill(store, directory, options.points)
        with Reading(run_id) as show:
            for axis in (Axis.STEP, Axis.RELATIVE):
                for share in (0.5, 0.1, 0.01, 0.001):
                    took = [*pan(show, axis, share, options.rounds)]
                    name = f"a picture of {share:.1%} over {axis}"
                    figures.at_most(name, statistics.median(took), LIMIT, "ms")
                    worst = statistics.quantiles(took, n=20)[-1]
                    figures.without_limit(f"{name}, 19 of 20", worst, "ms")
    return figures.exit_code()


def fill(store: Database, directory: Path, count: int) -> str:
    """Store a run of one stage with a noisy curve."""
    from tests.unit.tui.filled import Filler

    filler = Filler(store, directory / "runs")
    run_id = filler.run({"train": ()})
    filler.end(filler.start(run_id, "train"))
    generator = np.random.default_rng(1)
    with store.write() as connection:
        owner = filler.stage(run_id, "train").id
        known = point_sources.add_source(connection, owner, "file", attempt=1)
    for at in range(0, count, BATCH):
        steps = np.arange(at, min(at + BATCH, count), dtype=np.int64)
        values = 2.3 * np.exp(-steps / 2e6) + generator.normal(0, 0.02, len(steps))
        batch = Points(steps - at, steps, values, 1_700_000_000_000_000 + steps * 50_000)
        after = known._replace(offset=known.offset + len(steps))
        with store.write() as connection:
            known = write_points.save(connection, known, after, {"loss": batch}, records=len(steps))
    return run_id


Show = Callable[[CurvesWanted], Chart]


class Reading:
    """A feed, asked for a window and waited for."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._snapshots: queue.Queue[Snapshot] = queue.Queue()
        self._feed = Poller(self._snapshots.put, RunQuery(run_id))

    def __enter__(self) -> Show:
        self._feed.start()
        return self._show

    def __exit__(self, *_: object) -> None:
        self._feed.stop()

    def _show(self, curves: CurvesWanted) -> Chart:
        wanted = MetricQuery(self._run_id, "train", curves)
        self._feed.set_query(wanted)
        while (snapshot := self._snapshots.get(timeout=60)).query != wanted:
            pass
        assert snapshot.curves_page is not None, snapshot.problem
        return snapshot.curves_page.curves.charts[0]


def pan(show: Show, axis: Axis, share: float, rounds: int) -> Iterator[float]:
    """Yield the milliseconds of each picture as a window moves by a quarter of itself."""
    whole = CurvesWanted(columns=2 * CELLS, names=("loss",), view=PlotOptions(axis=axis))
    low, high = show(whole).extent
    width = (high - low) * share
    by = min(width / 4, (high - low - width) / rounds)
    view = PlotOptions(axis=axis)
    for at in range(rounds + 1):
        window = low + at * by, low + at * by + width
        begun = time.perf_counter()
        chart = show(replace(whole, view=replace(view, window=window)))
        plot(chart, view, Frame(CELLS, LINES, feet=2))
        if at:  # the first picture of an axis looks where its points lie
            yield (time.perf_counter() - begun) * 1000


if __name__ == "__main__":
    sys.exit(main())
