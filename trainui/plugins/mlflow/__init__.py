"""MLflow's file store, and its SQLite database.

Read `metric_file` first (the decoder and the layout of the store), then `database` and `run`.
"""

from __future__ import annotations

from trainui.plugin import Database, Format, Tracker

FORMAT = Format(
    interface=1,
    name="mlflow",
    decoder="trainui.plugins.mlflow.metric_file:MlflowMetric",
    recognise="trainui.plugins.mlflow.metric_file:recognise",
    rank=60,
    is_usual="trainui.plugins.mlflow.metric_file:is_of_run",
    find="trainui.plugins.mlflow.metric_file:find",
    label="trainui.plugins.mlflow.metric_file:labels",
    order="trainui.plugins.mlflow.metric_file:first_time",
)

TRACKER = Tracker(
    interface=1,
    name="mlflow",
    title="MLflow",
    rank=30,
    find="trainui.plugins.mlflow.run:training",
    places=("mlruns",),
    parameters="trainui.plugins.mlflow.run:parameters",
    command="trainui.plugins.mlflow.run:command",
    environment="trainui.plugins.mlflow.environment:variables",
    ignored_variables=("MLFLOW_RUN_CONTEXT",),
    owner="trainui.plugins.mlflow.run:owner",
    database=Database(
        tables=("metrics", "latest_metrics", "experiments", "runs"),
        marker=b"latest_metrics",
        runs="trainui.plugins.mlflow.database:runs",
        points="trainui.plugins.mlflow.database:points",
    ),
)
