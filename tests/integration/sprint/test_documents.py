"""Documents of people: a block of ours is added, everything else keeps its bytes; words survive re-generation."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bluelabel.interfaces.errors import IllegalTransition, InvalidName, NotFound, Refused, UnknownAgent, UsageError
from bluelabel.services.files import swap
from bluelabel.services.files.managed_block import put, take
from bluelabel.services.sprint.checklist import APPROVALS, CHECKLIST
from bluelabel.services.sprint.closeout.routine import ROUTINE
from bluelabel.services.sprint.closeout.run import close
from bluelabel.services.sprint.document_files import Documents, marks
from bluelabel.services.sprint.documents.action_items import items
from bluelabel.services.sprint.documents.postmortem import postmortem
from bluelabel.services.sprint.documents.writers import write_plan, write_summary, write_template
from bluelabel.services.sprint.figures import figures
from bluelabel.services.sprint.model import Plan, PlannedCard
from bluelabel.services.sprint.planning import launch, plan
from bluelabel.services.sprint.settings import SprintSettings

from .steps import completed, planned

POSTMORTEM = "docs/devphases/PHASE_6.13/sprints/SPRINT_1_POSTMORTEM.md"
ODD = {
    "plain.md": b"# A\n\ntext\n",
    "no-newline.md": b"# A\n\ntext",
    "crlf.md": b"# A\r\n\r\ntext\r\n",
    "bom.md": b"\xef\xbb\xbf# A\n",
    "bytes.md": b"# A \xff\xfe\n",
    "fence.md": b"# A\n```\nnever closed",
    "empty.md": b"",
    "blanks.md": b"# A\n\n\n   \n\t\n",
    "mojibake.md": "# A â\x9c…\n".encode(),
    "quotes.md": b"# A\n\n    <!-- bluelabel:sprint begin -->\nnot closed\n",
    "lone-cr.md": b"# A\rb\rc",
}


def through_a_sprint(office: Any, files: Any) -> Any:
    """Launch and close a sprint in which every one of the files is a context file."""
    for name, data in files.items():
        office.write(f"notes/{name}", data)
    office.commit("Write notes", "notes")
    places = {name: f"notes/{name}" for name in files}
    office.settings = SprintSettings(documents=places, contexts=tuple(files))
    sprint = planned(office, cards=1, branches=0)
    once = {name: (office.root / f"notes/{name}").read_bytes() for name in files}
    completed(office, cards=1, branches=0)
    assert close(office.desk, sprint, APPROVALS).closed
    return once, {name: (office.root / f"notes/{name}").read_bytes() for name in files}


def assert_only_the_block(before: Any, once: Any, twice: Any) -> None:
    begin, end = marks("sprint").begin, marks("sprint").end
    for data in (once, twice):
        assert data.startswith(before) or take(before, marks("sprint")) == take(data, marks("sprint"))
        assert data.count(begin) >= 1
        assert end in data
    head = once[: once.rindex(begin)]
    assert twice.startswith(head)
    assert b"CLOSED" in twice


def test_odd_documents_keep_every_byte(office: Any) -> None:
    once, twice = through_a_sprint(office, ODD)
    for name, before in ODD.items():
        assert_only_the_block(before, once[name], twice[name])


@pytest.mark.skipif("BLUELABEL_CORPUS" not in os.environ, reason="BLUELABEL_CORPUS names no corpus")
def test_every_document_of_the_corpus_keeps_every_byte(office: Any) -> None:
    root = Path(os.environ["BLUELABEL_CORPUS"])
    found = sorted([*root.glob("sprint_docs/*"), *root.glob("continuity_docs/*")])
    files = {f"{number:03}.md": file.read_bytes() for number, file in enumerate(found)}
    assert len(files) >= 130
    once, twice = through_a_sprint(office, files)
    for name, before in files.items():
        assert_only_the_block(before, once[name], twice[name])
        assert once[name].startswith(before)


def test_words_in_plan_and_postmortem_survive(office: Any) -> None:
    sprint = planned(office, cards=1, branches=0)
    path = office.root / sprint.plan.plan_path
    path.write_text("Words above.\n\n" + path.read_text() + "\n## Notes\n\nWords below.\n")
    postmortem(office.desk, sprint)
    text = (office.root / POSTMORTEM).read_text()
    ours = text.replace("## Lessons Learned\n\n- \n", "## Lessons Learned\n\n- Ask before you cut.\n")
    (office.root / POSTMORTEM).write_text(ours)
    completed(office, cards=1, branches=0)
    office.commit("words", "docs")
    assert close(office.desk, sprint, APPROVALS).closed

    assert "Ask before you cut." in (office.root / POSTMORTEM).read_text()
    assert "| Cards completed | 1 |" in (office.root / POSTMORTEM).read_text()
    assert path.read_text().startswith("Words above.\n\n")
    assert path.read_text().endswith("\n## Notes\n\nWords below.\n")
    assert "COMPLETED" in path.read_text()


def test_a_postmortem_written_by_hand_gets_its_blocks_at_the_end(office: Any) -> None:
    sprint = planned(office, cards=1, branches=0)
    office.write(POSTMORTEM, "# All was well\n\nGrade: none.\n")
    postmortem(office.desk, sprint)
    postmortem(office.desk, sprint)
    text = (office.root / POSTMORTEM).read_text()

    assert text.startswith("# All was well\n\nGrade: none.\n")
    assert text.count("postmortem-numbers begin") == 1


def test_action_items_have_ids_that_stay_and_are_followed_up(office: Any) -> None:
    first = planned(office, cards=1, branches=0)
    postmortem(office.desk, first, actions=[("Measure start-up", "CA"), ("Measure start-up", None)])
    file = office.root / POSTMORTEM
    text = file.read_text().replace("## Action Items\n", "## Action Items\n\n- [ ] Rename the flag\n- Tidy the docs\n")
    file.write_text(text)
    postmortem(office.desk, first)
    known = {item.text: item for item in items(office.desk)}

    assert [item.id for item in items(office.desk)] == ["AI-6.13-1-1", "AI-6.13-1-2", "AI-6.13-1-3"]
    assert known["Measure start-up"].owner == "CA"
    assert "- [ ] Rename the flag\n" in file.read_text()
    assert "- [ ] AI-6.13-1-2: Rename the flag" in file.read_text()
    file.write_text(file.read_text().replace("- [ ] AI-6.13-1-2:", "- [x] AI-6.13-1-2:"))
    postmortem(office.desk, first, done=["AI-6.13-1-3"])
    assert [item.done for item in items(office.desk)] == [False, True, True]
    file.write_text(file.read_text().replace("- [x] AI-6.13-1-3:", "- [ ] AI-6.13-1-3:"))
    postmortem(office.desk, first)
    assert [item.done for item in items(office.desk)] == [False, True, False]
    completed(office, cards=1, branches=0)
    office.commit("words", "docs")
    assert close(office.desk, first, APPROVALS).closed
    second, _ = plan(office.desk, Plan("2", "6.13", "Next", "2026-11-28", "2026-12-04", "v0.6.13-alpha2"))

    assert second.plan.carried == ("AI-6.13-1-1", "AI-6.13-1-3")
    assert "- AI-6.13-1-1: Measure start-up (CA)" in (office.root / second.plan.plan_path).read_text()
    with pytest.raises(UsageError, match="without words"):
        postmortem(office.desk, first, actions=[(" \n", "CA")])
    with pytest.raises(NotFound, match="no such action item"):
        postmortem(office.desk, first, done=["AI-6.13-1-9"])


def test_text_of_cards_cannot_end_a_block_or_break_a_table(office: Any) -> None:
    hostile = "x <!-- bluelabel:sprint end -->\n# Injected | y\x1b[31m\u202e"
    cards = (PlannedCard("TASK-0", "Piece", "CA"),)
    wanted = Plan("1", "6.13", hostile, "2026-11-20", "2026-11-27", "v1", hostile, cards=cards, criteria=(hostile,))
    sprint, _ = plan(office.desk, wanted)
    launch(office.desk, sprint)
    for path in (sprint.plan.plan_path, "docs/system/ARCH_CONTINUITY.md", "docs/system/SPRINT_HISTORY.md"):
        text = (office.root / path).read_text()
        assert text.count("<!-- bluelabel:sprint end -->") == 1
        assert "\n# Injected" not in text
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_a_launch_sends_each_assignment_once_and_can_be_finished_later(office: Any) -> None:
    sprint = planned(office, cards=3, branches=1)
    before = office.book.head()
    again = launch(office.desk, sprint)

    assert again.again
    assert again.registered == ()
    assert again.documents == ()
    assert office.book.head() == before
    sent = [e.data["message"] for e in office.book.read() if e.kind == "message.sent"]
    assert [m.get("task_id") for m in sent] == ["TASK-0", "TASK-1", "TASK-2", None]
    assert sent[0]["content"]["branch"] == "dev/TASK-0-piece"
    assert sent[-1]["recipients"] == ["ARCH"]


def test_a_launch_killed_between_a_card_s_event_and_its_file_is_finished_later(
    office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = tuple(PlannedCard(f"TASK-{n}", f"Piece {n}", "CC") for n in range(2))
    sprint, _ = plan(office.desk, Plan("1", "6.13", "", "2026-11-20", "2026-11-27", "v1", cards=cards))

    def killed(*_: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(swap, "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            launch(office.desk, sprint)
    assert [e.data["id"] for e in office.book.read() if e.kind == "card.created"] == ["TASK-0"]
    launch(office.desk, sprint)

    assert [card.id for card in office.desk.cards().cards] == ["TASK-0", "TASK-1"]


def test_a_plan_takes_from_the_cards_what_it_is_not_told(office: Any) -> None:
    office.board("HUMAN").new(
        "A known card", {"assignee": "WA", "priority": "HIGH", "branch": "dev/known"}, name="TASK-7"
    )
    wanted = Plan(
        "1", "6.13", "", "2026-11-20", "2026-11-27", "v1", cards=(PlannedCard("TASK-7"), PlannedCard("TASK-8"))
    )
    sprint, changed = plan(office.desk, wanted)

    assert sprint.plan.cards[0] == PlannedCard("TASK-7", "A known card", "WA", "dev/known", "HIGH")
    assert sprint.plan.cards[1].title == "TASK-8"
    assert changed == [sprint.plan.plan_path]
    assert plan(office.desk, wanted) == (sprint, [])


def test_what_cannot_be_planned_or_launched_is_refused(office: Any) -> None:
    good = Plan("1", "6.13", "T", "2026-11-20", "2026-11-27", "v1")
    for number in ("", "x", "1/2", "../1", "12345"):
        with pytest.raises(InvalidName):
            plan(office.desk, replace(good, number=number))
    for phase in ("", "../x", "a b"):
        with pytest.raises(InvalidName):
            plan(office.desk, replace(good, phase=phase))
    for start, end in (("2026-11-28", "2026-11-27"), ("soon", "2026-11-27"), ("2026-11-20", "")):
        with pytest.raises(UsageError):
            plan(office.desk, replace(good, start=start, end=end))
    with pytest.raises(UsageError, match="twice"):
        plan(office.desk, replace(good, cards=(PlannedCard("TASK-1"), PlannedCard("TASK-1"))))
    with pytest.raises(UnknownAgent):
        plan(office.desk, replace(good, cards=(PlannedCard("TASK-1", agent="XX"),)))
    empty, _ = plan(office.desk, good)
    with pytest.raises(UsageError, match="no cards"):
        launch(office.desk, empty)
    sprint = planned(office, cards=1, branches=0)
    with pytest.raises(IllegalTransition, match="is launched"):
        plan(office.desk, sprint.plan)
    other, _ = plan(office.desk, replace(good, number="2", cards=(PlannedCard("TASK-9", agent="CA"),)))
    with pytest.raises(IllegalTransition, match="under way"):
        launch(office.desk, other)


def test_sprints_are_found_by_number_phase_or_as_the_one_under_way(office: Any) -> None:
    with pytest.raises(NotFound, match="no such sprint"):
        office.desk.sprint()
    first = planned(office, cards=1, branches=0)
    plan(office.desk, Plan("2", "6.13", "T", "2026-11-28", "2026-12-04", "v2"))
    plan(office.desk, Plan("1", "7.0", "T", "2026-11-28", "2026-12-04", "v3"))

    assert office.desk.sprint().key == first.key
    assert office.desk.sprint("2").plan.phase == "6.13"
    assert office.desk.sprint("1", "7.0").plan.tag == "v3"
    with pytest.raises(Refused, match="several phases"):
        office.desk.sprint("1")
    with pytest.raises(NotFound):
        office.desk.sprint("9")


def test_a_document_outside_of_the_root_is_never_written(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "victim").write_text("mine")
    (root / "link.md").symlink_to(tmp_path / "victim")
    (root / "folder.md").mkdir()
    (root / "inside.md").write_text("text\n")
    (root / "good.md").symlink_to(root / "inside.md")
    documents = Documents(root, {})
    for path in ("link.md", "../victim", str(tmp_path / "victim")):
        with pytest.raises(Refused, match="outside"):
            documents.put(path, "sprint", "x")
    with pytest.raises(Refused, match="not a file"):
        documents.put("folder.md", "sprint", "x")

    assert (tmp_path / "victim").read_text() == "mine"
    assert documents.put("good.md", "sprint", "x")
    assert (root / "good.md").is_symlink()
    assert (root / "inside.md").read_text().startswith("text\n\n<!-- bluelabel:sprint begin -->")
    assert not documents.put("good.md", "sprint", "x")


def test_the_mode_of_a_document_stays(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("text\n")
    file.chmod(0o640)
    Documents(tmp_path, {}).put("a.md", "sprint", "x")

    assert file.stat().st_mode & 0o777 == 0o640


def test_documents_are_found_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "CLAUDE_CONTEXT.md").write_text("x")
    documents = Documents(tmp_path, {"SPRINT_HISTORY.md": "docs/history.md"})

    assert documents.find("CLAUDE_CONTEXT.md") == "CLAUDE_CONTEXT.md"
    assert documents.find("ARCH_CONTINUITY.md") == "docs/system/ARCH_CONTINUITY.md"
    assert documents.find("SPRINT_HISTORY.md") == "docs/history.md"


def test_the_checklist_and_the_routine_are_the_same(office: Any) -> None:
    assert tuple(ROUTINE) == tuple(step.id for step in CHECKLIST)
    planned(office, cards=1, branches=0)
    path = office.desk.documents.find("TEMPLATE_SPRINT_CLOSEOUT.md")
    write_template(office.desk)
    text = (office.root / path).read_text()
    headings = [line.partition(". ")[2] for line in text.splitlines() if line.startswith("## ")]

    assert headings == [step.title for step in CHECKLIST]
    for step in CHECKLIST:
        for line in step.items:
            assert f"- [ ] {line}\n" in text
        assert (f"--approve {step.id}`" in text) == step.approval
    office.settings = SprintSettings(routine=())
    write_template(office.desk)
    assert "Test coverage" not in (office.root / path).read_text()


def test_a_summary_before_the_closing_speaks_of_now(office: Any) -> None:
    sprint = planned(office, cards=2, branches=0)
    office.set_status("TASK-0", "COMPLETED")
    changed, found = write_summary(office.desk, sprint)

    assert set(changed) == {"reports/SPRINT_1_SUMMARY.md", "reports/SPRINT_1_BURNDOWN.svg"}
    assert found.completed == 1
    assert found.days[-1].remaining == 1
    assert write_plan(office.desk, sprint) == [sprint.plan.plan_path]


def test_a_status_set_by_hand_counts_where_it_is_seen(office: Any) -> None:
    sprint = planned(office, cards=2, branches=0)
    text = (office.root / "TASK_CARDS.md").read_text()
    office.write("TASK_CARDS.md", text.replace("Status: NOT_STARTED", "Status: COMPLETED", 1))
    found = figures(office.desk, sprint)

    assert found.completed == 1
    assert found.days[-1].remaining == 1
    assert found.cards[0].completed is None


def test_a_planned_sprint_has_figures_too(office: Any) -> None:
    sprint, _ = plan(
        office.desk, Plan("1", "6.13", "T", "2026-11-20", "2026-11-27", "v1", cards=(PlannedCard("TASK-0"),))
    )
    found = figures(office.desk, sprint)

    assert [card.status for card in found.cards] == ["not registered"]
    assert found.days[-1].remaining == 1


OURS = b"<!-- bluelabel:sprint begin -->\nold words\n<!-- bluelabel:sprint end -->\n"
BEGIN, END = OURS.splitlines(keepends=True)[0], OURS.splitlines(keepends=True)[2]
CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "crlf": lambda data: data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
    "no final newline": lambda data: data.rstrip(b"\r\n"),
    "mojibake": lambda data: data.decode("utf-8", "replace").encode().decode("cp1252", "replace").encode(),
    "latin-1": lambda data: data.decode("utf-8", "replace").encode("latin-1", "replace") + b"\xe9\xff\n",
    "a lone begin": lambda data: BEGIN + data,
    "a lone end": lambda data: END + data,
    "ends first": lambda data: END + data + BEGIN,
    "begun twice": lambda data: BEGIN + b"kept\n" + OURS + data,
    "nested": lambda data: BEGIN + OURS + END + data,
    "one block": lambda data: OURS + data,
    "doubled": lambda data: OURS + data + OURS,
    "a block in a fence": lambda data: b"```markdown\n" + OURS + b"```\n" + data,
    "a block in tildes": lambda data: b"~~~~\n" + OURS + b"~~~\n~~~~\n" + data,
    "an open fence": lambda data: data + b"```\n",
    "an open fence over a block": lambda data: data + b"```\n" + OURS,
}


def outside(data: bytes) -> bytes:
    """Return what is not between our marks, each block in a closed fence included, by means of its own."""
    fence, inside = b"", False
    kept: list[bytes] = []
    block: list[bytes] = []
    lines = data.splitlines(keepends=True)
    for n, line in enumerate(lines):
        word = line.strip()
        mark = word[: len(word) - len(word.lstrip(word[:1]))] if word[:1] in (b"`", b"~") else b""
        if fence:
            fence = b"" if mark.startswith(fence) and mark == word else fence
        elif len(mark) >= 3 and any(w.strip().startswith(mark) and not w.strip(b" \t\r\n`~") for w in lines[n + 1 :]):
            fence = mark
        if not fence and word == BEGIN.strip():
            kept += block
            inside, block = True, [line]
        elif not fence and word == END.strip() and inside:
            kept += [block[0], line]
            inside, block = False, []
        elif inside:
            block.append(line)
        else:
            kept.append(line)
    return b"".join(kept + block)


@pytest.mark.parametrize("change", CHANGES)
def test_documents_in_any_state_keep_what_is_outside_our_marks(change: str, tmp_path: Path) -> None:
    corpus = Path(os.environ.get("BLUELABEL_CORPUS", "/nonexistent"))
    found = sorted([*corpus.glob("sprint_docs/*"), *corpus.glob("continuity_docs/*")])
    texts = [*ODD.values(), *(file.read_bytes() for file in found)]
    documents = Documents(tmp_path, {})
    for n, text in enumerate(texts):
        before = CHANGES[change](text)
        (tmp_path / f"{n}.md").write_bytes(before)
        for words in ("word-one\nlines", "word-two"):
            documents.put(f"{n}.md", "sprint", words)
        after = (tmp_path / f"{n}.md").read_bytes()

        assert b"word-two" in after
        assert b"word-one" not in after
        assert outside(after).startswith(outside(before))
        assert len(outside(after)) <= len(outside(before)) + len(BEGIN + END) + 6
        assert not documents.put(f"{n}.md", "sprint", "word-two")


def test_a_file_of_nothing_but_a_byte_order_mark_gets_one_block() -> None:
    bom = b"\xef\xbb\xbf"
    once = put(bom, marks("sprint"), "old words")

    assert once == bom + OURS
    assert put(once, marks("sprint"), "new") == once.replace(b"old words", b"new")
    assert take(once, marks("sprint")) == bom


def test_a_block_in_a_fence_behind_a_byte_order_mark_is_left() -> None:
    quoted = b"\xef\xbb\xbf```\n" + OURS + b"```\n"

    assert put(quoted, marks("sprint"), "new").startswith(quoted)


def test_every_copy_of_a_block_is_brought_up_to_date_and_a_quoted_one_is_left() -> None:
    fenced = b"```\n" + OURS + b"```\n"
    after = put(OURS + b"words\n" + OURS + fenced, marks("sprint"), "new")

    assert after == (OURS + b"words\n" + OURS).replace(b"old words", b"new") + fenced
