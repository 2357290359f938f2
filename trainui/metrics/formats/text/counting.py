"""Steps counted across epochs: `epoch 2 batch 3` is the third step after those of epoch 1.

The rule: the epochs before have the length that is printed, as in `[3/10]`, else the length that
was seen. Positions that begin again without an epoch are counted on from what was seen. A resumed
attempt continues with the lengths that the one before has seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_FIRST, _RUNS_ON, _SEEN, _PLACES, _REPEATS = "first", "runs_on", "epochs", "places", "repeats"
_MANY_REPEATS = 16
"""Lines of an epoch with the same names; fewer may be one of each process."""
_MOST_NAMES = 100


class EpochSteps:
    """Turns positions within epochs into steps; keeps what it has seen in a memory."""

    def __init__(self, memory: dict[str, Any]) -> None:
        """Count in a memory."""
        self.memory = memory

    def before(
        self, epoch: float, place: float, of: float | None, *, leads: bool, from_zero: bool
    ) -> float:
        """Return the number of steps before an epoch, if positions start over in it.

        Args:
            epoch: the epoch.
            place: the position.
            of: the last position, if it is printed.
            leads: the position is printed before the epoch.
            from_zero: the first epoch is 0, as in `Epoch: [3][10/38]`.
        """
        if not of:
            return self.counted(epoch, place)
        if self._runs_on(epoch, place, of, leads=leads):
            return 0
        # The first epoch is 1 unless a 0 is known: a resumed training's log begins at a later one.
        if epoch == 0 or from_zero:
            self.memory[_FIRST] = 0
        return (epoch - int(self.memory.get(_FIRST, 1))) * of

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

    def again(self, place: float, of: float | None, *, may_restart: bool) -> float:
        """Return the steps before a position without an epoch, which may have begun again."""
        start = (place, place, of, 0.0, None)
        first, last, last_of, before, stride = self.memory.get(_PLACES, start)
        begins = place == first or (may_restart and place <= first + (stride or 0))
        if place < last and of == last_of and begins:
            before += of or last + (stride or 0 if first == 0 else 0)
            first = place
        elif place > last:
            stride = stride or place - last
        self.memory[_PLACES] = (first, place, of, before, stride)
        return float(before)

    def counted_if_repeated(self, epoch: float, names: Iterable[str]) -> float:
        """Return the step of a line with only an epoch: its count, if an epoch has many such lines.

        In `Epoch 1 - batch loss: 2.5`, printed for each batch, the epoch distinguishes no lines.
        """
        seen = self.memory.setdefault(_REPEATS, {})
        key = " ".join(names)
        if key not in seen and len(seen) >= _MOST_NAMES:
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
    names = (_FIRST, _RUNS_ON, _SEEN, _PLACES, _REPEATS)
    return {name: memory[name] for name in names if name in memory}
