"""Short names of things that are shown together: what they share goes first, then their ends.

A name is a list of pairs, e.g. `lr` and `0.1`; a pair without a key is a word, e.g. a run's name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from os.path import commonprefix

from rich.cells import cell_len, set_cell_size

from trainui.tui.styled_text import ELLIPSIS

Pairs = tuple[tuple[str, str], ...]
"""Keys and values; a key may be empty."""

SEPARATORS = "/_- ,"
"""What values share is cut at one of these."""

LEAST_VALUE = 6
"""Characters of a member's value that stay in its own name."""

LEAST = 3
"""Characters of a value, with its ellipsis, that always stay."""


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

    First what all values of a key share goes, then the keys, then the ends of the longest values
    as far as these stay different; numbers stay whole. Names with other keys, e.g. of the members
    of another sweep, are shortened on their own.
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
