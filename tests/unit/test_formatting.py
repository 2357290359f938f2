"""Figures as people read them."""

from __future__ import annotations

from trainui import formatting


def test_sizes_have_units_and_are_never_more_than_they_are() -> None:
    counts = (0, 999, 1234, 480_000, 999_999, 5_600_000, 99_999_999, 10**10, 3 * 10**15)
    shown = [formatting.size(count) for count in counts]
    assert shown[:5] == ["0 B", "999 B", "1.2 kB", "480 kB", "999 kB"]
    assert shown[5:] == ["5.6 MB", "99.9 MB", "10 GB", "3000 TB"]


def test_quantities_have_the_noun_in_its_number() -> None:
    shown = [formatting.quantity(count, "stage") for count in (0, 1, 2)]
    assert shown == ["0 stages", "1 stage", "2 stages"]


def test_only_a_uuid_is_shortened() -> None:
    assert formatting.short_id("3f2a91c0-5f0e-4c55-8f43-2f3a7a8f3e11") == "3f2a91c0"
    assert formatting.short_id("experiment-12") == "experiment-12"
