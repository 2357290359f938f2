"""Whole logs whose programs recorded what each number meant are read right, however they arrive."""

from __future__ import annotations

import importlib.util
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.unit.metrics import corpus
from tests.unit.metrics.test_printed_lines import Found, add, found
from trainui.metrics.formats.text.text_lines import TextLines

pytestmark = corpus.needs_corpus


def logs() -> list[Path]:
    root = corpus.corpus_root()
    return [] if root is None else sorted((root / "lines").glob("*/log.txt"))


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


@pytest.mark.parametrize("log", logs(), ids=lambda path: path.parent.name)
def test_the_result_does_not_depend_on_how_bytes_arrive(log: Path) -> None:
    data = log.read_bytes()
    data = data[: TextLines().cut(data)]
    ends = [at + 1 for at, byte in enumerate(data) if byte in b"\r\n"]
    rng = random.Random(0)
    at_once = in_parts(data, [])
    assert in_parts(data, ends) == at_once
    for _ in range(20):
        cuts = sorted(rng.sample(range(1, len(data)), rng.randint(1, 9)))
        assert in_parts(data, cuts) == at_once, cuts
