"""Figures as people read them, and durations as they write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("12h", 43_200),
        ("3d", 259_200),
        ("1h30m", 5400),
        ("1d2h3m4s", 93_784),
        ("45", 45),
        ("0", 0),
        ("0s", 0),
        ("1.5h", 5400),
        ("0.25", 0.25),
        (".5s", 0.5),
        ("1e3", 1000),
        (" 5m ", 300),
        ("010", 10),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert formatting.parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (0.5, "0.5s"), (90, "1m30s"), (43_200, "12h"), (93_784, "1d2h3m4s")],
)
def test_durations_are_written_as_in_a_pipeline_file(seconds: float, words: str) -> None:
    assert formatting.duration_text(seconds) == words
    assert formatting.parse_duration(words) == seconds


@pytest.mark.parametrize(
    "text",
    ["", " ", "s", "5x", "-5", "+5", "5 m", "30m1h", "1h1h", "1:30", "inf", "nan", "1e99", "4000d",
     "٣s", "1h 30m", "5S", "1_000", "1e-3", "0x10"],
)  # fmt: skip
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        formatting.parse_duration(text)


@given(st.integers(0, 300), st.integers(0, 100), st.integers(0, 10_000), st.integers(0, 100_000))
def test_the_parts_add_up(days: int, hours: int, minutes: int, seconds: int) -> None:
    parts = ((days, "d", 86_400), (hours, "h", 3600), (minutes, "m", 60), (seconds, "s", 1))
    total = sum(number * each for number, _, each in parts)
    assert (
        formatting.parse_duration("".join(f"{number}{unit}" for number, unit, _ in parts)) == total
    )
    short = "".join(f"{number}{unit}" for number, unit, _ in parts if number)
    assert formatting.parse_duration(short or "0") == total
    assert formatting.parse_duration(str(total)) == total


@given(st.text(max_size=8))
def test_no_text_is_a_surprise(text: str) -> None:
    try:
        seconds = formatting.parse_duration(text)
    except ValueError:
        return
    assert 0 <= seconds <= formatting.LONGEST
