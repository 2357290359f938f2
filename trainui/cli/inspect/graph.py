"""The command `graph`: draw a pipeline's or a run's graph as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from trainui import text
from trainui.cli import lookup, options
from trainui.cli.output import printing
from trainui.model.states import Status

MOST_LINES = 40
"""Lines of a drawing up to which edges have lines of their own."""

Stages = Sequence[tuple[str, Sequence[str]]]
"""Each stage's name, and the names of the stages it depends on."""


@options.command(
    "trainui graph pipeline.yaml",
    "trainui graph digits",
    "trainui graph digits --mermaid",
)
def graph(
    what: Annotated[
        str, typer.Argument(metavar="FILE|RUN", help="A pipeline file (`-`: stdin), or a run.")
    ],
    param: options.Parameters = None,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print a Mermaid flowchart.")] = False,
    as_json: options.Json = False,
) -> None:
    """Draw the graph of a pipeline file or of a run.

    In the drawing of a file, the trials of a search are one node.
    """
    searches: Mapping[str, str] = {}
    states: Mapping[str, Status] = {}
    if what == "-" or what.endswith((".yaml", ".yml", ".json")) or Path(what).is_file():
        stages, searches = _of_file(what, param or ())
    else:
        _run, found = lookup.find(what, None)
        stages = [(stage.name, stage.depends_on) for stage in found]
        states = {stage.name: stage.status for stage in found}
    if as_json:
        printing.value(
            {"stages": [{"name": name, "depends_on": list(above)} for name, above in stages]}
        )
    else:
        drawn = _folded(stages, searches)
        printing.lines(_mermaid(drawn) if mermaid else _drawing(drawn, states))


def _of_file(file: str, given: Sequence[str]) -> tuple[Stages, Mapping[str, str]]:
    """Return a file's stages, and for each trial the name of the node of its search."""
    from trainui.pipeline import loader
    from trainui.pipeline.fields import parameters

    pipeline = loader.load(file, parameters.from_words(given))
    trials = {
        stage.name: f"{stage.group} (search, {stage.search.trials} trials)"
        for stage in pipeline.stages
        if stage.search is not None and stage.trial is not None
    }
    return [(stage.name, stage.depends_on) for stage in pipeline.stages], trials


def _folded(stages: Stages, names: Mapping[str, str]) -> Stages:
    """Return the stages with those of one name as one stage."""
    found: dict[str, Sequence[str]] = {}
    for name, above in stages:
        found.setdefault(names.get(name, name), [*dict.fromkeys(names.get(n, n) for n in above)])
    return list(found.items())


def _drawing(stages: Stages, states: Mapping[str, Status]) -> list[str]:
    from trainui.tui.graph.layout import layout

    drawing = layout(stages, most_lines=MOST_LINES)
    shown = []
    for line in drawing.lines:
        if line.node is None:
            shown.append(line.text())
            continue
        status = states.get(line.node)
        lanes = line.text(text.SYMBOLS[status] if status else "●").ljust(drawing.width)
        word = f"  {status}" if status else ""
        shown.append(f"{lanes} {line.node}{word}")
    return shown


def _mermaid(stages: Stages) -> list[str]:
    ids = {name: f"s{at}" for at, (name, _) in enumerate(stages)}
    shown = ["flowchart TD"]
    shown += [f'    {ids[name]}["{_quoted(name)}"]' for name, _ in stages]
    shown += [f"    {ids[one]} --> {ids[name]}" for name, above in stages for one in above]
    return shown


def _quoted(name: str) -> str:
    return name.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
