"""What coding agents and plain programs print, read for certain or not at all.

The samples in tests/data/answers have the shapes that the command lines print and that their users report; the
table beside them says what each is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluelabel.agents.answers import read_answer
from bluelabel.agents.base_agent import ANSWERED
from bluelabel.agents.command_spec import Answer
from bluelabel.agents.plain_text import LINE_CHARS
from bluelabel.interfaces.agent_models import AgentOutput

DATA = Path(__file__).parents[2] / "data" / "answers"
OUTPUT = '{"status": "success", "result": {"summary": "done"}}'
LIVES = "last words on stderr"

Event = dict[str, object]
Shape = Callable[..., str]


class Sample(NamedTuple):
    client: str
    name: str
    format: str
    verdict: str
    says: str

    @property
    def answer(self) -> Answer:
        return Answer() if self.client == "plain" else Answer(self.format, client=self.client)

    @property
    def printed(self) -> str:
        return (DATA / self.client / f"{self.name}.txt").read_bytes().decode()

    def __str__(self) -> str:
        return f"{self.client}-{self.name}"


TABLE = (DATA / "expected.tsv").read_text(encoding="utf-8").splitlines()[1:]
SAMPLES = [Sample(*line.split("\t")) for line in TABLE]
MACHINE = [sample for sample in SAMPLES if sample.format in {"json", "stream"}]
GOOD = [sample for sample in MACHINE if sample.verdict == "success"]


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_every_sample_is_read_as_what_it_is(sample: Sample) -> None:
    said = read_answer(sample.printed, sample.answer, told="stderr says why")
    verdict = "silent" if said.status == "success" and said.metadata.get(ANSWERED) is False else said.status.value
    text = said.error if said.error else " ".join(str(value) for value in said.result.values())

    assert verdict == sample.verdict
    assert sample.says in (text or "")


def test_there_is_a_sample_for_every_file_and_enough_of_them() -> None:
    files = sorted(f"{path.parent.name}-{path.stem}" for path in DATA.glob("*/*.txt"))

    assert sorted(str(sample) for sample in SAMPLES) == files
    assert all(
        sum(sample.client == name for sample in SAMPLES) >= 10 for name in ("claude", "codex", "gemini", "plain")
    )
    assert all(sum(sample.format == name for sample in SAMPLES) >= 10 for name in ("text", "json", "stream", "plain"))


@pytest.mark.parametrize("sample", GOOD, ids=str)
def test_a_machine_answer_that_is_cut_anywhere_is_no_success(sample: Sample) -> None:
    printed = sample.printed
    # Once the event that ends the work is whole, only log lines may be missing.
    marks = ('"type":"result"', '"turn.completed"', '"usage"', '"stats"')
    line = printed.rfind("\n", 0, max(printed.rfind(mark) for mark in marks)) + 1
    pretty = printed.startswith("}", printed.rfind("\n}") + 1)
    whole = printed.rfind("\n}") + 2 if pretty else (printed + "\n").index("\n", line) - printed[line:].startswith("\r")
    early = [cut for cut in range(whole - 1) if read_answer(printed[:cut], sample.answer).status == "success"]

    assert early == []
    assert read_answer(printed[: whole + 1], sample.answer).status == "success"


NOISE = st.lists(
    st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\x1b{["), max_size=30)
    | st.sampled_from(
        ["[warn] {old} is deprecated", "{ name: 'x' }", "\x1b[33mwarning\x1b[0m", "\ufeff", "", "[1/5] x"]
    ),
    max_size=4,
).map(lambda lines: "".join(f"{line}\n" for line in lines))


@given(st.sampled_from(MACHINE), NOISE, st.sampled_from(["", "\ufeff", "\x1b[?25l", "\x1b[2K\r"]))
def test_lines_before_a_machine_answer_change_nothing(sample: Sample, noise: str, mark: str) -> None:
    before = read_answer(sample.printed, sample.answer)
    after = read_answer(noise + mark + sample.printed, sample.answer)

    assert after.status == before.status
    assert after.result == before.result


def as_object(*events: Event) -> str:
    return json.dumps(events[-1])


def as_pretty_object(*events: Event) -> str:
    return f"a warning\n{json.dumps(events[-1], indent=2)}\n"


def as_array(*events: Event) -> str:
    return json.dumps(events)


def as_pretty_array(*events: Event) -> str:
    return "\ufeff" + json.dumps(events, indent=2)


def as_lines(*events: Event) -> str:
    return "".join(f"{json.dumps(event)}\r\n" for event in events)


CLAUDE: Event = {"type": "result", "subtype": "success", "is_error": False, "result": OUTPUT, "session_id": "s"}
GEMINI: Event = {"session_id": "s", "response": OUTPUT, "stats": {}}
GEMINI_END: Event = {"type": "result", "status": "success", "stats": {}}
GEMINI_SAID: Event = {"type": "message", "role": "assistant", "content": OUTPUT, "delta": True}
CODEX_SAID: Event = {"type": "item.completed", "item": {"id": "1", "type": "agent_message", "text": OUTPUT}}
CODEX_END: Event = {"type": "turn.completed", "usage": {}}
SAID_ERROR = ('{"status": "error"}', '{"status": "error", "error": "x", "result": {}}', '{"status": "blocked"}')
WORDS = (
    "{}",
    "{}\nTell me more.",
    "```json\n{}\n```\n\nThat is all. It took an hour.",
    "Result: {}",
    "> {}\n\n",
    "- {}",
)
ERRORS = [word.replace("{}", output) for word in WORDS for output in SAID_ERROR]

ONE: list[Shape] = [as_object, as_pretty_object, as_array, as_pretty_array, as_lines]
SEVERAL: list[Shape] = [as_array, as_pretty_array, as_lines]
LINES: list[Shape] = [as_lines]

NO_ANSWERS: list[object] = ["", " \n", None, 7, [], {}, *ERRORS]
CLAUDE_MARKS: list[Event] = [
    {"is_error": True},
    {"is_error": "true"},
    {"subtype": "error_during_execution"},
    {"subtype": "a new word"},
    {"errors": ["x"]},
    {"error": {"message": "x"}},
    {"api_error_status": 529},
    {"terminal_reason": "aborted"},
    {"stop_reason": "refusal"},
    *({"result": text} for text in NO_ANSWERS),
]
GEMINI_MARKS: list[Event] = [
    {"error": {"type": "E", "message": "x", "code": 1}},
    {"error": {"code": 1}},
    {"error": "x"},
    *({"response": text} for text in NO_ANSWERS),
]
GEMINI_END_MARKS: list[Event] = [
    {"status": "error"},
    {"status": None},
    {"status": "cancelled"},
    {"error": {"type": "E"}},
]
GEMINI_ERROR: Event = {"type": "error", "severity": "error", "message": "x"}
TURN_FAILED: Event = {"type": "turn.failed", "error": {"message": "x"}}
CODEX_MARKS: list[Event] = [{"type": "error", "message": "x"}, TURN_FAILED, {"type": "turn.started"}, CODEX_SAID]
CODEX_END_MARKS: list[Event] = [{"status": "failed"}, {"error": {"message": "x"}}]

WRONG: list[tuple[str, list[Event], list[Shape]]] = [
    *(("claude", [CLAUDE | mark], ONE) for mark in CLAUDE_MARKS),
    ("claude", [CLAUDE, CLAUDE | {"is_error": True}], SEVERAL),
    ("claude", [{"type": "assistant", "error": "rate_limit"}, CLAUDE], SEVERAL),
    *(("gemini", [GEMINI | mark], ONE) for mark in GEMINI_MARKS),
    *(("gemini", [GEMINI_SAID, GEMINI_END | mark], LINES) for mark in GEMINI_END_MARKS),
    *(("gemini", [GEMINI_SAID | {"content": text}, GEMINI_END], LINES) for text in NO_ANSWERS),
    ("gemini", [GEMINI_ERROR, GEMINI_SAID, GEMINI_END], LINES),
    ("gemini", [GEMINI_END], LINES),
    *(("codex", [CODEX_SAID, CODEX_END, mark], LINES) for mark in CODEX_MARKS),
    *(("codex", [CODEX_SAID, CODEX_END | mark], LINES) for mark in CODEX_END_MARKS),
    ("codex", [TURN_FAILED, CODEX_SAID, CODEX_END], LINES),
    ("codex", [CODEX_END], LINES),
]
RIGHT: list[tuple[str, list[Event], list[Shape]]] = [
    ("claude", [CLAUDE], ONE),
    ("gemini", [GEMINI], ONE),
    ("gemini", [GEMINI_SAID, GEMINI_END], LINES),
    ("codex", [CODEX_SAID, CODEX_END], LINES),
]


@pytest.mark.parametrize("format", ["text", "json", "stream"])
def test_an_error_said_anywhere_is_no_success_in_any_shape(format: str) -> None:
    wrong = [
        shape(*events)
        for client, events, shapes in WRONG
        for shape in shapes
        if read_answer(shape(*events), Answer(format, client=client)).status == "success"
    ]

    assert wrong == []


def test_the_same_answers_without_the_mark_are_successes() -> None:
    said = [
        read_answer(shape(*events), Answer(format, client=client))
        for client, events, shapes in RIGHT
        for shape in shapes
        for format in ("text", "json", "stream")
    ]

    assert [(each.status, each.result) for each in said] == [("success", {"summary": "done"})] * len(said)


@pytest.mark.parametrize(
    ("printed", "format", "status"),
    [
        ('{"result": "ok"}', "json", "success"),
        ('{"result": {"status": "error", "error": "x"}}', "json", "error"),
        ('{"result": {"a": 1}}', "json", "success"),
        ('{"result": "ok", "failed": {}}', "json", "success"),
        ('{"result": "ok", "failed": ["x"]}', "json", "error"),
        ('{"result": ""}', "json", "error"),
        ('{"result": null}', "json", "error"),
        ('{"other": "ok"}', "json", "error"),
        ('{"result": "ok"}\n{"other": 1}', "json", "error"),
        ('[{"other": 1}, {"result": "ok"}]', "json", "success"),
        ('[{"result": "ok"}, {"other": 1}]', "json", "error"),
        ('{"result": "ok"}\n{"resu', "json", "error"),
        ("[]", "json", "error"),
        ("7", "json", "error"),
        ("", "json", "error"),
        ('{"other": 1}\n{"result": "ok"}\n{"other": 1}\n', "stream", "success"),
        ('{"result": "ok"}\n{"failed": "x"}\n', "stream", "error"),
        ('{"result": "ok"}\n{"result": null}\n', "stream", "error"),
        ('{"other": 1}\n', "stream", "error"),
    ],
)
def test_a_format_of_ones_own_needs_its_keys(printed: str, format: str, status: str) -> None:
    assert read_answer(printed, Answer(format, "result", "failed")).status == status


@pytest.mark.parametrize("depth", [70, 500, 5000, 100_000])
@pytest.mark.parametrize("key", ["result", "error", "errors"])
def test_what_is_nested_too_deep_is_an_error(key: str, depth: int) -> None:
    nested = '{"error": ' * depth + "1" + "}" * depth
    for printed in (f'{{"is_error": true, "{key}": {nested}}}', f'{{"is_error": false, "{key}": {nested}}}'):
        assert read_answer(printed, Answer("json", client="claude")).status == "error"
        assert read_answer(printed, Answer("json", "result", "error")).status == "error"


def said_in_error(printed: str, told: str = "") -> str:
    said: AgentOutput = read_answer(printed, Answer("json", client="claude"), told)
    assert said.status == "error"
    return said.error or ""


def test_the_last_lines_are_the_reason() -> None:
    assert said_in_error("a\nb\n\n\x1b[31mc\x1b[0m\nd\n", LIVES).endswith(": b | c | d")
    assert said_in_error("\n", f"first\n{LIVES}\n") == f"it printed no answer: first | {LIVES}"
    assert said_in_error("") == "it printed no answer"


@given(st.text(max_size=2000), st.text(max_size=2000))
def test_a_reason_is_one_short_clean_line(printed: str, told: str) -> None:
    said = read_answer(printed, Answer("json", client="codex"), told)
    reason = said.error or ""

    assert said.status == "error"
    assert len(reason) <= LINE_CHARS
    assert "\n" not in reason
    assert "\x1b" not in reason


@given(st.text(max_size=60), st.sampled_from(ERRORS))
@settings(max_examples=50)
def test_an_error_handed_back_at_the_end_of_any_text_counts(before: str, error: str) -> None:
    for answer in (Answer(), Answer("text", client="gemini")):
        assert read_answer(f"{before}\n\n~~~\n\n~~~\n\n{error}", answer).status == "error"
