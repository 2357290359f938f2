"""MLflow's file store, and its SQLite database.

Read `file_store` first, then `database`.
"""

from __future__ import annotations

from trainui.plugin import Format, Tracker, TrackerDatabase

FORMAT = Format(
    interface=1,
    name="mlflow",
    decoder="trainui.plugins.mlflow.file_store:MlflowMetric",
    recognise="trainui.plugins.mlflow.file_store:recognise",
    rank=60,
    is_usual="trainui.plugins.mlflow.file_store:is_of_run",
    find="trainui.plugins.mlflow.file_store:find",
    label="trainui.plugins.mlflow.file_store:labels",
    order="trainui.plugins.mlflow.file_store:first_time",
)

TRACKER = Tracker(
    interface=1,
    name="mlflow",
    title="MLflow",
    rank=30,
    find="trainui.plugins.mlflow.file_store:training",
    places=("mlruns",),
    parameters="trainui.plugins.mlflow.file_store:parameters",
    command="trainui.plugins.mlflow.file_store:command",
    environment="trainui.plugins.mlflow.environment:variables",
    ignored_variables=("MLFLOW_RUN_CONTEXT",),
    owner="trainui.plugins.mlflow.file_store:owner",
    database=TrackerDatabase(
        tables=("metrics", "latest_metrics", "experiments", "runs"),
        marker=b"latest_metrics",
        runs="trainui.plugins.mlflow.database:runs",
        points="trainui.plugins.mlflow.database:points",
    ),
)
