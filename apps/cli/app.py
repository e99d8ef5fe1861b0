"""What every command gets: where it runs, how it prints, and the one way to open the workspace."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bluelabel.interfaces.names import nearest
from bluelabel.interfaces.strict_json import dumps

if TYPE_CHECKING:
    from rich.console import Console

    from bluelabel.runner.workspace import Workspace


class App:
    """The state of one call of the command line.

    Attributes:
        root: the directory given with ``--root``, or None.
        as_json: print one JSON object a line, and nothing else, on stdout.
        color: whether colours are allowed.
        quiet: print nothing for people.
        verbose: print more.
        debug: show tracebacks.
    """

    def __init__(self) -> None:
        self.root: Path | None = None
        self.as_json = False
        self.color = True
        self.quiet = False
        self.verbose = False
        self.debug = False
        self._workspace: Workspace | None = None

    def workspace(self) -> Workspace:
        """Open the workspace that this call is about (once).

        Raises:
            NotFound: there is none; says how to make one.
        """
        if self._workspace is None:
            from bluelabel.runner.workspace import Workspace

            self._workspace = Workspace.open(self.root)
        return self._workspace

    def close(self) -> None:
        """Let go of what the call opened."""
        if self._workspace is not None:
            self._workspace.close()
            self._workspace = None

    def emit(self, noun: str, value: Mapping[str, Any]) -> None:
        """Print `value` as one JSON line of schema ``bluelabel.<noun>/1``; nothing without ``--json``."""
        if self.as_json:
            click.echo(dumps({"schema": f"bluelabel.{noun}/1", **value}))

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
        """Print a table for people. Cells are plain text: markup and control characters in them do nothing."""
        if self.as_json or self.quiet:
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
            table.add_column(column, overflow="fold", no_wrap=column == "ID")
        for row in rows:
            table.add_row(*(escape(plain(cell)) for cell in row))
        self.console().print(table)

    def console(self) -> Console:
        """Return a rich console on stdout that honours ``--no-color``."""
        from rich.console import Console

        return Console(no_color=not self.color, highlight=False, soft_wrap=not sys.stdout.isatty())


def plain(text: str) -> str:
    """Return `text` without control characters, so that a message cannot steer a terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


pass_app = click.make_pass_decorator(App, ensure=True)


def _set_json(context: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(App).as_json = True


def with_json(command: click.Command) -> click.Command:
    """Give a command its ``--json`` option, the same everywhere."""
    if not isinstance(command, click.Group) and not any("--json" in option.opts for option in command.params):
        text = "Print one JSON object a line."
        option = click.Option(
            ["--json"], is_flag=True, expose_value=False, is_eager=True, callback=_set_json, help=text
        )
        command.params.append(option)
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
        return with_json(command) if command is not None else None

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
