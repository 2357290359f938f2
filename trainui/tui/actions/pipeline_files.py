"""Find pipeline files that match a text, and preview them; reads files, so use a thread."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from trainui.errors import PipelineFileError, TrainuiError, UsageError
from trainui.pipeline.fields import parameters
from trainui.text import harmless

MOST = 200
"""Maximum number of files listed."""

ENDINGS = (".yaml", ".yml")


def matching_files(typed: str) -> list[str]:
    """Return files that match the typed text: here and one level below, or in its directory."""
    directory, _, rest = typed.rpartition("/")
    base = Path(directory or ("/" if typed.startswith("/") else ".")).expanduser()
    prefix = f"{directory}/" if "/" in typed else ""
    words = rest.casefold().split()
    found = (prefix + str(path.relative_to(base)) for path in _files(base, below=not prefix))
    matching = (name for name in found if all(word in name.casefold() for word in words))
    return sorted(islice(matching, MOST), key=lambda name: (name.count("/"), name.casefold()))


def _files(base: Path, *, below: bool) -> Iterator[Path]:
    try:
        entries = sorted(base.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.suffix in ENDINGS:
            yield entry
        elif below and entry.is_dir():
            yield from _files(entry, below=False)


@dataclass(frozen=True, slots=True)
class PipelinePreview:
    """A pipeline file's stages and parameters, or its problems."""

    file: str
    params: str
    name: str = ""
    stages: tuple[str, ...] = ()
    values: Mapping[str, str] | None = None
    """Parameter values by name."""
    problems: tuple[str, ...] = ()


def preview(file: str, params: str) -> PipelinePreview:
    """Load a pipeline file and return its preview; has no side effects."""
    from trainui.pipeline import loader
    from trainui.pipeline.substitution import masking

    try:
        given = parse_params(params)
        pipeline = loader.load(file, given)
    except PipelineFileError as error:
        problems = tuple(harmless(str(one)) for one in error.problems)
        return PipelinePreview(file, params, problems=problems)
    except TrainuiError as error:
        return PipelinePreview(file, params, problems=tuple(harmless(str(error)).splitlines()))
    values = {name: str(value) for name, value in masking.mask(pipeline.params).items()}
    names = tuple(harmless(stage.name) for stage in pipeline.stages)
    return PipelinePreview(file, params, harmless(pipeline.name), names, values)


def parse_params(text: str) -> dict[str, str]:
    """Parse `KEY=VALUE KEY=VALUE`, with shell quoting; raise UsageError if it is invalid."""
    try:
        return parameters.from_words(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"parameters: {error}; write e.g. lr=0.1 'name=a b'") from error


def start(file: str, params: str) -> str:
    """Run a pipeline file; return the run's id.

    Raises:
        TrainuiError: it cannot run; nothing is stored.
    """
    from trainui import control
    from trainui.execution.daemon import lifecycle
    from trainui.pipeline import loader

    given = parse_params(params)
    pipeline = loader.load(file, given)
    lifecycle.ensure_started()  # first, so that no run is stored if the worker cannot start
    return control.submit(pipeline, given=given)
