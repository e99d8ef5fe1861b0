"""Who can be written to: agents, groups, queues, everyone, and the person behind it all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bluelabel.interfaces.errors import InvalidName, UnknownAgent
from bluelabel.interfaces.names import agent_name, nearest

EVERYONE: Final = "ALL"


@dataclass(frozen=True, slots=True)
class Directory:
    """The names of one workspace.

    Attributes:
        agents: each has a mailbox.
        groups: name to members; every member gets its own copy.
        queues: name to members; one of the members takes each message.
        coordinator: gets reports that name no recipient.
        human: gets what agents could not settle; has a mailbox too.

    Raises:
        InvalidName: two names differ only in case, or a name is not allowed.
        UnknownAgent: a member that is no agent.
    """

    agents: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    queues: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    coordinator: str = "ARCH"
    human: str = "HUMAN"
    _known: frozenset[str] = field(init=False, repr=False, compare=False, default=frozenset())

    def __post_init__(self) -> None:
        object.__setattr__(self, "_known", frozenset(self.mailboxes))
        seen: dict[str, str] = {EVERYONE.casefold(): EVERYONE}
        for name in (*self.mailboxes, *self.groups):
            agent_name(name)
            if seen.setdefault(name.casefold(), name) != name or name == EVERYONE:
                hint = "names may not differ in case only, and ALL means everyone"
                raise InvalidName(f"{name} and {seen[name.casefold()]} are one name to some file systems", hint=hint)
        for members in (*self.groups.values(), *self.queues.values()):
            for member in members:
                if member not in self.people:
                    raise self._unknown(member)

    @property
    def people(self) -> tuple[str, ...]:
        """Everyone with a mailbox of their own: the agents and the human."""
        return self.agents if self.human in self.agents else (*self.agents, self.human)

    @property
    def mailboxes(self) -> tuple[str, ...]:
        """Every mailbox: people and queues."""
        return (*self.people, *self.queues)

    def check(self, name: str) -> str:
        """Return `name` if it has a mailbox.

        Raises:
            UnknownAgent: it has none; the error names the nearest.
        """
        if name not in self._known:
            raise self._unknown(name)
        return name

    def expand(self, recipients: Iterable[str], sender: str) -> tuple[str, ...]:
        """Return the mailboxes that a message to `recipients` goes to, each once, in order.

        Everyone, or everyone in a group, means everyone else: the sender gets a copy only where it names itself.

        Raises:
            UnknownAgent: no agent, group or queue has that name.
        """
        found: dict[str, None] = {}
        for name in recipients:
            if name == EVERYONE:
                found.update(dict.fromkeys(agent for agent in self.agents if agent != sender))
            elif name in self.groups:
                found.update(dict.fromkeys(member for member in self.groups[name] if member != sender))
            else:
                found[self.check(name)] = None
        return tuple(found)

    def boxes_of(self, agent: str) -> Sequence[str]:
        """Return the mailboxes that `agent` may claim from: its own and the queues it serves."""
        self.check(agent)
        return (agent, *(queue for queue, members in self.queues.items() if agent in members))

    def _unknown(self, name: str) -> UnknownAgent:
        near = nearest(name, (*self.mailboxes, *self.groups, EVERYONE))
        hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(self.mailboxes)}"
        return UnknownAgent(f"no agent, group or queue is called {name[:40]!r}", hint=hint)
