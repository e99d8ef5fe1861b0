"""Which agents there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bluelabel.agents.base_agent import BaseAgent
from bluelabel.agents.registry import AgentRegistry
from bluelabel.interfaces.agent_models import AgentInput, AgentOutput, AgentStatus
from bluelabel.interfaces.errors import NotFound, UnknownAgent, UsageError


class Plugin(BaseAgent):
    def __init__(self, agent_id: str, loud: bool = False) -> None:
        super().__init__("Plugin", "From elsewhere.", agent_id)
        self.loud = loud

    def process(self, agent_input: AgentInput) -> AgentOutput:
        return AgentOutput(task_id=agent_input.task_id, status=AgentStatus.SUCCESS, result={"loud": self.loud})


@dataclass
class Point:
    name: str
    give: Callable[[], Any]
    value: str = "somewhere:Thing"

    def load(self) -> Any:
        return self.give()


def broken() -> Any:
    raise ImportError("no module named 'x'")


def registry(settings: dict[str, Any] | None = None, *points: Point, root: Path | None = None) -> AgentRegistry:
    return AgentRegistry(settings, root=root, entry_points=lambda: points)


def test_two_agents_are_built_in() -> None:
    assert registry().names() == ["digest", "ingestion"]


def test_an_agent_is_made_once() -> None:
    agents = registry()

    assert agents.get("digest") is agents.get("digest")
    assert agents.get("Digest") is agents.get("digest")


def test_after_shutdown_it_is_made_again() -> None:
    agents = registry()
    first = agents.get("digest")
    agents.shutdown()

    assert agents.get("digest") is not first


def test_plugins_are_not_looked_for_before_somebody_asks() -> None:
    def never() -> list[Point]:
        raise AssertionError("asked")

    agents = AgentRegistry({"CC": {"command": ["true"]}}, entry_points=never)

    assert agents.get("CC").agent_id == "CC"
    assert agents.get("ingestion").agent_id == "ingestion"
    assert agents.can_run("digest")


def test_a_plugin_is_found_and_takes_its_settings() -> None:
    agents = registry({"W": {"kind": "shout", "loud": True}}, Point("shout", lambda: Plugin))

    assert agents.get("shout").run(AgentInput(task_id="T")).result == {"loud": False}
    assert agents.get("W").run(AgentInput(task_id="T")).result == {"loud": True}
    assert [(e.name, e.kind, e.origin) for e in agents.entries()] == [
        ("W", "shout", "bluelabel.toml"),
        ("digest", "digest", "built-in"),
        ("ingestion", "ingestion", "built-in"),
        ("shout", "shout", "plugin"),
    ]


@pytest.mark.parametrize(
    ("give", "error"),
    [
        (broken, "the agent cannot be loaded (ImportError: no module named 'x')"),
        (lambda: dict, "it gives a dict, not a BaseAgent"),
        (lambda: lambda: None, "the agent cannot be loaded (TypeError"),
        (lambda: 7, "the agent cannot be loaded (TypeError"),
    ],
)
def test_a_broken_plugin_is_told_and_spoils_nothing_else(give: Callable[[], Any], error: str) -> None:
    agents = registry(None, Point("bad", give))

    assert agents.get("digest").agent_id == "digest"
    with pytest.raises(UsageError) as caught:
        agents.get("bad")
    assert error in str(caught.value)
    assert [problem.code for problem in agents.problems()] == ["broken-agent"]
    assert "somewhere:Thing" in agents.problems()[0].message


def test_installed_plugins_are_read_from_the_entry_points() -> None:
    assert "ingestion" in AgentRegistry().names()


def test_settings_come_before_plugins_and_built_ins(tmp_path: Path) -> None:
    table = {"kind": "digest", "storage": "other"}
    agents = registry({"digest": table}, Point("digest", lambda: Plugin), root=tmp_path)

    assert agents.get("digest").store.storage == tmp_path / "other"  # type: ignore[attr-defined]


def test_documents_and_commands_live_in_the_root(tmp_path: Path) -> None:
    agents = registry({"CC": {"template": "codex"}, "D": {"kind": "digest", "template": "t.j2"}}, root=tmp_path)

    assert agents.get("ingestion").store.storage == tmp_path / "data" / "knowledge"  # type: ignore[attr-defined]
    assert agents.get("CC")._cwd == tmp_path  # type: ignore[attr-defined]
    assert agents.get("D")._template == tmp_path / "t.j2"  # type: ignore[attr-defined]


def test_an_unknown_name_says_the_nearest() -> None:
    with pytest.raises(UnknownAgent) as caught:
        registry().get("digets")
    assert caught.value.hint == "did you mean digest, ingestion?"


def test_a_name_like_no_other_lists_all() -> None:
    with pytest.raises(UnknownAgent) as caught:
        registry().get("\x1b[31mQQQ")
    assert caught.value.hint == "known: digest, ingestion"
    assert "\x1b" not in str(caught.value)


def test_a_mailbox_without_kind_says_what_is_missing() -> None:
    agents = registry({"CA": {}})

    assert not agents.can_run("CA")
    with pytest.raises(UnknownAgent, match="CA has a mailbox, but nothing that can be run"):
        agents.get("CA")


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ({"kind": "digets"}, "no such kind of agent"),
        ({"kind": "ingestion", "storag": "x"}, "no such setting: storag"),
        ({"kind": "ingestion", "max_bytes": "1"}, "max_bytes is not a whole number above 0"),
        ({"kind": "ingestion", "storage": ""}, "storage is not a path"),
        ({"kind": "digest", "template": 7}, "template is not a path"),
        ({"kind": "command"}, "no command"),
        ({"template": "clade"}, "no template for this command line"),
    ],
)
def test_wrong_settings_are_told_with_their_place(table: dict[str, Any], error: str) -> None:
    with pytest.raises((UsageError, NotFound), match=error):
        registry({"X": table}).get("X")


def test_private_addresses_are_open_only_where_the_settings_say_so() -> None:
    agents = registry({"I": {"kind": "ingestion", "allow_private": True, "max_bytes": 10}})

    assert agents.get("I")._fetcher._allow_private is True  # type: ignore[attr-defined]
    assert agents.get("ingestion")._fetcher._allow_private is False  # type: ignore[attr-defined]


def test_a_table_that_is_none_is_no_agent() -> None:
    agents = AgentRegistry({"X": 7})

    assert not agents.can_run("X")
