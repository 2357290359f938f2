"""Where the metrics of a stage that has ended without any were looked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trainui.domain.records import AttemptRecord, RunRecord, StageRecord
from trainui.domain.states import ENDED
from trainui.text import harmless
from trainui.tui.curves.model import Curves


class LookedAtReader:
    """Describes it once per attempt, since lines are counted and directories listed."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._known: tuple[int, str] = (0, "")

    def read(
        self,
        run: RunRecord,
        stage: StageRecord,
        attempts: Sequence[AttemptRecord],
        curves: Curves | None,
    ) -> str:
        """Return the places and what to do; empty for a stage that runs or has metrics."""
        is_silent = curves is not None and not curves.figures and stage.status in ENDED
        if not is_silent or not attempts or run.is_external:
            return ""
        last = attempts[-1]
        if self._known[0] != last.id:
            from trainui.metrics.discovery import searched_places  # NumPy, which few pages need

            where = Path(last.directory), Path(stage.directory)
            self._known = last.id, harmless(searched_places.describe(*where, stage.definition))
        return self._known[1]
