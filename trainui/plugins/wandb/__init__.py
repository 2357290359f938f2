"""W&B's logs, `wandb/run-ID/run-ID.wandb`, online and offline.

Read `log_file` first (the decoder), then `run` (what logs and directories say about a run).
"""

from __future__ import annotations

from trainui.plugin import Format, LogLines, Tracker

_DIRECTORY = f"run-{'[0-9]' * 8}_{'[0-9]' * 6}-?*"

FORMAT = Format(
    interface=1,
    name="wandb",
    decoder="trainui.plugins.wandb.log_file:WandbFile",
    files=("run-?*.wandb",),
    recognise="trainui.plugins.wandb.log_file:recognise",
    rank=20,
    precedence=50,
    prefixes="trainui.plugins.wandb.run:prefixes",
    are_parts="trainui.plugins.wandb.run:are_parts",
    flushed_late=True,
    may_continue=True,
)

LINES = LogLines(
    interface=1, name="wandb", reader="trainui.plugins.wandb.run:Console", pattern="^wandb: "
)

TRACKER = Tracker(
    interface=1,
    name="wandb",
    title="W&B",
    rank=20,
    find="trainui.plugins.wandb.run:training",
    joined="trainui.plugins.wandb.run:joined",
    owns="trainui.plugins.wandb.run:owns",
    leaves=(_DIRECTORY, f"offline-{_DIRECTORY}"),
    places=("wandb", ".wandb"),
    services=("wandb-core", "wandb-service", "wandb-service[!a-zA-Z0-9_]*"),
    parameters="trainui.plugins.wandb.run:parameters",
    summary="trainui.plugins.wandb.run:summaries",
    command="trainui.plugins.wandb.run:command",
    environment="trainui.plugins.wandb:variables",
    ignored_variables=("WANDB__TRANSACTION_LOG_FLUSH_INTERVAL",),
)


def variables(attempt_dir: str, tag: str) -> dict[str, str]:
    """Return the variable without which W&B writes its log only every 15 s."""
    del attempt_dir, tag
    return {"WANDB__TRANSACTION_LOG_FLUSH_INTERVAL": "1"}
