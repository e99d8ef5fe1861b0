"""The commands whose promises are tested: how each begins, what it is called with, and what must hold afterwards."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from reliability.disk import home_of, read_disk
from reliability.forked import Zygotes
from reliability.history import history
from reliability.mailcheck import judge
from reliability.sandbox import Outcome, Scenario, environment

TESTS = Path(__file__).resolve().parents[1]
PLACES = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
ENV = {"PYTHONPATH": PLACES, "BLUELABEL_AGENT": "", "BLUELABEL_HOME": ""}
TOLD = r"bluelabel\.(send|claim|delivery|dead|recover|init|adopt|archive)/1"
TRUTH = r"/ledger(/\d{8}\.jsonl|/|$)"
ERROR = r"(?m)^error: "
SEGMENT = 700
"""Bytes of a small segment: the first two messages fill it."""


def bluelabel(where: Path, *arguments: str, bug: str | None = None, segment: int | None = None) -> list[str]:
    """Return the argv of a command in a workspace, plain or with something built in."""
    options = built_in(bug, segment)
    ahead = ["-m", "reliability.launch", *options, "--"] if options else ["-m", "bluelabel.apps.cli.main"]
    return [sys.executable, *ahead, "--root", str(where), *arguments]


def built_in(bug: str | None, segment: int | None) -> list[str]:
    """Return the options of `reliability.launch`."""
    return [*(["--bug", bug] if bug else []), *(["--segment-bytes", str(segment)] if segment else [])]


def do(where: Path, *arguments: str, segment: int | None = None) -> list[dict[str, Any]]:
    """Run a command that must succeed; return the objects it printed."""
    argv = bluelabel(where, *arguments, "--json", segment=segment)
    done = subprocess.run(argv, env=environment(ENV), capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{arguments} exits {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def workspace(where: Path) -> None:
    """Make a workspace with one message from CC that waits for CA."""
    do(where, "init", "--agents", "CC,CA,WA,ARCH")
    send(where, "first")


def send(where: Path, subject: str, **options: str) -> str:
    """Send a message; return its id."""
    more = [part for name, value in options.items() for part in (f"--{name}", value)]
    found: str = do(where, "send", "--from", "CC", "--to", "CA", "--subject", subject, "--body", "text", *more)[0]["id"]
    return found


def claimed(where: Path) -> None:
    """Make a workspace whose one message CA has claimed."""
    workspace(where)
    claim = do(where, "claim", "CA", "--lease", "1h")[0]
    _note(where, id=claim["id"], token=claim["token"])


def dead(where: Path) -> None:
    """Make a workspace whose one message is a dead letter."""
    do(where, "init", "--agents", "CC,CA,WA,ARCH")
    (where / "bluelabel.toml").write_text(
        '[workspace]\nagents = ["CC", "CA", "WA", "ARCH"]\n[postbox]\nmax_attempts = 1\n'
    )
    send(where, "first")
    claim = do(where, "claim", "CA")[0]
    do(where, "nack", claim["id"], "--token", claim["token"], "--reason", "no")
    _note(where, id=claim["id"])


def torn(where: Path) -> None:
    """Make a workspace whose ledger ends in half an event, with a temporary file that nobody will finish."""
    workspace(where)
    ledger = home_of(where) / "ledger"
    last = max(ledger.glob("*.jsonl"))
    with last.open("ab") as file:
        file.write(b'{"seq":99,"at":"2026-01-01T00:00:00.000000Z","by":"CC","kind":"message.se')
    (ledger / f"{last.name}.heal").write_bytes(b"half")


def dropped(where: Path) -> None:
    """Make a workspace with a file in the drop of CA."""
    workspace(where)
    drop = where / "postbox" / "CA" / "drop"
    drop.mkdir(parents=True, exist_ok=True)
    (drop / "note.json").write_text(json.dumps({"from": "CC", "subject": "dropped", "content": {"body": "text"}}))


def edited(where: Path) -> None:
    """Make a workspace whose outbox of CA was edited by hand: a report was added."""
    workspace(where)
    box = where / "postbox" / "CA" / "outbox.json"
    entries = json.loads(box.read_bytes()) if box.exists() else []
    report = {"task_id": "TASK-7", "status": "completed", "summary": "written by hand"}
    entries.insert(max(0, len(entries) - 1), report)
    box.write_text(json.dumps(entries, indent=2))


def rotating(where: Path) -> None:
    """Make a workspace whose segment is full: the next event starts another one."""
    workspace(where)
    send(where, "second")


def cloned(where: Path) -> None:
    """Make a workspace whose boxes were written by another post office: two messages wait in them, one was handled."""
    workspace(where)
    for name in ("second", "third"):
        send(where, name)
    claim = do(where, "claim", "CA")[0]
    do(where, "ack", claim["id"], "--token", claim["token"])
    shutil.rmtree(home_of(where))
    do(where, "init")


def settled(where: Path) -> None:
    """Make a workspace with a message that was handled long ago."""
    claimed(where)
    do(where, "ack", _case(where)["id"], "--token", _case(where)["token"])


def _note(where: Path, **values: str) -> None:
    (where / "case.json").write_text(json.dumps(values))


def _case(where: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((where / "case.json").read_text())
    return found


Check = Callable[[Outcome], list[str]]
Entry = tuple[Callable[[Path], None], Callable[[Path], list[str]], dict[str, Any]]
"""How a command begins (fills an empty directory), its words, and what differs from the usual.

What differs is any field of `Scenario`, such as `check`, `truth` (None: it acknowledges nothing durable), `ack`,
`floor`, `patience`, `megabytes`, `env`; `afterwards`, the words of the command that recovers, given the directory
(usually `recover`); and `segment`, the bytes of a small segment.
"""


def judged_mail(*, redelivered: int = 1, wanted: Check | None = None) -> Check:
    """Return the check of a workspace with mail: nothing is lost, torn, or handed out more than `redelivered` times.

    Args:
        redelivered: how often one message may be handed out.
        wanted: what must hold as well once something has recovered.
    """

    def check(outcome: Outcome) -> list[str]:
        facts = read_disk(home_of(outcome.dir)).facts
        first = {fact.data["message"]["id"] for fact in facts[:2] if fact.kind == "message.sent"}
        wrong = judge(outcome) if first else ["the message that was there before is lost", *judge(outcome)]
        often = [c.id for c in history(facts).courses.values() if c.claims > redelivered]
        wrong += [f"handed out more than {redelivered} times: {often}"] if often else []
        return wrong + (wanted(outcome) if wanted is not None and outcome.recovered else [])

    return check


def _imported(subject: str) -> Check:
    """Return a check that a hand-written message is in the ledger exactly once, after recovering."""

    def check(outcome: Outcome) -> list[str]:
        found = [fact for fact in read_disk(home_of(outcome.dir)).of("message.sent") if subject in json.dumps(fact)]
        return [] if len(found) == 1 else [f"{subject!r} was imported {len(found)} times"]

    return check


def _adopted(outcome: Outcome) -> list[str]:
    """Check that the mail of the other post office is here once, once adopting was asked for again."""
    story = history(read_disk(home_of(outcome.dir)).facts)
    states = sorted(course.state for course in story.courses.values())
    here = states == ["acked", "sent", "sent"]
    return judge(outcome) + ([] if here or not outcome.recovered else [f"the messages are {states}"])


def _archived(outcome: Outcome) -> list[str]:
    """Check that a message is in the archive exactly once if the ledger says so."""
    moved = len(list(read_disk(home_of(outcome.dir)).of("message.archived")))
    lines = [line for path in outcome.dir.glob("postbox/*/archive/*.jsonl") for line in path.read_text().splitlines()]
    whole = [line for line in lines if line.endswith("}")]
    return [] if moved <= len(whole) <= 1 else [f"archived {moved} times, and {len(whole)} whole lines say so"]


def _arriving(subject: str) -> dict[str, Any]:
    return {"check": judged_mail(wanted=_imported(subject)), "truth": None}


def _made(outcome: Outcome) -> list[str]:
    """Check a workspace that was made, perhaps in two goes; what the first one left is put right by `recover`."""
    wrong = judge(outcome) if outcome.fine or outcome.recovered else []
    return [text for text in wrong if not text.startswith("left behind")]


def _settle(verb: str, *more: str) -> Callable[[Path], list[str]]:
    return lambda where: [verb, _case(where)["id"], "--token", _case(where)["token"], *more]


_SEND = ["send", "--from", "CC", "--to", "CA,WA", "--subject", "second", "--body", "text", "--key", "k2"]
_ARCHIVE = ["archive", "--older", "0s"]
_INIT = ["init", "--agents", "CC,CA"]
SCENARIOS: dict[str, Entry] = {
    "send": (workspace, lambda _: _SEND, {}),
    "claim": (workspace, lambda _: ["claim", "CA"], {}),
    "ack": (claimed, _settle("ack", "--result", '{"done": true}'), {}),
    "nack": (claimed, _settle("nack", "--reason", "later"), {}),
    "renew": (claimed, _settle("renew", "--lease", "2h"), {}),
    "dead-retry": (dead, lambda where: ["dead", "retry", _case(where)["id"]], {}),
    "recover": (torn, lambda _: ["recover"], {}),
    "rotate": (rotating, lambda _: _SEND, {"segment": SEGMENT}),
    "drop": (dropped, lambda _: ["inbox", "CA"], _arriving("dropped")),
    "hand-edit": (edited, lambda _: ["outbox", "CA"], _arriving("by hand")),
    "adopt": (cloned, lambda _: ["adopt"], {"check": _adopted, "afterwards": lambda _: ["adopt"]}),
    "archive": (settled, lambda _: _ARCHIVE, {"check": judged_mail(wanted=_archived)}),
    "init": (lambda _: None, lambda _: _INIT, {"check": _made, "afterwards": lambda _: _INIT}),
}
QUICK = ("send", "claim", "ack", "recover", "rotate", "drop", "hand-edit", "init")
"""Those of which `make test` sweeps a sample. The others are much like these."""


def kill_scenario(count: int = 100_000, *, forked: bool = False) -> Scenario:
    """Return the scenario of the random kill loop: a process that sends, works and keeps boxes without end.

    Args:
        count: how often.
        forked: whether to fork interpreters instead of starting them; close its `servers` then.
    """
    python = [] if forked else [sys.executable]

    def argv(where: Path) -> Sequence[str]:
        return [*python, "-m", "reliability.driver", str(where), "mixed", str(count)]

    def recover(where: Path) -> Sequence[str]:
        return ["--root", str(where), "recover", "--json"] if forked else bluelabel(where, "recover", "--json")

    servers = Zygotes([], environment(ENV)) if forked else None
    return Scenario("driver", workspace, argv, judge, recover, TOLD, TRUTH, env=ENV, servers=servers)
