"""The options of a resume for single stages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class StageOptions:
    """Options for single stages, by full names."""

    until: Collection[str] = frozenset()
    """Run only these and what they depend on; empty: all."""
    fresh: Collection[str] = frozenset()
    """Restart these from scratch, without their checkpoints."""
    keep: Collection[str] = frozenset()
    """Keep the results of these completed stages, even if something changed."""

    def toggled(self, option: str, stage: str) -> StageOptions:
        """Return a copy with an option of a stage switched on or off."""
        return replace(self, **{option: frozenset(getattr(self, option)) ^ {stage}})

    @property
    def arguments(self) -> str:
        """The options as command-line arguments, for display."""
        return "  ".join(
            f"--{option} {stage}"
            for option in ("until", "keep", "fresh")
            for stage in sorted(getattr(self, option))
        )
