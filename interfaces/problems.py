"""One thing found wrong in a file that people write: a record, never an exception."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault at one place of a text.

    Args:
        code: a stable kebab-case word, for example ``trailing-comma``.
        message: one line for a person.
        line: 1-based line, or None where the whole file is meant.
        column: 1-based column in characters, or None.
        hint: what to do about it.
    """

    code: str
    message: str
    line: int | None = None
    column: int | None = None
    hint: str | None = None

    def at(self, file: str) -> str:
        """Return ``file:line:col`` as far as the place is known."""
        return ":".join([file, *(str(n) for n in (self.line, self.column) if n is not None)])

    def as_json(self) -> dict[str, object]:
        """Return the object that `bluelabel read --json` prints for it."""
        return {"code": self.code, "message": self.message, "line": self.line, "column": self.column}
