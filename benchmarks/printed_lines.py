"""Measures how fast printed lines of usual programs are read, against searching their numbers.

python -m benchmarks.printed_lines [--lines 4000] [--rounds 5]

Each log is lines of the same few forms. What counts is the CPU of reading it beside that of a plain
search for the numbers in it; the microseconds a line are printed for comparison.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping

from benchmarks import figures
from trainui.metrics.formats.text.text_lines import TextLines

LOGS: Mapping[str, str] = {
    "plain": "step {i} loss {x:.4f} acc {y:.3f} lr 0.0003\n",
    "logger": "2026-11-24 13:48:23,123 - INFO - train - Epoch 1 [{i}/100000] loss: {x:.4f}\n",
    "nanoGPT": "iter {i}: loss {x:.4f}, time 21.35ms, mfu 11.56%\n",
    "detectron2": "[11/24 13:48:23 d2.utils.events]:  eta: 0:00:12  iter: {i}  total_loss: {x:.3f}"
    "  loss_cls: {y:.3f}  time: 0.1234  data_time: 0.0123   lr: 0.00025  max_mem: 2048M\n",
    "Keras": "Epoch {i}/100000\n100/100 ━━━━━━━━━━━━━━━━━━━━ 1s 5ms/step - accuracy: {y:.4f}"
    " - loss: {x:.4f} - val_loss: {x:.4f}\n",
    "XGBoost": "[{i}]\ttrain-rmse:{x:.5f}\tval-rmse:{y:.5f}\n",
    "alternating": "step {i} loss {x:.4f} lr 0.0003\nstep {i} val loss {x:.4f}\n",
    "nothing": "Loading shard {i} of 4000 from the store in {x:.2f} s\n",
    "dict": "{{'loss': {x:.4f}, 'grad_norm': {y:.3f}, 'learning_rate': 2e-05, 'epoch': {i}.5}}\n",
    "Megatron": " iteration {i:8d}/ 159576 | elapsed time per iteration (ms): 3925.3"
    " | learning rate: 2.0E-07 | global batch size: 16 | lm loss: {x:.6E} | grad norm: {y:.3f} |\n",
    "box": "-----------------\n| time/           |        |\n|    fps          | 901    |\n"
    "|    total_timesteps | {i}  |\n| train/          |        |\n|    loss         | {x:.4f} |\n",
    "bar": "Epoch 1: 10%|#         | {i}/100000 [00:10<01:30, 9.9it/s, loss={x:.4f}]\r",
    "table": "| {i} | {x:.4f} | {y:.3f} |\n",
}
"""One step of each log."""
FIRST = {"table": "| epoch | train_loss | acc |\n|-------|------------|-----|\n"}

MOST = 20.0
"""Times what a search for the numbers takes: the limit."""
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for name in LOGS:
        compare(name, made(name, options.lines), options.rounds)
    return figures.exit_code()


def compare(name: str, log: str, rounds: int) -> None:
    """Print the CPU of reading a log beside that of a search, and the microseconds a line."""
    data, lines = log.encode(), log.replace("\r", "\n").splitlines()
    reader = TextLines()
    assert reader.decode(data, 0).series or reader.finish(0).series or name == "nothing"
    ratios, took = [], []
    for _ in range(rounds):
        searched = seconds(lambda: [_NUMBER.findall(line) for line in lines])
        read = seconds(lambda: TextLines().decode(data, 0))
        ratios.append(read / searched)
        took.append(read / len(lines) * 1e6)
    ratio = statistics.median(ratios)
    figures.at_most(f"{name}: CPU of reading, to that of a search", ratio, MOST, "times")
    figures.without_limit(f"{name}: CPU a line", statistics.median(took), "µs")


def made(name: str, lines: int) -> str:
    """Return a log of about so many lines."""

    def steps() -> Iterator[str]:
        for i in range(1, lines // max(1, LOGS[name].count("\n")) + 1):
            yield LOGS[name].format(i=i, x=1 / i + 0.1, y=i % 100 / 100)

    return FIRST.get(name, "") + "".join(steps())


def seconds(do: Callable[[], object]) -> float:
    """Seconds of CPU that something takes."""
    begun = time.process_time()
    do()
    return time.process_time() - begun


if __name__ == "__main__":
    sys.exit(main())
