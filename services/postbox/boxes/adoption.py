"""Boxes that another post office wrote: a clone brings them along, and whoever moves here wants what waits in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bluelabel.interfaces.errors import UnreadableInput
from bluelabel.services.files.confined import FileText, names_in, opened, read_at
from bluelabel.services.postbox.boxes.quarantine import FOLDER
from bluelabel.services.postbox.boxes.shapes import is_header
from bluelabel.services.postbox.boxes.view_format import BOXES, Header

_KEPT: Final = re.compile(rf".*-({'|'.join(BOXES)})\.json")


@dataclass(frozen=True, slots=True)
class StrangeBox:
    """A box of another post office.

    Attributes:
        home: the id of that post office.
        agent, box: whose box, and which.
        file: where it lies, relative to the postbox.
        found: its text.
    """

    home: str
    agent: str
    box: str
    file: str
    found: FileText


def strange_boxes(postbox: Path, agents: Iterable[str], home: str) -> list[StrangeBox]:
    """Return every box in a worktree that another post office wrote, in its place or set aside; inboxes first.

    Args:
        postbox: the folder with the mailboxes.
        agents: whose.
        home: the id of the post office here.
    """
    found = [strange for agent in agents for strange in _of(postbox, agent) if strange.home not in ("", home)]
    return sorted(found, key=lambda strange: (strange.box, strange.agent, strange.file))


def _of(postbox: Path, agent: str) -> Iterator[StrangeBox]:
    for place in ((), (FOLDER,)):
        with suppress(FileNotFoundError, UnreadableInput), opened(postbox, agent, *place) as folder:
            for name in names_in(folder):
                kept = _KEPT.fullmatch(name) if place else None
                box = kept[1] if kept else name.removesuffix(".json")
                if box in BOXES and (text := _read(folder, name)) is not None:
                    yield StrangeBox(_home(text.data), agent, box, "/".join((agent, *place, name)), text)


def _home(data: bytes) -> str:
    """Return the home in the first line of a view, whatever was done to the others; empty when it is no view."""
    try:
        value = json.loads(data.split(b"\n", 2)[1].rstrip(b","))
    except (IndexError, ValueError, RecursionError):
        return ""
    return Header.of(value).home if is_header(value) else ""


def _read(folder: int, name: str) -> FileText | None:
    with suppress(UnreadableInput):
        return read_at(folder, name, name)
    return None
