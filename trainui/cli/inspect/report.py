"""The command `report`: print a run as Markdown."""

from __future__ import annotations

from trainui.cli import lookup, options
from trainui.cli.output import printing, progress
from trainui.store.read import views


@options.command(
    "trainui report digits", "trainui report digits | gh issue comment 12 --body-file -"
)
def report(run: options.Run, as_json: options.Json = False) -> None:
    """Print a run as Markdown: its stages, the parameters that differ, its metrics and curves.

    Parameters are compared with those of the previous run of the same pipeline. For failed stages
    it includes the end of the log. In the screen, `Y` on a run copies the same text.
    """
    from trainui import report as reports

    with lookup.view() as connection, progress.display("reading"):
        found = views.find_run(connection, run)
        written = reports.markdown(connection, found)
    if as_json:
        printing.value({"run": found.id, "markdown": written})
    else:
        printing.exact(*written.rstrip("\n").split("\n"))
