"""The pipeline's own parameters: the file's `params` with `-p` over them.

A value stays the text that was written. `-p` takes over the quotes of the file: where the file has
a plain value, `-p epochs=3` is a number to a task that gets exactly `${params.epochs}`.
"""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field

from trainui.domain.definition import Json
from trainui.pipeline import names, template
from trainui.pipeline.nodes import Mapping, Scalar
from trainui.pipeline.problems import Problems, did_you_mean, quoted

MOST_NAMED = 20
"""Names that a message lists."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one pipeline."""

    values: AnyMapping[str, Scalar] = field(default_factory=dict)
    """By name; the text may hold `${...}` as any text of the file. One to be given is not here."""

    declared: frozenset[str] = frozenset()
    """All names."""

    def expand(self, scalar: Scalar) -> Scalar | None:
        """Fill in a value in which only parameters may stand.

        Returns:
            the value, as if written without quotes; None: it holds something else than
            parameters with a fixed value.
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
        """Return what a task gets for a text: a typed value where it is exactly one parameter.

        Raises:
            ValueError: the parameter's value is a number that JSON cannot hold.
        """
        variable = template.only_variable(text)
        if variable is None or variable.kind != "params" or variable.key not in self.values:
            return text
        value = self.values[variable.key].value
        return text if isinstance(value, str) else value

    def texts(self) -> dict[str, str]:
        """Return every value's text, as written."""
        return {name: value.text for name, value in self.values.items()}

    def _fixed(self, variable: template.Variable) -> str | None:
        value = self.values.get(variable.key) if variable.kind == "params" else None
        if value is None or template.variables(value.text):
            return None
        return "".join(str(part) for part in template.parse(value.text))


def collect(
    declared: Mapping, given: AnyMapping[str, str], problems: Problems, *, complete: bool = True
) -> Parameters:
    """Return the parameters.

    Args:
        declared: the file's `params`.
        given: `-p`.
        problems: gets what is wrong.
        complete: whether one without a value is a problem.
    """
    values: dict[str, Scalar] = {}
    for name, entry in declared.entries.items():
        value = entry.value
        if not isinstance(value, Scalar):
            continue  # the check of types reports it
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
        if not names.is_sound(text):
            message = f"-p: the value of {quoted(name)} is not UTF-8 text, or holds NUL"
            problems.add(declared.mark, "bad-text", message)
