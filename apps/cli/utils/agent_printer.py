"""How agents and what came of their work look in a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bluelabel.interfaces.agent_models import AgentOutput
    from bluelabel.runner.worker.records import Progress

_TEXTS = ("digest", "text")


def describe_output(output: AgentOutput) -> str:
    """Return an output for people: its text as it stands, everything else as ``key: value`` lines."""
    if output.error:
        return ""
    lines: list[str] = []
    for key, value in output.result.items():
        if key in _TEXTS and isinstance(value, str):
            continue
        lines.append(f"{key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    texts = [str(output.result[key]).rstrip("\n") for key in _TEXTS if isinstance(output.result.get(key), str)]
    return "\n".join([*texts, *([""] if texts and lines else []), *lines]) or output.status.value


def describe_agent(facts: dict[str, Any]) -> str:
    """Return what `agent show` says to people."""
    head = [f"{facts['name']}: {facts['description'] or 'a mailbox; nothing that can be run'}"]
    for key, label in (("kind", "kind"), ("origin", "from"), ("version", "version"), ("mailbox", "mailbox")):
        if facts.get(key) is not None:
            shown = {True: "yes", False: "no"}.get(facts[key], facts[key])
            head.append(f"  {label:8} {shown}")
    for capability in facts["capabilities"]:
        head.append(f"  can      {capability['name']}: {capability['description']}")
        for key, value in capability["parameters"].items():
            head.append(f"             {key}: {value if isinstance(value, str) else json.dumps(value)}")
    return "\n".join(head)


def describe_progress(progress: Progress) -> str:
    """Return one line about a message that a worker has in hand."""
    about = progress.task_id or progress.id
    time = f" in {progress.seconds:.1f} s" if progress.seconds is not None else ""
    note = f": {progress.note}" if progress.note else f" from {progress.sender}"
    attempt = f", attempt {progress.attempt}" if progress.attempt > 1 else ""
    return f"{progress.agent:8} {progress.state.value:8} {about} ({progress.subject}{attempt}){time}{note}"


def complete_runnable(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of an agent that can be run."""
    from bluelabel.interfaces.errors import BluelabelError
    from bluelabel.runner.workspace import Workspace

    root = ctx.find_root().params.get("root")
    try:
        workspace = Workspace.open(Path(root) if root else None)
    except BluelabelError:  # completion has nobody to tell
        return []
    try:
        return [name for name in workspace.agents.names() if name.startswith(incomplete)]
    finally:
        workspace.close()
