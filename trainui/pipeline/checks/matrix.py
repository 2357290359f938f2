"""Check that matrices can be expanded: number of members, duplicates, valid names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from trainui.pipeline import matrix
from trainui.pipeline.fields import names
from trainui.pipeline.outline import MAX_MEMBERS, Outline, StageOutline
from trainui.pipeline.substitution.masking import SHORTEST, is_secret
from trainui.pipeline.yaml.nodes import Mapping, Position
from trainui.pipeline.yaml.problems import Problems, quoted


def check(outline: Outline, problems: Problems) -> None:
    """Report every invalid matrix."""
    for stage in outline.stages:
        _check_matrix(stage, problems)
    if outline.too_large:
        _report_size(outline, problems)
        return
    for stage in outline.stages:
        if stage.name is not None and stage.matrix:
            _check_names(stage, stage.name.text, problems)


def _check_matrix(stage: StageOutline, problems: Problems) -> None:
    node = stage.node.get("matrix")
    if not isinstance(node, Mapping):
        return
    if not node.entries and not stage.matrix:
        message = "`matrix` has no keys; add one, or remove it"
        problems.add(stage.place("matrix"), "empty-matrix", message)
    for key, entry in node.entries.items():
        _check_values(key, stage.matrix.get(key, ()), entry.key.mark, problems)


def _check_values(key: str, values: tuple[str, ...], place: Position, problems: Problems) -> None:
    if is_secret(key) and any(len(value) >= SHORTEST for value in values):
        message = (
            f"matrix: {quoted(key)} is the name of a secret, and the values would be in the names "
            "and directories of the stages; sweep over a name instead and look the secret up with "
            "it, e.g. in `env`; if it is none, rename the key"
        )
        problems.add(place, "secret-in-name", message)
        return
    for value in _repeated(values):
        message = f"matrix: {quoted(key)} has the value {quoted(value)} more than once; keep one"
        problems.add(place, "duplicate-value", message)
    for value in values:
        if not value.isprintable():
            message = (
                f"matrix: {quoted(value)} contains an unprintable character, which is not allowed"
            )
            problems.add(place, "bad-name", message)


def _check_names(stage: StageOutline, name: str, problems: Problems) -> None:
    full = [matrix.member_name(name, values) for values in matrix.expand(stage.matrix)]
    longest = max(full, key=len)
    if len(longest) > names.MAX_MEMBER_NAME:
        message = (
            f"a member would be named {quoted(longest)}, which has over "
            f"{names.MAX_MEMBER_NAME} characters; shorten the values"
        )
        problems.add(stage.matrix_mark, "bad-name", message)
    if any(_repeated(values) for values in stage.matrix.values()):
        return  # reported with their key
    for repeated in _repeated(full):
        message = f"two members would be named {quoted(repeated)}; change their values"
        problems.add(stage.matrix_mark, "duplicate-stage", message)


def _repeated(values: Iterable[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


def _report_size(outline: Outline, problems: Problems) -> None:
    largest = max(outline.stages, key=lambda stage: stage.size)
    total = sum(stage.size for stage in outline.stages)
    who = quoted(largest.name.text) if largest.name else "one"
    message = (
        f"the pipeline would have {total:,} stages, of which {who} has {largest.size:,}; at most "
        f"{MAX_MEMBERS:,} are allowed"
    )
    problems.add(largest.matrix_mark, "too-many-stages", message)
