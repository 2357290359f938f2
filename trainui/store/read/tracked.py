"""The configuration that the trackers of a run's stages recorded, in its submission."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KEY = "tracked"
"""Key in the submission: by stage the parameters, those that were added to the run's, and by stage
the summary."""


def of_run(submission: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the parameters among a run's that its trackers recorded."""
    found: Mapping[str, str] = submission.get(KEY, {}).get("added", {})
    return found


def of_stage(submission: Mapping[str, Any], stage: str) -> Mapping[str, str]:
    """Return the parameters that the trackers of a stage recorded."""
    found: Mapping[str, str] = submission.get(KEY, {}).get("stages", {}).get(stage, {})
    return found


def summary_of_stage(submission: Mapping[str, Any], stage: str) -> Mapping[str, Any]:
    """Return the summary that the tracker of a stage recorded."""
    found: Mapping[str, Any] = submission.get(KEY, {}).get("summary", {}).get(stage, {})
    return found
