"""Find out which command would receive words appended to a line of shell text.

Used to detect resume arguments that would silently not reach the training:
`python train.py | tee log` passes them to `tee`.
"""

from __future__ import annotations

import re

from trainui.pipeline.shell.reader import ShellReader
from trainui.pipeline.template import Template, Variable

_SEPARATOR = re.compile(r"\|\||\|&?|&&|(?<![<>&])&(?![>&])|;")

_CLOSING = re.compile(r"\}|(done|fi|esac)\b")

_AFTERWARDS = re.compile(
    r"(cat|chmod|cp|curl|date|echo|exit|gzip|ls|mkdir|mv|notify-send|printf|rm|rsync|sleep|sync|tar"
    r"|tee|test|touch|true|wait|:)\b.*",
    re.DOTALL,
)
"""Commands that people write after a training, and that are not a training themselves."""


def fault(template: Template) -> str | None:
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
