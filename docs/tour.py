"""Runs the examples of a page in a scratch folder, so that what the page shows is what a reader will see.

A block marked ```console holds commands (lines that start with `$ `) and what they print. All blocks of a page are one
session of bash. Ids, tokens, times and hashes differ from run to run: they are compared by their place, and a command
that names one of them gets the one of this run.

`python docs/tour.py PAGE` runs a page and writes what was printed into it; a test only compares.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BLOCK: Final = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CHANGING: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|\b[0-9a-f]{64}\b|\b[0-9a-f]{40}\b|\b[0-9a-f]{16}\b|\b[0-9a-f]{7,8}\b"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?Z?|\b\d\d:\d\d:\d\d\b|\b\d{4}-\d\d-\d\d\b"
    r"|\b\d+(?:\.\d+)? ?m?s\b"
)
WIDTH: Final = 100
SENTINEL: Final = "__the_end_of_a_command__"


@dataclass(frozen=True)
class Example:
    """A command as people type it (with its continuation lines), and what it printed when it was recorded."""

    command: str
    printed: str


def examples(text: str) -> Iterator[Example]:
    """Yield the examples of a page, in order."""
    for block in BLOCK.findall(text):
        yield from _of_block(block)


def _of_block(block: str) -> Iterator[Example]:
    for part in re.split(r"^(?=\$ )", block, flags=re.MULTILINE):
        if not part.startswith("$ "):
            continue
        lines = part[2:].split("\n")
        end = next(n for n, line in enumerate(lines) if not line.endswith("\\")) + 1
        yield Example("\n".join(lines[:end]), "\n".join(lines[end:]).strip("\n"))


class Session:
    """One bash in a scratch folder, with the program of this environment on its path.

    Args:
        folder: where it starts.
    """

    def __init__(self, folder: Path) -> None:
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("BLUELABEL", "GIT_"))}
        self.folder = folder
        environment = {
            **keep,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "COLUMNS": str(WIDTH),
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "init.defaultBranch",
            "GIT_CONFIG_VALUE_0": "main",
            "GIT_CEILING_DIRECTORIES": str(folder.parent),
        }
        bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        if bash.stdin is None or bash.stdout is None:
            raise RuntimeError("bash was started without pipes")
        self._bash, self._stdin, self._stdout = bash, bash.stdin, bash.stdout
        self._same: dict[str, str] = {}

    def run(self, example: Example) -> str:
        """Run the command of an example with the ids of this session; return what it prints."""
        command = self.translated(example.command)
        self._stdin.write(f"{command}\nprintf '\\n%s\\n' {SENTINEL}\n")
        self._stdin.flush()
        printed = "".join(self._until_sentinel()).strip("\n").replace(str(self.folder), "/home/you")
        for old, new in zip(CHANGING.findall(example.printed), CHANGING.findall(printed), strict=False):
            self._same.setdefault(old, new)
        return "\n".join(line.rstrip() for line in printed.split("\n"))

    def translated(self, command: str) -> str:
        """Return a command with the ids of this session in the place of the recorded ones."""
        return CHANGING.sub(lambda found: self._same.get(found[0], found[0]), command)

    def _until_sentinel(self) -> Iterator[str]:
        for line in self._stdout:
            if line.rstrip("\n") == SENTINEL:
                return
            yield line

    def close(self) -> None:
        """End the session."""
        self._stdin.close()
        self._bash.wait(timeout=20)
        self._stdout.close()


def comparable(text: str) -> str:
    """Return what a command printed without what differs from run to run."""
    return re.sub(r"[ ─━]+", " ", CHANGING.sub("…", text)).strip()


def record(text: str, folder: Path) -> str:
    """Return a page with what its commands print now."""
    session = Session(folder)
    try:

        def again(block: re.Match[str]) -> str:
            parts = [_shown(session, each) for each in _of_block(block[1])]
            gap = "\n\n" if "\n\n$ " in block[1] else "\n"
            return f"```console\n{gap.join(parts)}\n```"

        return BLOCK.sub(again, text)
    finally:
        session.close()


def _shown(session: Session, example: Example) -> str:
    command = session.translated(example.command)
    return f"$ {command}\n{session.run(example)}".rstrip("\n")


if __name__ == "__main__":
    page = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        page.write_text(record(page.read_text(encoding="utf-8"), Path(scratch).resolve()), encoding="utf-8")
