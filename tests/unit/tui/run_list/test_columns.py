"""The list of runs as lines: nothing is wider than its column, whatever people call their runs."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from trainui import clock
from trainui.model.headline_metric import ComparedMetric, headline
from trainui.model.records import Loss
from trainui.model.states import Status
from trainui.store.read.run_list import RunDetails, RunLine, RunTrouble
from trainui.store.read.time_worked import TimeWorked
from trainui.tui.numbers import differing, when
from trainui.tui.run_list.columns import (
    MOST_LOOKED_AT,
    OTHER_TITLE,
    VALUE,
    RowContext,
    RunColumns,
    column_stats,
    param_cells,
    trouble_cells,
    value_cells,
    with_listed,
)
from trainui.tui.run_list.filter import ORDERS, by_param
from trainui.tui.snapshot import Eta, ListedMetrics, RunLive
from trainui.tui.styled_text import plain, width_of

NOW = clock.now()

RUN = RunLine(
    id="0f0e0d0c-0000-4000-8000-000000000000",
    name="digits",
    pipeline="digits.v2",
    status=Status.RUNNING,
    priority=0,
    created_at=NOW,
    started_at=NOW - 75 * clock.SECOND,
    completed_at=None,
    worked=TimeWorked(since=NOW - 75 * clock.SECOND),
    done=2,
    total=5,
    current=("train[hidden=32]", "train[hidden=128]"),
    params_json='{"lr": "3e-4", "seed": "1"}',
)

LIVE = RunLive(
    ComparedMetric.of("val/loss"),
    value=0.25,
    values=(1.0, 0.5, 0.25),
    step=1200,
    last_step=5000,
    gpus=(0, 3),
)


LONG = ComparedMetric.of("valid/cross_entropy_loss")

METRICS = {one: ComparedMetric.of(one) for one in ("val/loss best", "test/accuracy best")}

LISTED = ListedMetrics(
    {"val/loss best": ComparedMetric.of("val/loss")}, ("val/loss best",), gpus=3, has_steps=True
)


SWEEP = RUN._replace(
    sweeps_json='{"values": {"lr": ["0.1", "0.000012345", "0.02"], "act": ["relu", "gelu"], '
    '"trial": ["0", "1"], "size": ["small", "medium", "x-large"]}}',
)


def test_a_parameters_column_has_a_sweeps_range() -> None:
    assert column_stats([RUN, SWEEP]).params == ("lr", "act", "size")
    line = shown(SWEEP, 250, RUN)
    for words in (" 1.23e-5..0.1 ", " relu,gelu ", " 3 values "):
        assert words in line
    other = RUN._replace(params_json='{"lr": "1e-4"}')
    lines = [RUN, SWEEP, other]
    assert by_param("lr").arranged(lines, reverse=False) == [SWEEP, other, RUN]


def test_the_second_line_has_metric_and_member_without_columns() -> None:
    best = LIVE._replace(stage="train[lr=0.1,seed=1]", member="lr=0.1,seed=1")
    runs = [RUN._replace(params_json='{"lr": "0.1", "seed": "2"}'), RUN]
    details = {RUN.id: RunDetails("a", Status.FAILED, "exit code 1")}
    facts = with_listed(column_stats(runs), LISTED._replace(member=13), endings=True)
    for width, words, others in (
        (250, ["0f0e0d0c", "✗ a: exit code 1"], "lr=0.1,seed=1"),
        (128, ["0f0e0d0c", "val/loss best lr=0.1,seed=1", "✗ a: exit code 1"], "0.2500"),
        (84, ["0f0e0d0c", "val/loss best lr=0.1,seed=1", "✗ a: exit code 1"], "0.2500"),
    ):
        moment = RowContext(NOW, live={RUN.id: best}, details=details)
        columns = RunColumns(width, facts)
        assert plain(columns.second_row(RUN, moment)).strip().split("  ") == words
        assert others in plain(columns.row(RUN, moment))
        failed = RUN._replace(status=Status.FAILED)
        texts = plain(columns.second_row(failed, moment)).split("  ")
        assert texts[-len(words) - 1 : -1][1] == words[-1]


@pytest.mark.parametrize(
    ("status", "stalls", "style"),
    [
        (Status.QUEUED, False, ""),
        (Status.RUNNING, True, "bad"),
        (Status.FAILED, False, "state-failed"),
    ],
)
def test_a_wait_for_a_slot_does_not_look_like_trouble(
    status: Status, stalls: bool, style: str
) -> None:
    details = {RUN.id: RunDetails("a", status, "the reason", stalls)}
    row = RunColumns(120, column_stats([RUN])).second_row(RUN, RowContext(NOW, details=details))
    assert [one.style for one in row if "the reason" in one.text] == [style]


def test_the_second_line_has_the_time_to_go_without_a_column() -> None:
    moment = RowContext(NOW, {RUN.id: Eta(NOW + 90 * clock.SECOND, whole=True)})
    facts = with_listed(column_stats([RUN]), LISTED, endings=True)
    for width in (44, 60, 80, 120, 200):
        columns = RunColumns(width, facts)
        both = plain(columns.row(RUN, moment)) + plain(columns.second_row(RUN, moment))
        assert both.count("~1m 30s") == 1, (width, columns.titles)


def test_another_metrics_run_is_blank_in_the_column() -> None:
    moment = RowContext(NOW, live={RUN.id: LIVE})
    assert "0.2500" in plain(tuple(value_cells("val/loss best")(moment.of(RUN), VALUE + 9)))
    assert value_cells("f1 best")(moment.of(RUN), VALUE + 9) == []


@pytest.mark.parametrize("width", [78, 98, 118, 198])
def test_each_run_shows_its_metric_however_many_there_are(width: int) -> None:
    metrics = [ComparedMetric.of(name) for name in ("val/loss", "val_acc", "dev/loss", "test loss")]
    titles = tuple(f"{metric.name} best" for metric in metrics)
    runs = [
        RUN._replace(id=str(at), name=f"run{at}", params_json=json.dumps({"lr": f"0.{at + 1}"}))
        for at in range(4)
    ]
    listed = ListedMetrics(dict(zip(titles, metrics, strict=True)), titles)
    live = {str(at): RunLive(metric, value=0.125 + at) for at, metric in enumerate(metrics)}
    columns = RunColumns(width, with_listed(column_stats(runs), listed, endings=False), "WHEN")
    assert "lr" in columns.titles
    for at, run in enumerate(runs):
        cells = plain(columns.row(run, RowContext(NOW, live=live))).split()
        assert f"{0.125 + at:.4f}" in cells, columns.titles


@pytest.mark.parametrize("width", [78, 80, 90, 100, 110])
def test_counts_of_stages_give_way_to_a_metric_beside_trouble(width: int) -> None:
    metrics = [ComparedMetric.of(name) for name in ("val/loss", "val_loss")]
    titles = tuple(f"{metric.name} best" for metric in metrics)
    runs = [
        RUN._replace(
            id=str(at),
            name=f"run-number-{at}",
            params_json=json.dumps({"seed": str(at), "lr": str(at)}),
            trouble=RunTrouble(stalled=1),
            done=at,
            total=331,
        )
        for at in range(2)
    ]
    listed = ListedMetrics(dict(zip(titles, metrics, strict=True)), titles)
    live = {str(at): RunLive(metric, value=0.125 + at) for at, metric in enumerate(metrics)}
    columns = RunColumns(width, with_listed(column_stats(runs), listed, endings=False), "WHEN")
    for at, run in enumerate(runs):
        cells = plain(columns.row(run, RowContext(NOW, live=live))).split()
        assert f"{0.125 + at:.4f}" in cells, columns.titles
        assert "stalled" in cells


def test_metrics_that_would_look_alike_are_on_second_lines() -> None:
    names = ("f1", "val/rmse", "val_loss", "valid/auc", "valid/loss")
    metrics = [ComparedMetric.of(name) for name in names]
    titles = tuple(f"{metric.name} best" for metric in metrics)
    runs = [
        RUN._replace(id=str(at), params_json=json.dumps({"lr": f"0.{at + 1}"})) for at in range(5)
    ]
    listed = ListedMetrics(dict(zip(titles, metrics, strict=True)), titles)
    facts = with_listed(column_stats(runs), listed, endings=False)
    moment = RowContext(NOW, live={"4": RunLive(metrics[4], value=0.125)})
    columns = RunColumns(78, facts)
    assert OTHER_TITLE not in columns.titles
    assert "valid/loss best 0.1250" in plain(columns.second_row(runs[4], moment))
    assert OTHER_TITLE in RunColumns(118, facts).titles


def test_each_heading_says_which_value_its_column_has() -> None:
    metrics = [ComparedMetric.of(name) for name in ("eval_loss", "val_acc", "val_f1", "gap_width")]
    titles = {f"{metric.name} {metric.word}": metric for metric in metrics}
    listed = LISTED._replace(titles=titles, columns=(*titles,))
    runs = [RUN._replace(params_json=f'{{"lr": "{at}", "depth": "{at}"}}') for at in range(9)]
    facts = with_listed(column_stats(runs), listed, endings=True)
    whole = plain(RunColumns(200, facts).heading())
    assert all(f" {title} " in whole for title in titles)
    for width in (100, 110, 120):
        columns = RunColumns(width, facts)
        heading, shown = plain(columns.heading()), [one for one in titles if one in columns.titles]
        assert len(shown) > 1
        for title in shown:
            sign = {True: "↓", False: "↑", None: " last"}[titles[title].lower]
            name = titles[title].name
            cut = f"{name[:7].rstrip()}…{sign} "
            is_said = (text in heading for text in (f" {title} ", f" {name}{sign} ", cut))
            assert any(is_said), (width, heading)
    narrow = plain(
        RunColumns(78, facts).row(RUN, RowContext(NOW, live={RUN.id: RunLive(metrics[1])}))
    )
    assert "↑" in narrow, "also beside its name in the column of the others"


@pytest.mark.parametrize("width", range(100, 180, 4))
def test_the_headings_of_further_metrics_are_all_alike(width: int) -> None:
    metrics = [ComparedMetric.of(name) for name in ("val/loss", "perplexity", "loss")]
    titles = {f"{metric.name} {metric.word}": metric for metric in metrics}
    listed = LISTED._replace(titles=titles, columns=(*titles,))
    runs = [RUN._replace(params_json=f'{{"lr": "{at}", "depth": "{at}"}}') for at in range(9)]
    columns = RunColumns(width, with_listed(column_stats(runs), listed, endings=True))
    heading = plain(columns.heading())
    further = [title for title in list(titles)[1:] if title in columns.titles]
    assert len({f" {title} " in heading for title in further}) < 2, heading


@pytest.mark.parametrize("width", [78, 118])
def test_a_note_and_a_verdict_are_marked_beside_a_long_name(width: int) -> None:
    run = RUN._replace(name="n" * 90, note="try it longer", verdict="keep")
    columns = RunColumns(width, column_stats([run, RUN]))
    line = plain(columns.row(run, RowContext(NOW)))
    assert ("+ “…”" in line) == ("VERDICT" not in columns.titles)
    assert "“…”" in line
    assert "“…”" not in plain(columns.row(RUN, RowContext(NOW)))


def test_a_parameter_that_tells_runs_of_a_pipeline_apart_stays() -> None:
    values = [{"model": f"net-{at % 3}", "lr": f"0.{at % 2}"} for at in range(6)]
    runs = [
        RUN._replace(id=str(at), pipeline=f"p{at % 3}", params_json=json.dumps(one))
        for at, one in enumerate(values)
    ]
    titles = RunColumns(62, column_stats(runs)).titles
    assert ("lr" in titles, "model" in titles) == (True, False)
    assert {"lr", "model"} <= set(RunColumns(120, column_stats(runs)).titles)


def test_a_run_sorted_by_another_metric_shows_its_value() -> None:
    titles = {**LISTED.titles, "f1 best": ComparedMetric.of("f1")}
    listed = LISTED._replace(titles=titles, columns=("val/loss best", "f1 best"))
    facts = with_listed(column_stats([RUN]), listed, endings=False)
    columns = RunColumns(120, facts, "f1 best", lambda: {RUN.id: 0.75})
    moment = RowContext(NOW, live={RUN.id: LIVE})
    assert columns.titles.count("f1 best") == 1
    assert {"0.2500", "0.7500"} <= set(plain(columns.row(RUN, moment)).split())


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_column_of_the_order_or_the_filter_never_goes(width: int) -> None:
    runs = [RUN._replace(params_json=f'{{"lr": "{n}", "depth": "{n}"}}') for n in (1, 2)]
    facts = with_listed(column_stats(runs), LISTED, endings=True)
    assert "depth" in RunColumns(width, facts, "depth").titles
    shown = RunColumns(width, facts, kept={"lr"}).titles
    assert {"lr", "val/loss best"} <= set(shown)


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        (40, "✗1 failed  ◌2 stalled  !1 NaN  !3 alert"),
        (38, "✗1 ◌2 !1 NaN !3 alert"),
        (20, "✗1 ◌2 stalled !1 !3"),
        (18, "✗1 ◌2 !1 !3"),
    ],
)
def test_the_words_of_one_symbol_go_last(cells: int, text: str) -> None:
    trouble = RunTrouble(failed=1, stalled=2, nan=1, alert=3)
    assert plain(tuple(trouble_cells(trouble, cells))) == text
    alone = RunTrouble(failed=1, nan=1)
    assert plain(tuple(trouble_cells(alone, 10))) == "✗1 !1"


def shown(run: RunLine, width: int, *others: RunLine, live: RunLive | None = LIVE) -> str:
    """A run's line in a list with others."""
    moment = RowContext(
        NOW,
        {RUN.id: Eta(NOW + 600 * clock.SECOND, whole=True)},
        {} if live is None else {run.id: live},
    )
    facts = with_listed(column_stats([run, *others]), LISTED, endings=True)
    columns = RunColumns(width, facts, "WHEN")
    row = columns.row(run, moment)
    assert width_of(row) <= width
    assert width_of(columns.heading()) <= width
    return plain(row)


@pytest.mark.parametrize("width", [20, 60, 80, 81, 99, 100, 120, 200, 300])
@pytest.mark.parametrize(
    "name",
    ["digits", "n" * 200, "日本語の名前" * 9, "\x1b[31mred\x1b[0m", "[bold]x[/bold]", "🎉 party"],
)
@pytest.mark.parametrize("priority", [0, 12])
def test_a_line_fits_its_width_and_is_harmless(width: int, name: str, priority: int) -> None:
    run = RUN._replace(name=name, priority=priority, pipeline=name[::-1], is_external=width % 2 > 0)
    assert "\x1b" not in shown(run, width, RUN)


def test_external_runs_and_those_of_agents_are_marked() -> None:
    assert " digits ext " in shown(RUN._replace(is_external=True), 80)
    assert " digits agent " in shown(RUN._replace(started_by="mcp"), 80)


def test_long_names_and_headings_never_look_alike() -> None:
    names = [f"imagenet-resnet50-adamw-lr{lr}-baseline-seed{at}" for at, lr in ((1, 0.1), (2, 0.2))]
    runs = [RUN._replace(id=name, name=name) for name in (*names, "digits")]
    titles = ("val/loss_classifier best", "val/loss_box_regression best")
    facts = replace(column_stats(runs), metric_names=titles, widths=Counter(name=46, metric=2))
    columns = RunColumns(80, facts)
    shown = [plain(columns.row(run, RowContext(NOW))).split()[2] for run in runs]
    assert len(set(shown)) == len(shown)
    assert not any("…" in name[1:-1] for name in shown), "cut at their ends"
    headings = plain(columns.heading()).split()
    assert len(set(headings)) == len(headings)


def test_a_silence_is_amber_and_a_stall_is_red() -> None:
    trouble = RunTrouble(stalled=1, silent=2)
    styles = {span.text: span.style for span in trouble_cells(trouble, 40) if span.text.strip()}
    assert styles == {"◌1 stalled": "bad", "◌2 silent": "warn"}


def test_trouble_is_counted_with_words_where_they_fit() -> None:
    run = RUN._replace(trouble=RunTrouble(failed=1, stalled=1, nan=3))
    assert "2/5     ✗1 failed  ◌1 stalled  !3 NaN  " in shown(run, 160)
    assert " ✗1 ◌1 !3 " in shown(run, 80)
    assert "TROUBLE" not in RunColumns(160, column_stats([RUN])).titles


@pytest.mark.parametrize("trouble", [RunTrouble(failed=1, stalled=1), RunTrouble(nan=1)])
def test_running_has_one_colour_and_trouble_its_own_column(trouble: RunTrouble) -> None:
    run = RUN._replace(trouble=trouble)
    row = RunColumns(120, column_stats([run])).row(run, RowContext(NOW))
    style = next(segment.style for segment in row if "running" in segment.text)
    assert style == "state-running"
    assert any(segment.style in ("bad", "warn") for segment in row)


@pytest.mark.parametrize("status", list(Status))
def test_a_state_is_a_symbol_and_a_word(status: Status) -> None:
    assert f" {status} " in shown(RUN._replace(status=status), 80)


def test_a_line_says_how_far_and_what_runs_now() -> None:
    text = shown(RUN, 120)
    for part in ("2/5", "train[hidden=32] +1", "1m 15s", "0.25", "~10m 00s"):
        assert part in text


def test_with_more_room_more_is_shown() -> None:
    other = RUN._replace(id="other", params_json='{"lr": "1e-3", "seed": "1"}')
    text = shown(RUN, 200, other)
    for part in ("3e-4", "1200/5000", "⠱", "0,3", "digits.v2", "train[hidden=128]"):
        assert part in text


def test_of_a_failed_run_the_failed_stage_is_named() -> None:
    failed = RUN._replace(status=Status.FAILED, current=(), failed=("evaluate",))
    assert "✗ evaluate" in shown(failed, 80)


def test_a_pipeline_has_a_column_only_with_differing_names() -> None:
    assert "PIPELINE" in RunColumns(160, column_stats([RUN])).titles
    assert "PIPELINE" not in RunColumns(160, column_stats([RUN._replace(pipeline="digits")])).titles


def test_only_parameters_that_differ_have_a_column() -> None:
    texts = ['{"lr": "1", "bs": "8", "seed": "1"}', '{"lr": "2", "bs": "8"}']
    assert differing(texts) == ("lr", "seed")
    assert differing(texts[:1] * 5) == ()
    runs = [RUN._replace(params_json=text) for text in texts]
    assert {"lr", "seed"} <= set(RunColumns(160, column_stats(runs)).titles)
    assert "bs" not in RunColumns(160, column_stats(runs)).titles


def test_a_parameter_that_only_other_pipelines_lack_gives_way_first() -> None:
    texts = ('{"data": "cifar10", "lr": "1"}', '{"lr": "2"}', "{}")
    runs = [RUN._replace(params_json=text) for text in texts]
    facts = column_stats([run._replace(pipeline=f"p{at}") for at, run in enumerate(runs)])
    assert facts.params == ("lr", "data")
    by_width = {width: RunColumns(width, facts).titles for width in (80, 160)}
    assert ("lr" in by_width[80], "data" in by_width[80]) == (True, False)
    assert {"lr", "data"} <= set(by_width[160])
    assert "data" in RunColumns(80, facts, "data").titles
    of_one_pipeline = column_stats(runs)
    assert of_one_pipeline.params == ("lr", "data")
    assert {"lr", "data"} <= set(RunColumns(80, of_one_pipeline).titles)
    sweep = SWEEP._replace(params_json="{}")
    unread = column_stats([sweep, sweep._replace(sweeps_json="")])
    assert (bool(unread.params), unread.compared) == (True, 0), "the other may not be read yet"


@pytest.mark.parametrize(("having", "is_rare"), [(2, True), (5, False)])
def test_a_parameter_of_few_runs_shortens_neither_names_nor_metrics(
    having: int, is_rare: bool
) -> None:
    names = ("model", "optimizer", "data", "project", "patience")
    params = [json.dumps(dict.fromkeys(names, f"value {at}")) for at in range(having)]
    of_many = [RUN._replace(name=f"training-{at:04}", pipeline=f"p{at}") for at in range(40)]
    runs = [
        run._replace(params_json=params[at] if at < having else "{}")
        for at, run in enumerate(of_many)
    ]
    facts = with_listed(
        column_stats(runs), LISTED._replace(columns=(*METRICS,), titles=METRICS), endings=False
    )
    shown = RunColumns(120, facts)
    assert set(METRICS) <= set(shown.titles)
    assert ("model" not in shown.titles) == is_rare
    if is_rare:
        assert "training-0000  " in plain(shown.row(runs[0], RowContext(NOW, live={RUN.id: LIVE})))
        assert "model" in RunColumns(200, facts).titles


@pytest.mark.parametrize(("first", "is_shown"), [(10, True), (24, False)])
def test_a_parameter_of_no_run_on_the_first_screen_takes_no_room(
    first: int, is_shown: bool
) -> None:
    of_many = [RUN._replace(name=f"training-{at:04}", params_json="{}") for at in range(40)]
    with_wd = [run._replace(params_json=f'{{"wd": "{at}"}}') for at, run in enumerate(of_many)]
    runs = [*of_many[:first], *with_wd[first:]]
    facts = with_listed(
        column_stats(runs), LISTED._replace(columns=(*METRICS,), titles=METRICS), endings=False
    )
    assert ("wd" in RunColumns(80, facts).titles) == is_shown
    assert "wd" in RunColumns(200, facts).titles


def test_beside_the_metrics_of_four_pipelines_a_parameter_fits() -> None:
    titles = [f"{name} best" for name in ("eval_loss", "Loss/val", "dev/loss", "val/loss", "miou")]
    runs = [RUN._replace(name="training-0001", params_json=f'{{"lr": "{at}"}}') for at in range(9)]
    for count in (4, 5):
        listed = LISTED._replace(columns=tuple(titles[:count]))
        shown = RunColumns(120, with_listed(column_stats(runs), listed, endings=False)).titles
        assert {"lr", *titles[:4]} <= set(shown)


def test_a_long_name_shortens_no_other_column() -> None:
    texts = ('{"weight_decay": "0.1"}', '{"weight_decay": "0.2"}')
    runs = [RUN._replace(name="n" * 60, params_json=text) for text in texts]
    heading = plain(RunColumns(120, column_stats(runs)).heading())
    assert "weight_decay" in heading


def test_a_long_name_takes_free_room_first() -> None:
    name = "resnet50-imagenet-augmented-cosine-schedule-warmup-5-epochs"
    many = tuple(f"train[lr=0.0{n}]" for n in range(1, 9))
    member = "lr=0.01,seed=0,model=resnet50"
    run = RUN._replace(name=name, pipeline=name, current=many)
    runs = [run, run._replace(params_json='{"lr": "1"}')]
    facts = with_listed(column_stats(runs), LISTED._replace(member=len(member)), endings=True)
    live = {RUN.id: LIVE._replace(member=member)}
    line = plain(RunColumns(200, facts).row(runs[0], RowContext(NOW, live=live)))
    assert f" {name} " in line
    assert "train[lr=0.01] +7" in line
    whole = plain(RunColumns(400, facts).row(runs[0], RowContext(NOW, live=live)))
    for part in (name, ", ".join(many), member, "⠱"):
        assert f" {part}" in whole


def test_words_of_trouble_that_do_not_fit_get_no_room() -> None:
    trouble = RunTrouble(failed=1, stalled=1, nan=3)
    sweep = SWEEP._replace(name="n" * 60, pipeline="n" * 60, trouble=trouble)
    facts = with_listed(
        column_stats([sweep, RUN._replace(pipeline="digits")]), LISTED, endings=False
    )
    at_120, at_200 = (RunColumns(width, facts, "WHEN") for width in (120, 200))
    assert "TROUBLE           STAGE" in plain(at_120.heading()), "as wide as `✗1 ◌1 stalled !3`"
    assert " ✗1 ◌1 !3  " in plain(at_120.row(sweep, RowContext(NOW)))
    line = plain(at_200.row(sweep, RowContext(NOW)))
    for part in ("n" * 60, "1.23e-5..0.1", "✗1 failed  ◌1 stalled  !3 NaN"):
        assert f" {part} " in line


def test_nothing_is_cut_where_all_of_it_fits() -> None:
    params = '{"dataset_directory": "/data/imagenet/2012", "lr": "1"}'
    runs = [RUN._replace(params_json=params, pipeline="digits-with-augmented-data"), RUN]
    columns = RunColumns(200, column_stats(runs))
    assert "dataset_directory" in plain(columns.heading())
    line = plain(columns.row(runs[0], RowContext(NOW)))
    for part in ("/data/imagenet/2012", "digits-with-augmented-data", ", ".join(RUN.current)):
        assert f" {part} " in line


def test_a_long_number_is_rounded() -> None:
    other = RUN._replace(params_json='{"lr": 0.00833333333333}')
    assert "0.0083 " in shown(other, 160, RUN)


def test_the_mark_of_the_order_shortens_no_heading() -> None:
    runs = [RUN._replace(params_json=f'{{"steps": "{n}"}}') for n in (1, 2)]
    for title in ("STAGES", "steps", "ELAPSED", "WHEN"):
        assert f"{title}▾" in plain(RunColumns(120, column_stats(runs), title).heading())


def test_columns_do_not_shrink_while_runs_continue() -> None:
    before = with_listed(column_stats([RUN]), LISTED, endings=True)
    later = column_stats([RUN._replace(current=("x",))]).grown(before)
    later = with_listed(later, LISTED, endings=False)
    assert RunColumns(120, later).titles == RunColumns(120, before).titles
    assert later.widths["current"] == before.widths["current"]


def test_a_column_is_found_by_its_cell() -> None:
    columns = RunColumns(120, column_stats([RUN]), "NAME")
    heading = plain(columns.heading())
    assert "NAME▾" in heading
    assert columns.title_at(heading.index("NAME")) == "NAME"
    assert columns.title_at(heading.index("STATE") + 2) == "STATE"
    assert columns.title_at(heading.index("WHEN")) == "WHEN"


def test_orders_put_their_subject_first_and_can_be_reversed() -> None:
    old = RUN._replace(
        id="b", name="a", created_at=NOW - 9, worked=TimeWorked(since=NOW - 9 * 10**9)
    )
    done = RUN._replace(
        id="c",
        name="z",
        status=Status.COMPLETED,
        created_at=NOW - 20,
        completed_at=NOW,
        worked=TimeWorked(75),
    )
    runs = [RUN, old, done]

    def ids(title: str, *, reverse: bool = False) -> list[str]:
        order = next(order for order in ORDERS if order.title == title)
        return [run.id for run in order.arranged(runs, reverse=reverse)]

    assert ids("WHEN") == [RUN.id, "b", "c"]
    assert ids("WHEN", reverse=True) == ["c", "b", RUN.id]
    assert ids("STATE") == [RUN.id, "b", "c"]
    assert ids("STATE", reverse=True) == ["c", RUN.id, "b"]
    assert ids("NAME")[0] == "b"
    assert ids("ELAPSED")[0] == "b"


def test_a_parameter_sorts_by_number_and_missing_ones_last() -> None:
    runs = [
        RUN._replace(id=text, params_json=text)
        for text in ('{"lr": "1e-1"}', "{}", '{"lr": "adam"}', '{"lr": 3e-4}')
    ]
    found = [run.id for run in by_param("lr").arranged(runs, reverse=False)]
    assert found == ['{"lr": 3e-4}', '{"lr": "1e-1"}', '{"lr": "adam"}', "{}"]
    assert by_param("lr").arranged(runs, reverse=True)[-1].id == "{}"


def test_no_clock_is_a_headline() -> None:
    assert headline(["time", "lr", "train/loss", "val/loss"]) == "val/loss"
    assert headline(["epoch", "train/timestamp", "grad_norm"]) == "grad_norm"
    assert headline(["timestamp", "time", "train/epoch"]) is None


def test_the_longest_name_is_whole_however_old_its_run_is() -> None:
    runs = [RUN] * MOST_LOOKED_AT + [RUN._replace(name="much-older-than-all-others")]
    row = RunColumns(120, column_stats(runs)).row(runs[-1], RowContext(NOW))
    assert "much-older-than-all-others " in plain(row)


def test_a_lost_run_has_a_question_mark_and_stopped_time() -> None:
    loss = Loss(RUN.id, NOW - 60 * clock.SECOND, "no worker since 20:14")
    lost = RUN._replace(lost=loss)
    columns = RunColumns(120)
    line = plain(columns.row(lost, RowContext(NOW)))
    assert "● running?" in line
    assert " 15s " in line
    assert loss.words in plain(columns.second_row(lost, RowContext(NOW)))


def test_the_parameter_with_the_most_values_stays() -> None:
    values = [{"epochs": str(8 * (at % 2)), "lr": f"0.{at}"} for at in range(6)]
    runs = [RUN._replace(id=str(at), params_json=json.dumps(one)) for at, one in enumerate(values)]
    titles = RunColumns(62, column_stats(runs)).titles
    assert "lr" in titles
    assert "epochs" not in titles
    assert {"epochs", "lr"} <= set(RunColumns(120, column_stats(runs)).titles)


def test_the_parameter_of_the_most_runs_stays() -> None:
    values = [{"lr": f"0.{at % 4}"} | ({"tag": f"t{at}"} if at < 5 else {}) for at in range(9)]
    runs = [RUN._replace(id=str(at), params_json=json.dumps(one)) for at, one in enumerate(values)]
    titles = RunColumns(60, column_stats(runs)).titles
    assert "lr" in titles
    assert "tag" not in titles


@pytest.mark.parametrize(("cells", "shown"), [(14, "1.23e-5..0.1"), (8, "3 values"), (7, "×3")])
def test_a_number_of_values_is_not_cut(cells: int, shown: str) -> None:
    assert plain(tuple(param_cells("lr", RowContext(NOW).of(SWEEP), cells))) == shown


def test_a_metric_without_a_column_is_named_by_its_last_part() -> None:
    names = ("val/loss", "val_acc", "valid/auc", "rollout/ep_rew_mean", "validation/perplexity")
    metrics = [ComparedMetric.of(name) for name in names]
    titles = tuple(f"{metric.name} best" for metric in metrics)
    params = [{"lr": f"0.{at}", "wd": f"0.{at}", "seed": f"{at}"} for at in range(5)]
    runs = [RUN._replace(id=str(at), params_json=json.dumps(one)) for at, one in enumerate(params)]
    listed = ListedMetrics(dict(zip(titles, metrics, strict=True)), titles)
    facts = with_listed(column_stats(runs), listed, endings=False)
    live = {str(at): RunLive(metric, value=0.125) for at, metric in enumerate(metrics)}
    columns = RunColumns(118, facts)
    rows = [plain(columns.row(run, RowContext(NOW, live=live))) for run in runs]
    assert not {"rollout/ep_rew_mean best", "validation/perplexity best"} & {*columns.titles}
    assert "0.1250 ep_r" in rows[3]
    assert "0.1250 vali" in rows[4], "the part of the data stays"


def test_a_range_that_does_not_fit_is_a_number_of_values() -> None:
    sweep = SWEEP._replace(name="n" * 60, pipeline="digits.v2")
    facts = column_stats([sweep, RUN, RUN._replace(params_json='{"lr": "0.000125"}')])
    assert " 3 values " in plain(RunColumns(80, facts).row(sweep, RowContext(NOW)))
    assert " 1.23e-5..0.1 " in plain(RunColumns(250, facts).row(sweep, RowContext(NOW)))


def test_a_sweeps_range_displaces_no_parameter() -> None:
    runs = [RUN._replace(params_json=f'{{"lr": "1e-{n}"}}') for n in range(1, 5)]
    facts = column_stats([*runs, SWEEP])
    assert "lr" in RunColumns(64, column_stats(runs)).titles
    assert "lr" in RunColumns(64, facts).titles


def test_the_time_of_an_external_training_is_blank_if_unknown() -> None:
    ended = RUN._replace(status=Status.COMPLETED, is_external=True, current=())
    moment = RowContext(NOW)
    for micros, words in ((30, ""), (2 * clock.SECOND, "2.0s")):
        run = ended._replace(worked=TimeWorked(micros))
        line = plain(RunColumns(80, column_stats([run])).row(run, moment))
        assert "0.0s" not in line
        assert words in line


@pytest.mark.parametrize("width", [78, 80])
def test_the_age_goes_before_a_line_is_cut(width: int) -> None:
    run = RUN._replace(name="n" * 60, trouble=RunTrouble(stalled=1))
    facts = with_listed(column_stats([run]), LISTED, endings=False)
    values = {run.id: 0.5}
    columns = RunColumns(width, facts, "val/loss smoothed best", lambda: values)
    assert "…" not in plain(columns.heading()).split("ELAPSED")[1]
    assert plain(columns.row(run, RowContext(NOW))).rstrip().endswith("m 15s")


@pytest.mark.parametrize("width", [80, 120, 200])
def test_two_long_names_of_boxes_never_look_alike(width: int) -> None:
    boxes = ("workstation-of-ada", "workstation-of-bob")
    runs = [RUN._replace(id=f"{box}:r", box=box) for box in boxes]
    columns = RunColumns(width, column_stats(runs))
    first, second = (plain(columns.row(run, RowContext(NOW))) for run in runs)
    assert first != second


@pytest.mark.parametrize("width", [120, 200])
@pytest.mark.parametrize("box", ["gpu2", "a-workstation-in-the-basement"])
def test_a_lost_box_has_its_age_and_its_times_stand_still(width: int, box: str) -> None:
    lost = RUN._replace(id="gpu2:r", box=box, seen_at=NOW - 15 * clock.SECOND)
    columns = RunColumns(width, column_stats([lost, RUN]))
    later = plain(columns.row(lost, RowContext(NOW + 3600 * clock.SECOND)))
    assert f" {when(NOW - 15 * clock.SECOND)} " in later
    assert "1m 00s" in later


def test_both_lines_of_a_run_of_a_lost_box_are_dim() -> None:
    lost = RUN._replace(id="gpu2:r", box="gpu2", seen_at=NOW)
    columns = RunColumns(120, column_stats([lost, RUN]))
    moment = RowContext(NOW, details={lost.id: RunDetails(nan="train: loss is NaN at step 5")})
    for draw in (columns.row, columns.second_row):
        assert {one.style for one in draw(lost, moment) if one.text.strip()} == {"dim"}


def test_a_second_line_says_which_metric_is_nan_and_since_when() -> None:
    columns = RunColumns(80, column_stats([RUN]))
    details = {RUN.id: RunDetails(nan="train: val/loss is NaN at step 50")}
    row = columns.second_row(RUN, RowContext(NOW, details=details))
    shown = [(one.text.strip(), one.style) for one in row]
    assert ("! train: val/loss is NaN at step 50", "bad") in shown
