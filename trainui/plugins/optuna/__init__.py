"""Optuna: searches by its samplers and pruners, and the studies that others made.

Read `study` first (a search's), then `recorded_studies` (anybody's).
"""

from __future__ import annotations

from trainui.plugin import Format, LogLines, Searcher, Tracker, TrackerDatabase

FORMAT = Format(
    interface=1,
    name="optuna",
    decoder="trainui.plugins.optuna.recorded_studies:OptunaJournal",
    recognise="trainui.plugins.optuna.recorded_studies:recognise",
    refines="jsonl",
    is_usual="trainui.plugins.optuna.recorded_studies:is_usual",
    find="trainui.plugins.optuna.recorded_studies:find",
    is_preset_too=True,
    is_one_curve=True,
)

TRACKER = Tracker(
    interface=1,
    name="optuna",
    title="Optuna",
    has_jobs=True,
    printed="trainui.plugins.optuna.recorded_studies:printed",
    database=TrackerDatabase(
        tables=(
            "trial_intermediate_values",
            "trial_values",
            "trials",
            "studies",
            "study_directions",
        ),
        marker=b"trial_intermediate_values",
        runs="trainui.plugins.optuna.recorded_studies:runs",
        jobs="trainui.plugins.optuna.recorded_studies:jobs",
        points="trainui.plugins.optuna.recorded_studies:points",
        is_file="trainui.plugins.optuna.recorded_studies:is_journal",
        open_file="trainui.plugins.optuna.recorded_studies:as_database",
    ),
)

SEARCHER = Searcher(
    interface=1,
    name="optuna",
    rank=10,
    title="Optuna",
    backend="trainui.plugins.optuna.study:SearchStudy",
    samplers="trainui.plugins.optuna.options:SAMPLERS",
    pruners="trainui.plugins.optuna.options:PRUNERS",
    problems="trainui.plugins.optuna.options:problems",
    modules=("optuna",),
    extra="search",
)

LINES = LogLines(
    interface=1,
    name="optuna",
    reader="trainui.plugins.optuna.recorded_studies:TrialLines",
    pattern=r"Trial \d+ finished with value: ",
)
