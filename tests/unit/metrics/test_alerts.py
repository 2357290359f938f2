"""What an attempt's metrics are watched for."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.store.readings import Column, as_points
from trainui.metrics.alerts import AlertWatch
from trainui.model.definition import Alert

NAN = math.nan


def found(alerts: list[Alert], *batches: Mapping[str, Column]) -> list[tuple[str, str, bool]]:
    watch = AlertWatch(alerts)
    looks = ({name: as_points(column) for name, column in batch.items()} for batch in batches)
    return [(mark.kind, mark.words, mark.stops) for look in looks for mark in watch.check(look)]


def counted(*values: float) -> Column:
    return list(enumerate(values))


def test_the_first_nan_is_marked_without_alerts_but_no_infinity() -> None:
    batches = ({"a": counted(1, math.inf)}, {"a": [(2, NAN)], "b": [(2, NAN)]}, {"b": [(3, NAN)]})
    assert found([], *batches) == [("nan", "a is NaN at step 2", False)]


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        (
            "val/loss",
            (2.0, math.inf, math.inf),
            [("nan", "val/loss is inf at step 1: it has diverged", False)],
        ),
        (
            "loss",
            (0.5, 3e11, NAN),
            [
                ("nan", "loss is 3e+11 at step 1: it has diverged", False),
                ("nan", "loss is NaN at step 2", False),
            ],
        ),
        (
            "train_loss",
            (1e30,),
            [("nan", "train_loss is 1e+30 at step 0: it has diverged", False)],
        ),
        ("mse", (4e12, 3e12, 5e13), []),
        ("critic_loss", (1e-9, 50.0), []),
        ("best_val_loss", (math.inf, 0.3), []),
        ("reward", (1.0, math.inf, 1e30), []),
    ],
)
def test_a_loss_that_diverges_is_marked_without_alerts(
    name: str, values: tuple[float, ...], expected: list[tuple[str, str, bool]]
) -> None:
    column = counted(*values)
    assert found([], *({name: [point]} for point in column)) == expected


def test_a_nan_alert_replaces_the_mark_once_a_metric() -> None:
    alerts = [Alert("nan", action="stop")]
    batches = ({"a": counted(1, math.inf)}, {"b": [(2, NAN), (3, NAN)]}, {"b": [(4, NAN)]})
    assert found(alerts, *batches) == [
        ("alert", "a is inf at step 1", True),
        ("alert", "b is NaN at step 2", True),
    ]


@pytest.mark.parametrize(
    ("alert", "words"),
    [
        (Alert("above", "loss", 2.5), "loss is 3 at step 1, above 2.5"),
        (Alert("above", "loss", 2.5, after=2), "loss is 4 at step 3, above 2.5"),
        (Alert("below", "lo?s", 2), "loss is 1 at step 2, below 2"),
        (Alert("above", "loss", 4), None),
        (Alert("above", "lo", 0), None),
    ],
)
def test_a_threshold(alert: Alert, words: str | None) -> None:
    batches = ({"loss": counted(2, 3)}, {"loss": [(2, 1.0), (3, 4.0)]})
    assert found([alert], *batches) == ([("alert", words, False)] if words else [])


def test_a_name_may_hold_what_is_a_sign_in_patterns() -> None:
    alert = Alert("above", "metrics/mAP50(B)[*]", 0.5, action="mark")
    assert found([alert], {"metrics/mAP50(B)[1]": counted(0.9), "metrics/mAP50B1": counted(1)}) == [
        ("mark", "metrics/mAP50(B)[1] is 0.9 at step 0, above 0.5", False)
    ]


def test_no_improvement_is_counted_across_batches_and_by_goal() -> None:
    least = Alert("no_improvement", "loss", 3)
    batches = ({"loss": counted(3, 2, 2)}, {"loss": [(3, NAN), (4, 5.0), (5, 1.0)]})
    words = "loss has not improved for 3 points at step 4; its best is 2"
    assert found([least], *batches)[0][1] == words
    most = Alert("no_improvement", "loss", 3, goal="max")
    assert found([most], {"loss": counted(1, 2, 3, 3, 3)}) == []
    (mark,) = found([most], {"loss": counted(1, 2, 3, 3, 3, 2)})
    assert mark[1] == "loss has not improved for 3 points at step 5; its best is 3"


@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), max_size=8))
def test_no_improvement_is_what_counting_one_by_one_gives(batches: list[list[int]]) -> None:
    best, since, first = math.inf, 0, None
    for number, value in enumerate(value for batch in batches for value in batch):
        since = 0 if value < best else since + 1
        best = min(best, value)
        first = number if since >= 2 and first is None else first
    watch, numbers = AlertWatch([Alert("no_improvement", "v", 2)]), iter(range(100))
    seen: list[str] = []
    for batch in batches:
        marks = watch.check({"v": as_points([(next(numbers), float(value)) for value in batch])})
        seen += [mark.words for mark in marks]
    assert [words.split(" at step ")[1].split(";")[0] for words in seen] == (
        [] if first is None else [str(first)]
    )


def test_metrics_of_alerts_that_never_came_are_reported() -> None:
    watch = AlertWatch([Alert("above", "los", 1), Alert("nan"), Alert("below", "lo*", 1)])
    watch.check({"loss": as_points(counted(1))})
    assert watch.unmatched() == ["los"]
