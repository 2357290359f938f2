"""Steps counted across epochs: `epoch 2 batch 3` is the third step after those of epoch 1.

The rule: the epochs before have the length that is printed, as in `[3/10]`, else the length that
was seen. A resumed attempt continues with the lengths that the one before has seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from trainui.metrics.formats.text.presets.base import STEP
from trainui.metrics.formats.text.presets.parts import pairs
from trainui.metrics.formats.text.presets.parts.pairs import Pair

_OUTER = re.compile(r"(?:(?:(?:train|val|test|eval)\w*|end of) )?(?:epoch|ep\.?)", re.IGNORECASE)
INSIDE = re.compile(r"[\[(|] *(?P<value>\d+)/ *(?P<of>\d+)")
"""A position within an epoch without a name, as in `Epoch 3 [10/100]`."""
_BRACKETS = re.compile(r"\]\s*\[\s*\d")
"""Between the positions of `Epoch: [0][10/100]`, where epochs count from 0."""

_FIRST, _RUNS_ON, _SEEN = "first", "runs_on", "epochs"
HEADING, REPEATS = "heading", "repeats"
"""Keys in a preset's memory: the epoch that a line of nothing else says; by the names in a line,
the lines with only an epoch as their step."""
_MANY_REPEATS = 16
"""Lines of an epoch with the same names; fewer may be one of each process."""
_MOST_NAMES = 100


class EpochSteps:
    """Turns positions within epochs into steps."""

    def __init__(self, memory: dict[str, Any]) -> None:
        """Count in the memory of a preset."""
        self.memory = memory

    def of_line(self, line: str, steps: Mapping[str, Pair]) -> tuple[float, str | None]:
        """Return a line's step and its field name: the position's, if an epoch has one.

        A line with only an epoch, among others that have a step, takes the others' step: its name
        is None then. `steps` are its counts, by name in lower case.
        """
        outer = next((pair for name, pair in steps.items() if _OUTER.fullmatch(name)), None)
        inners = [pair for name, pair in steps.items() if not _OUTER.fullmatch(name)]
        inner = next(filter(pairs.counts_all, inners), inners[0] if inners else None)
        place = (inner.value, inner.of) if inner else None
        leads = inner is not None and outer is not None and inner.start < outer.start
        if place is None and (inside := INSIDE.search(line, outer.end if outer else 0)):
            place = float(inside["value"]), float(inside["of"])
        if place is None:
            assert outer is not None
            known = self.memory.get(STEP)
            return (outer.value, outer.name) if known is None else (float(known), None)
        step, of = place
        if outer is None and HEADING in self.memory and inner and not pairs.counts_all(inner):
            step += self.counted(self.memory[HEADING], step)
        if outer is not None and not (inner and pairs.counts_all(inner)):
            from_zero = outer.of is None and _BRACKETS.match(line, outer.end) is not None
            step += self.before(outer, step, of, leads=leads, from_zero=from_zero)
        self.memory[STEP] = step
        return step, inner.name if inner else ""

    def before(
        self,
        outer: Pair,
        place: float,
        of: float | None,
        *,
        leads: bool = False,
        from_zero: bool = False,
    ) -> float:
        """Return the number of steps before an epoch, if positions start over in it.

        Args:
            outer: the epoch.
            place: the position.
            of: the last position, if it is printed.
            leads: the position is printed before the epoch.
            from_zero: the first epoch is 0, as in `Epoch: [3][10/38]`.
        """
        if not of:
            return self.counted(outer.value, place)
        if self._runs_on(outer.value, place, of, leads=leads):
            return 0
        # The first epoch is 1 unless a 0 is known: a resumed training's log begins at a later one.
        if outer.value == 0 or from_zero:
            self.memory[_FIRST] = 0
        return (outer.value - int(self.memory.get(_FIRST, 1))) * of

    def _runs_on(self, epoch: float, place: float, of: float, *, leads: bool) -> bool:
        """Return True if a position, as in `step 150/900 loss 2 epoch 2`, counts across epochs.

        It does if it does not start over in the next epoch. Until an epoch has ended, only one
        printed before its epoch does.
        """
        start = (of, epoch, place, 0, leads)
        last_of, last_epoch, last, seen, runs_on = self.memory.get(_RUNS_ON, start)
        if of == last_of and epoch > last_epoch and (seen > 1 or place <= last or last > 0):
            runs_on = place > last
        seen = seen + 1 if (of, epoch) == (last_of, last_epoch) else 1
        self.memory[_RUNS_ON] = (of, epoch, place, seen, runs_on)
        return bool(runs_on)

    def counted(self, epoch: float, place: float) -> float:
        """Return the steps before an epoch whose length is not printed.

        Positions that keep counting across epochs need no offset.
        """
        seen: dict[str, Any] = {"epoch": epoch, "first": place, "last": place, "before": 0.0}
        seen = {**seen, **self.memory.get(_SEEN, {})}
        passed = epoch - seen["epoch"]
        if passed > 0 and "length" not in seen and place > seen["last"]:
            seen["counts_on"] = True
        if passed:
            if not seen.get("counts_on"):
                seen["length"] = _length(seen) if passed > 0 else seen.get("length", 0.0)
                seen["before"] = max(0.0, seen["before"] + passed * seen["length"])
            seen.update(epoch=epoch, first=place, last=place, gap=None, stride=None)
        elif place > seen["last"]:
            seen["gap"] = place - seen["last"]
            seen["stride"] = seen.get("stride") or seen["gap"]
            seen["last"] = place
        self.memory[_SEEN] = seen
        return float(seen["before"])


def of_heading(steps: Mapping[str, Pair]) -> float | None:
    """Return the epoch of a line that has no other position."""
    (name, one), *others = steps.items()
    return one.value if not others and _OUTER.fullmatch(name) else None


def counted_if_repeated(
    memory: dict[str, Any], name: str, epoch: float, row: Iterable[str]
) -> float:
    """Return the step of a line with only an epoch: its number, where an epoch has many such lines.

    In `Epoch 1 - batch loss: 2.5`, printed for each batch, the epoch distinguishes no lines.
    """
    seen = memory.setdefault(REPEATS, {})
    key = " ".join(row)
    if not _OUTER.fullmatch(name) or (key not in seen and len(seen) >= _MOST_NAMES):
        return epoch
    first, before, repeats, number, is_counted = seen.get(key, (epoch, epoch, 0, 0, False))
    repeats = repeats + 1 if epoch == before else 1
    is_counted = is_counted or repeats > _MANY_REPEATS
    seen[key] = (first, epoch, repeats, number + 1, is_counted)
    return float(first + number) if is_counted else epoch


def _length(seen: Mapping[str, Any]) -> float:
    """Return an epoch's length, from its first and last positions and the distances of two."""
    first, last, stride = seen["first"], seen["last"], seen.get("stride")
    if stride is None or first > stride:
        return float(last or 1)
    if seen["gap"] < stride:  # its end was printed too
        return float(last + (first == 0))
    return float(last + stride - first)


def carried_over(memory: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the next attempt has to know of an attempt's epochs."""
    return {name: memory[name] for name in (_FIRST, _RUNS_ON, _SEEN) if name in memory}
