"""The worker: claims messages, has agents do them, and settles each with one append to the ledger."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from bluelabel.agents.base_agent import BaseAgent, failure
from bluelabel.agents.plain_text import one_line
from bluelabel.agents.registry import AgentRegistry
from bluelabel.interfaces.agent_models import AgentInput, AgentOutput, AgentStatus
from bluelabel.interfaces.errors import (
    LockTimeout,
    MachineError,
    NotFound,
    StaleToken,
    UnreadableInput,
    UsageError,
)
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.messages import Delivery, DeliveryState
from bluelabel.runner.worker.cards import BoardCards, Cards, NoCards
from bluelabel.runner.worker.messages import answer, is_report, outcome, summary, to_input
from bluelabel.runner.worker.records import Ending, Progress, WorkerOptions
from bluelabel.runner.worker.task import Call, Calls, Task, Work
from bluelabel.services.postbox.postbox import Postbox

if TYPE_CHECKING:
    from bluelabel.runner.workspace import Workspace

IDLE_SECONDS: Final = 1.0
"""How long a worker waits at most before it looks again: delays and leases end without an event."""


class Worker:
    """Works through the mailboxes of one or several agents, one message at a time.

    Args:
        postbox: where messages come from.
        registry: where agents come from.
        agents: whose mailboxes, each with an agent of the same name.
        report: gets a line of progress for each message taken and for what became of it.
        options: how it behaves.
        cards: what follows the work on them.
        settled: told whose boxes changed, after each settlement.
        look_in: called before each look at the mailboxes: reads what was dropped or edited by hand.
        name_of: who holds a claim made for an agent.

    Raises:
        UnknownAgent: an agent without mailbox, or one that cannot be run.
        UsageError: the settings of an agent are wrong.
    """

    def __init__(
        self,
        postbox: Postbox,
        registry: AgentRegistry,
        agents: Sequence[str],
        *,
        report: Callable[[Progress], None],
        options: WorkerOptions | None = None,
        cards: Cards | None = None,
        settled: Callable[[Iterable[str]], None] = lambda _agents: None,
        look_in: Callable[[], None] = lambda: None,
        name_of: Callable[[str], str] = str,
    ) -> None:
        self._postbox = postbox
        self._registry = registry
        self._agents = [postbox.directory.check(name) for name in agents]
        self._workers: dict[str, BaseAgent] = {name: registry.get(name) for name in self._agents}
        self._report = report
        self._options = options or WorkerOptions()
        self._cards: Cards = cards or NoCards()
        self._settled = settled
        self._look_in = look_in
        self._name_of = name_of
        self._calls = Calls()
        self._stops = 0
        self.handled = 0

    def stop(self) -> None:
        """Take no further message; called twice, do not wait for the running one. May be called by a signal handler."""
        self._stops += 1
        self._calls.put(Call.STOP)

    def run(self) -> int:
        """Work until stopped, or as long as the options say.

        Returns:
            How many messages were taken.

        Raises:
            MachineError: the ledger cannot be written; the message in hand comes back when its lease ends.
        """
        try:
            while not self._stops and not self._has_enough():
                head = self._postbox.book.head().seq
                self._look_in()
                if self._round():
                    continue
                if self._options.once:
                    break
                self._postbox.book.wait(head, IDLE_SECONDS)
        finally:
            self._registry.shutdown()
        return self.handled

    def _has_enough(self) -> bool:
        most = 1 if self._options.once else self._options.max_messages
        return most is not None and self.handled >= most

    def _round(self) -> bool:
        """Take at most one message from each mailbox; tell whether there was any."""
        found = False
        for agent in self._agents:
            if self._stops or self._has_enough():
                break
            delivery = self._claim(agent)
            if delivery is not None:
                found = True
                self.handled += 1
                self._handle(agent, delivery)
                self._settled({agent, delivery.recipient, delivery.message.sender})
        return found

    def _claim(self, agent: str) -> Delivery | None:
        try:
            # Losing an unsynced claim with the machine's power costs one more delivery, nothing else.
            return self._postbox.claim(agent, lease=self._options.lease, worker=self._name_of(agent), durable=False)
        except LockTimeout:
            return None  # somebody holds the ledger for long; what waits still waits

    def _handle(self, agent: str, delivery: Delivery) -> None:
        self._tell(agent, delivery, Ending.TAKEN)
        try:
            if is_report(delivery) and not self._workers[agent].reads_reports:
                self._postbox.ack(delivery.message.id, _token(delivery), result={"status": "read"})
                self._tell(agent, delivery, Ending.READ, "a report; nothing to do")
                return
            task = Task(self._workers[agent], lambda: self._work(agent, delivery), self._calls)
            task.start()
            if self._attend(task, delivery):
                self._settle(agent, delivery, task.result or Work(_died(delivery)))
            else:
                self._postbox.nack(delivery.message.id, _token(delivery), reason="the worker was stopped")
                self._tell(agent, delivery, Ending.RETURNED, "the worker was stopped; given back")
        except StaleToken:
            self._tell(agent, delivery, Ending.LOST, "the lease was lost; what came of it is thrown away")

    def _attend(self, task: Task, delivery: Delivery) -> bool:
        """Wait for the end of `task` and keep the lease; False when it was stopped before its end.

        Raises:
            StaleToken: the lease was lost; the task was ended.
        """
        options = self._options
        renew_at = time.monotonic() + options.lease / 3
        stop_at = float("inf")
        while True:
            self._calls.get(min(renew_at, stop_at) - time.monotonic())
            if task.done:
                return True
            now = time.monotonic()
            if self._stops:
                stop_at = min(stop_at, now + (options.grace if self._stops == 1 else 0.0))
            if now >= stop_at:
                task.cancel()
                task.join(options.cancel_grace)
                return False
            if now >= renew_at:
                renew_at = now + self._renew(task, delivery)

    def _renew(self, task: Task, delivery: Delivery) -> float:
        """Ask for more time; return after how many seconds to ask again."""
        lease = self._options.lease
        try:
            self._postbox.renew(delivery.message.id, _token(delivery), lease=lease)
        except StaleToken:
            task.cancel()
            task.join(self._options.cancel_grace)
            raise
        except (MachineError, LockTimeout):
            # Two thirds of the lease are left: there is time to try again before it ends.
            return lease / 10
        return lease / 3

    def _work(self, agent: str, delivery: Delivery) -> Work:
        """Have the agent do it and plan what that means for the card; the lease is kept meanwhile."""
        began = self._cards.taken(agent, delivery)
        output = self._workers[agent].run(to_input(delivery, agent))
        if _may_pass(output):
            return Work(output, (), began)
        drafts, planned = self._cards.plan(agent, delivery, output)
        return Work(output, drafts, planned or began)

    def _settle(self, agent: str, delivery: Delivery, work: Work) -> None:
        output = work.output
        if _may_pass(output):
            self._try_again(agent, delivery, output)
            return
        try:
            self._ack(agent, delivery, work)
        except (UsageError, UnreadableInput) as error:
            # The answer cannot be sent as it is: too large, too deep, not text. The work is done all the same.
            output = failure(to_input(delivery, agent), error)
            output.error = one_line(f"the answer cannot be sent: {error}")
            self._ack(agent, delivery, Work(output, work.moves))
        remark = (self._cards.written() if work.moves else "") or work.remark
        state = Ending.FAILED if output.status is AgentStatus.ERROR else Ending.DONE
        note = "; ".join(text for text in (summary(output), remark) if text)
        self._tell(agent, delivery, state, note, output.duration_ms)

    def _ack(self, agent: str, delivery: Delivery, work: Work) -> None:
        """Write result message, ack and card move as one unit: all of it, or the message comes back."""
        reply = None if is_report(delivery) else answer(delivery, work.output, agent, self._postbox.directory)

        def also(db: sqlite3.Connection) -> Sequence[Draft]:
            return [*(self._postbox.drafts(db, [reply])[0] if reply is not None else ()), *work.moves]

        self._postbox.ack(delivery.message.id, _token(delivery), result=outcome(work.output), also=also)

    def _try_again(self, agent: str, delivery: Delivery, output: AgentOutput) -> None:
        options = self._options
        delay = min(options.retry_delay * 2 ** (delivery.attempt - 1), options.max_retry_delay)
        reason = summary(output)
        after = self._postbox.nack(delivery.message.id, _token(delivery), reason=reason, delay=delay)
        if after.state is DeliveryState.DEAD:
            self._tell(agent, delivery, Ending.DEAD, f"tried {delivery.attempt} times: {reason}", output.duration_ms)
        else:
            self._tell(agent, delivery, Ending.AGAIN, f"again in {delay:g} s: {reason}", output.duration_ms)

    def _tell(
        self, agent: str, delivery: Delivery, state: Ending, note: str = "", duration_ms: float | None = None
    ) -> None:
        message = delivery.message
        seconds = None if duration_ms is None else round(duration_ms / 1000, 3)
        subject = one_line(message.subject or message.type, 120)
        self._report(
            Progress(
                agent, state, message.id, message.task_id, message.sender, subject, delivery.attempt, note, seconds
            )
        )


def open_worker(
    workspace: Workspace,
    agents: Sequence[str],
    *,
    report: Callable[[Progress], None],
    options: WorkerOptions | None = None,
) -> Worker:
    """Return a worker for mailboxes of a workspace.

    Args:
        workspace: where.
        agents: whose mailboxes; none of them means every agent that can be run here.
        report: gets the progress.
        options: how it behaves.

    Raises:
        NotFound: no agent here can be run.
        UnknownAgent: one that was named has no mailbox or cannot be run.
    """
    registry = workspace.agents
    names = list(agents) or [name for name in workspace.settings.directory.agents if registry.can_run(name)]
    if not names:
        hint = "add one, for example `bluelabel agent add CC --template claude-code`"
        raise NotFound("no agent with a mailbox can be run here", hint=hint)
    return Worker(
        workspace.postbox,
        registry,
        names,
        report=report,
        options=options or WorkerOptions(lease=workspace.settings.lease),
        cards=BoardCards(workspace.cards),
        settled=workspace.refresh_views,
        look_in=workspace.read_edits,
        name_of=workspace.worker_name,
    )


def _may_pass(output: AgentOutput) -> bool:
    return output.status is AgentStatus.ERROR and output.metadata.get("retryable", True) is not False


def _token(delivery: Delivery) -> str:
    return delivery.token or ""


def _died(delivery: Delivery) -> AgentOutput:
    given = AgentInput(task_id=delivery.message.task_id or delivery.message.id)
    return failure(given, RuntimeError("the agent ended without an answer"))
