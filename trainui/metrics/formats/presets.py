"""Lines of logs as well-known trainers print them: presets in place of a pattern."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from trainui.metrics.formats.log_lines import cut_lines, text_lines
from trainui.metrics.formats.numbers import leading_number
from trainui.metrics.formats.rows import row_points
from trainui.metrics.formats.table import Decoded


@dataclass(frozen=True, slots=True)
class Preset:
    """How one trainer prints its metrics."""

    line: re.Pattern[str]
    """At the start of a line with metrics; its group `step`, where it has one, is the step."""
    metric: re.Pattern[str]
    """A metric's name and its value, in what follows."""

    def read(self, line: str) -> dict[str, float] | None:
        """Return the numbers of a line; None where it holds none."""
        found = self.line.match(line)
        if found is None:
            return None
        start = found.groupdict().get("step")
        row = {} if start is None else {"step": float(start)}
        for name, value in self.metric.findall(line, found.end()):
            if (number := leading_number(value)) is not None:
                row[name] = number
        return row if len(row) > (start is not None) else None


def _preset(line: str, metric: str) -> Preset:
    return Preset(re.compile(line), re.compile(metric))


PRESETS = {
    "catboost": _preset(r"(?P<step>\d+):\t", r"\b(learn|test\d*|best): (\S+)"),
    "keyvalue": _preset(r"(?=.*\w=\S)", r"([\w./@-]+)=([^\s,;]+)"),
    "lightgbm": _preset(r"\[(?P<step>\d+)\]\t", r"([^\t]+): ([^\t]+)"),
    "llmc": _preset(r"s:(?P<step>\d+) ", r"(\w+):(\S+)"),
    "megatron": _preset(
        r"(?:.*\] )?\s*iteration +(?P<step>\d+)/ *\d+ \|", r" *([^|:]+?) *: *([^|\s]+) *(?=\||$)"
    ),
    "nanogpt": _preset(
        r"(?:iter|step) (?P<step>\d+): ", r"([A-Za-z][\w ]*?) (-?[\d.]+|-?inf|nan)(?=[^\d.]|$)"
    ),
    "torchtune": _preset(r"Step (?P<step>\d+) \| ", r"([^\s:]+):(\S+)"),
    "transformers": _preset(r"[^{]*\{(?=')", r"'([^']+)': '?([^,'}]+)"),
    "verl": _preset(r"step:(?P<step>\d+) - ", r"([^\s:]+):(\S+)"),
    "xgboost": _preset(r"\[(?P<step>\d+)\]\t", r"([^\t:]+):([^\t]+)"),
}
"""By the name that stands in place of a pattern."""


class PresetLines:
    """Decodes the lines of one trainer's log; it remembers nothing."""

    whole = False

    def __init__(self, name: str, step: str | None, state: dict[str, Any]) -> None:
        self.name = name
        self.state = state
        self._preset = PRESETS[name]
        self._step = step

    def cut(self, data: bytes) -> int:
        """Return how many bytes of whole lines there are."""
        return cut_lines(data)

    def is_whole(self, rest: bytes, *, clean: bool) -> bool:
        """Tell whether a last line without a line end is a record all the same."""
        del rest
        return clean  # of a writer that was killed, 0.12 may be the beginning of 0.1234

    def decode(self, block: bytes, first_row: int) -> Decoded:
        """Decode whole lines."""
        rows = list(self._rows(block))
        return Decoded(row_points(rows, first_row=first_row, step=self._step), len(rows))

    def _rows(self, block: bytes) -> Iterator[dict[str, float]]:
        for line in text_lines(block):
            if (row := self._preset.read(line)) is not None:
                yield row
