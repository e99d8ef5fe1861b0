"""``[sprint]`` of bluelabel.toml: where documents stand, and how the closing routine of this project goes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from bluelabel.interfaces.errors import UnreadableInput, UsageError
from bluelabel.interfaces.names import nearest
from bluelabel.interfaces.times import span
from bluelabel.services.sprint.checklist import LOOKS, STEPS, Place, Step, checklist
from bluelabel.services.sprint.document_files import AGENT_CONTEXTS

_KEYS: Final = (
    *("tag", "remote", "documents", "contexts", "routine", "coverage", "test_each_merge", "require_reports", "step"),
)
_STEP_KEYS: Final = ("id", "title", "run", "before", "after", "critical", "timeout")

Locate = Callable[[str, int | None], str]
"""Tells where a key stands: ``file:line``; with a number, the key of the n-th ``[[sprint.step]]``, from 0."""


@dataclass(frozen=True, slots=True)
class SprintSettings:
    """How sprints go here.

    Args:
        tag: the name of a sprint's tag, with ``{phase}`` and ``{number}``.
        remote: where a closed sprint is pushed to, if there is such a remote.
        documents: where documents stand that are not in the usual places.
        contexts: context files of agents that get a block if they exist.
        routine: the steps of the closing routine that are run, in this order where they may change; None for all.
        coverage: a command that measures test coverage; its last line is kept.
        test_each_merge: run the tests after every merge, and take a merge back that breaks them.
        require_reports: whether a card without a report of its agent keeps the sprint open.
        own: steps that the project has added to the routine.
    """

    tag: str = "v0.{phase}-alpha{number}"
    remote: str = "origin"
    documents: Mapping[str, str] = field(default_factory=dict[str, str])
    contexts: tuple[str, ...] = AGENT_CONTEXTS
    routine: tuple[str, ...] | None = None
    coverage: tuple[str, ...] = ()
    test_each_merge: bool = True
    require_reports: bool = False
    own: tuple[Place, ...] = ()

    def tag_name(self, phase: str, number: str) -> str:
        """Return the tag of a sprint."""
        return self.tag.replace("{phase}", phase).replace("{number}", number)

    @property
    def checklist(self) -> tuple[Step, ...]:
        """Return the closing routine of the project."""
        return checklist(self.routine, self.own)


def sprint_settings(table: Mapping[str, Any], locate: Locate = lambda _key, _step: "bluelabel.toml") -> SprintSettings:
    """Read the table.

    Args:
        table: ``[sprint]`` as it stands.
        locate: asked where a key stands that is wrong.

    Raises:
        UnreadableInput: an unknown key, or a value of the wrong kind.
    """
    reader = _Reader(table, "sprint", locate)
    reader.only(_KEYS)
    found = SprintSettings()
    return SprintSettings(
        reader.text("tag", found.tag),
        reader.text("remote", found.remote),
        reader.places("documents"),
        reader.words("contexts", found.contexts),
        _routine(reader) if "routine" in table else None,
        reader.words("coverage", ()),
        reader.flag("test_each_merge", default=True),
        reader.flag("require_reports", default=False),
        _own(reader),
    )


def evidence_settings(table: Mapping[str, Any], locate: Locate) -> tuple[tuple[str, ...], float]:
    """Return the test command of ``[evidence]``, empty for none, and its time limit in seconds.

    Args:
        table: as it stands.
        locate: asked where a key stands that is wrong.

    Raises:
        UnreadableInput: a value of the wrong kind.
    """
    reader = _Reader(table, "evidence", locate)
    command = table.get("test", ())
    words = tuple(shlex.split(command)) if isinstance(command, str) else reader.words("test", ())
    return words, reader.seconds("timeout") or 600.0


class _Reader:
    """Takes values out of a table, and says whose value is wrong, and where it stands."""

    def __init__(self, table: Mapping[str, Any], name: str, locate: Locate, number: int | None = None) -> None:
        self.table = table
        self._name = name
        self.locate = locate
        self._number = number

    def wrong(self, key: str, what: str, hint: str) -> UnreadableInput:
        return UnreadableInput(what, where=self.locate(key, self._number), hint=hint)

    def only(self, keys: Sequence[str]) -> None:
        for key in self.table:
            if key not in keys:
                hint = f"did you mean {', '.join(nearest(key, keys) or keys)}?"
                raise self.wrong(key, f"unknown key {key!r} of [{self._name}]", hint)

    def text(self, key: str, default: str) -> str:
        value = self.table.get(key, default)
        if not isinstance(value, str) or not value:
            raise self.wrong(key, f"{self._name}.{key} is not a text", f'write {key} = "{default or "…"}"')
        return value

    def words(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        value: object = self.table.get(key, default)
        found = cast("Sequence[object]", value) if isinstance(value, list | tuple) else (None,)
        if not all(isinstance(word, str) and "\0" not in word for word in found):
            raise self.wrong(key, f"{self._name}.{key} is not a list of texts", f'write {key} = ["…", "…"]')
        return tuple(str(word) for word in found)

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.table.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, f"{self._name}.{key} is not true or false", f"write {key} = {str(default).lower()}")
        return value

    def seconds(self, key: str) -> float | None:
        value = self.table.get(key)
        if value is None:
            return None
        try:
            found = 0.0 if isinstance(value, bool) else span(str(value)).total_seconds()
        except UsageError:
            found = 0.0
        if found <= 0:
            raise self.wrong(key, f"{self._name}.{key} is not a duration", f'write {key} = "15m"')
        return found

    def places(self, key: str) -> Mapping[str, str]:
        value: object = self.table.get(key, {})
        pairs = cast("Mapping[object, object]", value) if isinstance(value, Mapping) else {None: None}
        if not all(isinstance(path, str) for path in pairs.values()):
            hint = 'write "SPRINT_HISTORY.md" = "docs/history.md"'
            raise self.wrong(key, f"[{self._name}.{key}] names no paths", hint)
        return {str(name): str(path) for name, path in pairs.items()}


def _routine(reader: _Reader) -> tuple[str, ...]:
    names = reader.words("routine", ())
    for number, name in enumerate(names):
        if name not in STEPS:
            hint = f"the steps are {', '.join(STEPS)}; one of your own is a [[sprint.step]]"
            raise reader.wrong("routine", f"unknown step {name!r} of the closing routine", hint)
        if name in names[:number]:
            raise reader.wrong("routine", f"the step {name!r} stands twice in the closing routine", "name it once")
        later = [one for one in names[:number] if STEPS.index(one) > STEPS.index(name)]
        if later and not (name in LOOKS and set(later) <= set(LOOKS)):
            hint = f"only {', '.join(LOOKS)} may change places among themselves"
            raise reader.wrong("routine", f"the step {name!r} cannot come after {later[0]!r}", hint)
    return names


def _own(reader: _Reader) -> tuple[Place, ...]:
    value: object = reader.table.get("step", [])
    tables = cast("Sequence[Any]", value) if isinstance(value, list) else (None,)
    if not all(isinstance(table, Mapping) for table in tables):
        raise reader.wrong("step", "sprint.step is not a list of tables", "begin each step with [[sprint.step]]")
    found: list[Place] = []
    for number, table in enumerate(tables):
        place = _place(_Reader(table, "sprint.step", reader.locate, number))
        if place.step.id in (*STEPS, *(one.step.id for one in found)):
            hint = "give it another id"
            raise UnreadableInput(
                f"there is a step {place.step.id!r} already", where=reader.locate("id", number), hint=hint
            )
        found.append(place)
    return tuple(found)


def _place(reader: _Reader) -> Place:
    """Read one step of the project's own."""
    reader.only(_STEP_KEYS)
    name = reader.text("id", "")
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", name):
        raise reader.wrong("id", f"{name[:40]!a} is no id of a step", "use small letters, digits, - and _")
    command = reader.words("run", ())
    if not command or not command[0]:
        raise reader.wrong("run", f"the step {name!r} runs nothing", 'write run = ["make", "lint"]')
    sides = [side for side in ("before", "after") if side in reader.table]
    if len(sides) != 1:
        hint = f'write before = "merge" or after = "tests"; the steps are {", ".join(STEPS)}'
        raise reader.wrong([*sides[1:], "id"][0], f"the step {name!r} needs one place, before or after another", hint)
    side, anchor = sides[0], reader.text(sides[0], "")
    if anchor not in STEPS or (side, anchor) == ("after", "final"):
        hint = f"the steps are {', '.join(STEPS)}; nothing comes after the last"
        raise reader.wrong(side, f"the step {name!r} cannot stand {side} {anchor!r}", hint)
    critical, shown = reader.flag("critical", default=True), f"`{shlex.join(command)}`"
    item = f"{shown} ends with exit code 0" if critical else f"{shown} is run; what comes of it is told, and no more"
    step = Step(
        name, reader.text("title", name), (item,), command=command, critical=critical, seconds=reader.seconds("timeout")
    )
    return Place(step, anchor, side == "after")
