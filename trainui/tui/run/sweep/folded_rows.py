"""The lines of a sweep's table that fold members over a parameter, e.g. a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len

from trainui.domain.records import StageRecord
from trainui.pipeline.folding import Spread, folds
from trainui.pipeline.matrix import TRIAL
from trainui.pipeline.substitution.masking import mask
from trainui.text import harmless
from trainui.tui.data.run_page import MatrixDetail
from trainui.tui.render.numbers import number, shortened
from trainui.tui.render.styled_text import Row, Segment, cut, width_of
from trainui.tui.run.sweep.member_columns import fitted, narrowed

MOST = 12
"""Maximum number of lines."""


def folded_rows(
    members: Sequence[StageRecord], group: MatrixDetail | None, width: int
) -> list[Row]:
    """Return a line for each fold that has begun, the best mean first; empty if nothing is folded.

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
        if any(one.attempt for one in fold.members)
    ]
    if group is not None and group.lower is not None:
        sign = 1 if group.lower else -1
        lines.sort(key=lambda one: (one[1].mean is None, one[2] > 0, sign * (one[1].mean or 0.0)))
    shown = lines[:MOST]
    values_of = [_values(spread, nan) for _, spread, nan in shown]
    params = [params_of(fold.params) for fold, _, _ in shown]
    widths = _widths(params, width - 2 - max(map(width_of, values_of), default=0))
    metric = f"{group.title} " if group is not None else ""
    heads = _cells({name: name for name in widths}, widths)
    head = f"{'  ' * bool(heads)}{heads}{metric}over {harmless(found[0].over)}"
    rows: list[Row] = [(), (Segment(head, "dim"),)]
    rows += [
        (Segment(f"  {_cells(own, widths)}", "strong"), *row)
        for own, row in zip(params, values_of, strict=True)
    ]
    if len(lines) > MOST:
        rows.append((Segment(f"  {len(lines) - MOST} more", "dim"),))
    if len(lines) < len(found):
        rows.append((Segment(f"  {len(found) - len(lines)} not started", "dim"),))
    return [cut(row, width) for row in rows]


def params_of(values: Mapping[str, object]) -> dict[str, str]:
    """Return parameters as a table shows them: without secrets, long numbers shortened."""
    shown = mask(values).items()
    return {harmless(key): shortened(harmless(str(value))) for key, value in shown}


def _widths(folds: Sequence[Mapping[str, str]], room: int) -> Mapping[str, int]:
    """Return the width of each parameter's column; where not all fit, of a trial's number alone."""
    names = dict.fromkeys(name for params in folds for name in params)
    texts = {name: (name, *(params.get(name, "") for params in folds)) for name in names}
    whole = {name: max(map(cell_len, some)) for name, some in texts.items()}
    found = narrowed(whole, room)
    return {TRIAL: whole[TRIAL]} if found != whole and TRIAL in whole else found


def _cells(params: Mapping[str, str], widths: Mapping[str, int]) -> str:
    return "".join(f"{fitted(params.get(name, ''), width)}  " for name, width in widths.items())


def _values(spread: Spread, nan: int) -> Row:
    """Return the mean, the deviation, and how many of the members they cover."""
    shown = "" if spread.mean is None else f"{number(spread.mean)} "
    deviation = "" if spread.deviation is None else f"± {number(spread.deviation)} "
    return (
        Segment(f"{shown}{deviation} ".lstrip()),
        Segment(spread.words, "dim"),
        Segment(f"  !{nan} NaN" if nan else "", "bad"),
    )
