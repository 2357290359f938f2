"""A stage's command: the pipeline of a bare one; interpreter, arguments, options and paths of any.

The pipeline of a bare command is built without parsing the file that is equivalent to it, because
importing Pydantic takes longer than the rest of a submission; a test checks that both give the same
pipeline. Nothing here creates, opens or changes a file.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import stat
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path, PurePath

from trainui import settings
from trainui.errors import UnfitEnvironmentError, UnsafePathError, UsageError
from trainui.model.definition import Pipeline, StageDefinition
from trainui.pipeline import field_names, template, yaml_nodes
from trainui.pipeline.yaml_nodes import is_sound
from trainui.record import dataclass

# Paths are texts here, as in definitions and messages.
# ruff: noqa: PTH100, PTH110, PTH111, PTH112, PTH118, PTH120


# Make a one-stage pipeline of a bare command, and write the equivalent pipeline file.


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


# Find a stage's Python: the value of `${python}` and the directory to put first on PATH.


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python interpreter for a stage."""

    path: str
    """The value of `${python}`: absolute, or `python3` if none is on PATH."""
    bin: str | None = None
    """Directory to put first on PATH; None: PATH is unchanged."""
    prefix: str | None = None
    """Directory of its environment; None: it belongs to none, or this is unknown."""


def find_interpreter(python: str | None, environ: Mapping[str, str]) -> Interpreter:
    """Find a stage's Python: an interpreter, an environment's directory, or a name on PATH.

    None stands for `python` of the submitting shell (`environ`), or `python3` if it has none.

    Raises:
        UnfitEnvironmentError: no interpreter was found.
    """
    path = environ.get("PATH")
    if python is None:
        found = shutil.which("python", path=path) or shutil.which("python3", path=path)
        return Interpreter(found or "python3")
    if os.path.isdir(python):
        return _of_environment(python)
    found = shutil.which(python, path=path)
    if found is None:
        raise UnfitEnvironmentError(
            f"no interpreter {python}; set `python` to one, or to an environment's directory"
        )
    # do not resolve the link: an environment's python links to the base interpreter
    bin_directory = os.path.dirname(os.path.abspath(found))
    prefix = os.path.dirname(bin_directory)
    is_environment = os.path.exists(os.path.join(prefix, "pyvenv.cfg")) or _is_conda(prefix)
    return Interpreter(os.path.abspath(found), bin_directory, prefix if is_environment else None)


def with_interpreter(environ: Mapping[str, str], interpreter: Interpreter) -> dict[str, str]:
    """Return an environment whose PATH finds this interpreter first as `python`."""
    changed = dict(environ)
    if interpreter.bin is not None:
        rest = environ.get("PATH") or os.defpath
        changed["PATH"] = f"{interpreter.bin}{os.pathsep}{rest}"
        for name in ("PYTHONHOME", "VIRTUAL_ENV"):  # of the submitting shell's environment
            changed.pop(name, None)
    if interpreter.prefix is not None:
        changed["CONDA_PREFIX" if _is_conda(interpreter.prefix) else "VIRTUAL_ENV"] = (
            interpreter.prefix
        )
    return changed


def _is_conda(prefix: str) -> bool:
    return os.path.isdir(os.path.join(prefix, "conda-meta"))


def _of_environment(directory: str) -> Interpreter:
    prefix = os.path.abspath(directory)
    bin_directory = os.path.join(prefix, "bin")
    for name in ("python", "python3"):
        candidate = shutil.which(name, path=bin_directory)
        if candidate is not None:
            return Interpreter(candidate, bin_directory, prefix)
    raise UnfitEnvironmentError(
        f"the environment {directory} has no bin/python; recreate it, or name its interpreter"
    )


# Convert a stage's command to the argument list of a process.


STARTUP_VARIABLES = ("BASH_ENV", "ENV")
"""Variables that name a startup file of a shell; removed before a shell is started."""


def argv(command: str | Sequence[str], *, path: str | None = None) -> list[str]:
    """Return the argument list to execute; the shell is searched in `path` (format of PATH)."""
    if not isinstance(command, str):
        return list(command)
    if bash := shutil.which("bash", path=path):
        return [bash, "-e", "-o", "pipefail", "-c", command]
    return [shutil.which("sh", path=path) or "/bin/sh", "-e", "-c", command]


# Resolve paths written in a pipeline file: `~`, and paths relative to the file.


def absolute_path(text: str, directory: str) -> str:
    """Return the absolute path; one that starts with `${...}` is returned unchanged."""
    parts = template.parse(text)
    if not parts or not isinstance(parts[0], str):
        return text if parts else directory
    first = os.path.expanduser(parts[0])
    while first.startswith("./"):
        first = first[2:].lstrip("/")
    if first in ("", ".") and len(parts) == 1:
        return directory
    joined = os.path.join(directory, first)
    return template.unparse(template.join((joined, *parts[1:])))


def resolve_interpreter(text: str, directory: str) -> str:
    """Resolve `python:`: an absolute path, or a bare name to be looked up on PATH.

    A bare name is a path beside the file if that exists, otherwise it is looked up on PATH.
    """
    if "/" in text or text.startswith(("~", ".", "${")):
        return absolute_path(text, directory)
    beside = os.path.join(directory, text)
    return beside if os.path.exists(beside) else text


# Check that a data path exists and lies inside an allowed directory.


def validate_file_path(
    path: str | PathLike[str],
    *,
    allowed: Sequence[str | PathLike[str]] | None = None,
    base: str | PathLike[str] | None = None,
) -> str:
    """Return the real path of an existing file or directory that may be read.

    Args:
        path: absolute, or with `~`, or relative.
        allowed: allowed directories in addition to those of the setting
            `allowed_dataset_dirs`.
        base: base directory of relative paths, including those of the setting; None: the current
            directory.

    Raises:
        UnsafePathError: after resolving symbolic links it is outside the allowed directories, or
            it does not exist, is neither a file nor a directory, or cannot be read.
    """
    shown = _checked_text(path)
    base = os.path.abspath(os.fspath(base) if base is not None else os.curdir)
    directories = allowed_directories(allowed, base=base)
    real = _resolve(shown, base)
    if not any(_is_within(real, directory) for directory in directories):
        raise UnsafePathError(_outside(shown, real, directories))
    _check_kind(shown, real)
    return real


def allowed_directories(
    extra: Sequence[str | PathLike[str]] | None = None, *, base: str | PathLike[str]
) -> list[str]:
    """Return the real paths of all allowed data directories; they need not exist."""
    configured = settings.load().allowed_dataset_dirs
    texts = [os.fspath(directory) for directory in (*configured, *(extra or ()))]
    found = [_resolve(text, os.fspath(base)) for text in texts if text.strip()]
    return list(dict.fromkeys(found))


def _checked_text(path: str | PathLike[str]) -> str:
    text = os.fspath(path)
    if not isinstance(text, str):
        raise UnsafePathError(f"{text!r}: a path must be text")
    if not text or "\0" in text:
        raise UnsafePathError(f"{text!r} cannot be a path: it is empty or contains a NUL character")
    return text


def _resolve(text: str, base: str) -> str:
    expanded = os.path.expanduser(text)
    try:
        return os.path.realpath(os.path.join(base, expanded))
    except (OSError, ValueError) as error:
        raise UnsafePathError(f"{text!r} cannot be followed: {error}") from error


def _is_within(path: str, directory: str) -> bool:
    """Compare whole path components: `/data2` is not inside `/data`."""
    return os.path.commonpath([path, directory]) == directory


def _outside(shown: str, real: str, directories: Sequence[str]) -> str:
    leads = f" (it leads to {real})" if real != shown else ""
    return (
        f"{shown!r}{leads} is outside the allowed directories: "
        f"{', '.join(directories)}; move it there, or add its directory to the setting "
        "allowed_dataset_dirs (or to TRAINUI_ALLOWED_DATASET_DIRS, a JSON list)"
    )


def _check_kind(shown: str, real: str) -> None:
    try:
        mode = os.lstat(real).st_mode  # a link here was created after realpath resolved the path
    except FileNotFoundError as error:
        where = f" (resolved to {real})" if real != shown else ""
        raise UnsafePathError(
            f"{shown!r} does not exist{where}; put it there, or correct the path"
        ) from error
    except OSError as error:
        raise UnsafePathError(f"{shown!r} cannot be checked: {error.strerror}") from error
    if stat.S_ISLNK(mode):
        raise UnsafePathError(f"{shown!r} is a circular link, or is being changed")
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise UnsafePathError(f"{shown!r} is neither a file nor a directory")
    if not os.access(real, os.R_OK):
        raise UnsafePathError(f"{shown!r} cannot be read; change its permissions")


# The options of a command, as far as its words show them.


def options_of(command: Sequence[str] | str | None) -> dict[str, str]:
    """Return the options of a command with their values, and under no name its other words."""
    try:
        words = shlex.split(command) if isinstance(command, str) else [*(command or ())]
    except ValueError:  # shell text that is more than words
        words = [str(command)]
    found: dict[str, str] = {}
    bare, rest = list[str](), [*reversed(words)]
    while rest:
        word = rest.pop()
        name, sign, value = word.partition("=")
        if _OPTION.fullmatch(name) and (sign or word.startswith("-")):
            is_flag = not rest or _OPTION_SIGN.match(rest[-1]) is not None
            found[name] = value if sign else "(set)" if is_flag else rest.pop()
        else:
            bare.append(word)
    return {"": shlex.join(bare), **found}


_OPTION = re.compile(r"[-+~]*[A-Za-z_][\w./-]*")
"""The name of an option, or of a value as Hydra takes it: `model.lr=0.1`."""

_OPTION_SIGN = re.compile(r"--?[A-Za-z_]")
"""The beginning of an option, and not of a negative number."""
