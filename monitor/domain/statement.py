"""Something that is said by a code and its figures, and put into words when it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.domain.check import Params


@dataclass(frozen=True, slots=True)
class Statement:
    """A word of templates (which table, its user knows) with its parameters."""

    code: str
    params: Params = field(default_factory=dict)


class InvalidError(ValueError):
    """A value that cannot be used; `invalid.<code>` in the templates says it."""

    def __init__(self, code: str, /, **params: str | int | float) -> None:
        super().__init__(code)
        self.code = code
        self.params = params

    def __str__(self) -> str:
        """For logs and tests: the code and what it is about."""
        return " ".join([self.code, *(f"{name}={value}" for name, value in self.params.items())])
