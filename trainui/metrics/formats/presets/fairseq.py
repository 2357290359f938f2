"""Fairseq's log in its `simple`, `json` and `tqdm` forms; names begin with the line's own tag."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from trainui.metrics.formats.numbers import leading_number
from trainui.metrics.formats.presets.base import NOTHING, STEP, Preset, Row

_LINE = re.compile(
    # A summary (`train | epoch 001 | loss 2.3 | ...`), or one of the lines inside an epoch.
    r"(?:^|\| |\r)epoch \d+(?P<summary> \| |: +\d+ / \d+ |:[^\[]*\[[^,\]]*, )"
)
_JSON = '| {"epoch": '
_INSIDE = re.compile(r"([\w./-]+)=([^\s,\]]+)")
_SUMMARY = re.compile(r"(?:^|\| )([\w./-]+) ([-+.\w]+)(?= \||\s*$)")
_SUBSET = re.compile(r"valid on '([^']+)' subset")
_STEP = "num_updates"
_NO_SERIES = frozenset({"epoch", "update"})


class Fairseq(Preset):
    """Reads a line at a time."""

    def read(self, line: str) -> Sequence[Row]:
        """Return the line's numbers."""
        if _STEP not in line:
            return NOTHING
        if (at := line.find(_JSON)) >= 0:
            tag = _field(line[:at])
            return self._row(tag, _json(line[at + 2 :], tag))
        if (found := _LINE.search(line)) is None:
            return NOTHING
        rest = line[found.end() :]
        is_summary = found["summary"] == " | "
        subset = _SUBSET.search(rest)
        unnamed = subset[1] if subset else "train" if is_summary else "train_inner"
        tag = _field(line[: found.start()]) or unnamed
        return self._row(tag, (_SUMMARY if is_summary else _INSIDE).findall(rest))

    def _row(self, tag: str, pairs: Sequence[tuple[str, Any]]) -> Sequence[Row]:
        row: Row = {}
        for name, value in pairs:
            number = leading_number(str(value))
            if number is not None and name not in _NO_SERIES:
                row[STEP if name == _STEP else f"{tag}/{name}"] = number
        return [row] if STEP in row and len(row) > 1 else NOTHING


def _field(before: str) -> str:
    """Return what a logger calls a line: the last of the fields before it."""
    return before.rpartition("| ")[2].strip()


def _json(text: str, tag: str) -> Sequence[tuple[str, Any]]:
    """Return the fields of a line's object, without the tag that each may begin with."""
    try:
        fields = json.loads(text)
    except ValueError:
        return ()
    return [(name.removeprefix(f"{tag}_"), value) for name, value in fields.items()]
