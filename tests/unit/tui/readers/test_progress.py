"""The counts in a stage's log."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainui.supervisor import protocol
from trainui.tui.readers.progress import (
    Counted,
    log_progress,
    marks,
)

BAR = "━" * 12


@pytest.mark.parametrize(
    ("text", "words", "position"),
    [
        ("Train Epoch: 4 [352/360 (98%)]\tLoss: 0.3\n", "epoch 4, 352 of 360", 3 + 352 / 360),
        ("epoch_3 loss 0.4\n", "epoch 3", 3),
        ("Epoch [3/5]:  35%|###5   | 21/60 [00:10<00:19]\r", "epoch 3/5, 21 of 60", 2.35),
        (f"Epoch 3/10\n 12/100 {BAR} 1s 5ms/step - loss: 0.3\r", "epoch 3/10, 12 of 100", 2.12),
        ("Epoch 3/10\n 12/100 [==>....] - ETA: 3s\r", "epoch 3/10, 12 of 100", 2.12),
        (f"Epoch 3/9\n\r\x1b[1m 4/10\x1b[0m \x1b[32m{BAR}\x1b[0m 1s", "epoch 3/9, 4 of 10", 2.4),
        (f"Training {BAR}  45% 0:00:12\r", "bar 45/100", 45),
        (f"Epoch 3/9 {BAR} 45/100 0:00:12 • 0:00:15 4.2it/s\r", "epoch 3/9, 45 of 100", 2.45),
        ("Epoch: [3][ 10/38] Time 0.3\n", "epoch 3, 10 of 38", 2 + 10 / 38),
        ("Epoch(train) [3][ 10/38] lr: 1e-3\n", "epoch 3, 10 of 38", 2 + 10 / 38),
        ("step: 300/1000 loss=2\n", "step 300/1,000", 300),
        ("[ 12/200] loss=0.5\n", "bar 12/200", 12),
        ("epoch 1/4\nepoch 2/4\n", "epoch 2/4", 1),
        ("epoch 2/4 loss 0.5\n", "epoch 2/4", 2),
    ],
)
def test_a_count_says_how_much_is_done(text: str, words: str, position: float) -> None:
    last = [*marks(text.encode())][-1]
    assert last.shown.words == words
    assert last.position == pytest.approx(position)


@pytest.mark.parametrize(
    "text",
    ["epoch 7/5 and epoch 1/0\n", "{'epoch': 0.32}\n", "lr 1/2\n", "[1/3] unpacking 2 files\n"],
)
def test_what_is_no_count_is_none(text: str) -> None:
    assert [*marks(text.encode())] == []


def test_a_bar_belongs_to_an_epoch_far_above_it(tmp_path: Path) -> None:
    """Keras prints each state of an epoch's bar, hundreds of kilobytes."""
    log = tmp_path / protocol.STDOUT_FILE
    bars = [f"\r{at:4}/2000 {BAR} {at}s 100ms/step - loss: 0.3" for at in range(1, 2001)]
    log.write_text(f"Epoch 1/9\n{''.join(bars)}\nEpoch 2/9\n{''.join(bars[:1000])}")
    shown = log_progress([log])
    assert shown is not None
    assert shown.words == "epoch 2/9, 1,000 of 2,000"


def test_a_check_before_the_first_epoch_does_not_count_it(tmp_path: Path) -> None:
    log = tmp_path / protocol.STDERR_FILE
    check = "\rSanity Checking DataLoader 0: 100%|##| 2/2 [00:01<00:00]"
    log.write_text(
        f"{check}\rEpoch 0: 100%|##| 9/9 [00:09<00:00]\rEpoch 1:  33%|# | 3/9 [00:03<00:06]"
    )
    found = Counted.read(tmp_path)
    assert found is not None
    assert found.last.position == pytest.approx(1 + 3 / 9)


def test_the_bar_of_an_evaluation_does_not_hide_that_around_it(tmp_path: Path) -> None:
    log = tmp_path / protocol.STDERR_FILE
    inside = "".join(f"\r{at}%|# | {at}/100 [00:{at % 60:02}<00:30]" for at in range(60))
    log.write_text(f"\r20%|# | 60/300 [02:00<08:00]\n{inside * 10}")
    shown = log_progress([log])
    assert shown is not None
    assert shown.words == "bar 60/300"
    last = "".join(f"\r99%|# | {at}/300 [09:{at % 60:02}<00:01]" for at in (298, 299, 300))
    log.write_text(f"{log.read_text()}{last}\n{inside * 10}")
    shown = log_progress([log])
    assert shown is not None
    assert shown.words == "bar 300/300", "it is full, and the last evaluation runs"


MEMBERS = dict.fromkeys((f"train[lr=0.{at}]" for at in range(1, 5)), ())


def test_the_bar_of_a_validation_does_not_undo_its_epoch() -> None:
    text = (
        "Epoch 3/20: 100%|####| 100/100 [00:10<00:00]\rValidating:  25%|#   | 5/20 [00:01<00:03]\r"
    )
    assert [*marks(text.encode())][-1].position == 3
