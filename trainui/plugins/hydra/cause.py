"""The error above Hydra's advice, which ends a log without a traceback."""

from __future__ import annotations

from collections.abc import Sequence

from trainui.plugin import FoundCause

_ADVICE = "Set the environment variable HYDRA_FULL_ERROR=1"


def find(lines: Sequence[str]) -> FoundCause | None:
    """Return the first line of the message above the advice; None if that is not the last line."""
    last = next((line for line in reversed(lines) if line.strip()), "")
    if not last.startswith(_ADVICE):
        return None
    advice = max(at for at, line in enumerate(lines) if line.startswith(_ADVICE))
    said = "\n".join(lines[:advice]).rstrip().split("\n\n")[-1]
    return FoundCause(said.partition("\n")[0], "") if said else None
