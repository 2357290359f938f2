"""Steps counted across epochs: `epoch 2 batch 3` is the third step after those of epoch 1.

The rule: the epochs before have the length that is printed, as in `[3/10]`, else the length that
was seen. A resumed attempt continues with the lengths that the one before has seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainui.metrics.formats.text.presets.pairs import Pair

_FIRST, _RUNS_ON, _SEEN = "first", "runs_on", "epochs"


class EpochSteps:
    """Turns positions within epochs into steps."""

    def __init__(self, memory: dict[str, Any]) -> None:
        """Count in the memory of a preset."""
        self.memory = memory

    def before(self, outer: Pair, place: float, of: float | None, *, leads: bool) -> float:
        """Return the number of steps before an epoch, if positions start over in it.

        Args:
            outer: the epoch.
            place: the position.
            of: the last position, if it is printed.
            leads: the position is printed before the epoch.
        """
        if not of:
            return self.counted(outer.value, place)
        if self._runs_on(outer.value, place, of, leads=leads):
            return 0
        return (outer.value - self._first_epoch(outer)) * of

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

    def _first_epoch(self, outer: Pair) -> int:
        """Return the number of the first epoch: 0 if one was seen, or in `Epoch: [3][10/38]`.

        So the log of a resumed training, which begins at a later epoch, counts on correctly.
        """
        if outer.value == 0 or ("[" in outer.text and not outer.of):
            self.memory[_FIRST] = 0
        return int(self.memory.get(_FIRST, 1))


def _length(seen: Mapping[str, Any]) -> float:
    """Return an epoch's length, from its first and last positions and the distances of two."""
    first, last, stride = seen["first"], seen["last"], seen.get("stride")
    if stride is None or first > stride:
        return float(last or 1)
    if seen["gap"] < stride:  # its end was printed too
        return float(last + (first == 0))
    return float(last + stride - first)


def handed_on(memory: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the next attempt has to know of an attempt's epochs."""
    return {name: memory[name] for name in (_FIRST, _RUNS_ON, _SEEN) if name in memory}
