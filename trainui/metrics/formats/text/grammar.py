"""One printed line, read by its form: which of its numbers count, and which are values of what.

The rule: a line is a logger's prefix, context (words that name a part of the data, a set, a
training), counters (`step 3`, `epoch 2/10`, `[352/360]`) and pairs of name and value. Lines that
differ in nothing but their numbers have one form, which is read once and kept; so a line costs no
more than the search for its numbers. What a form means beside other lines is `state`'s to say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from trainui.metrics.formats.decoder import names_settings, step_fields
from trainui.metrics.formats.text.forms import INT, MAX_PRINTED, VALUE, prefix_end
from trainui.metrics.formats.text.names import (
    BAR,
    BEST,
    HELD_OUT,
    NO_LABEL,
    OUTER,
    SAVING,
    SENTENCE,
    TRAIN,
    WRAPPED,
    Number,
    find,
    is_no_metric,
    is_step_name,
    label_of,
    may_be_metric,
    names_metric,
    own_part,
    part_in,
    rewritten,
    run_to_end,
)
from trainui.record import dataclass

_FORMS = 2048
"""Forms of lines that are kept."""
_LONGEST_TITLE = 60
"""Characters of a line that names a part of the data."""
LONGEST_LABEL = 120
"""Characters of a line that may name the values below it."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a form says."""

    kind: str
    """`row` (values at counters), `heading` (counters alone), `bare` (values alone), `title` (a
    part of the data alone), `fold` (a fold, seed or task alone), `label` (other short text),
    `object` (of JSON), `ranks` (of processes that it names), `blank` or `other`."""
    values: tuple[Number, ...] = ()
    epoch: Number | None = None
    inner: Number | None = None
    """A step: of all, or of the epoch."""
    length: Number | None = None
    """The number of steps of the epoch, as in `Epoch: 1, Steps: 263`."""
    counts_all: bool = False
    """The step's name says that it never starts over."""
    from_zero: bool = False
    part: str | None = None
    """The part of the data of the whole line: empty for training, None if it says none."""
    label: str = ""
    """Another word that says what the line is of, as in `wikitext: step 3`."""
    is_named: bool = False
    """The label is set off by a colon or brackets."""
    fold: tuple[str, str] | None = None
    """The stem and number of a fold, seed, client or task."""
    is_sure: bool = True
    """It is nothing but what a training prints."""
    is_indented: bool = False
    rank: str = ""
    """The number of the process that a field names."""
    text: str = ""
    """What is written, without the prefix."""

    @property
    def counter(self) -> Number:
        """Return the step of a line with counters, else its epoch."""
        counter = self.inner or self.epoch
        assert counter is not None
        return counter


OTHER, BLANK, ROW = Line("other"), Line("blank"), Line("row")
_FILE = re.compile(r"[\w./<>-]+\.\w{1,4}:")
_COUNTS_ALL = re.compile(
    r"(?:.* )?(?:global[_ -]?step|(?:num|total|env)[_ ]?(?:time)?steps?)|total t", re.IGNORECASE
)
_PLURAL = re.compile(
    r"(?:(?:total|env|train(?:ing)?|(?P<owner>learner|actor))[ _])?"
    r"(?:step|iteration|update|episode)s",
    re.IGNORECASE,
)
"""`Episode Return = 5.0 | Steps = 105`: a count behind a name in the plural."""
_SETS = re.compile(r"\W*(?:config|arg|h?param|hyper|setting|option)[\w-]*\W", re.IGNORECASE)
"""`config: timesteps=1000 lr=0.1`."""
_AT_END = re.compile(
    rf"[\s,;|-]*(?:[\[(<]\s*(?:{HELD_OUT})\b[^\[\]()]*[\])>]|[,;|-]\s*(?:{HELD_OUT})\W*$)\W*",
    re.IGNORECASE,
)
"""`step 3 loss 2 (val)` and `step 3 loss 2 - val`."""
_LEAST_SECTION = len("(val")
_FIELD_PART = re.compile(
    rf"\b(?:split|phase|mode|stage|subset|dataset|data|set|part|event|msg)[=:] ?[\"']?"
    rf"(?:{TRAIN}|[\w-]*(?<![a-z])(?:{HELD_OUT}))(?![a-z])",
    re.IGNORECASE,
)
"""`phase=val step=3`: a field that says the part of the data, wherever it is."""
_FIELDS_BEFORE = re.compile(
    r"(?P<lead>\W*(?:[A-Za-z]+ )?)"
    rf"(?:[A-Za-z_]\w*=(?:\"(?!{VALUE}\")[^\"=]*\"|'[^'=]*'|[A-Za-z][\w./:\ue000-\ue8ff-]*"
    rf"|{INT}[a-z]+\d\w*)[ ,;|]+)+(?=[A-Za-z_])"  # `run=3f2a9c1b`
)
_RANKS = re.compile(
    rf"[\[(](?:(?:rank|gpu|cuda)[ :=]?|default)(?:\d+|{INT})(?:/\d+|/{INT})?[\])]"
    rf"|\[{INT},{INT}\]<std\w+>:",
    re.IGNORECASE,
)
_FLAT = re.compile(
    rf"\{{(?:\s*['\"][^'\"{{}}]+['\"]\s*:\s*['\"]?{VALUE}['\"]?\s*,?)+\s*\}}[^\w{{}}]*"
)
_FIELD_OF = re.compile(rf"['\"]([^'\"{{}}]+)['\"]\s*:\s*['\"]?({VALUE})")
_OBJECT = re.compile(r"[^{]*\{\s*[\"']")
_LOGGED = re.compile(
    r"(?:\W+|.*(?:[\]\[:;|>()*-]|[\]}],|INFO|DEBUG|\ue800|\s\s)\s*"
    rf"|(?:.*\W)?(?:task|fold|seed|run|stage|phase)[ =:#_-]{{0,3}}{INT}(?: ?/ ?{INT})?,?\s*)?"
    rf"(?:[a-z]+_\w+$|end of|after|current|(?:\w+ )?(?:{TRAIN}|{HELD_OUT})(?: \w+,| ?@| at)?)?",
    re.IGNORECASE,
)
"""Before the counters of a line; `Task 1/3, Epoch 2` and `Validation results, epoch 2` too."""
_EVENT = re.compile(r"[A-Za-z][a-z]*(?: +[a-z]+){1,4}", re.IGNORECASE)
_IN_PASSING = re.compile(r"\w (?:at|in|after) ")
"""`Non-finite gradient at batch 37`: what happened then, and no heading of the lines below."""
_FIELD = re.compile(rf"\w+=(?:{VALUE}|{INT})")
"""structlog's `validation finished    epoch=3 loss=0.5`."""
_NUMBERED = re.compile(
    # `[1, 2000] loss: 2.1`, `[100] train_loss=2.5`, `[1/6] ... val loss: 2`, `(0, 10) loss : 2`,
    # `10: loss: 2`, `3/10 loss=2`, `0 [D loss: 2]`, `#3 loss=2`; then `train (1/3) loss: 2`,
    # `Train: [0/9][3/10] loss 2`
    rf"(?:.*[\]:|>-] )?[^\w\ue000-\ue8ff]{{0,4}}?(?:[A-Za-z]\w*:?\s?)?"
    rf"(?:[(\[] *(?P<a>{INT})(?: */ *(?P<b>{INT})|[,:] *(?P<c>{INT})(?: ?/ ?(?P<k>{INT}))?)? *[)\]]"
    rf"(?:[\s-]{{0,2}}\[ *(?P<d>{INT}) */ *(?P<e>{INT})\])?"
    rf"|(?P<f>{INT})(?: ?/ ?(?P<g>{INT})[:,|]?\s|(?= \[)|[:,|] |\s*\| )|#(?P<h>{INT}):?\s)"
    rf"|\s*(?P<i>{INT})\s+",  # `100 loss: 2`
)
_INSIDE = re.compile(rf"[\[(|] *(?P<value>{INT}) */ *(?P<of>{INT})")
_BEHIND = re.compile(rf": *(?P<value>{INT})/(?P<of>{INT}) ")
"""A position within an epoch without a name, as in `Epoch 3 [10/100]` and `Epoch 3: 10/100 `."""
_AT_TAIL = re.compile(rf"\s*\[ *(?P<value>{INT}) */ *(?P<of>{INT})\]\s*$")
_BRACKETS = re.compile(rf"\]\s*\[\s*{INT}")
"""Between the positions of `Epoch: [0][10/100]`, where epochs count from 0."""
_FOLD = re.compile(
    r"\b(?P<stem>fold|split|run|seed|trial|client|task|agent|stage|phase|model|member|chain)"
    r"[ =:#_-]{0,3}"
    rf"(?P<number>{INT}|\d{{1,9}})(?![\d.])",
    re.IGNORECASE,
)
_FOLD_HEADING = re.compile(
    rf"\W*(?:(?:start|begin|train)\w* )?{_FOLD.pattern}(?:\s*(?:/|of)\s*{INT})?[^\w\ue000-\ue8ff]*",
    re.IGNORECASE,
)
_TITLE = re.compile(
    rf"(?:[^\w\s]|\s|_)*(?:(?:start|begin|runn?)\w* )?(?:the )?"
    rf"(?:{HELD_OUT}|{TRAIN})(?![a-z])"
    r"(?:(?:[ _:](?:on|the|begins?|start\w*|performa\w*|results?|metrics|summary|error|sets?"
    rf"|data(?:set)?|model|loop|phase|stage|[a-z]+\d+|{HELD_OUT}))*)(?:[^\w\s]|\s|_)*(?:\([^()]*\)\W*)?",
    re.IGNORECASE,
)
"""`> EVALUATION`, `Training:`, `Evaluating ...`: what is below is of this part of the data."""
_FINAL = re.compile(
    r"\W*(?:final|best|overall)\b[^:]*(?:results?|metrics|summary|performance|scores?)\W*",
    re.IGNORECASE,
)
"""`Final results:`: what is below repeats other lines."""
_BEFORE = re.compile(r"(?:.*[\]|>:*-] )?[\W_]*(?:[A-Za-z]\w*:?|[A-Za-z]+ [A-Za-z]+,)?[\W_]*")
_WORD = re.compile(r"[A-Za-z][\w-]*")
_STAR = re.compile(r" *\* +")
"""Torchvision's examples print the means of a validation so."""
PASSED = "*"
"""The part of the data whose positions were printed above, which are not read; else `val`."""
_PERCENT = re.compile(rf"\s*[(\[]\s*({VALUE})\s*%[)\]]")


@lru_cache(_FORMS)
def parse(form: str) -> Line:
    """Return what a form says."""
    if len(form) > MAX_PRINTED:
        return OTHER
    end = prefix_end(form)
    prefix, text = form[:end], form[end:].rstrip()
    of = part_in(_FILE.sub(" ", prefix)) or None
    if not text.strip():
        return BLANK
    if "{" in text:
        before, _brace, _rest = text.partition("{")
        flat = WRAPPED.sub(r"\1", text)
        if not any(one.is_step for one in find(before)) and _FLAT.fullmatch(flat, len(before)):
            return of_fields(_FIELD_OF.findall(flat, len(before)), before, of, flat)
        if _OBJECT.match(text):
            line = _of_text(text, of)
            said = part_in(before)
            return line if line.kind == "row" else Line("object", part=of if said is None else said)
    return _of_text(text, of)


def _of_text(text: str, of: str | None) -> Line:
    is_indented = text[:1] in " \t"
    if _RANKS.search(text):
        return Line("ranks")
    if fold := _FOLD_HEADING.fullmatch(text):
        return Line("fold", fold=(fold["stem"].lower(), fold["number"]), text=text)
    text = text if BEST.match(text) else rewritten(text)
    if BAR.search(text) or SENTENCE.search(text) or SAVING.match(text) or BEST.match(text):
        return OTHER
    pairs = find(text)
    if not pairs:
        return _of_words(text)
    if field := _FIELD_PART.search(text):
        of = part_in(field[0])
    if fields := _FIELDS_BEFORE.match(text):
        text = fields["lead"] + text[fields.end() :]
        if not (pairs := find(text)):
            return _of_words(text)
    pairs = _with_letters(text, pairs)
    rank = next((one.value for one in pairs if _IS_RANK.fullmatch(one.name)), "")
    line = _stepped(text, pairs, of) or _numbered(text, pairs, of) or _bare(text, pairs, of)
    if line is None:
        return Line("label", text=text)
    found = _FOLD.search(text)
    of_fold = (found["stem"].lower(), found["number"]) if found else None
    return replace(line, is_indented=is_indented, text=text, rank=rank, fold=of_fold)


def _with_letters(text: str, pairs: list[Number]) -> list[Number]:
    """Return pairs that begin with counters of one letter: `t = 100, loss = 2`, `E: 1 | I: 10`."""
    before = text[: pairs[0].start]
    if before.strip(" \t[(|") and part_in(before) is None:
        return pairs
    named = list(pairs)
    for at, pair in enumerate(pairs[:-1]):
        if pair.name not in _LETTERS or not (pair.is_given and pair.is_whole):
            break
        is_inner = pair.name == "I" and any(one.name == "G" for one in pairs)
        named[at] = pair._replace(name="iter" if is_inner else _LETTERS[pair.name])
    return named


_LETTERS = {
    **dict.fromkeys("eE", "epoch"),
    **dict.fromkeys("tkisbB", "iter"),
    **dict.fromkeys("GISF", "global_step"),
}
"""Names of one letter for counters, usual in reinforcement learning."""
_IS_RANK = re.compile(r"(?:local_|global_)?rank|process_index", re.IGNORECASE)


_GLUED = re.compile(rf":{INT}")
_PLACE = re.compile("iter|batch", re.IGNORECASE)
_COUNT_BEFORE = re.compile(
    rf"[^\w\ue000-\ue8ff]*(?:(?:{TRAIN}|{HELD_OUT})[^\w\ue000-\ue8ff]+)?"
    rf"(?P<at>{INT})(?: ?/ ?(?P<of>{INT}))?[^\w\ue000-\ue8ff]*",
    re.IGNORECASE,
)
"""`train 10 {'loss': 2}`."""


def of_fields(
    fields: Sequence[tuple[str, str]],
    before: str = "",
    of: str | None = None,
    text: str = "",
    counts: Sequence[Number] = (),
) -> Line:
    """Return what an object of numbers says: of each its name and placeholder.

    `counts` are those of its texts that count up to a number, as `"epoch": "1/3"`.
    """
    said = part_in(before)
    of = of if said is None else said
    names = step_fields(tuple(name for name, _place in fields), None)
    places = dict(fields)
    values = tuple(
        Number(name, places[name], part=own_part(name, of), is_usual=True)
        for name in places
        if name not in names and not is_no_metric(name)
    )
    rank = next((places[name] for name in places if _IS_RANK.fullmatch(name)), "")
    line = Line("row", values, part=of, text=text, rank=rank)
    is_metric = any(map(may_be_metric, places)) or all(map(part_in, places))
    if not values or (not is_metric and any(map(names_settings, places))):
        return OTHER
    at = [*names[:1]]
    if at and _PLACE.match(at[0]) and "epoch" in places:  # a position within it
        at.insert(0, "epoch")
    if counts := counts or [Number(name, places[name]) for name in at]:
        epoch = next((one for one in counts if OUTER.fullmatch(one.name)), None)
        inner = next((one for one in counts if one is not epoch), None)
        is_place = epoch is not None and inner is not None and _PLACE.match(inner.name)
        counts_all = inner is not None and not inner.of and not is_place
        return replace(line, epoch=epoch, inner=inner, counts_all=counts_all)
    if count := _COUNT_BEFORE.fullmatch(before):
        return replace(line, inner=Number("", count["at"], count["of"] or ""))
    if not is_metric or any(map(names_settings, places)):
        return OTHER
    return replace(line, kind="bare", is_sure=not re.search(VALUE, before))


def _with_step(pairs: Sequence[Number]) -> Sequence[Number]:
    """Return the pairs of a line; if none of them is a step, a count in the plural is."""
    if any(pair.is_step for pair in pairs):
        return pairs
    counts = [(pair, found) for pair in pairs if (found := _PLURAL.fullmatch(pair.name))]
    steps = [one for one in counts if one[0].name.lower().endswith("steps")] or counts
    if not steps or not (steps[0][0].is_whole or steps[0][0].factor > 1):
        return pairs
    count, found = steps[0]
    step = count._replace(name=count.name[:-1], part=found["owner"] or "")
    return [step if pair is count else pair for pair in pairs]


def _is_size(at: int, pair: Number) -> bool:
    """Return True for the batch of `lr = 0.001, batch = 32`, which is no step."""
    return at > 0 and pair.name.lower() == "batch" and not pair.of


def _stepped(text: str, pairs: Sequence[Number], of: str | None) -> Line | None:
    """Return a line that has its step by name."""
    pairs = _with_step(pairs)
    first = next(
        (at for at, pair in enumerate(pairs) if pair.is_step and not _is_size(at, pair)), -1
    )
    if first < 0:
        return None
    before = text[: pairs[first].start].rstrip()
    begins = _LOGGED.fullmatch(before) or (
        _EVENT.fullmatch(before)
        and all(_FIELD.fullmatch(text, pair.start, pair.end) for pair in pairs)
    )
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
    epoch = next((one for one in steps if OUTER.fullmatch(one.name)), None)
    inners = [one for one in steps if not OUTER.fullmatch(one.name)]
    inner = next(
        (one for one in inners if _COUNTS_ALL.fullmatch(one.name)), next(iter(inners), None)
    )
    inside = epoch and (_BEHIND.match(text, epoch.end) or _INSIDE.search(text, epoch.end))
    if inside and (inner is None or inner.factor > 1.0):  # `(40/400) ... Step: 0k`
        inner = Number("", inside["value"], inside["of"], *inside.span())
    values = [pair for pair in pairs if not pair.is_step]
    usual = [pair for pair in values if pair.is_usual and not pair.is_whole]
    if not usual and (_SETS.match(text) or any(names_settings(pair.name) for pair in values)):
        return None
    before = text[: min(steps[0].start, pairs[0].start)] + steps[0].name.rpartition(" ")[0]
    between = text[steps[0].end : values[0].start] if values else ""
    at_end = _AT_END.search(text, pairs[-1].end)
    names = " ".join(one.name for one in steps)
    own = _first_part(between, before, names, at_end[0] if at_end else "", of=of)
    own = _part_of_first(own, values, " ") if len(values) > 1 else own
    label, is_named = label_of(before)
    if inner and inner.part:
        label, is_named = inner.part, True
    line = Line(
        "row",
        values_of(text, pairs, own),
        epoch,
        inner,
        length=next((one for one in values if one.is_whole and _PLURAL.fullmatch(one.name)), None),
        counts_all=inner is not None and _COUNTS_ALL.fullmatch(inner.name) is not None,
        from_zero=epoch is not None
        and not epoch.of
        and _BRACKETS.match(text, epoch.end) is not None,
        part=own,
        label=label,
        is_named=is_named,
        is_sure=len(values) > 1
        and bool(usual)
        and all(pair.is_step for pair in pairs[: run_to_end(text, pairs)]),
    )
    if line.values:
        return line
    is_setting = names.lower().endswith("iters")
    is_event = own is None and _IN_PASSING.search(names) and not text.endswith(":")
    return None if is_setting or is_event else replace(line, kind="heading")


def _first_part(*texts: str, of: str | None) -> str | None:
    """Return the part of the data that the first of some texts says that says one, else `of`."""
    return next((one for text in texts if (one := part_in(text)) is not None), of)


def _numbered(text: str, pairs: Sequence[Number], of: str | None) -> Line | None:
    """Return a line that begins with its step in brackets, or with a bare one."""
    begin = _NUMBERED.match(text)
    if begin is None or any(pair.is_step for pair in pairs):
        return None
    group = next(name for name in "afhi" if begin[name])
    count, at = begin[group], begin.start(group)
    words = text[:at].rstrip("([ ")
    named = "" if begin["a"] else " ".join(_WORD.findall(words))
    label = named if words.endswith("|") and part_in(named) is None else ""
    if named and not label and (" " in named or part_in(named) is None):
        return None
    if text[at - 2 : at].endswith("(") and words[-1:].isalnum() and part_in(words) is None:
        return None  # `kNN(20) accuracy 0.5`
    pairs = [pair for pair in pairs if pair.start >= begin.end()]
    between = text[begin.end() : pairs[0].start] if pairs else ""
    if (re.search(INT, between) and not begin["b"]) or (begin["i"] and between):
        return None
    if not any(names_metric(pair.name) or pair.is_usual for pair in pairs) and not (
        # `[3/100] D: 0.5, G: 0.25`
        len(pairs) > 1
        and (begin["b"] or begin["g"])
        and (begin["d"] or all(pair.is_given for pair in pairs))
        and not all(pair.is_whole for pair in pairs)
        and not run_to_end(text, pairs)
    ):
        return None
    own = _first_part(words, between, of=of)
    own = _part_of_first(own, pairs, " ")
    epoch = inner = None
    if begin["d"]:
        epoch = Number("epoch", count, begin["b"] or "")
        inner = Number("", begin["d"], begin["e"])
    elif begin["c"]:
        epoch, inner = Number("epoch", count), Number("", begin["c"], begin["k"] or "")
    else:
        inner = Number("", count, begin["b"] or begin["g"] or "")
    values = values_of(text, pairs, own)
    if not values:
        return None
    return Line(
        "row", values, epoch, inner, part=own, label=label, is_named=bool(label), is_sure=False
    )


def _bare(text: str, pairs: Sequence[Number], of: str | None) -> Line | None:
    """Return a line of nothing but names and values, behind context."""
    tail = _AT_TAIL.search(text)
    pairs = [pair for pair in pairs if not tail or pair.end <= tail.start() + 1]
    body = text[: tail.start()] if tail else text
    if not pairs or run_to_end(body, pairs) or any(pair.is_step for pair in pairs):
        return None
    before = body[: pairs[0].start]
    if not _BEFORE.fullmatch(before):
        return None
    if len({pair.name for pair in pairs}) < len(pairs) and all(pair.is_whole for pair in pairs):
        return None  # as in `| Metric | Layer 0 | Layer 1 |`
    is_mean = _STAR.fullmatch(before) and not pairs[0].is_given
    own = PASSED if is_mean else _first_part(before, of=of)
    label, is_named = label_of(before)
    if not label:
        label = " ".join(word for word in _WORD.findall(before) if not NO_LABEL.fullmatch(word))
    own = _part_of_first(own, pairs)
    return Line(
        "bare",
        values_of(body, pairs, own),
        inner=Number("", tail["value"], tail["of"]) if tail else None,
        part=own,
        label=label,
        is_named=is_named,
        is_sure=not any(
            is_step_name(pair.name) or (pair.of and not names_metric(pair.name)) for pair in pairs
        ),
    )


def _part_of_first(of: str | None, pairs: Sequence[Number], blank: str = "[ _]") -> str | None:
    """Return the part of the data that the first name says for all: `val loss 2 acc 0.5`."""
    first, *others = (pair.name.lower() for pair in pairs)
    bare = re.split(blank, first, maxsplit=1)[-1]
    is_alone = blank != " " or (bare != first and all(part_in(name) is None for name in others))
    return (part_in(first) or None) if of is None and is_alone and bare not in others else of


def values_of(text: str, pairs: Sequence[Number], of: str | None) -> tuple[Number, ...]:
    """Return the values by name; `of` is the part of the data that they are of.

    Another part that is named between two pairs, `| val: `, is that of those behind it. A name that
    is repeated is of the last part named, as in `Train Loss: 1, Acc: 2, Val Loss: 1, Acc: 2`.
    """
    values: dict[tuple[str, str], Number] = {}
    named, end = "", pairs[0].start
    for pair in pairs:
        gap = text[end : pair.start].rstrip()
        suffix = _SUFFIX.search(pair.name) if names_metric(pair.name) else None
        if len(gap) >= _LEAST_SECTION:
            of = _first_part(gap, of=of)
        said = part_in(pair.name)
        if suffix:
            pair = pair._replace(name=pair.name[: suffix.start()])
        named, end = named if said is None else said, pair.end
        is_count = pair.is_whole and _COUNT_OF.fullmatch(pair.name)  # `[Test 200] psnr=19.5`
        if pair.is_step or is_count or is_no_metric(pair.name) or pair.name.lower() == "best":
            continue
        if _BYTES.match(text, pair.end):
            continue
        own = own_part(pair.name, said if suffix else of)
        if named and ((pair.name, own) in values or gap.endswith("(")):
            own = named  # `val MSE: 0.25 (RMSE: 0.5)`
        value = pair._replace(part=own)
        if pair.of and (percent := _PERCENT.match(text, pair.end)):
            value = value._replace(value=percent[1], of="")
        values.setdefault((pair.name, own), value)
    names = {name.lower() for name, _own in values}
    return tuple(
        value
        for value in values.values()
        if not (value.name[:5].lower() in _BESTS and value.name[5:].lower() in names)
    )


_SUFFIX = re.compile(rf"(?<=\w) (?:{TRAIN}|{HELD_OUT})$", re.IGNORECASE)
"""`loss train: 2 loss val: 3`."""
_BYTES = re.compile(r"\s?(?:[KMGT]i?B|bytes)\b(?!/)")
_COUNT_OF = re.compile(rf"(?:{HELD_OUT}|{TRAIN})", re.IGNORECASE)
_BESTS = ("best ", "best_")
"""`val acc: 0.8 best val acc: 0.9` says the second number again of an earlier line."""


def _of_words(text: str) -> Line:
    """Return a line without values: of a part of the data, or a heading that says more."""
    plain = text.strip()
    if len(plain) <= _LONGEST_TITLE and _TITLE.fullmatch(text):
        of = part_in(re.split("(?i) data| set", text)[0])  # `Training data eval:`
        return Line("title", part=of, text=text)
    if _FINAL.fullmatch(text):
        return Line("title", text=text)
    if len(plain) <= LONGEST_LABEL:
        return Line("label", text=text)
    return OTHER
