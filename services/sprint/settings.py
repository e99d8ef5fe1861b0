"""``[sprint]`` of bluelabel.toml: where documents stand, and how the closing routine of this project goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from bluelabel.interfaces.errors import UnreadableInput
from bluelabel.interfaces.names import nearest
from bluelabel.services.sprint.documents import AGENT_CONTEXTS

_KEYS: Final = ("tag", "remote", "documents", "contexts", "routine", "coverage", "test_each_merge", "require_reports")


@dataclass(frozen=True, slots=True)
class SprintSettings:
    """How sprints go here.

    Args:
        tag: the name of a sprint's tag, with ``{phase}`` and ``{number}``.
        remote: where a closed sprint is pushed to, if there is such a remote.
        documents: where documents stand that are not in the usual places.
        contexts: context files of agents that get a block if they exist.
        routine: the steps of the closing routine that are run; None for all.
        coverage: a command that measures test coverage; its last line is kept.
        test_each_merge: run the tests after every merge, and take a merge back that breaks them.
        require_reports: whether a card without a report of its agent keeps the sprint open.
    """

    tag: str = "v0.{phase}-alpha{number}"
    remote: str = "origin"
    documents: Mapping[str, str] = field(default_factory=dict[str, str])
    contexts: tuple[str, ...] = AGENT_CONTEXTS
    routine: tuple[str, ...] | None = None
    coverage: tuple[str, ...] = ()
    test_each_merge: bool = True
    require_reports: bool = False

    def tag_name(self, phase: str, number: str) -> str:
        """Return the tag of a sprint."""
        return self.tag.replace("{phase}", phase).replace("{number}", number)


def sprint_settings(table: Mapping[str, Any], steps: tuple[str, ...]) -> SprintSettings:
    """Read the table.

    Args:
        table: ``[sprint]`` as it stands.
        steps: the names that `routine` may hold.

    Raises:
        UnreadableInput: an unknown key, or a value of the wrong kind.
    """
    for key in table:
        if key not in _KEYS:
            raise _wrong(f"unknown key {key!r} of [sprint]", f"did you mean {', '.join(nearest(key, _KEYS) or _KEYS)}?")
    found = SprintSettings()
    routine = table.get("routine")
    unknown = [name for name in _words(table, "routine", ()) if name not in steps]
    if unknown:
        raise _wrong(f"unknown step {unknown[0]!r} of the closing routine", f"the steps are {', '.join(steps)}")
    return SprintSettings(
        _text(table, "tag", found.tag),
        _text(table, "remote", found.remote),
        _places(table),
        _words(table, "contexts", found.contexts),
        None if routine is None else _words(table, "routine", ()),
        _words(table, "coverage", ()),
        _flag(table, "test_each_merge", default=True),
        _flag(table, "require_reports", default=False),
    )


def _places(table: Mapping[str, Any]) -> Mapping[str, str]:
    value: object = table.get("documents", {})
    pairs = cast("Mapping[object, object]", value) if isinstance(value, Mapping) else {None: None}
    if not all(isinstance(path, str) for path in pairs.values()):
        raise _wrong("[sprint.documents] names no paths", 'write "SPRINT_HISTORY.md" = "docs/history.md"')
    return {str(name): str(path) for name, path in pairs.items()}


def _text(table: Mapping[str, Any], key: str, default: str) -> str:
    value = table.get(key, default)
    if not isinstance(value, str) or not value:
        raise _wrong(f"sprint.{key} is not a text", f"write {key} = {default!r}")
    return value


def _words(table: Mapping[str, Any], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value: object = table.get(key, default)
    found = cast("Sequence[object]", value) if isinstance(value, list | tuple) else (None,)
    if not all(isinstance(word, str) for word in found):
        raise _wrong(f"sprint.{key} is not a list of texts", f'write {key} = ["…", "…"]')
    return tuple(str(word) for word in found)


def _flag(table: Mapping[str, Any], key: str, *, default: bool) -> bool:
    value = table.get(key, default)
    if not isinstance(value, bool):
        raise _wrong(f"sprint.{key} is not true or false", f"write {key} = {str(default).lower()}")
    return value


def _wrong(what: str, hint: str) -> UnreadableInput:
    return UnreadableInput(what, where="bluelabel.toml", hint=hint)
