"""Write the text of a pipeline file in a readable style."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trainui.pipeline.dvc.fields import Written
from trainui.pipeline.yaml import nodes

WIDTH = 96
"""Maximum width of a list that is written on one line, in columns."""

_BARE = re.compile(r"[A-Za-z0-9_./=+@~]([A-Za-z0-9_./=+@~ -]*[A-Za-z0-9_./=+@~-])?")
"""A text that needs no quotes anywhere."""

_LINE = re.compile(r"[A-Za-z0-9_./$]([^\n]*[^\s:])?")


@dataclass(frozen=True, slots=True)
class YamlBlock:
    """A stage to write."""

    name: str
    family: str
    fields: Mapping[str, Written]
    comments: Sequence[str] = ()
    notes: Sequence[str] = field(default_factory=list)
    left_out: bool = False
    """True: written as a comment."""


def write(blocks: Sequence[YamlBlock], params: Mapping[str, str], head: Sequence[str]) -> str:
    """Return the file's text."""
    lines = [*head, *([""] if head else [])]
    if params:
        lines += ["params:", *(f"  {name}: {_scalar(text)}" for name, text in params.items()), ""]
    lines.append("stages:")
    for at, block in enumerate(blocks):
        lines += [*([""] if at else []), *_stage(block)]
    return "\n".join(lines) + "\n"


def _stage(block: YamlBlock) -> list[str]:
    notes = [f"  # {note.removeprefix(f'{block.name}: ')}" for note in block.notes]
    head = [*(f"  {comment}" for comment in block.comments), *notes]
    body = [f"  - name: {_scalar(block.name)}"]
    for name, value in block.fields.items():
        body += _field(name, value)
    return [*head, *(f"  #{line}" if block.left_out else line for line in body)]


def _field(name: str, value: Written) -> list[str]:
    if isinstance(value, dict):
        inner = ", ".join(f"{key}: [{_items(one)}]" for key, one in value.items())
        return [f"    {name}: {{{inner}}}"]
    if not isinstance(value, str):
        line = f"    {name}: [{_items(value)}]"
        if len(line) <= WIDTH:
            return [line]
        return [f"    {name}:", *(f"      - {_item(item)}" for item in value)]
    return _text(name, value)


def _text(name: str, value: str) -> list[str]:
    fits_line = _LINE.fullmatch(value) and ": " not in value and " #" not in value
    if fits_line or not value or not _fits_block(value):
        return [f"    {name}: {value if fits_line else _scalar(value)}"]
    return [f"    {name}: |", *(f"      {line}".rstrip() for line in value.split("\n"))]


def _fits_block(value: str) -> bool:
    lines = value.split("\n")
    return lines[0][:1] != " " and all(not line or line.isprintable() for line in lines)


def _items(values: Sequence[str | dict[str, str]]) -> str:
    return ", ".join(map(_item, values))


def _item(value: str | dict[str, str]) -> str:
    if isinstance(value, str):
        return _scalar(value)
    return "{" + ", ".join(f"{key}: {_scalar(text)}" for key, text in value.items()) + "}"


def _scalar(text: str) -> str:
    return text if _BARE.fullmatch(text) else nodes.in_quotes(text)
