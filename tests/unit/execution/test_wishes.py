"""The later of two wishes counts, whatever the clock says."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from trainui.execution import wishes
from trainui.paths import Home

DAY = 86_400 * 10**9


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.worker.mkdir()
    return home


def test_nobody_wants_it_before_anybody_said_so(home: Home) -> None:
    assert not wishes.is_wanted(home)


def test_the_last_wish_counts(home: Home) -> None:
    for _ in range(3):
        wishes.want(home)
        assert wishes.is_wanted(home)
        wishes.withdraw(home)
        assert not wishes.is_wanted(home)


def test_the_last_wish_counts_though_the_clock_went_back(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    wishes.want(home)
    yesterday = time.time_ns() - DAY
    monkeypatch.setattr(time, "time_ns", lambda: yesterday)
    wishes.withdraw(home)
    assert not wishes.is_wanted(home)
    wishes.want(home)
    assert wishes.is_wanted(home)


def test_a_wish_that_was_made_after_the_look_is_not_withdrawn(home: Home) -> None:
    wishes.want(home)
    seen = wishes.wanted_at(home)
    wishes.want(home)
    wishes.withdraw_seen(home, seen)
    assert wishes.is_wanted(home)


def test_a_wish_that_was_seen_is_withdrawn(home: Home) -> None:
    wishes.want(home)
    wishes.withdraw_seen(home, wishes.wanted_at(home))
    assert not wishes.is_wanted(home)


def test_a_later_stop_is_not_undone_by_an_idle_worker(home: Home) -> None:
    wishes.want(home)
    wishes.withdraw(home)
    stopped_at = wishes.withdrawn_at(home)
    wishes.withdraw_seen(home, wishes.wanted_at(home))
    assert wishes.withdrawn_at(home) == stopped_at


def test_many_may_wish_at_once(home: Home) -> None:
    failures: list[BaseException] = []

    def wish() -> None:
        try:
            for _ in range(50):
                wishes.want(home)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=wish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert wishes.is_wanted(home)


def test_a_stamp_that_cannot_be_read_is_no_wish(home: Home) -> None:
    (home.worker / "wanted").write_text("\0\0\0")
    assert not wishes.is_wanted(home)
