"""The table of a sweep: members that differ in a seed are one line, searches name the best."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.tui.filled import MEMBERS, SWEEP, Filler
from trainui.control import report
from trainui.model.definition import Search
from trainui.model.records import PruningReason, StageRecord
from trainui.model.states import Status
from trainui.pipeline import matrix
from trainui.store.db import engine, statements
from trainui.store.points import read_points
from trainui.store.read import views
from trainui.store.read.sweeps import TrialSummary
from trainui.tui.readers.stage_values import SweepMemberReader
from trainui.tui.run_page.sweep_table import SweepRows, best_so_far, folded_rows, search_rows
from trainui.tui.snapshot import MatrixDetail, SearchDetail, StageValue
from trainui.tui.styled_text import plain, width_of

BEST = dict(zip(MEMBERS, (0.5, 0.7, 0.1, 0.4, 0.9, 0.3), strict=True))
"""Each member's best loss, at its second step; of `lr=3,seed=1` it is a last one's."""


@pytest.fixture
def connection(filler: Filler, home: Path) -> Iterator[statements.Connection]:
    with engine.reading(home / "trainui.db") as connection:
        yield connection


def half_done(filler: Filler) -> str:
    """A sweep of three rates with two seeds: one rate complete, one half, one not at all."""
    run_id = filler.run(SWEEP, over="seed")
    filler.complete(run_id, "prepare")
    for name in MEMBERS[:5]:
        attempt = filler.start(run_id, name)
        losses = [(1.0, 2.0), (2.0, BEST[name]), (3.0, 1.0)]
        filler.feed(run_id, name, {"val/loss": losses, "epoch": losses})
        if name in MEMBERS[:3]:
            filler.end(attempt)
        if name == MEMBERS[4]:
            filler.end(attempt, Status.FAILED, exit_code=1)
    return run_id


def test_a_folds_mean_is_of_completed_members_best_values(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = half_done(filler)
    stages = views.stages(connection, run_id)
    series = read_points.summaries(connection, {one.id: one.name for one in stages})
    found = matrix.spreads(matrix.folds(stages), series)
    assert [(one.fold.name, one.metric, one.spread.words) for one in found] == [
        ("train[lr=0.03]", "val/loss", "2 of 2"),
        ("train[lr=0.3]", "val/loss", "1 of 2 so far"),
        ("train[lr=3]", "val/loss", "0 of 2 so far"),
    ]
    first, second, third = (one.spread for one in found)
    assert first.mean == pytest.approx(0.6)
    assert first.deviation == pytest.approx(statistics.stdev([0.5, 0.7]))
    assert (second.mean, second.deviation) == (0.1, None)
    assert (third.mean, third.deviation) == (None, None)


def test_the_sweeps_table_has_folds_by_best_mean(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = half_done(filler)
    members = [one for one in views.stages(connection, run_id) if one.definition.group == "train"]
    group = SweepMemberReader().read(connection, members)
    rows = [" ".join(plain(row).split()) for row in folded_rows(members, group, 60)]
    assert rows == [
        "",
        "lr val/loss best, mean over seed",
        "0.3 0.1000 1 of 2 so far",
        "0.03 0.6000 ± 0.1414 2 of 2",
        "3 0 of 2 so far",
    ]
    table = [" ".join(plain(row).split()) for row in SweepRows(members, group, width=60)]
    assert rows[3] in table
    assert group is not None
    with_nan = group._replace(broken=frozenset(MEMBERS[2:3]))
    rows = [" ".join(plain(row).split()) for row in folded_rows(members, with_nan, 60)]
    assert rows[2:4] == ["0.03 0.6000 ± 0.1414 2 of 2", "0.3 0.1000 1 of 2 so far !1 NaN"]


def test_folds_that_have_not_begun_are_counted(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run(SWEEP, over="seed")
    filler.complete(run_id, "prepare")
    filler.start(run_id, MEMBERS[0])
    members = [one for one in views.stages(connection, run_id) if one.definition.group == "train"]
    rows = [" ".join(plain(row).split()) for row in folded_rows(members, None, 60)]
    assert rows == ["", "lr over seed", "0.03 0 of 2 so far", "2 not started"]


def test_a_sweep_that_is_not_folded_has_no_such_lines(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run(SWEEP)
    assert folded_rows(views.stages(connection, run_id), None, 60) == []


def test_the_report_has_the_folds(filler: Filler, connection: statements.Connection) -> None:
    run = views.run(connection, half_done(filler))
    assert run is not None
    shown = report.markdown(connection, run)
    assert "| stage | over | metric | mean of | mean | deviation | members |" in shown
    assert "| train[lr=0.03] | seed | val/loss | best | 0.6 | 0.141421 | 2 of 2 |" in shown
    assert "| train[lr=3] | seed | val/loss | best |  |  | 0 of 2 so far |" in shown


PRUNING = PruningReason(
    "median", "val/loss", 2000, 0.412, True, rule="the median", limit=0.287, of=7
)


def trial(
    number: int,
    state: str = "complete",
    value: float | None = None,
    reason: str | None = None,
    pruning: PruningReason | None = None,
) -> TrialSummary:
    return TrialSummary(f"train[trial={number}]", number, state, value, 2000.0, reason, pruning)


def detail(*trials: TrialSummary, broken: frozenset[str] = frozenset()) -> MatrixDetail:
    values = {one.stage: one.value for one in trials if one.value is not None}
    search = SearchDetail({one.stage: one for one in trials}, {"lr": 0.75, "layers": 0.25})
    return MatrixDetail("val/loss", True, values, broken, search)


def members(
    filler: Filler, connection: statements.Connection, *states: Status, **params: float | str
) -> list[StageRecord]:
    names = [f"train[trial={number}]" for number in range(len(states))]
    run_id = filler.run(dict.fromkeys(names, ()))
    search = Search("val/loss", "minimize")
    return [
        stage._replace(
            status=state,
            definition=replace(
                stage.definition, search=search, trial=number, trial_params=dict(params)
            ),
        )
        for number, (stage, state) in enumerate(
            zip(views.stages(connection, run_id), states, strict=True)
        )
    ]


def test_the_best_so_far_follows_the_numbers_of_completed_trials() -> None:
    found = detail(
        trial(3, value=0.2),
        trial(0, value=0.5),
        trial(1, "pruned", 0.1),
        trial(2, value=0.7),
        trial(4, "asked"),
    ).search
    assert found is not None
    assert best_so_far(found, lower=True) == [0.5, 0.5, 0.2]
    assert best_so_far(found, lower=False) == [0.5, 0.7, 0.7]


@pytest.mark.parametrize(("lower", "first", "last"), [(True, "0.5000", "0.2000")])
def test_the_plot_begins_and_ends_with_its_values(lower: bool, first: str, last: str) -> None:
    group = detail(*(trial(number, value=value) for number, value in enumerate((0.5, 0.3, 0.2))))
    for width in (30, 47, 98):
        rows = search_rows(group, width)
        lines = [plain(row).rstrip() for row in rows]
        assert lines[1].startswith("best so far, over 3 complete")
        assert lines[2].startswith(first)
        assert lines[4].endswith(last)
        assert "importance  lr 75%  layers 25%" in " ".join(lines)
        assert max(map(width_of, rows)) <= width + 2, "two spaces end a line"


def test_few_completed_trials_are_not_plotted() -> None:
    lines = [plain(row) for row in search_rows(detail(trial(0, value=0.5)), 60)]
    assert lines == ["importance  lr 75%  layers 25%"]


def test_pruned_and_failed_trials_come_last_and_say_why(
    filler: Filler, connection: statements.Connection
) -> None:
    states = (Status.PRUNED, Status.FAILED, Status.COMPLETED, Status.COMPLETED)
    stages = members(filler, connection, *states)
    group = detail(
        trial(0, "pruned", 0.1, pruning=PRUNING),
        trial(1, "fail", 0.2, "exit code 1"),
        trial(2, value=0.4),
        trial(3, value=0.3, pruning=PRUNING),  # it had completed before it was stopped
    )
    lines = [" ".join(plain(row).split()) for row in SweepRows(stages, group, width=120)]
    assert "best val/loss 0.3000 trial=3" in lines
    assert [line[2:] for line in lines[-4:]] == [
        "3 0.3000 2000",
        "2 0.4000 2000",
        "0 0.1000 2000 pruned 0.412 at step 2,000 is above the median 0.287 of 7",
        "1 0.2000 2000 failed exit code 1",
    ]


def test_a_rerun_trial_has_no_step_of_its_old_value(
    filler: Filler, connection: statements.Connection
) -> None:
    stages = members(filler, connection, Status.COMPLETED)
    group = detail(trial(0, "pruned", 0.4, pruning=None))
    rows = SweepRows(stages, group, width=99)
    assert "2000" in plain(rows[-1])
    better = group._replace(values={stages[0].name: 0.2})
    rows = SweepRows(stages, better, width=99)
    assert "0.2000" in plain(rows[-1])
    assert "2000" not in plain(rows[-1]).replace("0.2000", "")


def test_a_pruned_trial_with_anothers_best_has_no_step(
    filler: Filler, connection: statements.Connection
) -> None:
    stages = members(filler, connection, Status.PRUNED)
    group = detail(trial(0, "pruned", 0.4))
    assert "2000" in plain(SweepRows(stages, group, width=99)[-1])
    better = group._replace(values={stages[0].name: 0.3})
    row = plain(SweepRows(stages, better, width=99)[-1])
    assert "2000" not in row.replace("0.3000", "")


def test_further_metrics_have_columns_where_they_fit(
    filler: Filler, connection: statements.Connection
) -> None:
    stages = members(filler, connection, Status.COMPLETED, Status.FAILED)
    others = {
        "val/acc best": {stages[0].name: StageValue(0.91, False)},
        "train/loss best": {stages[1].name: StageValue(0.7, True)},
    }
    group = detail(trial(0, value=0.4), trial(1, value=0.5))._replace(others=others)

    def rows(width: int) -> list[str]:
        found = SweepRows(stages, group, width=width)
        assert all(width_of(row) <= width for row in found)
        return [" ".join(plain(row).split()) for row in found[-3:]]

    assert rows(100) == [
        "trial time val/loss best at step val/acc best train/loss best",
        "✓ 0 0.4000 2000 0.9100",
        "✗ 1 0.5000 2000 !0.7000 failed",
    ]
    assert rows(65)[0].endswith("at step val/acc best")
    assert rows(50)[0].endswith("at step")


@pytest.mark.parametrize(("width", "words"), [(80, "epoch 2/9"), (44, "2/9")])
def test_a_running_member_says_how_far_it_is(
    filler: Filler, connection: statements.Connection, width: int, words: str
) -> None:
    run_id = half_done(filler)  # the fourth runs
    stage = filler.stage(run_id, MEMBERS[3])
    attempt = views.attempts_of_stage(connection, stage.id)[-1]
    log = Path(attempt.directory, "stdout.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("epoch 1/9 loss 2\nepoch 2/9 loss 0.4\n")
    members = [one for one in views.stages(connection, run_id) if one.name in MEMBERS]
    group = SweepMemberReader().read(connection, members)
    assert group is not None
    assert group.progress == {MEMBERS[3]: "epoch 2/9"}
    rows = [plain(row) for row in SweepRows(members, group, width=width)]
    (shown,) = [row for row in rows if "2/9" in row]
    assert shown.rstrip().endswith(f"  {words}")
    assert max(map(len, rows)) <= width


def test_the_value_is_whole_where_parameters_have_many_digits(
    filler: Filler, connection: statements.Connection
) -> None:
    stages = members(
        filler,
        connection,
        *[Status.COMPLETED] * 2,
        lr=0.001222906594703436,
        weight_decay=1.2046e-05,
        activation_function="gelu_new_approximate",
    )
    group = detail(trial(0, value=0.2041), trial(1, value=0.5))
    stages[1] = stages[1]._replace(
        definition=replace(
            stages[1].definition,
            trial_params={"lr": 0.08, "weight_decay": 0.1, "activation_function": "relu"},
        ),
    )
    for width in (47, 60, 80):
        rows = SweepRows(stages, group, width=width)
        best, second = plain(rows[-2]), plain(rows[-1])
        assert "0.2041" in best, width
        assert "0.5000" in second, width
        assert "0.001223" in best, "numbers are whole at each width"
