"""The values of a line, by name and by the part of the data that they are of."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.metrics.formats import labels
from trainui.metrics.formats.text.presets import pairs
from trainui.metrics.formats.text.presets.base import STEP, Row
from trainui.metrics.formats.text.presets.pairs import Pair

_LABEL = re.compile(
    rf"[^\[]*\[(?:[^\[\]]*?[^\[\]A-Za-z])??(?P<part>{labels.HELD_OUT})(?![A-Za-z])[^\[\]]*\]\W*$",
    re.IGNORECASE,
)
"""`[Diff-Val(normal)] Epoch 1: loss = 2`."""
_LEAST_SECTION = len("(val ")


def may_be_metric(pair: Pair) -> bool:
    """Return False for a step, and for a whole number that no metric's name is given."""
    if pair.is_step:
        return False
    return not pair.value.is_integer() or "." in pair.text or pairs.names_metric(pair.name)


def part(line: str, found: Sequence[Pair]) -> str:
    """Return a line's part of the data, which is named before or after its step."""
    before = next(pair for pair in found if pair.is_step)
    first = next(pair for pair in found if not pair.is_step)
    words = f"{line[: before.start]}{before.name.rpartition(' ')[0]}"
    own = pairs.part(line[before.end : first.start]) or pairs.part(words)
    label = _LABEL.match(words) if not own and "[" in words else None
    return label["part"].lower() if label else own


def values(line: str, found: Sequence[Pair], of: str, leaving_out: str = "") -> Row:
    """Return the values by name; `of` is the part of the data that they are of.

    Another part that is named between two pairs, `| val: `, is that of those behind it. A name that
    is repeated is of the last part named, as in `Train Loss: 1, Acc: 2, Val Loss: 1, Acc: 2`.
    """
    row: Row = {}
    named, end = "", found[0].start
    for pair in found:
        if pair.start - end > _LEAST_SECTION:
            of = pairs.section(line[end : pair.start], of)
        named, end = pairs.part_of_name(pair.name) or named, pair.end
        if pair.name in (STEP, leaving_out) or pair.is_time_left:
            continue
        name = pair.name if pair.is_step else pairs.of_part(pair.name, of)
        if name in row and named and not pair.is_step:
            name = pairs.of_part(pair.name, named)
        row.setdefault(name, pair.value)
    return row
