"""The pipeline's parameters: the file's `params`, overridden by `-p`.

Values are kept as text. `-p` inherits the quoting of the file: if the value in the file has no
quotes, a task argument `${params.epochs}` gets the number 3 from `-p epochs=3`.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field

from trainui.errors import UsageError
from trainui.model.definition import Json
from trainui.pipeline import template
from trainui.pipeline.yaml_nodes import Mapping, Problems, Scalar, did_you_mean, is_sound, quoted

MOST_NAMED = 20
"""Maximum number of names that a message lists."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one pipeline."""

    values: AnyMapping[str, Scalar] = field(default_factory=dict)
    """Name -> value, which may contain `${...}`. Parameters that have no value yet are absent."""
    declared: frozenset[str] = frozenset()
    """The names of all parameters."""

    def expand(self, scalar: Scalar) -> Scalar | None:
        """Substitute parameters in a value that may contain no other variables.

        Returns:
            the value, as if written without quotes; None: it contains another variable, or a
            parameter whose value is not fixed.
        """
        if "${" not in scalar.text:
            return scalar
        written: list[str] = []
        for part in template.parse(scalar.text):
            text = part if isinstance(part, str) else self._fixed(part)
            if text is None:
                return None
            written.append(text)
        return Scalar("".join(written), plain=True, mark=scalar.mark)

    def typed(self, text: str) -> Json:
        """Return a task argument: a typed value if the text is exactly one parameter.

        Raises:
            ValueError: the parameter's value is a number that JSON cannot represent.
        """
        variable = template.only_variable(text)
        if variable is None or variable.kind != "params" or variable.key not in self.values:
            return text
        value = self.values[variable.key].value
        return text if isinstance(value, str) else value

    def awaits(self, scalar: Scalar) -> bool:
        """Return True if a value contains a parameter that has no value yet."""
        used = {one.key for one in template.variables(scalar.text) if one.kind == "params"}
        return bool(used & (self.declared - self.values.keys()))

    def texts(self) -> dict[str, str]:
        """Return the text of every value."""
        return {name: value.text for name, value in self.values.items()}

    def _fixed(self, variable: template.Variable) -> str | None:
        value = self.values.get(variable.key) if variable.kind == "params" else None
        if value is None or template.variables(value.text):
            return None
        return "".join(str(part) for part in template.parse(value.text))


def collect(
    declared: Mapping, given: AnyMapping[str, str], problems: Problems, *, complete: bool = True
) -> Parameters:
    """Return the parameters: the file's, overridden by `-p`.

    If `complete`, a parameter without a value is a problem.
    """
    values: dict[str, Scalar] = {}
    for name, entry in declared.entries.items():
        value = entry.value
        if not isinstance(value, Scalar):
            continue  # the spec reports it
        if name in given:
            values[name] = Scalar(template.escape(given[name]), value.plain, value.mark)
        elif not value.is_null:
            values[name] = value
        elif complete:
            message = f"the parameter {quoted(name)} has no value; give it with -p {name}=VALUE"
            problems.add(entry.key.mark, "missing-param", message)
    _check_given(declared, given, problems)
    return Parameters(values, frozenset(declared.entries))


def _check_given(declared: Mapping, given: AnyMapping[str, str], problems: Problems) -> None:
    for name, text in given.items():
        if name not in declared.entries:
            known = ", ".join(list(declared.entries)[:MOST_NAMED])
            near = did_you_mean(name, declared.entries) or (f"; it has {known}" if known else "")
            message = f"-p: the file declares no parameter {quoted(name)} under params{near}"
            problems.add(declared.mark, "unknown-param", message)
        if not is_sound(text):
            message = f"-p: the value of {quoted(name)} is not UTF-8 text, or contains NUL"
            problems.add(declared.mark, "bad-text", message)


def from_words(words: Iterable[str]) -> dict[str, str]:
    """Return the values given as `KEY=VALUE`; the last value of a key wins.

    Raises:
        UsageError: a word has no `=`, or no key.
    """
    given = {}
    for word in words:
        key, separator, value = word.partition("=")
        if not separator or not key:
            raise UsageError(f"parameter {word!r} is not KEY=VALUE, e.g. lr=0.1")
        given[key] = value
    return given
