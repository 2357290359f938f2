"""Check alerts: exactly one condition each, and only fields that apply to this condition."""

from __future__ import annotations

from trainui.domain.definition import ALERT_CONDITIONS
from trainui.pipeline.outline import Outline
from trainui.pipeline.yaml.nodes import Mapping, one_or_more
from trainui.pipeline.yaml.problems import Problems

_NEED_METRIC = ("above", "below", "no_improvement")

_ONLY_WITH = {"goal": ("no_improvement",), "metric": ALERT_CONDITIONS[:-1]}
"""Fields that apply to some conditions only."""


def check(outline: Outline, problems: Problems) -> None:
    """Report every invalid alert."""
    defaults = outline.document.get("defaults")
    for node in (defaults, *(stage.node for stage in outline.stages)):
        for alert in one_or_more(node.get("alerts")) if isinstance(node, Mapping) else ():
            if isinstance(alert, Mapping):
                _check_alert(alert, problems)


def _check_alert(alert: Mapping, problems: Problems) -> None:
    given = [name for name in ALERT_CONDITIONS if name in alert.entries]
    if len(given) != 1:
        message = f"an alert must have exactly one of {', '.join(ALERT_CONDITIONS)}"
        problems.add(alert.mark, "alert-condition", message)
        return
    if given[0] in _NEED_METRIC and "metric" not in alert.entries:
        message = f"`{given[0]}` needs a metric; add `metric: NAME`"
        problems.add(alert.mark, "alert-condition", message)
    if given == ["stalled"] and "after" in alert.entries:
        message = "`after` has no effect with `stalled`; remove it"
        problems.add(alert.entries["after"].key.mark, "alert-condition", message)
    for name, conditions in _ONLY_WITH.items():
        if name in alert.entries and given[0] not in conditions:
            message = f"`{name}` has no effect with `{given[0]}`; remove it"
            problems.add(alert.entries[name].key.mark, "alert-condition", message)
