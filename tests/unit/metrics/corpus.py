"""Files as real trainers write them, with what an independent reader finds in them."""

from __future__ import annotations

import base64
import gzip
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.store.readings import Curve
from trainui.metrics.formats import DecoderChoice

LEFT_OUT = {"megatron-log": "val/"}
"""By format: the start of names that the independent reader left out."""

NO_METRICS = frozenset(
    {
        *("epoch", "iteration", "training/epoch", "training/global_step", "Total steps"),
        *("time/iterations", "time/episodes", "time/time_elapsed", "train/n_updates"),
        *("consumed samples", "global batch size"),
        *("number of skipped iterations", "number of nan iterations"),
    }
)
"""Numbers of printed lines that an independent reader found, and that are no metrics."""

OWN_STEPS = frozenset({"TimestepsSoFar", "column 0"})
"""What an independent reader took as the step of a file of fields, and a definition has to name."""

PRESETS = {
    "baselines-table": "baselines",
    "catboost-stdout": "gbm",
    "detectron2-log": "detectron2",
    "fairseq-simple": "fairseq",
    "hf-dict-lines mixed with tqdm": "hf",
    "hf-dict-lines": "hf",
    "keras-progress-bar": "keras",
    "lightgbm-stdout": "gbm",
    "llm.c-main.log": "llmc",
    "logging key=value, rotated": "print",
    "megatron-log": "megatron",
    "metriclogger-stdout": "metriclogger",
    "mmengine-log": "mmengine",
    "nanogpt-stdout": "nanogpt",
    "print": "print",
    "print, 2 ranks interleaved": "print",
    "print, killed mid-line": "print",
    "rsl_rl-stdout": "print",
    "sb3-table": "sb3",
    "timm-log": "timm_train",
    "torchtune-log": "torchtune",
    "tqdm-stderr": "tqdm",
    "verl-stdout": "verl",
    "xgboost-stdout": "gbm",
}
"""By what an independent reader calls a text."""


def corpus_root() -> Path | None:
    beside = Path(__file__).parents[4] / "shared" / "corpus"
    root = Path(os.environ.get("TRAINUI_CORPUS", beside))
    return root if (root / "produced").is_dir() else None


needs_corpus = pytest.mark.skipif(corpus_root() is None, reason="the corpus is not here")


@dataclass(frozen=True)
class Expected:
    """What a file, or a directory of event files, holds."""

    path: Path
    format: str
    x: str | None
    exact: bool
    """The names of its series bind."""
    series: dict[str, dict[str, Any]]

    @property
    def reading(self) -> DecoderChoice:
        """How it is to be read: its format is found."""
        named = self.x in OWN_STEPS and self.format not in PRESETS and self.x != "column 0"
        return DecoderChoice(step=self.x if named else None)

    name: str
    """Its path in the corpus, with `#RUN` for a run of a database."""
    about: dict[str, Any]
    """All that is expected, also of the run."""

    @property
    def params(self) -> dict[str, Any]:
        found: dict[str, Any] = self.about.get("params", {})
        return found

    @property
    def run(self) -> str:
        return self.name.partition("#")[2]

    def has_step_metric(self, name: str) -> bool:
        """True if a run's `define_metric` gives a metric other steps than those expected here."""
        return any(
            fnmatch(name, one.get("glob", one.get("name"))) and "step_metric" in one
            for one in self.about.get("defined_metrics") or ()
        )

    def __str__(self) -> str:
        return self.name


READ_TODAY = (
    "produced",
    "fetched",
    *(f"trackers/{kind}" for kind in ("logging", "wandb", "mlflow", "trackio", "optuna")),
)
"""The parts of the corpus whose formats are read; other `trackers` need readers of their own."""


def expected_files() -> list[Expected]:
    root = corpus_root()
    if root is None:
        return []
    return [
        Expected(
            unpacked(file.parent / name.partition("#")[0]),
            entry["format"],
            entry["x"],
            entry["names"] == "exact",
            entry["series"],
            str((file.parent / name).relative_to(root)),
            entry,
        )
        for part in READ_TODAY
        for file in sorted((root / part).rglob("expected.json"))
        for name, entry in json.loads(file.read_text()).items()
    ]


_unpacked = tempfile.TemporaryDirectory(prefix="trainui-corpus-")


def unpacked(path: Path) -> Path:
    """The file itself, or a copy if the corpus has it packed."""
    packed = path.with_name(f"{path.name}.gz")
    if path.exists() or not packed.exists():
        return path
    copy = Path(_unpacked.name, *path.parts[1:])
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(gzip.decompress(packed.read_bytes()))
    return copy


def check(expected: Expected, curves: dict[str, Curve]) -> None:
    """Compare all curves of a file with what is expected of it."""
    series = expected.series
    if expected.format in PRESETS:
        series = {name: series[name] for name in series if name not in NO_METRICS}
    if expected.exact:
        left_out = LEFT_OUT.get(expected.format, "\n")
        names = {name for name in curves if not name.startswith(left_out)}
        assert names == set(series), str(expected)
        for name, want in series.items():
            steps = {"first_step": None} if expected.has_step_metric(name) else {}
            assert summary(curves[name]) == wanted(want | steps), f"{name} of {expected}"
        return
    found = [summary(curve) for curve in curves.values()]
    for name, want in series.items():
        assert wanted(want) in found, f"{name} of {expected}: {found}"


def summary(curve: Curve) -> Summary:
    """The same figures as in `expected.json`."""
    finite = curve.values[np.isfinite(curve.values)]
    return Summary(
        count=len(curve.values),
        steps=(float(curve.steps[0]), float(curve.steps[-1])),
        values=(repr(float(curve.values[0])), repr(float(curve.values[-1]))),
        nonfinite=len(curve.values) - len(finite),
        total=float(finite.sum()),
    )


def wanted(want: dict[str, Any]) -> Summary:
    steps = want["first_step"], want["last_step"]
    return Summary(
        count=want["count"],
        steps=None if None in steps else (float(steps[0]), float(steps[1])),
        values=(repr(float(want["first_value"])), repr(float(want["last_value"]))),
        nonfinite=want["nonfinite"],
        total=want["sum"],
    )


@dataclass(frozen=True)
class Summary:
    """A series in figures."""

    count: int
    steps: tuple[float, float] | None
    """Of its first and its last point; None: the file has none."""
    values: tuple[str, str]
    nonfinite: int
    total: float

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Summary)
        return (
            (self.count, self.values, self.nonfinite)
            == (other.count, other.values, other.nonfinite)
            and (None in (self.steps, other.steps) or self.steps == other.steps)
            and math.isclose(self.total, other.total, rel_tol=1e-9, abs_tol=1e-12)
        )


def traces() -> list[Path]:
    root = corpus_root()
    if root is None:
        return []
    folder = root / "trackers" / "traces"
    trackers = sorted(folder.glob("wandb_*")) + sorted(folder.glob("optuna_journal.*"))
    return sorted((root / "produced" / "traces").glob("*.jsonl.gz")) + trackers


@dataclass(frozen=True)
class Operation:
    """What a trainer did to one of its files."""

    path: str
    kind: str
    entry: dict[str, Any]
    data: bytes = b""
    offset: int = 0

    def do(self, root: Path) -> None:
        path = root / self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        match self.kind:
            case "open":
                flags = self.entry.get("flags", "")
                if "O_TRUNC" in flags or ("O_CREAT" in flags and not path.exists()):
                    path.open("wb").close()
            case "write":
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
                os.pwrite(descriptor, self.data, self.offset)
                os.close(descriptor)
            case "trunc":
                os.truncate(path, self.entry["size"])
            case "rename":
                if (before := root / self.entry["from"]).exists():  # links are not recorded
                    before.rename(path)
            case "unlink":
                path.unlink(missing_ok=True)

    def end(self, ends: Mapping[str, int]) -> int:
        """Return the file's size after it, those of all files before it being known."""
        match self.kind:
            case "write":
                return max(ends.get(self.path, 0), self.offset + len(self.data))
            case "trunc":
                return int(self.entry["size"])
            case "rename":
                return ends.get(self.entry["from"], 0)
            case "unlink":
                return 0
        emptied = self.kind == "open" and "O_TRUNC" in self.entry.get("flags", "")
        return 0 if emptied else ends.get(self.path, 0)

    def bytewise(self) -> Iterator[Operation]:
        """Yield a writing, a byte at a time."""
        for at in range(len(self.data)):
            yield replace(self, data=self.data[at : at + 1], offset=self.offset + at)


def operations(trace: Path) -> Iterator[Operation]:
    """Yield what a trainer did."""
    with gzip.open(trace, "rt") as lines:
        for line in lines:
            entry = json.loads(line)
            text = entry.get("data")
            data = base64.b64decode(entry.get("data_b64", "")) if text is None else text.encode()
            yield Operation(entry["path"], entry["op"], entry, data, entry.get("off") or 0)


@lru_cache
def kept_files() -> dict[str, list[Expected]]:
    """The files that are expected at the end of a trace; two folders may have one of a name."""
    root = corpus_root()
    assert root is not None
    found: dict[str, list[Expected]] = {}
    for one in expected_files():
        part, _folder, *parts = one.name.partition("#")[0].split("/")
        if one.path.is_file() and part != "fetched" and not one.format.endswith("-db"):
            found.setdefault("/".join(parts[part == "trackers" :]), []).append(one)
    return found
