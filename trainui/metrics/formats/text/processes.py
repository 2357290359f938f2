"""Separates the lines of several processes, by the labels that launchers put before them.

The rules: `[rank0]`, `[default1]:`, `[1,0]<stdout>:`, `GPU 0 |`, `Process 1:` and `rank0 step 3`
name a rank. `0: ` (of `srun -l`), `worker-1: `, `node2 | ` and `(Worker pid=123)` are labels once
there are two that alternate; the metrics of the one that has them first get no prefix. A number
that counts up is no label.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Any

from trainui.metrics.formats.lenient_text import to_number
from trainui.metrics.formats.text.pairs import step_in

_RANK = re.compile(
    r"\[(?:(?:rank|gpu|cuda)[ :=]?|default)(?P<rank>\d+)\]:?\s?|\[\d+,(?P<mpi>\d+)\]<std\w+>:\s?",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\W{0,2}(?:local_)?(?:rank|gpu|process|proc|device|worker|cuda)[ :=_#]{0,2}"
    r"(?P<rank>\d{1,4})\)?"
    r"(?:\]?\s*[|:,-]\s+|\]\s*|\s+(?=(?i:global_)?(?i:step|epoch|iter|batch|\[)))(?=\S)",
    re.IGNORECASE,
)
_ACTOR = re.compile(r"\((?:\w+ )?pid=(?P<number>\d+)[^()]*\)\s")
_LABEL = re.compile(
    r"\s*(?P<stem>(?:(?:[A-Za-z][\w.-]*[-_.]|(?:(?:compute|gpu)-?)?(?:worker|node|host|rank|trainer|task"
    r"|proc|gpu|actor|learner|pod|launcher|replica|server|slave|process))|(?:\d+\.){3})?)"
    r"(?P<number>\d{1,6})(?::|\s*\|) "
)
_PLACE = re.compile(
    r"(?P<stem>)\[(?P<number>\d{1,3})/\d{1,4}\]:?\s+(?=(?i:(?:global_)?step|epoch|iter|batch)\b)"
)
"""`[0/2] step 3`: a rank of how many, if these alternate."""
_COUNTS = re.compile(
    r"(?:.*[-_.])?(?:e|ep|epoch|s|step|it|iter|iteration|round|episode|batch|update|tick)[-_.]?",
    re.IGNORECASE,
)
_MOST_HELD = 64
"""Lines that wait until it is clear if their numbers are labels."""
_ENOUGH = 4
"""Numbers that only went up, and by more than one, in lines that have no other step."""

may_be_labelled = re.compile(
    r"\s*+[\w.-]{1,41}+(?<=\d)(?::|\s*+\|) |\[(?i:rank|gpu|cuda|default|\d+,\d+\]<std|\d{1,3}/)"
    r"|\((?:\w+ )?pid="
    r"|\W{0,2}(?i:local_rank|rank|gpu|process|proc|device|worker|cuda)[ :=_#]{0,2}\d"
).match
"""Excludes most lines that no launcher has labelled, fast."""

STARTS = frozenset(f"[( {string.ascii_letters}{string.digits}")
"""First characters of labels."""

Lines = Sequence[tuple[str, str]]
"""Labels, empty for the main process, and the lines behind them."""


class ProcessLines:
    """Finds the process of each line; keeps what it has seen in a memory, as plain JSON."""

    def __init__(self, memory: dict[str, Any]) -> None:
        """Continue from a memory: the `last` label, lines that are `held`, and what is decided."""
        self.memory = memory

    def split(self, line: str) -> Lines:
        """Return a line, and those that waited for it, with their labels."""
        if line[:1] == "[" and (found := _RANK.match(line)):
            return by_rank(line)
        if found := _NAMED.match(line):
            return [(f"rank{found['rank']}", line[found.end() :])]
        label = _ACTOR.match(line) if line[:1] == "(" else _PLACE.match(line) or _LABEL.match(line)
        if (
            label is None
            or _COUNTS.fullmatch(label.groupdict().get("stem") or "")
            or (
                to_number(line[label.end() :]) is not None  # no label, as in `beta1: 0.9`
            )
        ):
            return [("", line)]
        if label.re is _PLACE and not self.memory.get("apart"):
            return self._labelled("rank", int(label["number"]), line, line[label.end() :])
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
        label, memory = f"{stem or 'rank'}{number}", self.memory
        if memory.get("apart"):
            return [(self._own(label), text)]
        if memory.get("counts"):
            return [("", line)]
        last_stem, last, last_step = memory.get("last") or (stem, number - 1, None)
        step = step_in(text)
        held = memory.setdefault("held", [])
        is_known = bool(stem) or step is not None or last_step is not None
        memory["last"] = stem, number, last_step if step is None else step
        if (stem, number) == (last_stem, last) and len(held) < 2 and is_known:
            memory.update(main=label, repeats=True)
            return [("", text) for *_label, text in (*self._take_held(), (label, line, text))]
        held.append((label, line, text))
        continues = step is not None and last_step is not None and step > last_step
        starts_over = step is not None and last_step is not None and step <= last_step
        repeats = memory.get("repeats") and not continues  # a count has a line each
        if stem != last_stem or number < last or starts_over or repeats:
            memory["apart"] = True
            memory.setdefault("main", held[0][0])
            return [(self._own(label), text) for label, _line, text in self._take_held()]
        memory["seen"] = seen = [*memory.get("seen", ()), number][-_ENOUGH:]
        if step is None and len({*seen}) == _ENOUGH and number > last + 1:
            memory["counts"] = True
        if continues or len(held) > _MOST_HELD or memory.get("counts"):
            return self.finish()
        return []

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


def by_rank(line: str) -> Lines:
    """Return a line, or the two that ranks have written at once, with their ranks."""
    marks = [*_RANK.finditer(line)]
    ends = [*(mark.start() for mark in marks[1:]), len(line)]
    return [
        (f"rank{mark['rank'] or mark['mpi']}", line[mark.end() : end])
        for mark, end in zip(marks, ends, strict=True)
    ]


def carried_over(memory: dict[str, Any]) -> dict[str, Any]:
    """Return what the next attempt's log needs to know of the labels."""
    return {
        key: memory[key]
        for key in ("apart", "main", "owner", "implicit", "counts")
        if key in memory
    }
