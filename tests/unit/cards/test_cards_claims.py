from typing import Any

import pytest

from bluelabel.services.cards.evidence.claims import claims
from bluelabel.services.cards.text.parser import parse


def claimed(body: str) -> list[tuple[str, str]]:
    document = parse(f"### TASK-1: a\n{body}\n".encode())
    return [(claim.kind.value, claim.target) for claim in claims(document, document.cards[0])]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("- /docs/a.md (new)", [("path-created", "/docs/a.md")]),
        ("- `src/a.py` (New - with tests)", [("path-created", "src/a.py")]),
        ("- src/a.py (rewritten as one)", [("path-modified", "src/a.py")]),
        ("- src/a.py (removed old imports)", [("path-modified", "src/a.py")]),
        ("- src/a.py (removed)", [("path-removed", "src/a.py")]),
        ("- src/a.py - removed", [("path-removed", "src/a.py")]),
        ("- `src/a.py` - Added retry settings", [("path", "src/a.py")]),
        ("- src/a.py (this update)", [("path", "src/a.py")]),
        ("- `a.py`, `b.py` and `c/d.py`", [("path", "a.py"), ("path", "b.py"), ("path", "c/d.py")]),
        ("- Makefile, .gitignore", [("path", "Makefile"), ("path", ".gitignore")]),
        ("- `old/a.py` → `new/a.py`", [("path-removed", "old/a.py"), ("path-created", "new/a.py")]),
        ("- Moved `old/a.py` to `new/a.py`", [("path-removed", "old/a.py"), ("path", "new/a.py")]),
        ("- Created `src/a.py` for this", [("path-created", "src/a.py")]),
        ("- docs/", [("path", "docs/")]),
        ("- `src/*.py`", [("path", "src/*.py")]),
        ("- [ ] src/not_yet.py", []),
        ("- ❌ src/not_there.py", []),
        ("- https://example.com/a.py", []),
        ("- nothing in particular", []),
    ],
)
def test_paths_are_found_as_people_write_them(line: str, found: list[Any]) -> None:
    assert claimed(f"**Files:**\n{line}") == found


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Files", "path"),
        ("Files Created/Modified", "path"),
        ("Files Created", "path-created"),
        ("Files Modified", "path-modified"),
        ("Files Removed", "path-removed"),
    ],
)
def test_the_title_of_a_list_says_what_was_done(title: str, kind: str) -> None:
    assert claimed(f"**{title}:**\n- src/a.py") == [(kind, "src/a.py")]
    assert claimed(f"- {title}: `src/a.py`")[-1] == (kind, "src/a.py")


@pytest.mark.parametrize("title", ["Description", "Next Steps", "Usage Example", "Known Issues", "Recommendations"])
def test_intentions_and_advice_claim_nothing(title: str) -> None:
    assert claimed(f"**{title}:**\n- ✅ Created `src/a.py`, tag v1.0, all 3 tests passing") == []


def test_fenced_text_claims_nothing() -> None:
    assert claimed("**Files:**\n```\n- src/a.py\n```") == []


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("Branch: `dev/x`", [("branch", "dev/x")]),
        ("Branch: main (commit 12ab34c)", [("branch", "main")]),
        ("Branch: TBD", []),
        ("**Branch:** main (merged all branches)", []),
        ("Branch: dev/x\nMerged: yes", [("branch", "dev/x"), ("branch-merged", "dev/x")]),
        ("Merged: feat/y", [("branch-merged", "feat/y")]),
        ("Merged: no", []),
        ("Merged: 12ab34cd", [("commit", "12ab34cd")]),
        ("Tag: `v1.2`", [("tag", "v1.2")]),
        ("Commit: 12ab34cd", [("commit", "12ab34cd")]),
        ("**Done:**\n- `dev/x` → main", [("branch-merged", "dev/x")]),
        ("**Done:**\n- Merged feat/y to main", [("branch-merged", "feat/y")]),
        ("**Branches Merged:**\n- dev/x\n- dev/y", [("branch-merged", "dev/x"), ("branch-merged", "dev/y")]),
        ("**Tag Created:**\n- Tag: `v0.6-alpha1`\n- Type: Annotated tag", [("tag", "v0.6-alpha1")]),
        ("**Done:**\n- Created git tag v1.4.1-test", [("tag", "v1.4.1-test")]),
        ("**Commits**:\n- `12ab34c` - one\n- `facade` - a word\n- `1234567` - a number", [("commit", "12ab34c")]),
        ("**Testing:**\n- All 21 tests passing (14 old + 7 new)", [("tests", "21")]),
        ("**Testing:**\n- 12 passed in 0.3s", [("tests", "12")]),
        ("**Testing:**\n- Unit tests pass", [("tests", "")]),
        ("**Testing:**\n- a tag on the line 3", []),
    ],
)
def test_branches_tags_commits_and_tests_are_found(body: str, found: list[Any]) -> None:
    assert claimed(body) == found


def test_one_thing_claimed_twice_is_one_claim_and_the_stronger_words_count() -> None:
    body = "**Done:**\n- ✅ Wrote `docs/a.md`\n\n**Files:**\n- /docs/a.md\n- /docs/a.md (new)"

    assert claimed(body) == [("path-created", "docs/a.md")]


def test_claims_carry_their_words_and_line() -> None:
    document = parse(b"### TASK-1: a\n\n**Files:**\n- src/\xff.py\n- src/b.py (new)\n")
    found = claims(document, document.cards[0])

    assert [(claim.text, claim.line) for claim in found][-1] == ("- src/b.py (new)", 5)


def test_an_annotated_tag_is_claimed_as_such() -> None:
    document = parse(b"### TASK-1: a\n**Done:**\n- Annotated tag v1.0 made\n")

    assert claims(document, document.cards[0])[0].into == "annotated"
