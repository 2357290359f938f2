"""The comparison of two configurations: its numbers, its verdicts, and the seeds that count."""

from __future__ import annotations

import json
import random
import re
import shlex
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.execution.conftest import store as store
from tests.unit.execution.submitted import submit
from tests.unit.tui.filled import Filler
from trainui.cli.main import main
from trainui.control import compare
from trainui.errors import AmbiguousError, NotFoundError, UnfitEnvironmentError, UsageError
from trainui.model.states import Status
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.read import views


@pytest.fixture
def filler(store: Database, tmp_path: Path) -> Filler:
    return Filler(store, tmp_path / "runs")


def swept(
    filler: Filler, name: str, values: dict[str, Sequence[float]], *, metric: str = "val/loss"
) -> str:
    """Store a sweep over lr and seeds that has completed, with the last value of each member."""
    members = {
        f"train[lr={lr},seed={seed}]": value
        for lr, those in values.items()
        for seed, value in enumerate(those)
    }
    run = filler.run(dict.fromkeys(members, ()), name=name, over="seed")
    for member, value in members.items():
        filler.feed(run, member, {metric: [(1, value + 1), (2, value)], "lr": [(1, 0.1)]})
        filler.complete(run, member, took=60.0)
    return run


def compared(a: str, b: str, **options: Any) -> compare.SeedComparison:
    with engine.reading() as connection:
        return compare.compare(connection, a, b, **options)


def test_interval_and_p_equal_their_formulas_in_200_random_cases() -> None:
    from scipy import special, stats  # it takes long, and each process of pytest would do it

    source = random.Random(7)
    for _ in range(200):
        a, b = (
            [source.gauss(source.uniform(-9, 9), 10 ** source.uniform(-4, 3)) for _ in range(n)]
            for n in (source.randint(2, 40), source.randint(2, 40))
        )
        found = compare.welch(a, b)
        parts = [statistics.variance(one) / len(one) for one in (a, b)]
        error = sum(parts) ** 0.5
        freedom = sum(parts) ** 2 / (parts[0] ** 2 / (len(a) - 1) + parts[1] ** 2 / (len(b) - 1))
        difference = statistics.fmean(b) - statistics.fmean(a)
        reach = special.stdtrit(freedom, 0.975) * error
        p = 2 * special.stdtr(freedom, -abs(difference / error))
        scipy = stats.ttest_ind(b, a, equal_var=False)
        assert found.low == pytest.approx(difference - reach, rel=1e-9, abs=1e-9 * error)
        assert found.high == pytest.approx(difference + reach, rel=1e-9, abs=1e-9 * error)
        assert found.p == pytest.approx(p, rel=1e-9)
        assert found.p == pytest.approx(scipy.pvalue, rel=1e-9)


def test_the_interval_has_the_true_difference_in_95_of_100() -> None:
    source = np.random.default_rng(29)
    a = source.normal(0.30, 0.02, (4, 10_000))
    b = source.normal(0.27, 0.05, (7, 10_000))
    found = compare.welch(a, b)  # type: ignore[arg-type]
    covered = np.mean((np.asarray(found.low) <= -0.03) & (np.asarray(found.high) >= -0.03))
    assert 0.94 <= covered <= 0.96


def test_the_power_is_how_often_a_difference_is_told() -> None:
    source = np.random.default_rng(3)
    deviations, counts = (0.02, 0.05), (6, 9)
    a = source.normal(0.30, deviations[0], (counts[0], 10_000))
    b = source.normal(0.25, deviations[1], (counts[1], 10_000))
    told = np.mean(np.asarray(compare.welch(a, b).p) < 0.05)  # type: ignore[arg-type]
    assert compare.power(0.05, deviations, counts) == pytest.approx(told, abs=0.015)


def test_the_proposed_number_of_seeds_is_the_least_sufficient() -> None:
    a, b = [0.30, 0.34, 0.27], [0.27, 0.31, 0.29, 0.25]
    needed = compare.seeds_needed(a, b)
    assert needed is not None
    difference = abs(statistics.fmean(a) - statistics.fmean(b))
    deviations = [statistics.stdev(a), statistics.stdev(b)]
    with_them = [
        compare.power(difference, deviations, (3 + more, 4 + more)) for more in (needed - 1, needed)
    ]
    assert with_them[0] < compare.POWER <= with_them[1]
    assert compare.seeds_needed([0.1, 0.3], [0.3, 0.1]) is None  # no difference at all


LOW, SAME, HIGH = [0.11, 0.12, 0.10], [0.30, 0.35, 0.26], [0.31, 0.29, 0.36]


@pytest.mark.parametrize(
    ("metric", "a", "b", "verdict"),
    [
        ("val/loss", HIGH, LOW, "better"),
        ("val/loss", LOW, HIGH, "worse"),
        ("val/acc", LOW, HIGH, "better"),
        ("val/loss", SAME, HIGH, "not distinguishable"),
        ("val/loss", [0.2], [0.1], "too few"),
        ("val/loss", [0.2], [0.1, 0.11, 0.12], "too few"),
        ("val/loss", [0.2, 0.2], [0.1, 0.1], "too few"),
    ],
)
def test_the_verdict_is_about_b_and_follows_the_goal(
    filler: Filler, metric: str, a: list[float], b: list[float], verdict: str
) -> None:
    swept(filler, "sweep", {"0.1": a, "0.2": b}, metric=metric)
    found = compared("sweep/train[lr=0.1]", "sweep/train[lr=0.2]", last=True)
    shown = found.to_json()
    assert (shown["metric"], shown["verdict"]) == (metric, verdict)
    assert shown["goal"] == ("minimize" if metric == "val/loss" else "maximize")
    assert shown["difference"] == pytest.approx(statistics.fmean(b) - statistics.fmean(a))
    assert (shown["low"] is None) == (shown["p"] is None) == (verdict == "too few")
    if verdict in ("better", "worse"):
        assert shown["seeds_needed"] == 0
        assert (shown["low"] > 0) == (shown["high"] > 0)


def test_a_seeds_value_is_its_best_or_last(filler: Filler) -> None:
    run = filler.run(dict.fromkeys(["train[lr=1,seed=0]", "train[lr=2,seed=0]"], ()), over="seed")
    for lr, points in (("1", [0.5, 0.2, 0.4]), ("2", [0.6, 0.3, float("nan")])):
        filler.feed(run, f"train[lr={lr},seed=0]", {"val/loss": list(enumerate(points))})
        filler.complete(run, f"train[lr={lr},seed=0]")
    names = f"{run}/train[lr=1]", f"{run}/train[lr=2]"
    best, last = compared(*names), compared(*names, last=True)
    assert (best.a.values, best.b.values) == ([0.2], [0.3])
    assert best.difference == pytest.approx(0.1)
    assert (last.a.values, last.b.values, last.difference) == ([0.4], [], None)
    assert [why for _, why in last.b.others] == ["has no finite val/loss"]


def test_only_completed_members_count_and_the_others_are_named(filler: Filler) -> None:
    members = [f"train[lr={lr},seed={seed}]" for lr in (1, 2) for seed in range(4)]
    run = filler.run(dict.fromkeys(members, ()), name="night", over="seed")
    for number, member in enumerate(members):
        filler.feed(run, member, {"val/loss": [(1, 0.1 * number)]})
    for member in (*members[:3], *members[4:6]):
        filler.complete(run, member)
    filler.fail(run, members[3], "exit code 1")
    filler.end(filler.start(run, members[6]), Status.PRUNED)
    filler.start(run, members[7])
    found = compared("night/train[lr=1]", "night/train[lr=2]").to_json()
    assert (found["a"]["n"], found["b"]["n"]) == (3, 2)
    assert found["a"]["others"] == [{"stage": members[3], "why": "failed"}]
    assert found["b"]["others"] == [
        {"stage": members[6], "why": "pruned"},
        {"stage": members[7], "why": "running"},
    ]
    assert found["a"]["sd"] == pytest.approx(0.1)


def test_the_time_for_more_seeds_uses_this_machines_slots(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept(filler, "sweep", {"0.1": SAME, "0.2": HIGH})
    monkeypatch.setenv("TRAINUI_CPUS", "1")
    one = compared("sweep/train[lr=0.1]", "sweep/train[lr=0.2]")
    assert one.seeds_needed is not None
    assert one.seconds_needed == pytest.approx(2 * 60 * one.seeds_needed, rel=0.01)
    monkeypatch.setenv("TRAINUI_CPUS", "4")
    four = compared("sweep/train[lr=0.1]", "sweep/train[lr=0.2]")
    assert four.seconds_needed == pytest.approx(60 * -(-2 * one.seeds_needed // 4), rel=0.01)
    other = filler.run({"a": (), "b": (), "c": ()}, name="other")
    for stage in "abc":
        filler.start(other, stage)
    left = compared("sweep/train[lr=0.1]", "sweep/train[lr=0.2]")
    assert left.seconds_needed == one.seconds_needed, "another run has three of the four places"


def test_a_reference_is_a_run_stage_configuration_or_seed(filler: Filler) -> None:
    swept(filler, "sweep", {"0.1": LOW, "0.2": HIGH})
    plain = filler.run({"prepare": (), "train": ("prepare",)}, name="with/slash")
    filler.complete(plain, "prepare")
    filler.feed(plain, "train", {"val/loss": [(1, 0.5)]})
    filler.complete(plain, "train")
    with engine.reading() as connection:

        def named(reference: str) -> tuple[str, int]:
            found = compare.find(connection, reference)
            return found.stage, len(found.members)

        assert named("sweep/train[lr=0.1]") == ("train[lr=0.1]", 3)
        assert named("sweep/lr=0.2") == ("train[lr=0.2]", 3)
        assert named("sweep/train[lr=0.1,seed=2]") == ("train[lr=0.1,seed=2]", 1)
        assert named("with/slash") == named("with/slash/train") == ("train", 1)
        assert named(f"{plain[:8]}/prepare") == ("prepare", 1)
        with pytest.raises(AmbiguousError, match=r"sweep/train\[lr=0.1\], sweep/train\[lr=0.2\]"):
            named("sweep")
        with pytest.raises(NotFoundError, match=r"train\[lr=0.1\]"):
            named("sweep/evaluate")
        with pytest.raises(NotFoundError, match="no run matches 'nothing'"):
            named("nothing/train")


def test_keys_named_as_seeds_repeat_a_configuration(filler: Filler) -> None:
    graph = {f"train[lr={lr},random_seed={seed}]": () for lr in (1, 2) for seed in range(2)}
    run = filler.run(graph, name="own")
    with engine.reading() as connection:
        found = views.find_run(connection, run)
        known = compare.configurations(found, views.stages(connection, run))
    assert [(one.stage, len(one.members)) for one in known] == [
        ("train[lr=1]", 2),
        ("train[lr=2]", 2),
    ]


def test_metrics_that_cannot_be_compared_are_refused(filler: Filler) -> None:
    for name, metric in (("a", "val/loss"), ("b", "loss"), ("c", "blub"), ("d", "blub")):
        run = filler.run({"train": ()}, name=name)
        filler.feed(run, "train", {metric: [(1, 0.5)]})
        filler.complete(run, "train")
    with pytest.raises(NotFoundError, match="have no metric in common"):
        compared("a", "b")
    with pytest.raises(NotFoundError, match="no metric 'acc'; it has val/loss"):
        compared("a", "b", metric="acc")
    with pytest.raises(UsageError, match="does not say if lower or higher is better"):
        compared("c", "d")
    with pytest.raises(UsageError, match="train is part of both"):
        compared("a", "a/train")
    filler.run({"train": ()}, name="empty")
    with pytest.raises(NotFoundError, match="empty/train has no metrics yet"):
        compared("a", "empty")


def test_configurations_that_share_a_seed_are_refused(filler: Filler) -> None:
    swept(filler, "sweep", {"0.1": LOW})
    with pytest.raises(UsageError, match=r"train\[lr=0.1,seed=1\] is part of both"):
        compared("sweep/train[lr=0.1]", "sweep/train[lr=0.1,seed=1]")


def test_values_that_cannot_be_squared_are_not_told_apart(filler: Filler) -> None:
    swept(filler, "sweep", {"0.1": [1e300, 3e300], "0.2": [2e300, 5e300]})
    found = compared("sweep/train[lr=0.1]", "sweep/train[lr=0.2]").to_json()
    assert (found["verdict"], found["p"]) == ("not distinguishable", None)


def test_the_command_prints_both_and_is_json(
    filler: Filler, capsys: pytest.CaptureFixture[str]
) -> None:
    swept(filler, "sweep", {"0.1": HIGH, "0.2": LOW})
    pair = ["sweep/train[lr=0.1]", "sweep/train[lr=0.2]"]
    assert main(["compare", *pair, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "better"
    assert (found["a"]["stage"], found["a"]["n"]) == ("train[lr=0.1]", 3)
    assert main(["compare", *pair]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line[:3] in ("A  ", "B  ")] == ["A", "B"]
    assert lines[-1] == "B is better"


def seeded(filler: Filler, directory: Path, name: str, values: Sequence[float]) -> str:
    """Store a run of two learning rates, of which the first one's seeds have these values."""
    seeds = ", ".join(map(str, range(len(values))))
    directory = directory / name
    directory.mkdir()
    text = (
        f"name: {name}\nstages:\n- name: train\n  matrix: {{lr: [1, 2], seed: [{seeds}]}}\n"
        "  run: echo ${matrix.lr} ${matrix.seed}\n"
        "- {name: report, run: 'true', depends_on: [train]}\n"
    )
    run = submit(directory, text)
    for seed, value in enumerate(values):
        for lr in (1, 2):
            member = f"train[lr={lr},seed={seed}]"
            filler.feed(run, member, {"val/loss": [(1, lr * value), (2, lr * value)]})
            filler.complete(run, member, took=60.0)
    filler.complete(run, "report")
    return run


def test_the_commands_add_seeds_to_what_was_compared(
    filler: Filler, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = seeded(filler, tmp_path, "a", SAME)
    b = seeded(filler, tmp_path, "b", HIGH)
    assert main(["compare", "a/train[lr=1]", "b/train[lr=1]"]) == 0
    *_, verdict, first, second = capsys.readouterr().out.splitlines()
    needed = int(re.findall(r"(\d+) seeds? more of each", verdict)[0])
    assert first == f"  trainui resume {a[:8]} --seeds {needed} --until 'train[lr=1]'"
    assert second == first.replace(a[:8], b[:8])
    assert main([*shlex.split(first)[1:], "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)["stages"]
    run = [one["name"] for one in plan if one["action"] == "run"]
    count = len(SAME)
    assert run == [f"train[lr=1,seed={seed}]" for seed in range(count, count + needed)]


def test_one_seed_each_proposes_a_beginning(
    filler: Filler, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        seeded(filler, tmp_path, name, [0.3])
    assert main(["compare", "a/train[lr=1]", "b/train[lr=1]"]) == 0
    *_, proposal, first, _second = capsys.readouterr().out.splitlines()
    assert proposal == "2 seeds more of each would be a beginning:"
    assert "--seeds 2 " in first


def test_a_run_without_seeds_says_how_to_have_them(
    filler: Filler, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = submit(tmp_path, "stages: [{name: train, run: 'true'}]")
    filler.complete(run, "train")
    assert main(["resume", run, "--seeds", "2", "--dry-run"]) == 2
    assert "give a stage `seeds: N`" in capsys.readouterr().err


def test_without_scipy_it_exits_with_the_line_to_type(
    filler: Filler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    swept(filler, "sweep", {"0.1": HIGH, "0.2": LOW})
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(UnfitEnvironmentError):
        compare.welch(HIGH, LOW)
    assert main(["compare", "sweep/train[lr=0.1]", "sweep/train[lr=0.2]"]) == 4
    assert "pipx install --force '.[stats]'" in capsys.readouterr().err
