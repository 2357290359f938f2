"""Values by which stages are compared: cached until they change, and by the metric of a search."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pytest

from tests.unit.store.readings import Feeder
from tests.unit.tui.filled import MEMBERS, SWEEP, Filler
from trainui.cli import experiments
from trainui.cli.selection import select
from trainui.model.definition import Search
from trainui.model.headline_metric import ComparedMetric
from trainui.model.records import StageRecord
from trainui.model.states import NAN, Status
from trainui.store.db import engine, statements
from trainui.store.read import headlines, run_list, views
from trainui.store.read.run_list import RunDetails
from trainui.store.runs import runs, stage_requests, stages
from trainui.store.runs.stage_requests import AlertRecord
from trainui.tui.readers import stage_values
from trainui.tui.readers.stage_values import (
    HeadlineReader,
    MetricReader,
    SweepMemberReader,
    TitleReader,
)

LOSS = "val/loss"

Read = Callable[[], float | None]


@pytest.fixture
def connection(filler: Filler) -> Iterator[statements.Connection]:
    with engine.reading() as connection:
        yield connection


@pytest.fixture
def run_id(filler: Filler) -> str:
    run_id = filler.run(SWEEP)
    filler.complete(run_id, "prepare")
    return run_id


def in_sweep(connection: statements.Connection, run_id: str) -> Read:
    """Return what reads the value of the first member for its sweep's table."""
    groups = SweepMemberReader()

    def read() -> float | None:
        members = [stages_of(connection, run_id)[name] for name in MEMBERS]
        group = groups.read(connection, members)
        return None if group is None else group.values.get(MEMBERS[0])

    return read


def in_list(connection: statements.Connection, run_id: str) -> Read:
    """Return what reads the value of a run's line."""
    live = HeadlineReader()

    def read() -> float | None:
        found = live.read(connection, run_list.run_lines(connection), {}).get(run_id)
        if found is None or found.value is None:
            return None
        assert [value for value in found.values if value == value][-1] == found.value
        return found.value

    return read


def in_filter(connection: statements.Connection, run_id: str) -> Read:
    """Return what reads the value by which runs are filtered and sorted."""
    metrics = MetricReader()

    def read() -> float | None:
        return metrics.read(connection, {LOSS}, run_list.run_lines(connection))[LOSS].values.get(
            run_id
        )

    return read


def stages_of(connection: statements.Connection, run_id: str) -> dict[str, StageRecord]:
    return {stage.name: stage for stage in views.stages(connection, run_id)}


def test_a_member_with_any_nan_is_never_best(
    filler: Filler, connection: statements.Connection, run_id: str
) -> None:
    losses = {MEMBERS[0]: 0.1, MEMBERS[1]: 0.3, MEMBERS[2]: 0.2}
    attempts = {name: filler.start(run_id, name, ago=60) for name in losses}
    for name, loss in losses.items():
        feeder = Feeder(filler.store, attempts[name].stage_id)
        feeder.feed({LOSS: [(0, loss)], "grad_norm": [(0, math.nan if loss == 0.1 else 1.0)]})
    groups, live, metrics = SweepMemberReader(), HeadlineReader(), MetricReader()

    def best() -> tuple[str, str, float | None]:
        members = [stages_of(connection, run_id)[name] for name in MEMBERS]
        group = groups.read(connection, members)
        assert group is not None
        lines = run_list.run_lines(connection)
        shown = live.read(connection, lines, {})[run_id]
        assert shown.value == metrics.read(connection, {LOSS}, lines)[LOSS].values[run_id]
        return group.best_first(members)[0].name, shown.stage, shown.value

    assert best() == (MEMBERS[0], MEMBERS[0], 0.1)
    for name in (MEMBERS[0], MEMBERS[2], MEMBERS[1]):
        found = AlertRecord.of_nan("grad_norm is NaN at step 0", "grad_norm", 0)
        with filler.store.write() as writing:
            stage_requests.record_alerts(writing, attempts[name].stage_id, 1, [found])
        if name == MEMBERS[0]:
            assert best() == (MEMBERS[2], MEMBERS[2], 0.2)
            for attempt in attempts.values():
                filler.end(attempt)
            assert best() == (MEMBERS[2], MEMBERS[2], 0.2)
        elif name == MEMBERS[2]:
            assert best() == (MEMBERS[1], MEMBERS[1], 0.3), "also after the end"
    assert best() == (MEMBERS[0], MEMBERS[0], 0.1), "all have a NaN"


@pytest.mark.parametrize("place", [in_sweep, in_list, in_filter])
def test_the_shown_value_is_the_last_stored(
    filler: Filler,
    connection: statements.Connection,
    run_id: str,
    place: Callable[[statements.Connection, str], Read],
) -> None:
    read = place(connection, run_id)
    attempt = filler.start(run_id, MEMBERS[0], ago=60)
    feeder = Feeder(filler.store, filler.stage(run_id, MEMBERS[0]).id)
    assert read() is None
    feeder.feed({LOSS: [(0, 0.1482)]})
    assert read() == 0.1482
    feeder.feed({LOSS: [(1, 0.1196)]})
    filler.end(attempt, ago=10)
    assert read() == 0.1196
    with filler.store.write() as writing:
        stage_requests.cancel(writing, run_id, list(stages_of(connection, run_id).values()))
    assert read() == 0.1196
    feeder.feed({LOSS: [(2, 0.1)]})
    assert read() == 0.1


def test_a_sweeps_table_has_the_best_step_and_further_metrics(
    filler: Filler, connection: statements.Connection, run_id: str
) -> None:
    groups, feeders = SweepMemberReader(), {}
    for name in MEMBERS[:2]:
        filler.start(run_id, name)
        feeders[name] = Feeder(filler.store, filler.stage(run_id, name).id)
        feeders[name].feed({"time": [(0, 1.0)], LOSS: [(0, 0.5)], "lr": [(0, 0.1)]})

    def read() -> tuple[str, float | None, list[str], float]:
        members = [stages_of(connection, run_id)[name] for name in MEMBERS]
        group = groups.read(connection, members)
        assert group is not None
        best = group.best_first(members)[0].name
        return (
            best,
            group.best_step,
            list(group.others),
            round(group.others["acc best"][best].value, 9),
        )

    for at, (name, loss) in enumerate([(MEMBERS[0], 0.4), (MEMBERS[1], 0.3), (MEMBERS[1], 0.9)], 1):
        feeders[name].feed({LOSS: [(at, loss)], "acc": [(at, 1 - loss)]})
        best = (MEMBERS[0], 1, 0.6) if at == 1 else (MEMBERS[1], 2, 0.7)
        assert read()[1] == (None if at < 3 else 2), "it may improve with every point"
        assert read() == (*best[:2], [LOSS + " last", "acc best", "acc last", "lr last"], best[2])


TRIED = ("train[a=1]", "train[a=2]", "train[a=3]")


def searched(filler: Filler, metric: str, goal: str, *values: float) -> str:
    """Return a search whose members also have a loss that alone would be the headline."""
    run_id = filler.run(dict.fromkeys(TRIED, ()), search=Search(metric, goal))
    for name, value in zip(TRIED, values, strict=True):
        attempt = filler.start(run_id, name)
        points = {"val/loss": [(0, 1.0)], metric: [(0, value)]}
        Feeder(filler.store, attempt.stage_id).feed(points)
        filler.end(attempt)
    return run_id


def test_the_goal_decides_in_list_table_and_tree(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = searched(filler, "gap", "maximize", 0.1, 0.3, 0.2)
    lines = run_list.run_lines(connection)
    live = HeadlineReader().read(connection, lines, {})[run_id]
    assert (live.title, live.stage, live.value) == ("gap best", TRIED[1], 0.3)
    titles = TitleReader().read(connection, lines).titles
    assert titles == {"gap best": ComparedMetric("gap", False)}
    members = views.stages(connection, run_id)
    group = SweepMemberReader().read(connection, members)
    assert group is not None
    assert group.best_first(members)[0].name == live.stage
    assert experiments._best_of_run(connection, views.runs(connection)[0]) == {
        "metric": "gap",
        "value": 0.3,
    }


def test_tree_and_list_show_the_better_of_two_searches(
    filler: Filler, connection: statements.Connection
) -> None:
    graph = {"coarse[trial=0]": (), "fine[trial=0]": ()}
    run_id = filler.run(graph, search=Search("gap", "minimize"))
    for name, value in zip(graph, (0.1, 0.4), strict=True):
        attempt = filler.start(run_id, name)
        Feeder(filler.store, attempt.stage_id).feed({"gap": [(0, value)]})
        filler.end(attempt)
    live = HeadlineReader().read(connection, run_list.run_lines(connection), {})[run_id]
    assert (live.stage, live.value) == ("coarse[trial=0]", 0.1)
    assert experiments._best_of_run(connection, views.runs(connection)[0]) == {
        "metric": "gap",
        "value": 0.1,
    }


def test_a_pruned_trial_is_not_the_best(filler: Filler, connection: statements.Connection) -> None:
    run_id = filler.run(dict.fromkeys(TRIED, ()), search=Search("gap", "minimize"))
    for name, value in zip(TRIED, (0.1, 0.3, 0.2), strict=True):
        attempt = filler.start(run_id, name)
        Feeder(filler.store, attempt.stage_id).feed({"gap": [(0, value)]})
        filler.end(attempt, Status.PRUNED if name == TRIED[0] else Status.COMPLETED)
    live = HeadlineReader().read(connection, run_list.run_lines(connection), {})[run_id]
    assert (live.stage, live.value) == (TRIED[2], 0.2)
    assert experiments._best_of_run(connection, views.runs(connection)[0]) == {
        "metric": "gap",
        "value": 0.2,
    }


@pytest.mark.parametrize(("goal", "first"), [("maximize", 0), ("minimize", 1)])
def test_runs_are_sorted_by_the_goal(
    goal: str, first: int, filler: Filler, connection: statements.Connection
) -> None:
    found = [searched(filler, "val/loss2", goal, *([value] * 3)) for value in (0.9, 0.1)]
    chosen = select(connection, run_list.run_lines(connection), (), "metric.val/loss2")
    assert [run.id for run in chosen.runs] == [found[first], found[1 - first]]


CURVE = [(0.0, 0.5), (1.0, 0.4), (2.0, 0.45)]


def shown_of(connection: statements.Connection, run_id: str) -> tuple[str, str, float | None]:
    """Return the metric, the stage and the value by which the list, its filter and tree show it."""
    (line,) = (one for one in run_list.run_lines(connection) if one.id == run_id)
    live = HeadlineReader().read(connection, [line], {})[run_id]
    metric = live.metric
    assert metric is not None
    found = MetricReader().read(connection, [metric.name], [line])[metric.name].values
    assert found == {run_id: live.value}
    run = next(one for one in views.runs(connection) if one.id == run_id)
    best = {"metric": metric.name, "value": live.value}
    assert experiments._best_of_run(connection, run) == best
    return metric.name, live.stage, live.value


def test_a_number_that_an_evaluation_prints_stands_behind_a_curve(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({"train": (), "evaluate": ("train",)})
    filler.feed(run_id, "train", {"train/loss": CURVE, "Loss/val": CURVE})
    filler.complete(run_id, "train", took=60)
    filler.feed(run_id, "evaluate", {"Loss/val": [(0, 0.1)], "val/accuracy": [(0, 0.9)]})
    filler.complete(run_id, "evaluate")
    assert shown_of(connection, run_id) == ("Loss/val", "train", 0.4)


def test_the_best_healthy_stage_stands_for_a_run(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({"fit": (), "tune": ("fit",), "diverge": ("tune",)})
    for name, least in (("fit", 0.3), ("tune", 0.35)):
        filler.feed(run_id, name, {"val loss": [(0, 0.9), (1, least)], "loss": CURVE})
        filler.complete(run_id, name, took=60)
    filler.feed(run_id, "diverge", {"val loss": [(0, 0.01), (1, math.nan)]})
    filler.fail(run_id, "diverge", "stopped for NaN")
    assert shown_of(connection, run_id) == ("val loss", "fit", 0.3)


def test_of_two_equal_metrics_the_first_stages_stays(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({"a": (), "b": ()})
    first, second = filler.start(run_id, "a", ago=60), filler.start(run_id, "b", ago=50)
    filler.feed(run_id, "a", {"val/loss": CURVE})
    filler.feed(run_id, "b", {"val_loss": CURVE})
    assert shown_of(connection, run_id)[:2] == ("val/loss", "a")
    filler.end(first)
    assert shown_of(connection, run_id)[:2] == ("val/loss", "a"), "while the other runs"
    filler.end(second)
    assert shown_of(connection, run_id)[:2] == ("val/loss", "a")


def test_a_running_stages_first_point_promises_a_curve(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({"train": ()})
    attempt = filler.start(run_id, "train")
    filler.feed(run_id, "train", {"loss": CURVE, "dev/loss": [(0, 0.7)]})
    assert shown_of(connection, run_id) == ("dev/loss", "train", 0.7)
    filler.end(attempt)
    assert shown_of(connection, run_id) == ("loss", "train", 0.4)


def trained(filler: Filler, metric: str) -> str:
    run_id = filler.run({"train[lr=1]": ()})
    attempt = filler.start(run_id, "train[lr=1]")
    Feeder(filler.store, attempt.stage_id).feed({metric: [(0, 1.0)]})
    filler.end(attempt)
    return run_id


def test_the_metric_of_most_runs_names_the_column(
    filler: Filler, connection: statements.Connection
) -> None:
    filler.run({"idle": ()})
    for metric in ("val/loss", "val/loss", "reward"):
        trained(filler, metric)
    reader = TitleReader()
    found = reader.read(connection, run_list.run_lines(connection))
    metrics = {title: metric.name for title, metric in found.titles.items()}
    assert metrics == {"val/loss best": "val/loss", "reward best": "reward"}
    assert (found.columns, found.member) == (("val/loss best",), len("lr=1"))
    for _ in range(3):
        trained(filler, "reward")
    lines = run_list.run_lines(connection)
    assert reader.read(connection, lines).columns == ("val/loss best",), "once chosen it stays"
    assert TitleReader().read(connection, lines).columns == ("reward best",)


def test_a_metric_is_one_however_runs_spell_it(
    filler: Filler, connection: statements.Connection
) -> None:
    names = ("val/loss", "val_loss", "val/loss", "Val Loss")
    runs = dict(zip([trained(filler, one) for one in names], names, strict=True))
    lines = run_list.run_lines(connection)
    titles = TitleReader()
    found = titles.read(connection, lines)
    assert (found.columns, [*found.titles]) == (("val/loss best",), ["val/loss best"])
    live = titles.as_listed(connection, HeadlineReader().read(connection, lines, {}))
    assert {one.title for one in live.values()} == {"val/loss best"}
    values = MetricReader().read(connection, names, lines)
    assert all(values[one].values == dict.fromkeys(runs, 1.0) for one in names)
    assert len(select(connection, lines, ["val_loss<2"], "metric.valid/loss").runs) == 4


def test_two_spellings_in_one_run_stay_two(
    filler: Filler, connection: statements.Connection
) -> None:
    both = filler.run({"train": ()})
    filler.feed(both, "train", {"val_loss": [(0, 0.1), (1, 0.1)], "val/loss": [(0, 0.9), (1, 0.9)]})
    filler.complete(both, "train")
    one = trained(filler, "val/loss")
    lines, titles = run_list.run_lines(connection), TitleReader()
    trained(filler, "val/loss")
    assert {*titles.read(connection, run_list.run_lines(connection)).titles} == {
        "val_loss best",
        "val/loss best",
    }
    values = MetricReader().read(connection, ["val/loss", "val_loss", "valid loss"], lines)
    assert values["val/loss"].values == {both: 0.9, one: 1.0}
    assert values["val_loss"].values == {both: 0.1, one: 1.0}
    assert values["valid loss"].values == {one: 1.0}, "of two it is unknown which"


def test_each_pipeline_has_its_own_column(
    filler: Filler, connection: statements.Connection
) -> None:
    for pipeline, metric in (("small", "loss"), ("large", "val/loss"), ("large", "val/loss")):
        run_id = filler.run({"train": ()}, pipeline=pipeline)
        filler.feed(run_id, "train", {metric: [(0, 1.0), (1, 0.5)]})
        filler.complete(run_id, "train")
    reader, lines = TitleReader(), run_list.run_lines(connection)
    assert reader.read(connection, lines).columns == ("val/loss best", "loss best")
    (small,) = (line for line in lines if line.pipeline == "small")
    assert reader.read(connection, [small]).columns == ("loss best",)


def test_the_column_has_room_for_any_member(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({f"train[lr={lr}]": () for lr in ("1", "0.001", "10")} | {"t" * 40: ()})
    for name in ("train[lr=1]", "train[lr=0.001]"):
        filler.feed(run_id, filler.stage(run_id, name).name, {"loss": [(0, 1.0)]})
        filler.complete(run_id, name)
    found = TitleReader().read(connection, run_list.run_lines(connection))
    assert found.member == len("lr=0.001")


def test_a_sweep_that_is_deleted_meanwhile_needs_no_room(connection: statements.Connection) -> None:
    assert headlines.longest_member(connection, "deleted", "train[lr=1]") == 0


def test_a_member_that_diverged_early_does_not_choose_the_metric(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({f"train[lr={lr}]": () for lr in (9, 1)})
    filler.feed(run_id, "train[lr=1]", {"train/loss": [(0, 2.0)], "val/loss": [(0, 2.0)]})
    filler.complete(run_id, "train[lr=1]", took=60)
    filler.feed(run_id, "train[lr=9]", {"train/loss": [(0, 9.0)]})
    filler.fail(run_id, "train[lr=9]", "diverged")
    assert TitleReader().read(connection, run_list.run_lines(connection)).columns == (
        "val/loss best",
    )
    group = SweepMemberReader().read(connection, views.stages(connection, run_id))
    assert group is not None
    assert (group.metric, dict(group.values)) == ("val/loss", {"train[lr=1]": 2.0})


def test_a_read_is_short_and_the_next_one_continues_it(
    filler: Filler, connection: statements.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        trained(filler, "loss")
    lines = run_list.run_lines(connection)
    reader = TitleReader()
    monkeypatch.setattr(stage_values, "TITLE_BUDGET", -1.0)
    assert reader.read(connection, lines).titles == {}
    assert reader.unfinished
    monkeypatch.undo()
    assert reader.read(connection, lines).columns == ("loss best",)
    assert not reader.unfinished


def test_a_second_line_has_the_first_stage_in_trouble(
    filler: Filler, connection: statements.Connection
) -> None:
    waits, failed = (filler.run({"a": (), "b": (), "c": ("a",)}) for _ in range(2))
    for name in ("b", "a"):
        filler.fail(failed, name, f"exit code 1: {name}")
    quiet, hangs = trained(filler, "loss"), filler.run({"a": (), "b": ()})
    attempt = filler.start(hangs, "b")
    broken = filler.run({"a": ()})
    filler.start(broken, "a")
    with filler.store.write() as writing:
        stages.set_stalled(writing, attempt, True, "no output")
        stages.set_silence(writing, attempt, "waits in recv", None)
        for number, step in ((0, 1), (1, 3), (1, 8)):
            words = f"a: loss is NaN at step {step}"
            runs.record_event(writing, broken, NAN, words, stage="a", attempt=number)
    found = run_list.details_of(connection, [waits, failed, quiet, hangs, broken])
    assert found == {
        waits: RunDetails("a", Status.QUEUED),
        failed: RunDetails("a", Status.FAILED, "exit code 1: a"),
        hangs: RunDetails("b", Status.RUNNING, "waits in recv", stalls=True),
        broken: RunDetails(nan="a: loss is NaN at step 3"),
    }
