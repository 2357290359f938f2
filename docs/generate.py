"""Writes the reference pages from the code: commands, fields, settings, keys.

    python docs/generate.py        write docs/reference

A test holds the pages to what the code says.
"""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
REFERENCE = DOCS / "reference"

SETTINGS_INTRODUCTION = """\
# Settings

A setting comes from its environment variable, else from its name in `config.toml` in the
platform's configuration directory (`~/.config/trainui`), else it has its default. JSON is for
the environment; `config.toml` uses TOML's lists and tables. `TRAINUI_HOME` (the directory of
the database, the broker and the runs) can be set in the environment only.

The worker reads its settings (`cpus`, `gpus`, `queues`, `include`, `notify_...`) when it
starts: after a change, type `trainui worker stop`. The next command starts it again.
""".splitlines()


def pages() -> dict[str, str]:
    """Return the pages by their names."""
    return {
        "commands.md": commands(),
        "fields.md": fields(),
        "settings.md": settings(),
        "keys.md": keys(),
    }


CAUSES = ("<!-- causes: made by docs/generate.py -->", "<!-- end of causes -->")
"""What is around the table of causes in docs/troubleshooting.md."""


def troubleshooting(page: str) -> str:
    """Return a page with the table of the known causes of failures between its two marks."""
    from trainui.plugins.causes.catalogue import KNOWN

    before, begin, rest = page.partition(CAUSES[0])
    _, end, after = rest.partition(CAUSES[1])
    rows = [f"| `{name}` | {_cell(one.what)} | {_cell(one.fix)} |" for name, one in KNOWN.items()]
    table = ["", "| cause | what happened | what to do |", "|---|---|---|", *rows, ""]
    return f"{before}{begin}\n{chr(10).join(table)}\n{end}{after}"


SKILL = DOCS.parent / "trainui" / "plugins" / "skill" / "SKILL.md"

LISTS = "<!-- made by docs/generate.py: -->"
"""What is before the lists at the end of the manual for agents."""


def skill(text: str) -> str:
    """Return the manual for agents with its lists of what there is."""
    from trainui import errors
    from trainui.cli.waiting import EXIT_CODES
    from trainui.plugins.mcp import server

    before, mark, _ = text.partition(LISTS)
    codes: dict[int, list[str]] = {0: []}
    for status, code in EXIT_CODES.items():
        codes.setdefault(code, []).append(str(status))
    for kind in (errors.UsageError, errors.NotFoundError, errors.UnfitEnvironmentError):
        codes.setdefault(kind.exit_code, []).append(f"`{kind.code}`")
    codes.setdefault(errors.WaitTimeoutError.exit_code, []).append("still running at the timeout")
    said = [f"{code} {' or '.join(codes[code])}" for code in sorted(codes)]
    named = re.findall(r"\btrainui ([a-z]+)", before)
    others = [f"`{name}`" for name in _commands_in(_help()) if name not in named]
    tools = [
        f"`{one.name}({', '.join(one.input_schema['properties'])})`"
        for one in (*server.READING, *server.WRITING)
    ]
    lists = [
        *_wrapped("- Exit codes:", said, ";"),
        *_wrapped("- Further commands:", others, ","),
        *_wrapped("- Tools of `trainui mcp --write`:", tools, ","),
    ]
    return f"{before}{mark}\n{chr(10).join(lists)}\n"


def _wrapped(title: str, items: Sequence[str], sign: str) -> Iterator[str]:
    line = title
    for number, item in enumerate(items, 1):
        part = f" {item}{sign if number < len(items) else '.'}"
        if len(line + part) > 120:
            yield line
            line = " "
        line += part
    yield line


def commands() -> str:
    """Return every command's help."""
    listed = _help()
    lines = ["# Commands", "", "```text", listed, "```"]
    for path in _command_paths(listed):
        lines += ["", f"## trainui {' '.join(path)}", "", "```text", _help(*path), "```"]
    return "\n".join(lines) + "\n"


def _command_paths(listed: str) -> Iterator[tuple[str, ...]]:
    for name in _commands_in(listed):
        yield (name,)
        for below in _commands_in(_help(name)):
            yield name, below


def _commands_in(shown: str) -> list[str]:
    _, _, after = shown.partition("\nCommands:\n")
    names = []
    for line in after.splitlines():
        if not line.startswith("  "):
            break
        if not line.startswith("   "):
            names.append(line.split()[0])
    return names


def _help(*path: str) -> str:
    from trainui.cli.main import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said), _columns(100):  # as wide as the help is at most
        main([*path, "--help"])
    return "\n".join(line.rstrip() for line in said.getvalue().strip().splitlines())


@contextlib.contextmanager
def _columns(count: int) -> Iterator[None]:
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(count)
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before


def fields() -> str:
    """Return the fields of a pipeline file."""
    from trainui.pipeline.spec import json_schema

    schema = json_schema()
    kinds = schema["$defs"]
    lines = ["# Fields of a pipeline file", "", "At the top:", ""]
    lines += _field_table(schema["properties"])
    for title, kind in (
        ("A stage", "StageSpec"),
        ("`metrics`, where it is more than a path", "MetricSpec"),
        ("`checkpoint`, where it is more than a path", "CheckpointSpec"),
        ("`alerts`", "AlertSpec"),
        ("`search`", "SearchSpec"),
    ):
        lines += ["", f"## {title}", "", *_field_table(kinds[kind]["properties"])]
    return "\n".join(lines) + "\n"


def _field_table(properties: Mapping[str, Any]) -> list[str]:
    rows = [
        f"| `{name}` | {_cell(one.get('description', ''))} | {_default(one)} |"
        for name, one in properties.items()
    ]
    return ["| field | what it is | default |", "|---|---|---|", *rows]


def _default(field: Mapping[str, Any]) -> str:
    """Return a field's default as it would stand in the file; empty: there is none."""
    value = field.get("default")
    if value is None:
        return ""
    if field.get("examples") and isinstance(value, float):  # a duration
        return f"`{value:g}s`"
    return f"`{json.dumps(value)}`" if not isinstance(value, str) else f"`{value}`"


def settings() -> str:
    """Return the settings."""
    from trainui import settings as module

    values = module._CONVERTERS
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    body = next(
        node.body
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == "Settings"
    )
    rows = [
        f"| `{name}` | `TRAINUI_{name.upper()}` | {_cell(values[name][1])} | {_cell(said)} |"
        for name, said in _said(body)
    ]
    return "\n".join(
        [
            *SETTINGS_INTRODUCTION,
            "",
            "| name | variable | value | what it is |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _said(body: Sequence[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Yield the attributes of a class with the strings below them."""
    for one, below in itertools.pairwise(body):
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            assert isinstance(below, ast.Expr)
            yield one.target.id, str(ast.literal_eval(below.value))


def keys() -> str:
    """Return the keys of the screen."""
    from trainui.tui.keymap import SCOPES, KeyTable

    table = KeyTable()
    lines = [
        "# Keys",
        "",
        'Each can be changed in `config.toml`, by its id: `[keys]`, then `"runs.sort" = "S"`.',
    ]
    for scope, title in SCOPES.items():
        rows = [f"| `{key.shown}` | {_cell(key.tooltip)} | `{key.id}` |" for key in table.of(scope)]
        if rows:
            lines += ["", f"## {title}", "", "| key | does | id |", "|---|---|---|", *rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Write the pages."""
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
    page = DOCS / "troubleshooting.md"
    page.write_text(troubleshooting(page.read_text(encoding="utf-8")), encoding="utf-8")
    SKILL.write_text(skill(SKILL.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
