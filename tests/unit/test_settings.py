"""Settings: defaults, every kind of mistake, and who can be written to."""

from __future__ import annotations

from pathlib import Path

import pytest

from bluelabel.interfaces.errors import InvalidName, UnknownAgent, UnreadableInput
from bluelabel.runner.settings import load
from bluelabel.services.postbox.address_book import Directory


def settings_of(tmp_path: Path, text: str) -> object:
    (tmp_path / "bluelabel.toml").write_text(text, encoding="utf-8")
    return load(tmp_path)


def test_without_a_file_the_usual_four_work_here(tmp_path: Path) -> None:
    assert load(tmp_path).directory.agents == ("CC", "CA", "WA", "ARCH")


def test_every_setting_is_read(tmp_path: Path) -> None:
    text = """
    [workspace]
    agents = ["A", "B"]
    coordinator = "B"
    human = "Boss"
    home = "state"
    cards = "docs/CARDS.md"
    [groups]
    both = ["A", "B"]
    [queues.review]
    members = ["B"]
    [postbox]
    versioned = false
    max_attempts = 2
    lease = "2m"
    ack_deadline = 90
    [cards]
    prefixes = ["BUG", "t", "WEB-FE", "bug"]
    [agents.C]
    kind = "digest"
    """
    (tmp_path / "bluelabel.toml").write_text(text, encoding="utf-8")
    found = load(tmp_path)

    assert found.directory.agents == ("A", "B", "C")
    assert (found.directory.groups, found.directory.queues) == ({"both": ("A", "B")}, {"review": ("B",)})
    assert (found.directory.coordinator, found.directory.human) == ("B", "Boss")
    assert (found.home, found.cards, found.versioned) == ("state", "docs/CARDS.md", False)
    assert (found.max_attempts, found.lease, found.ack_deadline) == (2, 120.0, 90)
    assert found.prefixes == ("BUG", "T", "WEB-FE")
    assert found.agents == {"C": {"kind": "digest"}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[workspce]", "did you mean workspace"),
        ("[workspace]\nagnts = ['A']", "did you mean agents"),
        ("workspace = 1", "not a table"),
        ("[workspace]\nagents = 'A'", "not a list of names"),
        ("[workspace]\nagents = []", "not a list of names"),
        ("[cards]\nprefixes = 'BUG'", "not a list of names"),
        ("[cards]\nprefixes = ['BUG-']", "beginnings such as"),
        ("[cards]\nprefixes = ['B U']", "beginnings such as"),
        ("[cards]\nprefixes = ['']", "beginnings such as"),
        ("[workspace]\nagents = [1]", "not a list of names"),
        ("[workspace]\nhuman = 1", "not a text"),
        ("[postbox]\nversioned = 'no'", "not true or false"),
        ("[postbox]\nmax_attempts = 0", "not a whole number"),
        ("[postbox]\nmax_attempts = true", "not a whole number"),
        ("[postbox]\nlease = true", "not a duration"),
        ("[postbox]\nlease = 'long'", "not a duration"),
        ("[workspace", "not TOML"),
        ("[workspace]\nagents = ['A', 'a']", "one name"),
        ("[workspace]\nagents = ['../x']", "not a name"),
        ("[workspace]\ncoordinator = 'X'", "called 'X'"),
        ("[groups]\nall = ['X']", "one name"),
        ("[queues]\nq = ['X']", "called 'X'"),
    ],
)
def test_a_mistake_is_named_with_the_file(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UnreadableInput) as caught:
        settings_of(tmp_path, text)

    assert says in f"{caught.value} {caught.value.hint}"
    assert caught.value.where is not None
    assert caught.value.where.startswith(str(tmp_path / "bluelabel.toml"))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[workspace]\n\nagnts = ['A']", ":3"),
        ("[postbox]\nlease = '1m'\n[postbx.x]", ":3"),
        ("a = 1\nb = = 2", ":2:5"),
        ("[workspace]\nhuman = [", ":2"),
        ("workspace = 1", ":1"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(UnreadableInput) as caught:
        settings_of(tmp_path, text)

    assert caught.value.where == f"{tmp_path / 'bluelabel.toml'}{place}"


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bluelabel.toml").write_bytes(b"# caf\xe9")

    with pytest.raises(UnreadableInput):
        load(tmp_path)


@pytest.mark.parametrize(
    "names", [("A", "a"), ("ALL",), ("all",), ("con",), ("a b",), ("x" * 33,), ("\u0421A",), ("",)]
)
def test_names_that_some_file_system_confuses_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(InvalidName):
        Directory(names)


def test_a_group_of_strangers_is_refused() -> None:
    with pytest.raises(UnknownAgent):
        Directory(("A",), {"g": ("B",)})


def test_the_human_may_be_one_of_the_agents() -> None:
    assert Directory(("A", "HUMAN")).people == ("A", "HUMAN")
