"""One printed line, read by its form: which of its numbers count, and which are values of what.

The rule: a line is a logger's prefix, context (words that name a part of the data, a set, a
training), counters (`step 3`, `epoch 2/10`, `[352/360]`) and pairs of name and value. Lines that
differ in nothing but their numbers have one form, which is read once and kept; so a line costs no
more than the search for its numbers. What a form means beside other lines is `state`'s to say.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from trainui.metrics.formats.rows import names_settings

MAX_PRINTED = 2000
"""Characters: a longer line is not written for people to read."""
FORMS = 2048
"""Forms of lines that are kept."""

NUMBER = r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\.?\d)|(?:nan|inf(?:inity)?)\b)"
"""A number in a text, also NaN and infinities; a unit may follow."""

# A form has a character for each number, which says its place among them: whole numbers, others,
# and digits that are no number (dates, times, paths, ids).
_FIRST, _FIRST_OTHER, _DIGITS, _PLACES = 0xE000, 0xE400, "\ue800", 0x3FF
INT, VALUE = "[\ue000-\ue3ff]", "[\ue000-\ue7ff]"
_INTS = tuple(map(chr, range(_FIRST, _FIRST + _PLACES + 1)))
_OTHERS = tuple(map(chr, range(_FIRST_OTHER, _FIRST_OTHER + _PLACES + 1)))
_PRIVATE = re.compile("[\ue000-\ue8ff]")
_TIME = r"\d{1,3}:\d\d(?::\d\d)?(?:[.,]\d+)?(?![\d/])"
_LEXER = re.compile(
    r"(?=[-+.\d~/]|[nN][aA][nN]|[iI]nf)(?<![\w.@])(?<!\w-)(?:("
    rf"\d{{4}}[-/]\d\d[-/]\d\d(?:[T ,_]+{_TIME}(?:Z|[+-]\d\d:?\d\d)?)?"
    rf"|\d\d[-/.]\d\d(?:[-/.]\d\d(?:\d\d)?)?[ |T]+{_TIME}|{_TIME}"
    r"|\d+[dhm] ?\d+[hms]\w*|\d+(?:\.\d+){2,}|0[xX][\da-fA-F]+|0b[01]+|1[4-9]\d{8}\.\d+"
    r"|[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}|(?:~|\.{1,2})?/[A-Za-z][^\s,;'\")\]]*"
    r")|([-+]?(?:(?:[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?(?![\d]|,\d)"
    r"|\d+(?:\.(?:\d+|(?=[\],)]|\ +[\d\]])))?|\.\d+)(?:[eE][-+]?\d+)?(?!\.?\d)"
    r"|(?:[nN][aA][nN]|[iI]nf(?:inity)?)(?!\w))))"
)
_WIDE = re.compile(r" {3,}")

HELD_OUT = (
    r"val(?:id(?:at(?:ion|e|ing|or))?)?|test(?:ing)?|eval(?:uat(?:ion|e|ing|or))?|dev|hold-?out"
)
"""Names of the parts of the data that are not trained on, as a pattern."""
_PARTS = {"val": "val", "tes": "test", "eva": "eval", "dev": "dev", "hol": "holdout"}
_TRAIN = r"(?:pre)?train(?:ing|er)?"

STEP = "step"
"""The field of a row with its step."""
Row = dict[str, float]


class Number(NamedTuple):
    """A name and the place of its number in the line, or of the number of a count."""

    name: str
    value: str
    """The placeholder of the number."""
    of: str = ""
    """In `3/10`, the placeholder of the 10."""
    start: int = 0
    end: int = 0
    factor: float = 1.0
    is_given: bool = False
    """True for `loss: 1` and `loss=1`, where nothing else can be meant."""

    @property
    def is_whole(self) -> bool:
        """Return True for a number written without a fraction."""
        return self.value < "\ue400"

    @property
    def is_step(self) -> bool:
        """Return True if the number is a step count: a whole number, but for an epoch's."""
        is_count = is_step_name(self.name) or (self.of and self.name in _COUNTERS)
        is_whole = self.is_whole or self.factor > 1
        return bool(is_count) and (is_whole or self.name[-5:].lower() == "epoch")


class NamedValue(NamedTuple):
    """A value of a line."""

    name: str
    part: str
    """The part of the data; empty: of the training."""
    value: str
    factor: float = 1.0
    of: str = ""
    """In `400/1000`, the placeholder of the 1000."""
    is_usual: bool = False
    """True for a name that is a metric's wherever it is printed."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a form says."""

    kind: str
    """`row` (values at counters), `heading` (counters alone), `bare` (values alone), `title` (a
    part of the data alone), `fold` (a fold, seed or task alone), `label` (other short text),
    `object` (of JSON), `ranks` (of processes that it names), `blank` or `other`."""
    values: tuple[NamedValue, ...] = ()
    epoch: Number | None = None
    inner: Number | None = None
    """A step: of all, or of the epoch."""
    counts_all: bool = False
    """The step's name says that it never starts over."""
    leads: bool = False
    """The step is printed before the epoch."""
    from_zero: bool = False
    part: str = ""
    """The part of the data of the whole line."""
    label: str = ""
    """Another word that says what the line is of, as in `wikitext: step 3`."""
    is_named: bool = False
    """The label is set off by a colon or brackets."""
    fold: tuple[str, str] | None = None
    """The stem and number of a fold, seed, client or task."""
    is_sure: bool = True
    """It is nothing but what a training prints."""
    is_dict: bool = False
    is_indented: bool = False
    is_of_training: bool = False
    """It says that it is of the training."""
    rank: str = ""
    """The number of the process that a field names."""
    wraps: bool = False
    """Rich may have wrapped the rest of the message onto the next lines."""
    text: str = ""
    """What is written, without the prefix."""


OTHER, BLANK = Line("other"), Line("blank")


def lex(line: str) -> tuple[str, list[str]]:
    """Return a line's form and its numbers as they are written."""
    if not line.isascii() and _PRIVATE.search(line):
        line = _PRIVATE.sub("", line)
    form, written, _pieces = _lexed(line)
    return (_WIDE.sub("  ", form) if "   " in form else form), written


@lru_cache(2)
def _lexed(line: str) -> tuple[str, list[str], Sequence[str | None]]:
    """Return a line's form, its numbers, and its pieces; a plugin and a table ask for it again."""
    pieces: Sequence[str | None] = _LEXER.split(line)
    form = [pieces[0]]
    add = form.append
    at = 0
    for number, text in zip(pieces[2::3], pieces[3::3], strict=True):
        if number is None:
            add(_DIGITS)
        else:
            whole = number.isdigit() or ("," in number and _THOUSANDS.fullmatch(number))
            add(_INTS[at] if whole else _OTHERS[at])
            at += at < _PLACES
        add(text)
    written = [number for number in pieces[2::3] if number is not None]
    return "".join(form), written, pieces  # type: ignore[arg-type]


def message(line: str) -> str:
    """Return a line without its logger's prefix."""
    form, _written, pieces = _lexed(line[:MAX_PRINTED])
    if not (end := prefix_end(form)):
        return line
    count = len(_PRIVATE.findall(form[:end]))
    digits = [
        len(one or other or "")
        for one, other in zip(pieces[1 : 3 * count : 3], pieces[2 : 3 * count : 3], strict=True)
    ]
    return line[end + sum(digits) - count :]


_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+")


def number(place: str, numbers: Sequence[str]) -> float:
    """Return the number of a placeholder."""
    text = numbers[ord(place) & _PLACES]
    return float(text.replace(",", "") if "," in text else text)


def filled(name: str, numbers: Sequence[str]) -> str:
    """Return a name with its own numbers, as in `top 5 acc`."""
    if name.isascii():
        return name
    return _PRIVATE.sub(
        lambda one: "" if one[0] == _DIGITS else numbers[ord(one[0]) & _PLACES], name
    )


# The prefix that a logger puts before a message: timestamp, level, logger, process, source line.
#
# The rule: a prefix begins with a timestamp, a level, a source line or a process. A bare word after
# one of them is the logger's name only where a separator, or the message's step, follows it.

_STAMP = (
    rf"(?:(?:[A-Z][a-z]{{2}} )?[A-Z][a-z]{{2}}  ?{INT} |[IWEDF](?:\d{{4}}){{1,2}} )?{_DIGITS}"
    rf"(?:[ ][AP]M| {INT}(?=\s))?(?=\W|$)|{_DIGITS}"
)
_LEVEL = (
    r"(?:DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|SUCCESS|TRACE|NOTICE"
    r"|(?<=\[)(?:debug|info|warn(?:ing)?|error|critical)(?= *\])|[IWEDC](?=\]))(?!\w)"
)
_COUNT = r"(?:global_?)?step|epoch|iter(?:ation)?|episode|round|batch"
_SOURCE = (
    rf"[\w./<>-]+\.\w+:\s*{INT}|[\w.]+:[\w.<>]+:{INT}|[\w./-]+\.py {INT}(?=\))"
    rf"|(?<=\()(?!(?i:{_COUNT})\b)[A-Za-z_][\w.]*:{INT}(?=\))"
)
_THREAD = r"MainThread|MainProcess|Thread-\d+"
_PROCESS = (
    rf"{INT}(?= (?:{_SOURCE}))|(?<=\()(?:\w+ )?pid={INT}[^()]*(?=\))"
    rf"|{INT}(?=\]? +[\[(]?(?:{_LEVEL}|{_THREAD}))|{INT}(?= [A-Za-z_][\w.]* (?:{_SOURCE}))"
    rf"|(?!(?i:{_COUNT}):)[A-Za-z_][\w.-]*:{INT}(?=\t)"  # a host and a rank
)
_FIELD = (
    # logfmt: `timestamp=2026-11-26T23:51:19Z level=info event="train step" step=0`
    rf"(?:timestamp|time|ts)=\"?{_DIGITS}\"?"
    r"|(?:level|lvl|severity|logger|caller)=(?:\"[^\"]*\"|[A-Za-z]\S*)"
    rf"|(?:event|msg|message)=(?:\"(?:[^\"\ue000-\ue8ff]*\"(?!\S))?|[A-Za-z]\S*(?=\s))"
)
_NAME = (
    rf"(?!(?i:{_COUNT}|fps|ips|train(?= +\|)|val\w*|test\w*|eval\w*|dev|\w+[-_]val(?:id\w*)?"
    rf"|(?:rank|gpu|cuda|default)[ :=]?(?:\d|{INT})*)\b)"
    r"[A-Za-z_][\w.\\-]*"
    r"(?:(?<=[OGRLES]:root)(?=:\s)"
    rf"|(?: {INT} {INT}(?= ))|(?=\])|(?= \|| - [^\d\s\ue000-\ue8ff])|(?=:[A-Za-z\[])"
    rf"|(?= (?i:{_COUNT})\b\W{{0,3}}{INT})"
    rf"|(?= (?:{_SOURCE})\])|(?=\t(?:{_LEVEL})))"
)
_OPENING, _SEPARATOR = (
    r"[\s\[(<]*+",
    r"(?:\s*(?!\|.*\|\s*$)[\])>|:,]+(?:\s-\s|\s)?|\s+-\s|\s|$|(?<==\"))",
)
_ITEMS = rf"{_STAMP}|{_LEVEL}|{_SOURCE}|{_PROCESS}|{_FIELD}"
_PREFIX = re.compile(
    rf"(?:\[[\w.-]+\] (?={_DIGITS}))?"  # a host
    rf"(?>{_OPENING}(?:{_ITEMS}){_SEPARATOR})(?>{_OPENING}(?:{_ITEMS}|{_NAME}){_SEPARATOR})*"
)
_FILE = re.compile(r"[\w./<>-]+\.\w{1,4}:")
_IN_PREFIX = re.compile(rf"(?<![A-Za-z])(?P<part>{HELD_OUT})(?![A-Za-z])", re.IGNORECASE)


def prefix_end(form: str) -> int:
    """Return the length of the logger's prefix of a form."""
    found = _PREFIX.match(form)
    return found.end() if found else 0


def part_of(word: str) -> str:
    """Return the name of a part of the data, however it is spelled."""
    return _PARTS.get(word[:3].lower(), "")


# Names and numbers: `loss=1`, `val loss: 1`, `acc 2`.

_WORD = r"(?!(?:None|null|N/A|n/a)\b)[^\W\d](?:[\w.@/%^-]|'(?=\w))*"
_INNER = r"[^()\d\ue000-\ue8ff]{0,40}"
_NAME_OF = rf"(?:[Tt]op {INT} )?{_WORD}(?: ?\({_INNER}(?:\({_INNER}\){_INNER})?\))?"
_PAIR = re.compile(
    # `loss=1` (a one-word name), then `val loss: 1` and `val loss 1`
    rf"(?<![\w./\ue000-\ue8ff])"
    rf"(?:(?P<word>{_NAME_OF}) *= *|(?P<words>{_NAME_OF}(?: {_NAME_OF}){{0,4}}?)"
    r"(?P<given>\s*:\s*|\s*(?:->|=>|:=)\s*)?(?(given)|(?:\s+|(?=\[))))"
    rf"[\[(]? *(?P<value>{VALUE})(?P<thousands>[kKM](?![\w/]))?(?:(?:\s?/ *| of )(?P<of>{INT}))?"
)
_THOUSAND = {None: 1.0, "k": 1e3, "K": 1e3, "M": 1e6}
_LIST = re.compile(rf"\[\s*{VALUE}(?:(?:\s*,\s*|\s+){VALUE})+\s*\]")
_WRAPPED = re.compile(
    # `np.float32(0.5)`, `tensor(0.5, device='cuda:0', grad_fn=<MeanBackward0>)`
    rf"\b(?:\w+\.)?(?:float\d*|tensor|Array)\(\s*({VALUE})(?:,[^()]*)?\)"
)
_WRAPPED_TEXT = re.compile(rf"\b(?:\w+\.)?(?:float\d*|tensor|Array)\(\s*({NUMBER})(?:,[^()]*)?\)")
_POSITION = re.compile(rf"\W*(?:{HELD_OUT})\b[: ]*[\[(]", re.IGNORECASE)
"""`Test: [1/9] Loss 2`: a position within the held-out data."""
_NO_NAME = re.compile(
    r"(?:.* )?(?:of|to|in|at|for|by|as|than|with|from|not|is|was|are|the|a|an|and|or|no|any|top"
    r"|group|reached|ran|after|on|took|loaded|loading|saved|saving|found)|.*\.py"
    r"|(?:total )?number of .*|total \w+ needed.*|.* from (?:epoch|step|iter\w*)"
    r"|.*\b(?:saved|saving)\b.*",
    re.IGNORECASE,
)
_STEP_NAME = re.compile(
    r"(?:(?:end of|current|(?:\S+ ){0,3}(?:after|at|in)(?: train(?:ing)?)?"
    r"|(?!\S*(?:fps|ips|sec|rate|speed|per)\b)\S+) )?"
    r"(?:global[_ -]?step|step|iteration|iters?|it|epoche?|epo(?:ca|que)|ep\.?|episode|game"
    r"|generation|schritt|paso|passo|étape|etape"
    r"|up(?:date|\.)|round|tick|(?:mini-?)?batch|(?:step|iter|batch|epoch)[_ ](?:id|idx|index|num)"
    r"|total t|episode num(?:ber)?|(?:(?:num|total|env)[_ ])?timesteps?|(?:num|total|env)_steps?)",
    re.IGNORECASE,
)
_COUNTERS = frozenset({"i", "n", "idx", "index"})
"""Names of a position that is printed with the last one, as in `i=3/530`."""
_COUNTS_ALL = re.compile(
    r"(?:.* )?(?:global[_ -]?step|(?:num|total|env)[_ ]?(?:time)?steps?)|total t", re.IGNORECASE
)
_PLURAL = re.compile(
    r"(?:(?:total|env|learner|actor|train(?:ing)?)[ _])?(?P<one>step|iteration|update|episode)s",
    re.IGNORECASE,
)
"""`Episode Return = 5.0 | Steps = 105`: a count behind a name in the plural."""
_OUTER = re.compile(
    r"(?:(?:end of|\w+) )?"
    r"(?:epoch(?:e|[_ ](?:id|idx|index|num))?|epo(?:ca|que)|ep\.?)",
    re.IGNORECASE,
)
_IS = re.compile(r"(?: so far)? is$")
_PART = re.compile(
    rf"(?:.*\W)?(?P<part>{HELD_OUT})(?: (?:set|error|results?|metrics|summary|loop|step|phase))?"
    r"(?: (?:after|at|for|in))?(?: train(?:ing)?)?(?: [\w-]+(?=:))?\W*",
    re.IGNORECASE,
)
_TRAINING = re.compile(rf"(?:.*\W)?{_TRAIN}\W*", re.IGNORECASE)
_PART_OF_NAME = re.compile(rf"(?P<part>{HELD_OUT})(?:[\W_]|$)", re.IGNORECASE)
_IS_HELD_OUT = re.compile(rf"(?:.*[\W_])?(?:{HELD_OUT})(?:[\W_].*)?", re.IGNORECASE)
_LABEL = re.compile(
    rf"[^\[]*\[(?:[^\[\]]*?[^\[\]A-Za-z])??(?P<part>{HELD_OUT})(?![A-Za-z])[^\[\]]*\]\W*$",
    re.IGNORECASE,
)
"""`[Diff-Val(normal)] Epoch 1: loss = 2`."""
_AT_END = re.compile(rf"[\s,;|-]*[\[(<]\s*(?P<part>{HELD_OUT})\b[^\[\]()]*[\])>]\W*", re.IGNORECASE)
"""`step 3 loss 2 (val)`."""
_METRIC_WORDS = (
    *("loss", "acc", "reward", "return", "score", "err"),
    *("perplexity", "ppl", "auc", "f1", "mse", "mae", "inertia"),
    *("precision", "recall", "fscore", "iou", "dice", "bleu", "psnr", "ssim", "nll", "elbo"),
)
"""Parts of the names by which metrics are recognised."""
_BETWEEN = re.compile(
    r"[\w%/.\u00b5\u03bc]*(?: (?:%|(?:m?s|sec(?:onds)?)\b))?(?:[,;]? *\([^()]*\))?[\s,;|)\]/*-]*"
)
"""Allowed between two pairs: a unit, text in brackets, punctuation."""
_LEAST_SECTION = len("(val ")
_NAMES = 1024


@lru_cache(_NAMES)
def is_step_name(name: str) -> bool:
    """Return True for a name whose whole number is a step."""
    return _STEP_NAME.fullmatch(name) is not None


def names_metric(text: str) -> bool:
    """Return True if a text has the name of a metric."""
    lower = text.lower()
    return any(word in lower for word in _METRIC_WORDS)


def find(form: str) -> list[Number]:
    """Return a form's pairs; a list of numbers gives one for each, `dice/0` and `dice/1`."""
    pairs = [
        pair
        for found in _PAIR.finditer(form)
        if (name := found["word"] or _name(found["words"])) and not _is_cut(form, found)
        for pair in _pairs(form, name, found)
    ]
    is_repeated = "=" in form and len({pair.name for pair in pairs}) < len(pairs)
    return _with_words_before(form, pairs) if is_repeated else pairs


def pairs_of(line: str) -> list[Number]:
    """Return the pairs of a line."""
    return find(lex(line)[0])


@lru_cache(256)
def split_metrics(text: str) -> tuple[str, float | None, Row]:
    """Return a text without the metrics in it, its step, and the metrics.

    `Epoch 3 loss 0.5` before a bar is redrawn with other numbers as the bar advances.
    """
    form, numbers = lex(text)
    found = find(form)
    metrics = [
        pair
        for pair in found
        if not pair.is_step and (names_metric(pair.name) or (not pair.is_whole and pair.is_given))
    ]
    if not metrics:
        return text, None, {}
    steps = [pair for pair in found if pair.is_step]
    inner = [] if any(_OUTER.fullmatch(pair.name) for pair in steps) else steps[:1]
    cut = sorted([*metrics, *inner], key=lambda pair: pair.start)
    rest = filled(" ".join(_gaps(form, cut)), numbers)
    own = number(inner[0].value, numbers) if inner else None
    return rest, own, {filled(pair.name, numbers): number(pair.value, numbers) for pair in metrics}


def step_in(text: str) -> float | None:
    """Return the first step in a text."""
    form, numbers = lex(text)
    return next((number(pair.value, numbers) for pair in find(form) if pair.is_step), None)


def unwrapped(line: str) -> str:
    """Return a line with plain numbers in place of printed scalars of NumPy, PyTorch and JAX."""
    return _WRAPPED_TEXT.sub(r"\1", line) if "(" in line else line


def plain_text(line: str) -> str:
    """Return a line's message with single blanks; empty for a bar or a sentence."""
    form = lex(line)[0]
    if (
        len(line) > MAX_PRINTED
        or _BAR.search(form)
        or _SENTENCE.search(form)
        or _SAVING.match(form)
    ):
        return ""
    text = " ".join(unwrapped(message(line)).split())
    return "" if _POSITION.match(text) else text


def _name(words: str) -> str:
    """Return the name that some words are; empty if they are none."""
    name = _IS.sub("", words)
    if name != words and names_metric(name):
        return name
    return "" if _NO_NAME.fullmatch(words) else words


def _with_words_before(form: str, pairs: Sequence[Number]) -> list[Number]:
    """Return the pairs of `total loss=1 box loss=2` with the words that distinguish equal names."""
    names = Counter(pair.name for pair in pairs)
    words = [(gap.split() or [""])[-1] for gap in _gaps(form, pairs)[:-1]]
    return [
        pair._replace(name=f"{word} {pair.name}")
        if names[pair.name] > 1 and word.isalpha()
        else pair
        for word, pair in zip(words, pairs, strict=True)
    ]


def _is_cut(form: str, found: re.Match[str]) -> bool:
    """Return True for the 0 of `loss 0,512`, which has a decimal comma, and for `Step: 12s`."""
    end = found.end()
    if re.match(r"(?:ms|s|m|h|d)\b", form[end : end + 3]):
        return is_step_name(found["word"] or found["words"])
    if re.match(r"[A-Za-z]{0,2}x?[\ue000-\ue8ff]|-[\ue000-\ue8ff]", form[end : end + 3]):
        return True  # 64x64, 1-50
    if not form.startswith(",", end) or found["value"] >= "\ue400":
        return False
    return form[end + 1 : end + 2] >= "\ue000" and "[" not in found[0]


def _pairs(form: str, name: str, found: re.Match[str]) -> list[Number]:
    factor = _THOUSAND[found["thousands"]]
    is_given = found["word"] is not None or found["given"] is not None
    one = Number(name, found["value"], found["of"] or "", *found.span(), factor, is_given)
    opened = form.find("[", found.start(), found.start("value"))
    numbers = _LIST.match(form, opened) if opened >= 0 and not one.is_step else None
    if numbers is None:
        return [one]
    end, places = numbers.end(), re.findall(VALUE, numbers[0])
    return [
        Number(f"{name}/{at}", place, "", end if at else one.start, end, 1.0, True)
        for at, place in enumerate(places)
    ]


def _gaps(form: str, pairs: Sequence[Number]) -> list[str]:
    """Return what is before, between and behind the pairs of a form."""
    starts = [0, *(pair.end for pair in pairs)]
    ends = [*(pair.start for pair in pairs), len(form)]
    return [form[start:end] for start, end in zip(starts, ends, strict=True)]


def run_to_end(form: str, pairs: Sequence[Number]) -> int:
    """Return the index from which the rest of the form is only pairs."""
    end, at = len(form), len(pairs)
    while at and _BETWEEN.fullmatch(form, pairs[at - 1].end, end):
        at -= 1
        end = pairs[at].start
    return at


def part(text: str) -> str:
    """Return the part of the data that ends a text; empty for training."""
    found = _PART.fullmatch(text)
    return part_of(found["part"]) if found else ""


_FIELD_PART = re.compile(
    rf"\b(?:split|phase|mode|stage|subset|dataset|data|set|part|event|msg)[=:] ?[\"']?"
    rf"(?:(?P<train>{_TRAIN})|[\w-]*(?<![a-z])(?P<part>{HELD_OUT}))(?![a-z])",
    re.IGNORECASE,
)
"""`phase=val step=3`: a field that says the part of the data, wherever it is."""
_FIELDS_BEFORE = re.compile(
    r"(?:[A-Za-z_]\w*=(?:\"[^\"=]*\"|'[^'=]*'|[A-Za-z][\w./:-]*)[ ,;|]+)+(?=[A-Za-z_])"
)
_SET = re.compile(
    r"(?:.*\W)?(?:on|for|of|in) (?:the )?(?P<set>[\w./-]+)(?: (?:set|data(?:set)?|split))?\W*",
    re.IGNORECASE,
)
"""`Evaluation on wikitext: loss 3`."""


def _named_part(text: str) -> str:
    """Return the part of the data that a text says before names and values; empty for training."""
    if found := part(text):
        return found
    if not text.isascii() or len(text) > _LONGEST_LABEL:
        return ""
    for word in reversed(re.findall(r"[A-Za-z][\w-]*", text)):
        if (one := _IN_PREFIX.search(word)) and is_held_out(word):
            return part_of(one["part"])
    return ""


def _label(text: str) -> tuple[str, bool]:
    """Return the word that a text says besides a part of the data, and if it is set off."""
    if not text.strip():
        return "", False
    one = _WORD_BEFORE.fullmatch(text)
    if one:
        is_label = not (_NO_LABEL.fullmatch(one["word"]) or is_held_out(one["word"]))
        return (one["word"], bool(one["mark"].strip())) if is_label else ("", False)
    found = _SET.fullmatch(text)
    if found and not (_NO_LABEL.fullmatch(found["set"]) or is_held_out(found["set"])):
        return found["set"], True
    return "", False


def _section(text: str, of: str) -> str:
    """Return the part of the data of what follows a text between two pairs: `of`, or another."""
    return "" if _TRAINING.fullmatch(text) else part(text) or of


@lru_cache(_NAMES)
def part_of_name(name: str) -> str:
    """Return the part of the data that a metric's name says first; empty if it says none."""
    found = _PART_OF_NAME.match(name)
    return part_of(found["part"]) if found else ""


@lru_cache(_NAMES)
def is_held_out(name: str) -> bool:
    """Return True for a name that says a part of the data."""
    return _IS_HELD_OUT.fullmatch(name) is not None


# Numbers that are no metrics: counters, times to go, memory, settings.

_NO_METRIC = re.compile(
    r"(?:.*[\W_])?(?:eta|(?:time )?(?:left|remaining)|patience|counter|elapsed|n_updates|vram"
    r"|(?:batch|world|vocab|image|img|buffer|chunk|block)[ _]?size|(?:passed|elapsed)[ _]time"
    r"|(?:gpu|cuda|max|peak)?[ _]?mem(?:ory)?"
    r"(?:[ _](?:mb|gb|mib|gib|usage|used|allocated|reserved))?)"
    r"|(?:max )?(?:allocated|reserved|cached)|time_elapsed|wall_?(?:time|clock)|total_time"
    r"|(?:consumed|skipped|nan|seen|num|number of|n|total)[ _](?:train[ _]?)?(?:\w+ )?"
    r"(?:samples?|tokens?|iterations?|batch(?:es)?|steps?|examples|images|episodes?)"
    r"|(?:seed|(?:local_|global_)?rank|device|patience|counter)"
    r"|(?:(?:train(?:ing)?|total|end of|max|current|num|global|env|fps)[ _-]?)?"
    r"(?:epochs?|ep\.?|steps?|iters?|iterations?|batch(?:es)?|timesteps?|episodes?|rounds?|updates?)"
    r"|(?:\w+ )?(?:samples|images|clients?|fold|trial|run|task|game|workers?|micro_step|gpus?"
    r"|(?:\w+_)?tokens(?:_seen)?|(?:played )?games|examples|size|Sen\.)",
    re.IGNORECASE,
)
_OF_TIME = re.compile(
    r"(?:.*[\W_])?(?:tim(?:e|ing)\w*|s|sec|ms|per)[/ ]\w+|.*/(?:s|sec|step|batch|it)"
)


@lru_cache(_NAMES)
def is_no_metric(name: str) -> bool:
    """Return True for a counter, a time to go, memory, or a setting."""
    if _OF_TIME.fullmatch(name) and not re.match(r"time/(?:iter|time|total|epis)", name):
        return False
    return _NO_METRIC.fullmatch(name.rpartition("/")[2]) is not None


@lru_cache(_NAMES)
def is_setting(name: str) -> bool:
    """Return True for what settings print as well."""
    return (
        re.fullmatch(r"(?:.*[/ ])?(?:lr|learning_rate|momentum|weight_decay|size|dim)", name)
        is not None
    )


# Forms of lines that are rewritten before they are read.

_COUNTED = re.compile(
    r"(?P<at>\d+)(?:(?P<unit>epoch|iter(?:ation)?|step)|(?:st|nd|rd|th)? "
    r"(?P<word>epoch|iter(?:ation)?|step)s?(?=[:,|]))"
    r"(?P<rest>(?::\w+)?(?::(?:\d+-)?(?P<inner>\d+)(?P<inner_unit>batch|iter|step))?)\b",
    re.IGNORECASE,
)
"""`1epoch:train:51-100batch: loss=2` and `3rd epoch: loss 2`, at the start of a message."""
_MAY_BE_COUNTED = re.compile(
    r"(?:^(?=\d+ )|(?:^|.*[\]:|>-] )(?=\d+(?:[a-z]{2} |[a-z])))"
    r"(?=\d+(?:st|nd|rd|th)? ?(?:epoch|iter|step))",
    re.IGNORECASE,
)
_STEPS = re.compile(rf"steps(?=\s?[:=]\s?{INT})", re.IGNORECASE)
"""DeepSpeed's `steps: 10 loss: 2.5`; elsewhere in a line it is the length of an epoch."""
_LETTERS = re.compile(
    r"(?P<start>\W*(?P<part>train|pretrain|eval|val|test)\b\W+)"
    r"(?=(?:[A-Z]+: [\d,.\ue000-\ue8ff-]+[^A-Z]*){3})"
)
"""`| train | E: 1 | S: 1000 | R: 12.3 |`: names of one letter, usual in reinforcement learning."""
_LETTER = re.compile(r"\b([EISF])(?=: [\ue000-\ue7ff])")
_WORDS = {"E": "episode", "I": "global_step", "S": "global_step", "F": "global_step"}
_SLASH = re.compile(rf"(?<={INT})/(?=[A-Za-z_]+={INT})")
"""`epoch=0/micro_step=20/global_step=10` has three counts."""
_BARRED = re.compile(rf"(step +{INT}: (?:\w+ +)?[\w/.-]+) \|(?= +\S+$)", re.IGNORECASE)
"""Trax's `Step     10: eval  Accuracy |  0.25`."""
_AT_STEP = re.compile(
    r"(?<!\w)(?!(?:new |overall )?best\b)(?P<name>[A-Za-z][\w ./%()-]*?) "
    r"(?:at|after|in|for|@) (?:the )?"
    r"(?P<unit>(?:global[_ -])?(?:step|iteration|iter|epoch|episode|(?:mini-?)?batch|update)) *"
    rf"(?P<at>{INT}) *(?:[:=]|is\b:?|->) *(?={VALUE})",
    re.IGNORECASE,
)
"""`Average loss at step 2000: 113.8`, `Cost after iteration 100: 0.58`."""
_AT_STEPS = re.compile(rf"(?:@|at|after) ({INT}) (step|iteration|epoch|episode)s?\b", re.IGNORECASE)
"""`eval @ 12887 steps: return=3`."""
_OVER_LAST = re.compile(
    rf" *\(?(?:(?:over |in |of |for )?(?:the )?(?:last|past|previous) {INT} \w+"
    rf"|over {INT} (?:episodes|games|runs|trials))\)?",
    re.IGNORECASE,
)
"""`average reward over the last 10 episodes: 3.5`."""
_NET = re.compile(rf"\b(Train|Test) net output #{INT}: ")
_HASH = re.compile(rf"(?<=epoch|batch|round) ?#(?={INT})|(?<=step|iter) ?#(?={INT})", re.I)
_RESULTS = "Saving dict for global step"
"""TensorFlow's estimators print an evaluation so, and repeat the step among the metrics."""
_REPEATED_STEP = re.compile(rf"\bglobal_step = {INT},? ?")
_SENTENCE = re.compile(
    # No `\b` in front, which is tried at each character.
    r"(?:reached(?<!\w.{7})|improved?(?<!\wimprove)(?<!\wimproved)|adjusting(?<!\w.{9})"
    r"|reducing(?<!\w.{8})|was(?<!\w.{3}) not|decreased(?<!\w.{9})|increased(?<!\w.{9}))\b"
)
_SAVING = re.compile(
    rf"\W*(?:[Ss]aving|[Ss]aved|[Rr]esum\w+|[Ll]oad\w+|[Rr]estor\w+)\b|Step {INT}/{INT} : [A-Z]+ "
)
"""Also the lines of `docker build`: `Step 4/5 : ENV LOSS=0.5`."""
_BEST = re.compile(
    r"\W*(?:new |overall )?best\b(?:.*\b(?:at|in|from)| the)? (?:epoch|step|iter)", re.IGNORECASE
)
"""`Best val acc: 0.9 at epoch 11`: a summary of other lines."""
_SIGNS = str.maketrans("：，；（）％＝", ":,;()%=")
_LANGUAGES = {
    "step": "训练次数|迭代次数|步数",
    "epoch": "轮次|轮数|[ÉéEe]poca|[Ээ]поха|エポック|에포크|에폭|[Ee]poche",
    "train ": "训练集上?的?",
    "val ": "验证集上?的?",
    "test ": "(?:整体)?测试集上?的?",
}
_WORD_OF = re.compile("|".join(f"({words})" for words in _LANGUAGES.values()))
_ENGLISH = tuple(_LANGUAGES)
_NTH_EPOCH = re.compile(r"第 ?(\d+(?:/\d+)?) ?(?:轮|个?(?:epoch|周期))(?:训练|开始|结束)*")
_RANKS = re.compile(
    rf"\[(?:(?:rank|gpu|cuda)[ :=]?|default)(?:\d+|{INT})\]|\[{INT},{INT}\]<std\w+>:", re.IGNORECASE
)
_FLAT = re.compile(rf"\{{(?:\s*['\"][^'\"{{}}]+['\"]\s*:\s*['\"]?{VALUE}['\"]?\s*,?)+\s*\}}\s*")
_FIELD_OF = re.compile(rf"['\"]([^'\"{{}}]+)['\"]\s*:\s*['\"]?({VALUE})")
_OBJECT = re.compile(r"[^{]*\{\s*[\"']")


def _in_english(form: str) -> str:
    """Return a line with its signs, step and part of the data in English: `第 3 轮，Loss：1`."""
    form = _NTH_EPOCH.sub(r"epoch \1", form.translate(_SIGNS))
    return _WORD_OF.sub(lambda word: _ENGLISH[(word.lastindex or 1) - 1], form)


def normal(line: str) -> str:
    """Return a line in English, and with counts before their names as names and numbers."""
    if not line.isascii():
        line = _in_english(line)
    if not line[:1].isdigit() and "] " not in line and ": " not in line:
        return line
    found = _MAY_BE_COUNTED.match(line)
    return line[: found.end()] + _COUNTED.sub(_named_count, line[found.end() :]) if found else line


def _named_count(found: re.Match[str]) -> str:
    """Return `epoch 1: train: batch 100` for `1epoch:train:51-100batch`."""
    part = found["rest"].split(":")[1] if found["rest"].count(":") else ""
    inner = f" {found['inner_unit']} {found['inner']}" if found["inner"] else ""
    part = "" if found["inner"] and part[:1].isdigit() else part
    return f"{found['unit'] or found['word']} {found['at']}:{f' {part}:' if part else ''}{inner}"


def _rewritten(form: str) -> str:
    """Return a form with its step and metrics as names and numbers."""
    form = _WRAPPED.sub(r"\1", form) if "(" in form else form
    if "{" in form:
        before, _brace, after = form.partition("{")
        if after[:1] in "'\"" and "{" not in after and any(one.is_step for one in find(before)):
            form = before + re.sub(r"[\"'{}]", "", after)
    form = f"step{form[1:]}" if form.startswith("s:\ue000 ") else form
    form = _HASH.sub(" ", form) if "#" in form else form
    if _RESULTS in form:
        form = _REPEATED_STEP.sub("", form.replace(_RESULTS, "eval step"))
    form = _AT_STEP.sub(r"\g<unit> \g<at>: \g<name>: ", form, count=1)
    form = _AT_STEPS.sub(r"\2 \1", form, count=1)
    form = _NET.sub(r"\1: ", form) if " net output" in form else form
    form = _OVER_LAST.sub("", form)
    form = _STEPS.sub("step", form) if _STEPS.match(form) else form
    if ": " in form and _LETTERS.match(form):
        return _LETTER.sub(lambda letter: _WORDS[letter[1]], form)
    form = _BARRED.sub(r"\1:", form) if " |  " in form else form
    form = _SLASH.sub(", ", form) if "step=" in form and "/" in form else form
    return form.replace(" = ", ": ") if form.count(" = ") > 1 and " | " in form else form


_BAR = re.compile(rf"{VALUE}%\||\[[=>.]{{3,}}\]|\[{_DIGITS}[<,]|━━|██")
_LOGGED = re.compile(
    r"(?:\W+|.*(?:[\]\[:;|>()*-]|\},|INFO|DEBUG|\ue800|\s\s)\s*)?"
    rf"(?:end of|after|current|{_TRAIN}|{HELD_OUT})?",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    # `[1, 2000] loss: 2.1`, `[100] train_loss=2.5`, `[1/6] ... val loss: 2`, `(0, 10) loss : 2`,
    # `10: loss: 2`, `0 [D loss: 2]`; then `train (1/3) loss: 2`, `Train: [0/9][3/10] loss 2`
    rf"(?:.*[\]:|>-] )?\W{{0,4}}?(?:[A-Za-z]\w*:?\s?)?"
    rf"(?:[(\[] *(?P<a>{INT})(?: */ *(?P<b>{INT})|, *(?P<c>{INT}))? *[)\]]"
    rf"(?:\s?\[ *(?P<d>{INT}) */ *(?P<e>{INT})\])?"
    rf"|(?P<f>{INT})(?:(?= \[)|[:,|] |\s*\| ))",
)
_INSIDE = re.compile(rf"[\[(|] *(?P<value>{INT}) */ *(?P<of>{INT})")
"""A position within an epoch without a name, as in `Epoch 3 [10/100]`."""
_AT_TAIL = re.compile(rf"\s*\[ *(?P<value>{INT}) */ *(?P<of>{INT})\]\s*$")
_BRACKETS = re.compile(rf"\]\s*\[\s*{INT}")
"""Between the positions of `Epoch: [0][10/100]`, where epochs count from 0."""
_FOLD = re.compile(
    r"\b(?P<stem>fold|split|run|seed|trial|client|task|agent|stage|phase)[ =:#_-]{0,3}"
    rf"(?P<number>{INT}|\d{{1,9}})(?![\d.])",
    re.IGNORECASE,
)
_FOLD_HEADING = re.compile(
    rf"\W*(?:(?:start|begin|train)\w* )?{_FOLD.pattern}(?:\s*(?:/|of)\s*{INT})?[^\w\ue000-\ue8ff]*",
    re.IGNORECASE,
)
_WORD_BEFORE = re.compile(r"\W*(?P<word>[A-Za-z][\w-]*)(?P<mark>\W*)")
_NO_LABEL = re.compile(
    rf"{HELD_OUT}|{_TRAIN}|(?:complet|finish|log|report|start|begin|run)\w*|done|end|step|epoch"
    r"|after|at|in|global|total|num|env|current|info|debug|warning|results?|metrics|summary|iter\w*"
    r"|the|of|on|for|new|last|stats?|progress|status|update|average|mean|avg",
    re.IGNORECASE,
)
_TITLE = re.compile(
    rf"(?:[^\w\s]|\s|_)*(?:(?:start|begin|runn?)\w* )?(?:the )?"
    rf"(?P<part>{HELD_OUT}|{_TRAIN})(?![a-z])"
    r"(?:(?:[ _:](?:on|the|performa\w*|results?|metrics|summary|error|sets?|data(?:set)?|model|loop"
    rf"|phase|stage|{HELD_OUT}))*)(?:[^\w\s]|\s|_)*(?:\([^()]*\)\W*)?",
    re.IGNORECASE,
)
"""`> EVALUATION`, `Training:`, `Evaluating ...`: what is below is of this part of the data."""
_TITLE_END = re.compile(rf".*\bevaluat\w+[\W_]*(?P<part>{HELD_OUT})[\W_]*", re.IGNORECASE)
_LONGEST_TITLE, _LONGEST_LABEL = 60, 120
_RICH = re.compile(rf"\s\s+[\w.<>-]+\.py:{INT}\s*$")
"""The source line that Rich prints at the right edge, before it wraps the rest of a message."""
_BEFORE = re.compile(r"(?:.*[\]|>:*-] )?[\W_]*(?:[A-Za-z]+:?)?[\W_]*")
_STAR = re.compile(r" *\* +")
"""Torchvision's examples print a validation so."""

QUALIFIER = r"final|best|last|mean|average|avg|overall|objective|metrics?|results?"
USUAL = re.compile(
    rf"(?:(?:{QUALIFIER}|train(?:ing)?|val(?:id(?:ation)?)?|test|eval|dev)[\s_/.-]+)*"
    r"(?:loss|acc(?:uracy)?|f1(?:[_ -]?score)?|auc|auroc|r?mse|mae|nll|perplexity|ppl|reward"
    r"|f[_ -]?score|fb1|m?iou|dice|bleu(?:-\d)?|psnr|ssim)",
    re.IGNORECASE,
)
_ONLY_PART = re.compile(HELD_OUT, re.IGNORECASE)
_FRACTIONS = re.compile(
    r"(?:[\w-]+[\s_/.])*(?:precision|recall|error(?:[ _-]rate)?|[wc]er)", re.IGNORECASE
)
"""Names of metrics that may also be settings, as in `precision: 16`."""
_SETTING = re.compile(
    r"weights?|coef\w*|alpha|beta|gamma|lambda|scale|factor|margin|freq\w*|num|power|thresh\w*|target"
    r"|interval|types?|functions?",
    re.IGNORECASE,
)
"""Words in the names of settings, as `CENTER_LOSS_WEIGHT`."""
IN_NAMES = re.compile(r"loss|accuracy|reward|return|perplexity", re.IGNORECASE)
_PERCENT = re.compile(rf"\s*[(\[]\s*({VALUE})\s*%[)\]]")


@lru_cache(FORMS)
def parse(form: str) -> Line:
    """Return what a form says."""
    if len(form) > MAX_PRINTED:
        return OTHER
    end = prefix_end(form)
    prefix, text = form[:end], form[end:].rstrip()
    held = _IN_PREFIX.search(_FILE.sub(" ", prefix)) if end else None
    of = part_of(held["part"]) if held else ""
    if not text.strip():
        return BLANK
    if "{" in text:
        before, _brace, _rest = text.partition("{")
        if not any(one.is_step for one in find(before)) and _FLAT.fullmatch(
            unwrapped := _WRAPPED.sub(r"\1", text), len(before)
        ):
            return _of_dict(unwrapped, before, of)
        if _OBJECT.match(text):
            line = _of_text(text, of)
            return line if line.kind == "row" else Line("object", part=part(before) or of)
    return _of_text(text, of)


def _of_text(text: str, of: str) -> Line:
    is_indented = text[:1] in " \t"
    if "[" in text and _RANKS.search(text):
        return Line("ranks")
    edge = _RICH.search(text) if ".py:" in text else None
    if fold := _FOLD_HEADING.fullmatch(text):
        return Line("fold", fold=(fold["stem"].lower(), fold["number"]), text=text)
    text = text[: edge.start()] if edge else text
    text = text if _BEST.match(text) else _rewritten(text)
    if _BAR.search(text) or _SENTENCE.search(text) or _SAVING.match(text) or _BEST.match(text):
        return OTHER
    pairs = find(text)
    if not pairs:
        return _of_words(text)
    if field := _FIELD_PART.search(text):
        of = part_of(field["part"] or "")
    if fields := _FIELDS_BEFORE.match(text):
        text = text[fields.end() :]
        pairs = find(text)
    pairs = _with_letter(text, pairs)
    rank = next((one.value for one in pairs if one.is_given and _IS_RANK.fullmatch(one.name)), "")
    line = _stepped(text, pairs, of) or _numbered(text, pairs, of) or _bare(text, pairs, of)
    if line is None:
        return Line("label", text=text)
    return replace(line, is_indented=is_indented, text=text, wraps=edge is not None, rank=rank)


def _with_letter(text: str, pairs: list[Number]) -> list[Number]:
    """Return the pairs of `t = 100, loss = 2`, whose first letter is a counter."""
    first = pairs[0]
    is_letter = first.name in _LETTERS_OF_STEPS and first.is_given and first.is_whole
    if len(pairs) < 2 or not is_letter or text[: first.start].strip(" \t[(|"):
        return pairs
    return [first._replace(name="epoch" if first.name in "eE" else STEP), *pairs[1:]]


_LETTERS_OF_STEPS = frozenset("tkiseE")
_IS_RANK = re.compile(r"(?:local_|global_)?rank|process_index", re.IGNORECASE)


def _of_dict(text: str, before: str, of: str) -> Line:
    """Return what a printed dict of numbers says."""
    fields = _FIELD_OF.findall(text, len(before))
    of = part(before) or of
    counts = [Number(name, place) for name, place in fields if name.rpartition("/")[2] in _FIELDS]
    counts.sort(key=lambda one: _FIELDS.index(one.name.rpartition("/")[2]))
    taken = [one.name for one in counts]
    values = tuple(
        NamedValue(name, "" if is_held_out(name) else of, place, is_usual=True)
        for name, place in fields
        if name not in taken and not is_no_metric(name)
    )
    if not values:
        return OTHER
    if not counts:
        is_sure = any(IN_NAMES.search(name) for name, _place in fields)
        is_sure = is_sure and not any(map(names_settings, dict(fields)))
        return Line("bare", values, part=of, is_sure=is_sure, is_dict=True, text=text)
    first = counts[0]
    if first.name == "epoch":
        return Line("row", values, epoch=first, part=of, text=text, is_of_training=True)
    return Line("row", values, inner=first, counts_all=True, part=of, text=text)


_FIELDS = (
    "step",
    "global_step",
    "iteration",
    "iter",
    "current_steps",
    "total_timesteps",
    "training_iteration",
    "epoch",
)


def _with_step(pairs: Sequence[Number]) -> Sequence[Number]:
    """Return the pairs of a line; if none of them is a step, a count in the plural is."""
    if any(pair.is_step for pair in pairs):
        return pairs
    counts = [at for at, pair in enumerate(pairs) if _PLURAL.fullmatch(pair.name)]
    steps = [at for at in counts if pairs[at].name.lower().endswith("steps")] or counts
    if not steps or not pairs[steps[0]].is_whole:
        return pairs
    return [pair._replace(name=STEP) if at == steps[0] else pair for at, pair in enumerate(pairs)]


def _first_step(pairs: Sequence[Number]) -> int | None:
    """Return the index of a line's first step; in `lr = 0.001, batch = 32` there is a size."""
    for at, pair in enumerate(pairs):
        is_size = at > 0 and pair.name.lower() == "batch" and not pair.of
        if pair.is_step and not is_size:
            return at
    return None


_GLUED = re.compile(rf":{INT}")


def _stepped(text: str, pairs: Sequence[Number], of: str) -> Line | None:
    """Return a line that has its step by name."""
    pairs = _with_step(pairs)
    if (first := _first_step(pairs)) is None:
        return None
    begins = _LOGGED.fullmatch(text[: pairs[first].start].rstrip())
    if not begins or first:
        # a logger's prefix like `module:180` is no pair
        glued = (
            at + 1 for at in range(first) if _GLUED.search(text, pairs[at].start, pairs[at].end)
        )
        run = max([run_to_end(text, pairs), *glued])
        named = run < first and _LOGGED.fullmatch(text[: pairs[run].start])
        if not begins and not named:
            return None
        first = run if named else first
    pairs = pairs[first:]
    steps = [pair for pair in pairs if pair.is_step]
    epoch = next((one for one in steps if _OUTER.fullmatch(one.name)), None)
    inners = [one for one in steps if not _OUTER.fullmatch(one.name)]
    inner = next(
        (one for one in inners if _COUNTS_ALL.fullmatch(one.name)), next(iter(inners), None)
    )
    if inner is None and epoch is not None and (inside := _INSIDE.search(text, epoch.end)):
        inner = Number("", inside["value"], inside["of"], *inside.span())
    values = [pair for pair in pairs if not pair.is_step]
    before = text[: min(steps[0].start, pairs[0].start)] + steps[0].name.rpartition(" ")[0]
    between = text[steps[0].end : values[0].start] if values else ""
    own = part(between) or part(before)
    own = own or next(filter(None, (part_of_name(one.name) for one in steps)), "")
    if not own and "[" in before and (mark := _LABEL.match(before)):
        own = part_of(mark["part"])
    if not own and (mark := _AT_END.search(text, pairs[-1].end)):
        own = part_of(mark["part"])
    own = own or _named_part(before)
    trains = _TRAINING.fullmatch(before) or _TRAINING.fullmatch(between)
    own = own or ("" if trains else of)
    label, is_named = _label(before)
    fold = _FOLD.search(text)
    usual = [pair for pair in values if _is_usual(pair) and not pair.is_whole]
    line = Line(
        "row",
        values_of(text, pairs, own),
        epoch,
        inner,
        counts_all=inner is not None and _COUNTS_ALL.fullmatch(inner.name) is not None,
        leads=inner is not None and epoch is not None and inner.start < epoch.start,
        from_zero=epoch is not None
        and not epoch.of
        and _BRACKETS.match(text, epoch.end) is not None,
        part=own,
        label=label,
        is_named=is_named,
        fold=(fold["stem"].lower(), fold["number"]) if fold else None,
        is_of_training=bool(trains),
        is_sure=len(values) > 1
        and bool(usual)
        and all(pair.is_step for pair in pairs[: run_to_end(text, pairs)]),
    )
    return line if line.values else replace(line, kind="heading")


def _numbered(text: str, pairs: Sequence[Number], of: str) -> Line | None:
    """Return a line that begins with its step in brackets, or with a bare one."""
    begin = _NUMBERED.match(text)
    if begin is None or any(pair.is_step for pair in pairs):
        return None
    if begin["f"] and re.search(r"[A-Za-z]", text[: begin.start("f")]):
        return None
    pairs = [pair for pair in pairs if pair.start >= begin.end()]
    if not any(names_metric(pair.name) for pair in pairs) or not pairs:
        return None
    words = text[: begin.start("a" if begin["a"] else "f")].rstrip("([ ")
    own = part(words) or part(text[begin.end() : pairs[0].start])
    trains = _TRAINING.fullmatch(words) is not None
    epoch = inner = None
    if begin["d"]:
        epoch = Number("epoch", begin["a"], begin["b"] or "")
        inner = Number("", begin["d"], begin["e"])
    elif begin["c"]:
        epoch, inner = Number("epoch", begin["a"]), Number("", begin["c"])
    else:
        inner = Number("", begin["a"] or begin["f"], begin["b"] or "")
    values = values_of(text, pairs, own or ("" if trains else of))
    if not values:
        return None
    return Line("row", values, epoch, inner, part=own, is_of_training=trains, is_sure=False)


def _bare(text: str, pairs: Sequence[Number], of: str) -> Line | None:
    """Return a line of nothing but names and values, behind context."""
    tail = _AT_TAIL.search(text)
    pairs = [pair for pair in pairs if not tail or pair.end <= tail.start() + 1]
    body = text[: tail.start()] if tail else text
    at_end = _AT_END.search(body, pairs[-1].end) if pairs else None
    body = body[: at_end.start()] if at_end else body
    if not pairs or run_to_end(body, pairs) or any(pair.is_step for pair in pairs):
        return None
    before = body[: pairs[0].start]
    if not _BEFORE.fullmatch(before):
        return None
    if len({pair.name for pair in pairs}) < len(pairs) and all(pair.is_whole for pair in pairs):
        return None  # as in `| Metric | Layer 0 | Layer 1 |`
    own = "val" if _STAR.fullmatch(before) else _named_part(before)
    is_context = bool(own)
    own = own or (part_of(at_end["part"]) if at_end else "")
    own = own or part(pairs[0].name.partition(" ")[0])
    label, is_named = _label(before)
    if not label and (words := re.findall(r"[A-Za-z][\w-]*", before)) and not own:
        words = [word for word in words if not _NO_LABEL.fullmatch(word)]
        label, is_named = "-".join(words), bool(words)
    first = pairs[0].name
    bare = (
        first[len(first.split(" ")[0].split("_")[0]) :].strip(" _/.-").lower()
        if part_of_name(first)
        else ""
    )
    named = (
        own
        if is_context or at_end or (bare and all(one.name.lower() != bare for one in pairs))
        else ""
    )
    trains = _TRAINING.fullmatch(before) is not None
    return Line(
        "bare",
        values_of(body, pairs, named or ("" if trains else of)),
        inner=Number("", tail["value"], tail["of"]) if tail else None,
        part=named or ("" if trains else of),
        label=label,
        is_named=is_named,
        is_sure=not any(
            is_step_name(pair.name) or (pair.of and not names_metric(pair.name)) for pair in pairs
        ),
        is_of_training=trains,
        fold=(fold["stem"].lower(), fold["number"]) if (fold := _FOLD.search(text)) else None,
    )


def values_of(text: str, pairs: Sequence[Number], of: str) -> tuple[NamedValue, ...]:
    """Return the values by name; `of` is the part of the data that they are of.

    Another part that is named between two pairs, `| val: `, is that of those behind it. A name that
    is repeated is of the last part named, as in `Train Loss: 1, Acc: 2, Val Loss: 1, Acc: 2`.
    """
    values: dict[tuple[str, str], NamedValue] = {}
    named, end = "", pairs[0].start
    for pair in pairs:
        if pair.start - end > _LEAST_SECTION:
            of = _section(text[end : pair.start], of)
        named, end = part_of_name(pair.name) or named, pair.end
        if pair.is_step or is_no_metric(pair.name) or pair.name.lower() == "best":
            continue
        own = "" if is_held_out(pair.name) else of
        if (pair.name, own) in values and named:
            own = named
        place, factor, total = pair.value, pair.factor, pair.of
        if pair.of and (percent := _PERCENT.match(text, pair.end)):
            place, total = percent[1], ""
        value = NamedValue(pair.name, own, place, factor, total, _is_usual(pair))
        values.setdefault((pair.name, own), value)
    return tuple(values.values())


def _is_usual(pair: Number) -> bool:
    if USUAL.fullmatch(pair.name) or (not pair.is_whole and _ONLY_PART.fullmatch(pair.name)):
        return True
    if _FRACTIONS.fullmatch(pair.name):
        return not pair.is_whole
    if IN_NAMES.search(pair.name) is None or not pair.is_given:
        return False  # a name that is not usual has to be given its value, as in `loss_disc=3.5`
    return not any(map(_SETTING.fullmatch, re.split(r"[\W_]+", pair.name)))


def _of_words(text: str) -> Line:
    """Return a line without values: of a part of the data, or a heading that says more."""
    plain = text.strip()
    if len(plain) <= _LONGEST_TITLE and (
        title := _TITLE_END.fullmatch(text) or _TITLE.fullmatch(text)
    ):
        return Line(
            "title",
            part=part_of(title["part"]),
            is_of_training=not part_of(title["part"]),
            text=text,
        )
    if len(plain) <= _LONGEST_LABEL:
        fold = _FOLD.search(text)
        return Line(
            "label", text=text, fold=(fold["stem"].lower(), fold["number"]) if fold else None
        )
    return OTHER
