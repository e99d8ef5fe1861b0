"""Code as a user would write it. It is type-checked by mypy and pyright in strict mode, and never run.

A change that breaks a line here breaks somebody's program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import assert_type

from bluelabel.agents.base_agent import BaseAgent
from bluelabel.interfaces import schemas
from bluelabel.interfaces.agent_models import AgentCapability, AgentInput, AgentOutput, AgentStatus, ContentMetadata
from bluelabel.interfaces.errors import BluelabelError, MachineError, NotFound, UnreadableInput, machine_error
from bluelabel.interfaces.events import Draft, Event, Head
from bluelabel.interfaces.messages import Delivery, DeliveryState, Message, Priority
from bluelabel.interfaces.ports import Clock, Ids, Ledger
from bluelabel.interfaces.problems import Problem
from bluelabel.interfaces.records.mail import Sent
from bluelabel.interfaces.times import from_text, span, to_text
from bluelabel.runner.workspace import Workspace
from bluelabel.services.ledger.book import Book
from bluelabel.services.postbox.outgoing import OutgoingMessage
from bluelabel.services.postbox.postbox import Postbox


class ShoutingAgent(BaseAgent):
    """An agent of one's own: a name, a capability, and `process`."""

    def __init__(self) -> None:
        super().__init__("Shouting", "Says it louder.")
        self.add_capability(
            AgentCapability(name="shout", description="Upper case.", parameters={"text": "what to say"})
        )

    def process(self, agent_input: AgentInput) -> AgentOutput:
        text = str(agent_input.content.get("text", ""))
        return AgentOutput(task_id=agent_input.task_id, status=AgentStatus.SUCCESS, result={"text": text.upper()})


class FixedClock:
    """A clock that stands still, for tests."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def uptime(self) -> float:
        return 0.0

    def boot(self) -> str:
        return "boot"


class Numbers:
    """Ids that a test can foretell."""

    def __init__(self) -> None:
        self.last = 0

    def new(self) -> str:
        self.last += 1
        return f"id-{self.last}"

    def token(self) -> str:
        return f"{self.last:016x}"


def work() -> None:
    agent = ShoutingAgent()
    output = agent.run(AgentInput(task_id="TASK-1", content={"text": "hello"}))
    assert_type(output, AgentOutput)
    assert_type(output.status, AgentStatus)
    assert_type([capability.name for capability in agent.get_capabilities()], list[str])
    ContentMetadata(content_id="c1", content_type="text", source="notes.txt")


def talk(root: Path) -> None:
    workspace = Workspace.open(root)
    postbox = workspace.postbox
    sent = postbox.send(
        OutgoingMessage("ARCH", ("CC",), subject="Look", content={"body": "please"}, priority=Priority.HIGH)
    )
    assert_type(sent, Sent)
    claimed = postbox.claim("CC", wait=1.0)
    assert_type(claimed, Delivery | None)
    if claimed is not None and claimed.token is not None:
        assert_type(claimed.message, Message)
        done = postbox.ack(claimed.message.id, claimed.token, result={"ok": True})
        assert_type(done.state, DeliveryState)
    workspace.close()


def keep(clock: Clock, ids: Ids) -> Postbox:
    book = Book.in_memory([], clock=clock)
    events = book.append(lambda _db: [Draft("sprint.noted", "ARCH", {"text": "begun"})])
    assert_type(events, list[Event])
    assert_type(book.head(), Head)
    assert_type(book.read(after=3), Iterator[Event])
    return Postbox(book, Workspace.open(None).settings.directory, clock, ids)


def with_own_clock() -> Postbox:
    return keep(FixedClock(from_text("2026-01-31T09:30:00Z")), Numbers())


def with_any_ledger(ledger: Ledger, decide: Callable[[], Sequence[Draft]]) -> str:
    ledger.append(decide)
    ledger.confirm()
    return ledger.head().h


def complain(error: BluelabelError) -> str:
    problems: tuple[Problem, ...] = error.problems if isinstance(error, UnreadableInput) else ()
    return f"{error.what} {error.where or ''} {error.hint or ''} {error.exit_code} {len(problems)}"


def careful(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise machine_error(error, "reading", str(path)) from error
    except (NotFound, MachineError) as error:
        return complain(error)


def told() -> list[str]:
    assert_type(to_text(from_text("2026-01-31")), str)
    assert_type(span("15m").total_seconds(), float)
    return [schemas.text(name) for name in schemas.names()]
