"""The studies that an attempt's output names as its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from trainui.plugin import Printed

_CREATED = re.compile(rb"A new study created in (?:RDB|Journal) with name: ([^\r\n]+)")


def printed(text: bytes, memory: dict[str, Any]) -> Iterator[Printed]:
    """Yield the studies that some output says were created."""
    del memory
    for found in _CREATED.finditer(text):
        yield Printed(run=found[1].decode("utf-8", "replace").rstrip())
