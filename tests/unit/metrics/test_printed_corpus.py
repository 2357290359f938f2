"""Whole logs whose programs recorded what each number meant are read right, however they arrive."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.metrics import corpus
from tests.unit.metrics.reading import (
    kept_points,
    open_reader,
    read_on,
    read_to_end,
    summaries,
)
from tests.unit.metrics.test_printed_lines import Found, add, found
from trainui.metrics.formats import DecoderChoice
from trainui.metrics.formats.text.text_lines import TextLines, carried_over
from trainui.store.db.engine import Database

pytestmark = corpus.needs_corpus

PRINTED = DecoderChoice(format="text")


def logs() -> list[Path]:
    root = corpus.corpus_root()
    return [] if root is None else sorted((root / "lines").glob("*/log.txt"))


def log_of(name: str) -> Path:
    root = corpus.corpus_root()
    assert root is not None
    return root / "lines" / name / "log.txt"


def in_parts(data: bytes, cuts: list[int]) -> Found:
    """What is read if the bytes arrive in parts, and a new reader continues after each."""
    state: dict[str, Any] = {}
    series: Found = {}
    rest, begin = b"", 0
    for cut in [*cuts, len(data)]:
        rest, begin = rest + data[begin:cut], cut
        lines = TextLines(None, json.loads(json.dumps(state)))
        if whole := lines.cut(rest):
            add(series, lines.decode(rest[:whole], 0))
            rest, state = rest[whole:], lines.state
    add(series, TextLines(None, json.loads(json.dumps(state))).finish(0))
    return series


@pytest.mark.parametrize("log", logs(), ids=lambda path: path.parent.name)
def test_a_log_gives_what_its_program_meant(log: Path) -> None:
    spec = importlib.util.spec_from_file_location("score", log.parents[1] / "score.py")
    assert spec is not None
    assert spec.loader is not None
    score = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score)
    read = found(TextLines(), log.read_text(encoding="utf-8"))
    series = {name: [(step, float(value)) for step, value in read[name]] for name in read}
    truth = json.loads((log.parent / "truth.json").read_text(encoding="utf-8"))
    verdict, reason = score.judge(truth, series)
    assert verdict == "RIGHT", reason


def other_logs() -> list[Path]:
    """The printed logs of the corpora whose programs recorded no truth."""
    root = corpus.corpus_root()
    folders = [] if root is None else [root / "trackers" / "logging", root / "produced"]
    found = (path for folder in folders for path in folder.rglob("*"))
    return sorted(path for path in found if path.suffix in {".log", ".txt", ".out"})


LONG = os.environ.get("TRAINUI_TEST_LONG") == "1"
MOST, MOST_LINES = (1 << 15, 300) if LONG else (1 << 14, 100)
"""Bytes of a log that are read, and its lines after which a new reader begins."""


@pytest.mark.parametrize("log", [*logs(), *other_logs()], ids=lambda path: path.parent.name)
def test_the_result_does_not_depend_on_how_bytes_arrive(log: Path) -> None:
    """In one block, line by line, split at a line's end or anywhere, with a new reader after."""
    data = log.read_bytes()[:MOST]
    data = data[: TextLines().cut(data)]
    ends = [at + 1 for at, byte in enumerate(data) if byte in b"\r\n"][:MOST_LINES]
    rng = random.Random(0)
    at_once = in_parts(data, [])
    assert in_parts(data, ends) == at_once
    for end in ends if LONG else ends[len(ends) // 2 :][:1]:
        assert in_parts(data, [end]) == at_once, end
    for _ in range(20 if len(data) > 1 else 0):
        most = min(9, len(data) - 1)
        cuts = sorted(rng.sample(range(1, len(data)), rng.randint(1, most)))
        assert in_parts(data, cuts) == at_once, cuts


@pytest.mark.parametrize(
    "name", ["bar_tqdm_desc", "grp_clients", "loop_heading_above", "wrap_pprint"]
)
def test_a_reader_that_is_killed_goes_on_where_it_was(
    name: str, store: Database, tmp_path: Path
) -> None:
    data = log_of(name).read_bytes()
    whole, path = found(TextLines(), data.decode()), tmp_path / "stdout.log"
    rng = random.Random(1)
    for cut in sorted(rng.sample(range(1, len(data)), 7)):
        path.write_bytes(data[:cut])
        read_on(open_reader(store, path, PRINTED))
    path.write_bytes(data)
    read_to_end(store, open_reader(store, path, PRINTED))
    assert {one: kept_points(store, one) for one in summaries(store)} == {
        one: [(step, float(value)) for step, value in whole[one]] for one in whole
    }


UNITS = {
    "bar_tqdm_desc": r"Epoch \d+:   0%",
    "fw_megatron": r" \[",
    "fw_mmengine_like": r".*Epoch\(train\) *\[\d+\]\[ *50/",
    "gan_keras_style": r"\d+ \[",
    "grp_clients": r"Round \d+/\d+: \d+ of",
    "log_absl": r".*\[\d+\] loss",
    "loop_early_stopping": r"\[ ?\d+/15",
    "loop_heading_above": r"=+ Epoch",
    "loop_one_line": r"Epoch",
    "rank_srun": r"3: ",
}
"""By log: where an epoch begins, so that a training may be resumed there."""


@pytest.mark.parametrize("name", UNITS)
def test_a_killed_training_and_its_resume_are_one_curve(name: str) -> None:
    lines = log_of(name).read_text("utf-8")
    units = re.split(rf"(?m)(?:^|(?<=\r))(?={UNITS[name]})", lines)
    preamble, units = units[0], units[1:]
    rng = random.Random(2)
    for _ in range(6):
        at = rng.randrange(1, len(units))  # the epoch after the last checkpoint
        rest = "".join(units[at:])
        killed = f"{preamble}{''.join(units[:at])}{rest[: rng.randrange(len(rest))]}".encode()
        first, second, before, after = TextLines(), TextLines(), Found(), Found()
        add(before, first.decode(killed[: first.cut(killed)], 0))
        add(before, first.finish(0))
        second = TextLines(None, carried_over(first.state))
        add(after, second.decode((preamble + rest).encode(), 0))
        add(after, second.finish(0))
        for one, points in after.items():
            earlier = [point for point in before.get(one, ()) if point[0] < points[0][0]]
            before[one] = [*earlier, *points]
        assert before == found(TextLines(), lines), at
