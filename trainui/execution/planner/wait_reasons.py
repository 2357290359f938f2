"""Wait reasons of stages on several hosts: one host writes the reason, prefixed with its name."""

from __future__ import annotations

from trainui import settings as settings_module
from trainui.domain.definition import StageDefinition
from trainui.domain.records import HostView, StageRecord, WaitReason
from trainui.settings import Settings


def elsewhere(definition: StageDefinition, settings: Settings) -> str | None:
    """Return why a stage may not run on this host; None if it may."""
    here = settings_module.host(settings)
    if definition.host is not None and definition.host != here:
        return f"asks for the host {definition.host}, and this is {here}"
    if definition.queue is not None and definition.queue not in settings.queues:
        return f"asks for the queue {definition.queue}, which is not in the setting queues"
    return None


def worded(stage: StageRecord, reason: str, here: HostView | None) -> WaitReason:
    """Return the reason to record for a stage that waits on this host.

    A reason from another host is kept, since two hosts would overwrite each other forever.
    """
    if here is None or stage.definition.host == here.host:
        return WaitReason(reason)
    if stage.reason is not None and stage.reason_host not in (None, here.host):
        return WaitReason(stage.reason, stage.reason_host)
    return WaitReason(f"{here.host}: {reason}", here.host)
