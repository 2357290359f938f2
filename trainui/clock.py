"""The current time, and times in ISO 8601: times are integers, microseconds since 1970 in UTC.

All stored and compared times are such integers; only output is converted to ISO 8601.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo

SECOND = 1_000_000
"""Microseconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


SHOWN = "TRAINUI_SHOWN_CLOCK"
"""The variable with how times are printed for another machine (`show_as`): `10800000000,3600`."""

_shown_ahead = 0
_shown_zone: tzinfo | None = None


def show_as(ahead: int, offset: int) -> None:
    """Print times as another machine's clock shows them.

    This one is `ahead` microseconds ahead of it; its local time is `offset` seconds ahead of UTC.
    """
    global _shown_ahead, _shown_zone
    _shown_ahead, _shown_zone = ahead, timezone(timedelta(seconds=offset))


def utc_offset() -> int:
    """Return the seconds by which local time is ahead of UTC now."""
    offset = datetime.now().astimezone().utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def to_local(micros: int) -> datetime:
    """Return a time as it is printed: in the local time zone, or as `show_as` says."""
    return to_datetime(micros - _shown_ahead).astimezone(_shown_zone)


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


with suppress(KeyError, ValueError, OverflowError):
    show_as(*map(int, os.environ[SHOWN].split(",")))
