"""What every command gets: where it runs, how it prints, and the one way to open the workspace."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from bluelabel.apps.cli.streams import write_utf8
from bluelabel.interfaces.names import nearest
from bluelabel.interfaces.strict_json import dumps

if TYPE_CHECKING:
    from rich.console import Console

    from bluelabel.interfaces.records.base import Record
    from bluelabel.runner.workspace import Workspace


_FOLDED = 8
"""Characters that a cell of a table keeps in a line, at least."""

_KEPT_WHOLE = ("ID", "Status", "Started")
"""Columns whose cells say nothing in pieces."""

_PIPED = 10_000
"""Characters of a line where there is no terminal to be too narrow."""


class App:
    """The state of one call of the command line.

    Attributes:
        root: the directory given with ``--root``, or None.
        no_color: print without colours.
        quiet: print nothing for people.
        verbose: print more.
        debug: show tracebacks.
    """

    def __init__(self) -> None:
        self.root: Path | None = None
        self._as_json = False
        self.no_color = False
        self.quiet = False
        self.verbose = False
        self.debug = False
        self._workspace: Workspace | None = None

    @property
    def as_json(self) -> bool:
        """Whether stdout carries one JSON object a line, and nothing else."""
        return self._as_json

    @as_json.setter
    def as_json(self, value: bool) -> None:
        self._as_json = value
        write_utf8()

    @property
    def color(self) -> bool:
        """Whether colours are allowed: neither ``--no-color`` nor the variable ``NO_COLOR`` forbids them."""
        return not (self.no_color or os.environ.get("NO_COLOR"))

    def workspace(self) -> Workspace:
        """Open the workspace that this call is about (once).

        Raises:
            NotFound: there is none; says how to make one.
        """
        if self._workspace is None:
            from bluelabel.runner.workspace import Workspace

            self._workspace = Workspace.open(self.root)
            self._workspace.remark = self.note
        return self._workspace

    def way_round(self, where: str | None) -> str | None:
        """Return what to do instead where `where` may not be written; None if it is not of the state directory."""
        workspace = self._workspace
        if workspace is None or where is None or not Path(where).is_relative_to(workspace.home):
            return None
        return (
            "put mail as a JSON file into postbox/NAME/drop/ and reports into your outbox.json, edit "
            f"{workspace.settings.cards} by hand: the next command of somebody who may write reads them in; "
            "`bluelabel doctor` says what is wrong here"
        )

    def close(self) -> None:
        """Let go of what the call opened."""
        if self._workspace is not None:
            self._workspace.close()
            self._workspace = None

    def emit(self, noun: str, value: Mapping[str, Any]) -> None:
        """Print `value` as one JSON line of schema ``bluelabel.<noun>/1``; nothing without ``--json``."""
        if self.as_json:
            click.echo(dumps({"schema": f"bluelabel.{noun}/1", **value}))

    def put(self, record: Record) -> None:
        """Print a record as one JSON line of its schema; nothing without ``--json``."""
        self.emit(record.noun, record.as_json())

    def say(self, text: str = "") -> None:
        """Print a line for people; nothing with ``--json`` or ``-q``."""
        if not (self.as_json or self.quiet):
            click.echo(text)

    def show(self, noun: str, value: Mapping[str, Any], text: str) -> None:
        """Print `value` with ``--json``, else `text`."""
        self.emit(noun, value)
        self.say(text)

    def note(self, text: str) -> None:
        """Print a remark on stderr; nothing with ``-q``."""
        if not self.quiet:
            click.echo(text, err=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
        """Print a table for people; where the terminal is too narrow for one, a line for each cell.

        In a pipe or a file each row is one line, however long: `grep` wants it so.
        Cells are plain text: markup and control characters in them do nothing.
        """
        if self.as_json or self.quiet:
            return
        cells = [[plain(cell) for cell in row] for row in rows]
        console = self.console(None if sys.stdout.isatty() or os.environ.get("COLUMNS") else _PIPED)
        if _narrowest(columns, cells) > console.width:
            for row in cells:
                self.say()
                for column, cell in zip(columns, row, strict=True):
                    self.say(f"{column}: {cell}")
            self.say()
            return
        from rich.box import SIMPLE_HEAD
        from rich.markup import escape
        from rich.table import Table

        table = Table(
            title=escape(title) if title else None,
            title_justify="left",
            header_style="bold",
            box=SIMPLE_HEAD,
            pad_edge=False,
            padding=(0, 1, 0, 0),
        )
        for column in columns:
            table.add_column(column, overflow="fold", no_wrap=column in _KEPT_WHOLE)
        for row in cells:
            table.add_row(*map(escape, row))
        console.print(table)

    def console(self, width: int | None = None) -> Console:
        """Return a rich console on stdout that honours ``--no-color``, as wide as the terminal or as `width` says."""
        from rich.console import Console

        color: Literal["auto"] | None = "auto" if self.color else None
        return Console(color_system=color, width=width, highlight=False, soft_wrap=not sys.stdout.isatty())


def _narrowest(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return how wide a readable table must be: headings, ids and states whole, other cells folded, not to pieces."""
    wide = [max([len(column), *(len(row[n]) for row in rows)]) for n, column in enumerate(columns)]
    parts = zip(columns, wide, strict=True)
    return sum(1 + (most if name in _KEPT_WHOLE else max(len(name), min(most, _FOLDED))) for name, most in parts)


def plain(text: str) -> str:
    """Return `text` without control characters, so that a message cannot steer a terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


pass_app = click.make_pass_decorator(App, ensure=True)


def _setter(attribute: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(context: click.Context, _option: click.Parameter, value: Any) -> None:
        if value:
            setattr(context.ensure_object(App), attribute, value)

    return keep


def global_options(*, hidden: bool) -> list[click.Option]:
    """Return new options for what every call can be told, before and behind the name of the command.

    Args:
        hidden: leave them out of the help; ``--json`` is always shown.
    """

    def option(*names: str, to: str, text: str, hidden: bool = hidden, **how: Any) -> click.Option:
        return click.Option(
            [*names], expose_value=False, is_eager=True, callback=_setter(to), help=text, hidden=hidden, **how
        )

    directory = click.Path(path_type=Path)
    return [
        option("--root", to="root", type=directory, text="Work in this directory instead of the current one."),
        option("--json", to="as_json", is_flag=True, text="Print one JSON object a line.", hidden=False),
        option("--no-color", to="no_color", is_flag=True, text="Print without colours."),
        option("-q", "--quiet", to="quiet", is_flag=True, text="Print nothing for people."),
        option("-v", "--verbose", to="verbose", is_flag=True, text="Print more."),
        option("--debug", to="debug", is_flag=True, text="Show tracebacks."),
    ]


def with_globals(command: click.Command) -> click.Command:
    """Give a command the global options too, the same everywhere; what it calls like one of them stays its own."""
    taken = {name for option in command.params for name in option.opts}
    command.params.extend(option for option in global_options(hidden=True) if taken.isdisjoint(option.opts))
    return command


class Group(click.Group):
    """A group whose commands all take ``--json``, are imported only when called, and answer typing errors kindly.

    Args:
        lazy: command name to ``module:attribute``.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, sorted."""
        return sorted({*super().list_commands(ctx), *self.lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command if need be."""
        command = super().get_command(ctx, cmd_name)
        if command is None and cmd_name in self.lazy:
            module, _, attribute = self.lazy[cmd_name].partition(":")
            command = getattr(import_module(module), attribute)
        return with_globals(command) if command is not None else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest commands when there is none of this name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = nearest(args[0], self.list_commands(ctx)) if args else []
            raise click.UsageError(
                f"{error.message} Did you mean {', '.join(near)}?" if near else error.message, ctx
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from `summaries` when the group has them: ``--help`` imports nothing."""
        summaries: Callable[[], Mapping[str, str]] | None = getattr(self, "summaries", None)
        if summaries is None:
            super().format_commands(ctx, formatter)
            return
        with formatter.section("Commands"):
            formatter.write_dl(sorted(summaries().items()))
