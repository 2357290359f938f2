"""Decides which of an attempt's metrics are read from which of its files.

The rules: a training that writes the same numbers into several files gets one series for them, not
several; and a later attempt continues a series by the name that it has, whichever file it is from.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from itertools import chain, takewhile

from trainui.metrics.discovery import histories
from trainui.metrics.discovery.histories import history_of
from trainui.metrics.formats.text.preset_lines import FOUND, has_steps
from trainui.store.points.source_record import SourceRecord

MAX_SERIES = 2000
"""Metrics of one attempt: a file with a new name in each line does not contain metrics."""


_SAME = (
    (re.compile(r"train/epoch_(.+)"), r"\1"),
    (re.compile(r"validation/epoch_(.+)"), r"val_\1"),
)
"""Keras uses other names for the same numbers in its event files than in its tables."""


@lru_cache(MAX_SERIES)
def _plain(name: str) -> str:
    """Return a metric's name in the spelling that all kinds of files share."""
    for pattern, plain in _SAME:
        if found := pattern.fullmatch(name):
            return found.expand(plain)
    return name


def _spellings(name: str) -> Iterable[str]:
    """Return the names that other kinds of files use: `eval/loss` is `eval_loss` in some."""
    plain = _plain(name)
    yield plain
    if "(" in plain:
        yield plain.replace("(", "").replace(")", "")  # MLflow allows no parentheses
    if "/" in plain:
        yield plain.replace("/", "_")
        yield plain.removeprefix("train/")


_FAMILIES = {
    "json": "json",
    "jsonl": "json",
    **{name: name for name in ("csv", "hf", "tfevents", "wandb", "mlflow", "dvclive")},
}
"""The kinds of files, by the formats that they have."""

_APART: frozenset[str | None] = frozenset({None, *_FAMILIES.values()})
"""Kinds of files of which the same name in two histories is two metrics; None: named files."""


def of_log(name: str, key: str) -> str:
    """Return a metric's name with its log's name as a prefix, like `stdout/loss`."""
    return f"{key.rpartition('/')[2].partition('.')[0]}/{name}"


class SeriesNames:
    """The metrics of an attempt, each with the kind of file where it was first found."""

    def __init__(self) -> None:
        self._owners: dict[str, dict[str, None]] = {}
        """The metrics, and the histories that they are read from, the first one first."""
        self._before: dict[str, set[str]] = {}
        """By history: the names of its metrics in earlier attempts."""
        self._families: dict[str, str | None] = {}
        """By spelling: the kind of file that has the metric."""
        self._earlier: dict[str, tuple[str, str]] = {}
        """By spelling: the kind of file that had the metric in earlier attempts, and its name."""
        self.earlier_families: dict[str, None] = {}
        """The kinds of files that earlier attempts were read from, the first one first."""
        self.texts: dict[str, str] = {}
        """Metrics that only logs that count epochs had in earlier attempts, and their keys."""

    def awaited(self, family: str | None) -> bool:
        """Return True if a kind of file that comes before this, in earlier attempts, is missing."""
        if family not in _FAMILIES.values():
            return False
        before = takewhile(lambda one: one != family, self.earlier_families)
        return not {*before} <= {*self._families.values()}

    @property
    def had_files(self) -> bool:
        """Return True if an earlier attempt had metrics in files for programs."""
        return bool(self._earlier)

    def remember(self, source: SourceRecord, names: Collection[str]) -> None:
        """Register metrics that earlier attempts had in a source."""
        self._before.setdefault(history_of(source.key), set()).update(names)
        if source.format == "text" and not has_steps(source.state.get(FOUND)):
            self.texts |= dict.fromkeys(names, source.key)
        if (family := _FAMILIES.get(source.format or "")) is not None:
            for name in names:
                self.earlier_families[family] = None
                self._earlier[name] = family, name
                for spelling in _spellings(name):
                    self._earlier.setdefault(spelling, (family, name))

    def stored_as(self, name: str, family: str | None, key: str) -> str:
        """Return the name by which a metric of a file is stored.

        It has a label as a prefix if another history of this kind has the metric too.
        """
        name, history = self._known_as(name, family), history_of(key)
        if family not in _APART:
            return name
        owners, before = self._owners.get(name, {}), self._before.get(history, set())
        if not owners:
            # the plain name first: a metric's own name may look like one with a label
            return name if name in before else next(self._labelled_before(name, history), name)
        kind = self._families[_plain(name)]
        if history in owners or kind not in _APART or family not in (None, kind):
            return name
        labels = histories.labels(history, next(iter(owners)))
        new = (f"{label}/{name}" for label in labels if not name.startswith(f"{label}/"))
        found = chain(self._labelled_before(name, history), new)
        return next((one for one in found if self._is_free(one, history)), f"{history}/{name}")

    def _labelled_before(self, name: str, history: str) -> Iterator[str]:
        """Yield the names with a label that a metric may have had in earlier attempts."""
        for one in sorted(self._before.get(history, set())):
            label = one.removesuffix(f"/{name}")
            if label != one and histories.is_label(label, history) and self._is_free(one, history):
                yield one

    def _is_free(self, name: str, history: str) -> bool:
        return history in self._owners.get(name, {history: None})

    def owners(self, name: str) -> Collection[str]:
        """Return the histories that a metric is read from."""
        return self._owners.get(name, {}).keys()

    def join(self, name: str, key: str) -> None:
        """Register that a metric continues in another history."""
        self._owners[name][history_of(key)] = None

    def _known_as(self, name: str, family: str | None) -> str:
        """Return the name that a metric had in earlier attempts, from another kind of file."""
        if family not in _FAMILIES.values() or name in self._earlier.get(name, ()):
            return name
        found = (self._earlier[one] for one in _spellings(name) if one in self._earlier)
        return next((earlier for of, earlier in found if of != family), name)

    def of_text(self, name: str, key: str) -> str:
        """Return the name by which a metric of a log that counts epochs is stored.

        It has the log's name as a prefix if an earlier attempt had the metric in a file: one curve
        never mixes steps and epochs.
        """
        known = any(one in self._earlier for one in _spellings(name))
        return of_log(name, key) if known else name

    def displaced(self, name: str) -> tuple[str, str] | None:
        """Return a metric that an earlier attempt's log had, and that log, if a file has it now."""
        names = set(_spellings(name)) if self.texts else set()
        for one, key in self.texts.items():
            if not names.isdisjoint(_spellings(one.removeprefix(of_log("", key)))):
                return one, key
        return None

    def claim(self, names: Iterable[str], family: str | None, key: str = "") -> None:
        """Register metrics that are already stored."""
        for name in names:
            self._owners.setdefault(name, {})[history_of(key)] = None
            for spelling in _spellings(name):
                self._families.setdefault(spelling, family)

    def hand_over(self, name: str, family: str | None, key: str) -> None:
        """Register that a metric is read from another file from now on."""
        self._owners[name] = {history_of(key): None}
        self._families |= dict.fromkeys(_spellings(name), family)

    def accepts(self, name: str, family: str | None, key: str = "") -> bool:
        """Return True if a metric is read from a file, whose kind is None if it is named."""
        if name not in self._owners:
            known = [self._families[one] for one in _spellings(name) if one in self._families]
            if self.is_full or (family is not None and known and known[0] != family):
                return False
            self.claim([name], family, key)
        kind = self._families[_plain(name)]
        if family not in (None, kind):
            return False
        return kind not in _APART or history_of(key) in self._owners[name]

    @property
    def is_full(self) -> bool:
        """Return True if metrics were left out because there were too many."""
        return len(self._owners) >= MAX_SERIES
