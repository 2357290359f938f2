"""Those of a stage's files that a plugin shows, below the list of all; their number is limited."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from trainui.errors import TrainuiError
from trainui.plugin import Viewer, registry
from trainui.plugin.records import fits
from trainui.text import harmless
from trainui.tui.snapshot.run_page import StageFile, StageFiles
from trainui.tui.styled_text import Row, Segment, coloured, fit_middle

MOST = 4
"""The most files shown of a stage: declared outputs first, then the newest ones."""

MOST_WIDTH, MOST_HEIGHT = 96, 20
"""The most characters of a file: more take long over a slow connection."""

MOST_KEPT = 32
"""Size of the cache of views."""


@dataclass(frozen=True, slots=True)
class View:
    """A file to show, and the space for it."""

    viewer: str
    path: str
    """Absolute."""
    changed_at: int
    columns: int


def _viewable(files: Sequence[StageFile]) -> Iterator[tuple[StageFile, Viewer]]:
    """Yield the files that a plugin can show, each with the first one that can."""
    viewers = registry.records(Viewer)
    for file in files:
        name = Path(file.path).name.casefold()
        if (viewer := next((one for one in viewers if fits(name, one.files)), None)) is not None:
            yield file, viewer


class ViewedFiles:
    """Cache of the views of a stage's files."""

    def __init__(self) -> None:
        self._known: dict[View, tuple[Row, ...]] = {}

    def rows(self, found: StageFiles | None, width: int) -> tuple[list[Row], list[View]]:
        """Return the lines of a stage's files, and the views that are not made yet."""
        if found is None or not found.files:
            return [], []
        rows: list[Row] = []
        missing: list[View] = []
        columns = max(min(width, MOST_WIDTH), 8)
        for file, viewer in islice(_viewable(found.files), MOST):
            path = str(Path(found.directory) / file.path)
            view = View(viewer.name, path, file.changed_at, columns)
            rows += [(), (Segment(fit_middle(harmless(file.path), width), "strong"),)]
            if view in self._known:
                rows += self._known[view]
            else:
                missing.append(view)
                rows.append((Segment("…", "dim"),))
        return rows, missing

    def make(self, view: View) -> None:
        """Make a view; blocks until done."""
        while len(self._known) >= MOST_KEPT:
            self._known.pop(next(iter(self._known)))
        self._known[view] = tuple(_viewed(view))


def _viewed(view: View) -> list[Row]:
    try:
        viewer = registry.find(Viewer, view.viewer)
        if viewer is None:
            return []
        passed = (ValueError, OSError)
        path, size = Path(view.path), (view.columns, MOST_HEIGHT)
        lines = registry.run(viewer, viewer.view, path, *size, passes=passed)
        return [coloured(str(line)) for line in lines[:MOST_HEIGHT]]
    except (TrainuiError, ValueError, OSError) as error:
        problem = " ".join(harmless(str(error)).split())
        return [(Segment(f"cannot be shown: {problem}", "dim"),)]
