"""Forms of printed lines: sentences, and unusual ones, which are rewritten as names and numbers."""

from __future__ import annotations

import re

from trainui.metrics.formats.text.presets.parts import pairs

_COUNTED = re.compile(
    r"(?P<at>\d+)(?:(?P<unit>epoch|iter(?:ation)?|step)|(?:st|nd|rd|th)? "
    r"(?P<word>epoch|iter(?:ation)?|step)s?(?=[:,|]))"
    r"(?P<rest>(?::\w+)?(?::(?:\d+-)?(?P<inner>\d+)(?P<inner_unit>batch|iter|step))?)\b",
    re.IGNORECASE,
)
"""`1epoch:train:51-100batch: loss=2` and `3rd epoch: loss 2`, at the start of a line."""
_STEPS = re.compile(r"steps(?=\s?[:=]\s?\d)", re.IGNORECASE)
"""DeepSpeed's `steps: 10 loss: 2.5`; elsewhere in a line it is the length of an epoch."""
_QUOTES = re.compile(r"[\"'{}]")
LETTERS = re.compile(
    r"(?P<start>\W*(?P<part>train|pretrain|eval|val|test)\b\W+)(?=(?:[A-Z]+: [\d,.-]+[^A-Z]*){3})"
)
"""`| train | E: 1 | S: 1000 | R: 12.3 |`: names of one letter, usual in reinforcement learning."""
_SLASH = re.compile(r"(?<=\d)/(?=[A-Za-z_]+=\d)")
"""`epoch=0/micro_step=20/global_step=10` has three counts."""
_BARRED = re.compile(r"(step +\d+: (?:\w+ +)?[\w/.-]+) \|(?= +\S+$)", re.IGNORECASE)
"""Trax's `Step     10: eval  Accuracy |  0.25`."""
_AT_STEP = re.compile(
    r"\W*(?!(?:new |overall )?best\b)(?P<name>[A-Za-z][\w ./%()-]*?) (?:at|after|in|for) (?:the )?"
    r"(?P<unit>(?:global[_ -])?(?:step|iteration|iter|epoch|episode|batch|update)) *(?P<at>\d+)"
    r" *(?:[:=]|is\b:?|->) *(?=[-+]?\.?\d|nan\b)",
    re.IGNORECASE,
)
"""`Average loss at step 2000: 113.8`, `Cost after iteration 100: 0.58`."""
_PLACES = (" at ", " after ", " in ", " for ")
_PLACE = re.compile(r" (?:at|after|in|for) (?:the |global.)*(?:step|iter|ep|batch|update)", re.I)
_HASH = re.compile(r"(?<=epoch|batch|round) ?#(?=\d)|(?<=step|iter) ?#(?=\d)", re.IGNORECASE)
_RESULTS = "Saving dict for global step"
"""TensorFlow's estimators print an evaluation so, and repeat the step among the metrics."""
_REPEATED_STEP = re.compile(r"\bglobal_step = \d+,? ?")
_LETTER = re.compile(r"\b([EISF])(?=: \d)")
_WORDS = {"E": "episode", "I": "global_step", "S": "global_step", "F": "global_step"}

_SENTENCE = re.compile(
    # No `\b` in front, which is tried at each character.
    r"(?:reached(?<!\w.{7})|improved?(?<!\wimprove)(?<!\wimproved)|adjusting(?<!\w.{9})"
    r"|reducing(?<!\w.{8})|was(?<!\w.{3}) not)\b"
)
_SAVING = re.compile(r"\W*(?:[Ss]aving|[Ss]aved)\b|Step \d+/\d+ : [A-Z]+ ")
"""Also the lines of `docker build`: `Step 4/5 : ENV LOSS=0.5`."""
_BEST = re.compile(
    r"\W*(?:new |overall )?best\b(?:.*\b(?:at|in|from)| the)? (?:epoch|step|iter)", re.IGNORECASE
)
"""`Best val acc: 0.9 at epoch 11`: a summary of other lines."""

_SIGNS = str.maketrans("：，；（）％＝", ":,;()%=")
_WORDS_OF_LANGUAGES = {
    "step": "训练次数|迭代次数|步数",
    "epoch": "轮次|轮数|[ÉéEe]poca|[Ээ]поха|エポック|에포크|에폭",
    "train ": "训练集上?的?",
    "val ": "验证集上?的?",
    "test ": "(?:整体)?测试集上?的?",
}
_WORD = re.compile("|".join(f"({words})" for words in _WORDS_OF_LANGUAGES.values()))
_ENGLISH = tuple(_WORDS_OF_LANGUAGES)
_NTH_EPOCH = re.compile(r"第 ?(\d+)(?:/(\d+))? ?(?:轮|个?(?:epoch|周期))(?:训练|开始|结束)*")


def in_english(line: str) -> str:
    """Return a line with its signs, step and part of the data in English: `第 3 轮，Loss：1`."""
    line = _NTH_EPOCH.sub(r"epoch \1", line.translate(_SIGNS))
    return _WORD.sub(lambda word: _ENGLISH[(word.lastindex or 1) - 1], line)


def rewritten(line: str) -> str:
    """Return a line with its step and metrics as names and numbers."""
    if "{" in line:
        line = _without_quotes(line)
    line = _HASH.sub(" ", line) if "#" in line else line
    if line[:1].isdigit():
        return _COUNTED.sub(_named_count, line)
    if any(word in line for word in _PLACES) and _PLACE.search(line):
        if _RESULTS in line:
            line = _REPEATED_STEP.sub("", line.replace(_RESULTS, "eval step"))
        else:
            line = _AT_STEP.sub(r"\g<unit> \g<at>: \g<name>: ", line, count=1)
    if _STEPS.match(line):
        return _STEPS.sub("step", line)
    if ": " in line and LETTERS.match(line):
        return _LETTER.sub(lambda letter: _WORDS[letter[1]], line)
    if " |  " in line:
        line = _BARRED.sub(r"\1:", line)
    if "step=" in line and "/" in line:
        line = _SLASH.sub(", ", line)
    if line.count(" = ") > 1 and " | " in line:
        return line.replace(" = ", ": ")  # names of several words
    return line


def _named_count(found: re.Match[str]) -> str:
    """Return `epoch 1: train: batch 100` for `1epoch:train:51-100batch`."""
    part = found["rest"].split(":")[1] if found["rest"].count(":") else ""
    inner = f" {found['inner_unit']} {found['inner']}" if found["inner"] else ""
    part = "" if found["inner"] and part[:1].isdigit() else part
    return f"{found['unit'] or found['word']} {found['at']}:{f' {part}:' if part else ''}{inner}"


def _without_quotes(line: str) -> str:
    """Return `epoch 3: {'loss': 2.6}` without what makes it a dict."""
    before, _brace, after = line.partition("{")
    is_dict = after[:1] in ("'", '"') and "{" not in after
    if not is_dict or not any(pair.is_step for pair in pairs.find(before)):
        return line
    return before + plain_dict(after)


def plain_dict(text: str) -> str:
    """Return the names and numbers of a printed dict without quotes and braces."""
    return _QUOTES.sub("", text)


def is_sentence(line: str) -> bool:
    """Return True for a sentence, but for one that says which is the best.

    Its numbers are repeated from other lines, or are no metrics.
    """
    return _SENTENCE.search(line) is not None or _SAVING.match(line) is not None


def is_of_best(line: str) -> bool:
    """Return True for the best of what other lines say."""
    return _BEST.match(line) is not None
