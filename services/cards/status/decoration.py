"""What stands round the words of a value and says nothing of its own: emoji, emphasis, dates, references, brackets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from bluelabel.services.cards.encoding import repair_encoding

DATE, REFERENCE, PERSON = "\ue000", "\ue001", "\ue002"
"""What `masked` puts for a date, for a reference (a link, #12, TASK-7, a commit, a version), for a person."""

OPEN_BOX, TICKED_BOX, CHECK, CROSS, STRUCK = "\ue010", "\ue011", "\ue012", "\ue013", "\ue014"
"""What `unmarked` puts for ``[ ]``, for ``[x]``, for a check mark, for a cross and for words that are struck out."""

_SHORTCODES: Final = {
    **dict.fromkeys(("white_check_mark", "heavy_check_mark", "ballot_box_with_check", "check"), "✅"),
    **dict.fromkeys(("x", "negative_squared_cross_mark", "no_entry", "cross_mark"), "❌"),
    "construction": "🚧",
    "question": "?",
    "grey_question": "?",
    "double_vertical_bar": "⏸",
}
_SIGNS: Final = str.maketrans(
    {
        **dict.fromkeys("☐⬜◻◽🔲▢□", OPEN_BOX),
        **dict.fromkeys("☑🗹", TICKED_BOX),
        **dict.fromkeys("✅✔✓", CHECK),
        **dict.fromkeys("❌✗✘❎✖☒", CROSS),
        **dict.fromkeys("❓❔", "?"),
        **dict.fromkeys("⇒➡➜➔⟶⟹↦▸", "→"),
        **dict.fromkeys("’‘`´", "'"),
        **dict.fromkeys("“”„«»", '"'),
        **dict.fromkeys("–—―‒", "—"),
    }
)
# Icons of fonts stand where our own signs do; a byte that is no UTF-8 is damage only where it stands in a word.
_STRAY: Final = re.compile("[\ue000-\uf8ff]|(?<![\\w\udc80-\udcff])[\udc80-\udcff]+(?![\\w\udc80-\udcff])")
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|$)")
_STRUCK: Final = re.compile(r"(~{1,2})(?=\S)(?:(?!\1).)+?(?<=\S)\1|<(del|s|strike)>.*?</\2>", re.IGNORECASE)
_TAG: Final = re.compile(
    r"</?(?:b|strong|i|em|u|span|font|code|kbd|mark|small|sub|sup|a|p|br|img)(?:\s[^<>]*)?/?>", re.IGNORECASE
)
_LINK: Final = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")
_SHORTCODE: Final = re.compile(r"(?<![\w:]):([a-z][a-z0-9_+-]*):(?![\w:])")
_EMPHASIS: Final = re.compile(r"(?<![\w*])([*_])(?=\S)([^*_]+?)(?<=\S)\1(?![\w*])")
_BOX: Final = re.compile(r"\[([ xX\ue012]?)\](?!\()")
_HYPHEN: Final = re.compile(r"(?<=\w)-(?=\w)")
_BULLET: Final = re.compile(r"^\s*[-*+]\s+")
_ARROW: Final = re.compile(r"(?<!\s)\s*(?:-{1,2}|=)>\s*")
_ROUND: Final = re.compile(r"\(([^()]*)(?:\)|$)|\[([^\[\]]*)(?:\]|$)|\{([^{}]*)(?:\}|$)")
_WHOLE: Final = re.compile(r"[(\[{\"']([^()\[\]{}\"']*)[)\]}\"'][.!]*")

_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\.?"
)
_DATES: Final = re.compile(
    r"(?<![\w/.-])(?:"
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{4}-\d{2}|\d{1,2}([-/.])\d{1,2}\1(?:\d{4}|\d{2})|\d{4}年\d{1,2}月(?:\d{1,2}日)?|"
    rf"{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s\d{{4}})?|\d{{1,2}}(?:st|nd|rd|th|\.)?\s(?:of\s)?{_MONTH}(?:,?\s\d{{4}})?|"
    rf"{_MONTH}\s\d{{4}}|q[1-4][\s/-]?\d{{4}}|today|yesterday"
    r")(?:,?[T\s]+(?:at\s)?\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?\s?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}|[ap]m)?)?(?![\w/-])",
    re.IGNORECASE | re.ASCII,
)
_REFERENCES: Final = re.compile(
    r"https?://\S+|(?<![\w/])(?:(?:(?:PR|MR|pull request|merge request|issue|ticket|commit)s?\s?)?[#!]\d+|"
    r"(?:PR|MR)[\s-]?\d+|commit\s[0-9a-f]{7,40}|(?=[a-f]*\d)[0-9a-f]{7,40}|v\d+(?:\.\d+)*[\w.-]*|\d+\.\d+\.\d+|"
    r"[A-Z][A-Z0-9]*-\d+[A-Z]?|[Ss]print\s\d+[A-Za-z]?)(?![\w/%])"
)
_MARKS: Final = {**dict.fromkeys(("So", "Sk", "Co", "Cn"), " "), **dict.fromkeys(("Cf", "Me"), "")}
"""What to put for the characters of a category: nothing for those that join or colour emoji."""


def fold(text: str) -> str:
    """Return a phrase for comparing: one case, no accents, single blanks, no apostrophes, no end marks."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text.casefold())
        text = "".join(char for char in decomposed if unicodedata.category(char) != "Mn").replace("ı", "i")
    text = text.casefold().replace("'", "").replace("_", " ")
    return " ".join(_HYPHEN.sub(" ", text).split()).strip(' .!,;:"-—')


def unmarked(raw: str) -> str:
    """Return a value without what only shows it otherwise: emphasis, links, comments, struck words, broken bytes.

    Signs that may speak (boxes, check marks, crosses) stand as one character each; other emoji are left.
    """
    text = raw
    if not raw.isascii():
        text = _STRAY.sub(" ", unicodedata.normalize("NFKC", repair_encoding(raw)[0]))
    text = _SHORTCODE.sub(lambda found: _SHORTCODES.get(found[1], ""), _COMMENT.sub(" ", text))
    text = _TAG.sub(" ", _STRUCK.sub(STRUCK, text.replace("\\", ""))).replace("**", "").replace("__", "")
    text = _LINK.sub(r"\1", text.translate(_SIGNS))
    text = _EMPHASIS.sub(r"\2", re.sub(r"(?<!\w)'+|'+(?!\w)", "", text))
    text = _BOX.sub(lambda found: OPEN_BOX if not found[1].strip() else TICKED_BOX, text)
    return _ARROW.sub(" → ", _BULLET.sub("", text)).strip()


def unwrapped(text: str) -> str:
    """Return what stands between the brackets or quotation marks that are round the whole of it."""
    while found := _WHOLE.fullmatch(text):
        text = found[1].strip()
    return text


def remarks(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the text without its remarks in brackets, and the remarks; a bracket that is not closed ends with it."""
    found: list[str] = []

    def take(match: re.Match[str]) -> str:
        found.append((match[1] or match[2] or match[3] or "").strip())
        return " "

    while (rest := _ROUND.sub(take, text)) != text:
        text = rest
    return text, tuple(remark for remark in found if remark)


def masked(text: str, people: Iterable[str]) -> str:
    """Return the text with a sign for each date, reference and person; `people` are names that are known."""
    text = _REFERENCES.sub(REFERENCE, _DATES.sub(DATE, text))
    known = "|".join(re.escape(name) for name in sorted(people, key=len, reverse=True) if name)
    names = rf"@[\w.-]*\w|(?:{known})(?![\w-])" if known else r"@[\w.-]*\w"
    return re.sub(rf"(?<![\w@.-])(?:{names})", PERSON, text)


def spoken(text: str) -> str:
    """Return the text without emoji, whatever they show."""
    if text.isascii():
        return text
    return "".join(char if char in _KEPT else _MARKS.get(unicodedata.category(char), char) for char in text)


_KEPT: Final = frozenset((DATE, REFERENCE, PERSON))
