"""Styled text as plain data: segments of text with style names, cut to terminal cells.

Widgets render to these values, which tests can read; only the widgets map style names to colours.

Names of things that are shown together are made short: what they share goes first, then their ends.

The style that a log's escape codes ask for is named `sgr:` and its definition as Rich writes it,
e.g. `sgr:bold color(1)`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, groupby, islice, repeat
from operator import attrgetter
from os.path import commonprefix
from typing import Generic, NamedTuple, TypeVar

from rich.ansi import AnsiDecoder
from rich.cells import cell_len, set_cell_size
from rich.style import Style
from textual.geometry import Spacing

from trainui.record import dataclass
from trainui.text import harmless

PREFIX = "sgr:"

TAB = 8
"""Distance of tab stops in characters."""

LEAST_EDGE = 6
"""Characters of an edge that a title cannot use: corners, line and blanks beside it."""

SHORTENED = 3
"""Leading segments of a line that are shortened rather than dropped."""

LEAST_VALUE = 6
"""Characters of a member's value that stay in its own name."""

LEAST = 3
"""Characters of a value, with its ellipsis, that always stay."""

STEADY = Style(blink=False, blink2=False, conceal=False)

_SGR = re.compile(r"\x1b\[([0-9;:]{0,200})m")

_DIFF_STYLES = {"+": "good", "-": "bad", "@": "accent"}
"""By the first character of a line of a diff."""


def coloured(text: str) -> Row:
    """Return a line of a log as styled text, safe to print."""
    if "\x1b" not in text and "\t" not in text:
        return (Segment(harmless(text).rstrip()),)
    pieces = _SGR.split(text.rstrip())
    spans = []
    style, used = "", 0
    for number, piece in enumerate(pieces):
        if number % 2:
            style = _after(style, piece)
            continue
        before = used % TAB
        shown = (" " * before + harmless(piece)).expandtabs(TAB)[before:]
        used += len(shown)
        if shown:
            spans.append(Segment(shown, PREFIX + style if style else ""))
    return tuple(spans) or (Segment(""),)


@lru_cache(maxsize=512)
def _after(style: str, sequence: str) -> str:
    """Return the definition of the style after another SGR sequence; empty: none."""
    decoder = AnsiDecoder()
    decoder.style = Style.parse(style)
    decoder.decode_line(f"\x1b[{sequence.replace(':', ';')}m")
    # the terminal's default colours may be unreadable on the page's background
    words = str(decoder.style).replace("on default", "").replace("default", "")
    return " ".join(words.split()) if decoder.style else ""


def style_of(name: str) -> Style:
    """Return the style for a name that begins with `sgr:`; nothing blinks or is hidden."""
    return Style.parse(name.removeprefix(PREFIX)) + STEADY


Line = TypeVar("Line")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Border(Generic[Line]):
    """Lines above and below, and the cells at both sides of each line in between."""

    above: tuple[Line, ...]
    below: tuple[Line, ...]
    left: Line
    right: Line

    def made(self, make: Callable[[Line], Made]) -> Border[Made]:
        """Convert each line with `make`."""
        return Border(
            tuple(map(make, self.above)),
            tuple(map(make, self.below)),
            make(self.left),
            make(self.right),
        )


def padding(width: int, room: Spacing) -> Border[Row]:
    """Return a border of blanks; with the lines it is `width` characters wide."""
    blank = (Segment(" " * width),)
    left, right = (Segment(" " * room.left),), (Segment(" " * room.right),)
    return Border((blank,) * room.top, (blank,) * room.bottom, left, right)


def frame(width: int, room: Spacing, title: str, subtitle: str | Row, *, lit: bool) -> Border[Row]:
    """Return a frame, `lit` or not, with padding inside; the titles must be safe to print."""
    style = "frame-lit" if lit else "frame"
    head = _label(title, "title-lit" if lit else "dim", width)
    foot = _label(subtitle, "dim", width)
    side, inner = Segment("│", style), padding(width - 2, room)
    top = (Segment("╭─", style), *head, Segment("─" * (width - 3 - width_of(head)) + "╮", style))
    bottom = (Segment("╰" + "─" * (width - 3 - width_of(foot)), style), *foot, Segment("─╯", style))
    return Border(
        (top, *((side, *row, side) for row in inner.above)),
        (*((side, *row, side) for row in inner.below), bottom),
        (side, *inner.left),
        (*inner.right, side),
    )


def _label(title: str | Row, style: str, width: int) -> Row:
    row = (Segment(title, style),) if isinstance(title, str) else title
    shown = cut(row, width - LEAST_EDGE) if title else ()
    return (Segment(" "), *shown, Segment(" ")) if shown else ()


ELLIPSIS = "…"


class Segment(NamedTuple):
    """A piece of text with one style."""

    text: str
    style: str = ""
    """A key of `styles.STYLES`; empty: plain."""


Row = tuple[Segment, ...]
"""A line, from left to right."""


def plain(row: Row) -> str:
    """Return a line's text."""
    return "".join(span.text for span in row)


def width_of(row: Row) -> int:
    """Return a line's width in terminal cells."""
    return sum(cell_len(span.text) for span in row)


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Return text in exactly `width` cells, cut with an ellipsis or padded with spaces.

    The text must be safe to print.
    """
    if width <= 0:
        return ""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + ELLIPSIS
    return " " * (width - length) + text if right else text + " " * (width - length)


def fit_middle(text: str, width: int) -> str:
    """Return text in at most `width` cells, cut in the middle: a path's ends say most."""
    if cell_len(text) <= width or width < 5:
        return fit(text, width).rstrip() if width > 0 else ""
    left = (width - 1) // 2
    tail = text[-(width - 1 - left) :]
    while cell_len(tail) > width - 1 - left:  # some characters take two cells
        tail = tail[1:]
    return set_cell_size(text, left) + ELLIPSIS + tail


_SHORT_ID = re.compile(r" [0-9a-f]{8}\Z")


def cut_label(text: str, width: int) -> str:
    """Return a name in at most `width` cells, cut at its end; a run's short id after it is kept."""
    if cell_len(text) <= width:
        return text
    own = _SHORT_ID.search(text)
    end = own[0] if own is not None and len(own[0]) < width else ""
    return fit(text.removesuffix(end), width - len(end)).rstrip() + end


def shared_out(texts: Sequence[str], width: int) -> list[str]:
    """Return texts that together take at most `width` cells; the longest are cut at their ends."""
    lengths = [cell_len(text) for text in texts]
    most = max(lengths, default=0)
    while most > 1 and sum(min(length, most) for length in lengths) > width:
        most -= 1
    return [cut_label(text, most) for text in texts]


def cut(row: Row, width: int) -> Row:
    """Return a line cut to at most `width` cells."""
    kept: list[Segment] = []
    for span in row:
        length = cell_len(span.text)
        if length > width:
            if width > 0:
                kept.append(Segment(fit(span.text, width), span.style))
            break
        kept.append(span)
        width -= length
    return tuple(kept)


def spread(left: Row, right: Row, width: int) -> Row:
    """Return a line with `left` and `right` at its ends; `left` is shortened if necessary."""
    right = cut(right, width)
    room = width - width_of(right)
    fitting = max(room - 1, 0) if right else room
    while len(left) > SHORTENED and width_of(left) > fitting:
        left = left[:-1]
    left = cut(left, fitting)
    return (*left, Segment(" " * (room - width_of(left))), *right)


def wrap(text: str, width: int, most: int | None = None) -> list[str]:
    """Wrap a text into pieces of at most `width` cells, at spaces if possible.

    The text must be safe to print; a width of 0 is no limit. What follows `most` pieces is dropped
    unprocessed.
    """
    if width <= 0 or cell_len(text) <= width:
        return [text]
    return [text[start:end].rstrip(" ") for start, end in islice(_breaks(text, width), most)]


def text_rows(text: str, width: int, style: str = "", indent: str = "") -> list[Row]:
    """Return the lines of a text as rows, wrapped like `wrap`; it need not be safe to print."""
    lines = (piece for line in text.splitlines() for piece in wrap(harmless(line), width))
    return [(Segment(f"{indent}{line}", style),) for line in lines]


def diff_rows(diff: str, width: int) -> list[Row]:
    """Return a unified diff as coloured lines, long ones wrapped."""
    lines = ((line, _DIFF_STYLES.get(line[:1], "dim")) for line in diff.splitlines())
    room = max(width - 3, 10)
    return [row for line, style in lines for row in text_rows(line or " ", room, style, " ")]


def wrap_row(row: Row, width: int) -> list[Row]:
    """Wrap a line like `wrap`, keeping styles."""
    text = plain(row)
    if width <= 0 or cell_len(text) <= width:
        return [row]
    return [_part(row, start, end) for start, end in _breaks(text, width)]


def marked(row: Row, pattern: re.Pattern[str], style: str) -> Row:
    """Return a line with the matches of a pattern in another style."""
    return restyled(row, [match.span() for match in pattern.finditer(plain(row))], style)


def restyled(row: Row, found: Sequence[tuple[int, int]], style: str) -> Row:
    """Return a line with some parts, each from its first character to its end, in another style."""
    spans: list[Segment] = []
    done = 0
    for start, end in found:
        spans += _part(row, done, start)
        spans += [span._replace(style=style) for span in _part(row, max(start, done), end)]
        done = max(done, end)
    return (*spans, *_part(row, done, len(plain(row)))) if found else row


def packed(row: Row, width: int, indent: int = 0) -> list[Row]:
    """Wrap a line between its segments, without breaking any of them or spaces at either end.

    All lines but the first begin with `indent` spaces.
    """
    rows: list[list[Segment]] = [[]]
    for span in row:
        if rows[-1] and width_of((*rows[-1], Segment(span.text.rstrip()))) > width:
            rows.append([Segment(" " * indent)] * bool(indent))
            rows[-1].append(span._replace(text=span.text.lstrip(" ")))
        else:
            rows[-1].append(span)
    return [(*line[:-1], line[-1]._replace(text=line[-1].text.rstrip())) for line in rows if line]


def _part(row: Row, start: int, end: int) -> Row:
    """Return the characters of a line from `start` to `end`."""
    spans = []
    for span in row:
        if piece := span.text[max(start, 0) : max(end, 0)]:
            spans.append(Segment(piece, span.style))
        start, end = start - len(span.text), end - len(span.text)
    return tuple(spans)


def _breaks(text: str, width: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of each piece, lazily and in linear time."""
    start = 0
    while (end := _reach(text, start, width)) < len(text):
        space = text.rfind(" ", start, end + 1)  # one behind the last cell is left out
        following = text.find(" ", space + 1, space + 2 + width)
        is_word_short = following >= 0 or len(text) - space - 1 <= width
        is_late = space - start > (end - start) // 2
        is_between = is_word_short and not text[start:space].isspace() and space > start
        after = space + 1 if is_late or is_between else end
        yield start, min(after, end)
        start = after
    if start < len(text):
        yield start, len(text)


def _reach(text: str, start: int, width: int) -> int:
    """Return the end of the characters that fit into `width` cells, at least one of them."""
    if text.isascii():
        return min(start + width, len(text))
    used = 0
    for index in range(start, len(text)):
        used += cell_len(text[index])
        if used > width:
            return max(index, start + 1)
    return len(text)


def labelled(label: Segment, rows: Iterable[Row]) -> list[Row]:
    """Return lines with a label at the left of the first one, and blanks at that of the others."""
    beside = chain([label], repeat(label._replace(text=" " * cell_len(label.text))))
    return [(left, *row) for left, row in zip(beside, rows, strict=False)]


def merged(row: Iterable[Segment]) -> Row:
    """Return a line with adjacent segments of one style as one."""
    alike = groupby(row, attrgetter("style"))
    return tuple(Segment("".join(span.text for span in spans), style) for style, spans in alike)


def beside(parts: Sequence[Row], width: int) -> Row:
    """Return parts of a line side by side, all but the last one padded to `width` cells."""
    padded = ((*part, Segment(" " * (width - width_of(part)))) for part in parts[:-1])
    return (*chain.from_iterable(padded), *parts[-1])


def joined(rows: Sequence[Row]) -> str:
    """Return lines as text, for copying and for tests."""
    return "\n".join(plain(row).rstrip() for row in rows)


Pairs = tuple[tuple[str, str], ...]
"""A name as keys and values, e.g. `lr` and `0.1`; without a key, a word, e.g. a run's name."""

SEPARATORS = "/_- ,"
"""What values share is cut at one of these."""


def label_of(pairs: Pairs) -> str:
    """Return a name as text: `lr=0.1,seed=2`, or with words `digits lr=0.1`."""
    separator = " " if any(not key for key, _ in pairs) else ","
    return separator.join(f"{key}={value}" if key else value for key, value in pairs)


def cut_end(text: str, width: int) -> str:
    """Cut a text at its end."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)).rstrip() + ELLIPSIS


def cut_member(name: str, width: int) -> str:
    """Cut a stage's name; of a sweep's member the longest values, each at its end."""
    group, bracket, rest = name.partition("[")
    pairs = [pair.partition("=") for pair in rest.removesuffix("]").split(",")]
    if cell_len(name) <= width or not bracket or not all(sign for _, sign, _ in pairs):
        return cut_end(name, width)
    values = [value for *_, value in pairs]

    def shown() -> str:
        texts = (f"{key}={value}" for (key, *_), value in zip(pairs, values, strict=True))
        return f"{group}[{','.join(texts)}]"

    while cell_len(shown()) > width:
        longest = max(range(len(values)), key=lambda at: cell_len(values[at]))
        if cell_len(values[longest]) <= LEAST_VALUE:
            return cut_end(shown(), width)
        values[longest] = cut_end(values[longest], cell_len(values[longest]) - 1)
    return shown()


def shared_beginning(texts: Sequence[str], separators: str) -> str:
    """Return what all texts share up to a separator, which is cut first from those too long."""
    common = commonprefix(texts) if len(texts) > 1 else ""  # noqa: RUF071 (they are no paths)
    return common[: max(common.rfind(sign) for sign in separators) + 1]


def shared_ending(texts: Sequence[str], separators: str) -> str:
    """Return what all texts share from a separator on."""
    return shared_beginning([text[::-1] for text in texts], separators)[::-1]


def told_apart(texts: Sequence[str], width: int) -> list[str]:
    """Cut texts at their ends; of those that would then be alike, cut what they share first."""
    found = [cut_end(text, width) for text in texts]
    alike = Counter(zip(found, texts, strict=True))
    for shown in {short for short, _ in alike}:
        some = list(dict.fromkeys(text for short, text in alike if short == shown))
        if len(some) > 1 and (common := shared_beginning(some, SEPARATORS)):
            rest = told_apart([text.removeprefix(common) for text in some], width - 1)
            shorter = dict(zip(some, rest, strict=True))
            found = [
                ELLIPSIS + shorter[text] if short == shown else short
                for short, text in zip(found, texts, strict=True)
            ]
    return found


@lru_cache(maxsize=128)
def short_labels(names: tuple[Pairs, ...], width: int) -> tuple[str, ...]:
    """Return the names as texts of at most `width` cells, whole if all of them fit.

    Where texts without a key, as runs' names, differ, the last values with one go first; where they
    differ only together with values, those that tell nothing more. Else first what all values of a
    key share goes, then the keys, then the ends of the longest values as far as these stay
    different; numbers stay whole. Names with other keys, e.g. of the members of another sweep, are
    shortened on their own.
    """

    def fits(some: Sequence[Pairs]) -> bool:
        return max(map(cell_len, map(label_of, some)), default=0) <= width

    if not names or fits(names):
        return tuple(map(label_of, names))
    kinds = [tuple(key for key, _ in one) for one in names]
    kinds = [kind if any(kind) else () for kind in kinds]
    if len(different := dict.fromkeys(kinds)) > 1:
        by_name: dict[Pairs, str] = {}
        for kind in different:
            some = [one for one, own in zip(names, kinds, strict=True) if own == kind]
            labels = told_apart([label_of(one) for one in some], width) if not kind else None
            by_name |= dict(zip(some, labels or short_labels(tuple(some), width), strict=True))
        return tuple(by_name[one] for one in names)
    keys = [key for key, _ in names[0]]
    unkeyed = next((at for at, key in enumerate(keys) if key), len(keys))
    if unkeyed and len({one[:unkeyed] for one in names}) == len(names):
        for count in range(len(keys) - 1, unkeyed - 1, -1):
            if fits(some := [one[:count] for one in names]):
                return tuple(map(label_of, some))
    needed = _telling(names, unkeyed)
    if unkeyed and len(needed) < len(keys):
        return short_labels(tuple(tuple(one[at] for at in needed) for one in names), width)
    columns = [[one[at][1] for one in names] for at in range(len(keys))]
    columns = [_without_shared(column) for column in columns]
    for shown in (keys, [""] * len(keys)):
        found = _rows(shown, columns)
        if fits(found):
            return tuple(map(label_of, found))
    while not fits(found := _rows([""] * len(keys), columns)):
        shorter = [(max(map(cell_len, column)), at) for at, column in enumerate(columns)]
        for _, at in sorted(shorter, reverse=True):
            if (cut := _shorter(columns[at])) is not None:
                columns[at] = cut
                break
        else:
            break
    return tuple(told_apart([label_of(one) for one in found], width))


def _telling(names: Sequence[Pairs], first: int) -> list[int]:
    """Return the places of the `first` values and of those that tell names apart beside them."""
    kept, known = list(range(first)), len({one[:first] for one in names})
    for at in range(first, len(names[0])):
        more = len({tuple(one[place] for place in (*kept, at)) for one in names})
        if more > known:
            kept, known = [*kept, at], more
    return kept


def _rows(keys: Sequence[str], columns: Sequence[Sequence[str]]) -> list[Pairs]:
    rows = zip(*columns, strict=True)
    return [tuple(zip(keys, values, strict=True)) for values in rows]


def _without_shared(values: list[str]) -> list[str]:
    different = list(dict.fromkeys(values))
    if any(map(_is_number, different)):
        return values
    begin = shared_beginning(different, SEPARATORS)
    rest = [value.removeprefix(begin) for value in different]
    end = shared_ending(rest, SEPARATORS)
    cut: Callable[[str], str] = lambda value: value.removeprefix(begin).removesuffix(end)  # noqa: E731
    return [cut(value) for value in values] if all(map(cut, different)) else values


def _shorter(values: Sequence[str]) -> list[str] | None:
    """Return values of which the longest are one character shorter; None if they must stay."""
    longest = max(map(cell_len, values))
    if longest <= LEAST or any(map(_is_number, values)):
        return None
    cut = [cut_end(value, longest - 1) for value in values]
    return cut if len(set(cut)) == len(set(values)) else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
