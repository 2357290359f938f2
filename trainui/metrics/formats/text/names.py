"""What the name of a number says: a step, a metric or neither, a part of the data, a label."""

from __future__ import annotations

import re
from functools import lru_cache

HELD_OUT = (
    r"val(?:id(?:at(?:ion|e|ing|or))?)?|test(?:ing)?|eval(?:uat(?:ion|e|ing|or))?|dev|hold-?out"
)
"""Names of the parts of the data that are not trained on, as a pattern."""
TRAIN = r"(?:pre)?train(?:ing|er)?"
_PARTS = {"val": "val", "tes": "test", "eva": "eval", "dev": "dev", "hol": "holdout"}
_PART = re.compile(
    rf"(?<![A-Za-z])(?:(?<!after )(?<!at )({TRAIN})|({HELD_OUT}))(?![A-Za-z])", re.IGNORECASE
)
_NAMES = 1024


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
    r"|(?!\S*(?:fps|ips|sec|rate|speed|per)\b)\S+) )?"
    r"(?:global[_ -]?step|step|iteration|iters?|it|epoche?|epo(?:ca|que)|ep\.?|episode|game"
    r"|generation|schritt|paso|passo|étape|etape"
    r"|up(?:date|\.)|round|tick|(?:mini-?)?batch|(?:step|iter|batch|epoch)[_ ](?:id|idx|index|num)"
    r"|total t|episode num(?:ber)?|(?:(?:num|total|env)[_ ])?timesteps?|(?:num|total|env)_steps?)",
    re.IGNORECASE,
)
COUNTERS = frozenset({"i", "n", "idx", "index"})
"""Names of a position that is printed with the last one, as in `i=3/530`."""
OUTER = re.compile(
    r"(?:(?:end of|\w+) )?"
    r"(?:epoch(?:e|[_ ](?:id|idx|index|num))?|epo(?:ca|que)|ep\.?)",
    re.IGNORECASE,
)
_METRIC_WORDS = (
    *("loss", "acc", "reward", "return", "score", "err"),
    *("perplexity", "ppl", "auc", "f1", "mse", "mae", "inertia"),
    *("precision", "recall", "fscore", "iou", "dice", "bleu", "psnr", "ssim", "nll", "elbo"),
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
IN_NAMES = re.compile(r"loss|accuracy|reward|return|perplexity", re.IGNORECASE)
"""Found in names that may be metrics', if nothing says otherwise."""


@lru_cache(_NAMES)
def is_step_name(name: str) -> bool:
    """Return True for a name whose whole number is a step."""
    return _STEP_NAME.fullmatch(name) is not None


def names_metric(text: str) -> bool:
    """Return True if a text has the name of a metric."""
    lower = text.lower()
    return any(word in lower for word in _METRIC_WORDS)


_SET = re.compile(
    rf"(?:.*\W)?(?:(?:on|for|of|in) (?:the )?|(?:{HELD_OUT})/)(?P<set>[\w./-]+)"
    r"(?: (?:set|data(?:set)?|split))?\W*",
    re.IGNORECASE,
)
"""`Evaluation on wikitext: loss 3`, `eval/wikitext: loss 3`."""
_WORD_BEFORE = re.compile(r"\W*(?P<word>[A-Za-z][\w-]*)(?P<mark>\W*)")
NO_LABEL = re.compile(
    rf"{HELD_OUT}|{TRAIN}|(?:complet|finish|log|report|start|begin|run)\w*|done|end|step|epoch"
    r"|after|at|in|global|total|num|env|current|info|debug|warning|results?|metrics|summary|iter\w*"
    r"|the|of|on|for|new|last|stats?|progress|status|update|average|mean|avg",
    re.IGNORECASE,
)
LONGEST_LABEL = 120


def label_of(text: str) -> tuple[str, bool]:
    """Return the word that a text says besides a part of the data, and if it is set off."""
    if not text.strip():
        return "", False
    one = _WORD_BEFORE.fullmatch(text)
    if one:
        is_label = not (NO_LABEL.fullmatch(one["word"]) or part_in(one["word"]))
        return (one["word"], bool(one["mark"].strip())) if is_label else ("", False)
    found = _SET.fullmatch(text)
    if found and not (NO_LABEL.fullmatch(found["set"]) or part_in(found["set"])):
        return found["set"], True
    return "", False


def own_part(name: str, of: str | None) -> str:
    """Return the part of the data that a metric is of: `of`, unless its name says one itself."""
    return (of or "") if part_in(name) is None else ""


# Numbers that are no metrics: counters, times to go, memory, settings.

_NO_METRIC = re.compile(
    r"(?:.*[\W_])?(?:eta|(?:time )?(?:left|remaining)|patience|counter|elapsed|n_updates|vram"
    r"|(?:batch|world|vocab|image|img|buffer|chunk|block|queue)[ _]?size|(?:passed|elapsed)[ _]time"
    r"|(?:cpu|gpu|cuda|max|peak)?[ _]?mem(?:ory)?"
    r"(?:[ _](?:mb|gb|mib|gib|usage|used|allocated|reserved))?)"
    r"|(?:max )?(?:allocated|reserved|cached)|time_elapsed|wall_?(?:time|clock)|total_time"
    r"|\w+ so far"
    r"|(?:consumed|skipped|nan|seen|num|number of|n|total)[ _](?:train[ _]?)?(?:\w+ )?"
    r"(?:samples?|tokens?|iterations?|batch(?:es)?|steps?|examples|images|episodes?)"
    r"|(?:seed|(?:local_|global_)?rank|device|patience|counter)"
    r"|(?:(?:train(?:ing)?|total|end of|max|current|num|global|env|fps)[ _-]?)?"
    r"(?:epochs?|ep\.?|steps?|iters?|iterations?|batch(?:es)?|timesteps?|episodes?|rounds?|updates?)"
    r"|(?:\w+ )?(?:samples|images|clients?|fold|trial|run|task|game|workers?|micro_step|gpus?"
    r"|(?:\w+_)?tokens(?:_seen)?|(?:played )?games|examples|\w*size|kimg|Sen\.)",
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
