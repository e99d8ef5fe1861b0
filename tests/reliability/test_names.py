"""Hostile names and paths at every door: refused in one line, and nothing outside the workspace moves."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from reliability.disk import home_of, read_disk
from reliability.forked import Zygotes
from reliability.sandbox import TRACEBACK, environment
from reliability.scenarios import ENV, workspace

from bluelabel.interfaces.errors import UnreadableInput
from bluelabel.runner.boxes import Boxes
from bluelabel.runner.workspace import Workspace
from bluelabel.services.files.confined import opened, read_at

NAMES = (
    *("", ".", "..", "../../x", "../CA", "/etc/passwd", "/", "a/b", "a\\b", "..\\x", "C:", "C:\\x", "con", "NUL"),
    *("lpt1", "aux.json", "-rf", "--help", "-", "x" * 256, "x" * 4096, "a b", " CA", "CA ", "CA.", "a\tb", "a\nb"),
    *("CA\n", "\r", "%2e%2e", "%2e%2e%2fx", "a%00b", "\u0421A", "\u0421\u0421", "\uff23\uff21", "C\u200bA"),
    *("\u202eAC", "CA\u0301", "$(touch x)", "`id`", ";id", "|id", "&", "*", "?", "[a]", "{a,b}", "\x1b[31mCA"),
    *("\x07", "\x7f", "\u00e9", "_", "~", "~root", "file:///etc/passwd", "http://x/", '"', "'", "<CA>", "a:b"),
    *("a@b/c", "\ufeffCA", "\u2028", "CA\u00a0"),
)
"""None of them may name an agent, a message, a task or a thread. (No argument of a process can hold a NUL.)"""

DOORS: dict[str, Callable[[str], list[str]]] = {
    "send --from": lambda name: ["send", f"--from={name}", "--to=CA", "--body=x"],
    "send --to": lambda name: ["send", "--from=CC", f"--to={name}", "--body=x"],
    "send --task": lambda name: ["send", "--from=CC", "--to=CA", f"--task={name}", "--body=x"],
    "send --thread": lambda name: ["send", "--from=CC", "--to=CA", f"--thread={name}", "--body=x"],
    "inbox": lambda name: ["inbox", "--", name],
    "outbox": lambda name: ["outbox", "--", name],
    "claim": lambda name: ["claim", "--", name],
    "ack": lambda name: ["ack", "--token=t", "--", name],
    "reply": lambda name: ["reply", "--from=CC", "--body=x", "--", name],
    "thread": lambda name: ["thread", "--", name],
    "withdraw": lambda name: ["withdraw", "--", name],
    "dead retry": lambda name: ["dead", "retry", "--", name],
    "dead list": lambda name: ["dead", "list", "--", name],
    "agent add": lambda name: ["agent", "add", "--", name],
    "agent show": lambda name: ["agent", "show", "--", name],
    "card show": lambda name: ["card", "show", "--", name],
    "card set": lambda name: ["card", "set", "--", name, "Status", "BLOCKED"],
    "run --status": lambda name: ["run", "dag", f"--status={name}"],
    "run --cancel": lambda name: ["run", "dag", f"--cancel={name}"],
    "approve": lambda name: ["approve", "--", name, "step"],
    "init --agents": lambda name: ["init", f"--agents=CC,{name}"],
}
SEVERAL = frozenset({"send --to", "init --agents"})
"""Doors that take several names with commas between, and forgive blanks round them."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygotes]:
    made = Zygotes([], environment(ENV))
    where = tmp_path_factory.mktemp("learn")
    several = (["init"], *(DOORS[name]("x") for name in ("send --to", "thread", "card show", "run --status")))
    start = [["--root", str(where), *words] for words in several]
    made.teach(start, where, where, 30.0)
    yield made
    made.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("names") / "d"
    where.mkdir()
    workspace(where)
    (where.parent / "canary").mkdir()
    (where.parent / "canary" / "bird").write_text("sings")
    for name in ("out", "err"):
        where.with_name(name).touch()
    return where


def call(servers: Zygotes, place: Path, words: list[str]) -> tuple[int, str]:
    out, err = place.with_name("out"), place.with_name("err")
    status = servers.run(["--root", str(place), *words, "--json"] if "--" not in words else _with_json(place, words),
                         place, out, err, 20.0)  # fmt: skip
    return status, err.read_text(errors="replace")


def _with_json(place: Path, words: list[str]) -> list[str]:
    at = words.index("--")
    return ["--root", str(place), *words[:at], "--json", *words[at:]]


def tree(root: Path) -> dict[str, str]:
    """Return what is beside the workspace and in it, apart from the state and what the harness writes, by hash."""
    skipped = {root / "out", root / "err"}
    files = [p for p in root.rglob("*") if p not in skipped and ".bluelabel" not in p.parts]
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "" for p in files}


def cases() -> Iterator[object]:
    """Yield each door with every name, for the night, and with three of them, in turns."""
    for number, door in enumerate(DOORS):
        yield pytest.param(door, NAMES, marks=[pytest.mark.nightly, pytest.mark.timeout(600)], id=f"{door}-all")
        yield pytest.param(door, [NAMES[(number * 3 + n) % len(NAMES)] for n in range(3)], id=door)


@pytest.mark.parametrize(("door", "names"), list(cases()))
def test_a_hostile_name_is_refused_at_every_door(
    door: str, names: tuple[str, ...], servers: Zygotes, place: Path
) -> None:
    before, facts = tree(place.parent), len(read_disk(home_of(place)).facts)
    for name in names:
        if door in SEVERAL and name.strip() in ("", "CA"):
            continue
        status, err = call(servers, place, DOORS[door](name))

        assert status in (2, 3), (name, status, err)
        assert TRACEBACK not in err
        assert err.startswith("error: "), (name, err)
        assert len(err.splitlines()) <= 2, (name, err)
        assert "should not happen" not in err, (name, err)
        assert not any(ord(c) < 32 for c in err.replace("\n", "")), (name, err)
        assert len(err) < 1_000
    assert tree(place.parent) == before
    assert len(read_disk(home_of(place)).facts) == facts


def test_a_file_may_have_any_name_in_a_drop(place: Path) -> None:
    drop = place / "postbox" / "WA" / "drop"
    raw = [name for name in NAMES if name not in ("", ".", "..") and "/" not in name and len(name.encode()) < 240]
    for number, name in enumerate(raw):
        (drop / f"{name}.json").write_text(f'{{"from": "CC", "subject": "n{number}"}}')
    (drop / os.fsdecode(b"\xff\xfe.json")).write_text('{"from": "CC", "subject": "bytes"}')
    found = Workspace.open(place)
    Boxes(found).sweep(["WA"])
    facts = read_disk(home_of(place)).of("message.sent")
    found.close()
    hidden = {f"n{number}" for number, name in enumerate(raw) if name.startswith(".")}

    subjects = {fact["message"]["subject"] for fact in facts if fact["to"] == ["WA"]}
    assert subjects == {f"n{number}" for number in range(len(raw))} - hidden | {"bytes"}


@pytest.mark.parametrize(
    "what", ["postbox", "postbox/CA", "postbox/CA/inbox.json", "postbox/CA/drop", "postbox/CA/quarantine"]
)
def test_a_link_out_of_the_workspace_is_not_followed(what: str, tmp_path: Path) -> None:
    root, canary = tmp_path / "d", tmp_path / "canary"
    root.mkdir()
    workspace(root)
    target = root / what
    if target.is_dir():
        target.rename(tmp_path / "moved")
        (tmp_path / "moved").rename(canary)
    else:
        canary.mkdir()
        target.unlink(missing_ok=True)
    (canary / "x.json").write_text("{")
    target.symlink_to(canary)
    before = tree(canary)
    found = Workspace.open(root)
    boxes = Boxes(found)
    report = boxes.sweep()
    boxes.refresh(["CA"])
    found.close()

    assert tree(canary) == before
    assert report.problems or report.set_aside or what.endswith("quarantine")


@pytest.mark.parametrize("tries", [300, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_a_folder_swapped_for_a_link_never_leads_outside(tries: int, tmp_path: Path) -> None:
    postbox, outside = tmp_path / "postbox", tmp_path / "outside"
    (postbox / "CA" / "drop").mkdir(parents=True)
    (postbox / "CA" / "drop" / "x").write_text("inside")
    (outside / "drop").mkdir(parents=True)
    (outside / "drop" / "x").write_text("outside")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (postbox / "CA").rename(postbox / "away")
            (postbox / "CA").symlink_to(outside)
            (postbox / "CA").unlink()
            (postbox / "away").rename(postbox / "CA")

    swapper = threading.Thread(target=swap)
    swapper.start()
    seen: dict[str, int] = {}
    try:
        for _ in range(tries):
            try:
                with opened(postbox, "CA", "drop") as folder:
                    found = read_at(folder, "x", "x")
                answer = found.data.decode() if found is not None else "nothing"
            except (FileNotFoundError, UnreadableInput) as error:
                answer = type(error).__name__
            seen[answer] = seen.get(answer, 0) + 1
    finally:
        stop.set()
        swapper.join()

    assert "outside" not in seen
    assert sum(seen.values()) == tries
