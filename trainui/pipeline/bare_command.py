"""A bare command as a pipeline of one stage: the stage's name, and the file that says the same.

The pipeline is made without reading that file, since to load Pydantic takes longer than all else
that a submission does; a test checks that both are equal.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePath

from trainui.domain.definition import Pipeline, StageDefinition
from trainui.errors import UsageError
from trainui.pipeline import names, template

_SCRIPT = re.compile(r"[^-].*\.(py|sh|bash|ipynb|R|jl|lua|pl|rb)")
_INTERPRETER = re.compile(
    r"(python|pypy)[0-9.]*|(ba|da|z|k)?sh|env|uv|torchrun|accelerate|deepspeed"
)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
_PATH = re.compile(r"[\w.+/@=-]+")
_UNFIT = re.compile(r"[/.\[\]{}$\s]+")
_BEYOND_JSON = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def from_command(
    argv: Sequence[str],
    name: str | None = None,
    *,
    directory: str | None = None,
    gpus: int = 0,
) -> Pipeline:
    """Make a pipeline of one stage that runs a command as it is, with nothing filled in.

    One word with spaces in it that is no program's name is shell text.

    Args:
        argv: the command's words.
        name: the pipeline's name; None: the stage's, which is named after the script.
        directory: where it runs; None: the current directory.
        gpus: how many GPUs it gets.

    Raises:
        UsageError: there is no command, or it or the name cannot be stored.
    """
    if name is not None and (problem := names.pipeline_name_fault(name)):
        raise UsageError(f"the name {name!r} {problem}")
    text = file_text(argv, name, gpus)
    words = tuple(map(template.escape, argv))
    command = words[0] if is_shell_text(argv) else words
    place, called = str(Path(directory or ".").absolute()), stage_name(argv)
    stage = StageDefinition(called, group=called, command=command, workdir=place, gpus=gpus)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Pipeline(name or called, (stage,), text=text, digest=digest, directory=place)


def file_text(argv: Sequence[str], name: str | None, gpus: int) -> str:
    """Return the pipeline file that says the same as a bare command.

    Raises:
        UsageError: there is no command, or it holds bytes that are not UTF-8.
    """
    if not argv or not argv[0].strip():
        raise UsageError("there is no command; write it after --, as in: run -- python train.py")
    for word in argv:
        if not names.is_sound(word):
            raise UsageError(f"the command's word {word!r} is not UTF-8 text")
    stage = stage_name(argv)
    lines = [
        f"name: {_scalar(name or stage)}",
        "stages:",
        f"  - name: {_scalar(stage)}",
        f"    run: {_run(argv)}",
    ]
    lines += [f"    gpus: {gpus}"] if gpus else []
    return "\n".join(lines) + "\n"


def stage_name(argv: Sequence[str]) -> str:
    """Name a stage after its command's script, such as `train` for `python train.py --lr 1`."""
    words = argv[0].split() if is_shell_text(argv) else argv
    name = _UNFIT.sub("_", _subject(words)).strip("_ ")
    name = "".join(character for character in name if character.isprintable())
    return name[: names.MAX_STAGE_NAME].strip() or "command"


def is_shell_text(argv: Sequence[str]) -> bool:
    """Tell whether a command is one word that the shell has to take apart."""
    return len(argv) == 1 and re.search(r"\s", argv[0]) is not None and not shutil.which(argv[0])


def _subject(words: Sequence[str]) -> str:
    for before, word in zip(("", *words), words, strict=False):
        if before == "-m" and word.replace(".", "").isidentifier():
            return word.rpartition(".")[2]
        if _SCRIPT.fullmatch(word):
            return PurePath(word).stem
    paths = [word for word in words if _PATH.fullmatch(word)]
    programs = [PurePath(word).name for word in paths if not _ASSIGNMENT.fullmatch(word)]
    fitting = [name for name in programs if name[:1] != "-" and not _INTERPRETER.fullmatch(name)]
    return PurePath((fitting or programs or ["command"])[0]).stem


def _run(argv: Sequence[str]) -> str:
    if is_shell_text(argv):
        return _scalar(template.escape(argv[0]))
    return "[" + ", ".join(_scalar(template.escape(word)) for word in argv) + "]"


def _scalar(text: str) -> str:
    """Write a text in YAML's double quotes; JSON's are the same but for a few characters."""
    written = json.dumps(text, ensure_ascii=False)
    return _BEYOND_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", written)
