"""The settings of a workspace: ``bluelabel.toml`` at its root, checked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeGuard, cast

from bluelabel.interfaces.errors import UnknownAgent, UnreadableInput, UsageError
from bluelabel.interfaces.names import nearest
from bluelabel.services.postbox.address_book import Directory

if TYPE_CHECKING:
    from bluelabel.services.cards.status.statuses import Vocabulary

FILE: Final = "bluelabel.toml"
DEFAULT_AGENTS: Final = ("CC", "CA", "WA", "ARCH")

_PREFIX: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,15}(?:-[A-Za-z][A-Za-z0-9]{0,15})?")
_TABLES: Mapping[str, tuple[str, ...] | None] = {
    "workspace": ("agents", "coordinator", "human", "home", "cards"),
    "groups": None,
    "queues": None,
    "postbox": ("versioned", "max_attempts", "lease", "ack_deadline"),
    "agents": None,
    "evidence": ("test", "timeout"),
    "cards": ("statistics", "archive", "prefixes", "statuses"),
    "workflow": ("schedules", "keep"),
    "sprint": None,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a workspace is set to.

    Attributes:
        directory: who can be written to.
        home: the state directory, where it is not the usual one.
        cards: path of the card file, relative to the root.
        versioned: whether the boxes are meant to be committed.
        max_attempts: deliveries of one message before it is a dead letter.
        lease: seconds of a claim.
        ack_deadline: seconds after which a message that nobody has settled is escalated; None for never.
        agents: the tables ``[agents.NAME]`` as they stand, for the registry.
        prefixes: what ids of cards begin with, besides ``TASK``.
        tables: everything, for the rooms that have settings of their own.
    """

    directory: Directory
    home: str | None = None
    cards: str = "TASK_CARDS.md"
    versioned: bool = True
    max_attempts: int = 5
    lease: float = 900.0
    ack_deadline: float | None = None
    agents: Mapping[str, Any] = field(default_factory=dict[str, Any])
    prefixes: tuple[str, ...] = ()
    tables: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def vocabulary(self) -> Vocabulary:
        """The people of the workspace, its own phrases for the statuses of cards, and the prefixes of their ids."""
        from bluelabel.services.cards.status.statuses import Vocabulary

        return Vocabulary.of(self.directory.people, self.tables.get("cards", {}).get("statuses"), self.prefixes)


def load(root: Path) -> Settings:
    """Read the settings of the workspace at `root`; without a file, the defaults.

    Raises:
        UnreadableInput: not TOML, an unknown key, or a value of the wrong kind.
    """
    path = root / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings(Directory(DEFAULT_AGENTS))
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"not UTF-8 at byte {error.start}", where=str(path), hint="save it as UTF-8") from None
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise not_toml(error, text, path) from None
    reader = _Reader(str(path), text)
    try:
        return _checked(tables, reader)
    except (UsageError, UnknownAgent) as error:
        raise UnreadableInput(str(error), where=str(path), hint=error.hint) from None


def not_toml(error: Exception, text: str, path: Path) -> UnreadableInput:
    """Return what to tell about a settings file that is no TOML: the mistake, with line and column as far as known."""
    what, place = re.fullmatch(r"(.*?)(?: \(?at (.*))?", str(error), re.DOTALL).groups()  # type: ignore[union-attr]
    numbers = re.findall(r"\d+", place or "") or [str(text.count("\n") + 1)]
    return UnreadableInput(f"not TOML ({what})", where=":".join([str(path), *numbers]), hint="correct this line")


def _checked(tables: Mapping[str, Any], reader: _Reader) -> Settings:
    for name, table in tables.items():
        reader.known(name, _TABLES, "table")
        if not isinstance(table, Mapping):
            raise reader.wrong(name, "a table")
        keys = _TABLES[name]
        for key in cast("Mapping[str, Any]", table) if keys is not None else ():
            reader.known(key, keys or (), f"key of [{name}]")
    space, box = tables.get("workspace", {}), tables.get("postbox", {})
    configured = tables.get("agents", {})
    names = tuple(reader.words(space, "agents", DEFAULT_AGENTS))
    directory = Directory(
        (*names, *(name for name in configured if name not in names)),
        {name: tuple(reader.words(tables["groups"], name, ())) for name in tables.get("groups", {})},
        {name: tuple(reader.words(tables["queues"], name, ())) for name in tables.get("queues", {})},
        reader.text(space, "coordinator", "ARCH" if "ARCH" in names else names[0]),
        reader.text(space, "human", "HUMAN"),
    )
    directory.check(directory.coordinator)
    reader.statuses(tables.get("cards", {}))
    return Settings(
        directory,
        reader.text(space, "home", "") or None,
        reader.text(space, "cards", "TASK_CARDS.md"),
        reader.flag(box, "versioned", default=True),
        reader.whole(box, "max_attempts", 5),
        reader.seconds(box, "lease", 900.0) or 900.0,
        reader.seconds(box, "ack_deadline", None),
        configured,
        reader.prefixes(tables.get("cards", {})),
        tables,
    )


class _Reader:
    """Takes values out of tables, and says whose value is wrong."""

    def __init__(self, where: str, text: str) -> None:
        self._where = where
        self._text = text

    def _place(self, name: str) -> str:
        """Return the file and the line that first sets `name`, or opens a table of this name."""
        word = rf"[\"']?{re.escape(name)}[\"']?"
        line = rf"^[ \t]*(?:{word}[ \t]*[=.]|\[+[ \t]*(?:[^\]\n]*\.)?{word}[ \t]*[\].])"
        found = re.search(line, self._text, re.MULTILINE)
        return f"{self._where}:{self._text.count(chr(10), 0, found.start()) + 1}" if found else self._where

    def known(self, name: str, names: Mapping[str, Any] | tuple[str, ...], what: str) -> None:
        if name not in names:
            near = nearest(name, names) or sorted(names)
            raise UnreadableInput(
                f"unknown {what} {name!r}", where=self._place(name), hint=f"did you mean {', '.join(near)}?"
            )

    def wrong(self, name: str, wanted: str) -> UnreadableInput:
        hint = "the page of the reference on settings shows each key"
        return UnreadableInput(f"{name} is not {wanted}", where=self._place(name), hint=hint)

    def text(self, table: Mapping[str, Any], key: str, default: str) -> str:
        value = table.get(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, "a text")
        return value

    def words(self, table: Mapping[str, Any], key: str, default: tuple[str, ...]) -> list[str]:
        value: Any = table.get(key, list(default))
        if isinstance(value, Mapping):
            value = cast("Mapping[str, Any]", value).get("members", [])
        if not _are_texts(value):
            raise self.wrong(key, "a list of names")
        return value

    def statuses(self, table: Mapping[str, Any]) -> None:
        """See that every phrase of ``[cards.statuses]`` is one, and names a status."""
        phrases: Any = table.get("statuses")
        if phrases is None:
            return
        if not isinstance(phrases, Mapping):
            raise self.wrong("statuses", "a table: phrase = status")
        from bluelabel.services.cards.status.statuses import CardStatus, Vocabulary

        for phrase, status in cast("Mapping[str, Any]", phrases).items():
            if status not in list(CardStatus):
                raise self.wrong(phrase, f"one of {', '.join(CardStatus)}")
            known = Vocabulary.of((), {phrase: status})
            if known.status(phrase) is not CardStatus(status):
                raise self.wrong(phrase, "a phrase: words, without “|”, “?”, brackets and boxes")
            if any(known.status(own) is not own for own in CardStatus):
                raise self.wrong(phrase, "a phrase of your own: it is the word of another status")

    def prefixes(self, table: Mapping[str, Any]) -> tuple[str, ...]:
        found = self.words(table, "prefixes", ()) if table.get("prefixes", []) != [] else []
        for name in found:
            if not _PREFIX.fullmatch(name):
                raise self.wrong("prefixes", 'a list of beginnings such as "BUG": a letter, then letters and digits')
        return tuple(dict.fromkeys(name.upper() for name in found))

    def flag(self, table: Mapping[str, Any], key: str, *, default: bool) -> bool:
        value = table.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def whole(self, table: Mapping[str, Any], key: str, default: int) -> int:
        value = table.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.wrong(key, "a whole number above 0")
        return value

    def seconds(self, table: Mapping[str, Any], key: str, default: float | None) -> float | None:
        value = table.get(key, default)
        if isinstance(value, str):
            from bluelabel.interfaces.times import span

            try:
                return span(value).total_seconds()
            except UsageError:
                raise self.wrong(key, "a duration such as 15m") from None
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
            raise self.wrong(key, "a duration such as 15m")
        return value


def _are_texts(value: object) -> TypeGuard[list[str]]:
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(item, str) for item in cast("list[object]", value))
