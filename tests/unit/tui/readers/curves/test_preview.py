"""The first picture of what a stage wrote and nobody has read: it is drawn, and said to be that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.unit.metrics.attempts import start_attempt
from tests.unit.metrics.reading import connect, open_reader, read_on
from trainui.metrics.files import lenient_files
from trainui.store.db.engine import Store
from trainui.store.read import views
from trainui.tui.data.curves import Curves, CurvesWanted
from trainui.tui.readers.curves.curve_reader import CurveReader

ROWS = 20_000
WANTED = CurvesWanted(columns=40)


@pytest.fixture
def read(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Curves]:
    """Reads the curves of a stage of which so many bytes of a long file are stored."""
    monkeypatch.setattr(lenient_files, "LEAST_AHEAD", 100_000)
    attempt = start_attempt(store, tmp_path)
    lines = (f'{{"step": {n}, "loss": {n % 7}, "lr": {n}}}\n' for n in range(ROWS))
    attempt.own_file.write_text("".join(lines))
    reader = CurveReader()

    def until(size: int) -> Curves:
        source = open_reader(store, attempt.own_file, owner=attempt.stage_id)
        source.stop_after(size)
        read_on(source)
        connection = connect(store)
        stages = views.stages(connection, "run-of-train")
        return reader.read(connection, stages[0], stages, WANTED)

    return until


def test_a_file_of_which_nothing_is_stored_is_seen_to_its_end(
    read: Callable[[int], Curves],
) -> None:
    found = read(0)
    assert [(one.name, one.last_step) for one in found.figures] == [
        ("loss", ROWS - 1),
        ("lr", ROWS - 1),
    ]
    chart = found.chart("lr")
    assert chart is not None
    assert chart.extent[0] == 0
    assert found.sampled
    (line,) = chart.lines
    seen = ~np.isnan(np.array(line.lasts))
    assert seen.sum() > WANTED.columns * 0.7  # the axis of what runs ends a little further
    assert np.array(line.lasts)[seen].tolist() == np.array(line.steps)[seen].tolist()


def test_what_is_stored_is_drawn_as_it_is(read: Callable[[int], Curves]) -> None:
    chart = read(300_000).chart("loss")
    assert chart is not None
    (line,) = chart.lines
    assert line.at[0] == line.steps[0]
    assert (line.lows[0], line.highs[0]) == (0, 6)
    assert line.means[0] == pytest.approx(3, abs=0.02)
    assert line.end == ROWS - 1


def test_once_all_is_stored_nothing_is_sampled(read: Callable[[int], Curves]) -> None:
    assert read(300_000).sampled
    found = read(1 << 30)
    assert not found.sampled
    assert [one.count for one in found.figures] == [ROWS, ROWS]
