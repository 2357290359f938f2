"""The end that a log's counts promise, and the last step that earlier runs of the pipeline did."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.store.readings import Feeder
from tests.unit.tui.filled import Filler
from trainui import clock, paths
from trainui.clock import SECOND
from trainui.execution import processes
from trainui.execution.daemon import health
from trainui.model.states import Status
from trainui.store.db import engine
from trainui.store.read import run_list, views
from trainui.store.read.run_history import SlotsInUse
from trainui.store.runs import stages
from trainui.supervisor import protocol
from trainui.tui.readers.progress import log_progress
from trainui.tui.readers.time_to_go import Earlier, EtaEstimator, end_of_work
from trainui.tui.run_list.columns import RowContext, to_go_cells


def expected_last(
    filler: Filler, epochs: int, at: int, *earlier: int, option: str = ""
) -> float | None:
    """Return the expected last step of `train EPOCHS` at a step, after runs of so many epochs."""
    for last in earlier:
        run_id = filler.run({"train": ()}, command=f"train {option}{last}")
        filler.complete(run_id, "train")
        filler.feed(run_id, "train", {"loss": [(last, 0.1)]})
    run_id = filler.run({"train": ()}, command=f"train {option}{epochs}")
    filler.start(run_id, "train", ago=30)
    filler.feed(run_id, "train", {"loss": [(at, 0.1)]})
    estimator = EtaEstimator()
    with engine.reading() as connection:
        run = views.run(connection, run_id)
        assert run is not None
        [stage] = views.stages(connection, run_id)
        estimator.look(connection, run, [stage])
    return estimator.goals.get(stage.id)


def test_the_last_step_is_an_equal_works(filler: Filler) -> None:
    assert expected_last(filler, 100, 20, 100, 50) == 100


def test_a_run_beyond_the_earlier_one_has_no_last_step(filler: Filler) -> None:
    assert expected_last(filler, 400, 40, 50) == 50
    assert expected_last(filler, 400, 200, 50) is None


def test_a_run_that_was_given_other_epochs_has_no_last_step(filler: Filler) -> None:
    assert expected_last(filler, 13, 4, 11, option="--lr 0.1 --epochs ") is None
    assert expected_last(filler, 11, 4, option="--lr 0.3 --epochs ") == 11


def test_a_run_has_the_slots_that_other_runs_leave(filler: Filler) -> None:
    run_id = filler.run({"train": ()})
    use = SlotsInUse(own=Counter(gpu=1), others=Counter(cpu=3, gpu=1))
    with engine.reading() as connection:
        [stage] = views.stages(connection, run_id)
    assert use.left([stage], cpus=4, gpus=2) == {"cpu": 1}
    definition = replace(stage.definition, gpus=1)
    waits = stage._replace(status=Status.QUEUED, definition=definition)
    assert use.left([waits], cpus=2, gpus=2) == {"cpu": 1, "gpu": 1}
    assert use.hold_up([waits], cpus=4, gpus=1)
    assert not use.hold_up([waits], cpus=4, gpus=2)
    assert not use.hold_up([stage._replace(status=Status.RUNNING), waits], cpus=4, gpus=2)


def test_a_silent_or_stalled_run_has_no_remaining_time_and_says_so(filler: Filler) -> None:
    earlier = filler.run({"train": ()}, command="train 9")
    filler.complete(earlier, "train", took=600)
    run_id = filler.run({"train": ()}, command="train 9")
    attempt = filler.start(run_id, "train", ago=30)
    shown = []
    for limit, stalled in ((None, False), (60.0, False), (60.0, True)):
        with filler.store.write() as writing:
            stages.set_stalls_after(writing, attempt, limit)
            stages.set_stalled(writing, attempt, stalled, "no output")
        with engine.reading() as connection:
            endings = EtaEstimator().of_list(connection, [run_id])
            (run, _) = run_list.run_lines(connection)
        moment = RowContext(clock.now(), endings, {}, {})
        shown.append([segment.text[:4] for segment in to_go_cells(moment.of(run), 8)])
    assert shown == [["~9m "], ["sile"], ["stal"]]


@pytest.mark.parametrize(
    ("command", "goal"),
    [("train --max_steps 2200", 2200), ("train --n_steps 2048", None), ("train --steps 5", None)],
)
def test_a_parameter_announces_the_last_step(
    filler: Filler, command: str, goal: float | None
) -> None:
    run_id = filler.run({"train": ()}, command=command)
    filler.start(run_id, "train", ago=30)
    filler.feed(run_id, "train", {"loss": [(at, 0.1) for at in range(1, 221)]})
    estimator = EtaEstimator()
    with engine.reading() as connection:
        run = views.run(connection, run_id)
        assert run is not None
        [stage] = views.stages(connection, run_id)
        left = estimator.look(connection, run, [stage])
    assert estimator.goals.get(stage.id) == goal
    assert (left.run is not None) == (goal is not None)


class Training:
    """A training's logs as they grow, with the supervisor's times."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.now, self.text = directory, 1_000 * SECOND, ""
        self.times = ""

    def print(self, text: str, after: float) -> None:
        self.now += int(after * SECOND)
        self.text += text
        self.times += f"{self.now} {len(self.text.encode())} 0\n"
        (self.directory / protocol.STDOUT_FILE).write_text(self.text)
        (self.directory / protocol.TIMES_FILE).write_text(self.times)
        os.utime(self.directory / protocol.STDOUT_FILE, ns=(self.now * 1000, self.now * 1000))


FORMS = {
    "counts": "epoch {at}/20 loss 0.5\n",
    "no total": "Train Epoch: {at} [60/60 (100%)] loss 0.5\n",
}


@pytest.mark.parametrize("form", ["counts", "no total"])
def test_the_end_is_right_within_a_fifth_from_a_tenth_on(tmp_path: Path, form: str) -> None:
    """After imports of a minute, with epochs that vary by a tenth."""
    training, started = Training(tmp_path), 1_000 * SECOND
    training.print("loading\n", 60)
    lengths = [30 + (at * 7 % 5 - 2) * 1.5 for at in range(1, 21)]
    total = sum(lengths)
    before: float | None = None
    for at, length in enumerate(lengths, 1):
        training.print(FORMS[form].format(at=at, percent=5 * at, ran="0:01"), length)
        left = sum(lengths[at:])
        for share in (0.0, 0.5, 0.9):  # until the next line is there
            now = training.now + int(share * 30 * SECOND)
            end = end_of_work(tmp_path, started, now, lambda unit: {"epoch": 20.0}.get(unit))
            if at == len(lengths):
                assert end is None, "what follows the last unit may take any time"
            if at < 2 or end is None:
                assert at in (1, len(lengths))
                continue
            shown, true = (end - now) / SECOND, max(left - share * 30, 0.0)
            assert abs(shown - true) <= max(total / 5 * left / total, 10), (at, share, shown, true)
            if before is not None:
                assert abs(end / SECOND - before) <= total / 10, "it does not jump"
            before = end / SECOND


def test_the_end_follows_epochs_that_get_slower(tmp_path: Path) -> None:
    """In a log of many blocks, with an evaluation at the end of each that takes longer at last."""
    training, started = Training(tmp_path), 1_000 * SECOND
    steps = [(10, 2)] * 40 + [(10, 9)] * 20
    for at, (length, evaluation) in enumerate(steps, 1):
        training.print(f"Epoch {at}/60\n" + "a line of another kind\n" * 100, 0.1)
        training.print(f"Epoch {at}/60 loss 0.5\n", length)
        training.print(f"val_loss 0.6 after epoch {at}/60\n", evaluation)
        left = sum(map(sum, steps[at:]))
        end = end_of_work(tmp_path, started, training.now, lambda _: None)
        if 6 <= at < 25 or 47 <= at < 60:
            assert end is not None
            true = left if at >= 47 else (60 - at) * 12
            assert abs((end - training.now) / SECOND - true) <= true / 5, at


def test_a_pause_at_each_tenth_step_counts_once_in_ten(tmp_path: Path) -> None:
    """Saving takes as long as nine steps: the last few steps alone would tell twice the time."""
    training, started = Training(tmp_path), 1_000 * SECOND
    lengths = [2 + 18 * (at > 1 and at % 10 == 1) for at in range(1, 101)]
    for at, length in enumerate(lengths, 1):
        training.print(f"step {at}/100 loss 0.5\n", length)
        if at in (11, 12, 19, 21):
            end, left = end_of_work(tmp_path, started, training.now, lambda _: None), lengths[at:]
            assert end is not None
            assert abs((end - training.now) / SECOND - sum(left)) <= sum(left) / 5, at


def test_a_validation_after_many_steps_counts(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its metric is of the same stage, and a point of it ends a cycle of steps."""
    run_id = filler.run({"train": ()}, command="train --max_steps 100")
    feeder = Feeder(filler.store, filler.start(run_id, "train", ago=900).stage_id)
    at = clock.now() - 600 * SECOND
    for step in range(1, 56):
        at += 5 * SECOND
        feeder.feed({"loss": [(step, 0.1)]}, time=at)
        if step % 10 == 0:
            at += 50 * SECOND
            feeder.feed({"val/loss": [(step, 0.1)]}, time=at)
    monkeypatch.setattr(clock, "now", lambda: at + 4 * SECOND)
    assert abs(seconds_to_go(run_id) + 4 - (45 * 5 + 5 * 50)) < 10


def test_the_first_evaluation_within_a_bar_counts(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bar has the number of all steps, and the points show how long an evaluation takes."""
    run_id = filler.run({"train": ()}, command="train")
    attempt = filler.start(run_id, "train", ago=400)
    feeder, at = Feeder(filler.store, attempt.stage_id), clock.now() - 390 * SECOND
    for step in range(10, 80, 10):
        at += 20 * SECOND
        feeder.feed({"loss": [(step, 0.1)]}, time=at)
        if step == 60:
            at += 60 * SECOND
            feeder.feed({"eval_loss": [(step, 0.1)]}, time=at)
    filler.log(attempt, "25%|## | 75/300 [06:30<19:00]", "stderr")
    monkeypatch.setattr(clock, "now", lambda: at + 10 * SECOND)
    left = seconds_to_go(run_id)
    true = (300 - 75) * 2 + 4 * 60
    assert abs(left - true) <= true / 50, (left, true)


@pytest.mark.parametrize("steps", [70, 130, 180, 290])
def test_what_is_saved_after_each_evaluation_counts(
    filler: Filler, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Also after the last one, whose end no point shows."""
    run_id = filler.run({"train": ()}, command="train --max_steps 300")
    feeder = Feeder(filler.store, filler.start(run_id, "train", ago=4000).stage_id)
    at = clock.now() - 3000 * SECOND
    for step in range(10, steps + 1, 10):
        at += 20 * SECOND
        feeder.feed({"loss": [(step, 0.1)]}, time=at)
        if step % 60 == 0:
            feeder.feed({"eval_loss": [(step, 0.1)]}, time=at + 40 * SECOND)
            at += 100 * SECOND
    monkeypatch.setattr(clock, "now", lambda: at)
    true = (300 - steps) * 2 + (5 - steps // 60) * 100
    assert abs(seconds_to_go(run_id) - true) <= 0.02 * true + 1


@pytest.mark.parametrize(
    ("option", "earlier", "whole"),
    [
        ("", (), True),
        (" --eval-strategy no", (), True),
        (" --eval-strategy steps", (), False),
        ("", ("loss",), True),
        ("", ("loss", "eval_loss"), False),
    ],
)
def test_before_an_evaluation_that_will_come_the_time_is_a_bound(
    filler: Filler, option: str, earlier: tuple[str, ...], whole: bool
) -> None:
    if earlier:
        before = filler.run({"train": ()}, command="train --max_steps 50")
        filler.complete(before, "train", took=9)
        filler.feed(before, "train", {name: [(at, 0.1) for at in range(9)] for name in earlier})
    run_id = filler.run({"train": ()}, command=f"train --max_steps 300{option}")
    filler.start(run_id, "train", ago=400)
    feeder, at = Feeder(filler.store, filler.stage(run_id, "train").id), clock.now() - 390 * SECOND
    for step in range(10, 80, 10):
        at += 50 * SECOND
        feeder.feed({"loss": [(step, 0.1)]}, time=at)

    def shown() -> list[bool]:
        with engine.reading() as connection:
            run = views.run(connection, run_id)
            assert run is not None
            found = EtaEstimator().look(connection, run, views.stages(connection, run_id))
        assert found.run is not None
        return [found.run.whole, found.stages["train"].whole]

    assert shown() == [whole] * 2
    feeder.feed({"eval_loss": [(70, 0.1)]}, time=at + SECOND)
    assert shown() == [True] * 2


def test_while_other_runs_have_the_slots_the_time_is_a_bound(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINUI_CPUS", "1")
    filler.complete(filler.run({"train": ()}, command="train"), "train", took=600)
    other, run_id = (filler.run({"train": ()}, command="train") for _ in range(2))

    def whole() -> bool:
        with engine.reading() as connection:
            run = views.run(connection, run_id)
            assert run is not None
            found = EtaEstimator().look(connection, run, views.stages(connection, run_id)).run
        assert found is not None
        return found.whole

    holds = filler.start(other, "train")
    assert not whole()
    filler.end(holds)
    assert whole()


def test_an_end_is_not_promised_without_a_total_or_a_second_unit(tmp_path: Path) -> None:
    training, started = Training(tmp_path), 1_000 * SECOND
    assert end_of_work(tmp_path, started, training.now, lambda _: None) is None
    training.print("epoch_1 loss 0.5\n", 30)
    training.print("epoch_2 loss 0.5\n", 30)
    assert end_of_work(tmp_path, started, training.now, lambda _: None) is None
    shown = log_progress([tmp_path / protocol.STDOUT_FILE])
    assert shown is not None
    assert shown.words == "epoch 2"


def test_while_nothing_is_printed_the_time_left_falls(tmp_path: Path) -> None:
    training, started = Training(tmp_path), 1_000 * SECOND
    for at in range(1, 6):
        training.print(f"epoch {at}/10 loss 0.5\n", 30)
    ends = [
        end_of_work(tmp_path, started, training.now + later * SECOND, lambda _: None)
        for later in (0, 10, 29)
    ]
    assert ends[0] == ends[1] == ends[2]


def drawn(at: int, epochs: int, *, validation: float) -> Iterator[tuple[str, float]]:
    """Yield the bars of an epoch and of its validation, each with the seconds before it."""
    for part in range(1, 5):
        yield f"\rEpoch {at}/{epochs}: {25 * part}%|# | {part}/4 [00:01<00:01]", 2.5
    for part in range(1, 3):
        yield f"\rValidation: {50 * part}%|# | {part}/2 [00:01<00:01]", validation / 2
    yield f"\nepoch {at}/{epochs} val_loss 0.5\n", 0.1


def test_the_validation_at_the_end_of_each_epoch_counts(tmp_path: Path) -> None:
    training, started = Training(tmp_path), 1_000 * SECOND
    training.print("loading\n", 30)
    for at in range(1, 11):
        for text, after in drawn(at, 10, validation=6):
            training.print(text, after)
            finish = 1_030 + 10 * 16.1
            end = end_of_work(tmp_path, started, training.now, lambda _: None)
            if 3 <= at <= 9:
                assert end is not None
                assert abs(end / SECOND - finish) < 3, (at, text)


def test_an_earlier_run_shows_what_will_take_longer(tmp_path: Path) -> None:
    """Validations take four times as long from 70 % on, and saving takes a while at the end."""
    earlier, now = tmp_path / "earlier", tmp_path / "now"
    for directory in (earlier, now):
        directory.mkdir()
    first, again = Training(earlier), Training(now)
    for at in range(1, 21):
        for text, after in drawn(at, 20, validation=2 if at <= 14 else 8):
            first.print(text, after)
    whole = 20 * 10.1 + 14 * 2 + 6 * 8 + 20  # with 20 s for saving
    before = Earlier(earlier, int(1_000 + whole) * SECOND)
    for at in range(1, 21):
        for text, after in drawn(at, 20, validation=2 if at <= 14 else 8):
            again.print(text, 1.3 * after)
        end = end_of_work(now, 1_000 * SECOND, again.now, lambda _: None, before)
        if at >= 2:
            assert end is not None
            true = 1_000 + 1.3 * whole
            left = true - again.now / SECOND
            assert abs(end / SECOND - true) <= left / 5, at


def seconds_to_go(run_id: str) -> float:
    with engine.reading() as connection:
        run = views.run(connection, run_id)
        assert run is not None
        found = EtaEstimator().look(connection, run, views.stages(connection, run_id)).run
    assert found is not None
    assert found.whole
    return (found.at - clock.now()) / SECOND


MEMBERS = dict.fromkeys((f"train[lr=0.{at}]" for at in range(1, 5)), ())


def test_members_that_wait_take_as_long_as_others(filler: Filler) -> None:
    run_id = filler.run(MEMBERS)
    first, second, *_ = MEMBERS
    filler.complete(run_id, first, took=600)
    filler.start(run_id, second, ago=300)
    assert seconds_to_go(run_id) >= 600


@pytest.mark.parametrize(
    ("option", "seconds"), [("--epochs 60", 1200), ("--epochs 20", 400), ("--max_steps 9", None)]
)
def test_an_earlier_runs_time_is_scaled_by_its_epochs(
    filler: Filler, option: str, seconds: float | None
) -> None:
    filler.complete(filler.run({"train": ()}, command="train --epochs 40"), "train", took=800)
    run_id = filler.run({"train": ()}, command=f"train {option}")
    filler.start(run_id, "train", ago=100)
    with engine.reading() as connection:
        run = views.run(connection, run_id)
        assert run is not None
        found = EtaEstimator().look(connection, run, views.stages(connection, run_id)).run
    if seconds is None:
        assert found is None
    else:
        assert found is not None
        assert abs((found.at - clock.now()) / SECOND + 100 - seconds) < 5


def test_short_members_take_the_time_of_their_starts_too(filler: Filler) -> None:
    names = [f"train[lr={at}]" for at in range(60)]
    run_id = filler.run(dict.fromkeys(names, ()))
    for at, name in enumerate(names[:20]):
        filler.complete(run_id, name, took=0.1, ago=40 - 2 * at)
    assert abs(seconds_to_go(run_id) - 40 * 2) <= 8


def test_an_earlier_run_of_fewer_steps_does_not_time_members_that_wait(filler: Filler) -> None:
    filler.complete(filler.run(MEMBERS, command="train --steps 2"), *MEMBERS, took=5)
    run_id = filler.run(MEMBERS, command="train --steps 400")
    filler.start(run_id, next(iter(MEMBERS)), ago=300)
    filler.feed(run_id, next(iter(MEMBERS)), {"loss": [(at, 0.1) for at in range(1, 201)]})
    assert seconds_to_go(run_id) >= 600


def test_the_workers_slots_count_and_not_those_of_the_screens_settings(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = paths.home()
    run_id = filler.run(MEMBERS)
    first, second, *_ = MEMBERS
    filler.complete(run_id, first, took=600)
    filler.start(run_id, second, ago=300)
    monkeypatch.setenv("TRAINUI_CPUS", "1")
    alone = seconds_to_go(run_id)
    home.worker.mkdir(parents=True, exist_ok=True)
    lock = processes.acquire_lock(home.worker_lock)
    assert lock is not None
    with lock:
        health.declare_ready(home, [{"kind": "cpu", "index": at} for at in range(4)])
        assert seconds_to_go(run_id) <= alone / 2
