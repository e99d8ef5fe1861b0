"""How far a run has come: a bar, and the view of `--watch`, which always fits the screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from bluelabel.apps.cli.utils.dag_run_printer import elapsed, format_duration, gantt, header, in_order, steps_table
from bluelabel.services.workflow.dag_run_tracker import DAGRun, DAGStepState
from bluelabel.services.workflow.model.states import OPEN_STEP, DAGRunStatus

if TYPE_CHECKING:
    from rich.console import RenderableType

_BAR = 30
_TAIL = 28
"""Columns behind the bar: counts, share, and the time that is left."""
_FRAME = 4
_FEWEST = 3


def progress(run: DAGRun, now: datetime, width: int = 80) -> str:
    """Return one line: a bar, how many steps have ended, and when the rest may be done."""
    total = len(run.steps)
    done = total - len(run.steps_in(*OPEN_STEP))
    bar = max(5, min(_BAR, width - _TAIL))
    filled = bar * done // total if total else bar
    share = 100 * done // total if total else 100
    left = eta(run, now)
    tail = f"  about {format_duration(left)} left" if left is not None else ""
    return f"{'█' * filled}{'░' * (bar - filled)} {done}/{total} {share}%{tail}"


def eta(run: DAGRun, now: datetime) -> float | None:
    """Return the seconds that the open steps may still take, at the pace of those that have ended; None if unknown."""
    open_steps = run.steps_in(*OPEN_STEP)
    done = len(run.steps) - len(open_steps)
    spent = elapsed(run, now)
    if run.status is not DAGRunStatus.RUNNING or not open_steps or not done or spent is None:
        return None
    return spent / done * len(open_steps)


def live_view(run: DAGRun, now: datetime, width: int = 80, height: int = 40) -> RenderableType:
    """Return what `--watch` shows on a screen of this size: header, progress, steps and, where there is room, a chart.

    Of more steps than there is room for, those round the first open one are shown.
    """
    from rich.console import Group
    from rich.text import Text

    top = [*header(run, now), progress(run, now, width)]
    room = max(_FEWEST, height - len(top) - _FRAME - 1)
    steps = in_order(run)
    shown = _window(steps, room if len(steps) <= room else room - 1)
    parts: list[RenderableType] = [Text(line, no_wrap=True, overflow="ellipsis") for line in top]
    parts.append(steps_table(shown, now, run.start_time, width=width, fits=True))
    left = room - len(shown)
    if len(shown) < len(steps):
        before = steps.index(shown[0])
        parts.append(Text(f"and {before} before, {len(steps) - before - len(shown)} after"))
        left -= 1
    chart = gantt(shown, now, width, running=run.is_running)
    if left > 0:
        parts += [Text(line, no_wrap=True, overflow="crop") for line in chart[-left:]]
    return Group(*parts)


def _window(steps: Sequence[DAGStepState], count: int) -> Sequence[DAGStepState]:
    if len(steps) <= count:
        return steps
    open_ones = (place for place, step in enumerate(steps) if step.status in OPEN_STEP)
    first = next(open_ones, len(steps))
    start = max(0, min(first - count // 3, len(steps) - count))
    return steps[start : start + count]
