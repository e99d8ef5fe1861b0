"""Claims in the many shapes that people give them, planted in a repository with all that git can do to a branch."""

import os
import subprocess
from pathlib import Path

import pytest

from bluelabel.services.cards.evidence.inspector import Inspector
from bluelabel.services.cards.text.parser import parse
from bluelabel.services.git.repository import GitRepository

WORDS = {"v": "verified", "f": "false", "u": "unverifiable"}


def git(root: Path, *args: str) -> str:
    names = {f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    names |= {f"GIT_{who}_DATE": "2026-01-01T00:00:00Z" for who in ("AUTHOR", "COMMITTER")}  # the same hashes each time
    env = os.environ | names | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_ALLOW_PROTOCOL": "file"}
    return subprocess.run(["git", *args], cwd=root, env=env, capture_output=True, text=True, check=True).stdout.strip()


def write(root: Path, path: str, text: str = "x\n") -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def commit(root: Path, message: str) -> str:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)
    return git(root, "rev-parse", "HEAD")


def branch(root: Path, name: str, how: str) -> None:
    """Make a branch with a commit, bring it into main in one of the ways there are, and stand on main."""
    git(root, "checkout", "-q", "-b", name)
    write(root, f"b/{name.replace('/', '-')}.py")
    commit(root, "work on it")
    git(root, "checkout", "-q", "main")
    if how == "ff":
        git(root, "merge", "-q", "--ff-only", name)
    elif how == "no-ff":
        git(root, "merge", "-q", "--no-ff", "-m", f"Merge branch '{name}'", name)
    elif how == "squash":
        git(root, "merge", "-q", "--squash", name)
        commit(root, "Add things")
    elif how == "rebase":
        write(root, f"c/{name.replace('/', '-')}")
        commit(root, "between")
        git(root, "rebase", "-q", "main", name)
        git(root, "checkout", "-q", "main")
        git(root, "merge", "-q", "--ff-only", name)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    top = tmp_path_factory.mktemp("planted")
    lib, root = top / "lib", top / "acme-app"
    for place in (lib, root):
        place.mkdir()
        git(place, "init", "-q", "-b", "main")
    write(lib, "core/x.c")
    commit(lib, "lib")
    for name in ("new", "changed", "again", "gone", "wip", "deep/more/z"):
        write(root, f"src/{name}.py", f"{name}\n" * 5)
    for path in ("src/[id].tsx", "old/name.py", "old/dir/a.py", "docs/über blick.md"):
        write(root, path, f"{path}\n" * 5)
    (root / "src/link.py").symlink_to("new.py")
    (root / "ext").symlink_to("/etc")
    first = commit(root, "first")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(lib), "vendor/lib")
    write(root, "src/changed.py")
    for path in ("src/again.py", "src/gone.py", "old/dir/a.py"):
        (root / path).unlink()
    git(root, "mv", "old/name.py", "src/renamed.py")
    commit(root, "second")
    write(root, "src/again.py", "again\n")
    commit(root, "third")
    git(root, "tag", "v1.0")
    for how in ("ff", "squash", "no-ff", "rebase", "open"):
        branch(root, f"dev/{how}-kept", how)
        branch(root, f"dev/{how}-gone", how)
        git(root, "branch", "-q", "-D", f"dev/{how}-gone")
    branch(root, "hotfix", "no-ff")
    branch(root, "solo", "open")
    (root / "src/wip.py").unlink()
    write(root, "src/fresh.py")
    git(top, "clone", "-q", "--depth", "1", f"file://{root}", "shallow")
    return root, {"first": first, "away": git(root, "rev-parse", "solo"), "head": git(root, "rev-parse", "HEAD")}


def verdicts(where: Path | Inspector, body: str, revision: str | None = None) -> list[str]:
    document = parse(f"### TASK-1: a\nStatus: Done\n{body}\n".encode())
    inspector = where if isinstance(where, Inspector) else Inspector(GitRepository.find(where), revision)
    judged = inspector.card(document, document.cards[0])
    return [one.verdict.value for one in judged.claims]


PATHS = [
    ("`src/new.py:42`", "v"),
    ("src/new.py:42", "v"),
    ("`src/new.py#L10-L20`", "v"),
    ("`src/nope.py:42-50`", "f"),
    ("[src/new.py](src/new.py)", "v"),
    ("[the reader](src/nope.py)", "f"),
    ("**src/new.py**", "v"),
    ("*src/nope.py*", "f"),
    ("src/nope.py [new]", "f"),
    ("src/fresh.py [new]", "v"),
    ("src/changed.py [modified]", "v"),
    ("src/new.py [modified]", "f"),
    ("src/new.py (Modified, 20 lines)", "f"),
    ("src/nope.py - NEW", "f"),
    ("✅ `src/nope.py`", "f"),
    ("[x] src/nope.py", "f"),
    ("src/new.py, src/changed.py", "vv"),
    ("`src/new.py`, `src/nope.py`", "vf"),
    ("src/new.py; src/nope.py", "vf"),
    ("src/new.py and src/nope.py", "vf"),
    ("src/New.py", "f"),
    ("Acme-App/src/new.py", "v"),
    ("/acme-app/src/new.py", "v"),
    ("./src/new.py", "v"),
    ("src/link.py", "v"),
    ("ext/passwd", "u"),
    ("`src/**/new.py`", "v"),
    ("`**/nope.py`", "f"),
    ("`src/[cn]*.py`", "v"),
    ("`src/[id].tsx`", "v"),
    ("`src/{new,changed}.py`", "v"),
    ("`src/{new,nope}.py`", "f"),
    ("vendor/lib", "v"),
    ("vendor/lib/core/x.c", "v"),
    ("vendor/lib/core/nope.c", "f"),
    ("`docs/über blick.md`", "v"),
    ("src/again.py (removed)", "f"),
    ("src/again.py (new)", "v"),
    ("old/name.py → src/renamed.py", "vv"),
    ("Renamed `old/name.py` to `src/renamed.py`", "vv"),
    ("old/name.py (renamed to src/renamed.py)", "v"),
    ("src/new.py (renamed to src/renamed.py)", "f"),
    ("old/dir/ (removed)", "v"),
    ("src/deep/ (removed)", "f"),
    ("src/wip.py (removed)", "v"),
    ("src/wip.py", "f"),
]
OTHERS = [
    ("Files: src/new.py, src/nope.py", "vf"),
    ("File: src/nope.py", "f"),
    ("**Files:**\n| File | Change |\n|---|---|\n| src/new.py | new |\n| src/nope.py | new |", "vf"),
    ("**Files Deleted:**\n- src/new.py", "f"),
    ("**Deliverables:**\n- New file: `src/nope.py`", "f"),
    ("**Deliverables:**\n- Removed `src/new.py`", "f"),
    ("**Deliverables:**\n- Added retries to `src/new.py`", "v"),
    ("Branch: dev/ff-gone", "v"),
    ("Branch: dev/never", "f"),
    ("Branch: DEV/open-kept", "f"),
    ("Branch: solo", "v"),
    ("Branch: solo (merged)", "f"),
    ("Branch: hotfix (merged)", "v"),
    ("Branch: main (merged all of the above)", ""),
    ("Merged: yes\nBranch: dev/open-kept", "vf"),
    ("Merged: ✅ into main\nBranch: dev/no-ff-kept", "vv"),
    *(
        (f"**Done:**\n- Merged `dev/{how}-{now}` into main", "f" if how == "open" else "v")
        for how in ("ff", "squash", "no-ff", "rebase", "open")
        for now in ("kept", "gone")
    ),
    ("**Done:**\n- Merged `hotfix` into main", "v"),
    ("**Done:**\n- Merged `solo` into main", "f"),
    ("**Done:**\n- Merged branch `solo`", "f"),
    ("**Done:**\n- Merged `Reader` and `Writer` into one class", ""),
    ("**Branches Merged:**\n- `hotfix`\n- `solo`", "vf"),
    ("Tag: `v1.0` (annotated)", "f"),
    ("Tag: v1.0 at {first}", "f"),
    ("Tag: v1.0 ({first:.8})", "f"),
    ("**Done:**\n- Tagged v1.0 on {first:.8}", "f"),
    ("**Done:**\n- Tag v1.0 made; the fix on {first:.8} is in it", "v"),
    ("**Done:**\n- Tag `v9` pushed", "f"),
    ("**Done:**\n- Tag `release/9.1` pushed", "f"),
    ("**Done:**\n- Tagged 50 pictures", ""),
    ("**Done:**\n- Each title has a tag `h1`, each list a tag `ul`", ""),
    ("Tag: release-1", "f"),
    ("Commit: {first:.5}", "v"),
    ("Commits: {first:.7}, {head:.7}", "vv"),
    ("Commits: {first:.7}, 1234567, fedcbaf", "vff"),
    ("Commit: `{first:.10}` - did it", "v"),
    ("Commit: 1234567", "f"),
    ("Commit: deadbee", "f"),
    ("Commit: {away:.9}", "f"),
    ("Commit: added later", ""),
    ("**Testing:**\n- Tests: passing", "u"),
    ("**Testing:**\n- pytest: 12 passed, 0 failed", "u"),
    ("**Testing:**\n- 12 unit tests, all green", "u"),
]


def test_claims_are_judged_right_however_they_are_written(planted: tuple[Path, dict[str, str]]) -> None:
    root, hashes = planted
    inspector = Inspector(GitRepository.find(root))
    claims = [*((f"**Files:**\n- {words}", wanted) for words, wanted in PATHS), *OTHERS]
    claims.append((f"Commit: {hashes['first'][:9].upper()}", "v"))
    wrong = [
        (body, found)
        for body, wanted in claims
        if (found := verdicts(inspector, body.format(**hashes) if "{f" in body or "{a" in body else body))
        != [WORDS[letter] for letter in wanted]
    ]

    assert wrong == []


def test_what_lies_in_a_submodule_cannot_be_checked_at_a_revision(planted: tuple[Path, dict[str, str]]) -> None:
    assert verdicts(planted[0], "**Files:**\n- vendor/lib/core/x.c", "HEAD") == ["unverifiable"]
    assert verdicts(planted[0], "**Files:**\n- src/new.py/inner.c", "HEAD") == ["unverifiable"]


def test_a_clone_with_a_history_cut_short_denies_only_what_it_can_see(planted: tuple[Path, dict[str, str]]) -> None:
    shallow = planted[0].parent / "shallow"
    open_claims = ("**Files:**\n- src/changed.py (modified)", "**Files:**\n- src/gone.py (removed)", "Tag: v1.0")
    gone = ("**Files:**\n- src/new.py (removed)", "**Files:**\n- src/nope.py", "**Files:**\n- src/nope.py (new)")

    for body in (*open_claims, f"Commit: {planted[1]['first']}", "**Done:**\n- Merged `dev/no-ff-gone` into main"):
        assert verdicts(shallow, body) == ["unverifiable"], body
    for body in gone:
        assert verdicts(shallow, body) == ["false"], body


def test_in_a_repository_without_a_commit_nothing_is_verified(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")

    for body in ("**Files:**\n- src/a.py (modified)", "Commit: 0123456", "Tag: v1.0", "Branch: dev/x"):
        assert verdicts(tmp_path, body) == ["false"]
