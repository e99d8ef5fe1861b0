"""How a run looks in a terminal: header, table of steps, what went wrong, what it gave, whom it waits for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from bluelabel.apps.cli.app import plain
from bluelabel.interfaces.times import from_text
from bluelabel.services.workflow.dag_run_tracker import DAGRun, DAGStepState
from bluelabel.services.workflow.definition.definition import StepKind
from bluelabel.services.workflow.model.states import OPEN_RUN, DAGStepStatus, attempts, seconds_between

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from bluelabel.services.workflow.steps.pending import Waiting
    from bluelabel.services.workflow.store.records import RunRow

COLORS: Final = {
    "PENDING": "bright_black",
    "CREATED": "bright_black",
    "RUNNING": "blue",
    "SUCCESS": "green",
    "PARTIAL_SUCCESS": "yellow",
    "FAILED": "red",
    "RETRY": "yellow",
    "SKIPPED": "bright_black",
    "CANCELLED": "bright_black",
}
GLYPHS: Final = {
    "PENDING": "·",
    "RUNNING": "▶",
    "SUCCESS": "✓",
    "FAILED": "✗",
    "RETRY": "↻",
    "SKIPPED": "»",
    "CANCELLED": "■",
}
_NARROW = 52
_SHORT = 20
"""Lines of a run's output that are shown without `--verbose`."""


def format_duration(seconds: float | None) -> str:
    """Return ``2.1s``, ``3m 05s`` or ``2h 10m``; a dash for none."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m {rest:02d}s" if minutes < 60 else f"{minutes // 60}h {minutes % 60:02d}m"


def format_moment(moment: datetime | None) -> str:
    """Return a moment as ``2026-01-31 09:30:00`` in UTC; a dash for none."""
    return "-" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def format_time(moment: datetime | None, day: datetime | None) -> str:
    """Return only the time of a moment that is on the same day as `day`, so that a table fits a terminal."""
    text = format_moment(moment)
    return text[11:] if moment is not None and format_moment(day)[:10] == text[:10] else text


def elapsed(item: DAGRun | DAGStepState, now: datetime) -> float | None:
    """Return how long something took, or has been going on; None where it has not begun."""
    if item.duration_seconds is not None or item.start_time is None:
        return item.duration_seconds
    return max(0.0, (now - item.start_time).total_seconds())


def list_line(row: RunRow, now: datetime) -> list[str]:
    """Return a row of the list of runs: id, workflow, status, start without this year's number, duration."""
    start, end = (None if text is None else from_text(text) for text in (row.start_time, row.end_time))
    began = "-" if start is None else start.strftime("%m-%d %H:%M" if start.year == now.year else "%Y-%m-%d")
    took = seconds_between(start, end if end is not None or row.status not in OPEN_RUN else now)
    return [row.run_id, row.dag_id, row.status.name.removesuffix("_SUCCESS"), began, format_duration(took)]


def header(run: DAGRun, now: datetime, *, verbose: bool = False) -> list[str]:
    """Return the lines above the table."""
    lines = [f"DAG Run: {run.run_id}", f"Workflow: {run.dag_id}", f"Status: {run.status.name}"]
    lines.append(f"Started: {format_moment(run.start_time)}")
    if run.end_time is not None or verbose:
        lines.append(f"Completed: {format_moment(run.end_time)}")
    lines.append(f"Duration: {format_duration(elapsed(run, now))}")
    if run.error:
        lines.append(f"Error: {run.error}")
    if verbose:
        lines.append(f"Retries: {run.total_retries}")
        description = run.metadata.get("description")
        lines += [f"Description: {description}"] if description else []
    return [plain(line) for line in lines]


def in_order(run: DAGRun) -> list[DAGStepState]:
    """Return the steps of a run as people read them: the items of a map behind its step."""
    items: dict[str, list[DAGStepState]] = {}
    for step in run.steps.values():
        items.setdefault(step.step_id.partition("@")[0], []).append(step)
    return [step for steps in items.values() for step in steps]


def steps_table(
    steps: Sequence[DAGStepState],
    now: datetime,
    began: datetime | None = None,
    *,
    verbose: bool = False,
    width: int = 80,
    fits: bool = False,
) -> RenderableType:
    """Return the table of steps: id, status, retries done and allowed, duration; with `verbose` also when.

    Args:
        steps: the rows.
        now: the present moment, for the duration of what goes on.
        began: when the run began; of moments on the same day only the time is shown.
        verbose: show when each step began and ended.
        width: the columns there are; where they are few, the retries are left out.
        fits: each step must fit into one line.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SQUARE, header_style="bold")
    narrow = width < _NARROW
    columns = ["Step ID", "Status", *(() if narrow else ("Retries",)), "Duration"]
    for column in (*columns, *(("Started", "Completed") if verbose else ())):
        named = column == columns[0]
        table.add_column(column, overflow="ellipsis" if fits else "fold", no_wrap=fits or not named)
    for step in steps:
        name = step.status.name
        cells = [
            Text(plain(step.step_id)),
            Text(name, style=COLORS[name]),
            *(() if narrow else (Text(f"{step.retry_count}/{step.max_retries}"),)),
            Text(format_duration(elapsed(step, now))),
        ]
        if verbose:
            cells += [Text(format_time(moment, began)) for moment in (step.start_time, step.end_time)]
        table.add_row(*cells)
    return table


def faults(run: DAGRun) -> list[str]:
    """Return what went wrong, step by step: each attempt with error and stack trace, and why steps were skipped."""
    lines: list[str] = []
    for step in in_order(run):
        for entry in step.metadata.get("error_history", ()):
            what = f"{entry.get('error_type')}: {entry.get('error')}"
            lines.append(f"{step.step_id}, attempt {entry.get('attempt')}, {entry.get('timestamp')}: {what}")
            trace = entry.get("traceback")
            lines += [f"    {line}" for line in str(trace).rstrip().splitlines()] if trace else []
        if step.status is DAGStepStatus.SKIPPED and step.metadata.get("skip_reason"):
            lines.append(f"{step.step_id} was skipped: {step.metadata['skip_reason']}")
    return [plain(line) for line in lines]


def results(run: DAGRun) -> list[str]:
    """Return what each step gave, on one line."""
    given = [(step.step_id, step.result) for step in in_order(run) if step.result is not None]
    return [plain(f"{step_id}: {json.dumps(result, ensure_ascii=False)[:300]}") for step_id, result in given]


def output_lines(output: object, run_id: str, *, verbose: bool) -> list[str]:
    """Return what a run came to: a text as it is, else JSON; only its beginning without `verbose`."""
    text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False, indent=2)
    lines = [plain(line) for line in text.splitlines()]
    if verbose or len(lines) <= _SHORT:
        return lines
    left = len(lines) - _SHORT
    return [*lines[:_SHORT], f"… and {left} more lines: `bluelabel run dag --status {run_id} --verbose`"]


def waits(item: Waiting, run_id: str) -> str:
    """Return whom a step waits for, and what they can do."""
    who = item.by or "somebody"
    if item.kind == StepKind.APPROVAL.value:
        text = f"{item.step_id} waits for {who}: `bluelabel approve {run_id} {item.step_id}`, or reject"
    else:
        text = f"{item.step_id} waits for the answer of {who}; its message is in `bluelabel thread {run_id}`"
    if item.until is None:
        return plain(text)
    after = f"{item.then} is asked too" if item.then else "the step fails"
    return plain(f"{text}; after {format_moment(item.until)} {after}")


def moves(run: DAGRun) -> list[str]:
    """Return every move of the run and its steps, in the order of time."""
    found = [("run", move, 1) for move in run.history]
    for step in run.steps.values():
        numbers = attempts((move.status, move.reason) for move in step.history)
        found += [(step.step_id, move, number) for move, number in zip(step.history, numbers, strict=True)]
    found.sort(key=lambda entry: entry[1].at)
    return [
        plain(
            f"{format_moment(move.at)}  {name}: {(move.was or '-').upper()} -> {move.status.upper()}"
            + (f"  attempt {number}" if number > 1 and move.status == DAGStepStatus.RUNNING else "")
            + (f"  ({move.reason.splitlines()[0][:200]})" if move.reason else "")
        )
        for name, move, number in found
    ]


def gantt(steps: Sequence[DAGStepState], now: datetime, width: int = 72, *, running: bool = False) -> list[str]:
    """Return a line for each step that has begun: its name, and when among the others it was at work.

    Args:
        steps: in the order of the lines.
        now: the present moment, up to which the chart goes while `running`.
        width: the columns of a line, name included.
        running: whether the run goes on.
    """
    begun = [step for step in steps if step.start_time is not None]
    if not begun:
        return []
    first = min(step.start_time for step in begun if step.start_time is not None)
    last = max([*(step.end_time for step in begun if step.end_time is not None), now if running else first])
    whole = max(0.001, (last - first).total_seconds())
    label = min(30, width // 2, max(len(step.step_id) for step in begun))
    bars = max(5, min(width, 120) - label - 1)
    return [plain(_gantt_line(step, first, last, whole, label, bars)) for step in begun]


def change_line(step_id: str, change: dict[str, object]) -> str:
    """Return the line that a run prints when a step moves."""
    name = str(change["status"]).upper()
    reason = str(change.get("reason") or "").splitlines()
    tail = f"  {reason[0][:160]}" if reason else ""
    return plain(f"{GLYPHS.get(name, ' ')} {step_id} {name}{tail}")


def print_dag_run(
    console: Console, run: DAGRun, now: datetime, *, verbose: bool = False, output: object = None
) -> None:
    """Print a run: header, table, `output` and, with `verbose`, errors with traces, results, every move and a chart."""
    _lines(console, header(run, now, verbose=verbose))
    _lines(console, ["", "Steps:"])
    console.print(steps_table(in_order(run), now, run.start_time, verbose=verbose, width=console.width))
    parts: list[tuple[str, list[str]]] = []
    if verbose:
        chart = gantt(in_order(run), now, running=run.is_running)
        parts = [("Errors:", faults(run)), ("History:", moves(run)), ("Time:", chart), ("Results:", results(run))]
    if output is not None:
        parts.append(("Output:", output_lines(output, run.run_id, verbose=verbose)))
    for title, lines in parts:
        if lines:
            _lines(console, ["", title, *lines])


def _lines(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _gantt_line(step: DAGStepState, first: datetime, last: datetime, whole: float, label: int, width: int) -> str:
    start = step.start_time or first
    end = step.end_time or last
    before = min(width - 1, int((start - first).total_seconds() / whole * width))
    length = max(1, min(width - before, round(max(0.0, (end - start).total_seconds()) / whole * width)))
    name: Sequence[str] = step.step_id[:label].ljust(label)
    return f"{name} {' ' * before}{'━' * length}"
