import os
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bluelabel.interfaces.errors import Refused
from bluelabel.services.cards.editing import edit
from bluelabel.services.cards.editing import sections as places
from bluelabel.services.cards.repair import repair
from bluelabel.services.cards.status.statuses import CardStatus
from bluelabel.services.cards.text.body import checklist, sections
from bluelabel.services.cards.text.model import CardDocument
from bluelabel.services.cards.text.parser import parse

EXAMPLE = "### TASK-901: Name of the task\n**Status:** done\n- [ ] entry\n"
REAL = "### TASK-1: real\nStatus: todo\n"

QUOTES = {
    "fence": f"```markdown\n{EXAMPLE}```\n",
    "bare fence": f"```\n{EXAMPLE}```\n",
    "fence with attributes": f'```md title="TASKS.md"\n{EXAMPLE}```  \n',
    "tildes": f"~~~\n{EXAMPLE}~~~\n",
    "tildes with backticks inside": f"~~~md\n{EXAMPLE}```\n~~~\n",
    "longer fence with a fence inside": f"````markdown\n{EXAMPLE}```python\nx\n```\n### TASK-902: b\n````\n",
    "longer end": f"```\n{EXAMPLE}`````\n",
    "indented fence": f"  ```\n{EXAMPLE}  ```\n",
    "fence in a list": "- so:\n\n  ```markdown\n  ### TASK-901: a\n  ```\n",
    "fence that begins an entry": "- ```markdown\n  ### TASK-901: a\n  ```\n",
    "fence in a numbered list": "1. ```markdown\n   ### TASK-901: a\n   ```\n",
    "title first": f"```\n# Task Cards\n\n{EXAMPLE}```\n",
    "front matter first": f"```\n---\nversion: 1\n---\n{EXAMPLE}```\n",
    "some cards": f"```md\n{EXAMPLE}### TASK-902: b\n### TASK-903: c\n```\n",
    "level one": "```markdown\n# TASK-901: a\nStatus: done\n```\n",
    "comment": f"<!--\n{EXAMPLE}-->\n",
    "comment that begins with words": f"<!-- not now:\n{EXAMPLE}-->\n",
    "comment that ends in a line": "<!--\n### TASK-901: a\nStatus: done -->\n",
    "comment that ends in a heading": "<!--\n### TASK-901: a -->\n",
    "comment with a blank line": f"<!--\n\n{EXAMPLE}\n\n### TASK-902: b\n\n-->\n",
    "comment round many cards": "<!--\n" + "".join(f"### TASK-9{number:02}: x\n" for number in range(8)) + "-->\n",
    "comment in an entry": "- <!--\n### TASK-901: a\n-->\n",
    "fence mark in a comment": f"<!--\n```\n{EXAMPLE}-->\n",
    "fence in a comment": f"<!--\n```md\n{EXAMPLE}```\n-->\n",
    "comment in a fence": f"```md\n<!--\n{EXAMPLE}```\n",
    "indented code": "words\n\n    ### TASK-901: a\n    Status: done\n",
    "block quote": "> ### TASK-901: a\n> Status: done\n",
}
DOUBTFUL = {
    "code above the card": f"```bash\ncat > T.md <<EOF\n{EXAMPLE}EOF\n```\n",
    "many cards": "```md\n" + "".join(f"### TASK-9{number:02}: x\n" for number in range(8)) + "```\n",
    "fence of the same length inside": f"```markdown\n{EXAMPLE}```python\nx\n```\nStatus: done\n```\n",
}


def examples(count: int) -> settings:
    """As many examples as `make test` has time for, or as many as BLUELABEL_EXAMPLES asks for."""
    return settings(max_examples=max(count, int(os.environ.get("BLUELABEL_EXAMPLES", "0"))), deadline=None)


def codes(document: CardDocument) -> list[tuple[str, int | None]]:
    return [(problem.code, problem.line) for problem in document.problems]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("kind", [*QUOTES, *DOUBTFUL])
def test_a_card_in_a_closed_quote_is_an_example(kind: str, end: str) -> None:
    quote = {**QUOTES, **DOUBTFUL}[kind]
    text = f"## Format\n\n{quote}\n## Tasks\n\n{REAL}\n{quote}\n```\ncode\n```\nAssigned: CC\n".replace("\n", end)
    document = parse(text.encode())

    card = document.cards[0]
    assert [(card.id, card.status, card.assignees) for card in document.cards] == [
        ("TASK-1", CardStatus.NOT_STARTED, ("CC",))
    ]
    assert card.section == "Tasks"
    assert {code for code, _ in codes(document)} == ({"quoted-cards"} if kind in DOUBTFUL else set())
    assert checklist(document, card) == ()
    assert sections(document, card) == ()
    assert repair(text.encode()).content == text.encode()
    changed = edit.set_field(document, card, "status", "BLOCKED").decode()
    assert changed == text.replace("Status: todo", "Status: BLOCKED")


@pytest.mark.parametrize(
    ("text", "ids", "line"),
    [
        ("### TASK-1: a\n```\nx\n\n### TASK-2: b\n", ["TASK-1", "TASK-2"], 5),
        ("### TASK-1: a\n```\nx\n\n### TASK-2: b\n```\ny\n```\n### TASK-3: c\n", ["TASK-1", "TASK-2", "TASK-3"], 5),
        ("### TASK-1: a\n```py\nx\n\n### TASK-2: b\n```py\ny\n```\n", ["TASK-1", "TASK-2"], 5),
        ("### TASK-1: a\n- ```\n  x\n### TASK-2: b\n```\ny\n```\n", ["TASK-1", "TASK-2"], 4),
        ("### TASK-1: a\n~~~\nx\n### ✅ TASK-2 b\n", ["TASK-1", "TASK-2"], 4),
        ("# TASK-1: a\n```sh\nx\n\n# TASK-2: b\n", ["TASK-1", "TASK-2"], 5),
        ("### TASK-1: a\n```sh\n# TASK-2: run\nx\n", ["TASK-1"], 2),
        ("```md\n### TASK-XXX: t\n\n### TASK-1: a\n```\nx\n```\n", ["TASK-1"], 4),
    ],
)
def test_an_open_fence_ends_at_the_next_card_and_is_closed_there(text: str, ids: list[str], line: int) -> None:
    document = parse(text.encode())

    assert list(document.by_id) == ids
    assert codes(document) == [("unclosed-fence", line)]
    fixed = parse(repair(text.encode()).content)
    assert list(fixed.by_id) == ids
    assert codes(fixed) == []


@pytest.mark.parametrize("marks", ["```", "```py"])
def test_one_lost_mark_hides_none_of_forty_cards(marks: str) -> None:
    cards = [f"### TASK-{number}: x\nStatus: done\n{marks}\ncode\n```\n" for number in range(40)]
    for lost in (0, 7, 39):
        damaged = [text.removesuffix("```\n") if place == lost else text for place, text in enumerate(cards)]
        document = parse("\n".join(damaged).encode())

        assert len(document.cards) == 40
        assert [problem.code for problem in document.problems] == ["unclosed-fence"]
        assert [quote.closed for quote in document.quotes] == [place != lost for place in range(40)]


def test_two_lost_marks_far_apart_hide_no_card() -> None:
    cards = [f"### TASK-{number}: x\n```\ncode\n```\n" for number in range(60)]
    damaged = [text.removesuffix("```\n") if place in (5, 50) else text for place, text in enumerate(cards)]

    assert len(parse("\n".join(damaged).encode()).cards) == 60


def test_a_comment_without_an_end_hides_no_card_and_is_told() -> None:
    document = parse(b"<!-- note\n\n### TASK-1: a\nStatus: todo <!-- mine -->\n\n### TASK-2: b\n")

    assert list(document.by_id) == ["TASK-1", "TASK-2"]
    assert codes(document) == [("unclosed-comment", 3)]
    assert codes(parse(b"### TASK-1: a\n<!-- note\nStatus: done\n")) == [("unclosed-comment", 2)]
    assert parse(b"### TASK-1: a\n<!-- note\nStatus: done\n").cards[0].status is None


def test_fields_in_a_comment_are_no_fields() -> None:
    document = parse(b"### TASK-1: a\n<!--\nStatus: done\n-->\n<!-- one -->\nOwner: CC\n")

    assert (document.cards[0].status, document.cards[0].assignees) == (None, ("CC",))


def test_a_template_in_a_fence_is_still_the_template_of_the_file() -> None:
    document = parse(
        b"```md\n### TASK-XXX: t\nStatus: a | b\n```\nwords\n\n### TASK-1: a\n```md\n### TASK-XXX: u\n```\nend\n"
    )

    (template,) = document.templates
    assert document.text[template.start : template.end] == "### TASK-XXX: t\nStatus: a | b\n```"
    assert edit.block(document, document.cards[0]).endswith("end")


quote = st.sampled_from([*QUOTES.values(), *DOUBTFUL.values()])
body = st.lists(
    st.one_of(
        quote, st.sampled_from(["Owner: CC\n", "- [ ] one\n", "**Notes:**\n", "words\n", "\n", "```\ncode\n```\n"])
    ),
    max_size=5,
).map("".join)
generated = st.tuples(body, st.lists(body, min_size=1, max_size=4)).map(
    lambda parts: (
        parts[0]
        + "\n## Active Tasks\n\n"
        + "\n".join(f"### TASK-{n}: x\nStatus: todo\n{text}" for n, text in enumerate(parts[1]))
    )
)


@given(generated, st.integers(0, 3), st.sampled_from(["status", "title", "check", "archive", "move", "repair"]))
@examples(60)
@example(DOUBTFUL["many cards"] + QUOTES["bare fence"] + QUOTES["fence mark in a comment"] + f"\n{REAL}", 0, "status")
def test_no_change_of_a_card_touches_a_line_of_a_quote(text: str, number: int, act: str) -> None:
    document = parse(text.encode())
    cards = document.cards
    card = cards[number % len(cards)]
    try:
        if act == "check":
            found = edit.check(document, card, 1) if checklist(document, card) else text.encode()
        elif act == "archive":
            found = places.archive(document, card)
        elif act == "move":
            found = places.move(document, card, "Active Tasks")
        elif act == "repair":
            found = repair(text.encode()).content
        else:
            found = edit.set_field(document, card, act, "BLOCKED")
    except Refused:
        return
    after = parse(found)

    assert sorted(after.by_id) == sorted(document.by_id)
    assert not any(name.startswith("TASK-9") for name in after.by_id)
    quoted = [sorted(one.text[q.start : q.end] for q in one.quotes) for one in (document, after)]
    assert quoted[0] == quoted[1]
    if act == "repair":
        assert found == text.encode()


def test_marks_without_end_take_linear_time() -> None:
    began = time.process_time()
    for unit in (
        "```\n",
        "```py\n",
        "~~~~\n",
        "<!--\n",
        "-->\n",
        "<!-- -->\n",
        "```\n### TASK-1: a\n",
        "<!--\n### TASK-1: a\n",
    ):
        for data in (unit * 1_000, f"````md\n{unit * 1_000}", f"<!--\n{unit * 1_000}"):
            parse(data.encode())
    marks = "".join("`" * (3 + number) + "\n### TASK-1: a\n" for number in range(400))
    parse(marks.encode())

    assert time.process_time() - began < 30  # what is not linear takes hours here
