"""The variable that makes MLflow tag its runs with the attempt that started them."""

from __future__ import annotations

import json


def variables(attempt_dir: str, tag: str) -> dict[str, str]:
    """Return the variables of a new attempt."""
    return {"MLFLOW_RUN_CONTEXT": json.dumps({tag: attempt_dir})}
