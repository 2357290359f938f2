"""Generates metric files like those of trainings, and a store for benchmarks."""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from trainui.store.db.engine import Database, open_store


def make_file(path: Path, megabytes: float, *, mixed: bool = False) -> None:
    """Write JSON lines of a step and six metrics with all their digits.

    Args:
        path: where.
        megabytes: how many, about.
        mixed: each 50th line is one of an evaluation, with a text in it, and each 2,000th loss is
            NaN.
    """
    numbers, time, step, left = random.Random(1), 1.7e9, 0, megabytes * 1e6
    with path.open("w", encoding="utf-8") as file:
        while left > 0:
            time += 0.05 + numbers.random() * 0.01
            row: dict[str, float] = {
                "step": step,
                "timestamp": time,
                "epoch": step // 1000,
                "train/loss": 2.3 * math.exp(-step / 2e5) + 0.2 + numbers.gauss(0, 0.02),
                "train/grad_norm": abs(numbers.gauss(1, 0.3)),
                "lr": 0.0005 * (1 + math.cos(step / 1e6)),
                "tokens_per_s": numbers.gauss(1e5, 1e3),
            }
            if mixed and step % 2000 == 1999:
                row["train/loss"] = math.nan
            left -= file.write(json.dumps(row) + "\n")
            if mixed and step % 50 == 49:
                evaluated = {"step": step, "split": "val", "val/loss": numbers.random()}
                left -= file.write(json.dumps(evaluated) + "\n")
            step += 1


def lengthen(path: Path, megabytes: float) -> None:
    """Repeat a file's lines until it has a size."""
    block = path.read_bytes()
    with path.open("ab") as file:
        while file.tell() < megabytes * 1e6:
            file.write(block)


@contextlib.contextmanager
def workplace() -> Iterator[tuple[Path, Database]]:
    """A temporary directory with an empty store."""
    with tempfile.TemporaryDirectory(prefix="trainui-benchmark-") as directory:
        os.environ["TRAINUI_HOME"] = f"{directory}/home"
        store = open_store()
        try:
            yield Path(directory), store
        finally:
            store.close()
