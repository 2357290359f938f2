"""The GPU strip: each GPU's utilisation and user, in one or two lines; many by their host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from statistics import fmean

from trainui.text import harmless
from trainui.tui.render.styled_text import Row, Segment, cut, width_of
from trainui.tui.snapshot.machine_figures import GpuFigures
from trainui.tui.widgets.line_view import LinesView

MOST_LINES = 2
LEAST_CELLS = 25
"""Minimum width in cells of one GPU; below it, those of other hosts are summed up."""

SOME_ROOM, MORE_ROOM = 34, 48
"""Minimum cells of one GPU to show its total memory (else a second line is used), and its
temperature and power."""


class GpuStrip(LinesView, can_focus=False):
    """Shows the GPUs; hidden if there are none."""

    DEFAULT_CSS = """
    GpuStrip { height: 1; overflow: hidden; display: none; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._figures: Sequence[GpuFigures] = ()
        self._holders: Mapping[tuple[str, int], str] = {}

    def show(self, figures: Sequence[GpuFigures], holders: Mapping[tuple[str, int], str]) -> None:
        """Show these GPUs, each with the name of our stage that uses it, if one does."""
        if (figures, holders) == (self._figures, self._holders):
            return
        self._figures, self._holders = figures, holders
        self.display = bool(figures)
        self.on_resize()
        self.update_rows()

    def on_resize(self) -> None:
        """Set the height needed at this width."""
        lines = len(strip_rows(self._figures, self._holders, self.app.size.width))
        if self.styles.height is None or self.styles.height.value != lines:
            self.styles.height = lines

    def row_count(self) -> int:
        """Return how many lines there are."""
        return len(strip_rows(self._figures, self._holders, self.size.width))

    def row(self, index: int, width: int) -> Row:
        """Return a line."""
        return strip_rows(self._figures, self._holders, width)[index]


def strip_rows(
    figures: Sequence[GpuFigures], holders: Mapping[tuple[str, int], str], width: int
) -> list[Row]:
    """Return columns of equal width; if not all fit, each other host is one column with totals."""
    columns: list[list[GpuFigures]] = [[gpu] for gpu in figures]
    if len(columns) * LEAST_CELLS > MOST_LINES * width:
        columns = [[gpu] for gpu in figures if not gpu.host]
        far = [gpu for gpu in figures if gpu.host]
        columns += [list(those) for _, those in groupby(far, key=lambda gpu: gpu.host)]
    lines = max(1, min(MOST_LINES, -(-len(columns) * SOME_ROOM // max(width, 1))))
    in_line = max(-(-len(columns) // lines), 1)
    drawn = [_column(column, holders, width // in_line) for column in columns]
    return [
        tuple(span for spans in drawn[line * in_line : (line + 1) * in_line] for span in spans)
        for line in range(lines)
    ]


def _column(
    gpus: Sequence[GpuFigures], holders: Mapping[tuple[str, int], str], cells: int
) -> list[Segment]:
    if len(gpus) == 1:
        return _gpu(gpus[0], holders.get(gpus[0].place), cells)
    share = round(fmean(gpu.utilisation or 0 for gpu in gpus))
    free = sum(gpu.user is None and gpu.place not in holders for gpu in gpus)
    host = Segment(f" {harmless(gpus[0].host)} ", "dim")
    busy = Segment(f"{share:3d}%", "good" if share else "dim")
    return _filled(
        [host, busy, Segment(f" {free} of {len(gpus)} free", "" if free else "dim")], cells
    )


def _gpu(gpu: GpuFigures, holder: str | None, cells: int) -> list[Segment]:
    label = f" GPU {gpu.index} " if cells >= LEAST_CELLS else f" {gpu.index} "
    if gpu.host:
        label = f" {harmless(gpu.host)}:{gpu.index} "
    if gpu.problem:
        return _filled([Segment(label, "dim"), Segment(f"▲ {gpu.user}", "bad")], cells)
    busy = "  – " if gpu.utilisation is None else f"{gpu.utilisation:3d}%"
    spans = [Segment(label, "dim"), Segment(busy, "good" if gpu.utilisation else "dim")]
    spans += [Segment(f" {part}", "dim") for part in _numbers(gpu, cells)]
    if gpu.warning:
        spans.append(Segment(" ▲", "bad"))
    style = "" if holder else "warn" if gpu.user else "dim"
    return _filled([*spans, Segment(f" {harmless(holder or gpu.user or 'free')}", style)], cells)


def _numbers(gpu: GpuFigures, cells: int) -> list[str]:
    found = []
    if gpu.memory_used is not None:
        total = f"/{gpu.memory_total}" if cells >= SOME_ROOM else ""
        found.append(f"{gpu.memory_used}{total}G".rjust(len(f"{gpu.memory_total}{total}G")))
    if cells >= MORE_ROOM and gpu.temperature is not None:
        found.append(f"{gpu.temperature}°C")
    if cells >= MORE_ROOM and gpu.power is not None:
        found.append(f"{gpu.power}W")
    return found


def _filled(spans: list[Segment], cells: int) -> list[Segment]:
    """Truncate or pad segments to an exact width, with a gap at the end."""
    kept = cut(tuple(spans), cells - 1)
    return [*kept, Segment(" " * (cells - width_of(kept)))]
