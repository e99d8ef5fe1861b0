"""The command line that other programs call: no command, option, key or exit code of the contract may go missing."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from cli_driver import Result, bluelabel

from bluelabel.apps.cli.main import cli
from bluelabel.interfaces import schemas

DOCS = Path(__file__).parents[3] / "docs"
SYNOPSIS = """
init [DIR] [--agents CC,CA,WA,ARCH] [--dry-run]
demo [--dir D]
status
doctor [--fix]
recover
read FILE
send --from A --to B,C [--type T] [--task ID] [--subject S] [--body TEXT] [--content JSON] [--priority P]
     [--thread ID] [--reply-to ID] [--key K] [--expires 2h] [--delay 5m] [--wait-for seen|acked] [--timeout 30s]
inbox A
outbox A
claim A [--wait S] [--lease 15m]
ack ID --token T [--result JSON]
nack ID --token T [--reason R] [--delay 1m]
renew ID --token T
reply ID --from A --body TEXT
thread ID
search TEXT
dead list
dead retry ID
dead purge
watch [A]
agent list
agent show A
agent add A
agent run A
up
worker
card list [--file F]
card show ID [--file F]
card new TITLE [--file F]
card set ID FIELD VALUE [--file F]
card check ID N [--file F]
card archive [--file F]
card stats [--file F]
card lint [--file F]
card verify [ID] [--rev REV] [--file F]
card restore [--file F]
card next [--file F]
card board [--file F]
run dag [FILE] [--input k=v] [--run-id ID] [--max-parallel N] [--detach] [--status ID] [--verbose] [--retry ID]
     [--from STEP] [--reason R] [--cancel ID] [--list] [--watch ID]
run agent NAME --input JSON
approve RUN STEP
reject RUN STEP
workflow check FILE
workflow new NAME
workflow graph FILE [--format unicode|svg|png|mermaid|dot]
workflow schema
sprint plan
sprint launch
sprint status
sprint burndown
sprint summary
sprint closeout [--dry-run] [--yes]
sprint postmortem
log [--after SEQ] [--follow]
log verify
git install
git uninstall
schema [NAME]
"""
CALLS = re.sub(r"\n +", " ", SYNOPSIS.strip()).splitlines()
GLOBAL = ("--root DIR", "--json", "--no-color", "-q", "-v")
FLAGS = {"--dry-run", "--fix", "--detach", "--list", "--yes", "--follow", "--verbose"}
VALUES = {"N": "2", "P": "HIGH", "S": "1", "SEQ": "0", "k=v": "a=b"}


def called(call: str) -> tuple[click.Context, list[str]]:
    """Return the command that a line of the synopsis calls, and its words behind the name."""
    words = call.split()
    command: click.Command = cli
    context = click.Context(cli, info_name="bluelabel", **cli.context_settings)
    while words and isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no command {call!r}"
        command, context = found, click.Context(found, parent=context, info_name=words.pop(0))
    return context, words


def typed(words: list[str]) -> Iterator[str]:
    """Yield the words as a caller would type them: brackets gone, alternatives reduced to their first."""
    for word in words:
        bare = word.strip("[]")
        yield VALUES.get(bare, bare.split("|")[0])


@pytest.mark.parametrize("call", CALLS)
def test_every_call_of_the_contract_is_understood_as_it_is_written(call: str) -> None:
    context, words = called(call)
    given = set(context.command.make_parser(context).parse_args(list(typed(words)))[0])

    wanted = {option for word in words if (option := word.strip("[]")).startswith("--")}
    names = {name for parameter in context.command.params if parameter.name in given for name in parameter.opts}
    assert wanted <= names
    for option in wanted & FLAGS:
        (found,) = [p for p in context.command.params if option in p.opts]
        assert isinstance(found, click.Option)
        assert found.is_flag


@pytest.mark.parametrize(
    ("call", "option", "words"),
    [
        ("send", "--wait-for", ["seen", "acked"]),
        ("workflow graph", "--format", ["unicode", "svg", "png", "mermaid", "dot"]),
        ("send", "--priority", ["LOW", "MEDIUM", "HIGH", "CRITICAL", "low", "high"]),
        ("send", "--expires", ["2h", "5m", "30s", "15m", "1m", "1.5h", "90", "7d", "500ms"]),
        ("claim", "--wait", ["5", "30s", "0"]),
        ("claim", "--lease", ["15m"]),
        ("nack", "--delay", ["1m"]),
    ],
)
def test_every_value_of_the_contract_is_taken(call: str, option: str, words: list[str]) -> None:
    context, _ = called(call)
    (parameter,) = [p for p in context.command.params if option in p.opts]

    for word in words:
        parameter.type.convert(word, parameter, context)


def commands(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        assert command is not None
        yield f"{context.command_path} {word}", command
        if isinstance(command, click.Group):
            yield from commands(command, click.Context(command, parent=context, info_name=word))


def test_the_global_options_stand_before_and_behind_every_command() -> None:
    root = click.Context(cli, info_name="bluelabel", **cli.context_settings)
    found = dict(commands(cli, root), bluelabel=cli)
    missing = [
        f"{name} {option}"
        for name, command in found.items()
        for option in (word.split()[0] for word in GLOBAL)
        if not any(option in parameter.opts for parameter in command.params)
    ]

    assert len(found) > 70
    assert missing == []


def test_the_global_options_do_the_same_before_and_behind(tmp_path: Path) -> None:
    workspace(tmp_path)
    outside = tmp_path.parent
    calls = [
        bluelabel(tmp_path, "--json", "status"),
        bluelabel(tmp_path, "status", "--json"),
        bluelabel(outside, "status", "--json", "--root", str(tmp_path)),
        bluelabel(outside, "--json", "dead", "--root", str(tmp_path), "list"),
    ]
    quiet = [bluelabel(tmp_path, "-q", "status"), bluelabel(tmp_path, "status", "-q")]

    assert [call.code for call in calls] == [0] * 4
    assert calls[0].out == calls[1].out == calls[2].out != ""
    assert [call.out + call.err for call in quiet] == ["", ""]


def git(where: Path, *args: str) -> None:
    names = ["-c", "user.name=T", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *names, *args], cwd=where, check=True, capture_output=True)


FLOW = 'name: w\nversion: 1.0.0\nsteps:\n  - id: hi\n    command: ["echo", "hi"]\n'


def workspace(root: Path) -> Path:
    root.mkdir(exist_ok=True)
    git(root, "init", "--quiet", "--initial-branch", "main")
    assert bluelabel(root, "init").code == 0
    (root / "w.yaml").write_text(FLOW, encoding="utf-8")
    (root / "TASK_CARDS.md").write_text(
        "# Task Cards\n\n## Active Tasks\n\n### TASK-1: Tea\nStatus: NOT_STARTED\n- [ ] pot\n"
    )
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "start")
    return root


def one_of_each(root: Path) -> Iterator[tuple[str, Result]]:
    """Call every command that ends by itself, with ``--json``; each finds something to say."""

    def call(*args: str) -> Iterator[tuple[str, Result]]:
        yield " ".join(args), bluelabel(root, *args, "--json")

    def handed(*more: str) -> tuple[str, str]:
        bluelabel(root, "send", "--from", "ARCH", "--to", "CC", *more)
        held = bluelabel(root, "claim", "CC", "--json").object
        return held["id"], held["token"]

    yield from call("init")
    yield from call(
        "send", "--from", "ARCH", "--to", "CC,CA", "--type", "task_assignment", "--body", "tea", "--task", "TASK-1"
    )
    for name in ("status", "doctor", "recover", "adopt --dry-run", "inbox CC", "outbox ARCH", "claim CA", "search tea"):
        yield from call(*name.split())
    message, token = handed("--priority", "CRITICAL")
    yield from call("renew", message, "--token", token)
    yield from call("nack", message, "--token", token, "--reason", "later")
    yield from call("reply", message, "--from", "CC", "--body", "which pot?")
    yield from call("thread", message)
    message, token = handed()
    yield from call("ack", message, "--token", token, "--result", '{"ok": true}')
    waiting = bluelabel(root, "send", "--from", "ARCH", "--to", "WA", "--json").object["id"]
    yield from call("withdraw", waiting, "--from", "ARCH")
    (root / "postbox" / "CA" / "drop" / "a.json").write_text('{"from": "CC", "task_id": "TASK-1", "status": "done"}')
    bluelabel(root, "inbox", "CA")
    for name in (
        "undo",
        "dead list",
        "dead purge",
        "archive --older 0s",
        "agent list",
        "agent show CC",
        "agent add NEW",
    ):
        yield from call(*name.split())
    yield from call("run", "agent", "digest", "--input", '{"action": "generate_digest"}')
    for name in (
        "list",
        "show TASK-1",
        "new Coffee",
        "set TASK-1 status IN_PROGRESS",
        "check TASK-1 1",
        "stats",
        "lint",
    ):
        yield from call("card", *name.split())
    for name in ("verify TASK-1 --rev HEAD", "next", "board", "archive TASK-1", "restore", "undo"):
        yield from call("card", *name.split())
    yield from call("run", "dag", "w.yaml", "--run-id", "r1", "--max-parallel", "2")
    for name in ("--status r1", "--list", "--watch r1", "--retry r1", "--cancel r1"):
        yield from call("run", "dag", *name.split())
    for name in ("approve r1 hi", "reject r1 hi", "workflow check w.yaml", "workflow new mine", "workflow schema"):
        yield from call(*name.split())
    for name in ("workflow graph r1 --format svg", "workflow trace r1", "workflow compare r1 r1"):
        yield from call(*name.split())
    yield from call("sprint", "plan", "1", "--phase", "1", "--card", "TASK-2")
    for name in ("launch", "status", "burndown", "summary", "closeout --dry-run", "postmortem"):
        yield from call("sprint", *name.split())
    for name in (
        "log --after 1",
        "log verify",
        "git install",
        "git check",
        "git uninstall",
        "schema",
        "schema message",
    ):
        yield from call(*name.split())
    yield from call(
        "read", str(root / "TASK_CARDS.md"), str(root / "postbox" / "CC" / "inbox.json"), str(root / "w.yaml")
    )
    yield from call("completion", "bash")


SILENT = {"recover", "dead list", "card lint", "card restore", "workflow compare r1 r1", "git check", "undo"}
"""Those that may have nothing to say."""


OPEN = {"bluelabel.event/1", "bluelabel.run_event/1", "bluelabel.trace/1", "bluelabel.comparison/1"}
"""Those whose keys depend on what happened."""


def test_with_json_there_is_one_object_a_line_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = workspace(tmp_path / "a way with späces")
    monkeypatch.chdir(root)
    faults: list[str] = []
    seen: dict[str, set[str]] = {}
    for name, result in one_of_each(root):
        lines = [json.loads(line) for line in result.out.splitlines()]
        named = [line.get("schema", "") if isinstance(line, dict) else "" for line in lines]
        if not all(re.fullmatch(r"bluelabel\.[a-z_]+/1", schema) for schema in named):
            faults.append(f"{name}: {result.out[:200]}")
        if not lines and result.code == 0 and name not in SILENT:
            faults.append(f"{name}: says nothing")
        if result.code not in (0, 1, 4) or "Traceback" in result.err or "should not happen" in result.err:
            faults.append(f"{name}: {result.code} {result.err}")
        for line in lines:
            if line.get("schema") not in OPEN:
                seen.setdefault(line["schema"].split(".")[1].split("/")[0], set()).update(line)

    assert faults == []
    assert len(seen) > 30
    assert [f"{noun}: {key}" for noun, keys in seen.items() for key in sorted(keys - documented(noun))] == []


def documented(noun: str) -> set[str]:
    """Return the keys that `docs/reference/json.md` and the schema it names give to a noun."""
    page = (DOCS / "reference" / "json.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if re.match(rf"\| (?:`\w+`, )*`{noun}`", line)]
    _, _, _, told, schema, _ = (cell.strip() for cell in row.split("|"))
    found = set(re.findall(r"`(\w+)`", told)) | {"schema"}
    if schema:
        found |= set(json.loads(schemas.text(schema.strip("`")))["properties"])
    return found | (documented("sprint") if "as `sprint`" in told else set())
