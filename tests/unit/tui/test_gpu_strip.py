"""The strip of GPUs: what fits is shown, whose each is, and nothing where there are none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gpus.stand_in import GIB, Machine
from tests.unit.tui.driving import opened
from tests.unit.tui.filled import Filler, running_demo
from trainui.execution import gpus
from trainui.tui import widgets
from trainui.tui.app_interface import PREFERENCES_FILE
from trainui.tui.run_list.screen import RunsScreen
from trainui.tui.snapshot import GpuFigures
from trainui.tui.styled_text import plain, width_of
from trainui.tui.widgets import strip_rows

BUSY = GpuFigures(0, None, False, 97, 41, 80, 61, 412)
TAKEN = GpuFigures(1, "pid 4242 of another user", False, 8, 3, 80, 40, 90)
LOST = GpuFigures(2, "has fallen off the bus", problem=True)
UNTOLD = GpuFigures(3, None)


def shown(figures: list[GpuFigures], width: int) -> list[str]:
    rows = strip_rows(figures, {("", 0): "train[lr=0.1]", ("node7", 1): "fit"}, width)
    assert all(width_of(row) <= width for row in rows)
    return [plain(row).rstrip() for row in rows]


def test_with_room_everything_is_shown() -> None:
    assert shown([BUSY, TAKEN], 120) == [
        " GPU 0  97% 41/80G 61°C 412W train[lr=0.1]                  "
        " GPU 1   8%  3/80G 40°C 90W pid 4242 of another user"
    ]


def test_with_less_room_the_least_important_figures_go_first() -> None:
    assert shown([BUSY, TAKEN, LOST, UNTOLD], 80) == [
        " GPU 0  97% 41/80G train[lr=0.1]         GPU 1   8%  3/80G pid 4242 of another…",
        " GPU 2 ▲ has fallen off the bus          GPU 3   –  free",
    ]
    eight = shown([BUSY] * 8, 80)
    assert len(eight) == 2
    assert eight[0].startswith(" 0  97% 41G train[…  0  97%")


def far(index: int, user: str | None = None, **figures: Any) -> GpuFigures:
    return GpuFigures(index, user, utilisation=40, host="node7", **figures)


def test_many_other_hosts_are_summed_up() -> None:
    assert shown([BUSY, far(0), far(1)], 120) == [
        " GPU 0  97% 41/80G train[lr=0.1]         node7:0  40% free"
        "                       node7:1  40% fit"
    ]
    lost = far(3, "has fallen off the bus", problem=True)
    many = [BUSY, *map(far, range(3)), lost, *map(far, range(4, 8))]
    assert shown(many, 80) == [" GPU 0  97% 41/80G train[lr=0.1]         node7  40% 6 of 8 free"]


@pytest.mark.parametrize("width", [1, 10, 40, 79, 80, 200])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 16])
def test_it_never_takes_more_room_than_there_is(count: int, width: int) -> None:
    assert len(shown([TAKEN, BUSY, LOST, UNTOLD, far(0)] * count, width)) <= 2


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    made = Machine(tmp_path / "nvml", 2)
    made.load(monkeypatch)
    yield made
    gpus.close()


async def test_the_screen_shows_whose_each_gpu_is(machine: Machine, filler: Filler) -> None:
    running_demo(filler)
    with filler.store.write() as connection:  # the training that runs has a GPU instead
        taken = "UPDATE slots SET host = ?, kind = 'gpu', number = 0"
        connection.execute(taken, (socket.gethostname(),))
    machine.change(0, utilisation=42, used=3 * GIB)
    machine.lose(1)
    async with opened(size=(80, 24)) as driven:
        await driven.until_shown(
            "GPU 0  42%  3/80G train[hidden=128]", "GPU 1 ▲ has fallen off the bus"
        )
        assert driven.runs.gpu_strip.size.height == 1
        await driven.press("enter")
        await driven.until_shown("GPU 0  42%", "prepare")
        machine.change(0, utilisation=7)
        await driven.until_shown("GPU 0   7%")


async def test_the_strips_lines_are_kept_free_from_the_second_start_on(
    machine: Machine, filler: Filler
) -> None:
    """The figures come after the first frame, and move nothing then."""
    running_demo(filler, name="digits")
    async with opened(size=(80, 24)) as driven:
        await driven.until_shown("GPU 0", "GPU 1")
        place = driven.runs.table.region.y
    async with opened(size=(80, 24)) as driven:
        await driven.until_shown("STATE")
        assert driven.runs.table.region.y == place
        await driven.until_shown("GPU 0", "GPU 1")
        assert driven.runs.table.region.y == place


async def test_lines_kept_for_gpus_that_are_gone_are_given_back(
    filler: Filler, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if Path("/dev/nvidiactl").exists():
        pytest.skip("this machine has a driver")
    monkeypatch.setattr(widgets, "RESERVED", 0.2)
    running_demo(filler)
    (home / PREFERENCES_FILE).write_text('{"gpus": {"count": 8}}')
    async with opened(size=(80, 24)) as driven:
        await driven.until_shown("STATE")
        await driven.until(lambda: not driven.runs.gpu_strip.display, "no strip")


async def test_without_a_driver_there_is_no_strip(filler: Filler) -> None:
    if Path("/dev/nvidiactl").exists():
        pytest.skip("this machine has a driver")
    running_demo(filler)
    async with opened(size=(80, 24)) as driven:
        await driven.until_shown("STATE")
        page = driven.app.page
        assert isinstance(page, RunsScreen)
        assert not page.gpu_strip.display
        assert "GPU" not in driven.text()
