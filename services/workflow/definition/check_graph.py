"""Checks on the steps of a workflow that hold in every dialect: names, references, circles."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice

from bluelabel.services.workflow.definition.diagnostics import Findings, Place


def check_unique(ids: Iterable[tuple[str, Place]], findings: Findings) -> None:
    """Report every id that stands twice."""
    first: dict[str, Place] = {}
    for step_id, place in ids:
        if step_id in first:
            message = f"two steps are called {step_id!r} (first in line {first[step_id].line})"
            findings.error("duplicate-step", message, place, "give one of them another id")
        first.setdefault(step_id, place)


def check_reference(name: str, known: Collection[str], place: Place, findings: Findings) -> bool:
    """Report `name` where no step is called so; tell whether there is one."""
    if name in known:
        return True
    close = findings.meant(name, known)
    hint = f"did you mean {close!r}?" if close else f"the steps are: {', '.join(islice(known, 8)) or 'none'}"
    findings.error("unknown-step", f"there is no step {name!r} to wait for", place, hint)
    return False


def check_circles(waits: Mapping[str, Sequence[str]], places: Mapping[str, Place], findings: Findings) -> None:
    """Report every circle once, at the first of its steps.

    Args:
        waits: the steps that each step waits for; all of them are known.
        places: where each step is named.
        findings: is told.
    """
    for circle in circles(waits)[:5]:
        way = " -> ".join([*circle, circle[0]])
        if len(circle) == 1:
            findings.error("circle", f"{circle[0]!r} waits for itself", places[circle[0]], "remove it from depends_on")
        else:
            shown = way if len(way) < 200 else way[:199] + "…"
            findings.error("circle", f"the steps wait for one another: {shown}", places[circle[0]], "cut one of these")


def circles(waits: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return circles of steps that wait for one another: each step before what waits for it, the earliest first."""
    order = {name: place for place, name in enumerate(waits)}
    done: set[str] = set()
    found: list[list[str]] = []
    for start in order:
        path: list[str] = []
        on_path: dict[str, int] = {}
        stack: list[tuple[str, int]] = [(start, 0)]
        while stack:
            name, place = stack.pop()
            if place == 0:
                if name in done:
                    continue
                if name in on_path:
                    circle = path[on_path[name] :][::-1]
                    first = circle.index(min(circle, key=lambda step: order.get(step, len(order))))
                    found.append(circle[first:] + circle[:first])
                    continue
                on_path[name] = len(path)
                path.append(name)
            targets = waits.get(name, ())
            if place < len(targets):
                stack.append((name, place + 1))
                stack.append((targets[place], 0))
            else:
                path.pop()
                del on_path[name]
                done.add(name)
    return found
