"""The questions of `bluelabel.interfaces.repository`, answered by git's command line."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from bluelabel.interfaces.repository import Change, Commit, Version
from bluelabel.interfaces.times import to_text
from bluelabel.services.git.command import Git, unanswered
from bluelabel.services.git.locate import Location, locate

_COMMIT_FORMAT = "--format=tformat:%H%x00%P%x00%an%x00%at%x00%s"


class GitRepository:
    """A worktree and its repository. Nothing here changes anything.

    Args:
        location: where it is.
        inside_hook: look at the index that git handed to the hook we run in.
    """

    def __init__(self, location: Location, *, inside_hook: bool = False) -> None:
        self.location = location
        self.git = Git(location.root, inside_hook=inside_hook)
        self._commits_seen: set[str] = set()

    @classmethod
    def find(cls, path: Path) -> GitRepository | None:
        """Return the repository whose worktree `path` lies in, or None."""
        location = locate(path)
        return None if location is None else cls(location)

    @property
    def root(self) -> Path:
        """The top of this worktree."""
        return self.location.root

    @property
    def common_dir(self) -> Path:
        """The directory that all worktrees share."""
        return self.location.common_dir

    def resolve(self, revision: str) -> str | None:
        """Return the full hash of the commit that `revision` names, or None."""
        if not revision or "\0" in revision:
            return None
        if revision in self._commits_seen:  # a full hash means the same commit for ever
            return revision
        answer = self.git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if answer.code != 0:
            return None
        found = answer.text.strip()
        self._commits_seen.add(found)
        return found

    def branch(self) -> str | None:
        """Return the branch that is checked out (one without a commit yet included), or None when HEAD is detached."""
        answer = self.git.ask("symbolic-ref", "--quiet", "HEAD")
        if answer.code not in (0, 1) or (answer.code == 0 and not answer.text.startswith("refs/")):
            raise unanswered("which branch is checked out", answer, self.root)
        return answer.text.rstrip("\n").removeprefix("refs/heads/") if answer.code == 0 else None

    def branches(self) -> Mapping[str, str]:
        """Return every local and remote branch with its commit."""
        form = "--format=%(objectname)%00%(symref)%00%(refname)"
        found: dict[str, str] = {}
        for line in self.git.must(
            "list branches", "for-each-ref", form, "refs/heads", "refs/remotes"
        ).text.splitlines():
            commit, symref, name = line.split("\0")
            if not symref:  # origin/HEAD only repeats another one
                found[name.split("/", 2)[2]] = commit
        return found

    def tags(self) -> Mapping[str, str]:
        """Return every tag with the commit it leads to; tags of trees and files are left out."""
        form = "--format=%(objecttype)%00%(objectname)%00%(*objecttype)%00%(*objectname)%00%(refname:lstrip=2)"
        found: dict[str, str] = {}
        for line in self.git.must("list tags", "for-each-ref", form, "refs/tags").text.splitlines():
            kind, object_name, led_kind, led_to, name = line.split("\0")
            commit = object_name if kind == "commit" else led_to if led_kind == "commit" else None
            commit = commit or (self.resolve(object_name) if led_kind == "tag" else None)
            if commit:
                found[name] = commit
        return found

    def is_annotated(self, tag: str) -> bool:
        """Tell whether `tag` is an annotated tag."""
        return self.tag_object(tag) is not None

    def tag_object(self, tag: str) -> str | None:
        """Return the hash of an annotated tag's own object, or None."""
        name = self.ref(f"refs/tags/{tag}")
        return name if name and self.git.ask("cat-file", "-t", name).text.strip() == "tag" else None

    def tag_message(self, tag: str) -> str | None:
        """Return the message of an annotated tag, or None."""
        name = self.tag_object(tag)
        return self.git.must("read a tag", "cat-file", "tag", name).text.partition("\n\n")[2] if name else None

    def ref(self, name: str) -> str | None:
        """Return the hash that a full reference name (``refs/…``) holds, or None."""
        if not name.startswith("refs/") or any(sign in name for sign in "\0*?["):  # what git would take for a pattern
            return None
        lines = self.git.must("read a reference", "for-each-ref", "--format=%(objectname)%00%(refname)", name).text
        return next((line[: line.index("\0")] for line in lines.splitlines() if line.endswith(f"\0{name}")), None)

    def paths(self, revision: str | None = None) -> frozenset[str]:
        """Return the files of a revision, or of the working tree (tracked, and untracked but not ignored)."""
        if revision is not None:
            commit = self.resolve(revision)
            if commit is None:
                return frozenset()
            return frozenset(self.git.must("list files", "ls-tree", "-r", "-z", "--name-only", commit).lines())
        known = self.git.must("list files", "ls-files", "-z", "--cached", "--others", "--exclude-standard").lines()
        gone = self.git.must("list files", "ls-files", "-z", "--deleted").lines()
        return frozenset(known) - frozenset(gone)

    def read(self, path: str, revision: str) -> bytes | None:
        """Return a file's bytes at a revision, or None."""
        commit = self.resolve(revision)
        if commit is None or not path or "\0" in path or path.startswith(("/", "./", "../")):
            return None
        answer = self.git.ask("cat-file", "blob", f"{commit}:{path}")
        return answer.out if answer.code == 0 else None

    def is_ancestor(self, commit: str, of: str) -> bool:
        """Tell whether `commit` is contained in `of`."""
        inner, outer = self.resolve(commit), self.resolve(of)
        if inner is None or outer is None:
            return False
        return self.git.ask("merge-base", "--is-ancestor", inner, outer).code == 0

    def missing(self, commit: str, from_: str) -> tuple[str, ...] | None:
        """Return the paths that merging `commit` into `from_` would change: none when it was squashed in.

        Paths in conflict count as changed. None when git is older than 2.38.
        """
        inner, outer = self.resolve(commit), self.resolve(from_)
        merged = self.git.ask("merge-tree", "--write-tree", outer, inner) if inner and outer else None
        if outer is None or merged is None or merged.code not in (0, 1):
            return None
        args = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", outer, merged.text.split("\n", 1)[0])
        return tuple(self.git.must("compare two trees", *args).lines())

    def squashed(self, commit: str, into: str) -> str | None:
        """Return the commit of `into` that makes the very changes of a branch up to `commit`, whatever came later."""
        inner, outer = self.resolve(commit), self.resolve(into)
        base = self.git.ask("merge-base", inner, outer) if inner and outer else None
        if inner is None or outer is None or base is None or base.code != 0:
            return None
        start = base.text.strip()
        own = self._patches("diff-tree", "-p", "--no-ext-diff", "--no-textconv", start, inner)
        shut = ("--no-merges", "--no-ext-diff", "--no-textconv", outer, f"^{start}")
        return self._patches("log", "-p", *shut).get(next(iter(own), ""))

    def _patches(self, *shown: str) -> dict[str, str]:
        """Return what git can tell changes by, whatever lines they are at, and the commit that makes each."""
        text = self.git.must("show changes", *shown).out
        told = self.git.must("tell changes apart", "patch-id", "--stable", data=text).text
        return {line.split()[0]: line.split()[1] for line in told.splitlines()}

    def commits(self, since: str | None, until: str) -> tuple[Commit, ...]:
        """Return the commits reachable from `until` and not from `since`, newest first."""
        last, first = self.resolve(until), self.resolve(since) if since else None
        if last is None or (since and first is None):
            return ()
        shut = [f"^{first}"] if first else []
        out = self.git.must("read the history", "log", "-z", "--no-color", _COMMIT_FORMAT, last, *shut).out
        return tuple(_commits(out.decode("utf-8", "replace")))

    def changes(self, path: str, until: str) -> tuple[Change, ...]:
        """Return what was done to one path up to `until`, newest first.

        A rename shows as ``A`` at the new path and ``D`` at the old one; what a merge itself changed is not shown.
        """
        last = self.resolve(until)
        if last is None or not path or "\0" in path:
            return ()
        args = [
            "log",
            "-z",
            "--format=%x00%H",
            "--name-status",
            "--no-renames",
            "--no-ext-diff",
            "--full-history",
            last,
        ]
        answer = self.git.must("read the history", "--literal-pathspecs", *args, "--", path)
        return tuple(_changes(answer.text))

    def numstat(self, since: str, until: str) -> list[str]:
        """Return ``added TAB removed TAB path`` for every file that differs between two commits; ``-`` for binary."""
        args = ("diff", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", since, until, "--")
        return self.git.must("compare two commits", *args).lines()

    def status(self) -> tuple[tuple[str, str], ...]:
        """Return ``(XY, path)`` for every file that differs from HEAD; a rename shows as ``D`` and ``A``."""
        answer = self.git.must(
            "compare the files", "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames"
        )
        return tuple((entry[:2], entry[3:]) for entry in answer.lines())

    def last_tip(self, branch: str) -> str | None:
        """Return the commit that a branch was at when it was last left in this worktree, though it is gone by now."""
        answer = self.git.ask("log", "-g", "--format=%H%x00%gs", "HEAD", "--")
        moves = [line.split("\0") for line in answer.text.splitlines()]
        for (_, words), (before, _) in pairwise(moves):
            if words.startswith(f"checkout: moving from {branch} to "):
                return before
        return None

    def is_shallow(self) -> bool:
        """Tell whether the history of this clone is cut short."""
        return self.git.ask("rev-parse", "--is-shallow-repository").text.strip() == "true"

    def version(self, path: str, data: bytes) -> Version | None:
        """Return what git has of a file's text, byte for byte or but for its line endings; None when it has none.

        Any text that git has counts: a commit's, the index's, a stash's, one that a merge made. git knows the empty
        text without having it, so that one is never a version. Objects are not fetched for the question.
        """
        if not data:
            return None
        texts = dict.fromkeys((data, data.replace(b"\r\n", b"\n")))
        blobs = [name for text in texts for name in _blob_names(text)]
        places = [] if "\n" in path else [f"HEAD:{path}", f":{path}"]
        lines = "".join(f"{name}\n" for name in (*places, *blobs))
        asked = ("cat-file", "--batch-check=%(objectname)")
        answer = self.git.ask(*asked, data=os.fsencode(lines), fetches=False)
        found = answer.text.splitlines()
        if "lazy fetch" in answer.err:  # one text that a clone does not have ends the answer
            found += [name for name in blobs if self.git.ask("cat-file", "-e", name, fetches=False).code == 0]
        elif answer.code != 0:
            raise unanswered("whether it has a text", answer, self.root)
        blob = next((name for name in blobs if name in found[len(places) :]), None)
        at = [place in blobs for place in found[: len(places)]] or [False, False]
        return Version(blob, is_head=at[0], is_staged=at[1]) if blob else None

    def had(self, path: str, blob: str, commit: str) -> bool:
        """Tell whether a file was that blob in the history of `commit`."""
        last = self.resolve(commit)
        if last is None or not path or "\0" in path:
            return False
        args = ("log", "-1", "--format=%H", "--no-renames", f"--find-object={blob}", last, "--", path)
        answer = self.git.ask("--literal-pathspecs", *args, fetches=False)
        return answer.code == 0 and bool(answer.text.strip())

    def is_busy(self) -> bool:
        """Tell whether a git command is just changing this worktree."""
        return any(os.path.lexists(self.location.git_dir / name) for name in ("index.lock", "HEAD.lock"))

    def remotes(self) -> tuple[str, ...]:
        """Return the names of the remotes."""
        return tuple(self.git.must("list remotes", "remote").text.splitlines())

    def merge_base(self, one: str, other: str) -> str | None:
        """Return the best common ancestor of two commits, or None when their histories never met."""
        left, right = self.resolve(one), self.resolve(other)
        if left is None or right is None:
            return None
        answer = self.git.ask("merge-base", left, right)
        return answer.text.strip() if answer.code == 0 else None

    def worktree_of(self, branch: str) -> Path | None:
        """Return the worktree that has `branch` checked out, or None."""
        place: str | None = None
        for line in self.git.must("list worktrees", "worktree", "list", "--porcelain", "-z").lines():
            if line.startswith("worktree "):
                place = line.removeprefix("worktree ")
            elif line == f"branch refs/heads/{branch}" and place is not None:
                return Path(place)
        return None


def _blob_names(data: bytes) -> tuple[str, str]:
    """Return the names that git gives a text, in a repository of either kind of hash."""
    whole = b"blob %d\0" % len(data) + data
    return hashlib.sha1(whole, usedforsecurity=False).hexdigest(), hashlib.sha256(whole).hexdigest()


def _commits(text: str) -> Iterator[Commit]:
    fields = text.split("\0")
    for start in range(0, len(fields) - 4, 5):
        name, parents, author, at, subject = fields[start : start + 5]
        yield Commit(name.strip(), tuple(parents.split()), author, _moment(at), subject)


def _moment(seconds: str) -> str:
    try:
        return to_text(datetime.fromtimestamp(int(seconds), UTC))
    except (ValueError, OverflowError, OSError):
        return to_text(datetime.fromtimestamp(0, UTC))  # git itself shows a damaged date as 1970


def _changes(text: str) -> Iterator[Change]:
    """Read records of ``<hash>`` and then ``<action> <path>`` pairs, all parted by NUL bytes."""
    commit = action = ""
    for part in text.split("\0"):
        field = part.strip("\n")
        if action:
            yield Change(commit, part, action[0])
            action = ""
        elif len(field) in (40, 64) and all(letter in "0123456789abcdef" for letter in field):
            commit = field
        elif field:
            action = field
