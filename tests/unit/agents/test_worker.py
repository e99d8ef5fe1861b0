"""The worker: every message is settled once, with one append, whatever happens to agent, lease or worker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bluelabel.agents.base_agent import ANSWERED, BaseAgent
from bluelabel.agents.registry import AgentRegistry
from bluelabel.interfaces.agent_models import AgentInput, AgentOutput, AgentStatus
from bluelabel.interfaces.errors import LockTimeout, MachineError, NotFound, UnknownAgent, UsageError
from bluelabel.interfaces.events import Draft, Event
from bluelabel.interfaces.messages import Delivery, DeliveryState
from bluelabel.runner.wiring.workflow import PostboxCourier
from bluelabel.runner.worker.messages import REPORTS, summary
from bluelabel.runner.worker.records import Ending, Progress, WorkerOptions
from bluelabel.runner.worker.worker import Worker
from bluelabel.services.ledger.book import Book
from bluelabel.services.ledger.clock import SystemIds
from bluelabel.services.postbox.address_book import Directory
from bluelabel.services.postbox.outgoing import OutgoingMessage
from bluelabel.services.postbox.postbox import Postbox
from bluelabel.services.postbox.projection import PostboxProjection
from bluelabel.services.workflow.dag_runner_interface import Handoff

Work = Callable[[AgentInput], AgentOutput]


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.passed)

    def uptime(self) -> float:
        return 1000.0 + self.passed

    def boot(self) -> str:
        return "boot"


class Doing(BaseAgent):
    """An agent that does what the test says."""

    def __init__(self, agent_id: str, work: Work) -> None:
        super().__init__("Doing", "Does as told.", agent_id)
        self.work = work
        self.cancelled = threading.Event()
        self.inputs: list[AgentInput] = []

    def process(self, agent_input: AgentInput) -> AgentOutput:
        self.inputs.append(agent_input)
        return self.work(agent_input)

    def cancel(self) -> None:
        self.cancelled.set()


@dataclass
class Point:
    name: str
    agent: BaseAgent
    value: str = "test"

    def load(self) -> Any:
        return lambda agent_id: self.agent


@dataclass
class Office:
    """A post office in memory, with workers for CA."""

    clock: Clock = field(default_factory=Clock)
    agents: dict[str, Doing] = field(default_factory=dict[str, Doing])
    progress: list[Progress] = field(default_factory=list[Progress])
    settled: list[set[str]] = field(default_factory=list[set[str]])

    def __post_init__(self) -> None:
        self.book = Book.in_memory((PostboxProjection(),), clock=self.clock)
        directory = Directory(("ARCH", "CA", "WA"), queues={"Q": ("CA", "WA")})
        self.postbox = Postbox(self.book, directory, self.clock, SystemIds())
        self.appends: list[list[str]] = []
        append = self.book.append

        def counted(decide: Any, **more: Any) -> list[Event]:
            events = append(decide, **more)
            if events:
                self.appends.append([event.kind for event in events])
            return events

        self.book.append = counted  # type: ignore[method-assign]

    def send(self, content: dict[str, Any] | None = None, **more: Any) -> str:
        given = {"sender": "ARCH", "recipients": ("CA",), "type": "task_assignment", "task_id": "TASK-1", **more}
        return self.postbox.send(OutgoingMessage(content=content or {}, **given)).id

    def worker(self, work: Work, *, agents: Sequence[str] = ("CA",), cards: Any = None, **options: Any) -> Worker:
        for name in agents:
            self.agents.setdefault(name, Doing(name, work))
        points = [Point(name, agent) for name, agent in self.agents.items()]
        return Worker(
            self.postbox,
            AgentRegistry(entry_points=lambda: points),
            agents,
            report=self.progress.append,
            options=WorkerOptions(**options),
            cards=cards,
            settled=lambda names: self.settled.append(set(names)),
        )

    def state(self, message_id: str) -> Delivery:
        return self.postbox.deliveries(message_id)[0]

    def inbox(self, agent: str) -> list[dict[str, Any]]:
        sent = [event.data for event in self.book.read() if event.kind == "message.sent"]
        return [data["message"] for data in sent if agent in data["to"]]

    @property
    def endings(self) -> list[Ending]:
        return [each.state for each in self.progress if each.state is not Ending.TAKEN]


@pytest.fixture
def office() -> Iterable[Office]:
    made = Office()
    yield made
    made.book.close()


def done(agent_input: AgentInput) -> AgentOutput:
    text = f"did {agent_input.content.get('do', 'it')}"
    return AgentOutput(task_id=agent_input.task_id, status=AgentStatus.SUCCESS, result={"text": text})


def failed(retryable: bool | None) -> Work:
    def work(agent_input: AgentInput) -> AgentOutput:
        facts = {} if retryable is None else {"retryable": retryable}
        return AgentOutput(
            task_id=agent_input.task_id, status=AgentStatus.ERROR, error="it does not work", metadata=facts
        )

    return work


def test_result_ack_and_card_move_are_one_append(office: Office) -> None:
    message = office.send()
    told: list[str] = []

    class Moves:
        def taken(self, agent: str, delivery: Delivery) -> str:
            told.append(f"taken by {agent}")
            return "began"

        def plan(self, agent: str, delivery: Delivery, output: AgentOutput) -> tuple[Sequence[Draft], str]:
            told.append(f"{delivery.message.id} {output.status.value}")
            return [Draft("card.changed", agent, {"id": "TASK-1", "field": "status"})], "moved"

        def written(self) -> str:
            told.append("written")
            return ""

    office.worker(done, cards=Moves(), once=True).run()

    assert office.appends[1:] == [["message.claimed"], ["message.acked", "message.sent", "card.changed"]]
    assert told == ["taken by CA", f"{message} success", "written"]
    assert office.progress[-1].note == "did it; moved"


def test_the_sender_gets_a_result_in_the_same_thread(office: Office) -> None:
    message = office.send({"do": "the dishes"}, subject="Please")
    office.worker(done, once=True).run()
    reply = office.inbox("ARCH")[0]

    assert (reply["type"], reply["sender"], reply["recipients"]) == ("task_result", "CA", ["ARCH"])
    assert (reply["subject"], reply["task_id"]) == ("Re: Please", "TASK-1")
    assert (reply["reply_to"], reply["thread"]) == (message, message)
    content = reply["content"]
    assert (content["status"], content["result"], content["summary"], content["attempt"]) == (
        "success",
        {"text": "did the dishes"},
        "did the dishes",
        1,
    )
    after = office.state(message)
    assert after.state is DeliveryState.ACKED
    assert after.result is not None
    assert after.result["result"] == {"text": "did the dishes"}


def test_the_agent_gets_the_message_as_its_input(office: Office) -> None:
    message = office.send({"task_type": "url", "url": "x", "metadata": {"a": 1, "attempt": 99}}, priority="HIGH")
    office.worker(done, once=True).run()
    given = office.agents["CA"].inputs[0]

    assert (given.task_id, given.task_type, given.source, given.content["url"]) == ("TASK-1", "url", "ARCH", "x")
    assert given.metadata == {
        "a": 1,
        "message_id": message,
        "idempotency_key": message,
        "attempt": 1,
        "agent": "CA",
        "type": "task_assignment",
        "subject": "",
        "thread": message,
        "priority": "HIGH",
    }


def test_without_a_task_the_message_is_the_task(office: Office) -> None:
    message = office.send({"task_type": 7, "metadata": 7}, task_id=None, type="message")
    office.worker(done, once=True).run()
    given = office.agents["CA"].inputs[0]

    assert (given.task_id, given.task_type) == (message, None)


def test_a_final_error_is_told_to_the_sender(office: Office) -> None:
    message = office.send()
    office.worker(failed(retryable=False), once=True).run()

    assert office.state(message).state is DeliveryState.ACKED
    assert [(m["type"], m["content"]["error"]) for m in office.inbox("ARCH")] == [("error", "it does not work")]
    assert office.endings == [Ending.FAILED]


@pytest.mark.parametrize("retryable", [True, None])
def test_an_error_that_may_pass_is_tried_again_later(office: Office, retryable: bool | None) -> None:
    message = office.send()
    office.worker(failed(retryable), once=True, retry_delay=5).run()
    waiting = office.state(message)
    again = office.worker(failed(retryable), once=True)

    assert (waiting.state, waiting.reason) == (DeliveryState.SENT, "it does not work")
    assert again.run() == 0
    office.clock.passed = 5.1
    assert again.run() == 1
    assert office.inbox("ARCH") == []
    assert office.progress[-1].note == "again in 10 s: it does not work"


def test_after_five_attempts_the_message_is_dead_and_the_human_is_told(office: Office) -> None:
    message = office.send()
    for _ in range(5):
        office.worker(failed(retryable=True), once=True, retry_delay=60, max_retry_delay=100).run()
        office.clock.passed += 101

    assert office.state(message).state is DeliveryState.DEAD
    assert office.endings == [*[Ending.AGAIN] * 4, Ending.DEAD]
    assert [m["type"] for m in office.inbox("HUMAN")] == ["error"]


def test_pending_work_is_answered_with_a_status(office: Office) -> None:
    office.send()
    office.worker(lambda i: AgentOutput(task_id=i.task_id, status=AgentStatus.PENDING), once=True).run()

    assert [m["type"] for m in office.inbox("ARCH")] == ["task_status"]


def test_an_agent_that_raises_is_an_error_like_any_other(office: Office) -> None:
    def work(_input: AgentInput) -> AgentOutput:
        raise ValueError("odd")

    message = office.send()
    office.worker(work, once=True).run()

    assert office.state(message).reason == "ValueError: odd"


def test_an_agent_that_leaves_without_an_answer_is_an_error_like_any_other(office: Office) -> None:
    def work(_input: AgentInput) -> AgentOutput:
        raise KeyboardInterrupt

    message = office.send()
    office.worker(work, once=True).run()

    assert office.state(message).reason == "RuntimeError: the agent ended without an answer"


def test_the_lease_is_renewed_while_the_agent_works(office: Office) -> None:
    def work(agent_input: AgentInput) -> AgentOutput:
        while not any(event.kind == "message.renewed" for event in office.book.read()):
            office.book.wait(office.book.head().seq, 5)
        return done(agent_input)

    message = office.send()
    office.worker(work, once=True, lease=0.3).run()

    assert office.state(message).state is DeliveryState.ACKED


def test_what_is_done_under_a_lost_lease_is_thrown_away(office: Office) -> None:
    """Somebody else gets the message while the agent works; the agent is ended and its result goes nowhere."""
    message = office.send()
    taken: list[Delivery | None] = []
    cancelled: list[bool] = []

    def work(agent_input: AgentInput) -> AgentOutput:
        office.clock.passed += 10
        taken.append(office.postbox.claim("CA", worker="other"))
        cancelled.append(office.agents["CA"].cancelled.wait(10))
        return done(agent_input)

    office.worker(work, once=True, lease=0.3).run()

    assert cancelled == [True]
    assert taken[0] is not None
    assert taken[0].attempt == 2
    assert office.state(message).claimed_by == "other"
    assert office.endings == [Ending.LOST]
    assert office.inbox("ARCH") == []


def test_a_lease_lost_at_the_last_moment_gives_no_second_result(office: Office) -> None:
    message = office.send()

    def work(agent_input: AgentInput) -> AgentOutput:
        office.clock.passed += 1000
        other = office.postbox.claim("CA", worker="other")
        assert other is not None
        office.postbox.ack(message, other.token or "", result={"status": "success"})
        return done(agent_input)

    office.worker(work, once=True).run()

    assert office.endings == [Ending.LOST]
    assert office.inbox("ARCH") == []


def test_a_late_end_of_lost_work_does_not_disturb_the_next_message(office: Office) -> None:
    """The first agent ignores that it was cancelled and ends in the middle of the second message."""
    first = office.send({"do": "first"})
    free, second_began = threading.Event(), threading.Event()

    def work(agent_input: AgentInput) -> AgentOutput:
        if agent_input.content["do"] == "first" and not office.agents["CA"].cancelled.is_set():
            office.clock.passed += 10
            other = office.postbox.claim("CA", worker="other")
            assert other is not None
            office.postbox.ack(first, other.token or "")
            office.send({"do": "second"})
            second_began.wait(20)
            free.set()
        else:
            second_began.set()
            free.wait(20)
        return done(agent_input)

    office.worker(work, max_messages=2, lease=0.3, cancel_grace=0.05).run()

    assert office.endings == [Ending.LOST, Ending.DONE]
    assert [m["content"]["summary"] for m in office.inbox("ARCH")] == ["did second"]


def test_a_renewal_that_fails_is_tried_again(office: Office) -> None:
    renew = office.postbox.renew
    calls: list[int] = []

    def shaky(*args: Any, **more: Any) -> Delivery:
        calls.append(1)
        if len(calls) == 1:
            raise MachineError("the disk is full")
        return renew(*args, **more)

    office.postbox.renew = shaky  # type: ignore[method-assign]

    def work(agent_input: AgentInput) -> AgentOutput:
        while not any(event.kind == "message.renewed" for event in office.book.read()):
            office.book.wait(office.book.head().seq, 5)
        return done(agent_input)

    office.send()
    office.worker(work, once=True, lease=0.3).run()

    assert len(calls) >= 2
    assert office.endings == [Ending.DONE]


def test_a_stop_lets_the_running_message_finish_and_takes_no_other(office: Office) -> None:
    first, second = office.send({"do": "a"}), office.send({"do": "b"})
    running: list[Worker] = []

    def work(agent_input: AgentInput) -> AgentOutput:
        running[0].stop()
        return done(agent_input)

    running.append(office.worker(work))

    assert running[0].run() == 1
    assert [office.state(m).state for m in (first, second)] == [DeliveryState.ACKED, DeliveryState.SENT]


@pytest.mark.parametrize(("stops", "grace"), [(2, 60.0), (1, 0.05)])
def test_a_message_that_takes_too_long_for_a_stop_is_given_back(office: Office, stops: int, grace: float) -> None:
    message = office.send()
    running: list[Worker] = []
    cancelled: list[bool] = []

    def work(agent_input: AgentInput) -> AgentOutput:
        for _ in range(stops):
            running[0].stop()
        cancelled.append(office.agents["CA"].cancelled.wait(10))
        return done(agent_input)

    running.append(office.worker(work, grace=grace))
    running[0].run()
    after = office.state(message)

    assert cancelled == [True]
    assert (after.state, after.reason, after.attempt) == (DeliveryState.SENT, "the worker was stopped", 1)
    assert office.endings == [Ending.RETURNED]
    assert office.inbox("ARCH") == []


def test_a_stop_ends_an_idle_worker(office: Office) -> None:
    worker = office.worker(done)
    waiting = threading.Thread(target=worker.run)
    waiting.start()
    worker.stop()
    waiting.join(20)

    assert not waiting.is_alive()


def test_an_idle_worker_takes_what_arrives(office: Office) -> None:
    worker = office.worker(done, max_messages=1)
    waiting = threading.Thread(target=worker.run)
    waiting.start()
    message = office.send()
    waiting.join(20)

    assert office.state(message).state is DeliveryState.ACKED


@pytest.mark.parametrize("kind", sorted(REPORTS))
def test_a_report_is_read_and_never_answered(office: Office, kind: str) -> None:
    message = office.send(type=kind)
    office.worker(done, once=True).run()

    assert office.agents["CA"].inputs == []
    assert office.state(message).result == {"status": "read"}
    assert office.inbox("ARCH") == []
    assert office.endings == [Ending.READ]


def test_an_agent_that_reads_reports_is_given_them_and_still_does_not_answer(office: Office) -> None:
    office.send(type="task_result")
    worker = office.worker(done, once=True)
    office.agents["CA"].reads_reports = True
    worker.run()

    assert len(office.agents["CA"].inputs) == 1
    assert office.inbox("ARCH") == []


def test_two_workers_do_not_answer_each_other_for_ever(office: Office) -> None:
    office.send(sender="WA")
    handled = office.worker(done, agents=("CA", "WA"), max_messages=2).run()

    assert handled == 2
    assert office.worker(done, agents=("CA", "WA"), once=True).run() == 0


def test_a_queue_is_served_in_the_name_of_the_agent(office: Office) -> None:
    office.send(recipients=("Q",))
    office.worker(done, once=True).run()

    assert [m["sender"] for m in office.inbox("ARCH")] == ["CA"]
    assert office.settled == [{"CA", "Q", "ARCH"}]


def test_a_message_to_oneself_is_not_answered(office: Office) -> None:
    message = office.send(sender="CA")
    office.worker(done, once=True).run()

    assert office.state(message).state is DeliveryState.ACKED
    assert office.appends[-1] == ["message.acked"]


def test_a_sender_without_mailbox_is_answered_through_the_coordinator(office: Office) -> None:
    message = office.send(sender="WA")
    office.postbox.directory = Directory(("ARCH", "CA"))
    office.worker(done, once=True).run()

    assert office.state(message).state is DeliveryState.ACKED
    assert [m["recipients"] for m in office.inbox("ARCH")] == [["ARCH"]]


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize("result", [nested(100), {"text": "x" * (11 * 1024 * 1024)}, {"text": "\ud800"}])
def test_an_answer_that_cannot_be_sent_is_told_instead(office: Office, result: dict[str, Any]) -> None:
    message = office.send()
    office.worker(lambda i: AgentOutput(task_id=i.task_id, status=AgentStatus.SUCCESS, result=result), once=True).run()

    assert office.state(message).state is DeliveryState.ACKED
    assert "the answer cannot be sent" in office.inbox("ARCH")[0]["content"]["error"]


def test_a_ledger_that_cannot_be_written_ends_the_worker_and_loses_nothing(office: Office) -> None:
    message = office.send()

    def full(*_args: Any, **_more: Any) -> Delivery:
        raise MachineError("the disk is full")

    office.postbox.ack = full  # type: ignore[method-assign]

    with pytest.raises(MachineError):
        office.worker(done, once=True).run()
    assert office.state(message).state is DeliveryState.CLAIMED


def test_a_locked_ledger_is_waited_for(office: Office) -> None:
    claim = office.postbox.claim
    calls: list[int] = []

    def locked(*args: Any, **more: Any) -> Delivery | None:
        calls.append(1)
        if len(calls) == 1:
            raise LockTimeout("locked")
        return claim(*args, **more)

    office.postbox.claim = locked  # type: ignore[method-assign]
    message = office.send()
    office.worker(done, max_messages=1).run()

    assert office.state(message).state is DeliveryState.ACKED


def test_progress_is_one_clean_line(office: Office) -> None:
    office.send(subject="\x1b[31mred\x1b[0m\nlines")
    office.worker(done, once=True).run()
    taken, ended = office.progress

    assert (taken.state, taken.subject, taken.sender) == (Ending.TAKEN, "red lines", "ARCH")
    assert (ended.state, ended.note) == (Ending.DONE, "did it")
    assert ended.as_json()["state"] == "done"
    assert ended.seconds is not None


def test_every_mailbox_gets_its_turn(office: Office) -> None:
    for name in ("CA", "CA", "WA", "WA"):
        office.send(recipients=(name,))
    office.worker(done, agents=("CA", "WA"), max_messages=4).run()

    assert [p.agent for p in office.progress if p.state is Ending.DONE] == ["CA", "WA", "CA", "WA"]


@pytest.mark.parametrize(("name", "error"), [("CB", UnknownAgent), ("ARCH", NotFound)])
def test_an_agent_that_cannot_work_is_refused_at_once(office: Office, name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        Worker(office.postbox, AgentRegistry(entry_points=list), [name], report=office.progress.append)


def test_broken_settings_are_told_at_once(office: Office) -> None:
    registry = AgentRegistry({"CA": {"kind": "digst"}}, entry_points=list)

    with pytest.raises(UsageError, match="no such kind"):
        Worker(office.postbox, registry, ["CA"], report=office.progress.append)


@pytest.mark.parametrize(
    ("result", "text"),
    [({"title": "A", "content_id": "x"}, "A"), ({"a": 1, "b": 2}, "a, b"), ({}, "success"), ({"text": " "}, "text")],
)
def test_a_summary_is_found_in_any_result(result: dict[str, Any], text: str) -> None:
    assert summary(AgentOutput(task_id="T", status=AgentStatus.SUCCESS, result=result)) == text


@pytest.mark.parametrize(("status", "ok"), [("success", True), ("error", False), ("pending", None)])
def test_a_handoff_is_answered_by_what_its_worker_came_to(office: Office, status: str, ok: bool | None) -> None:
    courier = PostboxCourier(office.postbox, "ARCH", lambda _names: None)
    sent = courier.send(Handoff(to="CA", key="k", subject="Review it"))

    def work(given: AgentInput) -> AgentOutput:
        return AgentOutput(task_id=given.task_id, status=AgentStatus(status), metadata={"retryable": False})

    office.worker(work, once=True).run()
    answer = courier.answer(sent)

    assert office.state(sent.id).state is DeliveryState.ACKED
    assert (answer.ok if answer else None) is ok


def test_who_is_waited_for_after_a_pending_answers_the_handoff(office: Office) -> None:
    courier = PostboxCourier(office.postbox, "ARCH", lambda _names: None)
    sent = courier.send(Handoff(to="CA", key="k", subject="Review it"))
    office.worker(lambda i: AgentOutput(task_id=i.task_id, status=AgentStatus.PENDING), once=True).run()
    report = {"sender": "WA", "recipients": ("ARCH",), "type": "task_result", "reply_to": sent.id, "thread": sent.id}
    office.send({"status": "success", "result": {"verdict": "ok"}}, **report)
    answer = courier.answer(sent)

    assert answer is not None
    assert (answer.by, answer.ok, answer.result) == ("WA", True, {"verdict": "ok"})


def test_a_report_of_nothing_says_so() -> None:
    said = AgentOutput(task_id="T", status=AgentStatus.SUCCESS, result={"text": ""}, metadata={ANSWERED: False})

    assert summary(said) == "it answered nothing"
