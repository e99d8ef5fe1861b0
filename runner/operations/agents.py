"""Adding an agent: its table in bluelabel.toml, its mailbox, and the event that tells of it."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from filelock import FileLock

from bluelabel.agents.registry import AgentRegistry
from bluelabel.interfaces.errors import AlreadyExists, machine_error
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.names import agent_name
from bluelabel.runner.operations import setup
from bluelabel.runner.settings import FILE, not_toml
from bluelabel.services.files.disk import replace_file

if TYPE_CHECKING:
    from tomlkit.items import Table

    from bluelabel.runner.workspace import Workspace


def add_agent(workspace: Workspace, name: str, options: Mapping[str, Any]) -> list[str]:
    """Give an agent a mailbox and, where `options` say so, something that can be run.

    Everything else in bluelabel.toml stays as it is, comments included.

    Args:
        workspace: where.
        name: of the agent; one that has a mailbox already may be given a kind.
        options: its table: ``kind``, ``template``, ``command`` and so on.

    Returns:
        What was done, one line each.

    Raises:
        InvalidName: the name is not allowed, or differs from another in case only.
        AlreadyExists: the agent is there, and there is nothing to add or it has a kind already.
        UsageError: the options are wrong; nothing was written.
        MachineError: it could not be written.
    """
    agent_name(name)
    directory = workspace.settings.directory
    is_new = name not in directory.mailboxes
    if not is_new and (not options or workspace.agents.can_run(name)):
        raise AlreadyExists("there is an agent of this name", where=name, hint=f"see `bluelabel agent show {name}`")
    if is_new:
        # Making the directory checks the name against all others.
        replace(directory, agents=(*directory.agents, name))
    if options:
        AgentRegistry({name: options}, root=workspace.root).get(name)
    # Two that add at once must not write over one another.
    with FileLock(workspace.home / "settings.lock"):
        _write(workspace.root / FILE, name, options)
    done = [f"add [agents.{name}] to {FILE}"]
    _, steps = setup.plan(workspace.root, None)
    setup.run(steps, done.append)
    if is_new:
        added = Draft("agent.added", workspace.actor, {"agent": name, "runs": _kind(options)})
        workspace.book.append(lambda _db: [added])
    return done


def _kind(options: Mapping[str, Any]) -> str | None:
    return str(options["kind"]) if "kind" in options else "command" if options else None


def _write(path: Path, name: str, options: Mapping[str, Any]) -> None:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    text = path.read_text(encoding="utf-8") if path.exists() else ""
    try:
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
        document = tomlkit.parse(text)
        if "agents" not in document:
            document["agents"] = tomlkit.table(is_super_table=True)
        agents = cast("Table", document["agents"])
        if name not in agents:
            agents[name] = tomlkit.table()
        table = cast("Table", agents[name])
        for key, value in options.items():
            table[key] = value
        replace_file(path, tomlkit.dumps(document).encode())
        path.chmod(mode)
    except TOMLKitError as error:
        raise not_toml(error, text, path) from None
    except OSError as error:
        raise machine_error(error, "adding an agent", str(path)) from None
