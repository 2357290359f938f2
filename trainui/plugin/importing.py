"""Tools for importers: YAML with positions, problems, and what is valid in a pipeline file.

Everything here is part of the interface; where it is defined is not. `names` and
`template` are modules: the rules of names, and `${...}` in texts. `Mapping` and `Sequence` are
nodes of YAML.
"""

from __future__ import annotations

from trainui import system as plain_files
from trainui.errors import PipelineFileError
from trainui.pipeline import field_names as names
from trainui.pipeline import template
from trainui.pipeline.loader import load_text
from trainui.pipeline.matrix import MatrixMembers, Pairing, member_name
from trainui.pipeline.template import Variable
from trainui.pipeline.yaml_nodes import (
    BOOLEANS,
    Mapping,
    MappingEntry,
    Node,
    NotJsonError,
    Position,
    Problems,
    Scalar,
    Sequence,
    in_quotes,
    items_of,
    kind_of,
    node_of,
    one_or_more,
)
from trainui.pipeline.yaml_tree import MAX_BYTES, read_tree

__all__ = [
    "BOOLEANS",
    "MAX_BYTES",
    "Mapping",
    "MappingEntry",
    "MatrixMembers",
    "Node",
    "NotJsonError",
    "Pairing",
    "PipelineFileError",
    "Position",
    "Problems",
    "Scalar",
    "Sequence",
    "Variable",
    "in_quotes",
    "items_of",
    "kind_of",
    "load_text",
    "member_name",
    "names",
    "node_of",
    "one_or_more",
    "plain_files",
    "read_tree",
    "template",
]
