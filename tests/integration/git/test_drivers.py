"""The merge drivers inside git: merge, rebase, cherry-pick and stash, in the main tree and in worktrees."""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bluelabel.interfaces.problems import Problem
from bluelabel.services.git.drivers import drive
from bluelabel.services.git.install import CHAIN, install, program, uninstall
from bluelabel.services.git.repository import GitRepository
from bluelabel.services.postbox.boxes.merge import merge_files

BOX = "postbox/CA/inbox.json"
CARDS = "TASK_CARDS.md"


def installed(scratch: Any) -> Any:
    repository = GitRepository.find(scratch.root)
    assert repository is not None
    assert install(repository).changed
    return repository


def view(rev: Any, *items: Any) -> Any:
    head = {"postbox": 1, "agent": "CA", "box": "inbox", "home": "h", "rev": rev, "shown": len(items)}
    return "[\n" + "".join(json.dumps(item) + ",\n" for item in [head, *items]) + "null]\n"


def msg(name: Any, **more: Any) -> dict[Any, Any]:
    return {"id": name, "type": "message", "sender": "CC", **more}


def found(scratch: Any, cwd: Any = None) -> Any:
    text = ((cwd or scratch.root) / BOX).read_text()
    return [item["id"] for item in json.loads(text) if item and "id" in item]


def fork(scratch: Any, ours: Any, theirs: Any) -> None:
    scratch.commit("base", **{BOX.replace("/", "__"): view(1, msg("1"))})
    scratch.git("checkout", "-q", "-b", "side")
    scratch.commit("theirs", **{BOX.replace("/", "__"): theirs})
    scratch.git("checkout", "-q", "main")
    scratch.commit("ours", **{BOX.replace("/", "__"): ours})


OURS, THEIRS = view(2, msg("1"), msg("a")), view(3, msg("1"), msg("b"))


def test_without_the_driver_git_conflicts(scratch: Any) -> None:
    fork(scratch, OURS, THEIRS)

    assert scratch.code("merge", "-q", "side") == 1


def test_a_merge_keeps_the_messages_of_both(scratch: Any) -> None:
    installed(scratch)
    fork(scratch, OURS, THEIRS)
    scratch.git("merge", "-q", "--no-edit", "side")

    assert found(scratch) == ["1", "a", "b"]


def test_a_rebase_keeps_the_messages_of_both(scratch: Any) -> None:
    installed(scratch)
    fork(scratch, OURS, THEIRS)
    scratch.git("rebase", "-q", "side")

    assert sorted(found(scratch)) == ["1", "a", "b"]


def test_a_cherry_pick_keeps_the_messages_of_both(scratch: Any) -> None:
    installed(scratch)
    fork(scratch, OURS, THEIRS)
    scratch.git("cherry-pick", "side")

    assert found(scratch) == ["1", "a", "b"]


def test_a_stash_pop_keeps_the_messages_of_both(scratch: Any) -> None:
    installed(scratch)
    scratch.commit("base", **{BOX.replace("/", "__"): view(1, msg("1"))})
    scratch.write(BOX, THEIRS)
    scratch.git("stash", "-q")
    scratch.commit("ours", **{BOX.replace("/", "__"): OURS})
    scratch.git("stash", "pop", "-q")

    assert sorted(found(scratch)) == ["1", "a", "b"]


def test_a_worktree_merges_the_same(scratch: Any, tmp_path: Path) -> None:
    installed(scratch)
    fork(scratch, OURS, THEIRS)
    scratch.git("worktree", "add", "-q", str(tmp_path / "second"), "side")
    scratch.git("merge", "-q", "--no-edit", "main", cwd=tmp_path / "second")

    assert sorted(found(scratch, tmp_path / "second")) == ["1", "a", "b"]


def test_cards_changed_on_both_sides_merge_by_card(scratch: Any) -> None:
    installed(scratch)
    card = "# Task Cards\n\n### TASK-1: One\nStatus: NOT_STARTED\nPriority: LOW\n"
    scratch.commit("base", **{CARDS: card})
    scratch.git("checkout", "-q", "-b", "side")
    scratch.commit("theirs", **{CARDS: card.replace("LOW", "HIGH") + "\n### TASK-3: Three\nStatus: NOT_STARTED\n"})
    scratch.git("checkout", "-q", "main")
    scratch.commit(
        "ours", **{CARDS: card.replace("NOT_STARTED", "IN_PROGRESS") + "\n### TASK-2: Two\nStatus: BLOCKED\n"}
    )
    scratch.git("merge", "-q", "--no-edit", "side")
    text = (scratch.root / CARDS).read_text()

    assert "Status: IN_PROGRESS\nPriority: HIGH" in text
    assert "TASK-2: Two" in text
    assert "TASK-3: Three" in text


def test_an_unreadable_side_is_marked_for_a_person(scratch: Any) -> None:
    installed(scratch)
    fork(scratch, OURS, "[\n{broken\nnull]\n")

    assert scratch.code("merge", "-q", "side") == 1
    text = (scratch.root / BOX).read_text()
    assert "<<<<<<<" in text
    assert "{broken" in text
    assert '"a"' in text


def test_without_our_environment_git_still_merges_by_lines(scratch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(scratch.root / "gone" / "python"))
    installed(scratch)
    fork(scratch, OURS, THEIRS)

    assert scratch.code("merge", "-q", "side") == 1
    text = (scratch.root / BOX).read_text()
    assert '"a"' in text
    assert '"b"' in text


def test_a_repository_cannot_slip_its_own_modules_into_the_driver(scratch: Any, tmp_path: Path) -> None:
    installed(scratch)
    fork(scratch, OURS, THEIRS)
    canary = tmp_path / "canary"
    for name in ("click.py", "json.py", "bluelabel.py"):
        scratch.write(name, f"open({str(canary)!r}, 'w')\n")
    scratch.git("merge", "-q", "--no-edit", "side")

    assert found(scratch) == ["1", "a", "b"]
    assert not canary.exists()


def trial(scratch: Any, chance: Any, number: Any) -> Any:
    """Two branches append, edit and drop messages at random; return what each said."""
    name = f"postbox/A{number}/outbox.json"
    style = chance.choice(["view", "plain", "object", "compact"])

    def render(items: Any) -> Any:
        if style == "view":
            return view(chance.randrange(99), *items)
        if style == "object":
            return json.dumps({"agent": "CA", "messages": items}, indent=2) + "\n"
        return json.dumps(items, indent=2 if style == "plain" else None)

    def work(items: Any, who: Any) -> Any:
        items = [dict(item) for item in items]
        for step in range(chance.randrange(1, 4)):
            deed = chance.choice(["append", "append", "put on top", "edit"])
            fresh = msg(f"{number}-{who}-{step}", content={"body": chance.choice(["x", "ü", "a\nb"])})
            if deed == "append":
                items.append(fresh)
            elif deed == "put on top":
                items.insert(0, fresh)
            elif items:
                chance.choice(items)[f"by_{who}"] = step
        return items

    base = [msg(f"{number}-{n}") for n in range(chance.randrange(4))]
    ours, theirs = work(base, "ours"), work(base, "theirs")
    return name, render(base), render(ours), render(theirs), ours, theirs


def run_trials(scratch: Any, trials: Any, seed: Any) -> None:
    installed(scratch)
    made = [trial(scratch, random.Random(f"{seed}/{number}"), number) for number in range(trials)]
    for which, message in ((1, "base"), (3, "theirs"), (2, "ours")):
        if message == "theirs":
            scratch.git("checkout", "-q", "-b", "side")
        if message == "ours":
            scratch.git("checkout", "-q", "main")
        for case in made:
            scratch.write(case[0], case[which])
        scratch.commit(message)
    scratch.git("merge", "-q", "--no-edit", "side")
    for name, _, _, _, ours, theirs in made:
        value = json.loads((scratch.root / name).read_text())
        value = value["messages"] if isinstance(value, dict) else value
        by_id = {item["id"]: item for item in value if item and "id" in item}
        for item in [*ours, *theirs]:
            assert by_id[item["id"]].items() >= item.items()


def test_random_histories_of_two_branches_merge_without_loss(scratch: Any) -> None:
    run_trials(scratch, 8, 1)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_sixty_random_histories_merge_without_loss(scratch: Any) -> None:
    run_trials(scratch, 60, 2)


def test_install_twice_changes_nothing_and_uninstall_leaves_what_people_wrote(scratch: Any) -> None:
    attributes = scratch.root / ".git/info/attributes"
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_text("*.bin binary")
    hook = scratch.root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/bash\nset -e\necho own\n")
    hook.chmod(0o755)
    config = (scratch.root / ".git/config").read_text()
    repository = installed(scratch)

    assert not install(repository).changed
    assert "merge.bluelabel-cards.driver" in scratch.git("config", "--local", "-l")
    assert scratch.git("check-attr", "merge", BOX).endswith("bluelabel-boxes")
    assert scratch.git("check-attr", "merge", CARDS).endswith("bluelabel-cards")
    assert hook.read_text().startswith("#!/bin/bash\n# bluelabel begin\n")
    assert uninstall(repository).changed
    assert not uninstall(repository).changed
    assert attributes.read_text() == "*.bin binary\n"
    assert hook.read_text() == "#!/bin/bash\nset -e\necho own\n"
    assert (scratch.root / ".git/config").read_text() == config


def test_uninstall_removes_files_that_were_only_ours(scratch: Any) -> None:
    repository = installed(scratch)
    uninstall(repository)

    assert not (scratch.root / ".git/hooks/pre-commit").exists()
    assert not (scratch.root / ".git/info/attributes").exists()


def test_install_from_a_worktree_serves_all(scratch: Any, tmp_path: Path) -> None:
    scratch.commit(a="1")
    scratch.git("worktree", "add", "-q", str(tmp_path / "second"), "-b", "side")
    repository = GitRepository.find(tmp_path / "second")
    assert repository is not None
    install(repository)

    assert scratch.git("check-attr", "merge", BOX).endswith("bluelabel-boxes")
    assert (scratch.root / ".git/hooks/pre-commit").exists()


def test_a_hook_that_is_no_shell_script_is_kept_and_called(scratch: Any) -> None:
    hook = scratch.root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    own = f"#!{sys.executable}\nopen('ran', 'w')\nraise SystemExit(0)\n"
    hook.write_text(own)
    hook.chmod(0o755)
    repository = installed(scratch)
    scratch.write("a", "1")
    scratch.git("add", "-A")
    scratch.git("commit", "-q", "-m", "x")

    assert (scratch.root / "ran").exists()
    uninstall(repository)
    assert hook.read_text() == own


def test_hooks_that_belong_to_the_repository_are_left_alone(scratch: Any) -> None:
    own = scratch.write(".husky/pre-commit", "#!/bin/sh\necho own\n")
    scratch.git("config", "core.hooksPath", ".husky")
    repository = GitRepository.find(scratch.root)
    assert repository is not None
    done = install(repository)

    assert any(f"add this line to {own}: {CHAIN}" in line for line in done.lines)
    assert own.read_text() == "#!/bin/sh\necho own\n"


@pytest.mark.parametrize("scope", ["--global", "--local", "--worktree"])
def test_a_folder_of_hooks_outside_this_clone_is_never_written(
    scratch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    shared = tmp_path / "hooks for all"
    shared.mkdir()
    own = shared / "pre-commit"
    own.write_text("#!/bin/sh\necho own\n")
    own.chmod(0o755)
    scratch.git("config", scope, "core.hooksPath", str(shared))
    before = (tmp_path / "gitconfig").read_text() if scope == "--global" else ""
    repository = GitRepository.find(scratch.root)
    assert repository is not None
    done = install(repository)

    assert done.changed
    assert f"hook: not written, {shared} is not this clone's own; add this line to {own}: {CHAIN}" in done.lines
    assert [path.name for path in shared.iterdir()] == ["pre-commit"]
    assert own.read_text() == "#!/bin/sh\necho own\n"
    assert not install(repository).changed
    assert (scope != "--global") or (tmp_path / "gitconfig").read_text() == before
    own.write_text(f"#!/bin/sh\n{CHAIN}\n")
    assert install(repository).lines == ("already installed",)
    uninstall(repository)
    assert own.read_text() == f"#!/bin/sh\n{CHAIN}\n"


def test_the_line_to_add_checks_where_the_drivers_are_and_nowhere_else(
    scratch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "bin"
    calls.mkdir()
    (calls / "bluelabel").write_text('#!/bin/sh\necho "$@" >> "$CALLS"\nexit 1\n')
    (calls / "bluelabel").chmod(0o755)
    monkeypatch.setenv("PATH", f"{calls}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    scratch.git("config", "core.hooksPath", str(tmp_path / "hooks"))
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "pre-commit").write_text(f"#!/bin/sh\n{CHAIN}\n")
    (tmp_path / "hooks" / "pre-commit").chmod(0o755)

    assert scratch.code("commit", "-q", "--allow-empty", "-m", "before") == 0
    installed(scratch)
    assert scratch.code("commit", "-q", "--allow-empty", "-m", "after") == 1
    assert (tmp_path / "calls").read_text() == "git check\n"


def test_a_hook_that_is_a_link_into_the_work_tree_is_kept_and_called(scratch: Any) -> None:
    script = scratch.write("tools/pre-commit.sh", "#!/bin/sh\ntouch ran\n")
    script.chmod(0o755)
    hook = scratch.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.symlink_to("../../tools/pre-commit.sh")
    repository = installed(scratch)
    again = install(repository)
    scratch.git("commit", "-q", "--allow-empty", "-m", "x")

    assert not again.changed
    assert script.read_text() == "#!/bin/sh\ntouch ran\n"
    assert (scratch.root / "ran").exists()
    uninstall(repository)
    assert hook.readlink() == Path("../../tools/pre-commit.sh")


def test_installing_twice_goes_on_calling_the_hook_that_was_there(scratch: Any) -> None:
    hook = scratch.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!{sys.executable}\nopen('ran', 'w')\n")
    hook.chmod(0o755)
    repository = installed(scratch)

    assert not install(repository).changed
    scratch.git("commit", "-q", "--allow-empty", "-m", "x")
    assert (scratch.root / "ran").exists()


def test_a_hook_that_is_switched_off_stays_off(scratch: Any) -> None:
    hook = scratch.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch ran\n")
    hook.chmod(0o644)
    repository = installed(scratch)
    scratch.git("commit", "-q", "--allow-empty", "-m", "x")

    assert not (scratch.root / "ran").exists()
    uninstall(repository)
    assert (hook.read_text(), hook.stat().st_mode & 0o777) == ("#!/bin/sh\ntouch ran\n", 0o644)


def test_a_folder_of_hooks_that_is_a_link_is_left_alone(scratch: Any) -> None:
    folder = scratch.write("hooks/README", "ours").parent
    (scratch.root / ".git" / "hooks").rename(scratch.root / ".git" / "hooks-of-git")
    (scratch.root / ".git" / "hooks").symlink_to(folder)
    installed(scratch)

    assert [path.name for path in folder.iterdir()] == ["README"]


def test_a_shell_hook_without_a_final_newline_is_chained(scratch: Any) -> None:
    hook = scratch.root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh")
    hook.chmod(0o755)
    installed(scratch)

    assert hook.read_text().splitlines()[:2] == ["#!/bin/sh", "# bluelabel begin"]


def test_the_hook_refuses_what_loses_a_card(scratch: Any) -> None:
    installed(scratch)
    card = "# Task Cards\n\n### TASK-1: One\nStatus: NOT_STARTED\n\n### TASK-2: Two\nStatus: NOT_STARTED\n"
    scratch.commit("cards", **{CARDS: card})
    scratch.write(CARDS, card[: card.index("### TASK-2")])
    scratch.git("add", "-A")

    assert scratch.code("commit", "-q", "-m", "lose it") != 0
    assert scratch.code("commit", "-q", "-m", "lose it", "--no-verify") == 0


def test_a_merger_that_fails_leaves_both_sides_in_the_file(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("base", "ours", "theirs")]
    for file, text in zip(files, ("0\n", "1\n", "2\n"), strict=True):
        file.write_text(text)

    def broken(*_texts: bytes | None) -> NoReturn:
        raise RuntimeError("no")

    done = drive(broken, *files)

    assert not done.clean
    assert [problem.code for problem in done.problems] == ["merge-failed"]
    assert files[1].read_text() == "<<<<<<< ours\n1\n=======\n2\n>>>>>>> theirs\n"


def test_a_file_too_large_is_merged_by_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bluelabel.services.git.drivers.CARDS_BYTES", 3)
    files = [tmp_path / name for name in ("base", "ours", "theirs")]
    for file, text in zip(files, ("0\nx\n", "1\nx\n", "0\nx\n"), strict=True):
        file.write_text(text)
    done = drive(merge_files, *files)

    assert done.clean
    assert isinstance(done.problems[0], Problem)
    assert files[1].read_text() == "1\nx\n"


def test_the_driver_names_this_very_installation() -> None:
    assert program()[0] == sys.executable
