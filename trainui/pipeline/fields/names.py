"""Rules for the names of stages, parameters, matrix keys and environment variables."""

from __future__ import annotations

import re

from trainui.pipeline.yaml.problems import quoted

MAX_STAGE_NAME = 64
"""Characters."""

MAX_MEMBER_NAME = 255
"""Characters of a sweep member's full name."""

MAX_PIPELINE_NAME = 128
"""Characters."""

NOT_IN_STAGE_NAMES = frozenset("/.[]{}$")
"""Characters with a meaning in paths, member names or `${...}`."""

RESERVED_VARIABLES = frozenset(
    f"TRAINUI_{name}"
    for name in ("RUN_ID", "STAGE", "ATTEMPT", "RUN_DIR", "STAGE_DIR", "METRICS_FILE")
) | {"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"}
"""Set by trainui for every stage; TRAINUI_RUN_ID identifies the processes of a run."""

CHECKPOINT_VARIABLE = "TRAINUI_CHECKPOINT"
"""Also set by trainui; in a stage's `env` it selects a checkpoint that the stage did not write."""

MATRIX_KEY = r"^[A-Za-z_][A-Za-z0-9_-]*$"
PARAM_KEY = r"^[A-Za-z_][A-Za-z0-9_.-]*$"
VARIABLE_NAME = rf"^(?!({'|'.join(sorted(RESERVED_VARIABLES))})$)[^=]+$"
"""Patterns of keys, also used in the JSON Schema."""

_MARKS_IN = {MATRIX_KEY: "_ and -", PARAM_KEY: "_ . and -"}


def stage_name_fault(name: str) -> str | None:
    """Return the error in a stage's name; None if it is valid."""
    if fault := _text_fault(name, MAX_STAGE_NAME):
        return fault
    if forbidden := sorted(NOT_IN_STAGE_NAMES.intersection(name)):
        return f"contains {' '.join(forbidden)}, which is not allowed in a stage's name"
    return None


def pipeline_name_fault(name: str) -> str | None:
    """Return the error in a pipeline's name; None if it is valid."""
    if fault := _text_fault(name, MAX_PIPELINE_NAME):
        return fault
    return "contains ${, but variables are not substituted in names" if "${" in name else None


def key_fault(name: str, pattern: str = MATRIX_KEY) -> str | None:
    """Return the error in a key of `matrix`, or with PARAM_KEY of `params`; None if it is valid."""
    if re.fullmatch(pattern, name):
        return None
    marks = _MARKS_IN[pattern]
    return f"{quoted(name)} must be letters, digits, {marks}, and begin with a letter or _"


def is_no_variable(name: str) -> bool:
    """Return True if a name cannot be the name of an environment variable."""
    return not name or "=" in name or not name.isprintable()


def variable_fault(name: str) -> str | None:
    """Return the error in the name of an environment variable; None if it is valid."""
    if is_no_variable(name):
        return f"{quoted(name)} cannot be the name of an environment variable"
    if name.startswith("CUDA_") and name in RESERVED_VARIABLES:
        return f"{quoted(name)} is set by trainui; use gpus: N instead"
    if name in RESERVED_VARIABLES:
        return f"{quoted(name)} is set by trainui; use another name"
    return None


def _text_fault(name: str, longest: int) -> str | None:
    if not name:
        return "is empty"
    if len(name) > longest:
        return f"has {len(name)} characters, at most {longest} are allowed"
    if not name.isprintable():
        return "contains an unprintable character"
    return "begins or ends with a space" if name != name.strip() else None
