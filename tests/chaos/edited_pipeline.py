"""A random pipeline that is edited while it runs, and the results that it must have in the end."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos import digest

MEMBERS: tuple[list[str], ...] = (["1"], ["1", "2"], ["2", "3"], ["1", "2", "3"])
"""The values of a sweep."""


@dataclass
class EditedStage:
    """A stage as the file has it now."""

    constant: int
    depends_on: list[str]
    members: list[str]
    """Values of its matrix; empty: it has none."""
    pause: float
    is_flaky: bool
    """It fails until the file `fixed` exists."""
    may_fail: bool
    retries: int
    variable: str
    has_outputs: bool
    has_parameter: bool
    has_input: bool
    is_chained: bool
    """It has checkpoints."""
    timeout: str = ""


class EditedPipeline:
    """A pipeline file, its edits, and its expected results."""

    def __init__(self, random_: random.Random, directory: Path) -> None:
        """Write a random pipeline file into a directory, which is made."""
        directory.mkdir()
        shutil.copy(digest.__file__, directory / "digest.py")
        self.file = directory / "edited.yaml"
        self.state = directory.with_name(f"{directory.name}-state")
        """A directory with what no snapshot contains."""
        self.state.mkdir()
        self.ledger = self.state / "ledger"
        self.fixed = self.state / "fixed"
        self.input = directory / "input"
        self.ledger.touch()
        self.input.write_text("0")
        self.stages: dict[str, EditedStage] = {}
        self._random = random_
        self._parameter = "0"
        self._made = 0
        self._has_snapshot = random_.random() < 0.3
        for _ in range(random_.randint(3, 6)):
            self._add()
        if random_.random() < 0.5:
            self.fixed.touch()
        self._write()

    def edit(self) -> str:
        """Edit the file at random; return what was edited."""
        kind = self._random.choice(list(EDITS))
        name = self._random.choice(list(self.stages))
        EDITS[kind](self, name)
        self._write()
        return f"{kind} of {name}"

    def edit_before_checkpoints(self) -> str:
        """Edit a stage that one with checkpoints depends on, or any; return what was edited."""
        chained = [one for one in self.stages.values() if one.is_chained]
        before = [name for one in chained for name in one.depends_on]
        name = self._random.choice(before or list(self.stages))
        self._set(name, "constant", *range(1000))
        self._write()
        return f"constant of {name}"

    def let_succeed(self) -> None:
        """Make each stage succeed from now on."""
        self.fixed.touch()
        for stage in self.stages.values():
            stage.timeout = ""
        self._write()

    def started(self) -> list[tuple[str, int]]:
        """Return the attempts that were started, each as the stage's full name and its number."""
        lines = map(json.loads, self.ledger.read_text().splitlines())
        return [(name, int(attempt)) for name, attempt in lines]

    def expected(self) -> dict[str, str]:
        """Return the result of each stage if all is computed from scratch, by full name."""
        found: dict[str, str] = {}
        while missing := [one for one in self.stages if not self._names(one) <= found.keys()]:
            for name in missing:
                if all(self._names(one) <= found.keys() for one in self.stages[name].depends_on):
                    found.update(self._results(name, found))
        return found

    def _results(self, name: str, found: dict[str, str]) -> Iterator[tuple[str, str]]:
        stage = self.stages[name]
        for member in stage.members or ["-"]:
            link = digest.first_link([found[one] for one in self._upstreams(name, member)])
            for _ in range(digest.LINKS):
                link = digest.digest(link)
            parameter = self._parameter if stage.has_parameter else "-"
            text = self.input.read_text() if stage.has_input else ""
            given = (member, parameter, stage.variable, text)
            yield _full(name, member), digest.result(self._plan(name), given, link)

    def _upstreams(self, name: str, member: str) -> list[str]:
        """Return the full names of the stages that a member reads, in order."""
        return [
            _full(other, theirs)
            for other in self.stages[name].depends_on
            for theirs in self._read_members(name, other, member)
        ]

    def _read_members(self, name: str, other: str, member: str) -> list[str]:
        theirs = self.stages[other].members or ["-"]
        return [member] if self._is_paired(name, other) else theirs

    def _is_paired(self, name: str, other: str) -> bool:
        return bool(self.stages[name].members and self.stages[other].members)

    def _names(self, name: str) -> set[str]:
        return {_full(name, one) for one in self.stages[name].members or ["-"]}

    def _plan(self, name: str) -> dict[str, Any]:
        stage = self.stages[name]
        return {
            "ledger": str(self.ledger),
            "name": name,
            "constant": stage.constant,
            "pause": stage.pause,
            "input": str(self.input) if stage.has_input else "",
            "fixed": str(self.fixed) if stage.is_flaky else "",
            "chained": stage.is_chained,
        }

    def _write(self) -> None:
        self._pair()
        stages = [self._written(name) for name in self.stages]
        whole = {
            "name": "edited",
            "params": {"p": self._parameter},
            "snapshot": self._has_snapshot,
            "stages": stages,
        }
        digest.replace(self.file, json.dumps(whole, indent=1))  # JSON is YAML

    def _written(self, name: str) -> dict[str, Any]:
        stage = self.stages[name]
        reads = [
            f"${{stages.{other}.{'dir' if self._is_paired(name, other) else 'dirs'}}}"
            for other in stage.depends_on
        ]
        member = "${matrix.k}" if stage.members else "-"
        parameter = "${params.p}" if stage.has_parameter else "-"
        plan = json.dumps(self._plan(name))
        optional = {
            "matrix": {"k": stage.members} if stage.members else None,
            "env": {"VARIABLE": stage.variable} if stage.variable else None,
            "outputs": [digest.RESULT] if stage.has_outputs else None,
            "inputs": [str(self.input)] if stage.has_input else None,
            "timeout": stage.timeout,
            "checkpoint": digest.LINK.format("*") if stage.is_chained else None,
        }
        return {
            "name": name,
            "run": ["python3", "-S", "digest.py", plan, member, parameter, *reads],
            "depends_on": stage.depends_on,
            "retries": stage.retries,
            "allow_failure": stage.may_fail,
            "grace": "1s",
            **{field: value for field, value in optional.items() if value},
        }

    def _pair(self) -> None:
        """Make the members of sweeps that depend on each other pair."""
        for stage in self.stages.values():
            theirs = [self.stages[one].members for one in stage.depends_on]
            if any(one and one != stage.members for one in theirs):
                stage.members = []

    def _add(self) -> None:
        chance, earlier = self._random, list(self.stages)
        self.stages[f"s{self._made}"] = EditedStage(
            constant=chance.randrange(1000),
            depends_on=chance.sample(earlier, min(len(earlier), chance.choice([0, 1, 1, 2]))),
            members=chance.choice([[], [], [], ["1", "2"]]),
            pause=chance.choice([0, 0, 0.3, 1.0]),
            is_flaky=chance.random() < 0.25,
            may_fail=chance.random() < 0.15,
            retries=chance.choice([0, 0, 1]),
            variable=chance.choice(["", "", "one"]),
            has_outputs=chance.random() < 0.8,
            has_parameter=chance.random() < 0.2,
            has_input=not self._has_snapshot and chance.random() < 0.2,
            is_chained=chance.random() < 0.3,
        )
        self._made += 1

    def _readers(self, name: str) -> list[EditedStage]:
        return [one for one in self.stages.values() if name in one.depends_on]

    def _edit_members(self, name: str) -> None:
        self.stages[name].members = self._random.choice([[], *MEMBERS])
        _forget_checkpoints(self._readers(name))

    def _edit_dependencies(self, name: str) -> None:
        possible = [one for one in self.stages if not self._depends(one, name)]
        stage = self.stages[name]
        count = min(len(possible), self._random.choice([0, 1, 2]))
        stage.depends_on = self._random.sample(possible, count)
        _forget_checkpoints([stage])

    def _depends(self, name: str, other: str) -> bool:
        return name == other or any(self._depends(o, other) for o in self.stages[name].depends_on)

    def _edit_input(self, _name: str) -> None:
        digest.replace(self.input, str(self._random.randrange(10)))

    def _edit_parameter(self, _name: str) -> None:
        self._parameter = str(self._random.randrange(5))

    def _new_stage(self, _name: str) -> None:
        self._add()

    def _remove(self, name: str) -> None:
        if len(self.stages) < 3:
            return
        _forget_checkpoints(self._readers(name))
        for one in self._readers(name):
            one.depends_on.remove(name)
        del self.stages[name]

    def _rename(self, name: str) -> None:
        stage = self.stages[name]
        self._remove(name)
        if name not in self.stages:
            self.stages[f"s{self._made}"] = stage
            self._made += 1

    def _set(self, name: str, field: str, *values: Any) -> None:
        setattr(self.stages[name], field, self._random.choice(values))


def _forget_checkpoints(stages: list[EditedStage]) -> None:
    """Let stages start from scratch, since an unfinished one keeps its directory when edited."""
    for one in stages:
        one.is_chained = False


def _full(name: str, member: str) -> str:
    return name if member == "-" else f"{name}[k={member}]"


EDITS: dict[str, Callable[[EditedPipeline, str], None]] = {
    "constant": lambda pipeline, name: pipeline._set(name, "constant", *range(1000)),
    "variable": lambda pipeline, name: pipeline._set(name, "variable", "", "one", "two"),
    "retries": lambda pipeline, name: pipeline._set(name, "retries", 0, 1, 2),
    "allow_failure": lambda pipeline, name: pipeline._set(name, "may_fail", True, False),
    "timeout": lambda pipeline, name: pipeline._set(name, "timeout", "", "0.4s"),
    "outputs": lambda pipeline, name: pipeline._set(name, "has_outputs", True, False),
    "matrix": EditedPipeline._edit_members,
    "dependencies": EditedPipeline._edit_dependencies,
    "input": EditedPipeline._edit_input,
    "parameter": EditedPipeline._edit_parameter,
    "addition": EditedPipeline._new_stage,
    "removal": EditedPipeline._remove,
    "renaming": EditedPipeline._rename,
}
