"""Check metric sources: exactly one kind each, and patterns with named groups."""

from __future__ import annotations

import re

from trainui.domain.definition import METRIC_PRESETS
from trainui.pipeline.outline import Outline
from trainui.pipeline.yaml.nodes import Mapping, Scalar, one_or_more
from trainui.pipeline.yaml.problems import Problems, did_you_mean, quoted

_PRESET = re.compile(r"[A-Za-z0-9_-]+")
"""Text that may be a preset's name; as a pattern it could not capture a number."""


def check(outline: Outline, problems: Problems) -> None:
    """Report every invalid source."""
    for stage in outline.stages:
        for source in one_or_more(stage.node.get("metrics")):
            if isinstance(source, Mapping):
                _check_source(source, problems)


def _check_source(source: Mapping, problems: Problems) -> None:
    given = [name for name in ("path", "stdout", "stderr") if name in source.entries]
    if len(given) != 1:
        message = "a source of metrics must have exactly one of `path`, `stdout` and `stderr`"
        problems.add(source.mark, "metrics-source", message)
    elif given != ["path"]:
        if "format" in source.entries:
            message = "`format` applies to `path` only; remove it"
            problems.add(source.entries["format"].key.mark, "metrics-source", message)
        _check_pattern(source, given[0], problems)


def _check_pattern(source: Mapping, stream: str, problems: Problems) -> None:
    node, step = source.get(stream), source.get("step")
    if not isinstance(node, Scalar) or "${" in node.text:
        return  # the spec reports it, or it is not yet known
    if _PRESET.fullmatch(node.text):
        _check_preset(node, stream, problems)
        return
    try:
        groups = list(re.compile(node.text).groupindex)
    except (re.error, RecursionError, OverflowError):
        return  # the spec reports it
    if not groups:
        message = (
            f"`{stream}` must be a pattern whose groups have the metrics' names, "
            r"such as loss=(?P<loss>\S+), or a preset's name"
        )
        problems.add(node.mark, "bad-pattern", message)
    elif isinstance(step, Scalar) and step.text not in groups:
        near = did_you_mean(step.text, groups)
        message = f"`step` {quoted(step.text)} is not a group of the pattern{near}"
        problems.add(step.mark, "bad-pattern", message)


def _check_preset(node: Scalar, stream: str, problems: Problems) -> None:
    if node.text in METRIC_PRESETS:
        return
    near = did_you_mean(node.text, METRIC_PRESETS) or f"; the presets: {', '.join(METRIC_PRESETS)}"
    message = (
        f"`{stream}` {quoted(node.text)} is neither a preset nor a pattern whose groups have the "
        rf"metrics' names, such as loss=(?P<loss>\S+){near}"
    )
    problems.add(node.mark, "unknown-preset", message)
