"""Each room brings its own scenarios, under names of its own."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from reliability import catalogue


def room(name: str, scenarios: list[str], quick: list[str]) -> ModuleType:
    """Return a module that brings scenarios of these names."""
    made = ModuleType(name)
    entry = (lambda _: None, lambda _: ["status"], {"floor": 20, "afterwards": lambda _: ["doctor"], "segment": 700})
    vars(made).update(SCENARIOS=dict.fromkeys(scenarios, entry), QUICK=quick)
    return made


def test_the_scenarios_of_all_rooms_are_in_one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "rooms", lambda: [room("one", ["a", "b"], ["a"]), room("two", ["c"], ["c"])])

    every, quick = catalogue.gathered()

    assert set(every) == {"a", "b", "c"}
    assert quick == {"a", "c"}


@pytest.mark.parametrize(("scenarios", "quick"), [(["a"], []), (["b"], ["c"])])
def test_a_name_in_use_or_unknown_is_refused(
    scenarios: list[str], quick: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "rooms", lambda: [room("one", ["a"], []), room("two", scenarios, quick)])

    with pytest.raises(ValueError, match="two"):
        catalogue.gathered()


def test_what_differs_from_the_usual_is_taken_from_the_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(catalogue, "SCENARIOS", room("one", ["a"], []).SCENARIOS)

    made = catalogue.scenario("a", forked=False)

    assert made.floor == 20
    assert made.argv(tmp_path)[-2:] == ["status", "--json"]
    assert "--segment-bytes" in made.argv(tmp_path)
    assert made.recover is not None
    assert made.recover(tmp_path)[-2:] == ["doctor", "--json"]
