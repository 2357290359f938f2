"""Variables of a pipeline file, and the text of their values: plain, or quoted for the shell.

`fill` substitutes them in a stage's definition, with the quoting that each field needs. In shell
text that depends on the place, which a minimal reader of shell commands finds.
"""

from __future__ import annotations

import glob
import itertools
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from enum import Enum

from trainui.errors import UsageError
from trainui.model.definition import CheckpointRule, Json, MetricSource, StageDefinition
from trainui.pipeline import template
from trainui.pipeline.template import Template, Variable
from trainui.record import dataclass

# Quote a value for its position in shell text, so that the shell reads it literally.


class QuotingContext(Enum):
    """Contexts in shell text that need different quoting."""

    BARE = "bare"
    """Outside quotes, including inside `$(...)`."""
    DOUBLE = "double"
    """Between double quotes."""
    DOUBLE_BRACE = "double-brace"
    """In the shell's `${...}` inside double quotes."""
    SINGLE = "single"
    """Between single quotes."""
    ANSI = "ansi"
    """Between `$'` and `'`."""
    HERE = "here"
    """In a here-document in which the shell expands variables."""
    HERE_RAW = "here-raw"
    """In a here-document whose delimiter is quoted."""
    HERE_BRACE = "here-brace"
    """In the shell's `${...}` in a here-document: substitution is not possible."""
    COMMENT = "comment"
    """Between `#` and the end of the line."""
    BACKTICK = "backtick"
    """Between backticks, where quoting is nested: substitution is not possible."""
    ESCAPED = "escaped"
    """Right after a backslash: substitution is not possible."""


@dataclass(frozen=True, slots=True)
class Spot:
    """The position of a variable in shell text."""

    place: QuotingContext
    delimiter: str = ""
    """Terminator line of the surrounding here-document."""


UNFIT = {
    QuotingContext.BACKTICK: "write $(...) instead of the backticks around it",
    QuotingContext.ESCAPED: (
        "remove the backslash before it; the shell's own braces are written $${NAME}"
    ),
    QuotingContext.HERE_BRACE: "move it out of the shell's braces",
}
"""Contexts in which substitution is not possible, with advice."""

_SPECIAL = {
    QuotingContext.ANSI: re.compile(r"([\\'])"),
    QuotingContext.DOUBLE: re.compile(r'([\\$`"])'),
    QuotingContext.DOUBLE_BRACE: re.compile(r'([\\$`"])'),
    QuotingContext.HERE: re.compile(r"([\\$`])"),
}
"""Characters to escape with a backslash, by context."""

_SEPARATORS = {
    QuotingContext.DOUBLE: '" "',
    QuotingContext.SINGLE: "' '",
    QuotingContext.ANSI: "' $'",
}


def quote(value: str, spot: Spot) -> str:
    """Quote a value so that the shell reads it literally.

    Raises:
        UsageError: the value contains the terminator of the surrounding here-document.
    """
    if spot.delimiter and spot.delimiter in (line.strip("\t") for line in value.split("\n")):
        raise UsageError(
            f"a value contains {spot.delimiter!r}, which would end the here-document around it; "
            "give the here-document another delimiter"
        )
    if spot.place is QuotingContext.BARE:
        return shlex.quote(value)
    if spot.place is QuotingContext.SINGLE:
        return value.replace("'", "'\\''")
    if spot.place is QuotingContext.COMMENT:
        return value.replace("\n", " ")
    special = _SPECIAL.get(spot.place)
    written = special.sub(r"\\\1", value) if special else value
    # in such braces a single quote would open a quoted string, but not inside inner double quotes
    return f'"{written}"' if spot.place is QuotingContext.DOUBLE_BRACE else written


def separator(spot: Spot) -> str:
    """Return the text to put between two values to make them separate words."""
    return _SEPARATORS.get(spot.place, " ")


# A minimal shell lexer that finds the quoting context of each `${...}`.


def spots(template: Template) -> list[Spot]:
    """Return the position of each variable of a shell text, in order."""
    reader = ShellReader()
    for part in template:
        if isinstance(part, Variable):
            reader.variable()
        else:
            reader.text(part)
    return reader.found


@dataclass(frozen=True, slots=True)
class _Frame:
    """A construct that encloses the reader's position."""

    tokens: re.Pattern[str]
    """Matches its next token; a named group is what the reader does at it."""
    place: QuotingContext
    delimiter: str = ""
    """Terminator of a here-document."""
    end: re.Pattern[str] | None = None
    """Matches the terminator line of a here-document."""


def _frame(tokens: str, place: QuotingContext) -> _Frame:
    return _Frame(re.compile(f"{tokens}|.", re.DOTALL), place)


_ESCAPE = r"(?P<escape>\\.?)"
_QUOTES = r"(?P<ansi>\$')|(?P<single>')|(?P<double>\")"
_EXPANSION = r"(?P<arithmetic>\$\(\()|(?P<command>\$\()|(?P<brace>\$\{)|(?P<backtick>`)"
_HERE_WORD = r"(?:'[^'\n]*'|\"[^\"\n]*\"|\\[^\n]|[^\s'\"\\;&|()<>])+"
# `<<<` begins no here-document
_HERE_DOCUMENT = rf"<<<|(?P<here><<(?P<tabs>-?)[ \t]*(?P<word>{_HERE_WORD}))"
_OPERATORS = r"(?P<parentheses>\(\()|(?P<group>\()|(?P<close>\))|(?P<newline>\n)|(?P<comment>#)"

_COMMAND = _frame(
    rf"[^\\$'\"`()<#\n]+|{_ESCAPE}|{_QUOTES}|{_EXPANSION}|{_HERE_DOCUMENT}|{_OPERATORS}",
    QuotingContext.BARE,
)
_ARITHMETIC = _frame(rf"(?P<nested>\()|(?P<close>\))|{_ESCAPE}|{_EXPANSION}", QuotingContext.BARE)
_BRACE = _frame(
    rf"[^\\$'\"`}}]+|(?P<close>}})|{_ESCAPE}|{_EXPANSION}|{_QUOTES}", QuotingContext.BARE
)
_BRACE_IN_DOUBLE = _frame(
    rf"[^\\$\"`}}]+|(?P<close>}})|{_ESCAPE}|{_EXPANSION}|(?P<double>\")",
    QuotingContext.DOUBLE_BRACE,
)
_BRACE_IN_HERE = replace(_BRACE_IN_DOUBLE, place=QuotingContext.HERE_BRACE)
_DOUBLE = _frame(rf"[^\\$\"`]+|(?P<close>\")|{_ESCAPE}|{_EXPANSION}", QuotingContext.DOUBLE)
_HERE = _frame(rf"[^\\$`\n]+|{_ESCAPE}|{_EXPANSION}", QuotingContext.HERE)
_HERE_RAW = _frame(r"[^\n]+", QuotingContext.HERE_RAW)
_COMMENT = _frame(r"[^\n]+|(?P<close>)", QuotingContext.COMMENT)
"""It ends before the newline, which the command around it reads: here-documents may begin there."""

_PUSHED = {
    "arithmetic": (_ARITHMETIC, _ARITHMETIC),
    "command": (_COMMAND,),
    "group": (_COMMAND,),
    "nested": (_ARITHMETIC,),
    "double": (_DOUBLE,),
    "single": (_frame(r"[^']+|(?P<close>')", QuotingContext.SINGLE),),
    "ansi": (_frame(rf"[^\\']+|(?P<close>')|{_ESCAPE}", QuotingContext.ANSI),),
    "backtick": (_frame(rf"[^\\`]+|(?P<close>`)|{_ESCAPE}", QuotingContext.BACKTICK),),
}
"""Token -> the constructs that begin at it."""

_BRACES = {
    QuotingContext.DOUBLE: _BRACE_IN_DOUBLE,
    QuotingContext.DOUBLE_BRACE: _BRACE_IN_DOUBLE,
    QuotingContext.HERE: _BRACE_IN_HERE,
    QuotingContext.HERE_BRACE: _BRACE_IN_HERE,
}
"""The shell's `${...}`, by outer context; otherwise `_BRACE`."""


@dataclass(slots=True)
class ShellReader:
    """Reads shell text part by part, with a stack of the enclosing constructs."""

    found: list[Spot] = field(default_factory=list)
    _frames: list[_Frame] = field(default_factory=lambda: [_COMMAND])
    _awaited: list[_Frame] = field(default_factory=list)
    """Here-documents that start on the next line."""
    _last: str = "\n"
    """The last character read; a variable counts as a letter."""
    _escaping: bool = False
    """True if the text before a variable ended with a backslash."""

    def variable(self) -> None:
        """Read a variable and record its position."""
        top = self._frames[-1]
        place = QuotingContext.ESCAPED if self._escaping else top.place
        self.found.append(Spot(place, top.delimiter))
        self._escaping = False
        self._last = "x"

    def text(self, text: str) -> None:
        """Read text."""
        position = 0
        while position < len(text):
            top = self._frames[-1]
            if top.end and self._last == "\n" and (match := top.end.match(text, position)):
                self._frames.pop()
            else:
                match = top.tokens.match(text, position)
                assert match is not None, "a token may be any character"
                self._take(match)
            if match.end() > position:
                position = match.end()
                self._last = text[position - 1]

    def is_between_words(self) -> bool:
        """Return True at the top level: outside quotes and every other construct."""
        return len(self._frames) == 1

    def is_in_comment(self) -> bool:
        """Return True inside a comment."""
        return self._frames[-1].place is QuotingContext.COMMENT

    def _take(self, token: re.Match[str]) -> None:
        """Do what a token means."""
        match token.lastgroup:
            case "escape":
                self._escaping = token[0] == "\\"
            case "close" if len(self._frames) > 1:
                self._frames.pop()
            case "brace":
                self._frames.append(_BRACES.get(self._frames[-1].place, _BRACE))
            case "here":
                self._awaited.append(_here_document(token))
            case "newline":  # the first of the here-documents announced on the line comes on top
                self._frames.extend(reversed(self._awaited))
                self._awaited.clear()
            case "comment" if self._last in " \t\n;&|()":
                self._frames.append(_COMMENT)
            case "parentheses":
                begins_command = self._last in "\n;&| \t"
                self._frames.extend([_ARITHMETIC if begins_command else _COMMAND] * 2)
            case str(name):
                self._frames.extend(_PUSHED.get(name, ()))


def _here_document(announced: re.Match[str]) -> _Frame:
    word = announced["word"]
    delimiter = re.sub(r"['\"\\]", "", word)
    indent = r"\t*" if announced["tabs"] else ""
    end = re.compile(rf"{indent}{re.escape(delimiter)}(?=\n|\Z)")
    return replace(_HERE if delimiter == word else _HERE_RAW, delimiter=delimiter, end=end)


# Find out which command would receive words appended to a line of shell text.
#
# Used to detect resume arguments that would silently not reach the training:
# `python train.py | tee log` passes them to `tee`.


_SEPARATOR = re.compile(r"\|\||\|&?|&&|(?<![<>&])&(?![>&])|;")

_CLOSING = re.compile(r"\}|(done|fi|esac)\b")

_AFTERWARDS = re.compile(
    r"(cat|chmod|cp|curl|date|echo|exit|gzip|ls|mkdir|mv|notify-send|printf|rm|rsync|sleep|sync|tar"
    r"|tee|test|touch|true|wait|:)\b.*",
    re.DOTALL,
)
"""Commands that people write after a training, and that are not a training themselves."""


def append_fault(template: Template) -> str | None:
    """Return where appended words would go if not to the training; None if they reach it."""
    operator, command, in_comment = _last(template)
    command = command.strip()
    if in_comment:
        return "into a comment"
    if operator in ("&", ";") and not command:
        return f"behind `{operator}`"
    if operator in ("|", "|&") or _AFTERWARDS.fullmatch(command):
        return f"to `{command}`"
    if command.startswith("("):
        return "behind `)`"
    if closing := _CLOSING.match(command):
        return f"behind `{closing[0]}`"
    return None


def _last(template: Template) -> tuple[str, str, bool]:
    """Return a line's last operator, the command after it, and True if a comment ends the line."""
    reader, operator, command = ShellReader(), "", ""
    for part in template:
        if isinstance(part, Variable):
            reader.variable()
            command += str(part)
            continue
        position = 0
        for match in _SEPARATOR.finditer(part):
            before = part[position : match.start()]
            reader.text(before)
            command += before
            if reader.is_between_words() and not before.endswith("\\"):
                operator, command = match[0], ""
            else:
                command += match[0]
            reader.text(match[0])
            position = match.end()
        reader.text(part[position:])
        command += part[position:]
    return operator, command, reader.is_in_comment()


# The `${...}` variables, and the fields in which each is allowed.
#
# `python`, `attempt`, `env`, `checkpoint` and `resume_args` are substituted when a process starts;
# `search`, and `stage_dir` of a search, when a trial is asked for, and the results of a search when
# a stage that depends on it starts; the others at submission.


SIMPLE = frozenset({"run_dir", "stage_dir", "python", "attempt", "checkpoint", "resume_args"})
"""Variables without a key."""

KEYED = frozenset({"params", "matrix", "search", "env", "stages"})
"""Variables with a key after the dot."""

_COMMON = frozenset(
    {"params", "matrix", "search", "run_dir", "stage_dir", "stages", "python", "attempt", "env"}
)
_PARAMS = frozenset({"params"})

_STAGES = re.compile(
    r"(?P<search>.+)\.(?P<best>best\.(?:dir|trial|params|checkpoint|step))(?:(?<=params)\.(?P<key>.+))?"
    r"|(?P<name>.+)\.(?P<what>dirs?)"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """The variables that are allowed in a field."""

    kinds: frozenset[str]
    """Allowed kinds: the part before the first dot."""
    several: bool = False
    """True: variables with several values, e.g. `${stages.NAME.dirs}`, are allowed."""


_TEXT = Rule(_COMMON)
_LIST = Rule(_COMMON, several=True)
_RESUME = Rule(_COMMON | {"checkpoint"}, several=True)
_NUMBER = Rule(_PARAMS)

FIELDS = {
    **dict.fromkeys(("task", "matrix", "seeds", "over", "search", "cpus", "gpus"), _NUMBER),
    **dict.fromkeys(("gpu_memory", "host", "queue", "executor", "retries"), _NUMBER),
    "retry_delay": _NUMBER,
    **dict.fromkeys(("timeout", "budget", "silence_timeout", "stall_after"), _NUMBER),
    **dict.fromkeys(("stop_signal", "grace"), _NUMBER),
    "allow_failure": _NUMBER,
    "run": Rule(_COMMON | {"resume_args"}, several=True),
    "params": _LIST,
    "workdir": _TEXT,
    "env": _TEXT,
    "python": Rule(_COMMON - {"python"}),
    "metrics": _TEXT,
    "checkpoint": _TEXT,
    "resume_args": _RESUME,
    "resume_run": _RESUME,
    "outputs": _LIST,
    "success": _TEXT,
    "inputs": _LIST,
    "alerts": _TEXT,
    **dict.fromkeys(("each_checkpoint", "every", "metric", "goal"), _NUMBER),
}
"""The fields of a stage in which variables are substituted."""

PARAMETER = Rule(frozenset({"run_dir", "stage_dir", "attempt", "env"}))
"""The rule for the values of the pipeline's parameters."""


@dataclass(frozen=True, slots=True)
class StageReference:
    """The stage that `${stages.NAME.dir}` refers to."""

    name: str
    """A stage or one of its members."""
    what: str
    """`dir`, `dirs` (of all members), or, of a search, `best.dir`, `best.trial` or
    `best.params`; of an evaluation of each checkpoint, `best.checkpoint`, `best.step`, `best.dir`
    or `dirs`."""
    key: str | None = None
    """The parameter of `best.params.KEY`."""


def stage_reference(variable: Variable) -> StageReference | None:
    """Parse `${stages.NAME.dir}`, `...dirs` or `...best.dir`; None if it is something else."""
    match = _STAGES.fullmatch(variable.key) if variable.kind == "stages" else None
    if match is None:
        return None
    name, what = match["search"] or match["name"], match["best"] or match["what"]
    return StageReference(name, what, match["key"])


def is_several(variable: Variable) -> bool:
    """Return True if a variable can have several values."""
    reference = stage_reference(variable)
    return variable.name == "resume_args" or (reference is not None and reference.what == "dirs")


def is_well_formed(variable: Variable) -> bool:
    """Return True if a variable has a known form, whatever its key."""
    if not variable.closed:
        return False
    if variable.kind == "stages":
        return stage_reference(variable) is not None
    if variable.kind in KEYED:
        return bool(variable.key)
    return variable.name in SIMPLE


# Substitute variables in plain text, list items, shell text and JSON.


Resolve = Callable[[Variable], Sequence[Template] | None]
"""Returns the values of a variable; None: leave the variable as it is."""

Write = Callable[[Template], str]
"""Converts the result to text: a template if variables remain, otherwise plain text."""


def plain(parts: Template) -> str:
    """Return the text of parts that contain no variables."""
    return "".join(str(part) for part in parts)


_OPEN_NAME = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*\Z")
"""A shell variable at the end of a text, whose name would continue in a value after it."""


def _apart(
    before: Sequence[str | Variable], value: list[str | Variable], spot: Spot
) -> list[str | Variable]:
    """Return a quoted value, with empty quotes before it if it would lengthen a variable's name.

    With the value 0, `$s${matrix.seed}` would be the variable `$s0`.
    """
    last, first = before[-1:] or [""], value[:1] or [""]
    if spot.place not in (QuotingContext.BARE, QuotingContext.DOUBLE):
        return value
    if not isinstance(last[0], str) or not isinstance(first[0], str):
        return value
    joins = _OPEN_NAME.search(last[0]) and re.match(r"[A-Za-z0-9_]", first[0])
    return ['""', *value] if joins else value


@dataclass(frozen=True, slots=True)
class Filler:
    """Substitutes variables."""

    resolve: Resolve
    write: Write = template.unparse

    def text(self, text: str) -> str:
        """Substitute variables in plain text."""
        if "${" not in text:
            return text
        return self.write(self._joined(template.parse(text)))

    def items(self, text: str) -> list[str]:
        """Substitute variables in a list item; a variable with n values gives n items."""
        if "${" not in text:
            return [text]
        choices = [self._values(part) for part in template.parse(text)]
        products = itertools.product(*choices)
        return [self.write(template.join(itertools.chain(*parts))) for parts in products]

    def shell(self, text: str) -> str:
        """Substitute variables in shell text, quoting each value for its position."""
        if "${" not in text:
            return text
        parts = template.parse(text)
        remaining = iter(spots(parts))
        filled: list[str | Variable] = []
        for part in parts:
            if isinstance(part, str):
                filled.append(part)
            else:
                filled.extend(_apart(filled, self._quoted(part, spot := next(remaining)), spot))
        return self.write(template.join(filled))

    def json(self, value: Json) -> Json:
        """Substitute variables in the strings of a JSON value, but not in its keys."""
        if isinstance(value, str):
            variable = template.only_variable(value)
            return self.items(value) if variable and is_several(variable) else self.text(value)
        if isinstance(value, list | tuple):
            filled: list[Json] = []
            for item in value:
                filled += self.items(item) if isinstance(item, str) else [self.json(item)]
            return filled
        if isinstance(value, dict):
            return {key: self.json(item) for key, item in value.items()}
        return value

    def _values(self, part: str | Variable) -> Sequence[Template]:
        if isinstance(part, str):
            return [(part,)]
        values = self.resolve(part)
        return [(part,)] if values is None else values

    def _joined(self, parts: Template) -> Template:
        joined: list[str | Variable] = []
        for part in parts:
            for index, value in enumerate(self._values(part)):
                joined += [" ", *value] if index else value
        return template.join(joined)

    def _quoted(self, variable: Variable, spot: Spot) -> list[str | Variable]:
        values = self.resolve(variable)
        if values is None:
            return [variable]
        written: list[str | Variable] = []
        for index, value in enumerate(values):
            if index:
                written.append(separator(spot))
            written += [quote(p, spot) if isinstance(p, str) else p for p in value or ("",)]
        return written


Command = str | tuple[str, ...]
"""Shell text, or an argument list."""

_DIRECTORIES = frozenset({"run_dir", "stage_dir", "stages"})


def fill(definition: StageDefinition, filler: Filler) -> StageDefinition:
    """Return the definition with the variables of every field substituted.

    Raises:
        UsageError: a value cannot be substituted where it is used; the message names the stage.
    """
    globs = Filler(_as_glob(filler), filler.write)
    try:
        return replace(
            definition,
            command=command(definition.command, filler),
            params=filler.json(dict(definition.params)),
            workdir=filler.text(definition.workdir),
            env=environment(definition.env, filler),
            python=_optional(definition.python, filler),
            metrics=_metrics(definition.metrics, filler, globs),
            checkpoint=definition.checkpoint
            and CheckpointRule(
                globs.text(definition.checkpoint.glob),
                _optional(definition.checkpoint.complete, filler),
            ),
            resume_args=definition.resume_args and items(definition.resume_args, filler),
            resume_run=command(definition.resume_run, filler),
            outputs=items(definition.outputs, globs),
            success=_optional(definition.success, filler),
            inputs=items(definition.inputs, filler),
            alerts=tuple(
                replace(alert, metric=filler.text(alert.metric)) for alert in definition.alerts
            ),
        )
    except UsageError as error:
        raise UsageError(f"stage {definition.name}: {error}") from error


def variables(definition: StageDefinition) -> list[Variable]:
    """Return the variables in all fields of a definition."""
    found: list[Variable] = []
    fill(definition, Filler(found.append))
    return found


def command(value: Command | None, filler: Filler) -> Command | None:
    """Substitute variables in a command."""
    if value is None:
        return None
    return filler.shell(value) if isinstance(value, str) else items(value, filler)


def items(values: Sequence[str], filler: Filler) -> tuple[str, ...]:
    """Substitute variables in a list of texts."""
    return tuple(filled for value in values for filled in filler.items(value))


def environment(values: Mapping[str, str], filler: Filler) -> dict[str, str]:
    """Substitute variables in the values of environment variables."""
    return {name: filler.text(value) for name, value in values.items()}


def _optional(value: str | None, filler: Filler) -> str | None:
    return None if value is None else filler.text(value)


def _metrics(
    sources: Sequence[MetricSource] | None, filler: Filler, globs: Filler
) -> tuple[MetricSource, ...] | None:
    if sources is None:
        return None
    return tuple(
        replace(
            source,
            path=_optional(source.path, globs),
            format=_optional(source.format, filler),
            step=_optional(source.step, filler),
            pattern=_optional(source.pattern, filler),
        )
        for source in sources
    )


def _as_glob(filler: Filler) -> Resolve:
    """Return a resolver that escapes directories in a glob; a parameter may itself be a glob."""

    def resolve(variable: Variable) -> Sequence[Template] | None:
        values = filler.resolve(variable)
        if values is None or variable.kind not in _DIRECTORIES:
            return values
        return [
            tuple(glob.escape(part) if isinstance(part, str) else part for part in value)
            for value in values
        ]

    return resolve
