"""The machine's page: whose each GPU is, and when the disk will be full."""

from __future__ import annotations

import math
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.app import App, ComposeResult

from tests.gpus.stand_in import DRIVER_NOT_LOADED, GIB, Machine
from tests.unit.tui.driving import opened
from tests.unit.tui.filled import Filler, running_demo
from trainui import clock, formatting
from trainui.execution import gpus
from trainui.store.read.views import Holder
from trainui.system import DiskSpace
from trainui.tui.machine_screen import (
    GAP,
    MachineScreen,
    MachineView,
    history_rows,
    machine_lines,
)
from trainui.tui.numbers import coarse_time
from trainui.tui.readers.machine import DiskForecast, GpuReader
from trainui.tui.snapshot import HISTORY, DiskFigures, GpuFigures, MachineFigures
from trainui.tui.snapshot import Machine as Seen
from trainui.tui.styled_text import joined, width_of
from trainui.tui.widgets import Entry, strip_rows

PLACE = Path("/data/runs")
GIGABYTE = 10**9


def forecast(*free: int, every: float = 30.0) -> DiskForecast:
    found = DiskForecast()
    for at, left in enumerate(free):
        found.note([DiskSpace(PLACE, left, GIGABYTE)], at * every)
    return found


def test_a_filling_disk_is_reported_with_its_time() -> None:
    filling = forecast(*(100 * GIGABYTE - at * GIGABYTE // 2 for at in range(10)))
    assert filling.rates() == {PLACE: GIGABYTE / 60}
    for free, when in ((60, "~1h"), (190, "~3h 10m")):
        words = f"disk full in {when}: {free} GB free on {PLACE}"
        room = DiskSpace(PLACE, free * GIGABYTE, 1)
        assert (filling.filling([room]), filling.warning(room)) == (room, words)
    assert filling.filling([DiskSpace(PLACE, 2000 * GIGABYTE, 1)]) is None


def test_no_forecast_for_a_steady_or_new_disk() -> None:
    assert forecast(5 * GIGABYTE, 5 * GIGABYTE, 5 * GIGABYTE).rates() == {}
    assert forecast(5 * GIGABYTE, 5 * GIGABYTE, 5 * GIGABYTE).known_rates() == {PLACE: 0.0}
    assert forecast(5 * GIGABYTE, 4 * GIGABYTE).rates() == {}
    assert forecast(5 * GIGABYTE, 4 * GIGABYTE).known_rates() == {}


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ({}, "growth known after a minute"),
        ({PLACE: 0.0}, "usage not growing"),
        ({PLACE: GIGABYTE / 60}, "growing by 1 GB/min"),
    ],
)
def test_a_disk_grows_or_not_or_nobody_knows_yet(rates: dict[Path, float], words: str) -> None:
    seen = SEEN._replace(rates=rates)
    assert words in joined([line.row for line in machine_lines(seen, [], {}, 80)])


def test_a_deletion_begins_a_new_forecast() -> None:
    assert forecast(9 * GIGABYTE, 8 * GIGABYTE, 7 * GIGABYTE, 20 * GIGABYTE).rates() == {}


def test_a_forecast_is_coarse() -> None:
    assert [coarse_time(s) for s in (5, 61, 3541, 11_423)] == ["~1m", "~1m", "~59m", "~3h 10m"]


FIGURES = MachineFigures(
    cores=(0, 50, 100),
    usable=2,
    load=1.5,
    memory_used=3 * GIGABYTE,
    memory_total=4 * GIGABYTE,
    swap_used=0,
    swap_total=0,
    disks=(DiskFigures(DiskSpace(PLACE, 60 * GIGABYTE, 0), 100 * GIGABYTE, "nfs4"),),
    cpu_history=(0.0, 50.0, 100.0),
    memory_history=(75.0, 75.0, 75.0),
)
SEEN = Seen(FIGURES, {0: ((0.0, 50.0), (97.0, 51.0))}, None, {PLACE: GIGABYTE / 60})
BUSY = GpuFigures(0, None, False, 97, 41, 80, 91, 412, "NVIDIA H100 80GB HBM3")
USE = Holder("id", "digits", "train[lr=0.1]")
OTHER = Holder("other", "faces", "fit")


@pytest.mark.parametrize("width", [40, 60, 80, 120, 300])
def test_it_shows_everything_and_never_more_than_fits(width: int) -> None:
    far = GpuFigures(0, None, utilisation=40, host="node7")
    gpus = [BUSY, GpuFigures(1, "pid 7 of another user"), far]
    lines = machine_lines(SEEN, gpus, {("", 0): USE, ("node7", 0): OTHER}, width)
    text = joined([line.row for line in lines])
    for part in ("97%", "412 W", "91 °C", "41/80 GiB", "3 GB used of 4 GB", "▁▅█", "load 1.5"):
        assert part in text
    assert "2 usable" in text
    assert "a network file system (nfs4)" in text
    assert "full in ~1h" in text
    assert [line.item for line in lines if line.item] == [USE, OTHER]
    if width >= 80:
        assert "train[lr=0.1] of digits" in text
        assert "pid 7 of another user" in text
        assert "fit of faces" in text.partition("node7")[2]
        assert max(width_of(line.row) for line in lines) <= width


def test_a_warning_of_a_gpu_stands_beside_its_user() -> None:
    hot = replace(BUSY, warning="slowed down by heat")
    (title, *_) = machine_lines(SEEN, [hot], {("", 0): USE}, 100)
    assert "train[lr=0.1] of digits  ▲ slowed down by heat" in joined([title.row])
    assert "▲ free" in joined(strip_rows([hot], {}, 100))
    assert "▲" not in joined(strip_rows([BUSY], {}, 100))


def test_without_a_driver_the_machine_stands_alone() -> None:
    text = joined([line.row for line in machine_lines(SEEN, [], {}, 80)])
    assert "No NVIDIA driver here" in text
    assert "CPU" in text
    broken = Seen(gpu_problem="the NVIDIA driver is not loaded")
    text = joined([line.row for line in machine_lines(broken, [], {}, 80)])
    assert "▲ the NVIDIA driver is not loaded" in text


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    made = Machine(tmp_path / "nvml", 2)
    made.load(monkeypatch)
    yield made
    gpus.close()


async def test_the_page_shows_each_gpus_run_and_opens_it(machine: Machine, filler: Filler) -> None:
    running_demo(filler)
    with filler.store.write() as connection:  # the training that runs has a GPU instead
        taken = "UPDATE slots SET host = ?, kind = 'gpu', number = 0"
        connection.execute(taken, (socket.gethostname(),))
    machine.change(0, utilisation=42, used=3 * GIB)
    machine.lose(1)
    async with opened(size=(100, 30)) as driven:
        await driven.until_shown("GPU 0  42%")
        await driven.press("M")
        await driven.until(lambda: isinstance(driven.app.screen, MachineScreen), "the page")
        await driven.until_shown("train[hidden=128] of digits", "NVIDIA H100", "42%", "3/80 GiB")
        await driven.until_shown("has fallen off the bus", "CPU", "memory", "free of", "load")
        machine.change(0, utilisation=7)
        await driven.until_shown(" 7%")
        await driven.press("enter")
        await driven.until_shown("1 Stages")
        await driven.press("escape")
        await driven.until_shown("› machine")
        await driven.press("escape")
        await driven.until_shown("STATE")


async def test_the_page_says_that_it_reads(
    machine: Machine, filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    running_demo(filler)
    monkeypatch.setattr(MachineScreen, "take", lambda *_: None)
    async with opened(size=(100, 30)) as driven:
        await driven.press("M")
        await driven.until_shown("› machine", "reading the machine's state…")


class OnlyView(App[None]):
    """An app with the view alone, that no poller changes."""

    def compose(self) -> ComposeResult:
        yield MachineView(id="machine")


async def test_the_cursor_stays_on_a_second_gpu_and_moves_on() -> None:
    def lines(used: int) -> list[Entry[Holder]]:
        gpus = [GpuFigures(at, user=None, utilisation=used) for at in range(3)]
        both, other = (Holder(name, name, "train") for name in ("both", "other"))
        uses = dict(zip((gpu.place for gpu in gpus), (both, both, other), strict=True))
        return machine_lines(None, gpus, uses, 80)

    app = OnlyView()
    async with app.run_test():
        view = app.query_one(MachineView)
        view.set_entries(lines(0))
        found = []
        for used in range(3):
            found.append((view.selected, view.cursor))
            view.action_line(1)
            view.set_entries(lines(used))
        runs = [use.run_id for use, _ in found if use is not None]
        assert runs == ["both", "both", "other"]
        assert len(set(found)) == 3


async def test_the_page_opens_without_gpus_and_without_runs(home: Path) -> None:
    if Path("/dev/nvidiactl").exists():
        pytest.skip("this machine has a driver")
    async with opened(size=(80, 24)) as driven:
        await driven.until_shown("No runs yet")
        await driven.press("M")
        await driven.until_shown("No NVIDIA driver here", "CPU", "memory")
        await driven.press("x")
        await driven.until_shown("no run is selected")
        await driven.press("escape")
        await driven.until_shown("No runs yet")


def test_histories_fill_the_room_below_and_fit_it() -> None:
    machine = Seen(
        gpu_history={0: tuple((float(at), 50.0) for at in range(0, 101, 5))}, figures=None
    )
    rows = [joined([row]) for row in history_rows(machine, 160, 20)]
    assert re.search(r"GPU 0 busy  since .*\d\d:\d\d.*GPU 0 memory  since .*\d\d:\d\d", rows[1])
    assert len(rows) == 16
    assert rows[2].startswith(" 100% │")
    assert rows[2].count("█") == 1, "only the newest value fills the highest line"
    assert all(len(row) <= 160 for row in rows)
    assert len(history_rows(machine, 80, 30)) == 30, "one below the other"
    assert len(history_rows(machine, 80, 9)) == 9, "the second one has no room"
    assert history_rows(machine, 160, 4) == []


def test_a_history_says_since_when_until_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: 1_800_000_000 * clock.SECOND)
    begun = formatting.clock_time(clock.now() - 60 * clock.SECOND)
    few, whole = (FIGURES._replace(cpu_history=(50.0,) * count) for count in (30, HISTORY))
    titles = [joined(history_rows(Seen(figures=one), 160, 20)).splitlines() for one in (few, whole)]
    assert f" CPU  since {begun}" in titles[0][1]
    assert " CPU  last 2m" in titles[1][1]


def test_without_room_for_histories_their_mean_is_drawn() -> None:
    histories = {at: ((50.0 + at, math.nan), (100.0, 20.0)) for at in range(8)}
    machine = Seen(gpu_history=histories, figures=FIGURES)

    def titles(width: int, room: int) -> list[str]:
        text = "\n".join(joined([row]) for row in history_rows(machine, width, room))
        return re.findall(r"(\S+(?: \S+)*)  since", text)

    assert titles(120, 60)[:4] == ["GPU 0 busy", "GPU 1 busy", "GPU 2 busy", "GPU 3 busy"]
    assert titles(120, 12) == ["8 GPUs busy, mean", "CPU", "memory"]
    assert titles(200, 6) == ["8 GPUs busy, mean", "CPU", "memory"]


def test_a_lost_gpus_history_ends_where_it_was_lost(machine: Machine) -> None:
    reader = GpuReader()
    machine.change(1, utilisation=100)
    for _ in range(3):
        reader._remember(gpus.query().gpus)
    machine.lose(1)
    for _ in range(2):
        reader._remember(gpus.query().gpus)
    seen = Seen(gpu_history={1: reader.history[1]}, figures=None)
    highest = joined([history_rows(seen, 160, 12)[2]])
    assert f" ███  {' ' * GAP} 100%" in highest, "and two moments without it"
    machine.init_code = DRIVER_NOT_LOADED
    machine.write()
    reader._remember(gpus.query().gpus)
    assert [math.isnan(busy) for busy, _ in reader.history[0]] == [False] * 5 + [True]


def test_a_history_begins_again_after_a_pause(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, now = GpuReader(), clock.now()
    reader._remember(gpus.query().gpus)
    monkeypatch.setattr(clock, "now", lambda: now + 3600 * clock.SECOND)  # as after ctrl+z
    reader._remember(gpus.query().gpus)
    assert len(reader.history[0]) == 1


def test_nothing_is_drawn_of_what_a_gpu_does_not_report() -> None:
    unknown = ((math.nan, math.nan),) * 3
    assert history_rows(Seen(gpu_history={0: unknown}, figures=None), 120, 40) == []
    gpu = replace(BUSY, utilisation=None, memory_used=None)
    machine = Seen(gpu_history={gpu.index: unknown}, figures=None)
    text = joined([line.row for line in machine_lines(machine, [gpu], {}, 120)])
    assert not set("▁▂▃▄▅▆▇█") & set(text)
