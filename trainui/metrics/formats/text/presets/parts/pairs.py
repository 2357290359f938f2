"""Names and numbers in a line written for people: `loss=1`, `val loss: 1`, `acc 2`.

The rule decides which words before a number are its name, and which belong to a sentence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from trainui.metrics.formats import labels
from trainui.metrics.formats.text.presets.base import NUMBER, STEP, Row

_WORD = r"(?!(?:None|null|N/A|n/a)\b)[^\W\d](?:[\w.@/%^-]|'(?=\w))*"
_INNER = r"[^()\d]{0,40}"
_NAME = rf"(?:[Tt]op \d+ )?{_WORD}(?: ?\({_INNER}(?:\({_INNER}\){_INNER})?\))?"
_VALUE = rf"[1-9]\d{{0,2}}(?:,\d{{3}})+(?:\.\d+)?(?!\d|,\d)|{NUMBER}"
_PAIR = re.compile(
    # `loss=1` (a one-word name), then `val loss: 1` and `val loss 1`. Excluded are names in a
    # path, and the numbers of a date, a time, or `1m 05s`.
    rf"(?<![\w./])"
    rf"(?:(?P<word>{_NAME}) ?= ?|(?P<words>{_NAME}(?: {_NAME}){{0,4}}?)(?:\s*:\s*|\s+|(?=\[)))"
    rf"[\[(]? *(?P<value>{_VALUE})(?P<thousands>[kKM](?![\w/]))?(?:/(?P<of>\d+))?"
    r"(?!x[\da-fA-F]|b[01])(?![:\w]*\d[:-])(?!-\d\d-\d)(?![dhm] ?\d)"
)
_NAMES = 1024
"""Names for which answers are cached: those of a log repeat."""
_THOUSANDS = {None: 1.0, "k": 1e3, "K": 1e3, "M": 1e6}
_LIST = re.compile(rf"\[\s*{NUMBER}(?:(?:\s*,\s*|\s+){NUMBER})+\s*\]")
_WRAPPED = re.compile(
    # `np.float32(0.5)`, `tensor(0.5, device='cuda:0', grad_fn=<MeanBackward0>)`
    rf"\b(?:\w+\.)?(?:float\d*|tensor|Array)\(\s*({NUMBER})(?:,[^()]*)?\)"
)
_NO_NAME = re.compile(
    r"(?:.* )?(?:of|to|in|at|for|by|as|than|with|from|not|is|was|are|the|a|an|and|or|no|any|top"
    r"|group|reached|ran|after|on|took|loaded|loading|saved|saving|found)|.*\.py"
    r"|(?:total )?number of .*|total \w+ needed.*|.* from (?:epoch|step|iter\w*)"
    r"|.*\b(?:saved|saving)\b.*",
    re.IGNORECASE,
)
_STEP = re.compile(
    r"(?:(?:end of|(?:\S+ ){0,3}(?:after|at|in)(?: train(?:ing)?)?"
    r"|(?!\S*(?:fps|ips|sec|rate|speed|per)\b)\S+) )?"
    r"(?:global[_ -]?step|step|iteration|iters?|it|epoch|ep\.?|episode|game|generation"
    r"|up(?:date|\.)|round|tick|batch|(?:step|iter|batch|epoch)[_ ](?:id|idx|index|num)"
    r"|(?:(?:num|total|env)[_ ])?timesteps?|(?:num|total|env)_steps?)",
    re.IGNORECASE,
)
_COUNTERS = frozenset({"i", "n", "idx", "index"})
"""Names of a position that is printed with the last one, as in `i=3/530`."""
_DURATION = re.compile(r"(?:ms|s|m|h)\b")
"""`Step: 12s` is no step."""
_IS = re.compile(r"(?: so far)? is$")
"""`val loss is 0.5`, `loss is: 0.5`."""
_TIME_LEFT = re.compile(r"(?:.*[\W_])?(?:eta|(?:time )?(?:left|remaining))", re.IGNORECASE)
_HELD_OUT = r"val(?:id(?:at(?:ion|e|ing))?)?|test(?:ing)?|eval(?:uat(?:ion|e|ing))?|dev"
_IS_HELD_OUT = re.compile(rf"(?:.*[\W_])?(?:{_HELD_OUT})(?:[\W_].*)?", re.IGNORECASE)
_PART = re.compile(
    rf"(?:.*\W)?(?P<part>{_HELD_OUT})(?: (?:set|error|results?|metrics|summary))?"
    r"(?: (?:after|at|for|in))?(?: train(?:ing)?)?(?: [\w-]+(?=:))?\W*",
    re.IGNORECASE,
)
_COUNTS_ALL = re.compile(r"global[_ ]?step|(?:num|total|env)[_ ]?(?:time)?steps?", re.IGNORECASE)
_PLURAL = re.compile(
    r"(?:(?:total|env|learner|actor|train(?:ing)?)[ _])?(?P<one>step|iteration|update|episode)s",
    re.IGNORECASE,
)
"""`Episode Return = 5.0 | Steps = 105`: a count behind a name in the plural."""
_TRAINING = re.compile(r"(?:.*\W)?train(?:ing)?\W*", re.IGNORECASE)
_PART_OF_NAME = re.compile(rf"(?P<part>{_HELD_OUT})(?:[\W_]|$)", re.IGNORECASE)
_METRIC_WORDS = (
    *("loss", "acc", "reward", "return", "score", "err"),
    *("perplexity", "ppl", "auc", "f1", "mse", "mae", "inertia"),
    *("precision", "recall", "fscore", "iou", "dice", "bleu", "psnr", "ssim"),
)
"""Parts of the names by which metrics are recognised."""
_BETWEEN = re.compile(
    r"[\w%/.\u00b5\u03bc]*(?: (?:%|(?:m?s|sec(?:onds)?)\b))?(?:[,;]? *\([^()]*\))?[\s,;|)\]/-]*"
)
"""Allowed between two pairs: a unit, text in brackets, punctuation."""

_LABEL = re.compile(
    rf"[^\[]*\[(?:[^\[\]]*?[^\[\]A-Za-z])??(?P<part>{labels.HELD_OUT})(?![A-Za-z])[^\[\]]*\]\W*$",
    re.IGNORECASE,
)
"""`[Diff-Val(normal)] Epoch 1: loss = 2`."""
_LEAST_SECTION = len("(val ")


class Pair(NamedTuple):
    """A name and its number: a named tuple, since each line makes several."""

    name: str
    value: float
    of: float | None
    """In `3/10`, the 10."""
    start: int
    end: int
    """Its offset in the line."""
    text: str
    """The number as written."""

    @property
    def is_step(self) -> bool:
        """Return True if the number is a step count: a whole number, but for an epoch's."""
        is_count = is_step_name(self.name) or (self.of is not None and self.name in _COUNTERS)
        return is_count and (self.value.is_integer() or self.name[-5:].lower() == "epoch")

    @property
    def is_time_left(self) -> bool:
        """Return True for the time until the end, which may be in days, hours or minutes."""
        return _as_time_left(self.name) is not None


@lru_cache(_NAMES)
def is_step_name(name: str) -> bool:
    """Return True for a name whose whole number is a step."""
    return _STEP.fullmatch(name) is not None


_as_no_name = lru_cache(_NAMES)(_NO_NAME.fullmatch)
_as_time_left = lru_cache(_NAMES)(_TIME_LEFT.fullmatch)
_as_plural = lru_cache(_NAMES)(_PLURAL.fullmatch)


def names_metric(text: str) -> bool:
    """Return True if a text has the name of a metric."""
    lower = text.lower()  # a search for each word takes a fifth of that for a pattern
    return any(word in lower for word in _METRIC_WORDS)


def with_step(pairs: Sequence[Pair]) -> Sequence[Pair]:
    """Return the pairs of a line; if none of them is a step, a count in the plural is."""
    if any(pair.is_step for pair in pairs):
        return pairs
    counts = [at for at, pair in enumerate(pairs) if _as_plural(pair.name)]
    steps = [at for at in counts if pairs[at].name.lower().endswith("steps")] or counts
    if not steps or not pairs[steps[0]].value.is_integer():
        return pairs
    return [pair._replace(name=STEP) if at == steps[0] else pair for at, pair in enumerate(pairs)]


def counts_all(step: Pair) -> bool:
    """Return True for a count that by its name never starts over."""
    return _COUNTS_ALL.fullmatch(step.name) is not None


def unwrapped(line: str) -> str:
    """Return a line with plain numbers in place of printed scalars of NumPy, PyTorch and JAX."""
    return _WRAPPED.sub(r"\1", line) if "(" in line else line


def find(line: str) -> list[Pair]:
    """Return a line's pairs; a list of numbers gives one for each, `dice/0` and `dice/1`."""
    pairs = [
        pair
        for found in _PAIR.finditer(line)
        if (name := found["word"] or _name(found["words"])) and not _is_cut(line, found)
        for pair in _pairs(line, name, found)
    ]
    is_repeated = "=" in line and len({pair.name for pair in pairs}) < len(pairs)
    return _with_words_before(line, pairs) if is_repeated else pairs


@lru_cache(_NAMES)
def _name(words: str) -> str:
    """Return the name that some words are; empty if they are none."""
    name = _IS.sub("", words)
    if name != words and names_metric(name):
        return name
    return "" if _as_no_name(words) else words


def _with_words_before(line: str, pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs of `total loss=1 box loss=2` with the words that distinguish equal names."""
    names = Counter(pair.name for pair in pairs)
    words = [(gap.split() or [""])[-1] for gap in between(line, pairs)[:-1]]
    return [
        pair._replace(name=f"{word} {pair.name}")
        if names[pair.name] > 1 and word.isalpha()
        else pair
        for word, pair in zip(words, pairs, strict=True)
    ]


def _is_cut(line: str, found: re.Match[str]) -> bool:
    """Return True for the 0 of `loss 0,512`, which has a decimal comma, and for `Step: 12s`."""
    end = found.end()
    if line[end : end + 1] in ("s", "m", "h"):
        name = found["word"] or found["words"]
        return is_step_name(name) and _DURATION.match(line, end) is not None
    if not line.startswith(",", end) or "." in found["value"]:
        return False
    return line[end + 1 : end + 2].isdigit() and "[" not in found[0]


def _pairs(line: str, name: str, found: re.Match[str]) -> list[Pair]:
    _word, _words, number, thousands, count = found.groups()
    value = float(number.replace(",", "")) * _THOUSANDS[thousands]
    one = Pair(name, value, float(count) if count else None, *found.span(), found[0])
    opened = line.find("[", found.start(), found.start("value"))
    numbers = _LIST.match(line, opened) if opened >= 0 and not one.is_step else None
    if numbers is None:
        return [one]
    end = numbers.end()
    values = re.findall(NUMBER, numbers[0])
    return [
        Pair(f"{name}/{at}", float(value), None, end if at else one.start, end, value)
        for at, value in enumerate(values)
    ]


def step_in(text: str) -> float | None:
    """Return the first step in a text."""
    return next((pair.value for pair in find(text) if pair.is_step), None)


def between(line: str, pairs: Sequence[Pair]) -> list[str]:
    """Return what is before, between and behind the pairs of a line."""
    starts = [0, *(pair.end for pair in pairs)]
    ends = [*(pair.start for pair in pairs), len(line)]
    return [line[start:end] for start, end in zip(starts, ends, strict=True)]


def run_to_end(line: str, pairs: Sequence[Pair]) -> int:
    """Return the index from which the rest of the line is only pairs."""
    end, at = len(line), len(pairs)
    while at and _BETWEEN.fullmatch(line, pairs[at - 1].end, end):
        at -= 1
        end = pairs[at].start
    return at


@lru_cache(_NAMES)
def part(text: str) -> str:
    """Return the part of the data that ends a text; empty for training."""
    found = _PART.fullmatch(text)
    return found["part"].lower() if found else ""


@lru_cache(_NAMES)
def is_of_training(name: str) -> bool:
    """Return True for the name of a metric of training: neither a step nor of held-out data."""
    return not _STEP.fullmatch(name) and not _IS_HELD_OUT.fullmatch(name)


@lru_cache(_NAMES)
def section(text: str, of: str) -> str:
    """Return the part of the data of what follows a text between two pairs: `of`, or another."""
    return "" if _TRAINING.fullmatch(text) else part(text) or of


@lru_cache(_NAMES)
def part_of_name(name: str) -> str:
    """Return the part of the data that a metric's name says; empty if it says none."""
    found = _PART_OF_NAME.match(name)
    return found["part"].lower() if found else ""


@lru_cache(_NAMES)
def of_part(name: str, of: str) -> str:
    """Return a metric's name, prefixed so that it differs from the training's."""
    return name if not of or _IS_HELD_OUT.fullmatch(name) else f"{of} {name}"


def may_be_metric(pair: Pair) -> bool:
    """Return False for a step, and for a whole number that no metric's name is given."""
    if pair.is_step:
        return False
    return not pair.value.is_integer() or "." in pair.text or names_metric(pair.name)


def part_of_line(line: str, found: Sequence[Pair]) -> str:
    """Return a line's part of the data, which is named before or after its step."""
    before = next(pair for pair in found if pair.is_step)
    first = next(pair for pair in found if not pair.is_step)
    words = f"{line[: before.start]}{before.name.rpartition(' ')[0]}"
    own = part(line[before.end : first.start]) or part(words)
    label = _LABEL.match(words) if not own and "[" in words else None
    return label["part"].lower() if label else own


def values_of(line: str, found: Sequence[Pair], of: str, leaving_out: str = "") -> Row:
    """Return the values by name; `of` is the part of the data that they are of.

    Another part that is named between two pairs, `| val: `, is that of those behind it. A name that
    is repeated is of the last part named, as in `Train Loss: 1, Acc: 2, Val Loss: 1, Acc: 2`.
    """
    row: Row = {}
    named, end = "", found[0].start
    for pair in found:
        if pair.start - end > _LEAST_SECTION:
            of = section(line[end : pair.start], of)
        named, end = part_of_name(pair.name) or named, pair.end
        if pair.name in (STEP, leaving_out) or pair.is_time_left:
            continue
        name = pair.name if pair.is_step else of_part(pair.name, of)
        if name in row and named and not pair.is_step:
            name = of_part(pair.name, named)
        row.setdefault(name, pair.value)
    return row
