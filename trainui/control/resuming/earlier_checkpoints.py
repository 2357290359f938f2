"""Checkpoints from before a run; a stage continues from one only if it is asked to."""

from __future__ import annotations

from collections.abc import Iterator

from trainui import settings
from trainui.domain.definition import Pipeline


def remarks(pipeline: Pipeline) -> Iterator[str]:
    """Yield a remark for each stage of a new run with earlier checkpoints: used or ignored.

    The pipeline comes from `control.preview`.
    """
    from trainui.artifacts import checkpoints

    nowhere = settings.runs_dir(settings.load()) / "RUN" / "STAGE"
    noted_places: set[tuple[str, str]] = set()
    for stage in pipeline.stages:
        rule = stage.checkpoint
        if rule is None or (place := (rule.glob, stage.workdir)) in noted_places:
            continue
        noted_places.add(place)
        where = checkpoints.search(stage, nowhere)
        if not where.found:
            continue
        if (asked := checkpoints.requested(stage)) is not None:
            yield f"{stage.name} continues from {asked}"
        elif (said := checkpoints.reason_unused(where)) is not None:
            yield f"{stage.name} gets no checkpoint: {said}"
