"""MLflow's file store, and its SQLite database.

Read `stores` first.
"""

from __future__ import annotations

import json

from trainui.plugin import Format, Tracker, TrackerDatabase

FORMAT = Format(
    interface=1,
    name="mlflow",
    decoder="trainui.plugins.mlflow.stores:MlflowMetric",
    recognise="trainui.plugins.mlflow.stores:recognise",
    rank=60,
    is_usual="trainui.plugins.mlflow.stores:is_of_run",
    find="trainui.plugins.mlflow.stores:find",
    label="trainui.plugins.mlflow.stores:labels",
    order="trainui.plugins.mlflow.stores:first_time",
)

TRACKER = Tracker(
    interface=1,
    name="mlflow",
    title="MLflow",
    rank=30,
    find="trainui.plugins.mlflow.stores:training",
    places=("mlruns",),
    parameters="trainui.plugins.mlflow.stores:parameters",
    command="trainui.plugins.mlflow.stores:command",
    environment="trainui.plugins.mlflow:variables",
    ignored_variables=("MLFLOW_RUN_CONTEXT",),
    owner="trainui.plugins.mlflow.stores:owner",
    database=TrackerDatabase(
        tables=("metrics", "latest_metrics", "experiments", "runs"),
        marker=b"latest_metrics",
        runs="trainui.plugins.mlflow.stores:runs",
        points="trainui.plugins.mlflow.stores:points",
    ),
)


def variables(attempt_dir: str, tag: str) -> dict[str, str]:
    """Return the variable that makes MLflow tag its runs with the attempt that started them."""
    return {"MLFLOW_RUN_CONTEXT": json.dumps({tag: attempt_dir})}
