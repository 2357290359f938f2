"""Files as real trainers write them, with what an independent reader finds in them."""

from __future__ import annotations

import base64
import gzip
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainui.store.curves import Curve

USUAL_STEPS = frozenset(
    {"step", "iteration", "iter", "epoch", "time/total_timesteps", "row", "column 0", "[n]"}
)
"""What an independent reader took as the step, and our own rule takes as well."""


def corpus_root() -> Path | None:
    beside = Path(__file__).parents[4] / "shared" / "corpus"
    root = Path(os.environ.get("TRAINUI_CORPUS", beside))
    return root if (root / "produced").is_dir() else None


needs_corpus = pytest.mark.skipif(corpus_root() is None, reason="the corpus is not here")


@dataclass(frozen=True)
class Expected:
    """What a file holds."""

    path: Path
    format: str
    x: str | None
    series: dict[str, dict[str, Any]]

    @property
    def step(self) -> str | None:
        """The field that a definition would have to name."""
        return None if self.x in USUAL_STEPS else self.x

    def __str__(self) -> str:
        root = corpus_root()
        assert root is not None
        return str(self.path.relative_to(root))


def expected_files() -> list[Expected]:
    root = corpus_root()
    if root is None:
        return []
    return [
        Expected(file.parent / name, entry["format"], entry["x"], entry["series"])
        for file in sorted(root.rglob("expected.json"))
        for name, entry in json.loads(file.read_text()).items()
        if (file.parent / name).is_file()
    ]


READABLE = (
    *("jsonl", "mmengine-scalars", "sb3-json", "baselines-json", "detectron2-json"),
    *("csv", "tsv", "monitor"),
    *("trainer-state", "json dict of lists", "catboost-json"),
    "tfevents",
)
"""Parts of the formats' names that are read without a pattern."""


def readable_files() -> list[Expected]:
    return [file for file in expected_files() if any(part in file.format for part in READABLE)]


def check_curve(name: str, want: dict[str, Any], curve: Curve) -> None:
    """Compare a curve with what is expected of it."""
    finite = curve.values[np.isfinite(curve.values)]
    got = {
        "count": len(curve.values),
        "first_step": curve.steps[0],
        "last_step": curve.steps[-1],
        "nonfinite": len(curve.values) - len(finite),
    }
    assert got == {key: want[key] for key in got}, name
    assert math.isclose(float(finite.sum()), want["sum"], rel_tol=1e-9, abs_tol=1e-12), name
    for key, value in (("first_value", curve.values[0]), ("last_value", curve.values[-1])):
        assert repr(float(value)) == repr(float(want[key])), name


def traces() -> list[Path]:
    root = corpus_root()
    return sorted((root / "produced" / "traces").glob("*.jsonl.gz")) if root else []


def play(trace: Path, into: Path) -> Iterator[Path]:
    """Do what a trainer did to its files; yield each file after each change."""
    with gzip.open(trace, "rt") as lines:
        for line in lines:
            entry = json.loads(line)
            path = into / entry["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            _do(entry, path, into)
            yield path


def _do(entry: dict[str, Any], path: Path, into: Path) -> None:
    match entry["op"]:
        case "open":
            flags = entry.get("flags", "")
            if "O_TRUNC" in flags or ("O_CREAT" in flags and not path.exists()):
                path.open("wb").close()
        case "write":
            data = entry.get("data")
            raw = data.encode() if data is not None else base64.b64decode(entry["data_b64"])
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            os.pwrite(descriptor, raw, entry["off"])
            os.close(descriptor)
        case "trunc":
            os.truncate(path, entry["size"])
        case "rename":
            (into / entry["from"]).rename(path)
        case "unlink":
            path.unlink(missing_ok=True)
