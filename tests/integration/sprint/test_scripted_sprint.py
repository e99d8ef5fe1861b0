"""A whole sprint through the command line: three planted lies are named, and every figure can be computed anew.

The recomputation uses `git` and `bluelabel log --json` alone, with code of its own.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from bluelabel.apps.cli.main import main
from bluelabel.services.ledger.clock import SystemClock

AGENTS = ("CA", "CC", "WA")
BRANCHES = {
    0: "dev/TASK-500-state",
    1: "dev/TASK-501-runner",
    2: "dev/TASK-502-retry",
    3: "dev/TASK-503-cli",
    4: "ui/TASK-504-view",
}


class Shop:
    """A scratch repository that is worked in by command lines."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.later = timedelta()

    def run(self, *argv: str) -> str:
        done = subprocess.run(argv, cwd=self.root, capture_output=True, check=False, text=True)
        if done.returncode != 0:
            raise AssertionError(f"{argv} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def bl(self, *args: str, code: int = 0, agent: str | None = None) -> str:
        """Call the program, in this process for speed, as an agent or a person."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr(sys, "argv", ["bluelabel", "--root", str(self.root), *args])
            patch.setattr(SystemClock, "now", lambda _clock: datetime.now(UTC) + self.later)
            if agent:
                patch.setenv("BLUELABEL_AGENT", agent)
            with pytest.raises(SystemExit) as left:
                main()
        if left.value.code != code:
            raise AssertionError(f"{args} ended with {left.value.code}: {out.getvalue()}{err.getvalue()}")
        return out.getvalue()

    def git(self, *args: str) -> str:
        return self.run("git", *args).strip()

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def work(self, number: int, files: dict[str, str]) -> None:
        """One agent does one card on its branch."""
        self.git("checkout", "-q", "-b", BRANCHES[number], "main")
        for path, text in files.items():
            self.write(path, text)
        self.git("add", "--", *files)
        self.git("commit", "-q", "--no-verify", "-m", f"Do TASK-50{number}")
        self.git("checkout", "-q", "main")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path / "repo")
    made.root.mkdir()
    made.git("init", "-q", "-b", "main")
    made.write("README.md", "# Scratch\n")
    made.write(
        "check.py",
        "import pathlib, sys\nok = not pathlib.Path('failing').exists()\n"
        "print('7 passed' if ok else '1 failed')\nsys.exit(not ok)\n",
    )
    made.bl("init", "--agents", "CA,CC,WA,ARCH")
    with (made.root / "bluelabel.toml").open("a") as stream:
        stream.write(f'\n[evidence]\ntest = ["{sys.executable}", "check.py"]\n')
    if not (made.root / "TASK_CARDS.md").exists():
        made.write("TASK_CARDS.md", "# Task Cards\n\n## Active Tasks\n")
    made.git("add", ".")
    made.git("commit", "-q", "-m", "Begin")
    return made


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def recomputed(shop: Shop, base: str, commit: str, launched: int, upto: int) -> dict[str, float]:
    """Compute the figures from `git` and the log, by other means than the program's."""
    log = [e for e in lines(shop.bl("log", "--json")) if launched < e["seq"] <= upto]
    everything = lines(shop.bl("log", "--json"))
    [start] = [e for e in everything if e["kind"] == "sprint.launched"]
    measured = [e for e in everything if e["kind"] == "sprint.noted" and e["what"] == "measured"][-1]
    ours = {card["id"] for card in start["cards"]}
    statuses = list(measured["cards"].values())
    verified = {e["id"]: e for e in log if e["kind"] == "card.verified" and e["id"] in ours}
    claims = [claim["ok"] for e in verified.values() for claim in e["claims"]]
    changes = [e for e in log if e["kind"] == "card.changed" and e["field"] == "status"]
    hours = []
    for card in ours:
        own = [e for e in changes if e["id"] == card]
        begun = next((e["at"] for e in own if e["after"].startswith("IN_PROGRESS")), start["at"])
        ended = [e["at"] for e in own if e["after"].startswith("COMPLETED")]
        if ended and measured["cards"][card] == "COMPLETED":
            taken = datetime.fromisoformat(ended[-1]) - datetime.fromisoformat(begun)
            hours.append(taken.total_seconds() / 3600)
    span = f"{base}..{commit}"
    stat = [line.split("\t") for line in shop.git("diff", "--no-renames", "--numstat", base, commit).splitlines()]
    return {
        "cards.planned": len(start["cards"]),
        "cards.completed": statuses.count("COMPLETED"),
        "cards.cancelled": statuses.count("CANCELLED"),
        "cards.open": sum(status not in ("COMPLETED", "CANCELLED") for status in statuses),
        "cards.forced": sum("forced" in e for e in changes if e["id"] in ours),
        "claims.true": claims.count(True),
        "claims.false": claims.count(False),
        "claims.unverifiable": claims.count(None),
        "messages.sent": sum(e["kind"] == "message.sent" for e in log),
        "messages.acked": sum(e["kind"] == "message.acked" for e in log),
        "messages.dead": sum(e["kind"] == "message.dead" for e in log),
        "runs.made": sum(e["kind"] == "run.created" for e in log),
        "hours.median": round(median(hours), 2),
        "git.commits": int(shop.git("rev-list", "--count", span)),
        "git.merges": int(shop.git("rev-list", "--count", "--merges", span)),
        "git.authors": len(set(shop.git("log", "--format=%an", span).splitlines())),
        "git.files": len(stat),
        "git.added": sum(int(row[0]) for row in stat),
        "git.removed": sum(int(row[1]) for row in stat),
    }


def recomputed_tables(
    shop: Shop, launched: int, place: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Compute what each agent did and what was left each day, from the log alone."""
    everything = lines(shop.bl("log", "--json"))
    log = [e for e in everything if launched < e["seq"] <= place["seq"]]
    start = next(e for e in everything if e["seq"] == launched)
    ended = next(e for e in everything if e.get("what") == "measured" and e["upto"] == place["seq"])["cards"]
    changes = [e for e in log if e["kind"] == "card.changed" and e["field"] == "status"]
    agents = []
    for agent in sorted({card["agent"] for card in start["cards"]}):
        own = [card["id"] for card in start["cards"] if card["agent"] == agent]
        spans = []
        for card in own:
            moments = {e["after"].split()[0]: e["at"] for e in reversed(changes) if e["id"] == card}
            last = [e["at"] for e in changes if e["id"] == card and e["after"].startswith("COMPLETED")][-1]
            begun = datetime.fromisoformat(moments["IN_PROGRESS"])
            spans.append(round((datetime.fromisoformat(last) - begun).total_seconds() / 3600, 2))
        sent = sum(e["kind"] == "message.sent" and e["by"] == agent for e in log)
        done = sum(ended[card] == "COMPLETED" for card in own)
        row = {"agent": agent, "cards": len(own), "completed": done, "sent": sent, "hours": round(median(spans), 2)}
        agents.append(row)
    days, day = [], date.fromisoformat(start["at"][:10])
    while day.isoformat() <= place["at"][:10]:
        state = {card["id"]: card["status"] or "" for card in start["cards"]}
        state |= {e["id"]: e["after"] for e in changes if e["at"][:10] <= day.isoformat() and e["id"] in state}
        left = sum(not text.startswith(("COMPLETED", "CANCELLED")) for text in state.values())
        days.append({"day": day.isoformat(), "remaining": left})
        day += timedelta(days=1)
    return agents, days


def written_rows(text: str, heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading of a document."""
    table = [line for line in text.partition(f"## {heading}\n")[2].partition("\n## ")[0].splitlines() if "|" in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_a_sprint_with_three_lies_is_refused_mended_and_closed(shop: Shop) -> None:
    cards = [f"TASK-50{n}:{AGENTS[n % 3]}:{BRANCHES.get(n, '')}:Piece {n}" for n in range(8)]
    options = [part for card in cards for part in ("--card", card)]
    shop.bl(
        "sprint", "plan", "1", "--phase", "6.13", "--title", "Reliable runs", "--goal", "Make runs resume.", *options
    )
    launched = json.loads(shop.bl("sprint", "launch", "--json"))
    assert launched["assigned"] == {"CA": 3, "CC": 3, "WA": 2}
    shop.git("add", "-A", ".")
    shop.git("commit", "-q", "-m", "Launch the sprint")
    for n in range(8):
        agent = AGENTS[n % 3]
        message = json.loads(shop.bl("claim", agent, "--json", agent=agent))
        if n in BRANCHES:
            shop.work(n, {f"src/piece{n}.py": f"PIECE = {n}\n"})
        shop.bl("card", "set", f"TASK-50{n}", "status", "IN_PROGRESS", agent=agent)
        shop.later += timedelta(minutes=12, hours=17 * (n % 3))
        shop.bl("card", "set", f"TASK-50{n}", "status", "COMPLETED", agent=agent)
        shop.bl(
            "ack",
            message["message"]["id"] if "message" in message else message["id"],
            "--token",
            message["token"],
            agent=agent,
        )
    shop.bl("send", "--from", "CA", "--to", "ARCH", "--subject", "done", "--body", "all of it", agent="CA")
    shop.git("merge", "-q", "--no-ff", "-m", f"Merge branch '{BRANCHES[0]}'", BRANCHES[0])
    # Three things that are not so: a file that is nowhere, a branch that is not merged, a test that fails.
    text = (shop.root / "TASK_CARDS.md").read_text()
    mark = text.index("### TASK-507")
    head = "**Files Created/Modified:**"
    claimed = text[mark:].replace(head, f"{head}\n- src/never_written.py (new)", 1)
    shop.write("TASK_CARDS.md", text[:mark] + claimed)
    shop.write("failing", "x")
    shop.git("add", "-A", ".")
    shop.git("commit", "-q", "--no-verify", "-m", "Say it is done")

    refused = json.loads(shop.bl("sprint", "closeout", "--json", code=1))
    named = {(drift["kind"], drift["target"]) for drift in refused["drifts"]}
    assert ("claim", "TASK-507 src/never_written.py") in named
    assert ("branch", BRANCHES[1]) in named
    assert "tests" in {kind for kind, _ in named}
    assert ("branch", BRANCHES[0]) not in named
    assert not refused["closed"]
    assert shop.git("tag") == ""

    shop.write(
        "TASK_CARDS.md",
        (shop.root / "TASK_CARDS.md").read_text().replace("src/never_written.py (new)", "README.md (updated)"),
    )
    shop.write("README.md", "# Scratch, with words\n")
    shop.git("rm", "-q", "failing")
    shop.git("add", "TASK_CARDS.md", "README.md")
    shop.git("commit", "-q", "-m", "Mend it")
    closed = json.loads(shop.bl("sprint", "closeout", "--yes", "--json"))
    assert closed["closed"], closed
    assert closed["drifts"] == []
    # What a person merged by hand, a person deletes; the clerk deletes what it merged itself.
    assert shop.git("branch", "--format=%(refname:short)").split() == [BRANCHES[0], "main"]
    assert shop.git("cat-file", "-t", closed["tag"]) == "tag"

    summary = json.loads(shop.bl("sprint", "summary", "--sprint", "1", "--json"))
    place = summary["measured"]
    stated = {number["key"]: number["value"] for number in summary["numbers"]}
    assert stated == recomputed(shop, place["base"], place["commit"], closed["launched"], place["seq"])
    assert stated["cards.completed"] == 8
    assert stated["git.merges"] == 5
    written = (shop.root / "reports/SPRINT_1_SUMMARY.md").read_text()
    for number in summary["numbers"]:
        assert f"| {number['label']} | {number['value']} |" in written
    agents, days = recomputed_tables(shop, closed["launched"], place)
    assert summary["agents"] == agents
    assert summary["burndown"] == days
    assert len(days) > 3
    assert [row["sent"] for row in agents] == [1, 0, 0]
    assert written_rows(written, "By agent") == [[str(value) for value in row.values()] for row in agents]
    assert written_rows(written, "Burndown") == [[str(value) for value in row.values()] for row in days]
    run = json.loads(shop.bl("run", "dag", "--status", closed["run"], "--json"))
    assert run["status"] == "success"
    assert json.loads(shop.bl("log", "verify", "--json").splitlines()[-1])
    assert (
        shop.git("status", "--porcelain", "--untracked-files=no", "--", "docs", "reports", "TASK_CARDS.md", "src") == ""
    )
