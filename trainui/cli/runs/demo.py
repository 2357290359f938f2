"""The command `demo`: run the bundled pipeline."""

from __future__ import annotations

import sys

import typer

from trainui import paths
from trainui.cli import options

DEMO = "digits.yaml"


@options.command("trainui demo")
def demo(
    detach: options.Detach = False, wait: options.Wait = False, as_json: options.Json = False
) -> None:
    """Run the bundled pipeline, a small training, and open the screen on it.

    It needs nothing but trainui itself and takes about 45 s on two cores. The run stays in the
    list like any other.
    """
    from trainui.cli.runs.start import RunOptions, start
    from trainui.pipeline import loader

    file = paths.sample_pipelines() / DEMO
    pipeline = loader.load(str(file), {})
    run_options = RunOptions(detach=detach, wait=wait, as_json=as_json)
    raise typer.Exit(start(pipeline, run_options, python=sys.executable))
