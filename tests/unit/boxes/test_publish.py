"""A view is put in its place whole, and what stood there is kept, on every kind of file system."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from bluelabel.interfaces.errors import TooLarge, UnreadableInput
from bluelabel.services.files import confined
from bluelabel.services.files.confined import (
    FileText,
    exchange,
    is_as_read,
    kind_at,
    opened,
    read_at,
    signature_at,
    write_new,
)
from bluelabel.services.postbox.boxes import view_files
from bluelabel.services.postbox.boxes.view_files import Bases, Held


def without_links(monkeypatch: pytest.MonkeyPatch, code: int = errno.EPERM) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)


def without_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    def renameat2(*_args: object) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda *_args, **_kwargs: type("C", (), {"renameat2": staticmethod(renameat2)}))


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("swaps", [True, False])
@pytest.mark.parametrize("there", [True, False])
def test_the_new_text_is_in_place_and_the_old_one_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool, swaps: bool, there: bool
) -> None:
    if there:
        (tmp_path / "inbox.json").write_text("old", encoding="utf-8")
    if not links:
        without_links(monkeypatch)
    if not swaps:
        without_exchange(monkeypatch)
    with opened(tmp_path) as folder:
        old = view_files.publish(folder, "inbox.json", "new", "0")

    assert (tmp_path / "inbox.json").read_text(encoding="utf-8") == "new"
    assert (old is not None) == there
    if old is not None:
        assert (tmp_path / old).read_text(encoding="utf-8") == "old"
    assert len(list(tmp_path.iterdir())) == 1 + there


def test_a_file_made_at_the_same_instant_is_swapped_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.link

    def late(*args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(os, "link", real)
        (tmp_path / "inbox.json").write_text("somebody's", encoding="utf-8")
        real(*args, **kwargs)

    monkeypatch.setattr(os, "link", late)
    with opened(tmp_path) as folder:
        old = view_files.publish(folder, "inbox.json", "new", "0")

    assert old is not None
    assert (tmp_path / old).read_text(encoding="utf-8") == "somebody's"


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inbox.json").write_text("old", encoding="utf-8")

    def broken(*_args: object) -> bool:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(view_files, "exchange", broken)
    with opened(tmp_path) as folder, pytest.raises(OSError, match="Input"):
        view_files.publish(folder, "inbox.json", "new", "0")
    without_links(monkeypatch, errno.EIO)
    with opened(tmp_path) as folder, pytest.raises(OSError, match="Input"):
        view_files.publish(folder, "outbox.json", "new", "0")

    assert [path.name for path in tmp_path.iterdir()] == ["inbox.json"]
    assert (tmp_path / "inbox.json").read_text(encoding="utf-8") == "old"


def test_an_exchange_tells_what_it_cannot_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").touch()
    with opened(tmp_path) as folder:
        with pytest.raises(FileNotFoundError):
            exchange(folder, "a", "none")
        monkeypatch.setattr(ctypes, "CDLL", lambda *_args, **_kwargs: object())
        assert exchange(folder, "a", "b") is False


@pytest.mark.parametrize("links", [True, False])
def test_a_held_file_keeps_its_text_on_another_file_system_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    mailbox = tmp_path / "CC"
    mailbox.mkdir()
    (mailbox / "x.new").write_text("text", encoding="utf-8")
    if not links:
        without_links(monkeypatch, errno.EXDEV)
    held = Held(tmp_path / "state")
    with opened(mailbox) as folder:
        name = held.take(folder, "x.new", "CC", "inbox", "0")
    found = held.read(name)

    assert found is not None
    assert (found.agent, found.box, found.digest, found.found.data) == ("CC", "inbox", "new", b"text")
    assert list(mailbox.iterdir()) == []
    name = held.was_read(name, "d1")
    assert held.was_read(name, "d1") == name
    assert held.names() == ["CC.inbox.d1.0"]
    held.forget(name)
    held.forget(name)
    assert held.names() == []


def test_what_is_no_held_file_is_not_read(tmp_path: Path) -> None:
    held = Held(tmp_path / "state")
    assert held.names() == []
    assert held.read("CC.inbox.new.0") is None
    (tmp_path / "state" / "held").mkdir(parents=True)
    (tmp_path / "state" / "held" / "CC.inbox.new.1").symlink_to("/etc/hostname")

    assert held.read("CC.inbox.new.1") is None
    assert held.read("stray") is None


def test_a_base_is_asked_for_by_its_revision_only(tmp_path: Path) -> None:
    bases = Bases(tmp_path / "state")
    assert bases.get("CC", "inbox", "1-ab") is None
    bases.add("CC", "inbox", "1-ab", "text")
    bases.add("CC", "inbox", "1-ab", "other")

    assert bases.get("CC", "inbox", "1-ab") == "text"
    assert [bases.get("CC", "inbox", rev) for rev in ("", "../x", "1-zz", "1-ab/../x")] == [None] * 4


def test_reading_stops_at_the_limit_even_when_the_file_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"x" * 10)
    with opened(tmp_path) as folder:
        with pytest.raises(TooLarge, match="10 bytes"):
            read_at(folder, "a", "a", max_bytes=9)
        monkeypatch.setattr(os, "read", lambda *_args: b"y" * 8)
        with pytest.raises(TooLarge, match="grew"):
            read_at(folder, "a", "a", max_bytes=10)


def test_a_file_that_may_not_be_opened_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").touch()

    def refuse(*_args: object, **_kwargs: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    with opened(tmp_path) as folder:
        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(UnreadableInput, match="Permission denied"):
            read_at(folder, "a", "a")
        monkeypatch.undo()
        assert kind_at(folder, "a") is None
        assert kind_at(folder, "none") is None
        assert signature_at(folder, "none") == ()
        assert not is_as_read(folder, "none", FileText(b"", 1, 1))


def test_a_folder_that_may_not_be_opened_is_an_error_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refuse(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if kwargs.get("dir_fd") is not None:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError), opened(tmp_path, "CC"):
        pass


def test_a_write_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with opened(tmp_path) as folder, pytest.raises(OSError, match="No space"):
        write_new(folder, "a", b"text")

    assert list(tmp_path.iterdir()) == []


def test_where_leases_are_unknown_nobody_counts_as_a_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    (tmp_path / "a").touch()
    monkeypatch.delattr(fcntl, "F_SETLEASE")
    with (tmp_path / "a").open("w", encoding="utf-8"), opened(tmp_path) as folder:
        found = read_at(folder, "a", "a")

    assert found is not None
    assert not found.open_for_writing
    assert confined.shown("\udcff") == "\ufffd"


@pytest.mark.parametrize("links", [True, False])
def test_a_box_that_may_not_be_replaced_leaves_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    (tmp_path / "inbox.json").write_text("old", encoding="utf-8")
    without_exchange(monkeypatch)
    monkeypatch.setattr(os, "rename", refuse)
    if not links:
        without_links(monkeypatch)
    with opened(tmp_path) as folder, pytest.raises(PermissionError):
        view_files.publish(folder, "inbox.json", "new", "0")

    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("inbox.json", "old")]
