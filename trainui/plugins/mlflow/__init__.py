"""MLflow's file store, and its SQLite database."""

from __future__ import annotations

from trainui.plugin import Database, Format, Tracker

FORMAT = Format(
    interface=1, name="mlflow", decoder="trainui.metrics.formats.mlflow:MlflowMetric", rank=60
)

TRACKER = Tracker(
    interface=1,
    name="mlflow",
    title="MLflow",
    places=("mlruns",),
    database=Database(
        tables=("metrics", "latest_metrics", "experiments", "runs"),
        marker=b"latest_metrics",
        runs="trainui.metrics.trackers.mlflow:runs",
        points="trainui.metrics.trackers.mlflow:points",
    ),
)
