"""The machine page as lines: GPUs with their users, CPUs, memory, disks and their growth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from trainui import mounts
from trainui.formatting import quantity, size
from trainui.store.read.gpu_use import Holder
from trainui.text import harmless
from trainui.tui.data.machine_figures import DiskFigures, GpuFigures, MachineFigures, coarse
from trainui.tui.data.snapshot import Machine
from trainui.tui.machine.histories import known
from trainui.tui.render.numbers import bar, blocks
from trainui.tui.render.styled_text import Row, Segment, cut, fit, fit_middle, labelled, text_rows
from trainui.tui.widgets.list_view import Entry

LABEL, BAR, NUMBERS = 9, 20, 24
"""Widths in cells of the label, the bar and the numbers."""

MOST_HISTORY, MOST_NAME = 60, 40
"""The most cells of a history and of a GPU's name."""

HIGH, HOT = 90, 85
"""Per cent, and degrees Celsius, from which a figure is highlighted."""


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
        lines.append(Entry((Segment(" reading the machine's state…", "dim"),)))
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
    busy_history, memory_history = known(history) if history else ([], [])
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
    words = f"{size(used)} of {size(total)}"
    rows = [_measure("memory", used / max(total, 1), words, machine.memory_history, width)]
    if machine.swap_total:
        words = f"{size(machine.swap_used)} of {size(machine.swap_total)}"
        rows.append(_measure("swap", machine.swap_used / machine.swap_total, words, (), width))
    return rows


def _disk(found: DiskFigures, rate: float | None, width: int) -> list[Row]:
    network = ", a network file system" if found.kind in mounts.NETWORK else ""
    where, free = f"{network} ({found.kind})", found.room.free
    path = fit_middle(harmless(str(found.room.path)), max(width - LABEL - len(where) - 3, 12))
    share = (found.total - free) / max(found.total, 1)
    words = f"{size(free)} free of {size(found.total)}"
    low = [Segment("  ▲ low", "bad")] if found.room.is_low else []
    growth = Segment("usage not growing", "dim")
    if rate is not None:
        text = f"growing by {size(int(rate * 60))}/min: full in {coarse(free / rate)}"
        growth = Segment(text, "warn")
    return [
        (),
        (Segment(" Disk     ", "strong"), Segment(path), Segment(where, "dim")),
        (*_measure("used", share, words, (), width), *low),
        (Segment(f"   {'':<{LABEL}}"), growth),
    ]
