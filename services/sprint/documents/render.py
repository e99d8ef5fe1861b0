"""Texts of documents: our templates, filled in. What is filled in stays on its line and ends no block of ours."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from bluelabel.services.sprint.model import cell, one_line

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> str:
    """Return the text of a template of this room.

    Args:
        template: its name without ending, for example ``plan``.
        values: what it may use.
    """
    lines = _environment().get_template(f"{template}.md.j2").render(**values).split("\n")
    return "\n".join(_without_runs_of_blanks(lines)).strip("\n") + "\n"


def _without_runs_of_blanks(lines: list[str]) -> list[str]:
    kept: list[str] = []
    for line in lines:
        if line.strip() or (kept and kept[-1].strip()):
            kept.append(line.rstrip() if not line.startswith("- ") else line)
    return kept


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("bluelabel.services.sprint"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown, not HTML; `finalize` keeps every value on its line
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_final,
    )
    made.filters["cell"] = cell
    return made


def _final(value: object) -> object:
    return "" if value is None else one_line(value) if isinstance(value, str) else value
