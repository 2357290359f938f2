"""How long the random tests look: briefly, or with `TRAINUI_TEST_LONG=1` for a night."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

LONG = bool(os.environ.get("TRAINUI_TEST_LONG"))


def machine(examples: int, steps: int) -> settings:
    """Settings of a state machine; the long form tries a hundred times as many, of more steps."""
    return settings(
        max_examples=examples * (100 if LONG else 1),
        stateful_step_count=steps * (3 if LONG else 1),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
