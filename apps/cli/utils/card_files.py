"""Which card file a command is about, and the board over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bluelabel.apps.cli.app import App, plain
from bluelabel.interfaces.errors import NotFound
from bluelabel.services.cards.board import Board
from bluelabel.services.cards.text.model import CardDocument
from bluelabel.services.cards.text.parser import parse
from bluelabel.services.files.swap import read_settled

Command = Callable[..., Any]


def file_option(command: Command) -> Command:
    """Give a command its ``--file`` option."""
    text = "The card file.  [default: the workspace's, TASK_CARDS.md]"
    return click.option("--file", "file", metavar="PATH", type=click.Path(dir_okay=False), help=text)(command)


def open_board(app: App, file: str | None) -> Board:
    """Return the board over a card file: of the current directory, else of the workspace."""
    workspace = app.workspace()
    if file is None:
        return workspace.cards()
    here = Path(file).absolute()
    return workspace.cards(str(here) if here.exists() or not (workspace.root / file).exists() else file)


def read_document(app: App, file: str | None) -> CardDocument:
    """Return a card file for looking at; a named file needs no workspace.

    Raises:
        NotFound: there is none.
    """
    try:
        board = open_board(app, file)
    except NotFound:
        if file is None:
            raise
        data = read_settled(Path(file))
        if data is None:
            raise NotFound("no such file", where=file, hint="name a card file with --file") from None
        return parse(data)
    document = board.document()
    tell(app, board)
    return document


def tell(app: App, board: Board) -> None:
    """Say on stderr what was noticed and put right on the way."""
    report = board.report
    for alarm in report.alarms:
        app.note(plain(f"warning: {alarm.message(board.desk.file)}"))
        if alarm.lost:
            app.note("hint: `bluelabel card restore` brings them back beside the new text")
    for text in (*report.clashes, *report.notes):
        app.note(plain(f"note: {text}"))


def shown_file(app: App, file: str | None) -> str:
    """Return the name of the file for messages."""
    return file or app.workspace().settings.cards
