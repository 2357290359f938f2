"""Separates the lines of several processes, by the labels that launchers put before them.

The rules: `[rank0]`, `[default1]:` and `[1,0]<stdout>:` name a rank. `0: ` (of `srun -l`),
`worker-1: `, `node2 | ` and `(Worker pid=123)` are labels once there are two that alternate; the
metrics of the one that has them first get no prefix. A number that counts up with the steps is no
label.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Any

from trainui.metrics.formats.numbers import to_number
from trainui.metrics.formats.text.presets.parts import pairs

_RANK = re.compile(
    r"\[(?:(?:rank|gpu|cuda)[ :]?|default)(?P<rank>\d+)\]:?\s?|\[\d+,(?P<mpi>\d+)\]<std\w+>:\s?",
    re.IGNORECASE,
)
_ACTOR = re.compile(r"\((?:\w+ )?pid=(?P<number>\d+)[^()]*\)\s")
_LABEL = re.compile(
    r"\s*(?P<stem>(?:[A-Za-z][\w.-]*?[-_.]?|(?:\d+\.){3})?)(?P<number>\d{1,6})(?::|\s*\|) "
)
_SEPARATORS, _LONGEST = frozenset(":|"), 40
_COUNTS = re.compile(
    r"(?:.*[-_.])?(?:e|ep|epoch|s|step|it|iter|iteration|round|episode|batch|update|tick)[-_.]?",
    re.IGNORECASE,
)

_MOST_HELD = 64
"""Lines that wait until it is clear if their numbers are labels."""

may_be_labelled = re.compile(
    r"\s*+[\w.-]{1,41}+(?<=\d)(?::|\s*+\|) |\[(?i:rank|gpu|cuda|default|\d+,\d+\]<std)"
    r"|\((?:\w+ )?pid="
).match
"""Excludes most lines that no launcher has labelled, fast."""

STARTS = frozenset(f"[( {string.ascii_letters}{string.digits}")
"""First characters of labels."""

Lines = Sequence[tuple[str, str]]
"""Labels, empty for the main process, and the lines behind them."""


def find_label(line: str) -> re.Match[str] | None:
    """Return the label that a line begins with."""
    found = _LABEL.match(line) if _SEPARATORS.intersection(line[:_LONGEST]) else None
    return None if found is None or _COUNTS.fullmatch(found["stem"]) else found


class ProcessLines:
    """Finds the process of each line; keeps what it has seen in a memory, as plain JSON."""

    def __init__(self, memory: dict[str, Any]) -> None:
        """Continue from a memory: the `last` label, lines that are `held`, and what is decided."""
        self.memory = memory

    def split(self, line: str) -> Lines:
        """Return a line, and those that waited for it, with their labels."""
        if line[:1] == "[" and (found := _RANK.match(line)):
            rest = line[found.end() :]
            rank = found["rank"] or found["mpi"]
            if "[" in rest and any((one[1] or one[2]) != rank for one in _RANK.finditer(rest)):
                return [("", line)]  # two processes have written at once
            return [(f"rank{rank}", rest)]
        label = _ACTOR.match(line) if line[:1] == "(" else find_label(line)
        if label is None or to_number(line[label.end() :]) is not None:
            return [("", line)]  # no label, as in `beta1: 0.9`
        stem = "pid" if label.re is _ACTOR else label["stem"]
        return self._labelled(stem, int(label["number"]), line, line[label.end() :])

    def finish(self) -> Lines:
        """Return the lines that still wait: their numbers are no labels."""
        return [("", line) for _label, line, _text in self._take_held()]

    def prefix(self, label: str) -> str:
        """Return the prefix of a process's metrics, whose label has just given some."""
        if label.startswith("rank") and label not in self.memory.get("implicit", ()):
            return f"{label} "
        owner = self.memory.setdefault("owner", label)
        return "" if label == owner else f"{label} "

    def _labelled(self, stem: str, number: int, line: str, text: str) -> Lines:
        label = f"{stem or 'rank'}{number}"
        if self.memory.get("apart"):
            return [(self._own(label), text)]
        last_stem, last, last_step = self.memory.get("last") or (stem, number - 1, None)
        step = pairs.step_in(text)
        held = self.memory.setdefault("held", [])
        self.memory["last"] = stem, number, last_step if step is None else step
        if (stem, number) == (last_stem, last) and len(held) < 2:
            self.memory.update(main=label, repeats=True)
            return [("", text) for *_label, text in (*self._take_held(), (label, line, text))]
        held.append((label, line, text))
        continues = step is not None and last_step is not None and step > last_step
        starts_over = step is not None and last_step is not None and step <= last_step
        repeats = self.memory.get("repeats") and not continues  # a count has a line each
        if stem != last_stem or number <= last or starts_over or repeats:
            self.memory["apart"] = True
            self.memory.setdefault("main", held[0][0])
            return [(self._own(label), text) for label, _line, text in self._take_held()]
        return self.finish() if continues or len(held) > _MOST_HELD else []

    def _take_held(self) -> list[tuple[str, str, str]]:
        """Return the lines that waited: the label of each, the line, and the text behind it."""
        held: list[tuple[str, str, str]] = self.memory.get("held", [])
        self.memory["held"] = []
        return held

    def _own(self, label: str) -> str:
        """Return the label, which is empty for the process that was read as the main one."""
        if label == self.memory["main"]:
            return ""
        implicit = self.memory.setdefault("implicit", [])
        if label not in implicit:
            implicit.append(label)
        return label


def carried_over(memory: dict[str, Any]) -> dict[str, Any]:
    """Return what the next attempt's log needs to know of the labels."""
    return {key: memory[key] for key in ("apart", "main", "owner", "implicit") if key in memory}
