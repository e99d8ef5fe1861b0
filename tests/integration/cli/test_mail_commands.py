"""The mail commands as other programs call them: output, exit codes, errors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cli_driver import bluelabel


@pytest.fixture
def root(tmp_path: Path) -> Path:
    assert bluelabel(tmp_path, "init", "--agents", "CC,CA,ARCH").code == 0
    return tmp_path


def sent(root: Path, *more: str, to: str = "CC") -> str:
    answer = bluelabel(root, "send", "--from", "ARCH", "--to", to, "--json", *more)
    assert answer.code == 0, answer.err
    return str(answer.object["id"])


def test_a_message_goes_round_by_commands_alone(root: Path) -> None:
    message_id = sent(root, "--task", "TASK-1", "--subject", "Build", "--body", "please")
    claimed = bluelabel(root, "claim", "CC", "--json").object
    renewed = bluelabel(root, "renew", message_id, "--token", claimed["token"], "--lease", "1h", "--json").object
    acked = bluelabel(root, "ack", message_id, "--token", claimed["token"], "--result", '{"ok": true}', "--json").object
    outbox = bluelabel(root, "outbox", "ARCH", "--json").object

    assert claimed["schema"] == "bluelabel.claim/1"
    assert (claimed["id"], claimed["content"], claimed["task_id"]) == (message_id, {"body": "please"}, "TASK-1")
    assert renewed["lease_until"] > claimed["lease_until"]
    assert acked["state"] == "acked"
    assert (outbox["state"], outbox["result"]) == ("acked", {"ok": True})


def test_send_prints_id_state_and_seq(root: Path) -> None:
    first = bluelabel(root, "send", "--from", "ARCH", "--to", "CC", "--key", "k", "--json").object
    again = bluelabel(root, "send", "--from", "ARCH", "--to", "CC", "--key", "k", "--json").object

    assert first == {
        "schema": "bluelabel.send/1",
        "id": first["id"],
        "state": "sent",
        "seq": 2,
        "to": ["CC"],
        "duplicate": False,
    }
    assert again == {**first, "duplicate": True}


def test_an_answer_joins_the_thread_of_what_it_answers_and_has_to_answer_something(root: Path) -> None:
    first = sent(root)
    second = sent(root, "--reply-to", first)
    sent(root, "--reply-to", second)
    unknown = bluelabel(root, "send", "--from", "CC", "--to", "ARCH", "--reply-to", "01-none")

    assert [line["reply_to"] for line in bluelabel(root, "thread", first, "--json").lines] == [None, first, second]
    assert (unknown.code, unknown.err.splitlines()[0]) == (3, "error: no message has this id: '01-none'")


def test_nothing_waiting_is_not_found(root: Path) -> None:
    answer = bluelabel(root, "claim", "CC", "--json")

    assert (answer.code, answer.out) == (3, "")
    assert answer.err.splitlines()[0] == "error: nothing waits: CC"


def test_waiting_for_an_ack_says_no_when_time_runs_out(root: Path) -> None:
    answer = bluelabel(root, "send", "--from", "ARCH", "--to", "CC", "--wait-for", "acked", "--timeout", "50ms")

    assert answer.code == 1


def test_looking_at_an_inbox_marks_as_seen_unless_peeking(root: Path) -> None:
    sent(root)
    peeked = bluelabel(root, "inbox", "CC", "--peek", "--json").object
    bluelabel(root, "inbox", "CC", "--json")
    seen = bluelabel(root, "inbox", "CC", "--json").object

    assert "seen_at" not in peeked
    assert seen["seen_at"]


def test_an_inbox_shows_as_many_as_there_are(root: Path) -> None:
    ids = [sent(root, "--body", str(n)) for n in range(4)]

    listed = [line["id"] for line in bluelabel(root, "inbox", "CC", "--json").lines]
    status = bluelabel(root, "status", "--json").object
    cut = bluelabel(root, "inbox", "CC", "--limit", "2")

    assert listed == ids
    assert status["mailboxes"]["CC"] == {"sent": 4}
    assert "2 more not shown" in cut.out


def test_texts_come_from_files_and_standard_input(root: Path, tmp_path: Path) -> None:
    (tmp_path / "body.txt").write_text("from a file", encoding="utf-8")
    sent(root, "--body", f"@{tmp_path / 'body.txt'}")
    bluelabel(root, "send", "--from", "ARCH", "--to", "CC", "--content", "-", stdin=b'{"a": [1]}')

    first, second = bluelabel(root, "inbox", "CC", "--json").lines

    assert (first["content"], second["content"]) == ({"body": "from a file"}, {"a": [1]})


@pytest.mark.parametrize(
    ("args", "code", "begins"),
    [
        (["send", "--from", "ARCH", "--to", "CX"], 3, "error: no agent, group or queue is called 'CX'"),
        (["send", "--from", "ARCH"], 2, "error: Missing option '--to'"),
        (["send", "--from", "ARCH", "--to", ","], 2, "error: the message goes to nobody"),
        (["send", "--from", "ARCH", "--to", "CC", "--content", "{"], 5, "error: not JSON"),
        (["send", "--from", "ARCH", "--to", "CC", "--content", "[1]"], 5, "error: not a JSON object"),
        (["send", "--from", "ARCH", "--to", "CC", "--content", '{"a":1,"a":2}'], 5, "error: the key 'a' stands twice"),
        (["send", "--from", "ARCH", "--to", "CC", "--content", '{"a":NaN}'], 5, "error: NaN is not a JSON number"),
        (["send", "--from", "ARCH", "--to", "CC", "--content", "[" * 5000], 5, "error: nested deeper than 64"),
        (["send", "--from", "ARCH", "--to", "CC", "--body", "@nowhere"], 3, "error: no such file"),
        (
            ["send", "--from", "ARCH", "--to", "CC", "--body", "-", "--content", "-"],
            2,
            "error: --body and --content",
        ),
        (["send", "--from", "ARCH", "--to", "CC", "--task", "../x"], 2, "error: not a task id"),
        (["send", "--from", "ARCH", "--to", "CC", "--expires", "soon"], 2, "error: not a duration"),
        (["send", "--from", "ARCH", "--to", "CC", "--priority", "HUGE"], 2, "error: Invalid value for '--priority'"),
        (["ack", "nothing", "--token", "x"], 3, "error: no message has this id"),
        (["inbox", "cc"], 3, "error: no agent, group or queue is called 'cc'"),
        (["claim", "CC", "--lease", "0s"], 2, "error: a claim needs a lease"),
        (["inbxo", "CC"], 2, "error: No such command 'inbxo'. Did you mean inbox"),
        (["log", "--after", "99"], 3, "error: the ledger ends at event 1"),
        (["log", "verify", "--follow"], 2, "error: verify reads the whole ledger"),
        (["search", "..."], 2, "error: nothing to search for"),
        (["search", "absent"], 3, "error: no message holds these words"),
        (["dead", "retry", "nothing"], 3, "error: no message has this id"),
    ],
)
def test_bad_input_gets_one_clear_line_and_its_exit_code(root: Path, args: list[str], code: int, begins: str) -> None:
    answer = bluelabel(root, *args)

    assert answer.code == code
    assert answer.out == ""
    assert answer.err.startswith(begins)
    assert [line.split(":")[0] for line in answer.err.splitlines()] in (["error", "hint"], ["error"])


def test_a_stale_token_is_a_conflict(root: Path) -> None:
    message_id = sent(root)

    answer = bluelabel(root, "ack", message_id, "--token", "wrong")

    assert (answer.code, "the claim is over" in answer.err) == (4, True)


def test_conversations_search_and_dead_letters(root: Path) -> None:
    message_id = sent(root, "--subject", "Deploy", "--body", "the wheel")
    reply = bluelabel(root, "reply", message_id, "--from", "CC", "--body", "done", "--json").object
    thread = [line["id"] for line in bluelabel(root, "thread", str(reply["id"]), "--json").lines]
    found = {line["id"] for line in bluelabel(root, "search", "whee", "--json").lines}
    withdrawn = bluelabel(root, "withdraw", message_id, "--from", "ARCH", "--json").object

    assert thread == [message_id, reply["id"]]
    assert found == {message_id}
    assert withdrawn["state"] == "withdrawn"


def test_a_dead_letter_can_be_listed_retried_and_purged(root: Path) -> None:
    (root / "bluelabel.toml").write_text('[workspace]\nagents = ["CC","CA","ARCH"]\n[postbox]\nmax_attempts = 1\n')
    for _ in range(2):
        sent(root)
        held = bluelabel(root, "claim", "CC", "--json").object
        bluelabel(root, "nack", held["id"], "--token", held["token"], "--reason", "no")
    dead = [line["id"] for line in bluelabel(root, "dead", "list", "--json").lines]

    retried = bluelabel(root, "dead", "retry", dead[0], "--json").object
    purged = bluelabel(root, "dead", "purge", "--json").object

    assert (len(dead), retried["state"], purged["purged"]) == (2, "sent", 1)


def test_the_log_tells_all_and_verifies(root: Path) -> None:
    sent(root)
    kinds = [line["kind"] for line in bluelabel(root, "log", "--json").lines]
    last = bluelabel(root, "log", "--limit", "1", "--json").object
    verdict = bluelabel(root, "log", "verify", "--json").object

    assert kinds[:2] == ["ledger.opened", "message.sent"]
    assert (verdict["ok"], verdict["seq"], verdict["h"]) == (True, last["seq"], last["h"])


def test_a_changed_byte_is_found(root: Path) -> None:
    sent(root, "--body", "original")
    (segment,) = (root / ".bluelabel" / "ledger").iterdir()
    segment.write_bytes(segment.read_bytes().replace(b"original", b"0riginal"))

    answer = bluelabel(root, "log", "verify", "--json")

    assert (answer.code, answer.object["ok"]) == (1, False)


def test_control_characters_of_a_message_do_not_reach_the_terminal(root: Path) -> None:
    sent(root, "--subject", "a\x1b[31mb", "--body", "x\x1b]0;t\x07y")
    shown = bluelabel(root, "inbox", "CC").out + bluelabel(root, "claim", "CC").out + bluelabel(root, "log").out

    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_status_says_how_many_texts_are_set_aside_and_where(root: Path) -> None:
    assert bluelabel(root, "status", "--json").object["quarantine"] == {}
    for agent, names in (("CC", ("a", "b")), ("ARCH", ("a",))):
        for name in names:
            text = root / "postbox" / agent / "drop" / f"{name}.json"
            text.write_bytes(b"\xff no JSON " + name.encode())
            os.utime(text, (0, 0))  # a fresh one may still be on its way
    bluelabel(root, "recover")
    shown = bluelabel(root, "status")

    assert bluelabel(root, "status", "--json").object["quarantine"] == {"CC": 2, "ARCH": 1}
    assert "2 texts set aside as unreadable in postbox/CC/quarantine/, each with its reason beside it\n" in shown.out
    assert "1 text set aside as unreadable in postbox/ARCH/quarantine/" in shown.out


def test_without_a_workspace_the_hint_says_how_to_make_one(tmp_path: Path) -> None:
    answer = bluelabel(tmp_path, "status")

    assert (answer.code, "bluelabel init" in answer.err) == (3, True)


def _heed_interrupts() -> None:
    """A test run that was started in the background ignores SIGINT, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_ends_a_watch_with_130_and_no_traceback(root: Path) -> None:
    command = [sys.executable, "-m", "bluelabel.apps.cli.main", "--root", str(root), "watch"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_interrupts,  # noqa: PLW1509 - this process has one thread
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "watching; Ctrl-C ends it\n"
    message_id = sent(root)
    assert process.stdout is not None
    assert message_id in process.stdout.readline()

    process.send_signal(2)
    _, err = process.communicate(timeout=20)

    assert (process.returncode, "Traceback" in err) == (130, False)


def test_output_into_a_closed_pipe_is_not_an_error_with_a_traceback(root: Path) -> None:
    sent(root)
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "bluelabel.apps.cli.main", "--root", str(root), "log"]

    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=30)
    os.close(write)

    assert done.stderr == ""


def test_an_inbox_says_what_waits_in_the_queues_that_its_agent_serves(root: Path) -> None:
    settings = root / "bluelabel.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + '\n[queues]\nreviews = ["CC"]\n', encoding="utf-8")
    sent(root, to="reviews")

    assert bluelabel(root, "inbox", "CC").out == "0 waiting for CC, 1 in the queue reviews\n"
    assert bluelabel(root, "inbox", "CA").out == "0 waiting for CA\n"
    assert bluelabel(root, "claim", "CC").code == 0


def test_an_archived_message_is_told_so_and_takes_no_place_among_those_found(root: Path) -> None:
    old = sent(root, "--body", "needle old")
    claimed = bluelabel(root, "claim", "CC", "--json").object
    bluelabel(root, "ack", old, "--token", claimed["token"])
    bluelabel(root, "archive", "--older", "0s")
    new = sent(root, "--body", "needle new and more words so that it ranks behind")
    told = bluelabel(root, "thread", old)

    assert (told.code, "was archived" in told.err, "postbox/ARCH/archive/" in told.err) == (3, True, True)
    found = bluelabel(root, "search", "needle", "--limit", "1", "--json").lines
    assert [line["id"] for line in found] == [new]
