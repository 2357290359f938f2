"""Other wordings, rewritten as names and numbers: languages, `3rd epoch:`, `loss at step 3:`.

Also the lines that are no row however they are worded: bars, sentences, what was saved or best.
"""

from __future__ import annotations

import re

from trainui.metrics.formats.text.forms import DIGITS, INT, MAX_PRINTED, VALUE, lex, message
from trainui.metrics.formats.text.names import HELD_OUT, WRAPPED, find, unwrapped

_POSITION = re.compile(rf"\W*(?:{HELD_OUT})\b[: ]*[\[(]", re.IGNORECASE)
"""`Test: [1/9] Loss 2`: a position within the held-out data."""


def plain_text(line: str) -> str:
    """Return a line's message with single blanks; empty for a bar or a sentence."""
    form = lex(line)[0]
    if len(line) > MAX_PRINTED or BAR.search(form) or SENTENCE.search(form) or SAVING.match(form):
        return ""
    text = " ".join(unwrapped(message(line)).split())
    return "" if _POSITION.match(text) else text


# Forms of lines that are rewritten before they are read.

_COUNTED = re.compile(
    r"(?P<at>\d+)(?:(?P<unit>epoch|iter(?:ation)?|step)|(?:st|nd|rd|th)? "
    r"(?P<word>epoch|iter(?:ation)?|step)s?(?=[:,|]))"
    r"(?P<rest>(?::\w+)?(?::(?:\d+-)?(?P<inner>\d+)(?P<inner_unit>batch|iter|step))?)\b",
    re.IGNORECASE,
)
"""`1epoch:train:51-100batch: loss=2` and `3rd epoch: loss 2`, at the start of a message."""
_COUNT = re.compile(r"\d(?:st|nd|rd|th)? ?(?:epoch|iter|step)", re.IGNORECASE)
_MAY_BE_COUNTED = re.compile(
    r"(?:^(?=\d+ )|(?:^|.*[\]:|>-] )(?=\d+(?:[a-z]{2} |[a-z])))"
    r"(?=\d+(?:st|nd|rd|th)? ?(?:epoch|iter|step))",
    re.IGNORECASE,
)
_REWRITTEN = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # `Epoch #3`
        (
            rf"\b(epoch|batch|round|step|iter(?:ation)?|episode|update|generation) ?#(?={INT})",
            r"\1 ",
        ),
        # llm.c's `s:10 trl:2.5`
        ("^s(?=:\ue000 )", "step"),
        # TensorFlow's estimators print an evaluation so, and repeat the step among the metrics
        (rf"Saving dict for global step(.*?)\bglobal_step = {INT},? ?", r"eval step\1"),
        # `Average loss at step 2000: 113.8`, `Cost after iteration 100: 0.58`
        (
            r"(?<!\w)(?!(?:new |overall )?best\b)([A-Za-z][\w ./%()-]*?) (?:at|after|in|for|@) "
            r"(?:the )?"
            r"((?:global[_ -])?(?:step|iteration|iter|epoch|episode|(?:mini-?)?batch|update)) *"
            rf"({INT}) *(?:[:=]|is\b:?|->) *(?={VALUE})",
            r"\2 \3: \1: ",
        ),
        # `eval @ 12887 steps: return=3`
        (rf"(?:@|at|after) ({INT}) (step|iteration|epoch|episode)s?\b", r"\2 \1"),
        # `60.5% accuracy, loss 1.8`
        (rf"(?<!\w )(?<![\w:=])({VALUE}%) (accuracy|acc)(?=\W*(?:$|[,;|)]))", r"\2 \1"),
        # `loss = 1.0 + 0.5 = 1.5`
        (rf"(= *){VALUE}(?: *[+*] *{VALUE})+ *= *(?={VALUE})", r"\1"),
        # Caffe's
        (rf"\b(Train|Test) net output #{INT}: ", r"\1: "),
        # `average reward over the last 10 episodes: 3.5`
        (
            rf" *\(?(?:(?:over |in |of |for )?(?:the )?(?:last|past|previous) {INT} \w+"
            rf"|over {INT} (?:episodes|games|runs|trials))\)?",
            "",
        ),
        # DeepSpeed's `steps: 10 loss: 2.5`; elsewhere in a line it is the length of an epoch
        (rf"^steps(?=\s?[:=]\s?{INT})", "step"),
        # Trax's `Step     10: eval  Accuracy |  0.25`
        (rf"(step +{INT}: (?:\w+ +)?[\w/.-]+) \|(?= +\S+$)", r"\1:"),
        # `epoch=0/micro_step=20/global_step=10` has three counts
        (rf"(?<={INT})/(?=[A-Za-z_]+={INT})", ", "),
    )
)
SENTENCE = re.compile(
    # No `\b` in front, which is tried at each character.
    r"(?:reached(?<!\w.{7})|improved?(?<!\wimprove)(?<!\wimproved)|adjusting(?<!\w.{9})"
    r"|reducing(?<!\w.{8})|was(?<!\w.{3}) not|decreased(?<!\w.{9})|increased(?<!\w.{9}))\b"
)
SAVING = re.compile(
    r"\W*(?:[A-Z]?[a-z]+ )?(?:[Ss]aving|[Ss]aved|[Rr]esum\w+|[Ll]oad\w+|[Rr]estor\w+)\b"
    rf"|Step {INT}/{INT} : [A-Z]+ |#{INT} (?:\[|[A-Z]+ )"
)
"""Also the lines of `docker build`: `Step 4/5 : ENV LOSS=0.5`, `#2 [2/10] RUN step 2`."""
BEST = re.compile(
    r"\W*(?:new |overall )?best\b(?:.*\b(?:at|in|from)| the)? (?:epoch|step|iter)", re.IGNORECASE
)
"""`Best val acc: 0.9 at epoch 11`: a summary of other lines."""
_SIGNS = str.maketrans("：，；（）％＝ℹ", ":,;()%= ")
_LANGUAGES = {
    "step": "训练次数|迭代次数|步数",
    "epoch": "轮次|轮数|[ÉéEe]po(?:ca|que)|[Ээ]поха|エポック|에포크|에폭|[Ee]poche",
    "train ": "训练集上?的?",
    "val ": "验证集上?的?",
    "test ": "(?:整体)?测试集上?的?",
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


def normal(line: str) -> str:
    """Return a line in English, and with counts before their names as names and numbers."""
    if not line.isascii():
        line = _in_english(line)
    if "[" in line:
        line = _RANGE.sub("[", line)
    found = _MAY_BE_COUNTED.match(line) if _COUNT.search(line) else None
    return line[: found.end()] + _COUNTED.sub(_named_count, line[found.end() :]) if found else line


def _named_count(found: re.Match[str]) -> str:
    """Return `epoch 1: train: batch 100` for `1epoch:train:51-100batch`."""
    part = found["rest"].split(":")[1] if found["rest"].count(":") else ""
    inner = f" {found['inner_unit']} {found['inner']}" if found["inner"] else ""
    part = "" if found["inner"] and part[:1].isdigit() else part
    return f"{found['unit'] or found['word']} {found['at']}:{f' {part}:' if part else ''}{inner}"


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
