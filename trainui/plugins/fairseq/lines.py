"""fairseq: the `simple`, `json` and `tqdm` logs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from trainui.plugin import LineReader, NumberRow
from trainui.plugin.reading import leading_number, load_json

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


class Fairseq(LineReader):
    """Its `simple`, `json` and `tqdm` logs; metric names are prefixed with the line's tag."""

    def read(self, line: str) -> Sequence[NumberRow]:
        """Return the line's numbers."""
        if _STEP not in line:
            return ()
        if (at := line.find(_JSON)) >= 0:
            tag = _field(line[:at])
            fields = load_json(line[at + 2 :])
            named = fields.items() if isinstance(fields, dict) else ()
            return self._row(tag, [(name.removeprefix(f"{tag}_"), one) for name, one in named])
        if (found := _LINE.search(line)) is None:
            return ()
        rest = line[found.end() :]
        is_summary = found["summary"] == " | "
        subset = _SUBSET.search(rest)
        unnamed = subset[1] if subset else "train" if is_summary else "train_inner"
        tag = _field(line[: found.start()]) or unnamed
        return self._row(tag, (_SUMMARY if is_summary else _INSIDE).findall(rest))

    def _row(self, tag: str, pairs: Sequence[tuple[str, Any]]) -> Sequence[NumberRow]:
        row = {
            "step" if name == _STEP else f"{tag}/{name}": number
            for name, value in pairs
            if name not in _NO_SERIES and (number := leading_number(str(value))) is not None
        }
        return [row] if "step" in row and len(row) > 1 else ()


def _field(before: str) -> str:
    """Return the logger's name for a line: the last field before it."""
    return before.rpartition("| ")[2].strip()
