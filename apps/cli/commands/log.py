"""The ledger: printed, followed, verified."""

from __future__ import annotations

import click

from bluelabel.apps.cli.app import App, pass_app, plain
from bluelabel.apps.cli.utils.log_printer import event_line
from bluelabel.interfaces.errors import NotFound, Refused, UsageError
from bluelabel.interfaces.events import Event


@click.command("log")
@click.argument("action", required=False, type=click.Choice(["verify"]))
@click.option("--after", type=click.IntRange(0), help="Begin behind this sequence number.")
@click.option("--follow", is_flag=True, help="Go on printing as events are written, until Ctrl-C.")
@click.option("--limit", type=click.IntRange(1), help="Print only the last so many.")
@pass_app
def log(app: App, action: str | None, after: int | None, follow: bool, limit: int | None) -> None:
    """Print what happened, oldest first; `log verify` proves that nothing was changed or cut."""
    if action == "verify":
        if after is not None or follow or limit is not None:
            raise UsageError("verify reads the whole ledger", hint="call it without --after, --follow and --limit")
        _verify(app)
        return
    book = app.workspace().book
    seq = after or 0
    head = book.head().seq
    if seq > head:
        raise NotFound(f"the ledger ends at event {head}", where=str(seq), hint="give a smaller --after")
    if limit is not None:
        seq = max(seq, head - limit)
    while True:
        for event in book.read(seq):
            _print(app, event)
            seq = event.seq
        if not follow:
            return
        book.wait(seq)


def _print(app: App, event: Event) -> None:
    app.emit("event", event.as_json())
    app.say(plain(event_line(event)))


def _verify(app: App) -> None:
    from bluelabel.runner.operations.ledger import recorded_heads
    from bluelabel.services.ledger.file_ledger import FileLedger
    from bluelabel.services.ledger.verify import verify

    workspace = app.workspace()
    ledger = workspace.book.ledger
    if not isinstance(ledger, FileLedger):
        raise UsageError("only a ledger of files can be verified", hint="the server keeps its own")
    verdict = verify(ledger.segments, recorded_heads(workspace))
    answer = {
        "ok": not verdict.problems, "events": verdict.events, "segments": verdict.segments, "sealed": verdict.sealed,
        "seq": verdict.head.seq, "h": verdict.head.h, "torn": verdict.torn,
        "problems": [problem.as_json() for problem in verdict.problems],
    }  # fmt: skip
    app.emit("log_verify", answer)
    for problem in verdict.problems:
        app.say(f"{problem.code}: {problem.message}")
    sealed = f", {verdict.sealed} torn tails sealed" if verdict.sealed else ""
    torn = f", {verdict.torn} torn bytes at the end, which the next event seals" if verdict.torn else ""
    events = f"{verdict.events:,} event{'s' if verdict.events != 1 else ''}"
    segments = f"{verdict.segments} segment{'s' if verdict.segments != 1 else ''}"
    app.say(f"{events} in {segments}{sealed}{torn}; head {verdict.head.seq} {verdict.head.h}")
    if verdict.problems:
        raise Refused("the ledger is damaged", where=str(workspace.home / "ledger"), hint="compare it with a backup")
