"""Sizes of memory mean what people mean by them."""

from __future__ import annotations

import pytest

from trainui.pipeline import field_names


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
