"""Runs all benchmarks that need no other tools, in under ten minutes, and prints one table.

python -m benchmarks [NAME ...] [--keep REMARK]

Exits 1 if a limit is exceeded or a program fails. With `--keep`, the table is put at the top of
`benchmarks/RESULTS.md`, with the date, the machine and the remark. Each program can be run alone,
longer and with more options: `python -m benchmarks.live --help`. `events`, `peers`, `scheduling`,
`screen_live` and `backlog` also compare with other tools, which have to be installed for that.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks import figures
from benchmarks.figures import Figure

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).with_name("RESULTS.md")

LONGEST = 180
"""Seconds after which a program is ended, and counts as failed."""

PROGRAMS: Mapping[str, Sequence[str]] = {
    "start": (),
    "submission": (),
    "screen_start": ("--repeats", "5"),
    "screen_endings": ("--repeats", "3"),
    "background": (),
    "screen_live": ("--seconds", "8", "--keys", "20"),
    "screen_lines": ("--live", "100", "--rare", "8"),
    "slow_link": ("--keys", "16"),
    "boxes": ("--idle", "30", "--live", "10", "--keys", "10"),
    "large_logs": ("--large", "200", "--repeats", "3"),
    "large_run": ("--repeats", "3"),
    "live": ("--seconds", "8", "--pairs", "30"),
    "backlog": ("--rows", "300000", "--lines", "8"),
    "ingest": ("--megabytes", "20", "--large", "200", "--rounds", "3"),
    "append": ("--large", "300"),
    "printed_lines": (),
    "trackers": ("--rows", "30000", "--rounds", "3"),
    "curves": (),
    "curve_pan": ("--rounds", "15"),
    "handover": ("20",),
    "digest": (),
    "prune": ("--seconds", "20"),
    "search": ("--trials", "200", "--stages", "80", "--repeat", "1"),
    "agent_wait": (),
    "scheduling": ("--short", "--only", "--repeat", "1"),
}
"""By name, with the options that keep all of them within ten minutes on two idle cores."""


def measure(name: str, options: Sequence[str]) -> list[Figure]:
    """Run a program; return its figures, one of them a failure where it did not end well."""
    with tempfile.TemporaryDirectory(prefix="trainui-figures-") as folder:
        file, log = Path(folder, "figures"), Path(folder, "log")
        with log.open("wb") as output:
            code = _run([sys.executable, "-m", f"benchmarks.{name}", *options], file, output)
        found = figures.read(file)
        if code not in (0, 1) or not found or (code == 1 and all(one.is_met for one in found)):
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            print(f"{name} failed with {code}:\n{tail}", file=sys.stderr)
            found.append(Figure("failures of the program", 1, limit=0))
        return found


def _run(command: Sequence[str], file: Path, output: object) -> int:
    environ = {**os.environ, figures.FILE: str(file), "PYTHONPATH": str(ROOT)}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each start would compile everything again
    process = subprocess.Popen(
        command,
        env=environ,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=output,  # type: ignore[call-overload]
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        return int(process.wait(LONGEST))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return int(process.wait())


def machine() -> str:
    """Describe this machine in a line."""
    cpus = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in cpus if "model name" in line), "")
    return (
        f"{model or platform.machine()}, {os.cpu_count()} cores, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}"
    )


def table(found: Mapping[str, Sequence[Figure]]) -> Iterator[str]:
    """Yield the lines of the table of figures, as Markdown."""
    rows: list[tuple[str, ...]] = [("figure", "value", "limit", "met")]
    for program, every in found.items():
        for one in every:
            met = "" if one.limit is None else "yes" if one.is_met else "**no**"
            rows.append((f"{program}: {one.name}", one.shown_value, one.shown_limit, met))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"| {' | '.join(cells)} |"


def keep(lines: Sequence[str], remark: str, load: str) -> None:
    """Put a table at the top of the results, under the heading of the file."""
    revision = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
    )
    section = [
        f"## {time.strftime('%Y-%m-%d')}, {revision.stdout.strip() or 'no repository'}",
        f"{machine()}; load {load}. {remark}".rstrip(),
        "\n".join(lines),
    ]
    heading, separator, older = RESULTS.read_text(encoding="utf-8").partition("\n## ")
    text = "\n\n".join([heading.rstrip("\n"), *section]) + "\n" + separator + older
    RESULTS.write_text(text, encoding="utf-8")


def main() -> int:
    """Run the programs, print the table; return 1 where a limit is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PROGRAMS))
    parser.add_argument("--keep", metavar="REMARK", help="write the table to RESULTS.md")
    given = parser.parse_args()
    if unknown := set(given.names) - set(PROGRAMS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    found, began = {}, time.monotonic()
    for name in given.names or PROGRAMS:
        since = time.monotonic()
        found[name] = measure(name, PROGRAMS[name])
        print(f"{name}: {time.monotonic() - since:.0f} s", file=sys.stderr, flush=True)
    lines = [*table(found)]
    print("\n".join(lines))
    print(f"{time.monotonic() - began:.0f} s on {machine()}; load {load} at the beginning")
    if given.keep is not None:
        keep(lines, given.keep, load)
    return int(not all(one.is_met for every in found.values() for one in every))


if __name__ == "__main__":
    sys.exit(main())
