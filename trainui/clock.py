"""The current time, and times in ISO 8601: times are integers, microseconds since 1970 in UTC.

All stored and compared times are such integers; only output is converted to ISO 8601.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
"""Microseconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> int:
    """Return the wall clock, in microseconds since 1970 in UTC."""
    return time.time_ns() // 1000


def to_datetime(micros: int) -> datetime:
    """Return an aware datetime in UTC, exact to the microsecond."""
    return _EPOCH + timedelta(microseconds=micros)


def to_iso(micros: int | None) -> str | None:
    """Format a time as ISO 8601 in UTC, e.g. `2026-01-31T09:30:00.000250Z`."""
    if micros is None:
        return None
    return to_datetime(micros).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_iso(text: str) -> int:
    """Return a time in ISO 8601 as microseconds since 1970; without an offset it is UTC.

    Raises:
        ValueError: it is no such time.
    """
    given = datetime.fromisoformat(text)
    given = given if given.tzinfo else given.replace(tzinfo=UTC)
    return (given - _EPOCH) // timedelta(microseconds=1)
