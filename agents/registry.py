"""Which agents can work here: the built-in ones, those of other packages, and those of bluelabel.toml."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from bluelabel.agents.inputs import did_you_mean, mapping, shown
from bluelabel.agents.plain_text import one_line
from bluelabel.interfaces.errors import BluelabelError, UnknownAgent, UsageError
from bluelabel.interfaces.names import nearest
from bluelabel.interfaces.problems import Problem

if TYPE_CHECKING:
    from bluelabel.agents.base_agent import BaseAgent

GROUP: Final = "bluelabel.agents"
"""The entry-point group in which other packages name their agents: a class or function that takes ``agent_id``, and
the other keys of the agent's table in bluelabel.toml, as keyword arguments and returns a BaseAgent."""

SETTINGS_FILE: Final = "bluelabel.toml"
BUILT_IN: Final = ("ingestion", "digest")
"""Agents that are there without any settings."""

KINDS: Final = (*BUILT_IN, "command")


class EntryPoint(Protocol):
    """What the registry needs of `importlib.metadata.EntryPoint`."""

    @property
    def name(self) -> str:
        """The name of the agent."""
        ...

    @property
    def value(self) -> str:
        """Where it is, for people."""
        ...

    def load(self) -> Any:
        """Import it."""
        ...


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """An agent as `agent list` shows it.

    Args:
        name: what it is called.
        kind: ingestion, digest, command, or the name of a plugin.
        origin: ``built-in``, ``plugin`` or ``bluelabel.toml``.
    """

    name: str
    kind: str
    origin: str


class AgentRegistry:
    """Makes agents by name, each once.

    Args:
        settings: the tables ``[agents.NAME]`` of bluelabel.toml, and an empty one for each other mailbox. A table with
            ``kind``, ``template`` or ``command`` can be run; one without any of them is only a mailbox.
        root: the worktree: where commands run, and the directory that messages may name files in.
        entry_points: gives the plugins; those installed beside this package when None. Called when first needed.
    """

    def __init__(
        self,
        settings: Mapping[str, Any] | None = None,
        *,
        root: Path | None = None,
        entry_points: Callable[[], Iterable[EntryPoint]] | None = None,
    ) -> None:
        self._settings = dict(settings or {})
        self._root = root or Path.cwd()
        self._find_plugins = entry_points or _installed
        self._made: dict[str, BaseAgent] = {}

    def names(self) -> list[str]:
        """Return the names of all agents that can be run, sorted."""
        return sorted({entry.name for entry in self.entries()})

    def entries(self) -> list[AgentEntry]:
        """Return all agents that can be run, by name; bluelabel.toml comes before plugins, these before built-ins."""
        found = {name: AgentEntry(name, name, "built-in") for name in BUILT_IN}
        found |= {name: AgentEntry(name, name, "plugin") for name in self._plugins}
        for name in self._settings:
            kind = self._kind(name)
            if kind is not None:
                found[name] = AgentEntry(name, kind, SETTINGS_FILE)
        return [found[name] for name in sorted(found)]

    def can_run(self, name: str) -> bool:
        """Tell whether there is an agent of this name, without making it."""
        return self._kind(name) is not None or name in BUILT_IN or name in self._plugins

    def get(self, name: str) -> BaseAgent:
        """Return the agent `name`; upper and lower case are the same where that is clear.

        Raises:
            UnknownAgent: there is none that can be run; the error names the nearest.
            UsageError: its settings are wrong, or its plugin is broken.
        """
        known = self._known(name)
        if known not in self._made:
            self._made[known] = self._make(known)
        return self._made[known]

    def problems(self) -> list[Problem]:
        """Return what is wrong with agents that are named but cannot be made. Makes every agent."""
        found: list[Problem] = []
        for entry in self.entries():
            try:
                self.get(entry.name)
            except BluelabelError as error:
                found.append(Problem("broken-agent", f"{entry.name}: {error}", hint=error.hint))
        return found

    def shutdown(self) -> None:
        """Shut every agent down that was made."""
        for agent in self._made.values():
            agent.shutdown()
        self._made.clear()

    @cached_property
    def _plugins(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in self._find_plugins()}

    def _kind(self, name: str) -> str | None:
        table = self._settings.get(name)
        if not isinstance(table, Mapping):
            return None
        given = mapping(dict(table), name)  # pyright: ignore[reportUnknownArgumentType]
        if given.get("kind") is not None:
            return str(given["kind"])
        return "command" if "command" in given or "template" in given else None

    def _known(self, name: str) -> str:
        if self.can_run(name):
            return name
        if name in self._settings:
            hint = f'give [agents.{name}] in {SETTINGS_FILE} a kind, for example template = "claude-code"'
            raise UnknownAgent(f"{name} has a mailbox, but nothing that can be run", hint=hint)
        names = self.names()
        same = [each for each in names if each.casefold() == name.casefold()]
        if len(same) == 1:
            return same[0]
        near = nearest(name, names)
        hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(names)}"
        raise UnknownAgent(f"no agent is called {shown(name)}", hint=hint)

    def _make(self, name: str) -> BaseAgent:
        table = mapping(self._settings.get(name), f"agents.{name}")
        kind = self._kind(name) or name
        options = {key: value for key, value in table.items() if key != "kind"}
        where = f"{SETTINGS_FILE} [agents.{name}]" if table else name
        if kind == "ingestion":
            return self._ingestion(name, options, where)
        if kind == "digest":
            return self._digest(name, options, where)
        if kind == "command":
            from bluelabel.agents.command_agent import CommandAgent
            from bluelabel.agents.command_spec import command_spec

            return CommandAgent(name, command_spec(options, where), cwd=self._root)
        if kind not in self._plugins:
            raise UsageError("no such kind of agent", where=where, hint=did_you_mean(kind, [*KINDS, *self._plugins]))
        return _from_plugin(self._plugins[kind], name, options)

    def _ingestion(self, name: str, options: Mapping[str, Any], where: str) -> BaseAgent:
        from bluelabel.agents.ingestion_agent import DEFAULT_STORAGE, DOCUMENT_BYTES, IngestionAgent

        _check_keys(options, ("storage", "max_bytes", "allow_private", "description"), where)
        max_bytes = options.get("max_bytes", DOCUMENT_BYTES)
        if type(max_bytes) is not int or max_bytes < 1:
            raise UsageError("max_bytes is not a whole number above 0", where=where)
        return IngestionAgent(
            name,
            self._root / _path(options, "storage", DEFAULT_STORAGE, where),
            allowed_root=self._root,
            max_bytes=max_bytes,
            allow_private=options.get("allow_private") is True,
        )

    def _digest(self, name: str, options: Mapping[str, Any], where: str) -> BaseAgent:
        from bluelabel.agents.digest_agent import DigestAgent
        from bluelabel.agents.ingestion_agent import DEFAULT_STORAGE

        _check_keys(options, ("storage", "template", "description"), where)
        layout = self._root / _path(options, "template", Path(), where) if "template" in options else None
        return DigestAgent(name, self._root / _path(options, "storage", DEFAULT_STORAGE, where), layout)


def _installed() -> Iterable[EntryPoint]:
    # Reading what is installed takes tens of milliseconds: only when somebody asks for a name that is not ours.
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)


def _from_plugin(point: EntryPoint, name: str, options: Mapping[str, Any]) -> BaseAgent:
    from bluelabel.agents.base_agent import BaseAgent

    try:
        made = point.load()(agent_id=name, **options)
    except Exception as error:  # a module of strangers may raise anything when it is imported
        reason = one_line(f"{type(error).__name__}: {error}", 200)
        hint = "correct or uninstall the package that it comes from"
        raise UsageError(f"the agent cannot be loaded ({reason})", where=point.value, hint=hint) from error
    if not isinstance(made, BaseAgent):
        raise UsageError(f"it gives a {type(made).__name__}, not a BaseAgent", where=point.value)
    return made


def _check_keys(options: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in options:
        if key not in known:
            raise UsageError(f"no such setting: {key}", where=where, hint=did_you_mean(key, known))


def _path(options: Mapping[str, Any], key: str, default: Path, where: str) -> Path:
    value = options.get(key, str(default))
    if not isinstance(value, str) or not value or "\0" in value:
        raise UsageError(f"{key} is not a path", where=where)
    return Path(value)
