"""What keys make of the way curves are looked at, and which value is best."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.tui.charts import NAN, chart, figures, line
from trainui.model.headline_metric import lower_is_better
from trainui.store.points.plot_points import Axis
from trainui.tui.curve_data import (
    ALL_IN_ONE,
    NOT_FOLDED,
    Comparison,
    PlotOptions,
    PlottedSeries,
    fold_choices,
    fold_words,
    last_value,
    next_fold,
    value_at,
    x_positions,
)
from trainui.tui.curves.interaction import CurvesState, leader_text, next_x, zoom_text
from trainui.tui.curves.plot import LineStyle, plot
from trainui.tui.curves.table import difference_rows, table_rows
from trainui.tui.plot_axes import Frame, XAxis
from trainui.tui.styled_text import plain, width_of

ALL = (0.0, 100.0)


def series_of(*params: dict[str, str]) -> list[PlottedSeries]:
    return [
        PlottedSeries(f"{at}", f"{at}", at, params=tuple(own.items()))
        for at, own in enumerate(params)
    ]


@pytest.mark.parametrize(
    ("params", "folds", "remark"),
    [
        ([{"lr": "1", "seed": "1"}, {"lr": "1", "seed": "2"}], [NOT_FOLDED, ALL_IN_ONE, None], ""),
        ([{"lr": "1"}, {"lr": "2"}], [ALL_IN_ONE, NOT_FOLDED], "no two curves differ by a seed"),
        ([{"lr": "1"}], [None, None], "only one curve is drawn"),
    ],
    ids=["seeds", "no seed", "one curve"],
)
def test_averaging_goes_through_what_repeats_or_says_why_not(
    params: list[dict[str, str]], folds: list[str | None], remark: str
) -> None:
    choices, compared, remarks = fold_choices(series_of(*params)), Comparison(sweep=True), ""
    for fold in folds:
        compared, words = next_fold(compared, choices)
        remarks += words
        assert compared.fold == fold
    assert remark in remarks
    assert bool(remark) == bool(remarks)


@pytest.mark.parametrize(
    ("name", "lower"),
    [
        ("train/loss", True),
        ("val_accuracy", False),
        ("trainLoss", True),
        ("reward_loss", True),
        ("eval/top1", False),
        ("metrics/mAP50", False),
        ("ppl", True),
        ("rollout/ep_rew_mean", False),
        ("lr", None),
        ("closs_mean", True),
    ],
)
def test_the_name_of_a_metric_shows_its_direction(name: str, lower: bool | None) -> None:
    assert lower_is_better(name) is lower


def test_zoom_keeps_the_place_around_which_it_goes() -> None:
    near = PlotOptions().zoomed(0.5, ALL, ALL, 20.0)
    assert near.window == (10.0, 60.0)
    assert near.zoomed(2.0, (10.0, 60.0), ALL, 20.0).window is None


def test_a_window_moves_rather_than_narrows_at_the_edge() -> None:
    assert PlotOptions().zoomed(2.0, (70.0, 90.0), ALL, 90.0).window == (50.0, 90.0)
    assert PlotOptions().zoomed(2.0, (70.0, 90.0), ALL, 70.0).window == (60.0, 100.0)
    assert PlotOptions().panned(5.0, (40.0, 60.0), ALL).window == (80.0, 100.0)
    assert PlotOptions().panned(-5.0, (40.0, 60.0), ALL).window == (0.0, 20.0)


def test_zooming_ends_before_points_become_indistinguishable() -> None:
    view, shown = PlotOptions(), (1.7e9, 1.7e9 + 100)
    for _ in range(200):
        view = view.zoomed(0.5, view.window or shown, shown, 1.7e9 + 50)
    assert view.window is not None
    assert view.window[1] - view.window[0] > 1e-7


def test_another_axis_keeps_part_and_cursor_until_converted() -> None:
    before = PlotOptions(window=(1.0, 2.0), cursor=1.5, smoothing=0.6)
    view = before.along(Axis.EPOCH).along(Axis.WALL)
    assert view.convert == before
    assert (view.window, view.cursor, view.smoothing) == (None, None, 0.6)
    found = view.converted(PlotOptions(window=(11.0, 12.0), cursor=11.5))
    assert (found.window, found.cursor, found.convert) == ((11.0, 12.0), 11.5, None)
    assert PlotOptions().along(Axis.WALL).convert is None


def test_zoom_and_pan_on_a_log_axis_keep_ratios() -> None:
    near = PlotOptions(log_x=True).zoomed(0.5, (1.0, 10_000.0), (1.0, 10_000.0), 100.0)
    assert near.window == pytest.approx((10.0, 1000.0))
    moved = near.panned(0.5, (10.0, 1000.0), (1.0, 10_000.0))
    assert moved.window == pytest.approx((100.0, 10_000.0))


def test_the_window_survives_another_x_scale_without_zero() -> None:
    linear = PlotOptions(window=(10.0, 500.0), cursor=20.0)
    log = linear.with_other_x_scale()
    assert (log.log_x, log.window, log.cursor) == (True, (10.0, 500.0), 20.0)
    assert log.with_other_x_scale() == linear
    assert PlotOptions(window=(0.0, 500.0)).with_other_x_scale().window is None


def test_losses_and_scores_stand_before_other_metrics() -> None:
    names = ("grad_norm", "train/loss", "lr", "layer0/std", "val/loss", "val/acc")
    shown = CurvesState(pinned=["lr"]).shown([figures(name) for name in names])
    expected = ["lr", "train/loss", "val/loss", "val/acc", "grad_norm", "layer0/std"]
    assert [one.name for one in shown] == expected


def test_pinned_metrics_are_first_and_clocks_only_on_request() -> None:
    state = CurvesState()
    all_of_them = [figures(name) for name in ("epoch", "loss", "time", "acc")]
    assert [one.name for one in state.shown(all_of_them)] == ["loss", "acc"]
    assert [one.name for one in state.hidden(all_of_them)] == ["epoch", "time"]
    state.pin("time")
    assert [one.name for one in state.shown(all_of_them)] == ["time", "loss", "acc"]
    state.pin("time")
    state.filter = ("c",)
    assert [one.name for one in state.shown(all_of_them)] == ["acc", "epoch"]
    state.filter = ()
    assert [one.name for one in state.shown(all_of_them[:1])] == ["epoch"]


def test_a_reading_is_the_last_point_up_to_the_cursor() -> None:
    one = line([5.0, NAN, 3.0, 2.0])
    assert [
        found and found.value
        for x in (-1, 0, 1.5, 2, 9)
        if (found := value_at(one, PlotOptions(), x)) or True
    ] == [
        None,
        5.0,
        5.0,
        3.0,
        None,
    ]


def test_the_best_point_is_itself_and_not_its_columns_last() -> None:
    dense = line([5.0, 3.0, 4.0], at=(1.0, 3.0, 5.0), best=(0.5, 2.0, 2.0), end=5.0)
    found = value_at(dense, PlotOptions(), 2.0)
    assert found is not None
    assert (found.value, found.step, found.column) == (0.5, 2.0, 1)


def test_the_cursor_moves_by_points_or_over_many() -> None:
    sparse = chart(line([1.0, NAN, NAN, NAN, 2.0, NAN, NAN, 3.0]))
    view = PlotOptions(cursor=0.0)
    across = XAxis(sparse.low, sparse.high, 4)
    assert next_x(x_positions(sparse), across, view, 1) == 4.0
    assert next_x(x_positions(sparse), across, view, -1) is None
    dense, across = chart(line([1.0] * 41)), XAxis(0.0, 40.0, 10)
    assert next_x(x_positions(dense), across, PlotOptions(cursor=20.0), 1) == 24.0


def test_a_race_is_at_equal_place_by_the_metrics_goal() -> None:
    slow, fast = line([3.0, 2.0, 1.0, 0.5], label="slow"), line([1.0, 0.9, 0.8], label="fast")
    assert leader_text(chart(slow, fast), PlotOptions()) == "fast leads by 0.2000 at step 2"
    assert (
        leader_text(chart(slow, fast, name="accuracy"), PlotOptions())
        == "slow leads by 0.2000 at step 2"
    )
    assert leader_text(chart(slow, fast), PlotOptions(cursor=0.0)) == "fast leads by 2 at step 0"
    assert leader_text(chart(slow, fast, name="lr"), PlotOptions()) == ""
    assert leader_text(chart(slow, slow), PlotOptions()) == "slow and slow are equal at step 3"


def test_figures_below_a_narrow_plot_are_left_out_whole() -> None:
    one = chart(line([1.0, 2.0, 3.0]))
    for width in range(20, 120):
        for row in table_rows(one, figures(nonfinite=3, superseded=4), PlotOptions(), width, 5):
            text = "".join(span.text for span in row)
            assert len(text) <= width
            assert not text.endswith((" ", "…"))


@pytest.mark.parametrize(
    "own",
    [
        {},
        {"axis": "sideways", "smoothing": 7, "log": "yes", "members": {"a": 1}, "fold": 3},
        {"axis": [], "smoothing": None, "attempts": ["1", None], "runs": 1},
    ],
)
def test_saved_choices_that_are_not_understood_are_the_defaults(own: dict[str, object]) -> None:
    state = CurvesState.restored({"pinned": {"a": 1}, "runs": {"r": own}}, "r")
    assert (state.view, state.pinned, state.log) == (PlotOptions(), [], set())
    assert state.compared == Comparison()
    assert CurvesState.restored({"runs": own}, "r").view == PlotOptions()


def test_choices_are_restored_for_their_run() -> None:
    state = CurvesState("r", log={"loss"}, compared=Comparison(attempts=(1, 2), fold="seed"))
    state.pin("loss")
    options = PlotOptions(axis=Axis.EPOCH, smoothing=0.9, log_x=True)
    state.choose(replace(options, window=(1.0, 2.0), cursor=1.5, highlight="a"))
    saved = json.loads(json.dumps(state.saved))
    again = CurvesState.restored(saved, "r")
    assert (again.view, again.log, again.pinned) == (options, {"loss"}, ["loss"])
    assert again.compared == Comparison(attempts=(1, 2))  # averaging is of the page alone
    other = CurvesState.restored(saved, "another run")
    assert (other.view, other.log, other.pinned) == (PlotOptions(), set(), ["loss"])
    again.reset()
    assert again.saved == {"pinned": ["loss"], "runs": {}}


def test_a_log_scale_belongs_to_its_metric() -> None:
    state = CurvesState(log={"loss"})
    assert state.view_of("loss").log
    assert not state.view_of("accuracy").log


def test_the_last_value_is_stored_even_beyond_the_window() -> None:
    view, zoomed = PlotOptions(), line([1.0, 2.0, 3.0], last=(7.5, 99.0), end=99.0)
    for rows in (
        table_rows(chart(zoomed), figures(), view, 120, 5),
        table_rows(chart(zoomed, zoomed), figures(), view, 120, 5),
    ):
        text = "\n".join("".join(span.text for span in row) for row in rows)
        assert "7.5000" in text
    (own,) = [one for one in [last_value(line([1.0, 2.0], last=(2.5, 1.0)), view)] if one]
    assert (own.value, own.step, own.column) == (2.5, 1.0, 1)


def test_curves_that_are_not_averaged_are_each_by_itself() -> None:
    assert fold_words(NOT_FOLDED, [NOT_FOLDED, None]) == "each curve by itself"
    assert fold_words(None, [NOT_FOLDED, None]) == "averaged over the seeds"


def test_a_folded_sweep_draws_all_members_unless_others_chosen() -> None:
    state = CurvesState("r", all_members=True)
    assert (state.drawn, state.words) == (Comparison(sweep=True), [])
    state.compared = Comparison(members=("a",))
    assert state.drawn == state.compared
    state.all_members = False
    state.reset()
    assert not state.drawn


def test_a_line_without_points_in_the_window_is_not_compared() -> None:
    """E.g. the mean of members that are all NaN from a step on, in a plot panned to the right."""
    slow, fast = line([3.0, 2.0, 1.0], label="slow"), line([1.0, 0.9, 0.8], label="fast")
    gone = line([NAN, NAN, NAN], label="gone", end=2.0)
    view = PlotOptions(window=(0.0, 2.0))
    assert leader_text(chart(slow, gone, fast), view) == "fast leads by 0.2000 at step 2"
    (head, *rows) = map(plain, table_rows(chart(slow, gone, fast), figures(), view, 120, 9))
    assert "step 2" in head
    assert any("gone" in row for row in rows)


def test_the_table_marks_the_column_that_ranks_and_names_the_best_of_all() -> None:
    early = line([3.0, 0.1, 2.0], label="early", best=(0.1, 1.0, 1.0))
    late = line([3.0, 2.0, 1.0], label="late", best=(1.0, 2.0, 2.0))
    (head, *rows) = map(plain, table_rows(chart(early, late), figures(), PlotOptions(), 120, 9))
    assert head.split() == ["#", "step", "2▾", "best", "at", "any", "step", "last"]
    assert [row.split()[1:4] for row in rows[:2]] == [["1", "▸", "late"], ["2", "▸", "early"]]
    assert rows[2] == "late leads by 1 at step 2;  at any step the best is early, 0.1000 at 1"
    narrow = table_rows(chart(early, late), figures(), PlotOptions(), 60, 9)
    assert [plain(row) for row in narrow[-2:]] == [
        "late leads by 1 at step 2",
        "at any step the best is early, 0.1000 at 1",
    ]
    epochs = replace(chart(early, late), unit="epoch")
    assert "best at any epoch" in plain(table_rows(epochs, figures(), PlotOptions(), 120, 9)[0])
    smoothed = table_rows(chart(early, late), figures(), PlotOptions(smoothing=0.6), 120, 9)
    assert "smoothed at step 2▾" in plain(smoothed[0])
    (head, *rows) = map(
        plain, table_rows(chart(early, late, name="lr"), figures(), PlotOptions(), 120, 9)
    )
    assert "#" not in head
    assert "▾" not in head


def test_no_verdict_is_lost_below_many_lines() -> None:
    many = [line([3.0, 2.0, 1.0 + at], label=f"line {at}", best=(1.0, 2.0, 2.0)) for at in range(9)]
    for width in range(60, 130, 10):
        rows = [*map(plain, table_rows(chart(*many), figures(), PlotOptions(), width, 6))]
        assert len(rows) <= 6
        assert "of 9; tab highlights" in rows[-1]


FOUND = [["lr", "0.1", "0.3"], ["data", "a" * 40 + "1", "a" * 40 + "2"], ["code: a.py", "", ""]]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_differences_are_whole_and_those_without_room_counted(most: int) -> None:
    marks = [LineStyle("curve-1", "●"), LineStyle("curve-2", "▲")]
    for width in range(60, 120):
        rows = difference_rows(FOUND * 2, marks, width, most)
        text = " ".join(map(plain, rows))
        shown = text.count("lr ● 0.1 ▲ 0.3") + text.count("data ●") + text.count("code: a.py")
        assert max(map(width_of, rows)) <= width
        assert len(rows) <= most
        assert shown == 6 or f"and {6 - shown} more" in text
    assert "lr 0.1 → 0.3" in plain(difference_rows(FOUND, (), 80, 3)[0])
    assert "nothing" in plain(difference_rows([], marks, 80, 3)[0])


def test_the_ends_of_a_zoom_are_whole_steps() -> None:
    shown = chart(line([1.0] * 4), low=74.625, high=124.375, extent=(0.0, 199.0))
    view = PlotOptions(window=(74.625, 124.375))
    assert zoom_text(shown, view) == "zoom 4x, steps 75 to 124"
    few = chart(line([1.0] * 4), low=0.25, high=2.75, extent=(0.0, 10.0))
    assert zoom_text(few, view) == "zoom 4x, steps 0.25 to 2.75"


VALUES = st.just([NAN] * 4) | st.lists(
    st.sampled_from([NAN, math.inf, -math.inf, 0.0, -1.0, 0.5, 2.0, 1e300, 5e-324]),
    min_size=4,
    max_size=4,
)


@given(
    st.lists(st.tuples(VALUES, st.booleans()), min_size=1, max_size=3),
    st.sampled_from(Axis),
    st.sampled_from([None, -1.0, 0.0, 1.5, 9.0]),
    st.booleans(),
    st.sampled_from([0.0, 0.9]),
)
def test_every_chart_can_be_drawn_with_its_table(
    drawn: list[tuple[list[float], bool]],
    axis: Axis,
    cursor: float | None,
    log: bool,
    smoothing: float,
) -> None:
    lines = []
    for at, (values, is_mean) in enumerate(drawn):
        one = line(values, label=f"run {at}", index=at, own=at == 0)
        if is_mean:
            mean = {"members": (tuple(values),), "counts": (1,) * 4, "deviations": (NAN,) * 4}
            one = replace(one, **mean)  # type: ignore[arg-type]
        lines.append(one)
    found = chart(*lines)
    view = PlotOptions(axis=axis, cursor=cursor, log=log, smoothing=smoothing, window=(0.0, 3.0))
    assert table_rows(found, figures(), view, 80, 6)
    assert len(plot(found, view, Frame(40, 6)).rows) >= 6
