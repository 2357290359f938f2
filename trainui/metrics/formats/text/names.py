"""Names and their numbers in a form: `loss=1`, `val loss: 1`, `acc 2`, `dice [0.5, 0.6]`.

A name says if its number is a step, a metric or neither, and of what part of the data it is. Other
wordings (languages, `3rd epoch:`, `loss at step 3:`) are rewritten as names and numbers first, and
lines that are no row however they are worded are known: bars, sentences, what was saved or best.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from trainui.metrics.formats.text.forms import (
    COUNTER,
    DIGITS,
    INT,
    MAX_PRINTED,
    VALUE,
    filled,
    lex,
    message,
    number,
)

HELD_OUT = (
    r"val(?:id(?:at(?:ion|e|ing|or))?)?|test(?:ing)?|eval(?:uat(?:ion|e|ing|or))?|dev|h[oe]ld-?out"
)
"""Names of the parts of the data that are not trained on, as a pattern."""
TRAIN = r"(?:pre)?train(?:ing|er)?|trn"
_PARTS = {
    "val": "val",
    "tes": "test",
    "eva": "eval",
    "dev": "dev",
    "hol": "holdout",
    "hel": "holdout",
}
_PART = re.compile(
    rf"(?<![A-Za-z])(?:(?<!after )(?<!at )({TRAIN})|({HELD_OUT}))(?![A-Za-z]| metric\b)",
    re.IGNORECASE,
)
_NAMES = 1024
"""Size of the caches: a log has some tens of names."""


@lru_cache(_NAMES)
def part_in(text: str) -> str | None:
    """Return the part of the data that a text or a name says: empty for training, None for none."""
    words = _PART.findall(text)
    if not words or words[-1][0]:
        return "" if words else None
    parts = [_PARTS[word[:3].lower()] for _train, word in words if word]
    return next((part for part in parts if part != "eval"), "eval")


_STEP_NAME = re.compile(
    r"(?:(?:end of|current|(?:\S+ ){0,3}(?:after|at|in)(?: train(?:ing)?)?"
    r"|global train(?:ing)?|(?!\S*(?:fps|ips|sec|rate|speed|per)\b)\S+) |(?:meta|outer|inner)[-_])?"
    r"(?:(?:train|trainer|eval|val|test)[/_])?"
    rf"(?:(?:{COUNTER})(?:[_ ](?:id|idx|index|num(?:ber)?|no|progress))?|iters|itrs|ep\.|up\."
    r"|up|n_(?:epi(?:sode)?|gen|iter|step)|epo(?:ca|que)|schritt|paso|passo|étape|etape|total t"
    r"|(?:(?:num|total|env)[_ ])?timesteps?|(?:num|total|env)_steps?)",
    re.IGNORECASE,
)
COUNTERS = frozenset({"i", "n", "idx", "index"})
"""Names of a position that is printed with the last one, as in `i=3/530`."""
OUTER = re.compile(
    r"(?:(?:end of|\w+) )?"
    r"(?:epoch(?:e|[_ ](?:id|idx|index|num|no|progress))?|epo(?:ca|que)|ep\.?)",
    re.IGNORECASE,
)
_METRIC_WORD = re.compile(
    r"loss|acc|reward|return|score|perplexity|ppl|auc|f1|mse|mae|inertia|precision|recall|iou|dice"
    r"|bleu|psnr|ssim|nll|elbo|(?<![a-z])err|per[_ ]second",
    re.IGNORECASE,
)
"""Parts of the names by which metrics are recognised."""
QUALIFIER = r"final|best|last|mean|average|avg|overall|objective|metrics?|results?"
USUAL = re.compile(
    rf"(?:(?:{QUALIFIER}|train(?:ing)?|val(?:id(?:ation)?)?|test|eval|dev)[\s_/.-]+)*"
    r"(?:loss|acc(?:uracy)?|f1(?:[_ -]?score)?|auc|auroc|r?mse|mae|nll|perplexity|ppl|reward"
    r"|f[_ -]?score|fb1|m?iou|dice|bleu(?:-\d)?|psnr|ssim)",
    re.IGNORECASE,
)
"""Names that are metrics' wherever they are printed."""
IN_NAMES = re.compile(
    r"loss|accuracy|reward|return|perplexity|(?<![a-z])(?:acc|auc|auroc|f1|miou|psnr|ssim)(?![a-z])",
    re.IGNORECASE,
)
"""Found in names that may be metrics', if nothing says otherwise."""


@lru_cache(_NAMES)
def is_step_name(name: str) -> bool:
    """Return True for a name whose whole number is a step."""
    return _STEP_NAME.fullmatch(name) is not None


def names_metric(text: str) -> bool:
    """Return True if a text has the name of a metric."""
    return _METRIC_WORD.search(text) is not None


_SET = re.compile(
    rf"(?:.*\W)?(?:(?:on|for|of|in) (?:the )?|(?:{HELD_OUT})[/:])(?P<set>[\w./-]+)"
    r"(?: (?:set|data(?:set)?|split))?\W*",
    re.IGNORECASE,
)
"""`Evaluation on wikitext: loss 3`, `eval/wikitext: loss 3`."""
_WORDS_BEFORE = re.compile(r"\W*(?P<words>[A-Za-z][\w-]*(?: [\w-]+(?=\s*:))?)(?P<mark>\W*)")
NO_LABEL = re.compile(
    rf"{HELD_OUT}|{TRAIN}|(?:complet|finish|log|report|start|begin|run)\w*|done|end|step|epoch"
    r"|after|at|in|global|total|num|env|current|info|debug|warning|results?|metrics|summary|iter\w*"
    r"|the|of|on|for|new|last|stats?|progress|status|update|averaged?|mean|avg",
    re.IGNORECASE,
)


def label_of(text: str) -> tuple[str, bool]:
    """Return the word that a text says besides a part of the data, and if it is set off."""
    if one := _WORDS_BEFORE.fullmatch(text):
        label = " ".join(word for word in one["words"].split() if not NO_LABEL.fullmatch(word))
        is_label = label and not part_in(one["words"])
        return (label, bool(one["mark"].strip())) if is_label else ("", False)
    found = _SET.fullmatch(text)
    if found and not (NO_LABEL.fullmatch(found["set"]) or part_in(found["set"])):
        return found["set"], True
    return "", False


def own_part(name: str, of: str | None) -> str:
    """Return the part of the data that a metric is of: `of`, unless its name says one itself.

    A learning rate is the training's.
    """
    return (of or "") if part_in(name) is None and not _IS_RATE.fullmatch(name) else ""


_IS_RATE = re.compile(r"(?:.*[\W_])?(?:lr|learning[ _]rate)", re.IGNORECASE)


# Numbers that are no metrics: counters, times to go, memory, settings.

_COUNTED_THINGS = (
    rf"(?!gen$)(?:{COUNTER})|(?:time|num)step|batche|sample|image|example"
    r"|frame|token|beam|client|fold|stage|phase|trial|run|task|member|model|chain|worker|gpu|evaluations|n_?eval|n?evals"
    r"|\w*size|param(?:eter)?|counter|count|patience"
)
_NO_METRIC = re.compile(
    rf"((?:(?:.*[\W_])?|best)(?:{_COUNTED_THINGS})s?(?:[ _]seen)?)"
    r"|(?:.*[\W_])?(?:eta|left|remaining|required|elapsed|passed)(?:[ _]time)?"
    r"|(?:.*[\W_])?(?:v?ram|\w*mem(?:ory)?)(?:[ _].*)?|(?:max )?(?:allocated|reserved|cached)"
    r"|loss_scale|(?:.*[\W_])?grad[ _]scale|(?:time_)?elapsed|wall_?(?:time|clock)|duration_ms"
    r"|(?:total|training|cost)[ _]time|tot|skipped|gb_free"
    r"|seed|(?:local_|global_)?rank|device|ep\.?|n|wd|t_env|kimg|sen\.|seen|.* so far|labell?ed"
    r"|v_num|sents|smpl|epch|momentum"
    r"|num(?:_|(?-i:[A-Z]))\w+|(?:no\.|index of|(?:steps|epochs) without) .*",
    re.IGNORECASE,
)
_OF_TIME = re.compile(
    r"(?:.*[\W_])?(?:tim(?:e|ing)\w*|s|sec|ms|per)[/ ]\w+|.*_per_.*|.*/(?:s|sec|step|batch|it)"
)


@lru_cache(_NAMES)
def is_no_metric(name: str) -> bool:
    """Return True for a counter, a time to go, memory, or a setting."""
    if _OF_TIME.fullmatch(name) and not re.match(r"time/(?:iter|time|total|epis)", name):
        return False
    found = _NO_METRIC.fullmatch(name.rpartition("/")[2])
    return found is not None and (found[1] is None or not names_metric(name))


OF_TIME = re.compile(r"(?:.*[\W_])?time(?:\W.*)?", re.IGNORECASE)
"""A time, which held-out data has for itself."""
PRINTED_SETTING = re.compile(r"(?:.*[/ ])?(?:lr|learning_rate|momentum|weight_decay|size|dim)")
"""What settings print as well."""


# Pairs of a name and a number.

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
    part: str = ""
    """The part of the data; empty: of the training."""
    is_usual: bool = False
    """True for the name of a metric wherever it is printed with such a number."""

    @property
    def is_whole(self) -> bool:
        """Return True for a number written without a fraction."""
        return self.value < "\ue400"

    @property
    def is_step(self) -> bool:
        """Return True if the number is a step count: a whole number, but for an epoch's."""
        is_count = is_step_name(self.name) or (self.of and self.name in COUNTERS)
        is_whole = self.is_whole or self.factor > 1
        return bool(is_count) and (is_whole or self.name[-5:].lower() == "epoch")


_WORD = r"(?!(?:None|null|N/A|n/a)\b)[^\W\d](?:[\w.@/%^-]|'(?=\w))*"
_INNER = r"(?:[^()\d\ue000-\ue8ff]|(?<=@)[\d.-]+){0,40}"
_NAME_OF = (
    rf"(?:[Tt]op {INT} )?{_WORD}(?: ?\({_INNER}(?:\({_INNER}\){_INNER})?\)|\[[A-Za-z][\w.-]*\])?"
)
_PAIR = re.compile(
    # `loss=1` (a name of one word, or two behind a comma), then `val loss: 1` and `val loss 1`
    rf"(?<![\w./\ue000-\ue8ff\ufffd])"
    rf"(?:(?P<word>(?:(?<=[,|;] ){_NAME_OF} )?{_NAME_OF}) *= *"
    rf"|(?P<words>{_NAME_OF}(?: {_NAME_OF}){{0,4}}?)"
    r"(?P<given>\s*::?\s*|\s*(?:->|=>|:=)\s*)?(?(given)|(?:\s+|(?=\[))))"
    rf"[\[(\"]? *(?P<value>{VALUE})(?P<thousands>[kKM](?![\w/]))?(?:(?:\s?/ *| of )(?P<of>{INT}))?"
)
_SECTION = re.compile(
    r"(?:(?:[|;]|(?:^|\])(?=\s*[A-Za-z]))\s*(?:(?P<word>[A-Za-z]\w*):\s*)?|(?P<list>[A-Za-z]\w*)\[)$"
)
_THOUSAND = {None: 1.0, "k": 1e3, "K": 1e3, "M": 1e6}
_SECOND = re.compile(r"/(?P<value>[\ue400-\ue7ff])(?!/)")
"""`acc@1/5 = 27.5/51.5`."""
_LIST = re.compile(rf"\[\s*{VALUE}(?:(?:\s*,\s*|\s+){VALUE})+\s*\]")
WRAPPED = re.compile(
    # `np.float32(0.5)`, `tensor(0.5, device='cuda:0', grad_fn=<MeanBackward0>)`
    rf"\b(?:\w+\.)?(?:float\d*|tensor|[Aa]rray)\(\s*\[?({VALUE})\]?(?:,[^()]*)?\)"
)
_NO_NAME = re.compile(
    r"(?:.* )?(?:of|to|in|at|for|by|as|than|with|from|not|(?-i:is)|was|are|the|a|an|and|or|no|any"
    r"|top|group|reached|ran|after|on|took|loaded|loading|saved|saving|found|over|repeated)|.*\.py"
    r"|(?:total )?number of .*|total \w+ needed.*|.* from (?:epoch|step|iter\w*)"
    r"|.*\bsav(?:ed?|ing)\b.*|with .*|.*\b[\da-f]{12,}",
    re.IGNORECASE,
)
_AND = re.compile(r"^(?:and|.*\b(?:done|finished|completed?)\.) (?=.*[a-z])", re.IGNORECASE)
_IS = re.compile(r"(?: so far)? is$")
_BETWEEN = re.compile(
    r"[\w%/.\u00b5\u03bc]*(?: (?:%|(?:m?s|sec(?:onds)?|hours?|[KMG]?i?B|dB|\w+/s(?:ec)?)\b))?"
    r"(?:[,;]? *\([^()]*\))?[\s,;|)\]/*@\"-]*(?:\(|(?<=\s)\[)?"
)
"""Allowed between two pairs: a unit, text in brackets, punctuation."""


def find(form: str) -> list[Number]:
    """Return a form's pairs; a list of numbers gives one for each, `dice/0` and `dice/1`."""
    pairs = [
        pair
        for found in _PAIR.finditer(form)
        if (name := found["word"] or _name(found["words"])) and not _is_cut(form, found)
        for pair in _pairs(form, name, found)
    ]
    is_repeated = len({pair.name for pair in pairs}) < len(pairs)
    pairs = _with_words_before(form, pairs) if is_repeated else pairs
    return [pair._replace(is_usual=_is_usual(pair)) for pair in pairs]


def pairs_of(line: str) -> list[Number]:
    """Return the pairs of a line."""
    return find(lex(line)[0])


_TORCHTUNE = re.compile(r"^\d+\|(?=\d+\|[A-Z])")
"""`1|40|Loss: 2.5`: an epoch and a step."""


@lru_cache(256)
def split_metrics(text: str) -> tuple[str, float | None, Row]:
    """Return a text without the metrics in it, its step, and the metrics.

    `Epoch 3 loss 0.5` before a bar is redrawn with other numbers as the bar advances.
    """
    form, numbers = lex(_TORCHTUNE.sub("step ", text))
    found = find(form)
    metrics = [
        pair
        for pair in found
        if not pair.is_step and (names_metric(pair.name) or (not pair.is_whole and pair.is_given))
    ]
    if not metrics:
        return text, None, {}
    steps = [pair for pair in found if pair.is_step]
    inner = [] if any(OUTER.fullmatch(pair.name) for pair in steps) else steps[:1]
    cut = sorted([*metrics, *inner], key=lambda pair: pair.start)
    rest = filled(" ".join(_gaps(form, cut)), numbers)
    own = number(inner[0].value, numbers) if inner else None
    return rest, own, {filled(pair.name, numbers): number(pair.value, numbers) for pair in metrics}


def step_in(text: str) -> float | None:
    """Return the first step in a text."""
    form, numbers = lex(text)
    return next((number(pair.value, numbers) for pair in find(form) if pair.is_step), None)


def _name(words: str) -> str:
    """Return the name that some words are; empty if they are none."""
    words = _AND.sub("", words)
    name = _IS.sub("", words)
    if name != words and names_metric(name):
        return name
    return "" if _NO_NAME.fullmatch(words) else words


def _with_words_before(form: str, pairs: Sequence[Number]) -> list[Number]:
    """Return pairs of equal names with the words that distinguish them.

    `total loss=1 box loss=2`, `depth: loss 1 mse 2 | seg: loss 3 iou 4 | sum 4`, or
    `loss[loss=1, kl=2], total[loss=3, kl=4]`.
    """
    names = Counter(pair.name for pair in pairs)
    section, opened, named = "", None, []
    for gap, pair in zip(_gaps(form, pairs)[:-1], pairs, strict=True):
        word = (gap.split() or [""])[-1]
        if found := _SECTION.search(gap):
            section, opened = found["word"] or found["list"] or "", found["list"]
            is_own = part_in(section) is not None or (opened and section in pair.name)
            section = "" if is_own else section
        elif opened and "]" in gap:
            section = ""
        if "=" in form and names[pair.name] > 1 and word.isalpha():
            pair = pair._replace(name=f"{word} {pair.name}")
        elif section and not pair.is_step:
            pair = pair._replace(name=f"{section} {pair.name}")
        named.append(pair)
    return named


_CUT = re.compile(
    # epoch=3-loss=0.5.ckpt, 64x64, 1-50; effective words (123 of them), resumes (0.06ms), (3, 4)
    r"\.[A-Za-z]|(?<=\([\ue000-\ue3ff]), [\ue000-\ue3ff]\)"
    r"|(?:[A-Za-z]{0,2}x?|-)[\ue000-\ue8ff]|(?<=\([\ue000-\ue3ff]) [A-Za-z]|.s\)"
)


def _is_cut(form: str, found: re.Match[str]) -> bool:
    """Return True for the 0 of `loss 0,512`, which has a decimal comma, and for `Step: 12s`."""
    end = found.end()
    if _CUT.match(form, end) or (found["of"] and form.startswith("/", end)):
        return True  # sizes: 3000/2900/64
    if found["word"] == "cost" and form[: found.start()].lower().endswith("time "):
        return True
    if re.match(r"(?:ms|s|m|h|d)\b", form[end : end + 3]):
        return is_step_name(found["word"] or found["words"])
    if not form.startswith(",", end) or found["value"] >= "\ue400":
        return False
    return form[end + 1 : end + 2] >= "\ue000" and "[" not in found[0]


def _pairs(form: str, name: str, found: re.Match[str]) -> list[Number]:
    factor = _THOUSAND[found["thousands"]]
    is_given = found["word"] is not None or found["given"] is not None
    start, value = found.start(), found["value"]
    one = Number(name, value, found["of"] or "", start, found.end(), factor, is_given)
    opened = form.find("[", found.start(), found.start("value"))
    numbers = _LIST.match(form, opened) if opened >= 0 and not one.is_step else None
    if numbers is None:
        second = _SECOND.match(form, one.end) if not (one.is_whole or one.of) else None
        return [one, Number(f"{name} 2", second["value"], "", *second.span())] if second else [one]
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


ONLY_PART = re.compile(HELD_OUT, re.IGNORECASE)
_FRACTIONS = re.compile(
    r"(?:[\w-]+[\s_/.])*(?:precision|recall|error(?:[ _-]rate)?|[wc]er|eer|m?ap|auprc|ndcg|mrr"
    r"|fid|kid|lpips|r2|mape|kappa|mcc|elbo|rouge\w*"
    r"|(?:hr|hits?)(?=@))(?:@[\d.:-]+|\ \(IoU@[^()]*\))?",
    re.IGNORECASE,
)
"""Names of metrics that may also be settings, as in `precision: 16`."""
_SETTING = re.compile(
    r"weights?|coef\w*|alpha|beta|gamma|lambda|scale|factor|margin|freq\w*|num|power|thresh\w*|target"
    r"|interval|types?|functions?",
    re.IGNORECASE,
)
"""Words in the names of settings, as `CENTER_LOSS_WEIGHT`."""


def is_fraction(name: str) -> bool:
    """Return True for the name of a metric whose values are no whole numbers."""
    return bool(USUAL.fullmatch(name) or _FRACTIONS.fullmatch(name))


def _is_usual(pair: Number) -> bool:
    if USUAL.fullmatch(pair.name) or (not pair.is_whole and ONLY_PART.fullmatch(pair.name)):
        return True
    if _FRACTIONS.fullmatch(pair.name):
        return not pair.is_whole
    # a name that is not usual has to be given its value: `loss_disc=3.5`
    return pair.is_given and may_be_metric(pair.name)


def may_be_metric(name: str) -> bool:
    """Return True for a name like a metric's that is not a setting's, as `loss_weight`."""
    is_like = IN_NAMES.search(name) is not None
    return is_like and not any(map(_SETTING.fullmatch, re.split(r"[\W_]+", name)))


_POSITION = re.compile(rf"\W*(?:{HELD_OUT})\b[: ]*[\[(]", re.IGNORECASE)
"""`Test: [1/9] Loss 2`: a position within the held-out data."""


def plain_text(line: str) -> str:
    """Return a line's message; empty for a bar or a sentence."""
    form = lex(line)[0]
    if len(line) > MAX_PRINTED or BAR.search(form) or SENTENCE.search(form) or SAVING.match(form):
        return ""
    text = message(line)
    return "" if _POSITION.match(text) else text


# Forms of lines that are rewritten before they are read.

_END = r"(?=\d+(?:/\d+)?[\]\s:;|,])"
_COUNTED = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # `1epoch:train:51-100batch: loss=2`
        (
            r"(?<![\w.])(\d+)epoch\b:?(?:([a-z]\w*):)?(?:(?:\d+-)?(\d+)(batch|iter|step))?",
            r"epoch \1: \2 \4 \3",
        ),
        # `3rd epoch: loss 2` and `10 epochs done, loss 2`
        (
            r"(?:^|(?<=[\]:|>-] )(?=\d+[a-z]))(\d+)(?:st|nd|rd|th)? "
            rf"({COUNTER})s?(?: (?:done|completed?|finished))?(?= ?[:,|])",
            r"\2 \1",
        ),
        # `E003 B010/100 loss 2`
        (rf"^(\W*)(ep(?:och)?|it(?:er)?|step)[_-]?{_END}", r"\1\2 "),
        (rf"^(\W*)e{_END}", r"\1epoch "),
        (rf"^(\W*epoch \d+(?:/\d+)?[\]\s:|,]+)b{_END}", r"\1batch "),
    )
)
"""Counts before or glued to their names."""
_IS_COUNTED = re.compile(r"(?i)\d(?=[a-z ])(?:st|nd|rd|th)? ?(?:ep(?:och|isode)|iter|step)")
_IS_GLUED = re.compile(r"\W*+(?:ep?|epoch|it|iter|step)[_-]?\d", re.IGNORECASE)
_REWRITTEN = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # `Vali Loss: 2`
        (r"\b(v)ali\b", r"\1al"),
        # `Epoch #3`
        (
            rf"\b({COUNTER}) ?#"
            rf"(:?) *(?={INT})",
            r"\1\2 ",
        ),
        # TensorFlow's estimators print an evaluation so, and repeat the step among the metrics
        (rf"Saving dict for global step(.*?)\bglobal_step = {INT},? ?", r"eval step\1"),
        # `Average loss at step 2000: 113.8`, `Cost after iteration 100: 0.58`
        (
            r"(?<!\w)(?!(?:new |overall )?best\b)([A-Za-z][\w ./@%()-]*?) (?:at|after|in|for|@) "
            r"(?:the )?"
            rf"({COUNTER}) *({INT}) *(?:[:=]|is\b:?|->) *(?={VALUE})",
            r"\2 \3: \1: ",
        ),
        # `FID-5k @ 5000: 26.1`
        (rf"^([^\ue000-\ue7ff]*[A-Za-z]) @ ({INT}): *(?={VALUE})", r"step \2: \1: "),
        # `eval @ 12887 steps: return=3`, `eval @ 3.0k: return 3`, `validation at 500`
        (rf"(?:@|at|after) ({INT}) ({COUNTER})s?\b", r"\2 \1"),
        (rf"^([^\ue000-\ue7ff]*)(?:@|\bat) ({INT}|{VALUE}[kKM])(?=:|\s*$)", r"\1step \2"),
        # `Accuracy of the network on the 10000 test images: 55 %`
        (rf"^(?:test )?(\w+) of the \w+ on the (?:{INT} )?({TRAIN}|{HELD_OUT}) \w+ *:", r"\2 \1:"),
        # `60.5% accuracy, loss 1.8`, `3.5 train, 3.75 val`
        (
            rf"(?<!\w )(?<![A-Za-z]: )(?<!= )(?<![\w:=])({VALUE}%|[\ue400-\ue7ff])"
            rf" (accuracy|acc|loss|{TRAIN}|{HELD_OUT})(?=\W*(?:$|[,;|)(]))",
            r"\2 \1",
        ),
        # `loss ....... 2.5`
        (rf" \.{{3,}} *(?={VALUE})", ": "),
        # `amsterdam (n=120): loss 2.5`
        (r"^(\s*[A-Za-z][\w-]*) *\(\w+=[^()]*\):", r"\1:"),
        # `[====>...] 100/500  loss: 2.5`
        (rf"^\s*\[[=>.#_-]{{3,}}\]\s+(?={INT}/{INT}\s+[A-Za-z])", ""),
        # SciPy's `At iterate    5    f=  1.2D+01    |proj g|=  1.2D-03`
        (r"^ ?At iterate(?= )", "iteration"),
        # `[Epoch] 1/8 [Train Loss] 2.5`
        (rf"\[({COUNTER})\]:?\s+(?={INT})", r"\1: "),
        (r"\[([a-z][\w ./@-]*)\]:?\s+(?=[\ue400-\ue7ff])", r"\1: "),
        # `Train loss 100 2.5`
        (rf"^((?:{TRAIN}|{HELD_OUT}) \w+) ({INT}):?\s+(?=[\ue400-\ue7ff])", r"step \2: \1 "),
        # Darknet's numbers before their names
        (
            rf"^\s*({INT}): ({VALUE}), ({VALUE}) avg(?: loss)?, ({VALUE}) rate, ({VALUE}) .+images",
            r"step \1: loss: \2 avg loss: \3 rate: \4 seconds: \5",
        ),
        # ` [==>..]  Step: 62ms | Loss: 1.5 | Acc: 44.1% (441/1000)  3/10 `
        (rf"^\s*\[[=>.]{{3,}}\]\s+(.*\S)\s+({INT})/({INT})\s*$", r"[\2/\3] \1"),
        # `epoch 1/5 | ████████ | loss: 2`
        (r"(?<!%)\| *█+[█▏▎▍▌▋▊▉ ]*\|", "|"),
        # `loss: 2.5, 23.1[sec]`: durations and sizes without a name
        (rf"(?:[,–-] +(?:{DIGITS}|{VALUE} ?\[?(?:sec|s|ms|[KMG]i?B)\]?))+\s*$", ""),
        # `('loss', 0.5)` of tuples, `metric 'loss'=0.5`
        (rf"'([\w./ -]+)'(?:, |=)({VALUE})", r"\1=\2"),
        # `val: n/a | time: 3`
        (r"\b[a-z][\w./-]* ?[:=] ?(?:n/a|none|null)(?: *[,;|]|$)", ""),
        # a box of one name and one value
        (rf"^(\s*)\| *([A-Za-z][\w@./ -]*?) *\| *({VALUE}%?) *\|\s*$", r"\1\2: \3"),
        # `loss = 1.0 + 0.5 = 1.5`, `accuracy: 5/10=0.5`
        (rf"([:=] *){VALUE}(?: *[+*/] *{VALUE})+ *= *(?={VALUE})", r"\1"),
        # `return = 9.5 +/- 0.8`
        (rf" ?(?:\+/?-|±) ?{VALUE}", ""),
        # Caffe's
        (rf"\b(Train|Test) net output #{INT}: ", r"\1: "),
        # `average reward over the last 10 episodes: 3.5`
        (
            rf" *\(?(?:(?:over |in |of |for )?(?:the )?(?:last|past|previous) {INT}(?: \w+|(?=\)))"
            rf"|over {INT} (?:episodes|games|runs|trials))\)?",
            "",
        ),
        # Trax's `Step     10: eval  Accuracy |  0.25`
        (rf"(step +{INT}: (?:\w+ +)?[\w/.-]+) \|(?= +\S+$)", r"\1:"),
        # `epoch=0/micro_step=20/global_step=10` has three counts
        (rf"(?<={INT})/(?=[A-Za-z_]+={INT})", ", "),
    )
)
SENTENCE = re.compile(
    # No `\b` in front, which is tried at each character.
    r"(?:reached(?<!\w.{7})|improved?(?<!\wimprove)(?<!\wimproved)|adjusting(?<!\w.{9})"
    r"|reducing(?<!\w.{8})|was(?<!\w.{3}) not|decreased(?<!\w.{9})|increased(?<!\w.{9})"
    r"|[a-z](?:Error|Exception|Warning): (?=[A-Za-z]))\b"
)
SAVING = re.compile(
    r"\W*(?:[A-Z]?[a-z]+ )?(?:[Ss]aving|[Ss]aved|[Rr]esum\w+|[Ll]oad\w+|[Rr]estor\w+|[Ss]topp\w+)\b"
    rf"|Step {INT}/{INT} : [A-Z]+ |#{INT} (?:\[|[A-Z]+ )"
)
"""Also the lines of `docker build`: `Step 4/5 : ENV LOSS=0.5`, `#2 [2/10] RUN step 2`."""
BEST = re.compile(
    r"\W*(?:new |overall )?best\b(?:.*\b(?:at|in|from)| the)? (?:epoch|step|iter)", re.IGNORECASE
)
"""`Best val acc: 0.9 at epoch 11`: a summary of other lines."""
_SIGNS = str.maketrans(
    {**dict(zip("：，；（）％＝ℹ", ":,;()%= ", strict=True)), "→": "->", "⇒": "=>"}
)
_LANGUAGES = {
    "step": "训练次数|迭代次数|步数",
    "epoch": "轮次|轮数|[ÉéEe]po(?:ca|que)|[Ээ]поха|エポック|에포크|에폭|[Ee]poche",
    "train ": "训练集上?的?|訓練|학습 ?",
    "val ": "验证(?:集上?的?)?|検証|검증 ?",
    "test ": "(?:整体)?测试(?:集上?的?)?|テスト|테스트 ?",
}
_WORD_OF = re.compile("|".join(f"({words})" for words in _LANGUAGES.values()))
_ENGLISH = tuple(_LANGUAGES)
_NTH_EPOCH = re.compile(r"第 ?(\d+(?:/\d+)?) ?(?:轮|个?(?:epoch|周期))(?:训练|开始|结束)*")


def _in_english(form: str) -> str:
    """Return a line with its signs, step and part of the data in English: `第 3 轮，Loss：1`."""
    form = _NTH_EPOCH.sub(r"epoch \1", form.translate(_SIGNS))
    return _WORD_OF.sub(lambda word: _ENGLISH[(word.lastindex or 1) - 1], form)


_RANGE = re.compile(r"\[\d+-(?=\d+\])")
"""MXNet's `Batch [20-40]`: the second number is the position."""


_COCO = re.compile(
    r"Average (Precision|Recall) +\((A[PR])\) @\[ IoU=([\d.]+):?([\d.]*) *\| area= *(\w+) *"
    r"\| maxDets= *(\d+) *\] ="
)
"""`Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.5`."""


_AT_K = re.compile(r"(?<=[A-Za-z]) @ (?=(?:\d{1,3}|1000) ?[:=] ?[-.\d])")
"""`Precision @ 1: 0.5`, but not `eval @ 100: loss 0.5`, nor `FID @ 5000: 26.1`."""


def normal(line: str) -> str:
    """Return a line in English, and with counts before their names as names and numbers."""
    if not line.isascii():
        line = _in_english(line)
    if "[" in line:
        line = _RANGE.sub("[", line)
    if "@[" in line:
        line = _COCO.sub(r"eval: Average \1 \2 (IoU@\3-\4 area@\5 maxDets@\6):", line)
    if " @ " in line:
        line = _AT_K.sub("@", line)
    if _IS_COUNTED.search(line) or _IS_GLUED.match(line):
        for pattern, replacement in _COUNTED:
            line = pattern.sub(replacement, line)
    return line


def rewritten(form: str) -> str:
    """Return a form with its step and metrics as names and numbers."""
    form = WRAPPED.sub(r"\1", form) if "(" in form else form
    if "{" in form:
        before, _brace, after = form.partition("{")
        if after[:1] in "'\"" and "{" not in after and any(one.is_step for one in find(before)):
            form = before + re.sub(r"[\"'{}]", "", after)
    for pattern, replacement in _REWRITTEN:
        form = pattern.sub(replacement, form)
    return form.replace(" = ", ": ") if form.count(" = ") > 1 and " | " in form else form


BAR = re.compile(rf"{VALUE}%\||\[[=>.]{{3,}}\]|\[{DIGITS}[<,]|━━|██")
