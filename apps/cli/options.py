"""Values from the command line: JSON, texts from files, durations, moments."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bluelabel.interfaces.errors import NotFound, TooLarge, UnreadableInput, machine_error
from bluelabel.interfaces.limits import MESSAGE_BYTES
from bluelabel.interfaces.strict_json import loads
from bluelabel.interfaces.times import span


class Span(click.ParamType[float]):
    """A duration such as ``30s`` or ``2h``; the command gets seconds."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ARG002
        """Return seconds."""
        return value if isinstance(value, float) else span(str(value)).total_seconds()


SPAN = Span()


def read_text(value: str, what: str) -> str:
    """Return the text that an option names: ``@FILE`` is read, ``-`` is standard input, anything else is itself.

    Raises:
        NotFound, TooLarge, UnreadableInput, MachineError: it cannot be read.
    """
    if value != "-" and not value.startswith("@"):
        return value
    data = _bytes(value, what)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableInput(
            f"not UTF-8 at byte {error.start}", where=f"{what} {value}", hint="save it as UTF-8"
        ) from None


def read_json(value: str, what: str) -> Any:
    """Return the JSON value that an option names, as text, ``@FILE`` or ``-``; read strictly.

    Raises:
        NotFound, TooLarge, UnreadableInput, MachineError: it cannot be read.
    """
    place = what if value != "-" and not value.startswith("@") else value.removeprefix("@")
    return loads(read_text(value, what), place)


def read_object(value: str, what: str) -> dict[str, Any]:
    """Return the JSON object that an option names.

    Raises:
        UnreadableInput: it is JSON, but not an object.
    """
    found = read_json(value, what)
    if not isinstance(found, dict):
        raise UnreadableInput("not a JSON object", where=what, hint='write it as {"key": "value"}')
    return found  # pyright: ignore[reportUnknownVariableType]


def _bytes(value: str, what: str) -> bytes:
    if value == "-":
        if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - it is when the caller has closed it
            raise UnreadableInput("standard input is closed", where=what, hint="give the text itself, or @FILE")
        data = sys.stdin.buffer.read(MESSAGE_BYTES + 1)
    else:
        path = Path(value[1:])
        try:
            if not path.is_file():
                raise NotFound(
                    "no such file", where=str(path), hint=f"{what} takes a text, @FILE or - for standard input"
                )
            with path.open("rb") as file:
                data = file.read(MESSAGE_BYTES + 1)
        except OSError as error:
            raise machine_error(error, "reading", str(path)) from error
    if len(data) > MESSAGE_BYTES:
        raise TooLarge(f"more than {MESSAGE_BYTES:,} bytes", where=value, hint="send the file's path instead")
    return data


def complete_agent(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of an agent, queue or group."""
    return _completing(ctx, lambda ws: [*ws.settings.directory.mailboxes, *ws.settings.directory.groups], incomplete)


def complete_message(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the id of a message."""

    def ids(workspace: Any) -> list[str]:
        from bluelabel.services.postbox.queries import ids_like

        with workspace.book.reading() as db:
            return ids_like(db, incomplete)

    return _completing(ctx, ids, incomplete)


def complete_run(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the id of a run, the newest first."""
    return _completing(ctx, lambda ws: [row.run_id for row in ws.runs.list_runs(limit=200)], incomplete)


def _completing(ctx: click.Context, names: Callable[[Any], list[str]], incomplete: str) -> list[str]:
    from bluelabel.interfaces.errors import BluelabelError
    from bluelabel.runner.workspace import Workspace

    root = ctx.find_root().params.get("root")
    try:
        workspace = Workspace.open(Path(root) if root else None)
    except BluelabelError:  # completion has nobody to tell
        return []
    try:
        return [name for name in names(workspace) if name.startswith(incomplete)]
    finally:
        workspace.close()
