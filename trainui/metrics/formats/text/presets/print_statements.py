"""Lines from people's own print calls: `step 10 loss 2.3`, `Epoch [1/5], Loss: 1.8`, `[10] loss=2`.

The rule: after the logger's prefix, such a line begins with its step, or consists only of names and
numbers, one of which is the step. A validation line without a step takes the step of the line
before it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.metrics.formats import labels
from trainui.metrics.formats.text.log_prefix import message
from trainui.metrics.formats.text.presets import pairs
from trainui.metrics.formats.text.presets.base import MAX_PRINTED, NOTHING, STEP, Preset, Row
from trainui.metrics.formats.text.presets.pairs import Pair

_BAR = re.compile(r"\d+%\||\[\d+:\d\d[<,]")
_SENTENCE = re.compile(r"\b(?:reached|improved?|adjusting|reducing)\b|\bwas not\b")
"""A sentence about a metric: its number is repeated from another line, or is not a metric."""
_BEST = re.compile(
    r"\W*(?:new |overall )?best\b(?:.*\b(?:at|in|from)| the)? (?:epoch|step|iter)", re.IGNORECASE
)
"""`Best val acc: 0.9 at epoch 11`: a summary of other lines."""
_QUOTES = re.compile(r"[\"'}]")
_HAS_STEP = re.compile(
    r"step|iter|\bit\b|epoch|\bep\b|episode|update|round|tick|batch|\[ *\d", re.IGNORECASE
)
_OUTER = re.compile(r"(?:(?:(?:train|val|test|eval)\w*|end of) )?epoch", re.IGNORECASE)
_LOGGED = re.compile(
    r"(?:.*(?:[\]\[:;|>()-]|INFO|DEBUG|\d\d:\d\d:\d\d(?:[.,]\d+)?|\s\s)\s*)?"
    r"(?:end of|after|train(?:ing)?|val(?:id\w*)?|test|eval)?",
    re.IGNORECASE,
)
_INSIDE = re.compile(r"[\[(|] *(?P<value>\d+)/ *(?P<of>\d+)")
_NUMBERED = re.compile(
    # `[1, 2000] loss: 2.1`, `[100] train_loss=2.5`, `[1/6] ... val loss: 2`
    r"(?:.*[\]:|>-] )?\[ *(?P<first>\d+)(?:/ *\d+|, *(?P<second>\d+))? *\]:?\s+(?=[A-Za-z\d])"
)
METRIC_WORDS = re.compile(
    r"loss|acc|reward|return|score|err|perplexity|ppl|auc|f1|mse|mae|inertia", re.IGNORECASE
)
"""Parts of the names by which metrics are recognised."""
_HELD_OUT = re.compile(
    r"(?:.*[\]:|>-] )?(?P<part>\W{0,4}(?:val|test|eval|dev)[^\d\[]*| *\* )", re.IGNORECASE
)
_GLUED = re.compile(r":\d")
_RANK = re.compile(
    # `[rank0]`, `[GPU0]:` and `[1,0]<stdout>:`; at a line's start also `Rank 0 |`, `(rank 0)` and
    # `rank=0`, which may be metrics elsewhere.
    r"\[(?:(?:rank|gpu|cuda)[ :]?|default)(\d+)\]:?|\[\d+,(\d+)\]<std\w+>:"
    r"|^\W?rank[ :=]{1,2}(\d+)\b(?!\.\d)\W{0,3}",
    re.IGNORECASE,
)
_STEPS = re.compile(r"steps(?=\s?[:=]\s?\d)", re.IGNORECASE)
"""DeepSpeed's `steps: 10 loss: 2.5`; elsewhere in a line it is the length of an epoch."""
_VALIDATION = "val"
_RICH = re.compile(r"\s\s+[\w.<>-]+\.py:\d+\s*$")
"""The source line that Rich prints at the right edge, before it wraps the rest of a message."""
_CONTINUED = re.compile(r"\s{10,}\S")

_JOB = re.compile(r"\s*#(?P<number>\d+) : (?P<overrides>\S.*?)\s*")
"""Hydra's launcher, before each job of a multirun."""

_JOB_OF = "job"
"""Key in the memory: the job that prints."""

_AT = "at"
"""Key in the memory: the step of the last line."""

_WRAPS = "wraps"
"""Key in the memory: the step and the part of the data of a line that Rich may have wrapped, and
its end, which may be a name without its number."""


class PrintStatements(Preset):
    """Reads each line by itself; `[rank0]` in a line names the rank of the numbers after it."""

    of_messages = True

    def read(self, line: str) -> Sequence[Row]:
        """Return the rows of a line, to which two ranks may have written one each."""
        if len(line) > MAX_PRINTED:
            return NOTHING
        if "#" in line and (job := _JOB.fullmatch(line)):
            self.memory[_JOB_OF] = labels.of_job(job["number"], job["overrides"])
        rows = self._read(line)
        if of := self.memory.get(_JOB_OF):
            return [{n if n == STEP else f"{of}/{n}": v for n, v in row.items()} for row in rows]
        return rows

    def _read(self, line: str) -> Sequence[Row]:
        wraps = self.memory.pop(_WRAPS, None)
        if wraps is not None and _CONTINUED.match(line):
            return self._continued(line, *wraps)
        if _BAR.search(line) or not (_HAS_STEP.search(line) or _HELD_OUT.match(line)):
            return NOTHING
        ranks = [*_RANK.finditer(line)]
        if not ranks:
            row = self._row(_STEPS.sub("step", line) if _STEPS.match(line) else line)
            return [row] if row else NOTHING
        ends = [*(rank.start() for rank in ranks[1:]), len(line)]
        texts = (line[rank.end() : end].strip() for rank, end in zip(ranks, ends, strict=True))
        found = zip(ranks, map(self._row, map(message, texts)), strict=True)
        return [_of_rank(rank[rank.lastindex or 1], row) for rank, row in found if row]

    def _continued(self, line: str, step: float, of: str, before: str) -> Sequence[Row]:
        """Return the numbers of a line that continues the one before."""
        text = f"{before} {line.strip()}"
        found = pairs.find(text)
        if pairs.run_to_end(text, found) or any(pair.is_step for pair in found):
            return NOTHING
        self.memory[_WRAPS] = (step, of, text[found[-1].end :] if found else text)
        return [{STEP: step, **_values(found, of)}] if found else NOTHING

    def _row(self, line: str) -> Row | None:
        edge = _RICH.search(line) if ".py:" in line else None
        line = pairs.unwrapped((line[: edge.start()] if edge else line).rstrip())
        line = _without_quotes(line) if "{" in line else line
        found = pairs.find(line)
        if not found or _SENTENCE.search(line) or _BEST.match(line):
            return None
        row = self._stepped(line, found) or self._numbered(line, found)
        row = row or self._held_out(line, found)
        if row:
            self.memory[_AT] = row[STEP]
        if row and edge:
            of = _part(line, found) if any(pair.is_step for pair in found) else ""
            self.memory[_WRAPS] = (row[STEP], of, line[found[-1].end :])
        return row

    def _stepped(self, line: str, found: Sequence[Pair]) -> Row | None:
        """Return the numbers of a line that has its step."""
        steps_at = (at for at, pair in enumerate(found) if pair.is_step)
        first = next((at for at in steps_at if not (at and _is_size(found[at]))), None)
        if first is None:
            return None
        begin = 0 if _LOGGED.fullmatch(line[: found[first].start].rstrip()) else None
        if begin is None or first:
            run = max(pairs.run_to_end(line, found), _glued_before(found, first))
            named = run < first and _LOGGED.fullmatch(line[: found[run].start])
            first = run if named else first
            if begin is None and not named:
                return None
        found = found[first:]
        if all(pair.is_step for pair in found):
            return None
        steps: dict[str, Pair] = {}
        for pair in found:
            if pair.is_step:
                steps.setdefault(pair.name.lower(), pair)
        step, own = self._step(line, steps)
        return {STEP: step, **_values(found, _part(line, found), leaving_out=own)}

    def _step(self, line: str, steps: dict[str, Pair]) -> tuple[float, str]:
        """Return a line's step and its field name: the position's, if an epoch has one.

        A line with only an epoch, among others that have a step, takes the others' step.
        """
        outer = next((pair for name, pair in steps.items() if _OUTER.fullmatch(name)), None)
        inner = next((pair for name, pair in steps.items() if not _OUTER.fullmatch(name)), None)
        place = (inner.value, inner.of) if inner else None
        leads = inner is not None and outer is not None and inner.start < outer.start
        if place is None and (inside := _INSIDE.search(line, outer.end if outer else 0)):
            place = float(inside["value"]), float(inside["of"])
        if place is None:
            assert outer is not None
            known = self.memory.get(STEP)
            return (outer.value, outer.name) if known is None else (float(known), "")
        step, of = place
        if outer is not None and not (of and self._runs_on(outer.value, step, of, leads=leads)):
            step += self._before(outer, step, of)
        self.memory[STEP] = step
        return step, inner.name if inner else ""

    def _before(self, outer: Pair, place: float, of: float | None) -> float:
        """Return the number of steps before an epoch."""
        if of:
            return (outer.value - self._first_epoch(outer)) * of
        return self._counted(outer.value, place)

    def _runs_on(self, epoch: float, place: float, of: float, *, leads: bool) -> bool:
        """Return True if a position, as in `step 150/900 loss 2 epoch 2`, counts across epochs.

        It does if it was printed twice in an epoch and does not start over in the next one. Until
        an epoch has ended, only one printed before its epoch does.
        """
        start = (of, epoch, place, 0, leads)
        last_of, last_epoch, last, seen, runs_on = self.memory.get("runs_on", start)
        if of == last_of and epoch > last_epoch and (seen > 1 or place <= last):
            runs_on = place > last
        seen = seen + 1 if (of, epoch) == (last_of, last_epoch) else 1
        self.memory["runs_on"] = (of, epoch, place, seen, runs_on)
        return bool(runs_on)

    def _counted(self, epoch: float, place: float) -> float:
        """Return the same if the epoch's length is not printed: from the longest epoch seen.

        Positions that keep counting across epochs need no offset.
        """
        last_epoch, last, before = self.memory.get("epochs", (epoch, 0.0, 0.0))
        if epoch != last_epoch and place <= last:
            before += last
        self.memory["epochs"] = (epoch, place, before)
        return float(before)

    def _first_epoch(self, outer: Pair) -> int:
        """Return the number of the first epoch: 0 if one was seen, or in `Epoch: [3][10/38]`.

        So the log of a resumed training, which begins at a later epoch, counts on correctly.
        """
        if outer.value == 0 or ("[" in outer.text and not outer.of):
            self.memory["first"] = 0
        return int(self.memory.get("first", 1))

    def _numbered(self, line: str, found: Sequence[Pair]) -> Row | None:
        """Return the numbers of a line that begins with its step in brackets."""
        begin = _NUMBERED.match(line) if "[" in line else None
        if begin is None or _HELD_OUT.match(line):
            return None
        found = [pair for pair in found if pair.start >= begin.end() and not pair.is_step]
        if not any(METRIC_WORDS.search(pair.name) for pair in found):
            return None
        step = float(begin["second"] or begin["first"])
        if begin["second"]:
            step += self._counted(float(begin["first"]), step)
        return {STEP: step, **_values(found, pairs.part(line[begin.end() : found[0].start]))}

    def _held_out(self, line: str, found: Sequence[Pair]) -> Row | None:
        """Return the numbers of a validation line without a step."""
        begin = _HELD_OUT.match(line) if _AT in self.memory else None
        if begin is None or _INSIDE.search(line) or not found or pairs.run_to_end(line, found):
            return None
        if found[0].start < begin.start("part") or any(pair.is_step for pair in found):
            return None
        if all(pair.value.is_integer() for pair in found):
            return None
        of = pairs.part(line[: found[0].start]) or _VALIDATION
        return {STEP: self.memory[_AT], **_values(found, of)}


def _without_quotes(line: str) -> str:
    """Return `epoch 3: {'loss': 2.6}` without what makes it a dict."""
    before, _brace, after = line.partition("{")
    is_dict = after[:1] in ("'", '"') and "{" not in after
    if not is_dict or not any(pair.is_step for pair in pairs.find(before)):
        return line
    return before + _QUOTES.sub("", after)


def _is_size(pair: Pair) -> bool:
    """Return True for the batch size in `lr = 0.001, batch = 32`."""
    return pair.name.lower() == "batch" and pair.of is None


def _glued_before(found: Sequence[Pair], first: int) -> int:
    """Return the index of the first pair after a logger's prefix like `module:180`."""
    glued = (at + 1 for at in range(first) if _GLUED.search(found[at].text))
    return max(glued, default=0)


def _part(line: str, found: Sequence[Pair]) -> str:
    """Return a line's part of the data, which is named before or after its step."""
    before = next(pair for pair in found if pair.is_step)
    first = next(pair for pair in found if not pair.is_step)
    words = f"{line[: before.start]}{before.name.rpartition(' ')[0]}"
    return pairs.part(line[before.end : first.start]) or pairs.part(words)


def _values(found: Sequence[Pair], of: str, leaving_out: str = "") -> Row:
    """Return the values by name, the first of each; `of` is their part of the data."""
    row: Row = {}
    for pair in found:
        if pair.name not in (STEP, leaving_out):
            row.setdefault(pair.name if pair.is_step else pairs.of_part(pair.name, of), pair.value)
    return row


def _of_rank(rank: str, row: Row) -> Row:
    return {name if name == STEP else f"rank{rank} {name}": value for name, value in row.items()}
