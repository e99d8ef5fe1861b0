"""Files that messages name: only ordinary ones inside the root, whatever the path looks like."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bluelabel.agents.confined import read_confined
from bluelabel.interfaces.errors import BluelabelError, NotFound, Refused, TooLarge

BAD_PATHS = [
    "",
    ".",
    "..",
    "/",
    "../canary.txt",
    "a/../../canary.txt",
    "./../canary.txt",
    "/etc/passwd",
    "//etc/passwd",
    "~/.ssh/id_rsa",
    "a\0b",
    "a\\..\\..\\canary.txt",
    "C:\\canary.txt",
    "%2e%2e/canary.txt",
    "\udcff",
    "x" * 5000,
    "x" * 256,
    "d/",
    "-rf",
    "\n",
    "\u202etxt.yranac",
    "note.txt/more",
]

PARTS = ["..", ".", "", "d", "note.txt", "canary.txt", "root", "/", "out", " ", "\u2025"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "canary.txt").write_text("secret")
    home = tmp_path / "root"
    (home / "d").mkdir(parents=True)
    (home / "note.txt").write_text("hello")
    (home / "d" / "deep.txt").write_text("deep")
    return home


@pytest.mark.parametrize(
    ("path", "text"), [("note.txt", b"hello"), ("d/deep.txt", b"deep"), ("./d//deep.txt", b"deep")]
)
def test_an_ordinary_file_inside_is_read(root: Path, path: str, text: bytes) -> None:
    assert read_confined(root, path, max_bytes=100) == text


def test_an_absolute_path_inside_is_read(root: Path) -> None:
    assert read_confined(root, str(root / "note.txt"), max_bytes=100) == b"hello"


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_path_that_is_none_or_leads_out_is_refused(root: Path, path: str) -> None:
    with pytest.raises((Refused, NotFound)):
        read_confined(root, path, max_bytes=100)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.lists(st.sampled_from(PARTS), max_size=6))
def test_no_path_reaches_the_file_outside(root: Path, parts: list[str]) -> None:
    link = root / "out"
    if not link.is_symlink():
        link.symlink_to(root.parent)
    try:
        found = read_confined(root, "/".join(parts), max_bytes=100)
    except BluelabelError:
        return

    assert found != b"secret"


@pytest.mark.parametrize("link", ["file", "folder"])
def test_a_symbolic_link_is_not_followed(root: Path, link: str) -> None:
    (root / "file").symlink_to(root.parent / "canary.txt")
    (root / "folder").symlink_to(root.parent)
    path = "file" if link == "file" else "folder/canary.txt"

    with pytest.raises(Refused, match="will not open it"):
        read_confined(root, path, max_bytes=100)


def test_a_hard_link_is_refused(root: Path) -> None:
    os.link(root.parent / "canary.txt", root / "hard.txt")

    with pytest.raises(Refused, match="second name"):
        read_confined(root, "hard.txt", max_bytes=100)


def test_a_fifo_is_refused_without_waiting_for_a_writer(root: Path) -> None:
    os.mkfifo(root / "pipe")

    with pytest.raises(Refused, match="not an ordinary file"):
        read_confined(root, "pipe", max_bytes=100)


def test_a_directory_is_refused(root: Path) -> None:
    with pytest.raises(Refused):
        read_confined(root, "d", max_bytes=100)


def test_a_file_over_the_limit_is_refused_before_it_is_read(root: Path) -> None:
    with pytest.raises(TooLarge, match="5 bytes are over the limit of 4"):
        read_confined(root, "note.txt", max_bytes=4)


def test_a_file_without_a_size_is_cut_off_at_the_limit() -> None:
    with pytest.raises(TooLarge, match="grew over the limit"):
        read_confined(Path("/proc/self"), "status", max_bytes=10)


def test_a_missing_file_is_not_found(root: Path) -> None:
    with pytest.raises(NotFound):
        read_confined(root, "nothing.txt", max_bytes=100)


def test_a_folder_that_is_swapped_for_a_link_gives_nothing_away(root: Path) -> None:
    """A racer puts a link in the place of a folder and back, as fast as it can; nothing outside is ever read."""
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "deep.txt").write_text("secret")
    (root / "link").symlink_to(outside)
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            (root / "d").rename(root / "aside")
            (root / "link").rename(root / "d")
            (root / "d").rename(root / "link")
            (root / "aside").rename(root / "d")

    racer = threading.Thread(target=swap)
    racer.start()
    read: set[bytes] = set()
    refused = 0
    try:
        for _ in range(10_000):
            try:
                read.add(read_confined(root, "d/deep.txt", max_bytes=100))
            except (Refused, NotFound):
                refused += 1
    finally:
        done.set()
        racer.join()

    assert read <= {b"deep"}
    assert refused > 0
