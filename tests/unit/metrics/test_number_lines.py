"""JSON lines as a table of numbers: the same points as line by line."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trainui.metrics.formats.decoder import Decoded
from trainui.metrics.formats.jsonl import MAX_FIELDS, JsonLines, NumberLines

NUMBERS = st.one_of(
    st.floats(width=64), st.integers(-(2**53), 2**53), st.just(math.nan), st.just(-math.inf)
)
VALUES = st.one_of(NUMBERS, NUMBERS, st.sampled_from(["val", "NaN", "3.5", "a: NaN, b"]), st.none())
ROWS = st.lists(
    st.dictionaries(st.sampled_from(["step", "loss", "val/loss", "split", "time"]), VALUES),
    max_size=30,
)


class LineByLine(NumberLines):
    """Leaves all lines to the slower ways."""

    def values(self, part: bytes) -> None:
        del part


def _points(decoded: Decoded) -> object:
    return decoded.records, {
        name: [
            (int(ordinal), float(step), repr(float(value)), int(time))
            for ordinal, step, value, time in zip(
                found.ordinals, found.steps, found.values, found.times, strict=True
            )
        ]
        for name, found in decoded.series.items()
    }


@given(st.lists(ROWS, min_size=1, max_size=4))
@example([[{"val/loss": 0.0}], [{"time": 0.0, "step": math.nan, "split": "val"}]])
@example([[{"val/loss": 0.0, "split": "val"}], [{"loss": 0.0, "step": 1, "split": "val"}]])
def test_a_table_gives_the_same_values_as_line_by_line(
    blocks: list[list[dict[str, object]]],
) -> None:
    fast, slow = JsonLines(), JsonLines()
    slow._numbers = LineByLine()
    first = 0
    for rows in blocks:
        block = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        found, wanted = fast.decode(block, first), slow.decode(block, first)
        assert _points(found) == _points(wanted)
        first += wanted.records


def test_lines_of_several_kinds_are_one_table() -> None:
    numbers = NumberLines()
    lines = b'{"step": 1, "loss": NaN}\n{"step": 1, "split": "val", "val/loss": 2}\n'
    values = numbers.values(lines)
    assert values is not None
    columns = numbers.columns(values)
    assert list(columns) == ["step", "loss", "val/loss"]
    assert columns["step"].present is None
    present = columns["loss"].present
    assert present is not None
    assert present.tolist() == [True, False]
    assert np.isnan(columns["loss"].values[0])


@pytest.mark.parametrize(
    "lines",
    [
        b'{"loss": "2.302"}\n',
        b'{"loss": {"train": 1}}\n',
        b'{"loss": null}\n',
        b'{"ok": true}\n',
        b'{"loss": 1, "note": "was: NaN, now not"}\n',
        b"[1, 2]\n",
        b"no json\n",
    ],
)
def test_lines_with_anything_else_are_left_to_slower_ways(lines: bytes) -> None:
    assert NumberLines().values(lines) is None


def test_a_number_that_was_text_is_left_to_slower_ways() -> None:
    numbers = NumberLines()
    assert numbers.values(b'{"step": 1, "loss": "warm-up"}\n') is not None
    assert numbers.values(b'{"step": 2, "loss": 0.5}\n') is None


def test_a_file_with_too_many_fields_uses_slower_decoders() -> None:
    line = json.dumps({f"field{at}": at for at in range(MAX_FIELDS + 1)}).encode()
    assert NumberLines().values(line) is None
