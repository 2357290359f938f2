"""A field of the overview as lines: a label at the left, and its text beside it."""

from __future__ import annotations

from collections.abc import Iterable

from trainui.text import harmless
from trainui.tui.render.styled_text import Row, Segment, labelled, wrap

LABEL = 11
"""Width of the labels at the left, in characters."""

MOST_LINES, UNFOLDED_LINES = 4, 200
"""The most lines of a field, and of a command where the details are unfolded."""

MOST_TEXT = 8000
"""The most characters of such a text that are processed; more than fit into its lines."""


def field_rows(
    label: str, text: str, style: str, width: int, hint: str = "", most: int = MOST_LINES
) -> list[Row]:
    """Return the lines of a field, none without text; the hint ends a text that is too long."""
    if not text:
        return []
    room = max(width - LABEL, 10)
    lines = text[:MOST_TEXT].splitlines()[: most + 1]
    pieces = [piece for line in lines for piece in wrap(harmless(line), room, most + 1)]
    if len(pieces) > most:
        end = f" … {hint}".rstrip()[: room - 1]
        pieces = [*pieces[: most - 1], pieces[most - 1][: room - len(end)] + end]
    rows = ((Segment(piece, style),) for piece in pieces)
    return labelled(Segment(f"{label:<{LABEL}}", "dim"), rows)


def fields_rows(fields: Iterable[tuple[str, str, str]], width: int) -> list[Row]:
    """Return the lines of fields: of each one its label, text and style."""
    return [row for field in fields for row in field_rows(*field, width)]


def start_of(parts: Iterable[str], separator: str) -> str:
    """Join parts up to the displayed length: a stage may depend on thousands."""
    taken: list[str] = []
    length = 0
    for part in parts:
        taken.append(part)
        length += len(part) + len(separator)
        if length > MOST_TEXT:
            break
    return separator.join(taken)
