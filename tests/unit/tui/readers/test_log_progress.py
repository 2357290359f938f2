"""The counts of a log, and the end that they promise: early, steadily and nearly right."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trainui.clock import SECOND
from trainui.supervisor import protocol
from trainui.tui.readers.log_progress import end_of_work, log_progress, marks

BAR = "━" * 12


@pytest.mark.parametrize(
    ("text", "words", "position"),
    [
        ("Train Epoch: 4 [352/360 (98%)]\tLoss: 0.3\n", "epoch 4, 352 of 360", 3 + 352 / 360),
        ("epoch_3 loss 0.4\n", "epoch 3", 3),
        ("Epoch [3/5]:  35%|###5   | 21/60 [00:10<00:19]\r", "epoch 3/5, 21 of 60", 2.35),
        (f"Epoch 3/10\n 12/100 {BAR} 1s 5ms/step - loss: 0.3\r", "epoch 3/10, 12 of 100", 2.12),
        ("Epoch 3/10\n 12/100 [==>....] - ETA: 3s\r", "epoch 3/10, 12 of 100", 2.12),
        (f"Training {BAR}  45% 0:00:12\r", "bar 45/100", 45),
        (f"Epoch 3/9 {BAR} 45/100 0:00:12 • 0:00:15 4.2it/s\r", "epoch 3/9, 45 of 100", 2.45),
        ("Epoch: [3][ 10/38] Time 0.3\n", "epoch 3, 10 of 38", 2 + 10 / 38),
        ("Epoch(train) [3][ 10/38] lr: 1e-3\n", "epoch 3, 10 of 38", 2 + 10 / 38),
        ("step: 300/1000 loss=2\n", "step 300/1,000", 300),
        ("epoch 1/4\nepoch 2/4\n", "epoch 2/4", 1),
        ("epoch 2/4 loss 0.5\n", "epoch 2/4", 2),
    ],
)
def test_a_count_says_how_much_is_done(text: str, words: str, position: float) -> None:
    last = [*marks(text.encode())][-1]
    assert last.shown.words == words
    assert last.position == pytest.approx(position)


@pytest.mark.parametrize("text", ["epoch 7/5 and epoch 1/0\n", "{'epoch': 0.32}\n", "lr 1/2\n"])
def test_what_is_no_count_is_none(text: str) -> None:
    assert [*marks(text.encode())] == []


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


def test_a_bar_belongs_to_an_epoch_far_above_it(tmp_path: Path) -> None:
    """Keras prints each state of an epoch's bar, hundreds of kilobytes."""
    log = tmp_path / protocol.STDOUT_FILE
    bars = [f"\r{at:4}/2000 {BAR} {at}s 100ms/step - loss: 0.3" for at in range(1, 2001)]
    log.write_text(f"Epoch 1/9\n{''.join(bars)}\nEpoch 2/9\n{''.join(bars[:1000])}")
    shown = log_progress([log])
    assert shown is not None
    assert shown.words == "epoch 2/9, 1,000 of 2,000"


def test_the_bar_of_a_validation_does_not_undo_its_epoch() -> None:
    text = (
        "Epoch 3/20: 100%|####| 100/100 [00:10<00:00]\rValidating:  25%|#   | 5/20 [00:01<00:03]\r"
    )
    assert [*marks(text.encode())][-1].position == 3
