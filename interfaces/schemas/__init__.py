"""The JSON Schemas as they are shipped: files beside this one, made by `bluelabel.interfaces.schema_catalogue`."""

from __future__ import annotations

from importlib.resources import files

from bluelabel.interfaces.errors import NotFound
from bluelabel.interfaces.names import nearest


def names() -> list[str]:
    """Return the names of all shipped schemas, sorted."""
    return sorted(
        entry.name.removesuffix(".json") for entry in files(__name__).iterdir() if entry.name.endswith(".json")
    )


def text(name: str) -> str:
    """Return the text of one schema.

    Raises:
        NotFound: there is no schema of this name; says the nearest.
    """
    known = names()
    if name not in known:
        hint = f"try {', '.join(nearest(name, known) or known)}"
        raise NotFound("no schema of this name", where=name, hint=hint)
    return files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")
