"""Where nothing may be written: `.git` is read-only, as sandboxes of coding agents keep it, or a file is another's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_driver import Result, bluelabel
from powerless import WITHOUT_POWER, close_off, namespace, open_up, powerless

PROGRAM = [sys.executable, "-m", "bluelabel.apps.cli.main"]


class Place:
    """A workspace in a repository, with mail and cards in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / ".git" / "bluelabel"
        root.mkdir()
        for command in (["init", "-q", "-b", "main"], ["config", "user.email", "a@example.org"]):
            subprocess.run(["git", *command], cwd=root, check=True)
        subprocess.run(["git", "config", "user.name", "A"], cwd=root, check=True)
        bluelabel(root, "init")
        for number in range(3):
            bluelabel(root, "send", "--from", "CC", "--to", "CA", "--subject", f"letter {number}")
        for title in ("First", "Second"):
            bluelabel(root, "card", "new", title)
        subprocess.run(["git", "add", "-A"], cwd=root, check=True)
        subprocess.run(["git", "commit", "-qm", "start"], cwd=root, check=True)
        bluelabel(root, "card", "verify", "TASK-001")
        self.letter = str(bluelabel(root, "inbox", "CA", "--peek", "--json").lines[0]["id"])

    def __call__(self, *args: str) -> Result:
        """Call a command as a user for whom the modes of files hold."""
        with powerless():
            return bluelabel(self.root, *args)

    def files(self) -> set[str]:
        return {str(path) for path in self.root.rglob("*")}

    def reading(self) -> list[list[str]]:
        return [
            *(["card", *args] for args in (["list"], ["show", "TASK-001"], ["lint"], ["next"], ["board"], ["stats"])),
            ["card", "list", "--json"],
            ["card", "lint", "--file", "TASK_CARDS.md"],
            ["inbox", "CA", "--peek", "--json"],
            ["inbox", "CA", "--peek"],
            ["outbox", "CC"],
            ["thread", self.letter],
            ["search", "letter"],
            ["status"],
            ["log", "--json"],
            ["log", "verify"],
            ["dead", "list"],
            ["agent", "list"],
            ["archive", "--dry-run"],
            ["adopt", "--dry-run"],
            ["run", "dag", "--list"],
            ["git", "check"],
            ["read", str(self.root / "TASK_CARDS.md")],
        ]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "project")
    yield made
    open_up(made.root / ".git")


def answers(place: Place) -> list[tuple[str, int, str]]:
    found = [(" ".join(args), place(*args)) for args in place.reading()]
    return [(name, result.code, result.out) for name, result in found]


@pytest.mark.parametrize("lost", [None, "index.db", "cards", "postbox", "ledger.lock"])
def test_a_question_has_the_same_answer_where_nothing_may_be_written(place: Place, lost: str | None) -> None:
    before, files = answers(place), place.files()
    if lost is not None:
        gone = place.home / lost
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
        files = place.files()
    close_off(place.root / ".git")

    assert answers(place) == before
    assert all(code == 0 for _, code, _ in before)
    assert place.files() == files


def test_a_wrong_index_that_may_not_be_made_anew_is_not_believed(place: Place) -> None:
    before = answers(place)
    for name in ("index.db", "search.db"):
        (place.home / name).write_bytes(b"no database, and not ours to delete" * 200)
    close_off(place.root / ".git")

    assert answers(place) == before


def test_a_question_is_silent_about_what_it_did_not_write(place: Place) -> None:
    close_off(place.root / ".git")

    assert [place(*args).err for args in place.reading()] == [""] * len(place.reading())


@pytest.mark.parametrize("name", ["index.db", "ledger.lock", "cards", "postbox"])
def test_one_file_of_another_holds_no_question_up(place: Place, name: str) -> None:
    before = answers(place)
    path = place.home / name
    close_off(path) if path.is_dir() else path.chmod(0)

    assert answers(place) == before


def test_a_ledger_that_may_not_be_looked_into_is_not_taken_for_none(place: Place) -> None:
    place.home.chmod(0)
    found = place("status")
    place.home.chmod(0o700)

    assert found.code == 6
    assert found.err.startswith(f"error: permission denied while looking for the ledger: {place.home}")


def test_verify_tells_that_its_findings_were_not_kept(place: Place) -> None:
    before = place("card", "verify", "TASK-001")
    close_off(place.root / ".git")
    found = place("card", "verify", "TASK-001")

    assert (found.code, found.out) == (before.code, before.out)
    assert "note: what was found was not recorded: permission denied" in found.err


def test_inbox_lists_and_tells_that_nothing_is_marked_as_seen(place: Place) -> None:
    close_off(place.root / ".git")
    found = place("inbox", "CA")

    assert found.code == 0
    assert "3 waiting for CA" in found.out
    assert found.err.startswith("not marked as seen: permission denied")


def test_edits_and_drops_that_are_not_read_in_are_told(place: Place) -> None:
    (place.root / "postbox" / "CC" / "drop" / "a.json").write_text('{"subject": "dropped"}')
    close_off(place.root / ".git")
    found = place("status")

    assert found.code == 0
    assert "not read in yet: edits and drops in the boxes of CC (permission denied" in found.err


def test_lost_cards_are_told_without_being_remembered(place: Place) -> None:
    cards = place.root / "TASK_CARDS.md"
    text = cards.read_text()
    cards.write_text(text.replace("## Active Tasks\n", "## Active Tasks\n\n### TASK-009: By hand\nStatus: BLOCKED\n"))
    assert len(place("card", "list", "--json").lines) == 3
    cards.write_text(f"{text}\nA word of a person.\n")  # git does not have this text
    close_off(place.root / ".git")
    twice = [place("card", "list", "--json") for _ in range(2)]
    open_up(place.root / ".git")

    assert [len(found.lines) for found in twice] == [2, 2]
    assert all("a save took out 1 card (3 -> 2): TASK-009" in found.err for found in twice)
    assert place("card", "restore").out == "TASK-009 is back\n"


def test_what_a_save_from_an_older_copy_took_back_is_shown(place: Place) -> None:
    cards = place.root / "TASK_CARDS.md"
    older = cards.read_text().partition("### TASK-001")[0]
    cards.write_text(older + "### TASK-003: By hand\nStatus: BLOCKED\n")
    close_off(place.root / ".git")
    read = place("card", "list", "--json")
    open_up(place.root / ".git")
    there = place("card", "list", "--json")

    assert len(read.lines) == 3
    assert sorted(line["id"] for line in read.lines) == sorted(line["id"] for line in there.lines)
    assert "2 recorded changes are not in the file now; shown with them" in read.err


def test_what_a_person_took_out_stays_out(place: Place) -> None:
    cards = place.root / "TASK_CARDS.md"
    text = cards.read_text()
    cards.write_text(text.replace("### TASK-001: First\n", "### TASK-003: First\n"))
    close_off(place.root / ".git")
    read = place("card", "list", "--json")
    open_up(place.root / ".git")
    there = place("card", "list", "--json")

    assert [line["id"] for line in read.lines] == [line["id"] for line in there.lines] == ["TASK-003", "TASK-002"]
    assert "a save took out 1 card (2 -> 2): TASK-001" in read.err


def test_changes_that_a_crash_left_out_of_the_file_are_shown(place: Place) -> None:
    cards = place.root / "TASK_CARDS.md"
    state = next((place.home / "cards").glob("*/state.json"))
    before, remembered = cards.read_bytes(), state.read_bytes()
    texts = {path: path.read_bytes() for path in state.parent.glob("text-*")}
    assert place("card", "set", "TASK-001", "status", "BLOCKED").code == 0
    cards.write_bytes(before)
    state.write_bytes(remembered)
    for path, data in texts.items():
        path.write_bytes(data)
    close_off(place.root / ".git")
    found = place("card", "list", "--json")

    assert found.lines[0]["status"] == "BLOCKED"
    assert "1 recorded changes are not in the file now; shown with them" in found.err
    assert cards.read_bytes() == before


def test_a_memory_that_may_not_be_read_is_unknown_and_not_written_over(place: Place) -> None:
    state = next((place.home / "cards").glob("*/state.json"))
    before = state.read_bytes()
    state.chmod(0)
    read, written = place("card", "list"), place("card", "set", "TASK-001", "status", "BLOCKED")
    state.chmod(0o600)

    assert read.code == 0
    assert "whether it has lost cards is unknown" in read.err
    assert written.code == 6
    assert state.read_bytes() == before


@pytest.mark.parametrize(
    "args",
    [
        ["send", "--from", "CC", "--to", "CA", "--subject", "no"],
        ["claim", "CA"],
        ["ack", "LETTER", "--token", "0"],
        ["nack", "LETTER", "--token", "0"],
        ["renew", "LETTER", "--token", "0"],
        ["reply", "LETTER", "--from", "CA", "--body", "no"],
        ["withdraw", "LETTER"],
        ["card", "set", "TASK-001", "status", "BLOCKED"],
        ["card", "new", "Third"],
        ["card", "move", "TASK-001", "Active Tasks"],
        ["card", "archive", "TASK-001"],
        ["card", "undo"],
        ["up", "--no-workers"],
        ["agent", "add", "ZZ"],
        ["recover"],
        ["archive", "--older", "0s"],
    ],
    ids=" ".join,
)
def test_a_writing_command_says_what_where_and_the_way_round(place: Place, args: list[str]) -> None:
    cards = (place.root / "TASK_CARDS.md").read_bytes()
    close_off(place.root / ".git")
    files = place.files()
    found = place(*[place.letter if word == "LETTER" else word for word in args])
    first, hint = found.err.splitlines()

    assert found.code == 6
    assert first.startswith("error: permission denied while ")
    assert str(place.home) in first
    assert "postbox/NAME/drop/" in hint
    assert "edit TASK_CARDS.md by hand" in hint
    assert place.files() == files
    assert (place.root / "TASK_CARDS.md").read_bytes() == cards


def test_the_way_round_leads_there(place: Place) -> None:
    close_off(place.root / ".git")
    drop = place.root / "postbox" / "CA" / "drop" / "report.json"
    script = "import sys; open(sys.argv[1], 'w').write('{\"subject\": \"through the drop\"}')"
    refused = subprocess.run(
        [*WITHOUT_POWER, *PROGRAM, "--root", str(place.root), "send", "--from", "CC", "--to", "CA", "--subject", "no"],
        capture_output=True,
        check=False,
    )
    subprocess.run([*WITHOUT_POWER, sys.executable, "-c", script, str(drop)], check=True)
    cards = place.root / "TASK_CARDS.md"
    cards.write_text(cards.read_text().replace("Status: NOT_STARTED\nCreated", "Status: BLOCKED\nCreated", 1))
    open_up(place.root / ".git")
    subjects = [line["subject"] for line in bluelabel(place.root, "inbox", "CA", "--json").lines]

    assert refused.returncode == 6
    assert "through the drop" in subjects
    assert "no" not in subjects
    assert not drop.exists()
    assert bluelabel(place.root, "card", "list", "--json").lines[0]["status"] == "BLOCKED"


def test_a_read_only_file_system_is_no_other_case(place: Place) -> None:
    apart = namespace("--mount")
    if apart is None:
        pytest.skip("this system gives nobody a mount namespace")
    mount = 'mount --bind .git .git && mount -o remount,bind,ro .git && shift && exec "$@"'
    program = [*apart, "sh", "-c", mount, "sh", "-", *PROGRAM, "--json"]
    variables = {**os.environ, "NO_COLOR": "1"}

    def call(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*program, *args], cwd=place.root, env=variables, capture_output=True, text=True, check=False
        )

    (place.home / "index.db").unlink()
    before = place("card", "list", "--json").out
    sent, listed, inbox = call("send", "--from", "CC", "--to", "CA"), call("card", "list"), call("inbox", "CA")
    doctor = [json.loads(line) for line in call("doctor").stdout.splitlines()]

    assert sent.returncode == 6
    assert sent.stderr.startswith("error: the file system is read-only while ")
    assert (listed.returncode, listed.stdout) == (0, before)
    assert (inbox.returncode, len(inbox.stdout.splitlines())) == (0, 3)
    assert [f["what"] for f in doctor if f["state"] == "bad" and "on a read-only file system" in f["what"]]


def bad(place: Place) -> list[dict[str, object]]:
    return [line for line in place("doctor", "--json").lines if line["state"] == "bad"]


def test_doctor_finds_what_may_not_be_written_and_how_to_mend_it(place: Place) -> None:
    assert bad(place) == []
    close_off(place.home / "ledger")
    (found,) = bad(place)
    shown = "".join(place("doctor").out.split())

    assert found["what"] == f"{place.home}/ledger and 1 more: the mode forbids writing"
    assert found["hint"] == f"chmod -R u+rwX {place.home}/ledger"
    assert "".join(str(found["hint"]).split()) in shown
    subprocess.run(["sh", "-c", str(found["hint"])], check=True)
    assert bad(place) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_doctor_finds_files_of_another(place: Place) -> None:
    os.chown(place.home / "index.db", 12345, -1)
    (found,) = bad(place)

    assert found["what"] == f"{place.home}/index.db: owned by 12345"
    assert found["hint"] == f"sudo chown -R root: {place.home}/index.db"


def test_doctor_finds_a_mailbox_that_may_not_be_written(place: Place) -> None:
    folder = place.root / "postbox" / "CC" / "drop"
    folder.chmod(0o500)
    (found,) = bad(place)
    folder.chmod(0o700)

    assert (found["area"], found["what"]) == ("boxes", f"{folder}: the mode forbids writing")


@pytest.mark.parametrize("where", ["held", "views"])
def test_a_view_that_cannot_be_swapped_leaves_nothing_beside_its_box(place: Place, where: str) -> None:
    folder = next((place.home / "postbox").iterdir()) / where
    folder.mkdir(exist_ok=True)
    folder.chmod(0o500)
    names = {path.name for path in (place.root / "postbox" / "CA").iterdir()}
    sent = place("send", "--from", "CC", "--to", "CA", "--subject", "more")
    folder.chmod(0o700)

    assert sent.code == 0
    assert "writing a view" in sent.err
    assert {path.name for path in (place.root / "postbox" / "CA").iterdir()} == names
    assert "more" in place("inbox", "CA").out


@pytest.mark.parametrize("name", ["postbox/CA/inbox.json", "TASK_CARDS.md"])
def test_a_file_that_is_mounted_in_place_is_left_in_place_and_alone(place: Place, name: str) -> None:
    apart = namespace("--mount")
    if apart is None:
        pytest.skip("this system gives nobody a mount namespace")
    copy = place.root.parent / "copy"
    shutil.copy(place.root / name, copy)
    mount = f'mount --bind {copy} "{name}" && mount -o remount,bind,ro "{name}" && shift && exec "$@"'
    folder = (place.root / name).parent
    names = {path.name for path in folder.iterdir()}
    for args in (["send", "--from", "CC", "--to", "CA"], ["card", "set", "TASK-001", "status", "BLOCKED"]):
        subprocess.run(
            [*apart, "sh", "-c", mount, "sh", "-", *PROGRAM, *args], cwd=place.root, capture_output=True, check=False
        )

    assert {path.name for path in folder.iterdir()} == names
    assert place("inbox", "CA").out.count("CC → CA") == 4
    assert {line["id"]: line["status"] for line in place("card", "list", "--json").lines}["TASK-001"] == "BLOCKED"
