"""How a value says a status: a phrase, stronger or weaker, a share of the work, and words beside it that agree.

Nothing is looked for inside a sentence: every rule here reads the whole of a clause, or does not know it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from bluelabel.services.cards.status import decoration
from bluelabel.services.cards.status.decoration import (
    CHECK,
    CROSS,
    DATE,
    OPEN_BOX,
    PERSON,
    REFERENCE,
    TICKED_BOX,
    fold,
)
from bluelabel.services.cards.status.phrases import OBJECTS, CardStatus

_ENDED: Final = frozenset({CardStatus.COMPLETED, CardStatus.CANCELLED})
_FREE: Final = frozenset({CardStatus.IN_PROGRESS, CardStatus.BLOCKED, CardStatus.CANCELLED})
"""Statuses behind which any words may follow: they call nothing a success and hand nothing out."""

_ALL: Final = 100.0
# A run of blanks counts from its first: begun at each of a thousand, a match would look at them a thousand times.
_CLAUSE: Final = re.compile(r"(?<!\s)(?:\s*[,;、。]+\s*|\s*:+(?!\d)\s*|\s+-{1,3}\s+|\s*—\s*|\s+[·•]\s+)|\.+\s+")
_BOTH: Final = re.compile(r"(?<!\s)\s*(?:/|&|\+|→|\b(?:and|und|et)\b)\s*")
_SHARE: Final = re.compile(
    r"([~≈<>]|\b(?:about|around|approx|approximately|circa|ca|up to)\b)?\.?(?:(?<!\s)\s*)?"
    r"(?:(\d{1,3}(?:[.,]\d+)?)(?:(?:\s+|\s*[-—]\s*)(\d{1,3}))?\s*(?:%|\bpercent\b|\bprozent\b)"
    r"|\b(\d{1,6})\s*(?:/|⁄|\bof\b|\bout of\b|\bvon\b|\bde\b)\s*(\d{1,6})\b)"
)
_UNITS: Final = re.compile(
    r"\b(?:(?:sub ?)?tasks?|items?|steps?|points?|parts?|cards?|todos?|boxes|stories|of the way(?: there)?|there)\b"
)
_NOT_PEOPLE: Final = (
    r"(?:EO[DWMQY]|COB|TB[AD]|QA|UAT|ASAP|WIP|TODO|Q[1-4]|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|Next|End|Early|"
    r"Mid|Late|Then|Tomorrow|Tonight|Now|Spring|Summer|Autumn|Fall|Winter|January|February|March|April|May|June|July|"
    r"August|September|October|November|December|Release|Sprint|Phase|Week|Month|Christmas)\b"
)
_WHO: Final = rf"(?:[{PERSON}{REFERENCE}]|(?!{_NOT_PEOPLE})[A-Z][\w.-]*(?:\s(?!{_NOT_PEOPLE})[A-Z][\w.-]*){{0,2}})"
_BY: Final = rf"(?:by|von|por|par)\s+{_WHO}(?:\s*(?:,|&|\+|and)\s*{_WHO})*"
_ON: Final = (
    r"(?:on|at|in|as of|since|from|via|with|see|through|per|commit|pr|mr|release|version|"
    r"am|le|el|em|il|seit|desde|depuis)"
)
_TAIL: Final = re.compile(rf"(?:(?<!\s)\s+|^)(?:(?:{_ON}\s+)*[{DATE}{REFERENCE}{PERSON}]|{_BY})$")
_SURELY: Final = re.compile(
    r"^(?:(?:now|already|fully|totally|completely|entirely|successfully|all|is|everything|work)\s+)+"
    r"|(?:\s+(?:now|already|successfully|in full))+$"
)
_STILL: Final = re.compile(
    r"^(?:(?:now|currently|still|actively|just|recently|is)\s+)+|(?:\s+(?:now|currently|again))+$"
)
_NEARLY: Final = re.compile(
    r"^(?:almost|nearly|mostly|partly|partially|half|halfway|largely|virtually|practically|substantially|quasi|"
    r"close to|basically|essentially|not (?:quite|fully|completely|entirely|all)(?: yet)?)\s+"
)
_DOUBT: Final = re.compile(
    r"\b(?:pending|await\w*|wait\w*|revert\w*|re ?open\w*|reinstated|roll(?:ed)? ?back|wip|to ?do|to be|blocked|"
    r"un\w+ed|incomplete|almost|nearly|mostly|partially|partly|half|yet|except|but|only|remain\w*|left|needs|fail\w*|broken|"
    r"issues|bugs|in progress|in review|(?:is|was|has|are|did|does|wo)nt|cant|cannot|never|still|soon|tbd|later|"
    r"so far|should|must|will|until|unless|without|minus|then|if|once|when|after|maybe|perhaps|probably|hopefully|"
    r"in theory|local|locally|draft|kind of|sort of|"
    r"not(?! (?:found|needed|required|applicable|necessary)\b))\b|\?|\.\.\.|^of\b"
)
_NO: Final = frozenset({"no", "nope", "false", "un", "non", "nicht", "nao", "pas"})
_HARMLESS: Final = re.compile(
    r"(?:all |the )?(?:\d+ )?(?:unit |integration )?tests? (?:are )?(?:now )?(?:pass|passes|passing|passed|green)|"
    r"production ready|ready (?:for production(?: use)?|for use|to use)|no issues(?: found)?|no changes(?: needed)?|"
    r"works|working|tested|validated|reviewed|approved|documented|committed|pushed|cleaned up"
)
_ALONE: Final[Mapping[str, CardStatus]] = {
    CHECK: CardStatus.COMPLETED,
    TICKED_BOX: CardStatus.COMPLETED,
    OPEN_BOX: CardStatus.NOT_STARTED,
    "🚧": CardStatus.IN_PROGRESS,
    "⏸": CardStatus.BLOCKED,
}
"""Marks that are a value of their own where no word stands beside them; any other emoji is nobody's status."""


class Grammar:
    """Reads values.

    Args:
        phrases: folded phrase -> status.
        people: names that are people, whatever they look like.
    """

    def __init__(self, phrases: Mapping[str, CardStatus], people: Iterable[str]) -> None:
        self._phrases = phrases
        self._people = tuple(people)

    def value(self, text: str) -> CardStatus | None:
        """Return what a whole value says, given as `decoration.unmarked` returns it; None when nobody knows."""
        text = decoration.unwrapped(text)
        if OPEN_BOX in text or TICKED_BOX in text:
            return self._boxes(text)
        rest, remarks = decoration.remarks(text)
        words = decoration.spoken(rest).strip()
        status = self._words(words) if words else _mark(rest)
        if status in _ENDED and ("..." in words or (CROSS in rest and status is CardStatus.COMPLETED)):
            return None
        for remark in remarks:
            status = self._remarked(status, words, remark)
        return status

    def _boxes(self, text: str) -> CardStatus | None:
        """Read a value with boxes: a box says whether what stands beside it is so."""
        parts = re.split(f"([{OPEN_BOX}{TICKED_BOX}])", text)
        boxes, texts = parts[1::2], [part.strip() for part in parts[::2]]
        if texts[0] and texts[-1]:
            return None
        texts = texts[1:] if texts[-1] or not texts[0] else texts[:-1]
        if len(boxes) == 1:
            return self._box(boxes[0], texts[0])
        ticked = {self.value(text) for box, text in zip(boxes, texts, strict=True) if box == TICKED_BOX}
        return ticked.pop() if len(ticked) == 1 else None

    def _box(self, box: str, text: str) -> CardStatus | None:
        if not text:
            return _ALONE[box]
        status = self.value(text)
        if box == TICKED_BOX or status not in _ENDED:
            return status
        return CardStatus.NOT_STARTED if status is CardStatus.COMPLETED else None

    def _remarked(self, status: CardStatus | None, words: str, remark: str) -> CardStatus | None:
        """Return what is left of a status beside a remark: one that says the contrary leaves nobody the wiser."""
        joined = self._phrases.get(fold(f"{words} {remark}"))
        if status is None or joined is not None:
            return joined
        said = self.value(remark)
        if status in _ENDED:
            return None if said not in (None, status) or _is_doubt(remark) else status
        contrary = status is CardStatus.NOT_STARTED and said not in (None, status)
        return None if contrary else status

    def _words(self, text: str) -> CardStatus | None:
        """Read words without brackets and emoji: clauses that agree with the first that says anything."""
        if "?" in text:
            return None
        known = self._phrases.get(fold(text))
        if known is not None:
            return known
        found: CardStatus | None = None
        for clause in _CLAUSE.split(decoration.masked(text, self._people)):
            if not _without_tail(clause) and (found or REFERENCE not in clause):
                continue  # a date or a name; where a reference comes first, the value speaks of that
            status = self._clause(clause)
            if found is None and status is None:
                return None
            if found is not None and status is not found and not _may_follow(found, status, clause):
                return None
            found = found or status
        return found

    def _clause(self, text: str) -> CardStatus | None:
        text = text.strip().removeprefix(DATE).strip()
        phrase = fold(_without_tail(text))
        if phrase not in self._phrases and (status := _with_object(fold(text))):
            return status
        if share := _SHARE.search(phrase):
            return self._share(phrase, share)
        return self._phrase(phrase) or self._parts(phrase)

    def _parts(self, phrase: str) -> CardStatus | None:
        """Read what stands on both sides of "and" or a slash: one status, or none."""
        parts = [part for part in _BOTH.split(phrase) if part]
        statuses = [self._phrase(part) for part in parts]
        first = statuses[0] if len(statuses) > 1 else None
        agreed = all(s is first or _is_harmless(first, part) for s, part in zip(statuses, parts, strict=True))
        return first if agreed else None

    def _phrase(self, phrase: str) -> CardStatus | None:
        """Look a phrase up, and without the adverbs that make it stronger or weaker."""
        if phrase in self._phrases:
            return self._phrases[phrase]
        if self._phrases.get(_NEARLY.sub("", phrase)) is CardStatus.COMPLETED:
            return CardStatus.IN_PROGRESS
        surely, still = (self._phrases.get(pattern.sub("", phrase)) for pattern in (_SURELY, _STILL))
        if surely is CardStatus.COMPLETED:
            return surely
        return still if still not in _ENDED else None

    def _share(self, phrase: str, found: re.Match[str]) -> CardStatus | None:
        """Read a percentage or a fraction and the words beside it."""
        rest = _UNITS.sub(" ", phrase[: found.start()] + " " + phrase[found.end() :])
        said = self._phrase(fold(rest)) or self._parts(fold(rest)) if rest.strip() else CardStatus.COMPLETED
        share = _percent(found)
        if share is None or said is None or (found[1] and share >= _ALL) or _SHARE.search(rest):
            return None
        if said is not CardStatus.COMPLETED:
            unlikely = said is CardStatus.NOT_STARTED and share > 0
            return None if unlikely else said
        if found[3] or 0 < share < _ALL:
            return CardStatus.IN_PROGRESS
        return CardStatus.COMPLETED if share else CardStatus.NOT_STARTED


def _mark(text: str) -> CardStatus | None:
    """Return what a mark says that stands alone, however often."""
    marks = {char for char in text if char > "\x7f" and not char.isspace() and char != "\ufe0f"}
    return _ALONE.get(marks.pop()) if len(marks) == 1 else None


def _percent(found: re.Match[str]) -> float | None:
    """Return how many of a hundred a match of `_SHARE` names; None for more than all of them, or of nothing."""
    if found[2] is not None:
        share = float(found[2].replace(",", "."))
    else:
        share = _ALL * int(found[4]) / int(found[5]) if int(found[5]) else -1.0
    return share if 0 <= share <= _ALL else None


def _without_tail(text: str) -> str:
    """Return words without the dates, references and names behind them."""
    text = text.strip()
    while (rest := _TAIL.sub("", text.rstrip(" .!,"))) != text:
        text = rest
    return text


def _with_object(phrase: str) -> CardStatus | None:
    """Read a phrase that takes an object of whatever words: ``blocked by TASK-7``, ``waiting for the vendor``."""
    for status, beginnings in OBJECTS.items():
        rest = next((phrase[len(begin) :] for begin in beginnings if phrase.startswith(f"{begin} ")), "")
        if rest and "→" not in rest and not (status in _ENDED and _is_doubt(rest)):
            return status
    return None


def _may_follow(found: CardStatus, status: CardStatus | None, clause: str) -> bool:
    """Tell whether a clause that says another status, or none, may stand behind one."""
    if status is not None or _is_harmless(found, clause):
        return _is_harmless(found, clause)
    return found in _FREE and "→" not in clause and not (found in _ENDED and _is_doubt(clause))


def _is_harmless(status: CardStatus | None, text: str) -> bool:
    """Tell whether words only praise what is completed."""
    return status is CardStatus.COMPLETED and _HARMLESS.fullmatch(fold(text)) is not None


def _is_doubt(text: str) -> bool:
    """Tell whether a remark may take back what it stands beside."""
    words = fold(text)
    share = _SHARE.search(decoration.masked(words, ()))
    if share and "cov" not in words:
        reached = _percent(share)
        if reached is None or reached < _ALL:
            return True
    return CROSS in text or words in _NO or _DOUBT.search(words) is not None
