"""Optuna's studies: their SQLite databases and their journals."""

from __future__ import annotations

from trainui.plugin import Database, Format, Tracker

FORMAT = Format(
    interface=1,
    name="optuna",
    decoder="trainui.metrics.formats.optuna_journal:OptunaJournal",
    recognise="trainui.metrics.formats.optuna_journal:recognise",
    refines="jsonl",
    is_preset_too=True,
    is_one_curve=True,
)

TRACKER = Tracker(
    interface=1,
    name="optuna",
    title="Optuna",
    has_jobs=True,
    printed="trainui.plugins.optuna.printed:printed",
    database=Database(
        tables=(
            "trial_intermediate_values",
            "trial_values",
            "trials",
            "studies",
            "study_directions",
        ),
        marker=b"trial_intermediate_values",
        runs="trainui.metrics.trackers.optuna:runs",
        jobs="trainui.metrics.trackers.optuna:jobs",
        points="trainui.metrics.trackers.optuna:points",
        is_file="trainui.metrics.trackers.optuna_journal:is_journal",
        open_file="trainui.metrics.trackers.optuna_journal:as_database",
    ),
)
