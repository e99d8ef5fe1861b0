"""A scratch repository, made by git itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest


class Scratch:
    """A repository in a temporary directory, with short words for what tests do to it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *args: str, check: bool = True, cwd: Path | None = None) -> str:
        done = subprocess.run(["git", *args], cwd=cwd or self.root, capture_output=True, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"git {args} said {done.stderr.decode()}{done.stdout.decode()}")
        return done.stdout.decode().strip()

    def code(self, *args: str) -> int:
        return subprocess.run(["git", *args], cwd=self.root, capture_output=True, check=False).returncode

    def write(self, path: str, text: str | bytes) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    def commit(self, message: str = "work", **files: str) -> str:
        for path, text in files.items():
            self.write(path.replace("__", "/"), text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "--no-verify", "-m", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture(autouse=True)
def _own_identity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("GIT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Tester")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "tester@example.com")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    root = tmp_path / "repo"
    root.mkdir()
    made = Scratch(root)
    made.git("init", "-q", "-b", "main")
    return made
