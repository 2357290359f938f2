"""Durations and sizes of memory mean what people mean by them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainui.pipeline import field_names


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
    assert field_names.parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (0.5, "0.5s"), (90, "1m30s"), (43_200, "12h"), (93_784, "1d2h3m4s")],
)
def test_durations_are_written_as_in_a_pipeline_file(seconds: float, words: str) -> None:
    assert field_names.duration_text(seconds) == words
    assert field_names.parse_duration(words) == seconds


@pytest.mark.parametrize(
    "text",
    ["", " ", "s", "5x", "-5", "+5", "5 m", "30m1h", "1h1h", "1:30", "inf", "nan", "1e99", "4000d",
     "٣s", "1h 30m", "5S", "1_000", "1e-3", "0x10"],
)  # fmt: skip
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        field_names.parse_duration(text)


@given(st.integers(0, 300), st.integers(0, 100), st.integers(0, 10_000), st.integers(0, 100_000))
def test_the_parts_add_up(days: int, hours: int, minutes: int, seconds: int) -> None:
    parts = ((days, "d", 86_400), (hours, "h", 3600), (minutes, "m", 60), (seconds, "s", 1))
    total = sum(number * each for number, _, each in parts)
    assert (
        field_names.parse_duration("".join(f"{number}{unit}" for number, unit, _ in parts)) == total
    )
    short = "".join(f"{number}{unit}" for number, unit, _ in parts if number)
    assert field_names.parse_duration(short or "0") == total
    assert field_names.parse_duration(str(total)) == total


@given(st.text(max_size=8))
def test_no_text_is_a_surprise(text: str) -> None:
    try:
        seconds = field_names.parse_duration(text)
    except ValueError:
        return
    assert 0 <= seconds <= field_names.LONGEST


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("24G", 24 * 10**9),
        ("40GiB", 40 * 2**30),
        (" 80 GB", 80 * 10**9),
        ("1.5Gi", 3 * 2**29),
        ("512M", 512 * 10**6),
        ("1000", 1000),
        ("2k", 2000),
    ],
)
def test_a_size_is_read(text: str, bytes_: int) -> None:
    assert field_names.parse_size(text) == bytes_


@pytest.mark.parametrize("text", ["", "G", "0", "0G", "-1G", "1 PB", "many", "1e9"])
def test_other_texts_than_sizes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a size such as 24G"):
        field_names.parse_size(text)


def test_a_size_in_words() -> None:
    words = [
        field_names.format_size(field_names.parse_size(text))
        for text in ("24G", "40GiB", "1.5Gi", "500M")
    ]
    assert words == ["24 GB", "40 GiB", "1536 MiB", "500 MB"]
