"""Writes a file that appears only once it is complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from trainui.errors import TrainuiError, UnfitEnvironmentError


@contextmanager
def writing(target: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Yield a temporary file beside `target`, which takes its name when the block ends.

    If the block fails, nothing is left. `mode` is the file's, less the umask. A device or a pipe,
    e.g. /dev/null, is written to and not replaced; nor is a link replaced, but the file behind it.

    Raises:
        UnfitEnvironmentError: the file cannot be written.
    """
    file = Path(os.path.realpath(target))  # /dev/stdout is a link
    part = file.parent / f".{file.name}.{os.getpid()}"
    try:
        if target.exists() and not target.is_file():  # a directory raises an error
            with target.open("wb") as stream:
                yield stream
            return
        with open(part, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as stream:
            yield stream
        part.replace(file)
    except TrainuiError:
        raise
    except OSError as error:
        raise UnfitEnvironmentError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):  # it does not exist, or its directory is none
            part.unlink()
