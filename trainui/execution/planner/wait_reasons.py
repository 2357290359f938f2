"""Why a stage waits, in words, where several hosts may say so: one of them does, by its name."""

from __future__ import annotations

from trainui import settings as settings_module
from trainui.domain.definition import StageDefinition
from trainui.domain.records import HostView, StageRecord, WaitReason
from trainui.settings import Settings


def elsewhere(definition: StageDefinition, settings: Settings) -> str | None:
    """Say why a stage may not run on this host; None: it may."""
    here = settings_module.host(settings)
    if definition.host is not None and definition.host != here:
        return f"asks for the host {definition.host}, and this is {here}"
    if definition.queue is not None and definition.queue not in settings.queues:
        return f"asks for the queue {definition.queue}, which the setting queues does not name"
    return None


def worded(stage: StageRecord, reason: str, here: HostView | None) -> WaitReason:
    """Return what is to be said of a stage that waits on this host.

    Where another host has said why, that stays: two that take turns would write for ever.
    """
    if here is None or stage.definition.host == here.host:
        return WaitReason(reason)
    if stage.reason is not None and stage.reason_host not in (None, here.host):
        return WaitReason(stage.reason, stage.reason_host)
    return WaitReason(f"{here.host}: {reason}", here.host)
