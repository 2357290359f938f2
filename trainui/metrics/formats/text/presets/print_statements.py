"""Lines from people's own print calls: `step 10 loss 2.3`, `Epoch [1/5], Loss: 1.8`, `[10] loss=2`.

The rule: after the logger's prefix, such a line begins with its step, or consists only of names and
numbers, one of which is the step. A validation line without a step takes the step of the line
before it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from trainui.metrics.formats import labels
from trainui.metrics.formats.text.log_lines import message
from trainui.metrics.formats.text.presets.base import (
    MAX_PRINTED,
    NOTHING,
    STEP,
    Preset,
    Row,
    prefixed,
)
from trainui.metrics.formats.text.presets.parts import epoch_steps, line_forms, line_labels, pairs
from trainui.metrics.formats.text.presets.parts.epoch_steps import EpochSteps
from trainui.metrics.formats.text.presets.parts.pairs import Pair

_BAR = re.compile(r"\d+%\||\[\d+:\d\d[<,]")
_MANY = 100
_HAS_STEP = re.compile(
    r"step|iter|\bit\b|epoch|\bep\b|episode|update|round|tick|batch|\bgame\b|generation"
    r"|\[ *\d|\(\d+, ",
    re.IGNORECASE,
)
_LOGGED = re.compile(
    r"(?:\W+|.*(?:[\]\[:;|>()*-]|\},|INFO|DEBUG|\d\d:\d\d:\d\d(?:[.,]\d+)?|\s\s)\s*)?"
    r"(?:end of|after|train(?:ing)?|val(?:id\w*)?|test|eval)?",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    # `[1, 2000] loss: 2.1`, `[100] train_loss=2.5`, `[1/6] ... val loss: 2`
    r"(?:.*[\]:|>-] )?(?:\[ *(?P<first>\d+)(?:/ *\d+|, *(?P<second>\d+))? *\]:?"
    r"|\( *(?P<outer>\d+), *(?P<inner>\d+) *\))\s+(?=[A-Za-z\d])"
)
_HELD_OUT = re.compile(
    r"(?:.*[\]:|>-] )?(?P<part>\W{0,4}(?:val(?!ue)|test|eval|dev(?![a-z]))[^\d\[]*| *\* +)",
    re.IGNORECASE,
)
_GLUED = re.compile(r":\d")
_RANK = re.compile(
    # `[rank0]`, `[GPU0]:` and `[1,0]<stdout>:`; at a line's start also `Rank 0 |`, `(rank 0)` and
    # `rank=0`, which may be metrics elsewhere.
    r"\[(?:(?:rank|gpu|cuda)[ :]?|default)(\d+)\]:?|\[\d+,(\d+)\]<std\w+>:"
    r"|^\W?rank[ :=]{1,2}(\d+)\b(?!\.\d)\W{0,3}",
    re.IGNORECASE,
)
_PLACED = re.compile(
    rf"(?:.*[\]:|>-] )?\W{{0,4}}(?:(?P<part>train(?:ing)?|{labels.HELD_OUT})\b:?\s?|^)[(\[]\s*"
    r"(?P<at>\d+)/\s*(?P<of>\d+)[)\]]"
    r"(?:\s?\[\s*(?P<inner>\d+)/\s*(?P<inner_of>\d+)\]|(?!.*\beta\b))",
    re.IGNORECASE,
)
"""`train (1/3) loss: 2` and `Train: [0/9][3/10] loss 2`: a position behind a part of the data."""
_MAY_BE_READ = _HAS_STEP.search, _HELD_OUT.match, _PLACED.match, line_forms.LETTERS.match
_VALIDATION = "val"
_EVALUATES = re.compile(r"\b(?:test|eval|valid)", re.IGNORECASE)
"""`Iteration 500, Testing net`: the results are on the lines below."""
_UNDER = re.compile(
    r"\s*(?P<part>train)(?:ing)?(?: net output #\d+)? ?:\s*|(?:\s{2,}|\t)(?=\S)", re.IGNORECASE
)
"""The start of a line that belongs to the one above."""
_RICH = re.compile(r"\s\s+[\w.<>-]+\.py:\d+\s*$")
"""The source line that Rich prints at the right edge, before it wraps the rest of a message."""
_CONTINUED = re.compile(r"\s{10,}\S")

_JOB = re.compile(r"\s*#(?P<number>\d+) : (?P<overrides>\S.*?)\s*")
"""Hydra's launcher, before each job of a multirun."""

_WITHIN, _AT, _JOB_OF, _FOLD = "within", "at", "job", "fold"
"""Keys in the memory: metrics printed within epochs, the step of the last line, the job that
prints, and the fold that the last heading names."""
_WORD, _APART = "word", "words"
"""Keys in the memory: the first word before a step, and those of other trainings."""
_IS_UNDER, _BELOW, _WRAPS = "under", "below", "wraps"
"""Keys in the memory: the line before gave a row, to which an indented line may belong; the step
and the part of the data of a line that ends in a colon; the same of a line that Rich may have
wrapped, and its end, which may be a name without its number."""
_CARRIED_OVER = (_WITHIN, line_labels.FOLDS, _WORD, _APART, epoch_steps.REPEATS)


class PrintStatements(Preset):
    """Reads each line alone; `[rank0]` in a line names the rank of the numbers after it."""

    of_messages = True

    @classmethod
    def carried_over(cls, memory: Mapping[str, Any]) -> dict[str, Any]:
        """Return the epochs' lengths, and the names that decide others."""
        names = {name: memory[name] for name in _CARRIED_OVER if name in memory}
        return {**epoch_steps.carried_over(memory), **names}

    def read(self, line: str) -> Sequence[Row]:
        """Return the rows of a line, to which two ranks may have written one each."""
        if len(line) > MAX_PRINTED:
            return NOTHING
        if not line.isascii():
            line = line_forms.in_english(line)
        if "#" in line and (job := _JOB.fullmatch(line)):
            self.memory[_JOB_OF] = labels.of_job(job["number"], job["overrides"])
        if line_labels.is_fold_heading(line):
            self.memory[_FOLD] = line_labels.find_fold(line)
            return NOTHING
        rows = self._apart_by_fold(line, self._read(line))
        of = self.memory.get(_JOB_OF)
        return [prefixed(f"{of}/", row) for row in rows] if of else rows

    def _read(self, line: str) -> Sequence[Row]:
        wraps = self.memory.pop(_WRAPS, None)
        if wraps is not None and _CONTINUED.match(line):
            return self._continued(line, *wraps)
        below = self.memory.pop(_BELOW, None)
        if below is not None and line.lstrip().startswith(("{'", '{"')):
            text = line_forms.plain_dict(pairs.unwrapped(line.strip()))
            fields, (step, of) = pairs.find(text), below
            return [_row(step, text, fields, of)] if fields else NOTHING
        if _BAR.search(line):
            return NOTHING
        if not (self._may_be_under(line) or any(look(line) for look in _MAY_BE_READ)):
            return NOTHING
        ranks = [*_RANK.finditer(line)]
        if not ranks:
            row = self._of_line(line)
            return [row] if row else NOTHING
        ends = [*(rank.start() for rank in ranks[1:]), len(line)]
        texts = (line[rank.end() : end].strip() for rank, end in zip(ranks, ends, strict=True))
        found = zip(ranks, map(self._of_line, map(message, texts)), strict=True)
        return [prefixed(f"rank{rank[rank.lastindex or 1]} ", row) for rank, row in found if row]

    def _apart_by_fold(self, line: str, rows: Sequence[Row]) -> Sequence[Row]:
        """Return the rows with a prefix if they are of another fold than the first."""
        fold = (rows and line_labels.find_fold(line)) or self.memory.get(_FOLD)
        if not rows or fold is None:
            return rows
        prefix = line_labels.prefix_of_fold(self.memory, fold, rows[0][STEP])
        return [prefixed(prefix, row) for row in rows] if prefix else rows

    def _continued(self, line: str, step: float, of: str, before: str) -> Sequence[Row]:
        """Return the numbers of a line that continues the one before."""
        text = f"{before} {line.strip()}"
        found = pairs.find(text)
        if pairs.run_to_end(text, found) or any(pair.is_step for pair in found):
            return NOTHING
        self.memory[_WRAPS] = (step, of, text[found[-1].end :] if found else text)
        return [_row(step, text, found, of)] if found else NOTHING

    def _may_be_under(self, line: str) -> bool:
        """Return True for an indented line, or one of training, straight below a row."""
        if not self.memory.get(_IS_UNDER) or line.isspace():
            return False
        self.memory[_IS_UNDER] = is_under = _UNDER.match(line) is not None
        return is_under

    def _of_line(self, line: str) -> Row | None:
        edge = _RICH.search(line) if ".py:" in line else None
        line = pairs.unwrapped((line[: edge.start()] if edge else line).rstrip())
        line = line_forms.rewritten(line)
        found: Sequence[Pair] = pairs.find(line)
        if not found or line_forms.is_sentence(line) or line_forms.is_of_best(line):
            return None
        row = self._stepped(line, found) or self._numbered(line, found)
        row = row or self._placed(line, found)
        row = row or self._held_out(line, found) or self._under(line, found)
        if not row:
            return None
        self.memory[_AT] = row[STEP]
        self.memory[_IS_UNDER] = True
        if edge or line.endswith(":"):
            of = pairs.part_of_line(line, found) if any(pair.is_step for pair in found) else ""
            if edge:
                self.memory[_WRAPS] = (row[STEP], of, line[found[-1].end :])
            else:
                self.memory[_BELOW] = (row[STEP], of)
        return row

    def _stepped(self, line: str, found: Sequence[Pair]) -> Row | None:
        """Return the numbers of a line that has its step."""
        found = pairs.with_step(found)
        if (first := _first_step(found)) is None:
            return None
        begin = 0 if _LOGGED.fullmatch(line[: found[first].start].rstrip()) else None
        if begin is None or first:
            # a logger's prefix like `module:180` is no pair
            glued = (at + 1 for at in range(first) if _GLUED.search(found[at].text))
            run = max([pairs.run_to_end(line, found), *glued])
            named = run < first and _LOGGED.fullmatch(line[: found[run].start])
            first = run if named else first
            if begin is None and not named:
                return None
        found = found[first:]
        steps: dict[str, Pair] = {}
        for pair in found:
            if pair.is_step:
                steps.setdefault(pair.name.lower(), pair)
        if all(pair.is_step for pair in found):
            if (epoch := epoch_steps.of_heading(steps)) is not None:
                self.memory[epoch_steps.HEADING] = epoch
            if _EVALUATES.search(line):
                self.memory[_AT], _name = EpochSteps(self.memory).of_line(line, steps)
            return None
        step, own = EpochSteps(self.memory).of_line(line, steps)
        row = pairs.values_of(line, found, pairs.part_of_line(line, found), leaving_out=own or "")
        if own is not None and len(steps) == 1:
            step = epoch_steps.counted_if_repeated(self.memory, own, step, row)
        row = self._apart_by_word(line, found, step, row)
        return {STEP: step, **self._of_epoch(row, is_summary=own is None)}

    def _apart_by_word(self, line: str, found: Sequence[Pair], step: float, row: Row) -> Row:
        """Return the numbers of `critic step 3 loss 1`, apart from `actor step 3 loss 2`."""
        start = next(pair for pair in found if pair.is_step)
        before = line[: start.start] + start.name.rpartition(" ")[0]
        word = line_labels.word(before) if before else ""
        if word == self.memory.setdefault(_WORD, word) or not word:
            return row
        apart = self.memory.setdefault(_APART, [])
        if word not in apart:
            if step > self.memory.get(_AT, step):
                return row  # the same training under another word
            apart.append(word)
        within = self.memory.get(_WITHIN, ())
        return {f"{word} {name}" if name in within else name: row[name] for name in row}

    def _of_epoch(self, row: Row, *, is_summary: bool) -> Row:
        """Return the numbers of an epoch's summary apart from those printed within epochs."""
        within: list[str] = self.memory.setdefault(_WITHIN, [])
        if is_summary:
            return {f"epoch {name}" if name in within else name: row[name] for name in row}
        if len(within) < _MANY:
            within += [name for name in row if name not in within and pairs.is_of_training(name)]
        return row

    def _numbered(self, line: str, found: Sequence[Pair]) -> Row | None:
        """Return the numbers of a line that begins with its step in brackets."""
        begin = _NUMBERED.match(line) if "[" in line or "(" in line else None
        if begin is None or _HELD_OUT.match(line):
            return None
        found = [pair for pair in found if pair.start >= begin.end() and not pair.is_step]
        if not any(pairs.names_metric(pair.name) for pair in found):
            return None
        outer, inner = begin["outer"] or begin["first"], begin["inner"] or begin["second"]
        step = float(inner or outer)
        if inner:
            step += EpochSteps(self.memory).counted(float(outer), step)
        return _row(step, line, found, pairs.part(line[begin.end() : found[0].start]))

    def _placed(self, line: str, found: Sequence[Pair]) -> Row | None:
        """Return the numbers of a line whose step is a position behind a part of the data."""
        begin = _PLACED.match(line)
        if begin is None or any(pair.is_step for pair in found):
            return None
        if not (begin["part"] or begin["inner"]):
            return None
        found = [pair for pair in found if pair.start >= begin.end()]
        part, at, of = pairs.part(begin["part"] or ""), float(begin["at"]), float(begin["of"])
        places = self.memory.get("places", {})
        if not found or (part and places.get("", (0, 0))[1] != of):
            return None  # a validation inside a training with other steps
        if begin["inner"]:
            epoch = Pair("epoch", at, of, *begin.span(), begin[0])
            inner, inner_of = float(begin["inner"]), float(begin["inner_of"])
            inner += EpochSteps(self.memory).before(epoch, inner, inner_of)
            return _row(inner, line, found, part)
        last, _of, before = places.get(part, (at, of, 0.0))
        before += of if at < last else 0.0
        self.memory["places"] = {**places, part: (at, of, before)}
        return _row(before + at, line, found, part)

    def _held_out(self, line: str, found: Sequence[Pair]) -> Row | None:
        """Return the numbers of a validation line without a step."""
        begin = _HELD_OUT.match(line) if _AT in self.memory else None
        if begin is None or epoch_steps.INSIDE.search(line) or pairs.run_to_end(line, found):
            return None
        if found[0].start < begin.start("part") or any(pair.is_step for pair in found):
            return None
        if all(pair.value.is_integer() and "." not in pair.text for pair in found):
            return None
        of = pairs.part(line[: found[0].start]) or _VALIDATION
        return _row(self.memory[_AT], line, found, of)

    def _under(self, line: str, found: Sequence[Pair]) -> Row | None:
        """Return the numbers of a line of nothing else, which is indented below a row."""
        begin = _UNDER.match(line) if self.memory.get(_IS_UNDER) else None
        if begin is None or begin.end() != found[0].start or pairs.run_to_end(line, found):
            return None
        if any(pair.is_step for pair in found) or not any(map(pairs.may_be_metric, found)):
            return None
        return _row(self.memory[_AT], line, found, (begin["part"] or "").lower())


def _row(step: float, line: str, found: Sequence[Pair], of: str) -> Row:
    return {STEP: step, **pairs.values_of(line, found, of)}


def _first_step(found: Sequence[Pair]) -> int | None:
    """Return the index of a line's first step; in `lr = 0.001, batch = 32` there is a size."""
    for at, pair in enumerate(found):
        is_size = at > 0 and pair.name.lower() == "batch" and pair.of is None
        if pair.is_step and not is_size:
            return at
    return None
