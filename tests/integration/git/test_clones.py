"""Two machines, each with a clone and a post office of its own, exchange boxes by git: nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cli_driver import Result, bluelabel

from .conftest import Scratch


class Machine(Scratch):
    """A clone with a post office."""

    def call(self, *words: str, code: int = 0) -> Result:
        done = bluelabel(self.root, *words, "--json")
        assert done.code == code, done.err
        return done

    def send(self, sender: str, to: str, text: str) -> str:
        found: str = self.call("send", "--from", sender, "--to", to, "--body", text).object["id"]
        return found

    def work(self, agent: str) -> str:
        held = self.call("claim", agent).object
        self.call("ack", held["id"], "--token", held["token"], "--result", f'{{"by": "{self.root.name}"}}')
        found: str = held["id"]
        return found

    def states(self, message: str) -> dict[str, str]:
        return {line["recipient"]: line["state"] for line in self.call("thread", message).lines}

    def waiting(self, agent: str) -> list[str]:
        return [line["id"] for line in self.call("inbox", agent, "--peek").lines if line["state"] == "sent"]

    def sent(self) -> list[str]:
        events = self.call("log").lines
        return [event["message"]["id"] for event in events if event["kind"] == "message.sent"]

    def pull(self) -> None:
        """Commit what is here, merge what is there, read it."""
        self.commit("mail")
        self.git("pull", "-q", "--no-rebase", "--no-edit")
        self.call("inbox", "CC", "--peek")

    def push(self) -> None:
        self.pull()
        self.commit("read")
        self.git("push", "-q")


@pytest.fixture
def machines(scratch: Scratch, tmp_path: Path) -> tuple[Machine, Machine]:
    """One machine whose repository another has just cloned."""
    hub = tmp_path / "hub.git"
    scratch.git("init", "-q", "--bare", "-b", "main", str(hub))
    one, two = Machine(tmp_path / "one"), Machine(tmp_path / "two")
    scratch.git("clone", "-q", str(hub), str(one.root))
    one.call("init", "--agents", "CC,CA,WA")
    for number in range(3):
        one.send("CC", "CA", f"old-{number}")
    one.send("CA", "CC,WA", "both")
    one.commit("first")
    one.git("push", "-q", "-u", "origin", "main")
    scratch.git("clone", "-q", str(hub), str(two.root))
    return one, two


def test_the_first_command_in_a_clone_names_the_way_to_its_mail(machines: tuple[Machine, Machine]) -> None:
    one, two = machines
    told = two.call("inbox", "CA", code=3).err
    assert "bluelabel init" in told
    assert "bluelabel adopt" in told

    assert "bluelabel adopt" in bluelabel(two.root, "init").err
    assert two.waiting("CA") == []
    looked = two.call("adopt", "--dry-run").object
    assert (len(looked["homes"]), looked["sent"]) == (1, [])
    assert two.waiting("CA") == []

    done = two.call("adopt").object
    assert sorted(done["sent"]) == sorted(one.sent())
    assert two.waiting("CA") == one.waiting("CA")
    assert bluelabel(two.root, "adopt").out.endswith("adopted: 0 new messages\n")


def test_a_post_office_with_its_own_boxes_only_adopts_nothing(machines: tuple[Machine, Machine]) -> None:
    one, _ = machines

    assert one.call("adopt").object["homes"] == []
    assert bluelabel(one.root, "adopt").out == "every box here is this post office's own\n"


@pytest.mark.parametrize("merges", ["union", "driver"])
def test_two_machines_that_merge_their_boxes_agree_on_every_message(
    merges: str, machines: tuple[Machine, Machine]
) -> None:
    one, two = machines
    two.call("init")
    two.call("adopt")
    if merges == "driver":
        for machine in machines:
            machine.call("git", "install")
    done = {one.work("CC"): {"CC": "acked", "WA": "sent"}, two.work("CA"): {"CA": "acked"}}
    expected: dict[str, Mapping[str, Any]] = {message: {"CA": "sent"} for message in two.waiting("CA")}
    expected |= done | {one.send("CC", "CA,WA", "from one"): {"CA": "sent", "WA": "sent"}}
    expected |= {two.send("CC", "ALL", "from two"): {"CA": "sent", "WA": "sent"}}
    one.push()
    two.push()
    one.pull()
    one.call("adopt")
    for _ in range(2):
        one.push()
        two.push()
    one.pull()

    for machine in machines:
        assert sorted(machine.sent()) == sorted(expected)
        assert {message: machine.states(message) for message in expected} == expected
        assert machine.git("status", "--porcelain", "--", "postbox/*/quarantine") == ""
