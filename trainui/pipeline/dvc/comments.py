"""Find the comments of a YAML file and assign them to stages."""

from __future__ import annotations

from collections.abc import Sequence

from trainui.pipeline.dvc.document import Stage
from trainui.pipeline.yaml.nodes import Mapping, Node, Scalar
from trainui.pipeline.yaml.nodes import Sequence as ListNode
from trainui.pipeline.yaml.problems import Problems
from trainui.pipeline.yaml.tree import read_tree


class Comments:
    """The comments of a valid YAML text."""

    def __init__(self, text: str) -> None:
        root = read_tree(text, Problems(""))
        covered = sorted(_spans(root)) if root is not None else []
        self._by_line: dict[int, str] = {}
        self._whole: set[int] = set()
        position = 0
        for number, line in enumerate(text.splitlines(keepends=True), start=1):
            found = _comment(line, position, covered)
            if found is not None:
                self._by_line[number] = found
                if line.lstrip().startswith("#"):
                    self._whole.add(number)
            position += len(line)
        top = root.entries if isinstance(root, Mapping) else {}
        stages = top["stages"].value if "stages" in top else None
        keys = stages.entries.values() if isinstance(stages, Mapping) else ()
        self._starts = sorted(self._above(entry.key.mark.line) for entry in keys)

    def _above(self, line: int) -> int:
        """Return the first line of the comment block right above a line."""
        while line - 1 in self._whole:
            line -= 1
        return line

    def head(self) -> list[str]:
        """Return the comments before the first stage."""
        first = self._starts[0] if self._starts else 1
        return [words for line, words in self._by_line.items() if line < first]

    def of(self, stage: Stage) -> list[str]:
        """Return a stage's comments."""
        start = self._above(stage.mark.line)
        end = next((line for line in self._starts if line > start), 1 << 60)
        return [words for line, words in self._by_line.items() if start <= line < end]


def _spans(node: Node) -> list[tuple[int, int]]:
    if isinstance(node, Scalar):
        return [(node.mark.start, node.mark.end)] if node.text else []
    if isinstance(node, ListNode):
        return [span for item in node.items for span in _spans(item)]
    return [span for e in node.entries.values() for one in (e.key, e.value) for span in _spans(one)]


def _comment(line: str, start: int, covered: Sequence[tuple[int, int]]) -> str | None:
    """Return a line's comment: the text from a # that is not part of a value."""
    for at, character in enumerate(line):
        if character != "#" or (at and not line[at - 1].isspace()):
            continue
        if not any(begin <= start + at < end for begin, end in covered):
            return line[at:].strip()
    return None
