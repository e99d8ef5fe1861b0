"""What a card claims: files, branches, merges, tags, commits, tests, as people write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bluelabel.services.cards.evidence.claimed_paths import Mention, path_mentions
from bluelabel.services.cards.text.body import DONE_MARKS, card_lines, checklist, sections
from bluelabel.services.cards.text.model import Card, CardDocument, shown

__all__ = ["Claim", "ClaimKind", "claims"]


class ClaimKind(StrEnum):
    """What a claim is about, and so how it is checked."""

    PATH = "path"
    CREATED = "path-created"
    MODIFIED = "path-modified"
    REMOVED = "path-removed"
    BRANCH = "branch"
    MERGED = "branch-merged"
    TAG = "tag"
    COMMIT = "commit"
    TESTS = "tests"


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing a card says is there.

    Args:
        kind: what it is about.
        text: the words of the card.
        target: the path, name or hash, cleaned; for tests the number that passed, "" when none is named.
        line: 1-based.
        into: for merges, the branch it went into; for tags, ``annotated`` when that is claimed.
        at: for tags, the hash of the commit that it is said to be at.
    """

    kind: ClaimKind
    text: str
    target: str
    line: int
    into: str = ""
    at: str = ""


# Intentions, examples and advice are no claims.
_NO_CLAIMS: Final = re.compile(
    r"descri|objective|background|context|next step|recommend|blocker|issue|usage|example|requirement|lesson|scope|"
    r"todo|follow|plan|risk|output format|notes?$|dependenc|acceptance"
)
_FILES: Final = re.compile(
    r"^(?:files?|file list|paths?)\b|\bfiles? (?:created|modified|changed|added|removed|deleted)\b"
)
_BRANCH: Final = re.compile(
    r"`([A-Za-z0-9][\w.-]*(?:/[\w.+@-]+)+)`|(?<![\w/`.+@-])([A-Za-z][\w.-]*(?:/[\w.+@-]*[A-Za-z0-9])+)"
)
# The arrow also as it looks after the file was saved in a wrong encoding.
_INTO: Final = re.compile(r"[\s`*]*(?:→|->|=>|â†’|into|to)[\s`*]*(main|master|develop|trunk)\b")
_PLAIN_BRANCH: Final = re.compile(r"`([A-Za-z0-9][\w.+@-]*)`")
_MERGED_BRANCH: Final = re.compile(
    r"\bmerged?[ \t]+(?:the[ \t]+)?(?:branch[ \t]+)?`([A-Za-z0-9][\w.+@-]*)`", re.IGNORECASE
)
_TRUNKS: Final = frozenset({"main", "master", "develop", "trunk"})
_FILES_LINE: Final = re.compile(
    r"[ \t]*(?:[-*+][ \t]+)?(files?(?: (?:created|modified|changed|added|removed|deleted|updated))?)[ \t]*:",
    re.IGNORECASE,
)
_MERGED: Final = re.compile(r"\bmerged?\b", re.IGNORECASE)
_TAG: Final = re.compile(
    r"\btag(?:ged)?(?:\*\*)?(?:[ \t]+(?:as|it|named))*[ \t:*]*"
    r"(?:`((?:[\w./+-]{0,99}[-./])?v?[0-9][\w.+-]{0,99})`|(v[0-9](?:[\w.+-]*\w)?|[0-9]+\.[\w.+-]*\w))",
    re.IGNORECASE,
)
_HASH: Final = re.compile(r"(?<![\w/.-])([0-9a-f]{7,64})(?![\w/.-])", re.IGNORECASE)
_NAMED_HASH: Final = re.compile(r"(?<![\w/.-])([0-9a-f]{4,64})(?![\w/.-])", re.IGNORECASE)
_COMMITS_LINE: Final = re.compile(
    r"[ \t]*(?:[-*+][ \t]+)?\**commits?\**[ \t]*:\**[ \t]*`?[0-9a-f]{4,64}\b", re.IGNORECASE
)
_AT_HASH: Final = re.compile(
    r"[`*]*[ \t]*(?:@|\(|at|on|→|->|:)[ \t]*(?:commit[ \t]+)?`?([0-9a-f]{7,64})\b", re.IGNORECASE
)
_TESTS: Final = re.compile(
    r"\b(?:(\d{1,6})[ \t]+)?(?:of[ \t]+\d{1,6}[ \t]+)?(?:[a-z]+[ \t]+)?tests?[:,]?[ \t]+"
    r"(?:(?:are|is|now|all|still)[ \t]+){0,2}(?:pass(?:ing|ed|es)?|green)\b"
    r"|\b(\d{1,6})(?:/\d{1,6})?[ \t]+(?:tests?[ \t]+)?pass(?:ed|ing)\b",
    re.IGNORECASE,
)
_PASSING: Final = re.compile(r"[ \t*]*(?:all[ \t]+)?(?:pass(?:ing|ed|es)?|green)\b", re.IGNORECASE)
_SOURCE: Final = re.compile(
    r"\.(?:py|tsx?|jsx?|md|json|ya?ml|toml|txt|sh|html|css|cfg|ini|lock|rs|go|java|rb|sql|csv|xml|svg|png|pdf)$"
)
_LONGEST: Final = 2000
"""Nobody names files in a longer line; it is a dump of something."""

_NOT_YET: Final = re.compile(r"^(?:no|none|not|pending|tbd|n/a|todo|-)\b", re.IGNORECASE)
_OPEN_MARK: Final = re.compile(r"[ \t]*(?:[-*+]|\d+[.)])[ \t]+(?:\[ \]|❌|⚠|⏳|🔄)")


def claims(document: CardDocument, card: Card) -> tuple[Claim, ...]:
    """Return what a card claims, each thing once, in order. Open checklist entries and fenced text claim nothing."""
    found: dict[tuple[ClaimKind, str, str], Claim] = {}
    for claim in [*_field_claims(card), *_body_claims(document, card)]:
        found.setdefault((claim.kind, claim.target.removeprefix("/").removeprefix("./"), claim.into), claim)
    # One path, claimed plainly and by what was done to it, is one claim: the stronger words count.
    strong = {target for kind, target, _ in found if kind in _STRONG}
    return tuple(
        claim for (kind, target, _), claim in found.items() if kind is not ClaimKind.PATH or target not in strong
    )


_STRONG: Final = frozenset({ClaimKind.CREATED, ClaimKind.MODIFIED, ClaimKind.REMOVED})


def _field_claims(card: Card) -> Iterator[Claim]:
    for name, kind in (("branch", ClaimKind.BRANCH), ("tag", ClaimKind.TAG), ("commit", ClaimKind.COMMIT)):
        field = card.fields.get(name)
        if field is None or not field.raw or _NOT_YET.match(field.raw):
            continue
        if kind is ClaimKind.BRANCH:
            yield from _branches(field.raw, field.line, merged=bool(_MERGED.search(field.raw)), word=True)
        elif kind is ClaimKind.TAG:
            tag = field.raw.split()[0].strip("`*,")
            yield _tag(tag, field.raw, field.raw.index(tag) + len(tag), field.line)
        else:
            yield from _commits(field.raw, field.line, named=True)
    merged = card.fields.get("merged")
    if merged and merged.raw and not _NOT_YET.match(merged.raw):
        names = list(_branches(merged.raw, merged.line, merged=True))
        hashes = list(_commits(merged.raw, merged.line))
        branch = card.fields.get("branch")
        if not names and not hashes and branch and branch.raw:
            names = list(_branches(branch.raw, merged.line, merged=True, word=True))
        yield from [*names, *hashes]


def _tag(name: str, words: str, end: int, line: int) -> Claim:
    """Return the claim of a tag: annotated or not, and perhaps where; `end` is where its name ends in `words`."""
    into = "annotated" if "annotated" in words.casefold() else ""
    place = _AT_HASH.match(words, end)
    return Claim(ClaimKind.TAG, shown(words.strip()), name, line, into, place[1] if place else "")


def _branches(text: str, line: int, *, merged: bool, word: bool = False) -> Iterator[Claim]:
    """Yield the branches of a field; with `word` its first word is one, whatever it looks like."""
    plain = re.sub(r"\([^()]*\)", "", text)
    names = [match[1] or match[2] for match in _BRANCH.finditer(plain)]
    if not names and word:
        first = plain.strip(" `*").split(" ")[0].strip("`*,")
        names = [first] if first and not (merged and first in _TRUNKS) else []
    for name in names:
        yield Claim(ClaimKind.MERGED if merged else ClaimKind.BRANCH, shown(text), name, line)


def _commits(text: str, line: int, *, named: bool = False) -> Iterator[Claim]:
    for match in (_NAMED_HASH if named else _HASH).finditer(text):
        # Where a commit is not what the field is for, a word of hex letters (`defaced`) is no hash, nor is a number.
        mixed = re.search(r"[a-fA-F]", match[1]) and re.search(r"\d", match[1])
        if mixed or (named and len(match[1]) >= 7):
            yield Claim(ClaimKind.COMMIT, shown(text.strip()), match[1], line)


def _body_claims(document: CardDocument, card: Card) -> Iterator[Claim]:
    parts = sections(document, card)
    metadata = {field.line for field in card.fields.values()}
    open_items = {item.line for item in checklist(document, card) if item.mark not in DONE_MARKS}
    place = -1
    for number, at, line, fenced in card_lines(document, card):
        while place + 1 < len(parts) and parts[place + 1].start <= at:
            place += 1
        if fenced or number in metadata or number in open_items or _OPEN_MARK.match(line) or not line.strip():
            continue
        section = parts[place] if place >= 0 else None
        name = section.name if section else ""
        words = document.text[section.text_start : at + len(line)] if section and section.start == at else line
        if not _NO_CLAIMS.search(name):
            yield from _line_claims(words, number, name, heading=section is not None and section.start == at)


def _line_claims(line: str, number: int, section: str, *, heading: bool) -> Iterator[Claim]:
    text = shown(line.strip())
    if not text or len(text) > _LONGEST:
        return
    merging = "merge" in section or "branch" in section
    found_branches: set[str] = set()
    for match in _BRANCH.finditer(line):
        name = (match[1] or match[2]).rstrip(".,")
        into = _INTO.match(line, match.end())
        if _is_path(name) or not (into or merging or _MERGED.search(line)):
            continue
        found_branches.add(name)
        yield Claim(ClaimKind.MERGED, text, name, number, into[1] if into else "")
    for match in (_PLAIN_BRANCH if "branch" in section else _MERGED_BRANCH).finditer(line):
        into = _INTO.match(line, match.end())
        # "Merged `Reader` and `Writer`" is about code: only a branch goes into a trunk, or is called one.
        sure = into is not None or "branch" in section or "branch" in match[0]
        if sure and match[1] not in _TRUNKS and not _is_path(match[1]):
            yield Claim(ClaimKind.MERGED, text, match[1], number, into[1] if into else "")
    named = _FILES_LINE.match(line)
    where = named[1].casefold() if named else section
    if not heading or _FILES.search(where):
        for mention in path_mentions(line[named.end() :] if named else line, listed=bool(_FILES.search(where))):
            if mention.path not in found_branches:
                yield Claim(_path_kind(mention, where), text, mention.path, number)
    for match in _TAG.finditer(line):
        yield _tag(match[1] or match[2], line, match.end(), number)
    if "commit" in section or "commit" in line.casefold():
        yield from _commits(line, number, named=_COMMITS_LINE.match(line) is not None)
    if section.startswith("test") and _PASSING.match(line):
        yield Claim(ClaimKind.TESTS, text, "", number)
    for match in _TESTS.finditer(line):
        yield Claim(ClaimKind.TESTS, text, match[1] or match[2] or "", number)


def _is_path(name: str) -> bool:
    return (
        re.search(r"\.(?:py|tsx?|jsx?|md|json|ya?ml|toml|txt|sh|html|css|cfg|ini|lock|rs|go|java|rb|sql)$", name)
        is not None
    )


def _path_kind(mention: Mention, section: str) -> ClaimKind:
    """What was done to a path: as its remark says, else as its section's title says, else it is just there."""
    if mention.done:
        return ClaimKind(f"path-{mention.done}")
    done = [
        kind
        for kind, words in (
            (ClaimKind.CREATED, ("created", "added", "new files")),
            (ClaimKind.MODIFIED, ("modified", "updated", "changed")),
            (ClaimKind.REMOVED, ("removed", "deleted")),
        )
        if _FILES.search(section) and any(word in section for word in words)
    ]
    return done[0] if len(done) == 1 else ClaimKind.PATH
