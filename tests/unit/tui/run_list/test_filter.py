"""The filter's language: what fits, and what is said of what cannot be understood."""

from __future__ import annotations

import pytest

from trainui import clock
from trainui.model.states import Status
from trainui.store.read.run_list import RunLine, RunTrouble
from trainui.store.read.time_worked import TimeWorked
from trainui.tui.run_list.filter import parse
from trainui.tui.snapshot import RunValues

NOW = clock.now()
DAY = 86_400 * clock.SECOND

RUN = RunLine(
    id="0f0e0d0c-0000-4000-8000-7b9cceea4332",
    name="digits night",
    pipeline="digits.v2",
    status=Status.RUNNING,
    priority=1,
    created_at=NOW - DAY,
    started_at=NOW - 3700 * clock.SECOND,
    completed_at=None,
    worked=TimeWorked(since=NOW - 3700 * clock.SECOND),
    done=2,
    total=5,
    current=("train[hidden=32]", "train[hidden=128]"),
    failed=("evaluate",),
    note="from 20:12, warm up",
    params_json='{"lr": "1e-3", "optimizer": "AdamW", "seed": 7, "layers": [2, 3]}',
)

VALUES = {"val/loss": RunValues({RUN.id: 0.25}, True)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "run",
        "digits running",
        "hidden=128",
        "0f0e",
        "from 20:12",
        "WARM digits",
        "status:running",
        "status:failed,running",
        "state=running",
        "status!=failed",
        "-status:completed",
        "-failed-word",
        'name:"digits night"',
        "name:DIGITS pipeline:v2 id:0f0e",
        "stage:evaluate",
        "age<2d age>23h",
        "elapsed>1h elapsed<1h30m",
        "done=2 stages:5 priority>0",
        "params.lr<=0.001",
        "params.lr=0.001",
        "params.lr=1e-3",
        "params.lr>1e-4",
        "params.optimizer=adamw params.optimizer:adam params.optimizer!=sgd",
        "params.seed>6",
        "params.momentum!=0.9",
        "metric.val/loss<0.3",
        "-metric.val/loss>0.3",
    ],
)
def test_it_fits(text: str) -> None:
    found = parse(text)
    assert found.problems == ()
    assert found.fits(RUN, NOW, VALUES)


@pytest.mark.parametrize(
    "text",
    [
        "completed",
        "digits 7",
        "digits 7b9c",
        "0f",
        "digits failed-not",
        "status:failed",
        "-status:running",
        "name=digits",
        "age<12h",
        "elapsed>2h",
        "params.lr>1e-3",
        "params.momentum>0",
        "params.optimizer=adam",
        "metric.val/loss<0.1",
        "metric.other<1",
        "-running",
        "done>2",
    ],
)
def test_it_does_not_fit(text: str) -> None:
    found = parse(text)
    assert found.problems == ()
    assert not found.fits(RUN, NOW, VALUES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("status:fialed", "unknown state 'fialed': running, queued, failed"),
        ("lr:1e-3", "unknown field 'lr': params.lr, metric.lr, status, name"),
        ("agee<2d", "unknown field 'agee': params.agee"),
        ("or", "a run must match all terms; for one of several values write name:a,b"),
        ("params.lr>small", "'small' is not a number"),
        ("params>1", "params. needs a name, e.g. params.lr>1e-3"),
        ("metric.loss:low", "'low' is not a number"),
        ("age<soon", "must be a duration"),
        ("name>3", "use : (contains), = or !="),
        ("status:", "status: needs a value"),
    ],
)
def test_an_invalid_term_is_reported_and_the_rest_counts(text: str, said: str) -> None:
    found = parse(f"digits {text}")
    assert said in found.problems[0]
    assert found.fits(RUN, NOW, {})
    assert not found.fits(RUN._replace(name="mnist", pipeline="mnist"), NOW, {})


SWEPT = RUN._replace(
    params_json='{"lr": "0.5", "epochs": "3"}',
    sweeps_json='{"values": {"lr": ["0.1", "1e-4"], "act": ["relu"], "trial": ["0", "12"]}, '
    '"searches": ["train"]}',
)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("lr<0.001", True),
        ("lr>0.2", False),  # no member has the run's own value
        ("params.lr:0.1", True),
        ("lr!=0.1", True),
        ("-lr=0.1", False),
        ("act=relu epochs<=3", True),
        ("act=gelu", False),
        ("trial>9", True),
        ("trial:1", False),
        ("search:train", True),
        ("search=tra", False),
        ("val/loss<0.3", True),
        ("val/loss>0.3", False),
    ],
)
def test_a_sweep_matches_if_one_of_its_members_does(text: str, fits: bool) -> None:
    found = parse(text)
    assert (found.problems, found.fits(SWEPT, NOW, VALUES)) == ((), fits)
    assert found.needs_sweeps is True


@pytest.mark.parametrize(
    ("text", "trouble", "fits"),
    [
        ("trouble", RunTrouble(), False),
        ("-trouble", RunTrouble(), True),
        ("trouble", RunTrouble(stalled=1), True),
        ("trouble:nan", RunTrouble(failed=2), False),
        ("trouble:nan,failed", RunTrouble(failed=2), True),
        ("trouble=alert", RunTrouble(alert=1), True),
    ],
)
def test_runs_in_trouble_are_found(text: str, trouble: RunTrouble, fits: bool) -> None:
    found = parse(text)
    assert found.problems == ()
    assert found.fits(RUN._replace(trouble=trouble), NOW, {}) is fits


def test_the_metrics_that_have_to_be_read_are_listed() -> None:
    assert parse("metric.val/loss<1 -metric.acc>2 failed").metrics == {"val/loss", "acc"}
