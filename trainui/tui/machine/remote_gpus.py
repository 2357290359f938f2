"""The GPUs of other hosts that share the database, from their workers' last heartbeats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainui import settings
from trainui.store.db.protocol import Connection
from trainui.store.read import gpu_use
from trainui.tui.machine.gpu_reader import GpuFigures

SILENT_AFTER = 40.0
"""Seconds without a heartbeat after which figures are hidden; same as in `store.runs.hosts`."""


def read(connection: Connection) -> tuple[GpuFigures, ...]:
    """Return the GPUs of all other hosts, sorted; none on SQLite, which is for one host."""
    if settings.load().database_url is None:
        return ()
    found = gpu_use.announced_slots(connection, settings.host())
    return tuple(
        _figures(host, slot, seconds)
        for host, seconds, slots in found
        for slot in slots
        if slot["kind"] == "gpu"
    )


def _figures(host: str, slot: Mapping[str, Any], seconds: float) -> GpuFigures:
    silent = f"no heartbeat for {SILENT_AFTER:.0f} s or longer" if seconds >= SILENT_AFTER else None
    problem = silent or slot.get("problem")
    return GpuFigures(
        host=host,
        index=int(slot["index"]),
        user=problem or slot.get("user"),
        problem=problem is not None,
        utilisation=slot.get("utilisation"),
        memory_used=_gib(slot.get("used")),
        memory_total=_gib(slot.get("memory")),
        temperature=slot.get("temperature"),
        power=slot.get("power"),
        name=str(slot.get("name", "")),
    )


def _gib(count: int | None) -> int | None:
    return None if count is None else round(count / 2**30)
