"""Alerts and stalls stand on a stage's curves where they struck."""

from __future__ import annotations

from pathlib import Path

from tests.unit.metrics.attempts import start_attempt
from tests.unit.metrics.reading import connect, open_reader, read_on
from trainui import clock
from trainui.model.definition import Alert
from trainui.store.db.engine import Store
from trainui.store.points.plot_series import Axis
from trainui.store.read import views
from trainui.store.runs import alerts, stages
from trainui.store.runs.alerts import AlertRecord
from trainui.tui.curves.plot import plot
from trainui.tui.curves.screen import table_rows
from trainui.tui.plot_axes import Frame
from trainui.tui.readers.curve_reader import CurveReader
from trainui.tui.snapshot.curves import Chart, Curves, CurvesWanted, PlotOptions
from trainui.tui.styled_text import plain


def read(store: Store, axis: Axis = Axis.STEP) -> Curves:
    connection = connect(store)
    found = views.stages(connection, "run-of-train")
    return CurveReader().read(
        connection, found[0], found, CurvesWanted(columns=80, view=PlotOptions(axis=axis))
    )


def chart(curves: Curves, name: str) -> Chart:
    found = curves.chart(name)
    assert found is not None
    return found


def test_an_alert_stands_at_its_step_on_its_metric(store: Store, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    lines = (f'{{"step": {n}, "loss": {n}, "lr": 1, "time": {1e9 + n}}}\n' for n in range(100))
    attempt.own_file.write_text("".join(lines))
    read_on(open_reader(store, attempt.own_file, owner=attempt.stage_id))
    words = "lr is 3 at step 7"  # of people's language: nothing is read out of it
    with store.write() as connection:
        alert = AlertRecord.of_alert(Alert("above", "loss", 40), words, "loss", 41)
        found = [alert, AlertRecord.of_nan("lr is NaN", "lr", 3)]
        alerts.record(connection, attempt.stage_id, 1, found)
    (mark,) = chart(read(store), "loss").annotations
    assert (mark.x, mark.words) == (41, words)
    assert chart(read(store), "lr").annotations == ()
    (mark,) = chart(read(store, Axis.WALL), "loss").annotations
    assert abs(mark.x - (1e9 + 41)) <= 2  # the column of that step


def test_the_step_of_the_first_nan_is_written_into_the_plot_and_below_it(
    store: Store, tmp_path: Path
) -> None:
    attempt = start_attempt(store, tmp_path)
    values = ("NaN" if n >= 1204 else 1 / (n + 1) for n in range(2000))
    lines = (f'{{"step": {n}, "loss": {value}}}\n' for n, value in enumerate(values))
    attempt.own_file.write_text("".join(lines))
    read_on(open_reader(store, attempt.own_file, owner=attempt.stage_id))
    reader, connection = CurveReader(), connect(store)
    found = views.stages(connection, "run-of-train")
    wanted = CurvesWanted(columns=80)
    before = reader.read(connection, found[0], found, wanted)
    assert chart(before, "loss").lines[0].nan_since is None
    with store.write() as writing:
        words = [AlertRecord.of_nan("loss is NaN", "loss", 1204)]
        alerts.record(writing, attempt.stage_id, 1, words)
    curves = reader.read(connection, found[0], found, wanted)
    one, (figure,) = chart(curves, "loss"), curves.figures
    assert one.lines[0].nan_since == 1204, "also if it is recorded after the points"
    for axis, text in ((Axis.STEP, "NaN since 1,204"), (Axis.WALL, "NaN since step 1,204")):
        drawn = plot(one, PlotOptions(axis=axis), Frame(40, 8)).rows
        assert text in "\n".join(map(plain, drawn))
    below = plain(table_rows(one, figure, PlotOptions(), 200, 5)[1])
    assert "× 796 not finite since step 1,204" in below


def test_a_stall_stands_behind_the_last_point_of_each_metric(store: Store, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    reader = open_reader(store, attempt.own_file, owner=attempt.stage_id)
    attempt.own_file.write_text('{"step": 1, "loss": 1}\n{"step": 2, "loss": 1}\n')
    read_on(reader)
    (record,) = views.attempts_of_stage(connect(store), attempt.stage_id)
    with store.write() as connection:
        stages.set_stalled(connection, record, stalled=True, words="no metric for 5 min")
    later = clock.now() / 1e6 + 60
    with attempt.own_file.open("a") as file:
        file.write(f'{{"step": 9, "loss": 2, "time": {later}}}\n')
    read_on(reader)
    assert [mark.x for mark in chart(read(store), "loss").annotations] == [2]
