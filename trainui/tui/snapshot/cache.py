"""A cache of what was read: a value is made again once what it was made of has changed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """The last value by key, each with the state that it was made for."""

    def __init__(self, most: float = 1, period: float = math.inf) -> None:
        """Keep at most so many values; each is made again after so many seconds."""
        self._most = most
        self._period = period
        self._known: dict[Hashable, tuple[Hashable, float, Value]] = {}

    def read(self, state: Hashable, make: Callable[[], Value], key: Hashable = None) -> Value:
        """Return a key's value; `make` is called where it is not known for this state."""
        known, now = self._known.get(key), time.monotonic()
        if known is None or known[0] != state or now - known[1] > self._period:
            if key not in self._known and len(self._known) >= self._most:
                self._known.clear()
            known = self._known[key] = (state, now, make())
        return known[2]
