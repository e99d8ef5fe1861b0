"""Reads what a card says of its progress: the whole of a value is a known phrase, or nobody knows what it means.

No word is looked for inside a sentence: "not yet done" and "done, tests pending" hold the word of a success and are
none. What stands round a phrase (emoji, emphasis, dates, names, remarks in brackets) does not count, unless it says
the contrary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from bluelabel.interfaces.names import nearest
from bluelabel.services.cards import decoration
from bluelabel.services.cards.decoration import CHECK, CROSS, DATE, OPEN_BOX, PERSON, REFERENCE, TICKED_BOX, fold
from bluelabel.services.cards.phrases import NAMES, OBJECTS, PHRASES, CardStatus

__all__ = ["BUILT_IN", "CardStatus", "Vocabulary", "is_name", "mentions_choice", "near_phrases", "speaks_of_status"]

ENDED: Final = frozenset({CardStatus.COMPLETED, CardStatus.CANCELLED})
_LONGEST: Final = 600
_SHARE_DONE: Final = 100.0
_FREE: Final = frozenset({CardStatus.IN_PROGRESS, CardStatus.BLOCKED, CardStatus.CANCELLED})
"""Statuses behind which any words may follow: they call nothing a success and hand nothing out."""

_CLAUSE: Final = re.compile(r"\s*[,;、。]+\s*|\s*:+(?!\d)\s*|\.+\s+|\s+-{1,3}\s+|\s*—\s*|\s*\n\s*|\s+[·•]\s+")
_BOTH: Final = re.compile(r"\s*(?:/|&|\+|→|\b(?:and|und|et)\b)\s*", re.IGNORECASE)
_SHARE: Final = re.compile(
    r"([~≈<>]|\b(?:about|around|approx|approximately|circa|ca|up to)\b)?\.?\s*"
    r"(?:(\d{1,3}(?:[.,]\d+)?)(?:\s*[-—\s]\s*(\d{1,3}))?\s*(?:%|\bpercent\b|\bprozent\b)|"
    r"\b(\d{1,6})\s*(?:/|⁄|\bof\b|\bout of\b|\bvon\b|\bde\b)\s*(\d{1,6})\b)"
)
_UNITS: Final = re.compile(
    r"\b(?:(?:sub ?)?tasks?|items?|steps?|points?|parts?|cards?|todos?|boxes|stories|of the way(?: there)?|there)\b"
)
_MARK: Final = f"[{DATE}{REFERENCE}{PERSON}]"
_BEFORE_MARK: Final = r"(?:on|at|in|as of|since|from|via|with|see|through|per|am|le|el|em|il|seit|desde|depuis|commit|pr|mr|release|version)"
_OUTSIDERS: Final = (
    r"(?:EO[DWMQY]|COB|TB[AD]|QA|UAT|ASAP|WIP|TODO|Q[1-4]|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|Next|End|Early|Mid|Late|"
    r"Then|Tomorrow|Tonight|Now|Spring|Summer|Autumn|Fall|Winter|January|February|March|April|May|June|July|August|"
    r"September|October|November|December|Release|Sprint|Phase|Week|Month|Default|Design|Christmas)\b"
)
_WHO: Final = rf"(?:[{PERSON}{REFERENCE}]|(?!{_OUTSIDERS})[A-Z][\w.-]*(?:\s(?!{_OUTSIDERS})[A-Z][\w.-]*){{0,2}})"
_BY: Final = rf"(?:by|von|por|par)\s+{_WHO}(?:\s*(?:,|&|\+|and)\s*{_WHO})*"
_TAIL: Final = re.compile(rf"(?:\s+|^)(?:(?:{_BEFORE_MARK}\s+)*{_MARK}|{_BY})$")
_SURELY: Final = re.compile(
    r"^(?:(?:now|already|fully|totally|completely|entirely|successfully|all|is|everything|work)\s+)+"
    r"|(?:\s+(?:now|already|successfully|in full))+$"
)
_STILL: Final = re.compile(
    r"^(?:(?:now|currently|still|actively|just|recently|is)\s+)+|(?:\s+(?:now|currently|again))+$"
)
_NEARLY: Final = re.compile(
    r"^(?:almost|nearly|mostly|partly|partially|half|halfway|largely|virtually|practically|substantially|quasi|close to|basically|essentially|"
    r"not (?:quite|fully|completely|entirely|all)(?: yet)?)\s+"
)
_DOUBT: Final = re.compile(
    r"\b(?:pending|await\w*|wait\w*|revert\w*|re ?open\w*|reinstated|roll(?:ed)? ?back|wip|to ?do|blocked|un(?:tested|merged|"
    r"verified|reviewed|finished)|incomplete|almost|nearly|mostly|partially|partly|half|yet|except|but|remain\w*|left|"
    r"needs|fail\w*|in progress|in review|isnt|wasnt|hasnt|arent|didnt|doesnt|cant|cannot|still|soon|tbd|later|should|"
    r"must|will|until|unless|without|minus|then|not (?:really|actually|quite|fully|all|done|complete\w*|finished|merged|"
    r"tested|deployed|released|verified|reviewed|working|started|pushed|committed|live|yet|ready|passing|in|on))\b|\?|\.\.\."
)
_HARMLESS: Final = re.compile(
    r"(?:all |the )?(?:unit |integration )?tests? (?:are )?(?:now )?(?:pass|passes|passing|passed|green)|"
    r"(?:production ready|ready for production(?: use)?|no issues(?: found)?|no changes(?: needed)?|works|working)"
)
_ALONE: Final[Mapping[str, CardStatus]] = {
    CHECK: CardStatus.COMPLETED,
    TICKED_BOX: CardStatus.COMPLETED,
    OPEN_BOX: CardStatus.NOT_STARTED,
    "🚧": CardStatus.IN_PROGRESS,
    "⏸": CardStatus.BLOCKED,
}
"""Marks that are a value of their own where no word stands beside them."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What is known to whoever reads a card file, beside the words that everybody uses.

    Args:
        agents: names that count as people whatever they look like.
        phrases: a project's own phrases for a status, folded; they win over the built-in ones.
    """

    agents: tuple[str, ...] = ()
    phrases: tuple[tuple[str, CardStatus], ...] = ()

    @staticmethod
    def of(agents: Iterable[str] = (), statuses: Mapping[str, object] | None = None) -> Vocabulary:
        """Return a vocabulary from names and the table ``[cards.statuses]``; what names no status is left out."""
        known = {fold(phrase): CardStatus(str(to)) for phrase, to in (statuses or {}).items() if to in set(CardStatus)}
        return Vocabulary(tuple(agents), tuple(known.items()))

    def status(self, raw: str | None) -> CardStatus | None:
        """Return the status that `raw` stands for; None when there is none, or nobody can tell which."""
        return _read(raw, self) if raw else None


BUILT_IN: Final = Vocabulary()
"""The words that everybody uses."""


def mentions_choice(raw: str) -> bool:
    """Tell whether `raw` still holds a template's list of choices (``LOW | MEDIUM | HIGH``)."""
    return "|" in raw


def is_name(raw: str | None, status: CardStatus) -> bool:
    """Tell whether `raw` says `status` and no more: ``✅ Done`` says COMPLETED, ``Merged`` says more."""
    return fold(decoration.spoken(decoration.unmarked(raw or "")).strip(_SIGNS)) in NAMES[status]


def speaks_of_status(raw: str) -> bool:
    """Tell whether words are about progress, known or not; for a line of which it is unsure whether it is a status."""
    words = fold(decoration.spoken(decoration.unmarked(raw))).split()
    return len(words) <= 8 and any(word in phrases for phrases in NAMES.values() for word in words)


def near_phrases(raw: str, vocabulary: Vocabulary = BUILT_IN) -> list[str]:
    """Return known phrases that look like `raw`, for hints."""
    names = [phrase for phrases in NAMES.values() for phrase in phrases]
    return nearest(fold(raw), [*names, *(phrase for phrase, _ in vocabulary.phrases)])


_SIGNS: Final = CHECK + CROSS + OPEN_BOX + TICKED_BOX + " "


@lru_cache(maxsize=4096)
def _read(raw: str, vocabulary: Vocabulary) -> CardStatus | None:
    """Return what a value says. A file has few different ones: each is read once."""
    if len(raw) > _LONGEST or mentions_choice(raw):
        return None
    return _reader(vocabulary).value(decoration.unmarked(raw))


@lru_cache(maxsize=16)
def _reader(vocabulary: Vocabulary) -> _Reader:
    return _Reader(vocabulary)


class _Reader:
    """Reads one value. A part of it is a status, decoration (`_NOTHING`), or not known (None)."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.people = vocabulary.agents
        self.phrases: Mapping[str, CardStatus] = {**PHRASES, **dict(vocabulary.phrases)}

    def value(self, text: str) -> CardStatus | None:
        """Read a whole value."""
        text = decoration.unwrapped(text)
        if OPEN_BOX in text or TICKED_BOX in text:
            return self._boxes(text)
        rest, remarks = decoration.remarks(text)
        crossed = CROSS in rest
        alone = {char for char in rest if char > "\x7f" and not char.isspace() and char != "\ufe0f"}
        words = decoration.spoken(re.sub(f"[{CHECK}{CROSS}]", " ", rest)).strip()
        status = self._words(words) if words else _ALONE.get(alone.pop()) if len(alone) == 1 else None
        if status in ENDED and ("..." in words or (crossed and status is CardStatus.COMPLETED)):
            return None
        for remark in remarks:
            status = self._remarked(status, words, remark)
        return status

    def _boxes(self, text: str) -> CardStatus | None:
        """Read a value with boxes: a box says whether what stands beside it is so."""
        parts = re.split(f"([{OPEN_BOX}{TICKED_BOX}])", text)
        marks, texts = parts[1::2], [part.strip() for part in parts[::2]]
        if texts[0] and texts[-1]:
            return None
        texts = texts[1:] if texts[-1] or not texts[0] else texts[:-1]
        if len(marks) == 1:
            return self._box(marks[0], texts[0])
        ticked = {self.value(text) for mark, text in zip(marks, texts, strict=True) if mark == TICKED_BOX}
        return ticked.pop() if len(ticked) == 1 else None

    def _box(self, mark: str, text: str) -> CardStatus | None:
        if not text:
            return _ALONE[mark]
        status = self.value(text)
        if mark == TICKED_BOX or status not in ENDED:
            return status
        return CardStatus.NOT_STARTED if status is CardStatus.COMPLETED else None

    def _remarked(self, status: CardStatus | None, words: str, remark: str) -> CardStatus | None:
        """Return what is left of a status beside a remark: one that says the contrary leaves nobody the wiser."""
        joined = self.phrases.get(fold(f"{words} {remark}"))
        if status is None or joined is not None:
            return joined
        said = self.value(remark)
        if status in ENDED:
            return None if said not in (None, status) or _doubted(remark) else status
        contrary = status is CardStatus.NOT_STARTED and said not in (None, status)
        return None if contrary else status

    def _words(self, text: str) -> CardStatus | None:
        """Read words without brackets and emoji: clauses that agree with the first that says anything."""
        if "?" in text:
            return None
        known = self.phrases.get(fold(text))
        if known is not None:
            return known
        found: CardStatus | None = None
        for clause in _CLAUSE.split(decoration.masked(text, self.people)):
            if not _without_tail(f" {clause.strip()}").strip() and (found or REFERENCE not in clause):
                continue  # a date or a name; what a value begins with a reference to, it is about
            status = self._clause(clause)
            if found is None:
                found = status
                if found is None:
                    return None
            elif (status not in (found, None) and not self._harmless(found, clause)) or (status is None and not self._may_follow(found, clause)):
                return None
        return found

    def _may_follow(self, status: CardStatus, clause: str) -> bool:
        """Tell whether words that are no status of their own may stand behind one."""
        if self._harmless(status, clause):
            return True
        return status in _FREE and "→" not in clause and not (status in ENDED and _doubted(clause))

    @staticmethod
    def _harmless(status: CardStatus, clause: str) -> bool:
        return status is CardStatus.COMPLETED and _HARMLESS.fullmatch(fold(clause)) is not None

    def _clause(self, text: str) -> CardStatus | None:
        text = text.strip().removeprefix(DATE).strip()
        phrase = fold(_without_tail(text))
        for status, beginnings in OBJECTS.items():
            rest = next((phrase_of for begin in beginnings if (phrase_of := _after(fold(text), begin))), None)
            if rest and phrase not in self.phrases and not ("→" in rest or (status in ENDED and _doubted(rest))):
                return status
        share = _SHARE.search(phrase)
        if share:
            return self._share(phrase, share)
        found = self._phrase(phrase)
        if found is not None:
            return found
        parts = _BOTH.split(phrase)
        if len(parts) == 1:
            return None
        statuses = [self._phrase(part) for part in parts if part]
        others = [part for part, status in zip(filter(None, parts), statuses, strict=True) if status is not statuses[0]]
        agree = statuses and statuses[0] is not None and all(self._harmless(statuses[0], part) for part in others)
        return statuses[0] if agree else None

    def _phrase(self, phrase: str) -> CardStatus | None:
        """Look a phrase up, and without the adverbs that make it stronger or weaker."""
        if phrase in self.phrases:
            return self.phrases[phrase]
        if self.phrases.get(_NEARLY.sub("", phrase)) is CardStatus.COMPLETED:
            return CardStatus.IN_PROGRESS
        surely, still = (self.phrases.get(pattern.sub("", phrase)) for pattern in (_SURELY, _STILL))
        if surely is CardStatus.COMPLETED:
            return surely
        return still if still not in ENDED else None

    def _share(self, phrase: str, found: re.Match[str]) -> CardStatus | None:
        """Read a percentage or a fraction and the words beside it."""
        near, percent, upto, part, whole = found.groups()
        rest = _UNITS.sub(" ", phrase[: found.start()] + " " + phrase[found.end() :])
        said = self._phrase(fold(rest)) if rest.strip() else CardStatus.COMPLETED
        share = _percent(percent, part, whole)
        if share is None or said is None or (near and share >= _SHARE_DONE) or _SHARE.search(rest):
            return None
        if said is not CardStatus.COMPLETED:
            unlikely = said is CardStatus.NOT_STARTED and share > 0
            return None if unlikely else said
        if upto or 0 < share < _SHARE_DONE:
            return CardStatus.IN_PROGRESS
        return CardStatus.COMPLETED if share else CardStatus.NOT_STARTED


def _percent(percent: str | None, part: str | None, whole: str | None) -> float | None:
    if percent is not None:
        share = float(percent.replace(",", "."))
    else:
        share = _SHARE_DONE * int(part or 0) / int(whole) if whole and int(whole) else -1.0
    return share if 0 <= share <= _SHARE_DONE else None


def _without_tail(text: str) -> str:
    """Return words without the dates, references and names behind them."""
    while (rest := _TAIL.sub("", text.rstrip(" .!,"))) != text:
        text = rest
    return text


def _after(phrase: str, begin: str) -> str | None:
    return phrase.removeprefix(f"{begin} ").strip() if phrase.startswith(f"{begin} ") else None


def _doubted(text: str) -> bool:
    """Tell whether a remark takes back what it stands beside."""
    words = fold(text)
    share = _SHARE.search(decoration.masked(words, ()))
    if share and "cov" not in words:
        reached = _percent(share[2], share[4], share[5])
        if reached is None or reached < _SHARE_DONE:
            return True
    return CROSS in text or "..." in text or "…" in text or _DOUBT.search(words) is not None
