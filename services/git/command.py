"""One git process: argument list in, bytes out. No shell, no terminal, no pager, no words in the user's language."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bluelabel.interfaces.errors import BluelabelError, MachineError, Refused, UsageError, machine_error

READ_SECONDS: Final = 60.0
"""How long a question may take."""

WRITE_SECONDS: Final = 600.0
"""How long a change may take, the hooks that it runs included."""

# Set by git for its hooks: they would redirect our questions to another index or repository.
_REDIRECTS: Final = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
    "GIT_EXTERNAL_DIFF",
    "GIT_LITERAL_PATHSPECS",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
)
_FIXED: Final = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": ":",
    "GIT_MERGE_AUTOEDIT": "no",
    "GIT_ADVICE": "0",
    "LC_ALL": "C",
    "LANGUAGE": "",
}
_OPTIONS: Final = ("-c", "core.quotePath=false", "-c", "color.ui=false", "-c", "log.showSignature=false")
_AT_HOME: Final[Mapping[str, str]] = {"GIT_NO_LAZY_FETCH": "1"}
_NOTHING: Final[Mapping[str, str]] = {}
# A repository's own config may name programs for git to run on mere questions; those are not asked for.
_READ_OPTIONS: Final = ("-c", "core.fsmonitor=false")
_WRITE_OPTIONS: Final = ("-c", "core.fsync=all", "-c", "gc.auto=0", "-c", "maintenance.auto=false")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a git process gave back: exit code, standard output, standard error as text."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """Return the standard output as text; bytes that are not UTF-8 survive as surrogates."""
        return os.fsdecode(self.out)

    def lines(self) -> list[str]:
        """Return the records of an output that was asked for with ``-z``."""
        return [part for part in self.text.split("\0") if part]


class GitFailed(Refused):
    """git said no; the hint carries its words."""

    def __init__(self, doing: str, answer: Answer, where: str | None = None) -> None:
        lines = [" ".join(line.split()) for line in (answer.err + "\n" + os.fsdecode(answer.out)).splitlines()]
        words = [line for line in lines if line and not line.startswith("hint:")]
        said = "; ".join(words[:3])[:400]
        super().__init__(f"git could not {doing}", where=where, hint=f"git said: {said}" if said else None)
        self.answer = answer


class Git:
    """Runs git in one directory.

    Args:
        root: where git runs.
        inside_hook: keep the index that git hands to its hooks (``GIT_INDEX_FILE``): a commit of given paths uses
            another index than the one on disk.
    """

    def __init__(self, root: Path, *, inside_hook: bool = False) -> None:
        self.root = root
        self._inside_hook = inside_hook

    def ask(self, *args: str, data: bytes | None = None, fetches: bool = True) -> Answer:
        """Run a question: nothing is changed and no lock is taken. The exit code is the caller's to judge.

        Args:
            args: what to ask.
            data: standard input.
            fetches: False where a clone that is not whole must not go to the network for what it does not have.

        Raises:
            MachineError: git is missing, does not answer, is killed, or refuses the repository (owner, format).
        """
        asked = [*_OPTIONS, *_READ_OPTIONS, "--no-optional-locks", *args]
        answer = self._run(asked, data, READ_SECONDS, {} if fetches else _AT_HOME)
        if answer.code < 0:  # half an answer is none: "git does not have it" would be concluded from silence
            hint = "try again; see whether the machine is short of memory"
            raise MachineError(f"git was ended by signal {-answer.code}", where=str(self.root), hint=hint)
        if answer.code == 128 and ("dubious ownership" in answer.err or "Expected git repo version" in answer.err):
            hint = answer.err.strip().splitlines()[0]
            raise MachineError("git refuses this repository", where=str(self.root), hint=hint)
        return answer

    def must(self, doing: str, *args: str, data: bytes | None = None) -> Answer:
        """Run a question that has to succeed.

        Raises:
            GitFailed: it did not; `doing` says in a few words what was being done.
        """
        answer = self.ask(*args, data=data)
        if answer.code != 0:
            raise GitFailed(doing, answer, str(self.root))
        return answer

    def change(self, *args: str, data: bytes | None = None, seconds: float = WRITE_SECONDS) -> Answer:
        """Run a change, synced to disk before it returns. The exit code is the caller's to judge."""
        return self._run([*_OPTIONS, *_WRITE_OPTIONS, *args], data, seconds)

    def _run(self, args: list[str], data: bytes | None, seconds: float, more: Mapping[str, str] = _NOTHING) -> Answer:
        if any("\0" in arg for arg in args):
            raise UsageError("a name with a NUL byte cannot be given to git", where=str(self.root))
        try:
            done = subprocess.run(
                ["git", *args],
                cwd=self.root,
                env={**self._environment(), **more},
                input=data or b"",
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            hint = "look for a hook, a credential helper or a network that waits"
            raise MachineError(f"git did not answer in {seconds:g} s", where=str(self.root), hint=hint) from None
        except FileNotFoundError as error:
            raise _not_found(error, self.root) from None
        except OSError as error:
            raise machine_error(error, "starting git", str(self.root)) from None
        return Answer(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))

    def _environment(self) -> dict[str, str]:
        dropped = set(_REDIRECTS)
        if self._inside_hook:
            dropped.discard("GIT_INDEX_FILE")
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        return kept | _FIXED


def unanswered(what: str, answer: Answer, root: Path) -> MachineError:
    """Return the error for a question to which git said neither yes nor no; from its silence nothing follows."""
    said = next((line for line in answer.err.splitlines() if line.strip()), f"exit code {answer.code}")
    return MachineError(f"git could not tell {what}", where=str(root), hint=f"git said: {said[:200]}")


def _not_found(error: OSError, root: Path) -> BluelabelError:
    if not root.is_dir():
        return machine_error(error, "starting git", str(root))
    return MachineError("git is not installed", hint="install git 2.30 or later and put it on PATH")
