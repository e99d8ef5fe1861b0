"""A scratch repository with a post office, cards and a clerk's desk."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bluelabel.services.cards.board import Board
from bluelabel.services.cards.card_store import Desk as CardDesk
from bluelabel.services.cards.projection import CardsProjection
from bluelabel.services.git.repository import GitRepository
from bluelabel.services.ledger.book import Book
from bluelabel.services.ledger.clock import SystemClock, SystemIds
from bluelabel.services.postbox.address_book import Directory
from bluelabel.services.postbox.boxes.sync import BoxOffice
from bluelabel.services.postbox.postbox import Postbox
from bluelabel.services.postbox.projection import PostboxProjection
from bluelabel.services.sprint.context import Desk
from bluelabel.services.sprint.projection import SprintProjection
from bluelabel.services.sprint.settings import SprintSettings
from bluelabel.services.workflow.dag_run_store import DAGRunStore
from bluelabel.services.workflow.store.projection import RunsProjection

CARDS = "TASK_CARDS.md"


class Clock(SystemClock):
    """The system's clock, moved."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift


class Office:
    """A repository and the desk in it."""

    def __init__(self, root: Path, *, fresh: bool = True) -> None:
        self.root = root
        self.clock = Clock()
        if fresh:
            self.git("init", "-q", "-b", "main")
            self.write("README.md", "# A project\n")
            self.write(CARDS, "# Task Cards\n\n## Active Tasks\n")
            self.commit("Begin")
        projections = (PostboxProjection(), RunsProjection(), SprintProjection(), CardsProjection())
        self.book = Book.open(root / ".git" / "bluelabel", projections, clock=self.clock)
        directory = Directory(("CC", "CA", "WA", "ARCH"))
        self.postbox = Postbox(self.book, directory, self.clock, SystemIds())
        self.settings = SprintSettings()
        self.test_command: tuple[str, ...] = ()

    @property
    def desk(self) -> Desk:
        repository = GitRepository.find(self.root)
        runs = DAGRunStore(
            self.root / "data" / "dag_runs", book=self.book, home=self.root / ".git" / "bluelabel", clock=self.clock
        )
        return Desk(
            self.root, self.book, self.postbox, runs, repository, self.clock, "HUMAN", "ARCH", CARDS,
            self.board("HUMAN"),
            self.settings, self.test_command, 60.0,
        )  # fmt: skip

    def board(self, actor: str) -> Board:
        home = self.root / ".git" / "bluelabel"
        return Board(
            CardDesk(self.root / CARDS, self.book, home, actor, GitRepository.find(self.root), clock=self.clock)
        )

    @property
    def boxes(self) -> BoxOffice:
        home = self.root / ".git" / "bluelabel" / "boxes"
        return BoxOffice(self.postbox, self.root / "postbox", home, self.clock, SystemIds())

    def set_status(self, card: str, status: str, by: str = "CC", *, extra: str = "") -> None:
        self.board(by).set(card, "status", status)
        if extra:  # words that a person adds under the card
            file = self.root / CARDS
            head, mark, tail = file.read_text().partition(f"### {card}:")
            own, heading, after = tail.partition("\n### ")
            file.write_text(f"{head}{mark}{own.rstrip()}\n{extra}\n{heading}{after}".rstrip() + "\n")

    def git(self, *args: str, check: bool = True) -> str:
        done = subprocess.run(["git", *args], cwd=self.root, capture_output=True, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"git {args} said {done.stderr.decode()}{done.stdout.decode()}")
        return done.stdout.decode().strip()

    def write(self, path: str, text: str | bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)

    def commit(self, message: str, *paths: str) -> str:
        self.git("add", "--", *(paths or (".",)))
        self.git("commit", "-q", "--no-verify", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def work_on(self, branch: str, files: dict[str, str], *, start: str = "main") -> str:
        self.git("checkout", "-q", "-b", branch, start)
        for path, text in files.items():
            self.write(path, text)
        made = self.commit(f"Work on {branch}", *files)
        self.git("checkout", "-q", "main")
        return made

    def is_sound(self) -> bool:
        return (
            subprocess.run(["git", "fsck", "--strict", "--no-dangling"], cwd=self.root, capture_output=True).returncode
            == 0
        )


@pytest.fixture(autouse=True)
def _own_identity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("GIT_", "BLUELABEL_AGENT", "BLUELABEL_HOME")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Tester")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "tester@example.com")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Any]:
    root = tmp_path / "repo"
    root.mkdir()
    made = Office(root)
    made.test_command = ("test", "!", "-e", "broken")
    yield made
    made.book.close()
