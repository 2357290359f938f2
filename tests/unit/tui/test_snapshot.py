"""A value of a cache is made again only once what it was made of has changed."""

from __future__ import annotations

from itertools import count

from trainui.tui.snapshot import Cache


def test_a_value_is_recomputed_for_another_state() -> None:
    cache, made = Cache[int](2), count()

    def read(state: str, key: str) -> int:
        return cache.read(state, lambda: next(made), key)

    assert [read("1", "a"), read("1", "a"), read("2", "a")] == [0, 0, 1]
    assert [read("1", "b"), read("2", "a"), read("1", "b")] == [2, 1, 2]
    assert [read("1", "c"), read("2", "a")] == [3, 4], "a third key empties a cache for two"


def test_a_value_whose_period_is_over_is_made_again() -> None:
    made = count()
    for period, expected in ((3600.0, [0, 0]), (-1.0, [1, 2])):
        cache = Cache[int](period=period)
        assert [cache.read(None, lambda: next(made)) for _ in range(2)] == expected
