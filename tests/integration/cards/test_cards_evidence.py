"""Forty claims, true, false and uncheckable ones of every kind, planted in a repository of their own."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bluelabel.interfaces.errors import NotFound
from bluelabel.services.cards.evidence.inspector import CardEvidence, Inspector, Verdict
from bluelabel.services.cards.evidence.project_tests import counts, run_tests
from bluelabel.services.cards.text.parser import parse
from bluelabel.services.git.repository import GitRepository


def git(root: Path, *args: str) -> str:
    names = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com"}
    names |= {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(["git", *args], cwd=root, env=os.environ | names, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def commit(root: Path, message: str) -> str:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)
    return git(root, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    root = tmp_path_factory.mktemp("repo") / "acme-app"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    for path in ("src/new.py", "src/changed.py", "src/still.py", "src/gone.py", "docs/twice/a.md", "docs/other/a.md"):
        write(root, path, f"{path}\n")
    write(root, ".gitignore", "build/\n")
    first = commit(root, "first")
    write(root, "src/changed.py", "changed\n")
    (root / "src/gone.py").unlink()
    commit(root, "second")
    git(root, "tag", "v1.0-light")
    git(root, "tag", "-a", "v1.0", "-m", "one")
    git(root, "checkout", "-q", "-b", "dev/merged")
    write(root, "src/merged.py", "x\n")
    commit(root, "on the branch")
    git(root, "checkout", "-q", "main")
    git(root, "merge", "-q", "--no-ff", "-m", "Merge branch 'dev/merged'", "dev/merged")
    git(root, "checkout", "-q", "-b", "dev/gone-after")
    write(root, "src/gone_after.py", "x\n")
    commit(root, "on a branch that is deleted")
    git(root, "checkout", "-q", "main")
    git(root, "merge", "-q", "--no-ff", "-m", "Merge branch 'dev/gone-after'", "dev/gone-after")
    git(root, "branch", "-q", "-D", "dev/gone-after")
    git(root, "checkout", "-q", "-b", "dev/open")
    write(root, "src/open.py", "x\n")
    away = commit(root, "not merged")
    git(root, "tag", "v2.0")
    git(root, "checkout", "-q", "main")
    write(root, "src/uncommitted.py", "x\n")
    write(root, "src/still.py", (root / "src/still.py").read_text())
    write(root, "build/out.bin", "x\n")
    return root, {"first": first, "away": away}


CLAIMS = [
    # what the card says, what git says of it
    ("**Files:**\n- src/new.py", "verified"),
    ("**Files:**\n- /src/new.py", "verified"),
    ("**Files:**\n- `acme-app/src/new.py` - with the repository's name", "verified"),
    ("**Files:**\n- src/", "verified"),
    ("**Files:**\n- `src/*.py`", "verified"),
    ("**Files:**\n- new.py", "verified"),
    ("**Files:**\n- build/out.bin", "verified"),
    ("**Files:**\n- src/missing.py", "false"),
    ("**Files:**\n- /acme-app/src/missing.py", "false"),
    ("**Files:**\n- missing/", "false"),
    ("**Files:**\n- `missing/*.py`", "false"),
    ("**Files:**\n- a.md", "unverifiable"),
    ("**Files:**\n- `src/run_<id>.py`", "unverifiable"),
    ("**Files:**\n- /home/somebody/notes.md", "unverifiable"),
    ("**Files:**\n- ../elsewhere/a.py", "unverifiable"),
    ("**Files:**\n- src/new.py (new)", "verified"),
    ("**Files:**\n- src/uncommitted.py (new)", "verified"),
    ("**Files:**\n- src/imagined.py (new)", "false"),
    ("**Files:**\n- src/gone.py (new)", "false"),
    ("**Files:**\n- src/changed.py (updated)", "verified"),
    ("**Files:**\n- src/still.py (updated)", "false"),
    ("**Files:**\n- src/missing.py (updated)", "false"),
    ("**Files:**\n- src/gone.py (removed)", "verified"),
    ("**Files:**\n- src/still.py (removed)", "false"),
    ("**Files:**\n- src/never.py (removed)", "false"),
    ("Branch: `dev/open`", "verified"),
    ("Branch: dev/gone-after", "verified"),
    ("Branch: dev/never", "false"),
    ("**Done:**\n- `dev/merged` → main", "verified"),
    ("**Done:**\n- Merged dev/gone-after into main", "verified"),
    ("**Done:**\n- Merged `dev/open` into main", "false"),
    ("**Done:**\n- Merged `dev/never` into main", "false"),
    ("Tag: v1.0", "verified"),
    ("**Done:**\n- Annotated tag v1.0 made", "verified"),
    ("**Done:**\n- Annotated tag v1.0-light made", "false"),
    ("Tag: v9.9", "false"),
    ("Commit: {first}", "verified"),
    ("Commit: {away}", "false"),
    ("Commit: 0123456789abcdef", "false"),
    ("**Testing:**\n- All 3 tests passing", "unverifiable"),
]


def test_all_of_forty_planted_claims_are_judged_right(planted: tuple[Path, dict[str, str]]) -> None:
    root, hashes = planted
    inspector = Inspector(GitRepository.find(root))
    wrong: list[str] = []
    for body, verdict in CLAIMS:
        document = parse(f"### TASK-1: a\nStatus: Done\n{body.format(**hashes)}\n".encode())
        found = inspector.card(document, document.cards[0])
        if len(found.claims) != 1 or found.verdict != verdict:
            wrong.append(f"{body!r}: {found}")

    assert len(CLAIMS) == 40
    assert wrong == []


def judged(root: Path | None, body: str, revision: str | None = None, **kwargs: object) -> CardEvidence:
    document = parse(f"### TASK-1: a\n{body}\n".encode())
    repository = GitRepository.find(root) if root else None
    return Inspector(repository, revision, **kwargs).card(document, document.cards[0])  # type: ignore[arg-type]


def test_a_revision_is_judged_by_its_own_files(planted: tuple[Path, dict[str, str]]) -> None:
    root, hashes = planted

    assert judged(root, "**Files:**\n- src/gone.py", hashes["first"]).verdict is Verdict.VERIFIED
    assert judged(root, "**Files:**\n- src/uncommitted.py", "HEAD").verdict is Verdict.FALSE
    assert judged(root, "**Files:**\n- build/out.bin", "HEAD").verdict is Verdict.FALSE
    assert judged(root, "Tag: v2.0", "main").verdict is Verdict.FALSE
    assert judged(root, "Tag: v2.0", "dev/open").verdict is Verdict.VERIFIED
    assert judged(root, "**Done:**\n- `dev/merged` → main", hashes["first"]).verdict is Verdict.FALSE
    assert judged(root, "**Files:**\n- src/open.py", "dev/open").as_json()["revision"] == hashes["away"]
    with pytest.raises(NotFound, match="no such revision"):
        judged(root, "", "nowhere")
    with pytest.raises(NotFound):
        judged(None, "", "HEAD")


@pytest.mark.parametrize(
    ("body", "evidence"),
    [
        ("**Files:**\n- src/uncommitted.py (updated)", "say (new)"),
        ("**Files:**\n- build/out.bin (updated)", "not known to git"),
        ("**Files:**\n- `src/*.py` (removed)", "still there"),
        ("**Files:**\n- `lib/*.py` (removed)", "nothing matches"),
        ("**Files:**\n- docs/ (updated)", "docs is there"),
        ("**Files:**\n- ghost.py", "no such path"),
        ("**Done:**\n- Merged `dev/merged` into develop", "is contained in HEAD"),
    ],
)
def test_the_reason_is_said(planted: tuple[Path, dict[str, str]], body: str, evidence: str) -> None:
    assert evidence in judged(planted[0], body).claims[0].evidence


CARDS = {"a.py": "branch\n", "TASK_CARDS.md": "# Task Cards\n\nmore\n"}


@pytest.mark.parametrize(
    ("files", "squashed", "later", "verdict"),
    [
        ({"a.py": "branch\n"}, True, {}, Verdict.VERIFIED),
        (CARDS, True, {"TASK_CARDS.md": "# Task Cards\n"}, Verdict.VERIFIED),
        ({"a.py": "branch\n"}, True, {"a.py": "changed since\n"}, Verdict.VERIFIED),
        ({"a.py": "branch\n"}, True, {"a.py": "first\n"}, Verdict.VERIFIED),
        ({"a.py": "branch\n"}, False, {"b.py": "beside\n"}, Verdict.FALSE),
        ({"a.py": "branch\n"}, False, {"a.py": "another way\n"}, Verdict.FALSE),
        (CARDS, False, {"a.py": "branch\n", "TASK_CARDS.md": "# Task Cards\n"}, Verdict.UNVERIFIABLE),
    ],
)
def test_a_branch_that_was_squashed_in_counts_as_merged_whatever_came_later(
    tmp_path: Path, files: dict[str, str], squashed: bool, later: dict[str, str], verdict: Verdict
) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    for path in ("a.py", "TASK_CARDS.md"):
        write(tmp_path, path, "first\n")
    commit(tmp_path, "first")
    git(tmp_path, "checkout", "-q", "-b", "dev/squashed")
    for path, text in files.items():
        write(tmp_path, path, text)
    commit(tmp_path, "on the branch")
    git(tmp_path, "checkout", "-q", "main")
    if squashed:
        git(tmp_path, "merge", "-q", "--squash", "dev/squashed")
        commit(tmp_path, "squashed")
    for path, text in later.items():
        write(tmp_path, path, text)
    if later:
        commit(tmp_path, "later")

    assert judged(tmp_path, "**Branches Merged:**\n- dev/squashed → main\n").claims[0].verdict is verdict


def test_paths_are_found_in_quotes_and_in_a_choice(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    for path in ("docs/my file.md", "src/a.py", "src/b.py"):
        write(tmp_path, path, "x\n")
    commit(tmp_path, "first")
    body = '**Files:**\n- "docs/my file.md"\n- src/{a,b}.py\n- `src/{a,c}.py`\n- src/{a,b}/{c,d}.py\n'

    assert [(claim.claim.target, claim.verdict) for claim in judged(tmp_path, body).claims] == [
        ("docs/my file.md", Verdict.VERIFIED),
        ("src/{a,b}.py", Verdict.VERIFIED),
        ("src/{a,c}.py", Verdict.FALSE),
        ("src/{a,b}/{c,d}.py", Verdict.UNVERIFIABLE),
    ]


def test_outside_git_nothing_is_verified() -> None:
    found = judged(None, "Branch: dev/x\nTag: v1.0\n**Files:**\n- a/b.py\n- All 3 tests passing")

    assert {one.verdict for one in found.claims} == {Verdict.UNVERIFIABLE}
    assert [claim["ok"] for claim in found.as_json()["claims"]] == [None] * 4
    assert judged(None, "").verdict is Verdict.UNVERIFIABLE


def test_a_branch_without_a_commit_is_there(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "dev/fresh")

    assert judged(tmp_path, "Branch: dev/fresh").verdict is Verdict.VERIFIED
    assert judged(tmp_path, "**Files:**\n- a.py (updated)").verdict is Verdict.FALSE


def command(text: str, code: int = 0) -> list[str]:
    return [sys.executable, "-c", f"print({text!r}); raise SystemExit({code})"]


@pytest.mark.parametrize(
    ("argv", "claim", "verdict"),
    [
        (command("3 passed in 0.1s"), "All 3 tests passing", "verified"),
        (command("9 passed in 0.1s"), "All tests passing", "verified"),
        (command("2 passed in 0.1s"), "All 3 tests passing", "false"),
        (command("1 failed, 2 passed", 1), "All tests passing", "false"),
        (command("nothing said"), "All 3 tests passing", "unverifiable"),
        (["/no/such/program"], "All tests passing", "unverifiable"),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "All tests passing", "unverifiable"),
    ],
)
def test_the_test_command_decides_about_tests(tmp_path: Path, argv: Any, claim: str, verdict: str) -> None:
    found = judged(None, f"**Testing:**\n- {claim}", run_tests=lambda: run_tests(argv, tmp_path, 1.5))

    assert found.verdict == verdict
    assert found.tests["command"] == argv


def test_tests_do_not_go_on_when_nobody_waits_for_them_any_more(tmp_path: Path) -> None:
    fifo = tmp_path / "pid"
    os.mkfifo(fifo)
    tests = f"import os, time; open({str(fifo)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    module = "bluelabel.services.cards.evidence.project_tests"
    asking = f"from {module} import run_tests; run_tests([{sys.executable!r}, '-c', {tests!r}], '.', 60)"
    asked = subprocess.Popen([sys.executable, "-c", asking], stderr=subprocess.DEVNULL)
    watched = os.pidfd_open(int(fifo.read_text()))
    asked.send_signal(signal.SIGINT)

    assert select.select([watched], [], [], 45)[0] == [watched]
    assert asked.wait() == -signal.SIGINT
    os.close(watched)


def test_tests_run_once_and_only_on_the_revision_they_are_asked_about(planted: tuple[Path, dict[str, str]]) -> None:
    root, hashes = planted
    runs: list[int] = []

    def run() -> Any:
        runs.append(1)
        return run_tests(command("5 passed"), root, 10)

    body = "**Testing:**\n- All 3 tests passing\n- 5 passed"
    assert judged(root, body, run_tests=run).verdict is Verdict.VERIFIED
    assert judged(root, body, hashes["first"], run_tests=run).verdict is Verdict.UNVERIFIABLE
    assert runs == [1]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("== 3 failed, 12 passed, 1 skipped in 2s ==", (12, 3)),
        ("Ran 9 tests in 0.1s\n\nFAILED (failures=1, errors=2)", (6, 3)),
        ("Ran 9 tests in 0.1s\n\nOK", (9, 0)),
        ("Tests:       1 failed, 7 passed, 8 total", (7, 1)),
        ("  14 passing (20ms)", (14, 0)),
        ("silence", (None, None)),
    ],
)
def test_counts_are_read_from_what_runners_print(text: str, found: Any) -> None:
    assert counts(text) == found
