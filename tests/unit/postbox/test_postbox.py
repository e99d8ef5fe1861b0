"""What the post office promises, one message at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from unit.postbox.office import Office

from bluelabel.interfaces.errors import (
    AlreadyExists,
    IllegalTransition,
    InvalidName,
    NotFound,
    StaleToken,
    TooLarge,
    UnknownAgent,
    UnreadableInput,
    UsageError,
)
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.limits import MESSAGE_BYTES
from bluelabel.interfaces.messages import DeliveryState, Priority
from bluelabel.services.postbox import queries
from bluelabel.services.postbox.archive import archive
from bluelabel.services.postbox.boxes.undo import undo_import
from bluelabel.services.postbox.dead_letters import dead_letters, purge, retry
from bluelabel.services.postbox.escalation import escalate_overdue
from bluelabel.services.postbox.outgoing import OutgoingMessage


def states(office: Office, message_id: str) -> dict[str, str]:
    return {d.recipient: d.state.value for d in office.box.deliveries(message_id)}


def test_a_message_is_handed_out_once_and_settled_by_its_token() -> None:
    office = Office()
    message_id = office.send(content={"body": "do it"})
    held = office.box.claim("CC")
    assert held is not None
    assert office.box.claim("CC") is None

    done = office.box.ack(message_id, held.token or "", result={"ok": True})

    assert (held.message.id, held.attempt, done.state, done.result) == (message_id, 1, "acked", {"ok": True})


def test_acking_twice_with_one_token_is_acking_once() -> None:
    office = Office()
    message_id = office.send()
    token = office.box.claim("CC").token  # type: ignore[union-attr]
    office.box.ack(message_id, token or "")
    length = office.book.head().seq

    again = office.box.ack(message_id, token or "")

    assert (again.state, office.book.head().seq) == ("acked", length)


@pytest.mark.parametrize("verb", ["ack", "nack", "renew"])
def test_a_stale_token_is_refused(verb: str) -> None:
    office = Office()
    message_id = office.send()
    first = office.box.claim("CC", lease=10)
    office.clock.advance(11)
    second = office.box.claim("CC", lease=10)
    assert first is not None
    assert second is not None

    with pytest.raises(StaleToken):
        getattr(office.box, verb)(message_id, first.token)

    assert (second.attempt, states(office, message_id)) == (2, {"CC": "claimed"})


def test_an_unknown_id_names_messages_that_look_like_it() -> None:
    office = Office()
    office.send()

    with pytest.raises(NotFound) as caught:
        office.box.deliveries("m000")

    assert "m0001" in str(caught.value.hint)


def test_a_message_that_was_given_back_waits_out_its_delay() -> None:
    office = Office()
    message_id = office.send()
    held = office.box.claim("CC")
    office.box.nack(message_id, held.token or "", reason="no network", delay=60)  # type: ignore[union-attr]
    assert office.box.claim("CC") is None

    office.clock.advance(61)
    again = office.box.claim("CC")

    assert again is not None
    assert (again.attempt, again.reason) == (2, "no network")


def test_after_the_last_attempt_it_is_dead_and_the_human_is_told_once() -> None:
    office = Office(max_attempts=2)
    message_id = office.send(subject="hard")
    for _ in range(2):
        held = office.box.claim("CC")
        office.box.nack(message_id, held.token or "", reason="boom")  # type: ignore[union-attr]

    told = office.box.claim("HUMAN")

    assert states(office, message_id) == {"CC": "dead"}
    assert told is not None
    assert told.message.content["message"] == message_id
    assert office.box.claim("HUMAN") is None


def test_leases_that_lapse_too_often_kill_the_message() -> None:
    office = Office(max_attempts=2)
    message_id = office.send()
    for _ in range(2):
        assert office.box.claim("CC", lease=1) is not None
        office.clock.advance(2)

    assert office.box.claim("CC") is None
    assert states(office, message_id) == {"CC": "dead"}


def test_a_letter_that_dies_again_is_told_again() -> None:
    office = Office(max_attempts=1)
    message_id = office.send()
    for _ in range(2):
        held = office.box.claim("CC")
        office.box.nack(message_id, held.token or "")  # type: ignore[union-attr]
        assert office.box.claim("HUMAN") is not None
        retry(office.box, message_id, "HUMAN")


def test_the_humans_own_dead_letters_tell_nobody() -> None:
    office = Office(max_attempts=1)
    message_id = office.send("HUMAN")
    held = office.box.claim("HUMAN")
    office.box.nack(message_id, held.token or "", reason="no")  # type: ignore[union-attr]

    assert states(office, message_id) == {"HUMAN": "dead"}
    assert office.box.claim("HUMAN") is None


def test_a_final_nack_does_not_try_again() -> None:
    office = Office()
    message_id = office.send()
    held = office.box.claim("CC")

    office.box.nack(message_id, held.token or "", reason="unreadable", final=True)  # type: ignore[union-attr]

    assert states(office, message_id) == {"CC": "dead"}


def test_a_dead_letter_that_is_retried_starts_anew_and_a_purged_one_is_gone_from_the_list() -> None:
    office = Office(max_attempts=1)
    ids = [office.send(), office.send()]
    for _ in ids:
        held = office.box.claim("CC")
        assert held is not None
        office.box.nack(held.message.id, held.token or "")
    assert [d.message.id for d in dead_letters(office.box, "CC")] == ids

    (back,) = retry(office.box, ids[0], "HUMAN")
    purged = purge(office.box, "HUMAN")

    assert (back.state, back.attempt, purged) == ("sent", 0, 1)
    assert dead_letters(office.box) == []
    assert states(office, ids[1]) == {"CC": "purged"}
    with pytest.raises(IllegalTransition):
        retry(office.box, ids[0], "HUMAN")
    with pytest.raises(NotFound):
        retry(office.box, "nothing", "HUMAN")


def test_the_most_urgent_comes_first_and_among_equals_the_oldest() -> None:
    office = Office()
    low, first, second = office.send(priority=Priority.LOW), office.send(), office.send()
    urgent = office.send(priority=Priority.CRITICAL)

    order = [office.box.claim("CC").message.id for _ in range(4)]  # type: ignore[union-attr]

    assert order == [urgent, first, second, low]


def test_a_message_is_not_handed_out_before_its_time_nor_after_it() -> None:
    office = Office()
    later = office.send(not_before=office.box.now().after(60))
    short = office.send(expires_at=office.box.now().after(30))
    office.clock.advance(31)

    assert office.box.claim("CC") is None
    assert states(office, short) == {"CC": "expired"}

    office.clock.advance(30)
    held = office.box.claim("CC")
    assert held is not None
    assert held.message.id == later


def test_sending_twice_with_one_key_is_one_message() -> None:
    office = Office()
    first = office.box.send(OutgoingMessage("ARCH", ("CC",), key="k"))
    again = office.box.send(OutgoingMessage("ARCH", ("CC",), key="k", subject="other"))
    other = office.box.send(OutgoingMessage("CA", ("CC",), key="k"))

    assert (again.id, again.duplicate, again.seq, other.duplicate) == (first.id, True, first.seq, False)
    with office.book.reading() as db:
        assert len(queries.waiting(db, "CC", 10)) == 2


def test_one_key_twice_in_a_batch_is_one_message() -> None:
    office = Office()
    batch = [OutgoingMessage("ARCH", ("CC",), key="k"), OutgoingMessage("ARCH", ("CC",), key="k")]

    first, again = office.box.send_all(batch, via={"file": "x.json"})

    assert (first.id == again.id, again.duplicate, office.book.head().seq) == (True, True, 1)


def test_a_taken_id_is_refused_and_nothing_of_the_batch_is_sent() -> None:
    office = Office()
    office.box.send(OutgoingMessage("ARCH", ("CC",), id="mine"))

    with pytest.raises(AlreadyExists):
        office.box.send_all([OutgoingMessage("ARCH", ("CC",)), OutgoingMessage("ARCH", ("CC",), id="mine")])

    assert office.book.head().seq == 1


def test_all_groups_and_queues_reach_whom_they_name() -> None:
    office = Office()
    everyone, group, queue = office.send("ALL"), office.send("builders,CC"), office.send("review")

    assert states(office, everyone) == dict.fromkeys(("CC", "CA", "WA"), "sent")
    assert states(office, group) == {"CC": "sent", "CA": "sent"}
    assert states(office, queue) == {"review": "sent"}


def test_a_sender_gets_a_copy_only_where_it_names_itself() -> None:
    office = Office()

    def reached(*recipients: str) -> set[str]:
        return set(states(office, office.box.send(OutgoingMessage("CA", recipients)).id))

    assert reached("ALL") == {"CC", "WA", "ARCH"}
    assert reached("builders") == {"CC"}
    assert reached("builders", "CA") == {"CC", "CA"}


def test_one_of_many_takes_a_message_from_a_queue() -> None:
    office = Office()
    queue = office.send("review")

    takers = [agent for agent in ("CC", "CA", "WA") if office.box.claim(agent) is not None]

    assert takers == ["CA"]
    assert office.box.deliveries(queue)[0].claimed_by == "CA"


@pytest.mark.parametrize("name", ["CX", "cc", "ALLL", "", "../CC"])
def test_an_unknown_recipient_is_refused_with_the_nearest_names(name: str) -> None:
    office = Office()

    with pytest.raises(UnknownAgent) as caught:
        office.send(name)

    assert caught.value.hint
    assert office.book.head().seq == 0


def test_an_unknown_sender_is_refused() -> None:
    with pytest.raises(UnknownAgent):
        Office().send(sender="Nobody")


def test_a_message_to_nobody_is_refused() -> None:
    office = Office()
    with pytest.raises(UsageError):
        office.box.send(OutgoingMessage("ARCH", ()))


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"task_id": "../x"}, InvalidName),
        ({"id": "a b"}, InvalidName),
        ({"subject": "x" * 501}, UsageError),
        ({"type": "two words"}, UsageError),
        ({"content": {"body": "x" * MESSAGE_BYTES}}, TooLarge),
        ({"content": {"body": "\ud800"}}, UnreadableInput),
    ],
)
def test_what_no_message_may_hold_is_refused(fields: dict[str, Any], error: type[Exception]) -> None:
    office = Office()
    with pytest.raises(error):
        office.send(**fields)

    assert office.book.head().seq == 0


def test_a_wall_clock_that_jumps_takes_no_message_from_a_living_holder() -> None:
    office = Office()
    message_id = office.send()
    held = office.box.claim("CC", lease=60)
    office.clock.set_back(-24 * 3600)
    assert office.box.claim("CC") is None
    office.clock.set_back(48 * 3600)
    office.clock.up += 61

    assert office.box.claim("CC") is not None
    assert held is not None
    with pytest.raises(StaleToken):
        office.box.ack(message_id, held.token or "")


def test_after_a_restart_the_wall_clock_decides_about_leases() -> None:
    office = Office()
    office.send()
    assert office.box.claim("CC", lease=60) is not None
    office.clock.start, office.clock.up = "start-2", 5.0
    assert office.box.claim("CC") is None

    office.clock.advance(61)

    assert office.box.claim("CC") is not None


def test_renewing_keeps_a_message() -> None:
    office = Office()
    message_id = office.send()
    held = office.box.claim("CC", lease=10)
    office.clock.advance(9)
    renewed = office.box.renew(message_id, held.token or "", lease=10)  # type: ignore[union-attr]
    office.clock.advance(9)

    assert renewed.state == DeliveryState.CLAIMED
    assert office.box.claim("CC") is None


def test_result_ack_and_further_events_are_one_unit() -> None:
    office = Office()
    message_id = office.send()
    held = office.box.claim("CC")
    assert held is not None
    answer = OutgoingMessage("CC", ("ARCH",), "task_result")

    office.box.ack(
        message_id,
        held.token or "",
        also=lambda db: [*office.box.drafts(db, [answer])[0], Draft("card.changed", "CC", {"card": "T"})],
    )
    kinds = [event.kind for event in office.book.read(2)]

    assert kinds == ["message.acked", "message.sent", "card.changed"]


def test_a_reply_goes_to_the_sender_in_the_thread() -> None:
    office = Office()
    first = office.send(subject="Plan", task_id="TASK-1")
    sent = office.box.reply(first, "CC", {"body": "yes"})
    second = office.box.reply(sent.id, "ARCH", {"body": "good"})

    with office.book.reading() as db:
        thread = queries.in_thread(db, first)

    assert [d.message.id for d in thread] == [first, sent.id, second.id]
    assert [d.message.subject for d in thread[1:]] == ["Re: Plan", "Re: Re: Plan"]
    assert thread[1].message.task_id == "TASK-1"


def test_only_the_sender_or_the_human_may_withdraw_and_only_what_waits() -> None:
    office = Office()
    message_id = office.send("CC,CA")
    assert office.box.claim("CC") is not None
    with pytest.raises(UsageError):
        office.box.withdraw(message_id, "CA")

    office.box.withdraw(message_id, "ARCH")

    assert states(office, message_id) == {"CC": "claimed", "CA": "withdrawn"}
    with pytest.raises(IllegalTransition):
        office.box.withdraw(message_id, "HUMAN")


def test_seen_is_recorded_once() -> None:
    office = Office()
    message_id = office.send()
    office.box.mark_seen("CC", [message_id])
    length = office.book.head().seq

    office.box.mark_seen("CC", [message_id, "unknown"])

    assert office.book.head().seq == length
    assert office.box.deliveries(message_id)[0].seen_at
    assert office.box.wait_for(message_id, "seen", 0)
    assert not office.box.wait_for(message_id, "acked", 0)


def test_what_nobody_settles_in_time_is_escalated_once() -> None:
    office = Office()
    message_id = office.send()
    office.clock.advance(100)

    first = escalate_overdue(office.box, 60)
    again = escalate_overdue(office.box, 60)

    assert ([d.message.id for d in first], again) == ([message_id], [])
    assert states(office, message_id) == {"CC": "sent"}
    assert office.box.claim("HUMAN") is not None


def test_what_is_settled_long_ago_moves_into_files_once_and_its_key_stays_used(tmp_path: Path) -> None:
    office = Office()
    done = office.send(key="k", content={"body": "old"})
    waiting = office.send()
    held = office.box.claim("CC")
    office.box.ack(done, held.token or "", result={"ok": True})  # type: ignore[union-attr]
    office.clock.advance(1000)
    fresh = office.send()

    planned = archive(office.box, tmp_path, 500, "HUMAN", dry_run=True)
    assert list(tmp_path.iterdir()) == []
    moved = archive(office.box, tmp_path, 500, "HUMAN")
    again = archive(office.box, tmp_path, 500, "HUMAN")

    (file,) = tmp_path.rglob("*.jsonl")
    (line,) = (json.loads(text) for text in file.read_text().splitlines())
    assert (planned, moved, again) == ([done], [done], [])
    assert (line["id"], line["ends"]) == (done, [{"recipient": "CC", "state": "acked", "result": {"ok": True}}])
    with office.book.reading() as db:
        assert [d.message.id for d in queries.waiting(db, "CC", 9)] == [waiting, fresh]
    repeated = office.box.send(OutgoingMessage("ARCH", ("CC",), key="k"))
    assert (repeated.id, repeated.state, repeated.duplicate) == (done, "archived", True)
    with pytest.raises(NotFound):
        office.box.deliveries(done)


def test_an_archive_that_was_interrupted_adds_nothing_twice(tmp_path: Path) -> None:
    office = Office()
    done = office.send()
    held = office.box.claim("CC")
    office.box.ack(done, held.token or "")  # type: ignore[union-attr]
    office.clock.advance(1000)

    archive(office.box, tmp_path, 500, "HUMAN")
    office.book.ledger._events.pop()  # type: ignore[attr-defined]  # the event did not survive, the file did
    archive(office.box, tmp_path, 500, "HUMAN")

    (file,) = tmp_path.rglob("*.jsonl")
    assert len(file.read_text().splitlines()) == 1


def test_an_import_can_be_taken_back(tmp_path: Path) -> None:
    office = Office()
    earlier = office.send("CC", sender="CA", subject="before")
    office.box.send_all(
        [OutgoingMessage("CA", ("CC",)), OutgoingMessage("CA", ("WA",))],
        also=[
            Draft("message.amended", "CA", {"id": earlier, "changes": {"subject": "after"}}),
            Draft("mail.imported", "CA", {"agent": "CA", "sent": ["m0002", "m0003"], "amended": [earlier]}),
        ],
    )
    assert office.box.claim("WA") is not None

    undone = undo_import(office.box, "HUMAN")

    assert (undone.withdrawn, undone.kept, undone.restored) == (("m0002",), ("m0003",), (earlier,))
    assert office.box.deliveries(earlier)[0].message.subject == "before"
    with pytest.raises(IllegalTransition):
        undo_import(office.box, "HUMAN", undone.seq)
    with pytest.raises(NotFound):
        undo_import(office.box, "HUMAN")


def test_taking_an_import_back_returns_what_it_had_settled() -> None:
    office = Office()
    message_id = office.send()
    office.book.append(
        lambda _db: [
            Draft("message.acked", "CC", {"id": message_id, "recipient": "CC"}),
            Draft("mail.imported", "CC", {"agent": "CC", "settled": [message_id]}),
        ]
    )

    undone = undo_import(office.box, "HUMAN")

    assert undone.returned == (message_id,)
    assert states(office, message_id) == {"CC": "sent"}
