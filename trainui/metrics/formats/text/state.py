"""What printed lines say together: context and counters are carried from line to line.

The rules: x is the global step if the lines allow to know it, else the epoch, else the count of the
lines of that series. A line that states its own epoch and no step (a summary after its batches) has
that epoch's last step if the batches have steps, in a series of its own name. A line without a
counter takes the last one seen. What is of another part of the data, set, fold or training has a
series of its own. Where that cannot be decided, nothing is read: none is better than a wrong one.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from trainui.metrics import lenient
from trainui.metrics.formats.decoder import numbers, of_job, step_fields
from trainui.metrics.formats.text import forms, grammar, tables
from trainui.metrics.formats.text.forms import record_fields, record_message
from trainui.metrics.formats.text.grammar import Line
from trainui.metrics.formats.text.names import (
    OF_TIME,
    STEP,
    Number,
    Row,
    is_no_metric,
    names_metric,
    normal,
    own_part,
    part_in,
)
from trainui.metrics.formats.text.runs import Steady
from trainui.metrics.formats.text.tables import EpochSteps, Table

NOTHING: Sequence[Row] = ()
RANKS: Sequence[Row] = []
"""Returned for a line in which processes are named: each has a state of its own."""
_MOST = 100
"""Names, labels and counts that are kept."""
_MOST_NAMES = 2000
"""Names of a process that are read; lines of others are left out."""
_MOST_LINES = 500
"""Lines of an object that was wrapped."""
_ENOUGH, _ENOUGH_AT_END = 10, 2
"""Lines without a step that make a series by their names: while the log may grow, at its end."""
_PER_COUNTER = 3
"""Lines without a counter are counted if there are so many for each counter of other lines."""

_OPENS = re.compile(r"(?:[^{]* )?\{(?:[\"'][^{}]*(?:\{[^{}]*\}[^{}]*)*,)?\s*")
"""The first line of an object that `pprint` or `json` has wrapped."""
_COUNT = re.compile(r"(\d+)/(\d+)")
_MOST_FIELDS = 1000
"""Numbers of an object that are read."""
_KINDS = ("_type", "type", "event", "msg", "message", "split", "phase", "mode", "stage")
"""Fields that may say the part of the data, as in `"_type": "val_epoch"`."""
_JOB = re.compile(r"#(?P<number>\d+) : (?P<overrides>\S.*)")
"""Hydra's launcher, before each job of a multirun."""
_RESULT = re.compile(r"Result for (?P<trial>\S+):")
"""The heading of what one of Ray's trials reports."""
_TRAINS = re.compile(
    r"\W*(?:train|run|start|begin|fold|seed|task|experiment|config|model|method|trial|dataset|split"
    r"|stage|phase|part|algo|optimi[sz]er|client|agent|env|lr|learning|batch size|variant|setting)",
    re.IGNORECASE,
)
_DECORATED = re.compile(r"\s*[-=#*~<>+]{2,}\s*(?=.*\w)|.*\w.*[-=#*~<>+]{3,}\s*$")
_RESUMES = re.compile(
    r"predict|resum|load|restor|checkpoint|warn|error|epoch|step|iter|sav|\.py|/", re.IGNORECASE
)
_LONGEST_GROUP = 60
_HIGHEST = 1e15
"""A step."""
_LONGEST_UNREAD = 200
_NO_UNREAD = re.compile(
    r"^\W*(?:(?:new )?(?:best|better)|hyper-?param\w*)\b|error\b|exception|warning|\braise\b",
    re.IGNORECASE,
)
_VALUE_OF = re.compile(r"(?:[A-Za-z)%\]]|\d(?=:))[\s:=|>-]{1,8}[-+]?\d*\.\d")
"""A name with a number that is not whole."""
_NOT_STEADY = frozenset({"titled", "counts"})
"""What lines above say: it may end with the next line."""
_COUNTED = frozenset({"has_steps", "has_epochs"})
"""A log with one of these has a better step than the `#` of a table."""
_ABOVE = frozenset({"candidate", "fold", "group", "titled"})
"""What lines above say of those of plugins."""
STEPPED = frozenset({"heading", "has_steps"})
"""Lines of a log with one of these say better than bars beside them where the training is."""
_CARRIED = ("labels", "folds", "names", "counts", "known", "group", "first_group", "runs")


class LogState:
    """Reads the lines of one process; keeps what it has seen in a memory, as plain JSON."""

    def __init__(
        self, memory: dict[str, Any], held: list[list[Any]], label: str | None = None
    ) -> None:
        """Continue from a memory.

        Args:
            memory: what was seen so far.
            held: the rows that wait for a confirmation, with labels.
            label: of the process; empty for the lines that no launcher has labelled.
        """
        self.memory = memory
        self._label = label
        self.rank = ""
        """The process that the line names for which `RANKS` was returned."""
        self._held = held
        self._table = Table(memory.setdefault("table", {}))
        self.is_doubtful = self.is_bare = False
        """What was read last may be a chance match; it had no counter of its own but an epoch."""
        self.steady: Steady | None = None
        """What the line says that was read last, if that before it said the same."""
        self._last: tuple[Line, Sequence[str], Row] | None = None
        """The line before, what is written in it, and its row."""
        self._said, self._form, self._written = grammar.BLANK, "", ""

    def read(self, line: str) -> Sequence[Row]:
        """Return the rows that a line completes."""
        if len(line) > forms.MAX_PRINTED and "{" not in line:
            return NOTHING
        memory, self.is_doubtful, self.is_bare, self.steady = self.memory, False, False, None
        written, last, self._last = line, self._last, None
        if "{" in line or "lines" in memory:
            line = self._joined(line)
        line = normal(line)
        form, found = forms.lex(line)
        if self._table.memory or not found:
            cells = self._table.read(line, len(found))
            if cells is not None:
                return self._of_table(cells)
        self._said = said = grammar.parse(form)
        self._form, self._written = form, written
        if said.kind == "ranks" or (said.rank and self._label == ""):
            self.rank = f"rank{forms.number(said.rank, found):g}" if said.rank else ""
            return RANKS
        if said is grammar.OTHER:
            return self._skip(line)
        kind = said.kind
        if kind == "row":
            rows = self._row(said, found)
            if line == written and len(rows) == 1 and _NOT_STEADY.isdisjoint(memory):
                self._last = said, found, rows[0]
                if last and last[0] is said and not said.fold:
                    self._compare(last, self._last)
            return rows
        if kind == "bare":
            return self._bare(said, found)
        if kind == "heading":
            return self._heading(said, found)
        if kind == "object":
            return self._object(line, said)
        return self._note(said, found)

    def is_row(self, text: str) -> bool:
        """Return True for a text with an epoch, a step and metrics."""
        said = grammar.parse(forms.lex(normal(text))[0])
        return said.kind == "row" and bool(said.epoch and said.inner)

    def _note(self, said: Line, found: Sequence[str]) -> Sequence[Row]:
        """Note what a line without values says of those below."""
        memory, kind = self.memory, said.kind
        if kind == "title":
            memory["titled"] = said.part
        elif kind == "fold":
            fold = self._fold(said, found)
            if memory.setdefault("fold", fold) != fold:
                memory.update(fold=fold, candidate="")
        elif kind != "blank":
            return self._skip(self._text, said)
        return NOTHING

    def finish(self) -> Sequence[Row]:
        """Return the rows that wait for more of their kind, if there are enough."""
        if not self.memory.get("waiting"):
            return NOTHING
        is_enough = max(self.memory["counts"].values()) + 1 >= _ENOUGH_AT_END
        return self._counted() if is_enough else NOTHING

    # The context of a line.

    def _skip(self, text: str, said: Line | None = None) -> Sequence[Row]:
        """Note a line without metrics: it may be the heading of a training, or end a title."""
        memory = self.memory
        if said is None or not text[:1].isspace():  # else of a row, as the values below
            memory["under"] = None
        if said is None:
            return NOTHING
        is_unread = count_unread(memory, text)
        plain = text.strip()
        if job := _JOB.fullmatch(plain):
            memory["group"] = of_job(job["number"], job["overrides"])
        elif trial := _RESULT.fullmatch(plain):
            self._enter(trial["trial"])
        elif 0 < len(plain) <= _LONGEST_GROUP + 20:
            is_heading = _DECORATED.match(text) or _TRAINS.match(plain)
            if is_heading and not (is_unread or _RESUMES.search(plain) or part_in(plain)):
                plain = plain.strip("-=#*~<>+ :.\t")[:_LONGEST_GROUP]
                memory["candidate"] = plain.replace("/", "_")
        return NOTHING

    def _enter(self, group: str) -> None:
        """Note the training of the lines below: the first of a log, or of all its attempts."""
        first = self.memory.setdefault("first_group", group)
        self.memory["group"] = "" if group == first else group

    def _fold(self, said: Line, found: Sequence[str]) -> str:
        if said.fold is None:
            return str(self.memory.get("fold", ""))
        stem, place = said.fold
        return f"{stem}={int(place if place.isascii() else forms.number(place, found))}"

    def _begin(self, kind: str, count: float) -> None:
        """Note a counter: below a heading, one that is not higher than before begins a training."""
        memory = self.memory
        counts: dict[str, Any] = memory.setdefault("raw", {})
        lowest, last = counts.get(kind, (count, count))
        candidate = memory.get("candidate")
        if candidate and "rows" not in memory:
            self._enter(candidate)  # of an attempt that continues: it may be a later one
        elif count <= lowest < last and candidate is not None:
            if candidate:
                memory.update(group=candidate, rows=None)
            for name in ("steps", "heading", "at", "raw"):
                memory.pop(name, None)
            counts, lowest = memory.setdefault("raw", {}), count
        counts[kind] = (min(lowest, count), count)

    def _prefix(
        self, said: Line, found: Sequence[str], step: float, *, is_own: bool, is_row: bool = True
    ) -> str | None:
        """Return the prefix of a row that is of another training, fold or set than the first.

        None: there are too many. A row `is_own` if no part of the data says what else it is of.
        """
        memory = self.memory
        memory.pop("candidate", None)
        fold = self._fold(said, found)
        lowest, last = memory.get("rows") or (step, step)
        if is_own and not said.label:
            is_epoch = said.epoch is not None and said.inner is None
            if is_epoch and not fold and step == lowest < last:
                memory["runs"] = memory.get("runs", 1) + 1
                memory["group"] = f"run={memory['runs']}"
            memory["rows"] = (min(lowest, step), step)
        prefix = f"{group}/" if (group := memory.get("group")) else ""
        of_fold = self._subject("folds", fold) if fold else ""
        is_set = is_row or said.is_named or (said.is_indented and memory.get("under") is not None)
        label = said.label if is_set else ""
        of_label = self._subject("labels", label)
        return None if of_fold is None or of_label is None else prefix + of_fold + of_label

    def _subject(self, kind: str, name: str) -> str | None:
        """Return the prefix of what a line says that it is of; the first has none.

        None: there are too many.
        """
        seen = self.memory.setdefault(kind, {"first": name, "apart": []})
        apart: list[str] = seen["apart"]
        if name and name != seen["first"] and name not in apart:
            if len(apart) >= _MOST:
                return None
            apart.append(name)
        return f"{name}/" if name in apart else ""

    def _part(self, said: Line, step: float | None = None) -> str:
        """Return the part of the data that a title above says."""
        if step is not None and step > self.memory.get("at", step) and said.part is None:
            self.memory.pop("titled", None)  # the training continues
        return (self.memory.get("titled") or "") if said.part is None else ""

    # The counters of a line.

    def _steps(self, part: str = "") -> EpochSteps:
        return EpochSteps(self.memory.setdefault("steps", {}).setdefault(part, {}))

    def _step(self, said: Line, found: Sequence[str]) -> float | None:
        """Return the step of a line with counters; None if it cannot be known."""
        memory, epoch, inner = self.memory, said.epoch, said.inner
        outer = forms.number(epoch.value, found) if epoch else None
        if inner is None:
            return self._step_of_epoch(said, found)
        place = forms.number(inner.value, found) * inner.factor
        of = forms.number(inner.of, found) if inner.of else None
        if place > _HIGHEST:
            return None
        is_place = bool(of) and not inner.name and not epoch
        if is_place and said.part and memory.get("places") != of:
            memory["passed"] = said.part
            return None  # a position within the held-out data
        if epoch and said.part and self._steps().is_other(None, of):
            return self._known  # within held-out data: its values are where the training is
        if is_place and not said.part:
            memory["places"] = of
        first = memory.get("labels", {}).get("first", said.label)
        own = said.label if said.is_named and said.label != first else ""
        if epoch:
            memory["both"] = True
        elif memory.get("both") and not (of or "heading" in memory):
            own = own or "alone"  # `step=50` beside `Epoch: 2, Step: 9`
        steps = self._steps(own if len(memory.get("steps", ())) < _MOST else "")
        if said.counts_all:
            before = 0.0
        elif not said.part and steps.is_other(
            memory.get("heading") if outer is None else outer, of
        ):
            self._note_other(said, is_growing=steps.stands_at(place))
            return None
        elif outer is not None and not said.part and steps.is_again(outer, place):
            return None  # of other data, or of a training that was killed
        elif outer is not None:
            before = steps.before(outer, place, of, from_zero=said.from_zero)
        elif (heading := memory.get("heading")) is not None:
            before = steps.before(heading, place, of)
        else:
            before = steps.again(place, of, may_restart=bool(inner.name or of))
        if not said.part:
            memory["has_steps"] = True
        return before + place

    def _step_of_epoch(self, said: Line, found: Sequence[str]) -> float:
        """Return the last step of an epoch; the epoch, if only that is known."""
        known, epoch = self._known, forms.number(said.counter.value, found)
        if known is None:
            self.memory["has_epochs"] = True
        elif said.length:
            length = forms.number(said.length.value, found)
            return max(known, self._steps().counted(epoch, length) + length)
        elif (end := self._steps().end_of(epoch)) is not None:
            return end
        return epoch if known is None or not said.counter.is_whole else known

    def _note_other(self, said: Line, *, is_growing: bool) -> None:
        """Count a position of another total: of other data, or an epoch's as in `[1/200]`."""
        count_unread(self.memory, self._text)
        if is_growing:
            names = {value.name for value in said.values}
            self._pass_over(names)
            self._held[:] = [one for one in self._held if names.isdisjoint(one[1])]

    @property
    def _known(self) -> float | None:
        """Return the training's last step; None if only its epoch is known."""
        return self.memory.get("at") if "has_steps" in self.memory else None

    def _heading(self, said: Line, found: Sequence[str]) -> Sequence[Row]:
        """Note the counters of a line that has nothing else: the lines below are of them."""
        memory = self.memory
        is_block = "titled" in memory or (memory.get("below") and said.counts_all)
        if is_block and re.match(r"\s\s+[A-Za-z]", said.text):
            return NOTHING  # of the values above, as in `  acc = 0.5`, `  global_step = 100`
        place = forms.number(said.counter.value, found)
        self._begin("step" if said.inner else "epoch", place)
        if said.inner is None:
            memory["heading"] = place
        is_held_out = memory.get("titled", "") != "" and not said.epoch
        is_held_out = said.part or (is_held_out and place < memory.get("at", 0))
        if said.inner and not said.counts_all and is_held_out:
            memory["titled"] = said.part  # a position within the held-out data
            return NOTHING
        step = self._step(said, found)
        if step is None:
            return NOTHING
        if said.inner and "names" not in memory:
            for name in ("has_steps", "steps"):  # it may be a setting, as `steps: 1000`
                memory.pop(name, None)
        rows = self._first_counter(step)
        memory.update(at=step, below="step" if said.inner else "epoch", under="")
        memory.pop("titled", None)
        if said.part:
            memory["titled"] = said.part
        return rows

    def _first_counter(self, step: float) -> Sequence[Row]:
        """Return the rows that were printed before the log's first counter, at that counter."""
        memory = self.memory
        if "at" in memory or not memory.get("waiting") or any(memory["counts"].values()):
            return NOTHING
        del memory["counts"]
        rows = memory.pop("waiting")
        if step <= 1 or ("is_later" not in memory and any(map(part_in, rows[0]))):
            step = 0.0  # `val loss 9` above `step 100 loss 8`
        return [{**row, STEP: step} for row in rows]

    # The rows of a line.

    def _row(self, said: Line, found: Sequence[str]) -> Sequence[Row]:
        """Return the values of a line with counters."""
        memory = self.memory
        count = forms.number(said.counter.value, found)
        kind = "step" if said.inner else "epoch"
        if said.inner and said.epoch:  # positions begin again in each epoch
            kind, count = "both", count + forms.number(said.epoch.value, found) * _HIGHEST
        self._begin(kind, count)
        known = self._known
        step = self._step(said, found)
        if step is None:
            return NOTHING
        part = self._part(said, step)
        is_summary = (
            said.inner is None and known is not None and bool(said.epoch and said.epoch.is_whole)
        )
        prefix = self._prefix(said, found, step, is_own=not (said.part or part))
        if prefix is None:
            return self._skip(self._text, said)
        values = said.values
        if "counts" in memory and not memory.get("repeats"):
            values = tuple(value for value in values if not self._counts([value.name]))
        row = self._named(values, found, prefix, part, said=said, is_summary=is_summary)
        row = self._of_one_kind(row, step)
        self.is_bare = is_of_epoch = said.inner is None and not is_summary
        is_alone = is_of_epoch and not re.search(forms.INT, said.text[: said.counter.start])
        if is_alone and (again := self._repeated(row, step)) is not None:  # no `part 7: epoch 1`
            return again
        if is_heading := said.text.endswith(":"):
            memory["titled"] = said.part or part
        memory.update(under=said.part or part, below=is_heading)
        before = self._first_counter(step)
        if not (said.part or part or said.label in memory["labels"]["apart"]):
            memory["at"] = step
        memory.setdefault("at", step)
        rows = [*before, {STEP: step, **row}] if row else before
        self.is_doubtful = not said.is_sure
        return rows

    def _compare(self, *lines: tuple[Line, Sequence[str], Row]) -> None:
        """Note if a row is like that of the line before, at a later counter."""
        both = []
        for said, found, row in lines:
            step, *names = row
            if len(names) != len(said.values):
                return
            count = forms.number(said.counter.value, found)
            outer = forms.filled(said.epoch.value, found) if said.epoch and said.inner else ""
            both.append(Steady(said, names, row[step] - count, outer, count))
        before, now = both
        self.steady = now if now[:-1] == before[:-1] and now.counter > before.counter else None

    def _named(
        self,
        values: Sequence[Number],
        found: Sequence[str],
        prefix: str,
        part: str,
        *,
        said: Line = grammar.BLANK,
        is_summary: bool = False,
    ) -> Row:
        """Return values by their full names; note those that are printed within epochs."""
        names: dict[str, bool] = self.memory.setdefault("names", {})
        row: Row = {}
        for value in values:
            name = forms.filled(value.name, found)
            if name not in names and len(names) >= _MOST_NAMES:
                note_unread(self.memory, self._text)
                continue
            of = value.part or own_part(name, part)
            of = self.memory.get("passed", "val") if of == grammar.PASSED else of
            if of and OF_TIME.fullmatch(name):
                continue
            number = forms.number(value.value, found) * value.factor
            if value.of:
                number /= forms.number(value.of, found) or 1.0
            full = f"{prefix}{of}/{name}" if of else f"{prefix}{name}"
            is_within = names.setdefault(name, False)
            if is_summary and not of and is_within:
                full = f"{prefix}epoch {name}"
            elif not (is_within or of or said.inner is None):
                names[name] = not part_in(name)
            row.setdefault(full, number)
        return row

    def _of_one_kind(self, row: Row, step: float) -> Row:
        """Return a row without the names that lines of another kind have said of the same step.

        Two kinds of lines are of two things, as of two sets, also if no word says of which. The
        second kind is of the label that it has, or is not read from then on.
        """
        memory, said, kind = self.memory, self._said, _kind_of(self._form)
        others = memory.get("others", {}).get(str(kind), ())
        before, stated = memory.get("stated", (step, {}))
        stated = stated if before == step else {}
        new: Row = {}
        unclear = []
        for name, value in row.items():
            its, earlier, label = stated.get(name, (None, value, ""))
            # several lines of one kind may state a step, but not two without a counter
            clashes = its is not None and (its != kind or said.kind != "row")
            if name in others or (clashes and not _is_same(earlier, value)):
                if not clashes or not said.label or label == said.label:
                    unclear.append(name)
                    continue
                name = f"{said.label}/{name}"
            elif clashes:
                continue
            new[name] = value
            stated[name] = kind, value, said.label
        memory["stated"] = [step, stated if len(stated) <= _MOST else {}]
        if unclear:
            count_unread(memory, self._text)
            self._pass_over(unclear)
        return new

    def _pass_over(self, names: Iterable[str]) -> None:
        """Read some names of a kind of lines no more: it is not clear what they are of."""
        others: dict[str, list[str]] = self.memory.setdefault("others", {})
        kind = str(_kind_of(self._form))
        if kind in others or len(others) < _MOST:
            others[kind] = sorted({*others.get(kind, ()), *names})

    @property
    def _text(self) -> str:
        """The line, without a logger's prefix."""
        return forms.message(self._written)

    def _is_within(self, name: str) -> bool:
        """Return True for a metric that the training prints within its epochs."""
        return bool(self.memory.get("names", {}).get(name))

    def _bare(self, said: Line, found: Sequence[str]) -> Sequence[Row]:
        """Return the values of a line without a counter, at the last one seen."""
        memory = self.memory
        at = memory.get("at")
        if memory.get("titled", "") is None and not said.part:
            return NOTHING
        if said.inner is not None:
            at = self._step(said, found)
            if at is None:
                return NOTHING
            memory["at"] = at
        values = tuple(one for one in said.values if one.name[:4].lower() != "best")
        usual = tuple(value for value in values if value.is_usual)
        if at is None or self._counts(value.name for value in said.values):
            before = said.text[: values[0].start] if values else "0"
            if usual and said.is_sure and not re.search(rf"\d|{forms.VALUE}", before):
                is_metric = all(one.is_given and one.value >= "\ue400" for one in values)
                metrics = values if is_metric else usual
                return self._count(self._named(metrics, found, "", self._part(said)))
            values = ()
        is_below = bool(memory.get("below")) or said.inner is not None
        under = memory.get("under")
        is_under = under is not None and (said.is_indented or said.part == "")
        part = self._part(said)
        if said.is_indented and said.part is None:
            part = part or under or ""
        has_fraction = any(value.value >= "\ue400" for value in values)
        is_below = is_below and (has_fraction or any(names_metric(value.name) for value in values))
        if not (is_below or (is_under and (has_fraction or usual))):
            is_given = all(value.is_given for value in values)
            is_named = said.part is not None or part or (usual and (said.label or is_given))
            if not (is_named and has_fraction and said.is_sure):
                values = usual
        is_unclear = "{" in said.text and not (said.is_sure or is_below)
        if (
            at is None
            or not values
            or is_unclear
            or re.match(r"\W*best\b", said.text, re.IGNORECASE)
        ):
            return self._skip(self._text, said)
        prefix = self._prefix(said, found, at, is_own=False, is_row=False)
        if prefix is None:
            return NOTHING
        is_summary = memory.get("below") == "epoch" and said.inner is None
        row = self._named(values, found, prefix, part, is_summary=is_summary)
        if is_below and said.inner is None and (again := self._repeated(row, at)) is not None:
            return again
        if not (is_below or said.part or part or said.is_named):
            # of the same name as what the training prints, but not from it
            of = "train" if said.part == "" else said.label
            row = {f"{of}/{name}" if self._is_within(name) else name: row[name] for name in row}
            if not (row := {name: row[name] for name in row if not name.startswith("/")}):
                return self._skip(self._text, said)
        if not (row := self._of_one_kind(row, at)):
            return NOTHING
        memory["under"], self.is_bare, self.is_doubtful = under or "", True, True
        memory.setdefault("rows", (at, at))
        return [{STEP: at, **row}]

    def _repeated(self, row: Row, step: float) -> Sequence[Row] | None:
        """Count the rows that a log has begun with, if their names and their epoch come again.

        An epoch that distinguishes no lines says nothing. None: it does not come again.
        """
        names, memory, held = {STEP, *row}, self.memory, []
        if not memory.get("repeats"):
            mine = [one for label, one in self._held if label == self._label]
            held = [one for one in mine if one.keys() == names]
            if not held or any(one[STEP] != step for one in held):
                return None
            self._held[:] = [one for one in self._held if one[1] not in held]
            if any(part_in(name) is not None for one in mine for name in one):
                self._pass_over(row)  # of two parts
                return NOTHING
            memory["repeats"] = True
        elif not self._counts(row):
            return None
        rows = [{name: one[name] for name in row} for one in (*held, row)]
        return [counted for one in rows for counted in self._count(one)]

    def _counts(self, names: Iterable[str]) -> bool:
        """Return True if lines with some names are counted."""
        counted = self.memory.get("counts")
        return counted is not None and not {*names}.isdisjoint(
            name.rpartition("/")[2] for key in counted for name in key.split("\n")
        )

    def _count(self, row: Row) -> Sequence[Row]:
        """Return the rows of a series whose lines have no counter; their count is the step."""
        memory = self.memory
        group = memory.get("group")
        row = {f"{group}/{name}": row[name] for name in row} if group else row
        counts: dict[str, int] = memory.setdefault("counts", {})
        names = "\n".join(row)
        if memory.get("known") is False or (len(counts) >= _MOST and names not in counts):
            note_unread(memory, self._text)
            return NOTHING
        counts[names] = count = counts.get(names, -1) + 1
        if any(map(part_in, row)):
            # those of held-out data are where the training is
            trained = [n for name, n in counts.items() if not part_in(name.partition("\n")[0])]
            count = max([count, *trained])
        rows = [{STEP: float(count), **row}]
        if memory.get("known"):
            return rows
        memory.setdefault("counted", self._text)
        waiting = memory.setdefault("waiting", [])
        waiting += rows
        now = [last for _lowest, last in memory.get("raw", {}).values()]
        before, moved = memory.get("moved", (now, 0))
        memory["moved"] = [now, moved + (before != now)]
        return self._counted() if max(counts.values()) + 1 >= _ENOUGH else NOTHING

    def _counted(self) -> Sequence[Row]:
        """Return the rows that waited for more; none if it is a counter that they are of.

        That of other lines has counted up between most of them: it is their step, or near it.
        """
        memory = self.memory
        waiting: list[Row] = memory.pop("waiting")
        text, (_counters, moved) = memory.pop("counted", ""), memory.pop("moved", ((), 0))
        memory["known"] = moved * _PER_COUNTER <= len(waiting)
        if not memory["known"]:
            note_unread(memory, text, len(waiting))
            return NOTHING
        return waiting

    # Lines of other kinds.

    def _joined(self, line: str) -> str:
        """Return an object that spans several lines when its last one is read."""
        begun: list[str] = self.memory.get("lines", [])
        if begun and line.startswith((" ", "}")) and len(begun) < _MOST_LINES:
            begun = [*begun, line]
        else:
            begun = [line] if _OPENS.fullmatch(line) else []
        ended = len(begun) > 1 and line.rstrip().endswith("}") and _balanced(begun)
        self.memory.pop("lines", None)
        if begun and not ended:
            self.memory["lines"] = begun
        return " ".join("".join(begun).split()) if ended else line

    def _object(self, line: str, said: Line) -> Sequence[Row]:
        """Return the numbers of a printed object."""
        value = lenient.load_json(line[line.index("{") :].strip())
        if not isinstance(value, dict):
            return NOTHING
        text = record_message(value)
        if text is not None and not step_fields(tuple(value), None):
            fields = record_fields(value)
            if fields is value or not step_fields(tuple(numbers(fields)), None):
                return self.read(text)
            value = fields
        texts = (text for name in _KINDS if isinstance(text := value.get(name), str))
        of = next((part for text in texts if (part := part_in(text)) is not None), said.part)
        pairs, places = [], list[str]()
        for name, number in list(numbers(value).items())[:_MOST_FIELDS]:
            pairs.append((name, chr((0xE000 if number.is_integer() else 0xE400) + len(places))))
            places.append(repr(number))
        counts = []
        for name in ("epoch", "iter", "iteration", "step", "batch"):
            if isinstance(text := value.get(name), str) and (count := _COUNT.fullmatch(text)):
                at, of_place = (chr(0xE000 + len(places) + one) for one in (0, 1))
                counts.append(Number(name, at, of_place))
                places += count.groups()
        said = grammar.of_fields(pairs, of=of, counts=counts)
        return self._row(said, places) if said.kind == "row" else self._bare(said, places)

    def _of_table(self, cells: tables.Cells) -> Sequence[Row]:
        """Return a row of a table."""
        step, row, part = cells
        is_list = self._table.is_numbered and not self.memory.keys().isdisjoint(_COUNTED)
        if not row or is_list:
            return NOTHING
        if step is None:  # it is where the training is
            if (at := self.memory.get("at")) is None:
                return NOTHING
            part = part.rstrip("/") or self._part(grammar.ROW)
            return [{STEP: at, **{f"{part}/{one}" if part else one: row[one] for one in row}}]
        epoch = next((row[name] for name in row if name.lower() == "epoch"), None)
        if epoch is not None:  # positions that may begin again in each
            step += self._steps("table").counted(epoch, step)
        self._begin("table", step)
        prefix = self._prefix(grammar.ROW, (), step, is_own=not part) or ""
        self.memory["at"] = step
        metrics = {f"{prefix}{part}{name}": row[name] for name in row if not is_no_metric(name)}
        return [{STEP: step, **metrics}]

    def placed(self, rows: Sequence[Row], *, counts_epochs: bool) -> Sequence[Row]:
        """Return a plugin's rows with what lines above say of them: training, fold, part."""
        memory, placed = self.memory, list[Row]()
        is_counted = rows and counts_epochs and "has_steps" in memory and "heading" not in memory
        if is_counted and rows[-1].get(STEP, 0.0) < memory.get("at", 0.0):
            # bars are counted, and the lines beside them have steps
            note_unread(memory, ", ".join(f"{n}={rows[0][n]:g}" for n in rows[0] if n != STEP))
            return NOTHING
        if rows and not counts_epochs:
            names = memory.setdefault("names", {})
            if len(names) < _MOST_NAMES:
                names |= {name: not part_in(name) for row in rows for name in row.keys() - names}
            memory["has_steps"] = True
        for row in rows:
            step = row.get(STEP, 0.0)
            self._begin("plugin", step)
            prefix = part = ""
            if not _ABOVE.isdisjoint(memory):
                prefix = self._prefix(grammar.ROW, (), step, is_own=False) or ""
                if counts_epochs and not any(map(part_in, row)):
                    part = self._part(grammar.ROW, step)
            if prefix or part:
                of = {name: own_part(name, part) for name in row}
                names = {n: f"{prefix}{of[n]}/{n}" if of[n] else prefix + n for n in of}
                row = {names[n] if n != STEP else n: row[n] for n in row}
            if "rows" not in memory:
                memory["rows"] = (step, step)
            # else a bar of the epoch before may end, or one beside lines with steps
            if not counts_epochs or STEPPED.isdisjoint(memory):
                memory["at"] = step
            placed.append(row)
        memory["under"] = ""
        return placed


@lru_cache(1024)
def _kind_of(text: str) -> int:
    """Return a number that forms share which differ in nothing but their numbers' spelling."""
    return zlib.crc32("".join(re.sub(f"{forms.VALUE}|{forms.DIGITS}", "0", text).split()).encode())


def _is_same(value: float, other: float) -> bool:
    """Return True if one of two values is the other with fewer digits."""
    digits = min(len(repr(one).partition(".")[2]) for one in (value, other))
    return value == other or (digits > 1 and round(value, digits) == round(other, digits))


def carried_over(memory: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the next attempt's log needs to know of an attempt's."""
    found = {"is_later": True, **{name: memory[name] for name in _CARRIED if name in memory}}
    if "steps" in memory:
        found["steps"] = {part: tables.carried_over(one) for part, one in memory["steps"].items()}
    return found


def count_unread(memory: dict[str, Any], text: str) -> bool:
    """Count a line that is not read if it looks like a metric, and keep the first such line."""
    is_short = len(text) <= _LONGEST_UNREAD and not _NO_UNREAD.search(text)
    if is_unread := is_short and names_metric(text) and _VALUE_OF.search(text) is not None:
        note_unread(memory, text)
    return is_unread


def note_unread(memory: dict[str, Any], text: str, lines: int = 1) -> None:
    """Count a line that is not read, or several that begin with it."""
    count, first = memory.get("unread", (0, text.strip()[:_LONGEST_UNREAD]))
    memory["unread"] = [count + lines, first]


def _balanced(lines: Iterable[str]) -> bool:
    text = "".join(lines)
    return text.count("{") <= text.count("}")
