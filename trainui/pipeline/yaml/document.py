"""Read a pipeline file's top-level mapping."""

from __future__ import annotations

from trainui.pipeline.yaml.nodes import TOP, Mapping, Scalar, kind_of
from trainui.pipeline.yaml.problems import Problems
from trainui.pipeline.yaml.tree import read_tree


def read_document(text: str, problems: Problems) -> Mapping:
    """Return the top-level mapping of a pipeline file.

    Args:
        text: the file's text.
        problems: collects what is wrong.

    Raises:
        PipelineFileError: there is no such mapping, so nothing else can be checked.
    """
    root = read_tree(text, problems)
    if isinstance(root, Mapping):
        return root
    if root is None or (isinstance(root, Scalar) and root.is_null):
        if not problems:
            problems.add(TOP, "empty", "the file is empty; it needs a list of `stages`")
    else:
        message = f"a pipeline must be a mapping with stages, not {kind_of(root)}"
        problems.add(root.mark, "wrong-type", message)
    problems.raise_if_any()
    raise AssertionError("without a document there are problems")
