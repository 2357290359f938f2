"""Fairseq's `simple`, `json` and `tqdm` logs; metric names are prefixed with the line's tag."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from trainui.metrics.formats.numbers import leading_number
from trainui.metrics.formats.text.presets.base import NOTHING, STEP, Preset, Row

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
    """Reads each line by itself."""

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
    """Return the logger's name for a line: the last field before it."""
    return before.rpartition("| ")[2].strip()


def _json(text: str, tag: str) -> Sequence[tuple[str, Any]]:
    """Return the fields of a line's object, without the tag that prefixes them."""
    try:
        fields = json.loads(text)
    except ValueError:
        return ()
    return [(name.removeprefix(f"{tag}_"), value) for name, value in fields.items()]
