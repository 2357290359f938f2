"""Make a one-stage pipeline from a bare command, and write the equivalent pipeline file.

The pipeline is built without parsing that file, because importing Pydantic takes longer than the
rest of a submission; a test checks that both give the same pipeline.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePath

from trainui import settings
from trainui.errors import UsageError
from trainui.model.definition import Pipeline, StageDefinition
from trainui.pipeline import field_names, template, yaml_nodes
from trainui.pipeline.yaml_nodes import is_sound

_SCRIPT = re.compile(r"[^-].*\.(py|sh|bash|ipynb|R|jl|lua|pl|rb)")
_INTERPRETER = re.compile(
    r"(python|pypy)[0-9.]*|(ba|da|z|k)?sh|env|uv|torchrun|accelerate|deepspeed"
)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
_PATH = re.compile(r"[\w.+/@=-]+")
_UNFIT = re.compile(r"[/.\[\]{}$\s]+")


def from_command(
    argv: Sequence[str],
    name: str | None = None,
    *,
    directory: str | None = None,
    gpus: int = 0,
    executor: str | None = None,
) -> Pipeline:
    """Make a one-stage pipeline that runs a command as it is, without substitution.

    A single word that contains spaces and is not the name of a program is treated as shell text.
    Without a name, the pipeline is named like its stage, after the script.

    Raises:
        UsageError: the command is empty, or the command or the name cannot be stored.
    """
    if name is not None and (problem := field_names.pipeline_name_fault(name)):
        raise UsageError(f"the name {name!r} {problem}")
    text = file_text(argv, name, gpus, executor)
    words = tuple(map(template.escape, argv))
    command = words[0] if is_shell_text(argv) else words
    place, called = str(Path(directory or ".").absolute()), stage_name(argv)
    stage = StageDefinition(
        called,
        group=called,
        command=command,
        workdir=place,
        gpus=gpus,
        executor=executor or settings.load().executor,
    )
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Pipeline(name or called, (stage,), text=text, digest=digest, directory=place)


def file_text(argv: Sequence[str], name: str | None, gpus: int, executor: str | None = None) -> str:
    """Return the pipeline file that is equivalent to a bare command.

    Raises:
        UsageError: the command is empty, or contains bytes that are not UTF-8.
    """
    if not argv or not argv[0].strip():
        raise UsageError("no command given; write it after --, as in: run -- python train.py")
    for word in argv:
        if not is_sound(word):
            raise UsageError(f"the command's word {word!r} is not UTF-8 text")
    stage, words = stage_name(argv), list(map(template.escape, argv))
    run = words[0] if is_shell_text(argv) else words
    lines = [
        f"name: {yaml_nodes.in_quotes(name or stage)}",
        "stages:",
        f"  - name: {yaml_nodes.in_quotes(stage)}",
        f"    run: {yaml_nodes.in_quotes(run)}",
    ]
    lines += [f"    gpus: {gpus}"] if gpus else []
    lines += [f"    executor: {yaml_nodes.in_quotes(executor)}"] if executor else []
    return "\n".join(lines) + "\n"


def stage_name(argv: Sequence[str]) -> str:
    """Return a stage name taken from the script, e.g. `train` for `python train.py --lr 1`."""
    words = argv[0].split() if is_shell_text(argv) else argv
    name = _UNFIT.sub("_", _program(words)).strip("_ ")
    name = "".join(character for character in name if character.isprintable())
    return name[: field_names.MAX_STAGE_NAME].strip() or "command"


def is_shell_text(argv: Sequence[str]) -> bool:
    """Return True if a command is a single word that the shell has to split."""
    return len(argv) == 1 and re.search(r"\s", argv[0]) is not None and not shutil.which(argv[0])


def _program(words: Sequence[str]) -> str:
    for before, word in zip(("", *words), words, strict=False):
        if before == "-m" and word.replace(".", "").isidentifier():
            return word.rpartition(".")[2]
        if _SCRIPT.fullmatch(word):
            return PurePath(word).stem
    code = words.index("-c") if "-c" in words else len(words)  # what follows are code and arguments
    paths = [word for word in words[:code] if _PATH.fullmatch(word)]
    programs = [PurePath(word).name for word in paths if not _ASSIGNMENT.fullmatch(word)]
    fitting = [name for name in programs if name[:1] != "-" and not _INTERPRETER.fullmatch(name)]
    return PurePath((fitting or programs or ["command"])[0]).stem
