"""The machine page: GPUs with the stages that use them, CPUs, memory and disks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from math import isnan, nan
from statistics import fmean
from typing import ClassVar, NamedTuple

from textual.binding import BindingType
from textual.widget import Widget

from trainui import clock, formatting, system
from trainui.formatting import quantity, size
from trainui.store.read.run_list import RunLine
from trainui.store.read.views import Holder
from trainui.text import harmless
from trainui.tui.keymap import bindings
from trainui.tui.numbers import bar, blocks, coarse_time
from trainui.tui.page import Page
from trainui.tui.snapshot import (
    HISTORY,
    PERIOD,
    DiskFigures,
    GpuFigures,
    Machine,
    MachineFigures,
    MachineQuery,
    Snapshot,
)
from trainui.tui.styled_text import (
    Row,
    Segment,
    beside,
    cut,
    fit,
    fit_middle,
    joined,
    labelled,
    text_rows,
)
from trainui.tui.widgets import Entry, EntryView

LEAST_HEIGHT, MOST_HEIGHT = 3, 14
"""Lines of a chart without its title; with less room there is none."""

LEAST_WIDTH, GAP, HISTORY_LABEL = 46, 3, 6
"""Cells: the least of a chart, between two, and of the labels at its left."""

LABEL, BAR, NUMBERS = 9, 20, 24
"""Widths in cells of the label, the bar and the numbers of a resource."""

MOST_HISTORY, MOST_NAME = 60, 40
"""The most cells of a history and of a GPU's name."""

HIGH, HOT = 90, 85
"""Per cent, and degrees Celsius, from which a figure is highlighted."""

TITLE: Row = (Segment(" trainui ", "title"), Segment(" › ", "dim"), Segment("machine", "strong"))
READING: Entry[Holder] = Entry((Segment(" reading the machine's state…", "dim"),))


class UsageHistory(NamedTuple):
    """A figure in per cent over time, oldest first; NaN where it is not known."""

    title: str
    values: Sequence[float]


def history_rows(machine: Machine, width: int, room: int) -> list[Row]:
    """Return the charts of each GPU, else of all GPUs together; those that fit, or none."""
    fitting = max((width + GAP) // (LEAST_WIDTH + GAP), 1)
    fitting -= fitting % 2 if fitting > 1 else 0  # a GPU's two charts are side by side
    columns = fitting
    for gpus in (_each_gpu(machine), _all_gpus(machine)):
        found = [one for one in (*gpus, *_system(machine)) if len(one.values) > 1]
        columns = max(min(fitting, len(found)), 1)  # few charts share the whole width
        lines = [found[at : at + columns] for at in range(0, len(found), columns)]
        if lines and room // len(lines) - 2 >= LEAST_HEIGHT:
            break
    while lines and room // len(lines) - 2 < LEAST_HEIGHT:
        lines.pop()
    rows: list[Row] = []
    for line in lines:
        height = min(room // len(lines) - 2, MOST_HEIGHT)
        cells = (width - GAP * (columns - 1)) // columns
        charts = [_chart(one, cells, height) for one in line]
        rows += [(), *(beside(parts, cells + GAP) for parts in zip(*charts, strict=True))]
    return rows


def _each_gpu(machine: Machine) -> Iterator[UsageHistory]:
    for index, history in sorted(machine.gpu_history.items()):
        for title, values in zip(("busy", "memory"), known(history), strict=True):
            yield UsageHistory(f"GPU {index} {title}", values)


def _all_gpus(machine: Machine) -> Iterator[UsageHistory]:
    """Yield the means over all GPUs."""
    histories = [known(history) for history in machine.gpu_history.values()]
    for title, of_all in zip(("busy", "memory"), zip(*histories, strict=True), strict=False):
        values = [one for one in of_all if one]
        count = min(map(len, values), default=0)
        means = [_mean(at) for at in zip(*(one[-count:] for one in values), strict=True)]
        yield UsageHistory(f"{len(values)} GPUs {title}, mean", means if count else ())


def _mean(values: Sequence[float]) -> float:
    """Return the mean of the known values."""
    found = [value for value in values if not isnan(value)]
    return fmean(found) if found else nan


def _system(machine: Machine) -> Iterator[UsageHistory]:
    if machine.figures is not None:
        yield UsageHistory("CPU", machine.figures.cpu_history)
        yield UsageHistory("memory", machine.figures.memory_history)


def known(history: Sequence[tuple[float, float]]) -> tuple[Sequence[float], Sequence[float]]:
    """Return a GPU's utilisation and memory use over time; empty if hardly ever reported.

    NaN stays for the moments at which it was not known, e.g. after the GPU was lost.
    """
    busy, memory = (
        column if sum(not isnan(value) for value in column) > 1 else ()
        for column in zip(*history, strict=True)
    )
    return busy, memory


def _chart(history: UsageHistory, width: int, height: int) -> list[Row]:
    """Return the title and the lines of a chart from 0 to 100 per cent, the newest at the right."""
    cells = width - HISTORY_LABEL - 1
    shown = history.values[-cells:]
    seconds = round(len(shown) * PERIOD)
    span = f"last {formatting.duration(seconds)}"
    if len(history.values) < min(cells, HISTORY):  # nobody reads them while no page shows them
        span = f"since {formatting.clock_time(clock.now() - seconds * clock.SECOND)}"
    rows: list[Row] = [(Segment(f" {history.title}", "strong"), Segment(f"  {span}", "dim"))]
    for line in range(height):
        floor, step = 100 * (height - 1 - line) / height, 100 / height
        drawn = "".join(_block(value, floor, step) for value in shown)
        label = "100%" if line == 0 else "0%" if line == height - 1 else ""
        axis = Segment(f"{fit(label, HISTORY_LABEL - 1, right=True)} │", "dim")
        rows.append((axis, Segment(drawn.rjust(cells), "accent")))
    return rows


def _block(value: float, floor: float, step: float) -> str:
    """Return the part of a column between `floor` and `floor + step` per cent."""
    if not value > floor:  # NaN too
        return " "
    return blocks([100 * min((value - floor) / step, 1.0)])


def machine_lines(
    machine: Machine | None,
    gpus: Sequence[GpuFigures],
    uses: Mapping[tuple[str, int], Holder],
    width: int,
) -> list[Entry[Holder]]:
    """Return all lines; the first one of a GPU has the stage that uses it (by place in `uses`)."""
    history = machine.gpu_history if machine is not None else {}
    near = [gpu for gpu in gpus if not gpu.host]
    driver: list[Row] = []
    if machine is not None and machine.gpu_problem:
        driver = text_rows(machine.gpu_problem, width - 4, "warn", " ▲ ")
    elif not near:
        driver = [(Segment(" No NVIDIA driver here, so no GPUs are shown.", "dim"),)]
    lines: list[Entry[Holder]] = [*map(Entry, driver)]
    for gpu in near:
        lines += _gpu_lines(gpu, uses.get(gpu.place), history.get(gpu.index, ()), width)
    if machine is None or machine.figures is None:
        lines.append(READING)
    else:
        lines += map(Entry, _processors(machine.figures, width))
        lines += map(Entry, _memory(machine.figures, width))
        for disk in machine.figures.disks:
            lines += map(Entry, _disk(disk, machine.rates.get(disk.room.path), width))
    far = [gpu for gpu in gpus if gpu.host]
    for host, those in groupby(far, key=lambda gpu: gpu.host):
        title = cut((Segment(f" {harmless(host)}", "strong"),), width)
        lines += [Entry(()), Entry(title)]
        for gpu in those:
            lines += _gpu_lines(gpu, uses.get(gpu.place), (), width)
    return lines


def _gpu_lines(
    gpu: GpuFigures, use: Holder | None, history: Sequence[tuple[float, float]], width: int
) -> list[Entry[Holder]]:
    title: list[Segment] = [Segment(f" GPU {gpu.index:<{LABEL - 5}}", "strong")]
    if gpu.name:
        title.append(Segment(f"{fit_middle(harmless(gpu.name), MOST_NAME)}  ", "dim"))
    if gpu.problem:
        title.append(Segment(f"▲ {gpu.user}", "bad"))
        return [Entry(cut(tuple(title), width))]
    if use is not None:
        title.append(Segment(harmless(use.stage), "accent"))
        title.append(Segment(f" of {harmless(use.run)}", "dim"))
    else:
        title.append(Segment(harmless(gpu.user or "free"), "warn" if gpu.user else "dim"))
    if gpu.warning:
        title.append(Segment(f"  ▲ {gpu.warning}", "bad"))
    busy_history, memory_history = known(history) if history else ((), ())
    busy = None if gpu.utilisation is None else gpu.utilisation / 100
    numbers = "–" if busy is None else f"{gpu.utilisation}%"
    if gpu.power is not None:
        numbers += f"  {gpu.power} W"
    heat = []
    if gpu.temperature is not None:
        heat = [Segment(f"  {gpu.temperature} °C", "bad" if gpu.temperature >= HOT else "")]
    rows = [_measure("busy", busy, numbers, busy_history, width, heat)]
    if gpu.memory_used is not None and gpu.memory_total:
        share = gpu.memory_used / gpu.memory_total
        words = f"{gpu.memory_used}/{gpu.memory_total} GiB"
        rows.append(_measure("memory", share, words, memory_history, width))
    return [Entry(cut(tuple(title), width), use), *map(Entry, rows)]


def _measure(
    label: str,
    share: float | None,
    numbers: str,
    history: Sequence[float],
    width: int,
    beside: Sequence[Segment] = (),
) -> Row:
    """Return a line with a label, a bar, numbers and a sparkline of the history."""
    full, empty = bar(round(BAR * min(max(share or 0.0, 0.0), 1.0)), BAR)
    high = share is not None and share * 100 >= HIGH
    spans = [
        Segment(f"   {label:<{LABEL}}", "dim"),
        Segment(full, "warn" if high else "accent"),
        Segment(empty, "line"),
        Segment("  "),
    ]
    used = sum(len(one.text) for one in beside)
    spans += [Segment(fit(numbers, max(NUMBERS - used, len(numbers)))), *beside, Segment("  ")]
    room = min(width - LABEL - BAR - NUMBERS - 8, MOST_HISTORY)
    if room >= 8 and len(history) > 1:
        spans.append(Segment(blocks(history[-room:]), "dim"))
    return tuple(spans)


def _processors(machine: MachineFigures, width: int) -> list[Row]:
    count = len(machine.cores)
    usable = f", {machine.usable} usable" if machine.usable < count else ""
    title = f"{quantity(count, 'processor')}{usable}, load {machine.load:.1f}"
    rows: list[Row] = [(), (Segment(" Machine  ", "strong"), Segment(title, "dim"))]
    words = f"{machine.cpu:.0f}%"
    rows.append(_measure("CPU", machine.cpu / 100, words, machine.cpu_history, width))
    room = max(width - LABEL - 5, 8)
    each, drawn = Segment(f"   {'each':<{LABEL}}", "dim"), blocks(machine.cores)
    return rows + labelled(each, text_rows(drawn, room, "accent"))


def _memory(machine: MachineFigures, width: int) -> list[Row]:
    used, total = machine.memory_used, machine.memory_total
    words = f"{size(used)} used of {size(total)}"
    rows = [_measure("memory", used / max(total, 1), words, machine.memory_history, width)]
    if machine.swap_total:
        words = f"{size(machine.swap_used)} used of {size(machine.swap_total)}"
        rows.append(_measure("swap", machine.swap_used / machine.swap_total, words, (), width))
    return rows


def _disk(found: DiskFigures, rate: float | None, width: int) -> list[Row]:
    network = ", a network file system" if found.kind in system.NETWORK else ""
    where, free = f"{network} ({found.kind})", found.room.free
    path = fit_middle(harmless(str(found.room.path)), max(width - LABEL - len(where) - 3, 12))
    share = (found.total - free) / max(found.total, 1)
    words = f"{size(free)} free of {size(found.total)}"
    low = [Segment("  ▲ low", "bad")] if found.room.is_low else []
    growth = Segment("usage not growing", "dim")
    if rate is None:
        growth = Segment("growth known after a minute", "dim")
    elif rate > 0:
        text = f"growing by {size(int(rate * 60))}/min: full in {coarse_time(free / rate)}"
        growth = Segment(text, "warn")
    return [
        (),
        (Segment(" Disk     ", "strong"), Segment(path), Segment(where, "dim")),
        (*_measure("space", share, words, (), width), *low),
        (Segment(f"   {'':<{LABEL}}"), growth),
    ]


class MachineView(EntryView[Holder]):
    """The lines, with a cursor on GPUs that our stages use."""

    scopes = ("machine",)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("machine.open")]


class MachineScreen(Page):
    """The machine page."""

    scope = "machine"
    command_scopes = ("machine", "acting", "app")
    has_search = False
    AUTO_FOCUS: ClassVar[str | None] = "MachineView"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("machine.back")]

    DEFAULT_CSS = "MachineView { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.drawing.has_data = True
        self.view = MachineView(id="machine")

    def content(self) -> Iterator[Widget]:
        """Yield the lines."""
        yield self.view

    def on_mount(self) -> None:
        """Say that the machine's state is read."""
        self.top.show(TITLE)
        self.view.set_entries([READING])

    def page_query(self) -> MachineQuery:
        """Return the query for the machine's data."""
        return MachineQuery()

    def take(self, snapshot: Snapshot) -> None:
        """Show a snapshot, without the GPU strip, which would repeat the same GPUs."""
        self.show(snapshot)

    def show(self, snapshot: Snapshot) -> None:
        """Show the machine's data of a snapshot."""
        if not isinstance(snapshot.query, MachineQuery):
            return
        self.top.show(TITLE, self.notices(snapshot, snapshot.runs))
        width = max(self.size.width - 1, 20)
        gpus = (*snapshot.gpus, *snapshot.far_gpus)
        lines = machine_lines(snapshot.machine, gpus, snapshot.gpu_uses, width)
        if snapshot.machine is not None:
            room = self.view.page_height - len(lines)
            lines += map(Entry, history_rows(snapshot.machine, width, room))
        self.view.set_entries(lines)

    def search(self, text: str, pane: Widget | None) -> None:
        """Do nothing: this page has no search."""

    def action_match(self, direction: int) -> None:
        """Move the cursor: this page has no search."""
        self.view.action_line(direction)

    def footer_scopes(self) -> tuple[str, ...]:
        """Return the scopes of the keys in the key bar."""
        return ("machine", "app")

    def targets(self) -> Sequence[RunLine]:
        """Return the run that uses the GPU under the cursor."""
        use = self.view.selected
        return [run for run in self.own_app.runs if use is not None and run.id == use.run_id]

    def report(self) -> str:
        """Return the page as text."""
        return f"```\n{joined([entry.row for entry in self.view.entries])}\n```\n"

    def on_cursor_view_opened(self) -> None:
        """Open the page of the run that uses the GPU."""
        use = self.view.selected
        if use is not None:
            self.own_app.open_run(use.run_id)
