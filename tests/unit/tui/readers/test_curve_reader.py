"""Curves are read with their alerts and stalls, and are folded over what differs."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from tests.unit.metrics.attempts import start_attempt
from tests.unit.metrics.reading import connect, open_reader, read_on
from tests.unit.store.readings import Feeder
from tests.unit.tui.charts import NAN, chart, line
from tests.unit.tui.filled import Filler
from trainui import clock, control
from trainui.control import compare
from trainui.metrics.formats import DecoderChoice
from trainui.model.definition import Alert
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.points.plot_points import Axis
from trainui.store.read import views
from trainui.store.runs import stage_requests, stages
from trainui.store.runs.stage_requests import AlertRecord
from trainui.tui.curve_data import (
    ALL_IN_ONE,
    NO_VERDICT,
    Chart,
    Comparison,
    Curves,
    CurvesWanted,
    PlotOptions,
    PlottedSeries,
    groups,
    value_at,
)
from trainui.tui.curves.interaction import best_text
from trainui.tui.curves.plot import plot
from trainui.tui.curves.table import curve_report, table_rows
from trainui.tui.numbers import number
from trainui.tui.plot_axes import Frame
from trainui.tui.readers import curve_reader
from trainui.tui.readers.curve_reader import CurveReader, folded
from trainui.tui.snapshot import CurvesPage
from trainui.tui.styled_text import label_of, plain


def read(store: Database, axis: Axis = Axis.STEP) -> Curves:
    connection = connect(store)
    found = views.stages(connection, "run-of-train")
    return CurveReader().read(
        connection, found[0], found, CurvesWanted(columns=80, view=PlotOptions(axis=axis))
    )


def chart_of(curves: Curves, name: str) -> Chart:
    found = curves.chart(name)
    assert found is not None
    return found


def test_an_alert_stands_at_its_step_on_its_metric(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    lines = (f'{{"step": {n}, "loss": {n}, "lr": 1, "time": {1e9 + n}}}\n' for n in range(100))
    attempt.own_file.write_text("".join(lines))
    read_on(open_reader(store, attempt.own_file, owner=attempt.stage_id))
    words = "lr is 3 at step 7"  # of people's language: nothing is read out of it
    with store.write() as connection:
        alert = AlertRecord.of_alert(Alert("above", "loss", 40), words, "loss", 41)
        found = [alert, AlertRecord.of_nan("lr is NaN", "lr", 3)]
        stage_requests.record_alerts(connection, attempt.stage_id, 1, found)
    (mark,) = chart_of(read(store), "loss").annotations
    assert (mark.x, mark.words) == (41, words)
    assert chart_of(read(store), "lr").annotations == ()
    (mark,) = chart_of(read(store, Axis.WALL), "loss").annotations
    assert abs(mark.x - (1e9 + 41)) <= 2  # the column of that step


STEPS = "".join(f'{{"step": {n}, "loss": {n}}}\n' for n in range(9))
EPOCHS = "".join(f'{{"epoch": {n}, "loss": {n}}}\n' for n in range(9))
TABLE = "epoch,loss\n" + "".join(f"{n},{n}\n" for n in range(9))
PRINTED = "".join(f"Epoch {n}/9 loss: {1 / (n + 1):.3f}\n" for n in range(1, 9))
BATCHES = "".join(f"Epoch 1/9 step {n}/99 loss: {1 / (n + 1):.3f}\n" for n in range(1, 9))


@pytest.mark.parametrize(
    ("text", "reading", "unit"),
    [
        (STEPS, DecoderChoice(format="jsonl"), "step"),
        (EPOCHS, DecoderChoice(format="jsonl"), "epoch"),
        (TABLE, DecoderChoice(format="csv"), "epoch"),
        (PRINTED, DecoderChoice(format="text"), "epoch"),
        (BATCHES, DecoderChoice(format="text"), "step"),
    ],
    ids=["steps", "epochs", "table", "printed", "batches"],
)
def test_a_log_of_epochs_is_drawn_and_named_so(
    store: Database, tmp_path: Path, text: str, reading: DecoderChoice, unit: str
) -> None:
    attempt = start_attempt(store, tmp_path)
    attempt.own_file.write_text(text)
    read_on(open_reader(store, attempt.own_file, reading, owner=attempt.stage_id))
    curves = read(store)
    one, (figure,) = chart_of(curves, "loss"), curves.figures
    assert one.unit == unit
    shown = "\n".join(plain(row) for row in table_rows(one, figure, PlotOptions(), 120, 9))
    assert f"at {unit} " in shown
    assert f"last   {unit} " in shown


def test_points_over_steps_and_epochs_never_share_an_axis(store: Database, tmp_path: Path) -> None:
    found = []
    for name, text in (("a", STEPS), ("b", EPOCHS), ("c", STEPS)):
        run = start_attempt(store, tmp_path, name=name)
        run.own_file.write_text(text)
        read_on(open_reader(store, run.own_file, owner=run.stage_id))
        found.append(run)
    connection = connect(store)
    stages_ = views.stages(connection, "run-of-a")
    compared = Comparison(runs=("run-of-b", "run-of-c"))
    wanted = CurvesWanted(columns=80, names=("loss",), compared=compared)
    curves = CurveReader().read(connection, stages_[0], stages_, wanted)
    keys = {one.key.split()[0] for one in chart_of(curves, "loss").lines}
    assert keys == {found[0].stage_id, found[2].stage_id}
    assert [words.partition("(")[2] for words in curves.left_out] == ["over epochs)"]


def test_a_run_has_its_id_where_another_has_its_name(store: Database, tmp_path: Path) -> None:
    for name in "abc":
        run = start_attempt(store, tmp_path, name=name)
        run.own_file.write_text(STEPS)
        read_on(open_reader(store, run.own_file, owner=run.stage_id))
    with store.write() as writing:
        for run_id, name in (("run-of-a", "one"), ("run-of-b", "two"), ("run-of-c", "two")):
            writing.execute("UPDATE runs SET name = ? WHERE id = ?", (name, run_id))
    connection = connect(store)
    stages_ = views.stages(connection, "run-of-a")
    wanted = CurvesWanted(80, names=("loss",), compared=Comparison(runs=("run-of-b",)))
    curves = CurveReader().read(connection, stages_[0], stages_, wanted)
    labels = [line.label for line in chart_of(curves, "loss").lines]
    assert labels[0] == "one"
    assert labels[1].startswith("two run-of-b"), "the third run is not drawn"


def test_the_first_nans_step_is_in_and_below_the_plot(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    values = ("NaN" if n >= 1204 else 1 / (n + 1) for n in range(2000))
    lines = (f'{{"step": {n}, "loss": {value}}}\n' for n, value in enumerate(values))
    attempt.own_file.write_text("".join(lines))
    read_on(open_reader(store, attempt.own_file, owner=attempt.stage_id))
    reader, connection = CurveReader(), connect(store)
    found = views.stages(connection, "run-of-train")
    wanted = CurvesWanted(columns=80)
    before = reader.read(connection, found[0], found, wanted)
    assert chart_of(before, "loss").lines[0].nan_since is None
    with store.write() as writing:
        words = [AlertRecord.of_nan("loss is NaN", "loss", 1204)]
        stage_requests.record_alerts(writing, attempt.stage_id, 1, words)
    curves = reader.read(connection, found[0], found, wanted)
    one, (figure,) = chart_of(curves, "loss"), curves.figures
    assert one.lines[0].nan_since == 1204, "also if it is recorded after the points"
    for axis, text in ((Axis.STEP, "NaN since step 1,204"), (Axis.WALL, "NaN since step 1,204")):
        drawn = plot(one, PlotOptions(axis=axis), Frame(40, 8)).rows
        assert text in "\n".join(map(plain, drawn))
    below = plain(table_rows(one, figure, PlotOptions(), 200, 5)[1])
    assert "× 796 not finite since step 1,204" in below


def test_a_stall_stands_behind_the_last_point_of_each_metric(
    store: Database, tmp_path: Path
) -> None:
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
    assert [mark.x for mark in chart_of(read(store), "loss").annotations] == [2]


def member(at: int, **params: str) -> PlottedSeries:
    label = ",".join(f"{key}={value}" for key, value in params.items())
    return PlottedSeries(f"stage-{at}", label, at, params=tuple(params.items()))


GRID = [
    member(2 * at + seed, lr=lr, seed=f"{seed}") for at, lr in enumerate("ab") for seed in (0, 1)
]


def labels(fold: str | None) -> list[tuple[str, int]]:
    return [(label_of(pairs), len(some)) for pairs, some in groups(GRID, fold)]


def test_members_are_folded_over_a_seed_or_the_parameter_chosen() -> None:
    assert labels(None) == [("lr=a", 2), ("lr=b", 2)]
    assert labels("lr") == [("seed=0", 2), ("seed=1", 2)]
    assert labels(ALL_IN_ONE) == [("all 4", 4)]
    assert labels("-") == [(one.label, 1) for one in GRID]


def test_members_are_folded_over_the_parameter_of_their_definition() -> None:
    grid = [member(at, lr=lr, run=run) for at, (lr, run) in enumerate(product("ab", "xy"))]
    assert len(groups(grid, None)) == 4
    declared = [replace(one, over="run") for one in grid]
    assert [label_of(pairs) for pairs, _some in groups(declared, None)] == ["lr=a", "lr=b"]


def test_the_seeds_of_a_trial_are_named_by_its_number() -> None:
    grid = [
        member(2 * at + seed, trial=f"{at}", lr=f"0.{at}", seed=f"{seed}")
        for at, seed in product(range(2), repeat=2)
    ]
    assert [label_of(pairs) for pairs, _some in groups(grid, None)] == ["trial=0", "trial=1"]


def test_series_without_the_parameter_stay_alone() -> None:
    attempts = [PlottedSeries("stage-0", f"attempt {n}", n, n) for n in (1, 2)]
    found = groups([*GRID[:2], *attempts], None)
    assert [(some[0].label, len(some)) for _, some in found][1:] == [
        ("attempt 1", 1),
        ("attempt 2", 1),
    ]


def test_mean_and_range_are_those_of_numpy() -> None:
    values = np.random.default_rng(7).normal(size=(5, 40)) * 1e3
    lines = [line(row.tolist(), own=False) for row in values]
    bests = [replace(one, best=(min(one.means), 0.0, 0.0)) for one in lines]
    found = folded(bests, (("", "all 5"),))
    assert found.means == pytest.approx(values.mean(axis=0), rel=1e-9)
    assert found.lows == pytest.approx(values.min(axis=0), rel=1e-9)
    assert found.highs == pytest.approx(values.max(axis=0), rel=1e-9)
    assert found.counts == (5,) * 40
    assert found.deviations == pytest.approx(values.std(axis=0, ddof=1), rel=1e-9)
    assert found.best is not None
    assert found.best[0] == pytest.approx(values.min(axis=1).mean(), rel=1e-9)
    assert best_text(found) == number(found.best[0]), "a mean has no best step"
    done = [replace(one, completed=at > 2) for at, one in enumerate(bests)]
    completed = folded(done, (("", "all 5"),)).best
    assert completed is not None
    assert completed[0] == pytest.approx(values[3:].min(axis=1).mean(), rel=1e-9)


def test_a_member_counts_from_its_first_to_its_last_point() -> None:
    short = line([NAN, 1.0, NAN, 3.0, NAN], own=False)
    found = folded([short, line([0.0] * 5)], (("", "all 2"),))
    assert found.counts == (1, 2, 2, 2, 1)
    assert found.means == pytest.approx((0.0, 0.5, 1.0, 1.5, 0.0))
    assert found.highs == pytest.approx((0.0, 1.0, 2.0, 3.0, 0.0)), "the band has no holes"
    assert found.own
    assert found.best is None


def test_lines_that_diverge_to_the_largest_numbers_have_a_mean() -> None:
    huge = replace(line([1.6e308] * 200), best=(1.6e308, 0.0, 0.0), last=(1.6e308, 199.0))
    found = folded([huge, huge], (("", "all 2"),))
    assert found.best is not None
    assert found.best[0] == pytest.approx(1.6e308)
    assert found.last is not None
    assert found.last[0] == pytest.approx(1.6e308)
    of = SimpleNamespace(id="1", name="huge")
    page = cast(CurvesPage, SimpleNamespace(run=of, stage=of))
    assert "| 1.6e308 | 1.6e308 at 0 |" in curve_report(page, chart(huge), PlotOptions())


def test_names_in_a_metrics_report_are_escaped_for_markdown() -> None:
    run, stage = SimpleNamespace(id="1", name="a*b"), SimpleNamespace(name="s|1")
    page = cast(CurvesPage, SimpleNamespace(run=run, stage=stage))
    labelled = replace(line([1.0] * 5), label="<i> `x`|y")
    shown = curve_report(page, chart(labelled), PlotOptions())
    assert shown.startswith(r"### a\*b / s\|1: ")
    assert r"| \<i\> \`x\`\|y |" in shown


def test_a_single_mean_is_named_by_what_was_not_folded() -> None:
    assert [label_of(pairs) for pairs, _ in groups(GRID[:2], None)] == ["lr=a"]


def test_a_mean_ends_where_no_member_has_values() -> None:
    ended = line([1.0, 2.0, NAN, NAN], at=(0.0, 1.0, 2.0, 3.0), own=False)
    found = folded([ended, line([2.0, 3.0, NAN, NAN])], (("", "lr=1"),))
    assert found.known == [0.0, 1.0]
    assert value_at(found, PlotOptions(), 3.0) is None, "no earlier value stands for it"


def test_a_means_last_value_is_that_of_its_last_step() -> None:
    def ending(*last: tuple[float, float] | None) -> tuple[float, float] | None:
        return folded([line([0.0, 1.0], last=one) for one in last], (("", "all"),)).last

    mean, step = ending((0.2, 4000.0), (0.4, 4000.0), (9.0, 2400.0)) or (0.0, 0.0)
    assert mean == pytest.approx(0.3, rel=1e-9)
    assert step == 4000.0
    assert ending((0.2, 4000.0), (NAN, 4000.0)) == (0.2, 4000.0)
    value, step = ending((0.2, 1800.0), (NAN, 4000.0)) or (0.0, 0.0)
    assert value != value
    assert step == 4000.0, "the one that got furthest has no finite value there"
    assert ending((0.2, 4000.0), None) is None


def seeds_of(filler: Filler, shift: float, *rates: int) -> str:
    """Store a sweep of four seeds of each rate; each rate is worse by `shift`."""
    names = [f"train[lr={lr},seed={seed}]" for lr in rates for seed in range(4)]
    run_id = filler.run(dict.fromkeys(names, ()), name="seeds", over="seed")
    for at, name in enumerate(names):
        attempt = filler.start(run_id, name)
        worth = 1 + shift * (at // 4) + (at * 7 % 5) / 50
        filler.feed(run_id, name, {"val/loss": [(0, 9.0), (1, worth)]})
        filler.end(attempt)
    return run_id


def test_of_several_means_the_best_two_are_told_apart(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, reader = seeds_of(filler, 0.5, 1, 2, 3), CurveReader()
    wanted = CurvesWanted(names=("val/loss",), compared=Comparison(sweep=True))
    monkeypatch.setattr(curve_reader, "STATISTICS", "not.imported")
    monkeypatch.setattr(curve_reader, "PERIOD", 0.0)
    with engine.reading() as connection:
        stages_ = views.stages(connection, run_id)
        first, later = (reader.read(connection, stages_[0], stages_, wanted) for _ in range(2))
        known = compare.compare(connection, f"{run_id}/train[lr=2]", f"{run_id}/train[lr=1]")
    one = chart_of(first, "val/loss")
    assert (one.verdict, first.due < np.inf) == (NO_VERDICT, True), "curves before the import"
    one = chart_of(later, "val/loss")
    assert later.due == np.inf
    assert known.test is not None
    (words,) = one.verdict.words
    assert f"lr=1 minus lr=2   {number(known.difference)}" in words
    assert f"(95 %: {number(known.test.low)} to {number(known.test.high)}): lr=1 is" in words
    assert one.verdict.configurations == ((run_id, "train[lr=2]"), (run_id, "train[lr=1]"))
    rows = [plain(row) for row in table_rows(one, later.figures[0], PlotOptions(), 200, 9)]
    assert rows[-1] == words
    assert "± std dev" in rows[0]
    assert rows[1].index("±") == rows[0].index("±") + 2, "it heads the deviations"


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_two_means_over_seeds_come_with_a_verdict(filler: Filler, shift: float) -> None:
    run_id = seeds_of(filler, shift, 1, 2)
    with engine.reading() as connection:
        stages_ = views.stages(connection, run_id)
        wanted = CurvesWanted(names=("val/loss",), compared=Comparison(sweep=True))
        curves = CurveReader().read(connection, stages_[0], stages_, wanted)
        known = compare.compare(connection, f"{run_id}/train[lr=1]", f"{run_id}/train[lr=2]")
    one = chart_of(curves, "val/loss")
    means, verdict = one.verdict.words
    assert f"lr=1 {number(known.a.mean)} ± {number(known.a.deviation)} (of 4)" in means
    assert known.test is not None
    assert f"(95 %: {number(known.test.low)} to {number(known.test.high)})" in verdict
    assert ("lr=2 is worse" in verdict) == (shift > 0)
    assert ("not distinguishable" in verdict) == (shift == 0)
    rows = [plain(row) for row in table_rows(one, curves.figures[0], PlotOptions(), 200, 9)]
    assert rows[-2:] == [means, verdict]


def test_a_metric_of_runs_that_spell_it_differently_is_one(filler: Filler) -> None:
    names = (("val/loss", "lr"), ("val_loss", "lr"), ("Loss/val", "val_loss"), ("valid loss",))
    runs = []
    for at, some in enumerate(names):
        runs.append(filler.run({f"train{at}": ()}, name=f"run {at}", pipeline=f"pipeline {at}"))
        filler.feed(runs[at], f"train{at}", {one: [(s, s + at) for s in range(3)] for one in some})
        filler.complete(runs[at], f"train{at}")
    filler.feed(runs[3], "train3", {"valid loss": [(3, NAN)]})
    with engine.reading() as connection:
        stages_ = views.stages(connection, runs[0])
        reader = CurveReader()
        wanted = CurvesWanted(
            80, names=("",), compared=Comparison(runs=tuple(runs[1:])), candidates=True
        )
        curves = reader.read(connection, stages_[0], stages_, wanted)
        assert reader.compared_stage(connection, runs[::-1]) == (runs[3], "train3")
    assert curves.first == ("val/loss", "lr"), "as the stage itself spells them"
    lines = {line.label[:5]: line for line in chart_of(curves, "val/loss").lines}
    assert {label: line.best and line.best[0] for label, line in lines.items()} == {
        "run 0": 0,
        "run 1": 1,
        "run 3": 3,
    }
    assert lines["run 3"].has_nan
    assert [words.split(" (")[1] for words in curves.left_out] == ["no val/loss)"], "it has two"
    bests = {one.series.label[:5]: one.best for one in curves.candidates}
    assert bests == {"run 0": 0, "run 1": 1, "run 3": 3}


def test_each_attempt_is_compared_by_what_it_ran_with(filler: Filler) -> None:
    run_id, name = filler.run({"train[lr=0.2]": ()}), "train[lr=0.2]"
    filler.fail(run_id, name, "exit code 1")
    stage = filler.stage(run_id, name)
    before = replace(stage.definition, matrix={"lr": "0.1"})
    with filler.store.write() as writing:
        writing.execute("UPDATE attempts SET definition_json = ?", (json.dumps(before.to_json()),))
    control.rerun(run_id, [name])
    filler.complete(run_id, name)
    feeder = Feeder(filler.store, stage.id)
    for attempt in (1, 2):
        feeder.feed({"loss": [(at, 1 / attempt) for at in range(3)]}, attempt=attempt)
    with engine.reading() as connection:
        stages_ = views.stages(connection, run_id)
        wanted = CurvesWanted(names=("loss",), candidates=True)
        found = CurveReader().read(connection, stages_[0], stages_, wanted).candidates
    shown = {one.series.attempt: one.params.get("lr") for one in found}
    assert shown == {1: "0.1", 2: "0.2"}


def test_a_means_numbers_are_of_points_and_not_of_columns() -> None:
    several = [line([a, b], lasts=(a, b - 0.5)) for a, b in ((2.0, 1.0), (4.0, 3.0))]
    found = folded(several, (("", "all 2"),))
    assert (found.smooths, found.lasts) == ((3.0, 2.0), (3.0, 1.5))
    assert folded(several, (("", "all 2"),), smoothed=True).lasts == (3.0, 2.0)
