"""The later of two requests counts, whatever the clock says."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from trainui.execution.processes import desired_state
from trainui.paths import Home

DAY = 86_400 * 10**9


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.worker.mkdir()
    return home


def test_it_is_not_wanted_before_the_first_request(home: Home) -> None:
    assert not desired_state.is_wanted(home)


def test_the_last_wish_counts(home: Home) -> None:
    for _ in range(3):
        desired_state.want(home)
        assert desired_state.is_wanted(home)
        desired_state.withdraw(home)
        assert not desired_state.is_wanted(home)


def test_the_last_wish_counts_though_the_clock_went_back(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    desired_state.want(home)
    yesterday = time.time_ns() - DAY
    monkeypatch.setattr(time, "time_ns", lambda: yesterday)
    desired_state.withdraw(home)
    assert not desired_state.is_wanted(home)
    desired_state.want(home)
    assert desired_state.is_wanted(home)


def test_a_wish_that_was_made_after_the_look_is_not_withdrawn(home: Home) -> None:
    desired_state.want(home)
    seen = desired_state.wanted_at(home)
    desired_state.want(home)
    desired_state.withdraw_seen(home, seen)
    assert desired_state.is_wanted(home)


def test_a_wish_after_the_look_is_not_withdrawn_though_the_clock_went_back(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    desired_state.want(home)
    seen = desired_state.wanted_at(home)
    yesterday = time.time_ns() - DAY
    monkeypatch.setattr(time, "time_ns", lambda: yesterday)
    desired_state.want(home)
    desired_state.withdraw_seen(home, seen)
    assert desired_state.is_wanted(home)


def test_a_wish_that_was_seen_is_withdrawn(home: Home) -> None:
    desired_state.want(home)
    desired_state.withdraw_seen(home, desired_state.wanted_at(home))
    assert not desired_state.is_wanted(home)


def test_a_later_stop_is_not_undone_by_an_idle_worker(home: Home) -> None:
    desired_state.want(home)
    desired_state.withdraw(home)
    stopped_at = desired_state.withdrawn_at(home)
    desired_state.withdraw_seen(home, desired_state.wanted_at(home))
    assert desired_state.withdrawn_at(home) == stopped_at


def test_many_may_wish_at_once(home: Home) -> None:
    failures: list[BaseException] = []

    def wish() -> None:
        try:
            for _ in range(50):
                desired_state.want(home)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=wish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert desired_state.is_wanted(home)


def test_a_stamp_that_cannot_be_read_is_no_wish(home: Home) -> None:
    (home.worker / "wanted").write_text("\0\0\0")
    assert not desired_state.is_wanted(home)
