"""Plain values stand for what YAML 1.2 says."""

from __future__ import annotations

import pytest

from trainui.pipeline import yaml_nodes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("NULL", None), ("nULL", "nULL"),
        ("true", True), ("False", False), ("TRUE", True), ("yes", "yes"), ("on", "on"),
        ("1", 1), ("-1", -1), ("+1", 1), ("010", 10), ("0o10", 8), ("0x1f", 31), ("0x", "0x"),
        ("1_000", "1_000"), ("1.0", 1.0), ("-1.5e3", -1500.0), ("1e-3", 0.001), (".5", 0.5),
        ("1.", 1.0), (".", "."), ("1e", "1e"), ("-", "-"), ("0b1", "0b1"), ("1:30", "1:30"),
        ("2026-01-31", "2026-01-31"), ("inf", "inf"), ("nan", "nan"), ("٣", "٣"), ("=", "="),
        ("-0o10", "-0o10"), ("00", 0), ("0", 0),
    ],
)  # fmt: skip
def test_values(text: str, value: object) -> None:
    found = yaml_nodes.resolve(text)
    assert found == value
    assert type(found) is type(value)
    assert yaml_nodes.looks_typed(text) is not isinstance(value, str)


@pytest.mark.parametrize("text", [".inf", "-.INF", ".nan", "1e999", "9" * 5000, "0x" + "f" * 5000])
def test_numbers_that_json_cannot_hold(text: str) -> None:
    with pytest.raises(ValueError, match="quote it"):
        yaml_nodes.resolve(text)
    assert yaml_nodes.looks_typed(text)
