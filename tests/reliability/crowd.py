"""Many senders and many workers at once, one worker killed every so often: everything is handled, in order, once."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from reliability.disk import Fact, home_of, read_disk
from reliability.history import history
from reliability.mailcheck import judge
from reliability.report import Finding, Report
from reliability.sandbox import Outcome, end, environment
from reliability.scenarios import ENV, do


def crowd(base: Path, *, senders: int, each: int, workers: int, pause: float = 0.2, patience: float = 300.0) -> Report:
    """Let `senders` send `each` messages while `workers` handle them and one of these dies every `pause` seconds.

    Returns:
        A report whose ``more`` counts kills and redeliveries.
    """
    started = time.monotonic()
    root = base / "d"
    root.mkdir(parents=True)
    do(root, "init", "--agents", "CC,CA")
    total = senders * each
    sending = [_started(base, root, "send", each, f"s{n}") for n in range(senders)]
    names = (f"w{n}" for n in itertools.count())
    working = [_started(base, root, "work", 10**6, next(names)) for _ in range(workers)]
    kills = 0
    while time.monotonic() - started < patience:
        time.sleep(pause)
        if _acked(root) >= total:
            break
        if any(process.poll() is None for process in sending) or kills < 3:
            kills += working[0].poll() is None
            end(working.pop(0))
            working.append(_started(base, root, "work", 10**6, next(names)))
        working = [w if w.poll() is None else _started(base, root, "work", 10**6, next(names)) for w in working]
    for process in (*sending, *working):
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
    report = _judged(base, root, total, kills)
    report.seconds = time.monotonic() - started
    return report


def _judged(base: Path, root: Path, total: int, kills: int) -> Report:
    disk = read_disk(home_of(root))
    story = history(disk.facts)
    told = (base / "stdout").read_text(errors="replace")
    wrong = judge(Outcome(root, told))
    wrong += [f"stderr says {(base / 'stderr').read_text()[-300:]}"] if (base / "stderr").stat().st_size else []
    states = Counter(course.state for course in story.courses.values())
    wrong += [f"handled {states['acked']} of {total}: {dict(states)}"] if states != {"acked": total} else []
    again = sum(course.claims - 1 for course in story.courses.values())
    wrong += [f"{again} redeliveries after {kills} kills"] if again > kills else []
    wrong += overlaps(disk.facts) + disorder(disk.facts)
    report = Report("crowd", f"{total} messages", total, len(story.order), total)
    report.findings = [Finding("after all", "check", text) for text in wrong]
    report.more = {"kills": kills, "redeliveries": again}
    return report


def overlaps(facts: Iterable[Fact]) -> list[str]:
    """Return the claims that were given while another claim on the same message was still good."""
    until: dict[str, str] = {}
    wrong: list[str] = []
    for fact in facts:
        if fact.kind == "message.claimed":
            if until.get(fact.data["id"], "") > fact.data["at"]:
                wrong.append(f"event {fact.seq}: {fact.data['id']} was claimed while somebody held it")
            until[fact.data["id"]] = fact.data["lease_until"]
        elif fact.kind in ("message.acked", "message.nacked"):
            until.pop(fact.data["id"], None)
    return wrong


def disorder(facts: Iterable[Fact]) -> list[str]:
    """Return the senders whose messages were first handed out in another order than they were sent."""
    sent: dict[str, list[str]] = {}
    sender: dict[str, str] = {}
    given: dict[str, list[str]] = {}
    for fact in facts:
        if fact.kind == "message.sent":
            message = fact.data["message"]
            name = message["subject"].split("-")[0]
            sender[message["id"]] = name
            sent.setdefault(name, []).append(message["id"])
        elif fact.kind == "message.claimed" and fact.data["attempt"] == 1:
            given.setdefault(sender[fact.data["id"]], []).append(fact.data["id"])
    return [f"{name}'s messages were handed out in another order" for name in given if given[name] != sent[name]]


def _started(base: Path, root: Path, command: str, count: int, name: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "reliability.driver", str(root), command, str(count), name]
    with (base / "stdout").open("ab") as out, (base / "stderr").open("ab") as err:
        env = environment(ENV)
        return subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)


def _acked(root: Path) -> int:
    folder = home_of(root) / "ledger"
    return sum(path.read_bytes().count(b'"kind":"message.acked"') for path in folder.glob("*.jsonl"))
