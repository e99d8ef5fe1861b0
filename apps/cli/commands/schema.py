"""`bluelabel schema`: list the public JSON Schemas, or print one."""

from __future__ import annotations

import json

import click

from bluelabel.apps.cli.app import App, pass_app
from bluelabel.interfaces import schemas


def _names(_context: click.Context, _argument: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in schemas.names() if name.startswith(incomplete)]


@click.command("schema")
@click.argument("name", required=False, shell_complete=_names)
@pass_app
def schema(app: App, name: str | None) -> None:
    """List the JSON Schemas (draft 2020-12), or print the one called NAME.

    With --json, one object a line: `name`, `title`, `description`, and with NAME the schema itself as `document`.
    """
    for each in [name] if name else schemas.names():
        text = schemas.text(each)
        document = json.loads(text)
        about = {"name": each, "title": document.get("title"), "description": document.get("description")}
        app.emit("schema", {**about, "document": document} if name else about)
        app.say(text.rstrip("\n") if name else f"{each:<18}{_first_line(about['description'])}")


def _first_line(text: str | None) -> str:
    return (text or "").partition("\n")[0]
