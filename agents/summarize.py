"""Summaries made of a text's own sentences: deterministic, offline, no model. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Final

SENTENCES: Final = 3
SUMMARY_CHARS: Final = 600
_READ_CHARS: Final = 200_000

_END = re.compile(r"(?<=[.!?\u3002\uff01\uff1f])[\"')\]\u201d\u2019]?\s+|\n{2,}|\n(?=[-*+] |\d{1,3}[.)] )")
_WORD = re.compile(r"[^\W\d_]{2,40}")
_LINK = re.compile(r"!?\[([^\[\]]{0,500})\]\([^()\s]{0,2000}\)")
_MARKS = re.compile(r"^[ \t]{0,8}(?:#{1,6} |[-*+] |\d{1,3}[.)] |> )|[`*]{1,3}|(?<!\w)_{1,2}|_{1,2}(?!\w)", re.MULTILINE)
_TABLE = re.compile(r"^[ \t]{0,8}\|[^\n]*$|^[ \t]{0,8}[-=*_]{3,}[ \t]*$", re.MULTILINE)
_STOP_WORDS: Final = (
    "a about after all also an and any are as at be been before but by can could did do does for from had has have he "
    "her his how if in into is it its just may me more most my no nor not of on one or our out over own she should so "
    "some such than that the their them then there these they this those to too under up was we were what when where "
    "which while who will with would you your"
)
_STOP: Final = frozenset(_STOP_WORDS.split())


def summarize(text: str, *, title: str = "", sentences: int = SENTENCES, limit: int = SUMMARY_CHARS) -> str:
    """Return the sentences that say most, in the order of the text.

    A sentence scores by how often its words occur in the whole text, a little more when it stands early or shares
    words with the title. Equal scores go to the earlier one, so the same text always gives the same summary.

    Args:
        text: plain text or markdown; the first 200,000 characters count.
        title: a sentence that only repeats it is left out.
        sentences: how many at most.
        limit: characters at most; a cut shows as ``…``.
    """
    candidates = split(text, title)
    if not candidates:
        return ""
    words = [_words(sentence) for sentence in candidates]
    weight = Counter(word for group in words for word in set(group))
    named = set(_words(title))
    scored = sorted(range(len(candidates)), key=lambda at: (-_score(words[at], weight, named, at, len(candidates)), at))
    chosen: list[int] = []
    size = 0
    for at in scored:
        if len(chosen) == sentences:
            break
        if chosen and size + len(candidates[at]) + 1 > limit:
            continue
        chosen.append(at)
        size += len(candidates[at]) + 1
    summary = " ".join(candidates[at] for at in sorted(chosen))
    return summary if len(summary) <= limit else summary[: limit - 1].rstrip() + "…"


def split(text: str, title: str = "") -> list[str]:
    """Return the sentences of `text`, without markdown marks, code, tables, repetitions and the title."""
    plain = _without_code(text[:_READ_CHARS])
    plain = _TABLE.sub("\n", _LINK.sub(r"\1", plain))
    found: dict[str, None] = {}
    for piece in _END.split(plain):
        sentence = " ".join(_MARKS.sub("", piece).split())
        if len(sentence) > 1 and sentence.casefold() != title.casefold().strip():
            found[sentence] = None
    return list(found)


def _without_code(text: str) -> str:
    kept: list[str] = []
    inside = False
    lines = text.split("\n")
    start = 0
    if lines[0] == "---" and "---" in lines[1:]:
        start = lines.index("---", 1) + 1
    for line in lines[start:]:
        if line.lstrip().startswith(("```", "~~~")):
            inside = not inside
        elif not inside:
            # A heading is a line of its own, never the beginning of the sentence below it.
            kept.extend((line, "") if line.lstrip().startswith("#") else (line,))
    return "\n".join(kept)


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.casefold()) if word not in _STOP]


def _score(words: list[str], weight: Counter[str], named: set[str], at: int, count: int) -> float:
    if not words:
        return 0.0
    unique = set(words)
    # Divided by a root, not by the length: the mean would always prefer sentences of two words.
    score = sum(weight[word] for word in sorted(unique)) / math.sqrt(len(words))
    score *= 1.0 + 0.5 * (1.0 - at / count)
    score *= 1.0 + 0.3 * len(unique & named)
    return round(score * min(1.0, len(words) / 5), 9)
