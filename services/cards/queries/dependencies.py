"""Which card waits for which: readiness, order of work, cycles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from bluelabel.services.cards.editing.sections import in_archive
from bluelabel.services.cards.status.statuses import CardStatus
from bluelabel.services.cards.text.id_forms import ids_named
from bluelabel.services.cards.text.model import Card, CardDocument

_RANKS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("critical", "urgent", "blocker"), 0),
    **dict.fromkeys(("high",), 1),
    **dict.fromkeys(("medium", "normal", "moderate"), 2),
    **dict.fromkeys(("low", "minor"), 3),
}


def rank(raw: str | None) -> int:
    """Return how urgent a priority is, 0 first; a card without one stands between medium and low."""
    words = re.findall(r"[A-Za-z]+|[1-5]", raw or "", re.ASCII)
    for word in words:
        if word.isdigit():
            return min(int(word) - 1, 3)
        if word.casefold() in _RANKS:
            return _RANKS[word.casefold()]
    return 2


def dependencies(card: Card, prefixes: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the ids that a card's dependencies name, each once; `prefixes` are those its file was read with."""
    return tuple(dict.fromkeys(ids_named(card.raw("dependencies") or "", prefixes)))


def is_ready(document: CardDocument, card: Card) -> bool:
    """Tell whether work on a card can begin: not begun yet, and all it waits for is completed."""
    if card.status is not CardStatus.NOT_STARTED or in_archive(card):
        return False
    return all(_is_done(document, name) for name in dependencies(card, document.prefixes))


def next_cards(document: CardDocument, assignee: str | None = None) -> list[Card]:
    """Return the cards to begin next, most urgent first, then as they stand in the file."""
    ready = [card for card in document.cards if is_ready(document, card)]
    if assignee:
        mine = [card for card in ready if assignee.casefold() in (name.casefold() for name in card.assignees)]
        ready = mine or [card for card in ready if not card.assignees]
    return sorted(ready, key=lambda card: (rank(card.raw("priority")), card.line))


def passed_over(document: CardDocument, assignee: str | None = None) -> list[Card]:
    """Return the cards outside the archive of which nobody can tell whether they can be begun: their status is unknown.

    Args:
        document: the file.
        assignee: only cards that this agent could be given.
    """
    found = [card for card in document.cards if card.status_unknown and not in_archive(card)]
    if not assignee:
        return found
    names = ([name.casefold() for name in card.assignees] for card in found)
    return [card for card, own in zip(found, names, strict=True) if not own or assignee.casefold() in own]


def cycles(document: CardDocument) -> list[tuple[str, ...]]:
    """Return rings of cards that wait for one another, so many that no card stands in two of them."""
    waits = {
        card.id: [name for name in dependencies(card, document.prefixes) if name in document.by_id]
        for card in document.cards
    }
    done: set[str] = set()
    return [ring for start in waits if start not in done for ring in _rings(start, waits, done)]


def _rings(start: str, waits: Mapping[str, Sequence[str]], done: set[str]) -> Iterator[tuple[str, ...]]:
    """Walk depth first without recursion: a chain of thousands of cards is as good as a short one."""
    path, todo = [start], [iter(waits[start])]
    places = {start: 0}  # of the cards of the path
    told = [-1]  # for each card of the path: the last place up to it that stands in a ring already
    while path:
        name = next(todo[-1], None)
        if name is None:
            done.add(path[-1])
            del places[path.pop()]
            todo.pop()
            told.pop()
        elif name in places:
            if told[-1] < places[name]:
                yield tuple(path[places[name] :])
                told[places[name] :] = range(places[name], len(path))
        elif name not in done:
            places[name] = len(path)
            path.append(name)
            todo.append(iter(waits[name]))
            told.append(told[-1])


def _is_done(document: CardDocument, name: str) -> bool:
    cards: Iterable[Card] = document.by_id.get(name, ())
    return name in document.moved or any(card.status is CardStatus.COMPLETED for card in cards)
