"""The lines of a sweep's table that fold members over a parameter, e.g. a seed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from trainui.domain.records import StageRecord
from trainui.pipeline.folding import Fold, Spread, folds
from trainui.pipeline.substitution.masking import mask
from trainui.text import harmless
from trainui.tui.data.snapshot import MatrixDetail
from trainui.tui.render.numbers import number, shortened
from trainui.tui.render.styled_text import Row, Segment, cut, fit, fit_middle

MOST = 12
"""Maximum number of lines."""

VALUES = 30
"""Width of the mean, the deviation and the count, in characters."""


def folded_rows(
    members: Sequence[StageRecord], group: MatrixDetail | None, width: int
) -> list[Row]:
    """Return a line for each fold, the best mean first; empty if the sweep is not folded.

    As in the plots, those of which a member has a NaN come last.
    """
    found = folds(members)
    if not found:
        return []
    values = group.values if group is not None else {}
    by_id = {one.id: values[one.name] for one in members if one.name in values}
    broken = group.broken if group is not None else frozenset()
    lines = [
        (fold, fold.spread(by_id), sum(one.name in broken for one in fold.members))
        for fold in found
    ]
    if group is not None and group.lower is not None:
        sign = 1 if group.lower else -1
        lines.sort(key=lambda one: (one[1].mean is None, one[2] > 0, sign * (one[1].mean or 0.0)))
    title = f"over {harmless(found[0].over)}" + (f", {group.title}" if group is not None else "")
    rows: list[Row] = [(), (Segment(title, "dim"),)]
    params = {fold.name: _params(fold) for fold in found}
    room = min(max(map(cell_len, params.values())), max(width - VALUES, 8))
    rows += [_line(params[fold.name], room, spread, nan) for fold, spread, nan in lines[:MOST]]
    if len(lines) > MOST:
        rows.append((Segment(f"  {len(lines) - MOST} more", "dim"),))
    return [cut(row, width) for row in rows]


def _params(fold: Fold) -> str:
    values = mask(fold.params).items()
    return " ".join(f"{harmless(key)}={shortened(harmless(value))}" for key, value in values)


def _line(params: str, room: int, spread: Spread, nan: int) -> Row:
    shown = "" if spread.mean is None else f"{number(spread.mean)} "
    deviation = "" if spread.deviation is None else f"± {number(spread.deviation)} "
    return (
        Segment("  "),
        Segment(f"{fit(fit_middle(params, room), room)}  " if params else "", "strong"),
        Segment(f"{shown}{deviation} ".lstrip()),
        Segment(spread.words, "dim"),
        Segment(f"  !{nan} NaN" if nan else "", "bad"),
    )
