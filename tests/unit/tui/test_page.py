"""The line with the worst warning about the installation, and what a page remembers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.tui.driving import opened
from tests.unit.tui.filled import Filler
from trainui.execution.processes import NO_WORKER
from trainui.tui import page
from trainui.tui.app_interface import Preferences
from trainui.tui.readers.machine import HealthReader
from trainui.tui.snapshot import Health

ILL = Health("broker died, restarting", "nothing is lost")


def keys_of(health: Health, external: set[bool], *, is_starting: bool = False) -> list[str]:
    found = page.health_warnings(health, external=external, is_starting=is_starting)
    return [one.key for one in found]


def test_a_missing_worker_is_trouble_while_runs_wait() -> None:
    health = Health(NO_WORKER, "`trainui worker start` starts it")
    assert keys_of(health, set()) == keys_of(health, {False}, is_starting=True) == []
    (own,) = page.health_warnings(health, external={False}, is_starting=False)
    (other,) = page.health_warnings(health, external={True}, is_starting=False)
    assert (own.words, other.words) == (
        "no worker: nothing new starts",
        "no worker: nothing new is read",
    )


def test_each_warning_names_its_remedy() -> None:
    health = ILL._replace(
        low_disk="disk full", reader="metrics reader was killed", is_upgraded=True
    )
    found = page.health_warnings(health, external=set(), is_starting=False)
    assert [one.key for one in found] == ["disk", ILL.trouble, "reader", "upgrade"]
    assert all(one.remedy for one in found)


async def test_a_hidden_warning_is_shown_when_it_comes_again(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another kind of trouble meanwhile is shown at once, and the key hides it on all pages."""
    seen = [ILL]
    monkeypatch.setattr(HealthReader, "_check", lambda _self: seen[-1])
    run_id = filler.run({"train": ()})
    async with opened(run_id, (80, 24)) as driven:
        await driven.until_shown("broker died, restarting", "nothing is lost", "! hides")
        await driven.press("exclamation_mark")
        await driven.until_gone("broker died")
        await driven.press("escape")
        await driven.until_shown("STATE")
        assert "broker died" not in driven.text()
        seen.append(Health("worker does not answer", "the guard replaces it"))
        await driven.until_shown("worker does not answer", "the guard replaces it")
        seen.append(ILL)
        await driven.until_shown("broker died, restarting")


@pytest.mark.parametrize("width", [80, 120, 200])
async def test_a_remedy_is_whole_and_moves_nothing_above_it(
    filler: Filler, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    remedy = (
        "`trainui worker stop` there, then `trainui worker start` here, which says what is lost"
    )
    ill = Health(f"this home is a copy of {'/scratch/of/many/people' * 9}, which runs", remedy)
    seen = [Health()]
    monkeypatch.setattr(HealthReader, "_check", lambda _self: seen[-1])
    filler.run({"train": ()}, name="digits")
    async with opened(size=(width, 24)) as driven:
        await driven.until_shown("digits")
        before = driven.text().splitlines()
        seen.append(ill)
        await driven.until_shown("this home is a copy")
        after = driven.text().splitlines()
        at = next(at for at, line in enumerate(after) if "this home is a copy" in line)
        assert [line[:40] for line in after[1:3]] == [line[:40] for line in before[1:3]]
        shown = " ".join(line.strip() for line in after[at:-1])
        assert remedy.replace("`", "") in " ".join(shown.replace("! hides", "").split())


def test_two_screens_overwrite_nothing_of_each_others_preferences(tmp_path: Path) -> None:
    file = tmp_path / "screen.json"
    first, second = Preferences(file, lambda: None), Preferences(file, lambda: None)
    first.keep("theme", {"chosen": "trainui-light"})
    first.save()
    second.keep("details", True)
    second.save()
    found = Preferences(file, lambda: None)
    assert found.get("theme", dict) == {"chosen": "trainui-light"}
    assert found.get("details", bool) is True
