"""`bluelabel read` says what each file is, by its content, and changes none."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from powerless import powerless

from bluelabel.apps.cli.app import App
from bluelabel.apps.cli.main import cli
from bluelabel.interfaces.errors import BluelabelError
from bluelabel.interfaces.limits import CARDS_BYTES
from bluelabel.runner.operations.read_file import read_content, read_file

DATA = Path(__file__).parents[2] / "data" / "boxes"
RUN = {"dag_id": "d", "run_id": "r", "status": "failed", "total_retries": 1, "steps": {
    "one": {"step_id": "one", "status": "failed", "retry_count": 1, "max_retries": 3}}}  # fmt: skip
FLOW = "name: w\nversion: 1.0.0\nsteps:\n  - id: a\n    agent: ingestion\n    input: {url: 'https://example.org'}\n"
CARDS = "# Task Cards\n\n### TASK-1: Saw\nStatus: COMPLETED ✅\nAssigned: CC\n"


def run(*args: object) -> Result:
    return CliRunner().invoke(cli, ["read", *map(str, args)], obj=App())


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def exit_code(result: Result) -> int:
    return result.exception.exit_code if isinstance(result.exception, BluelabelError) else result.exit_code


@pytest.mark.parametrize(
    ("text", "kind", "key"),
    [
        (CARDS, "task_cards", "cards"),
        ((DATA / "o2_envelopes.json").read_text(encoding="utf-8"), "postbox", "messages"),
        ((DATA / "conflict.json").read_text(encoding="utf-8"), "postbox", "history"),
        ("```json\n[]\n```\n", "postbox", "tasks"),
        ("const box = [{task_id: 'TASK-1', status: 'done'}];\n", "postbox", "messages"),
        (json.dumps(RUN), "dag_run", "run"),
        (json.dumps({"r": {"dag_id": "d", "status": "success", "file": "run_r.json"}}), "dag_index", "runs"),
        (FLOW, "workflow", "workflow"),
        ("# A note\n\nNothing else.\n", "unknown", None),
        ("", "unknown", None),
        ("\0\1\2", "unknown", None),
        (json.dumps({"any": "thing"}), "unknown", None),
    ],
)
def test_the_kind_is_told_by_the_content_and_not_by_the_name(
    tmp_path: Path, text: str, kind: str, key: str | None
) -> None:
    found = []
    for name in ("a.txt", "b.json", "TASK_CARDS.md", "dag_run"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        found += lines(run("--json", tmp_path / name))

    assert [line["kind"] for line in found] == [kind] * 4
    assert all(line["schema"] == "bluelabel.read/1" and (key is None or key in line) for line in found)
    own = {"postbox": {"messages", "tasks", "history"}, "unknown": set[str]()}.get(kind, {key})
    assert set(found[0]) == {"schema", "file", "kind", "problems"} | own


def test_an_empty_index_is_known_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "dag_runs_index.json").write_text("{}", encoding="utf-8")

    assert lines(run("--json", tmp_path / "dag_runs_index.json"))[0]["runs"] == {}


def test_reading_changes_no_byte_and_no_time(tmp_path: Path) -> None:
    for path in DATA.glob("*.json"):
        shutil.copy(path, tmp_path)
    before = {p: (hashlib.sha256(p.read_bytes()).digest(), p.stat().st_mtime_ns) for p in tmp_path.iterdir()}
    result = run("--json", *sorted(before))

    assert (exit_code(result), len(lines(result))) == (0, len(before))
    assert {p: (hashlib.sha256(p.read_bytes()).digest(), p.stat().st_mtime_ns) for p in tmp_path.iterdir()} == before


def test_people_get_names_and_places(tmp_path: Path) -> None:
    for name, text in (("run.json", json.dumps(RUN)), ("w.yaml", FLOW), ("c.md", CARDS)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    files = [DATA / "o4_concatenated.json", DATA / "o3_tasks_history.json", *sorted(tmp_path.iterdir())]
    text = run(*files).stdout

    assert f"{files[0]}: box, 3 messages, 0 tasks, 0 history, 1 problem" in text
    assert f"{files[0]}:3:1: another value after the first [several-documents] (make them one array)" in text
    for word in ("TASK-4", "ready_for_review", "TASK-1", "COMPLETED", "failed", "1/3", "ingestion"):
        assert word in text


def test_a_long_list_is_cut_for_people_unless_they_want_all(tmp_path: Path) -> None:
    entries = [{"task_id": f"TASK-{n}", "status": "done"} for n in range(30)]
    (tmp_path / "box.json").write_text(json.dumps(entries), encoding="utf-8")
    short = run(tmp_path / "box.json").stdout
    full = CliRunner().invoke(cli, ["-v", "read", str(tmp_path / "box.json")], obj=App()).stdout

    assert "… and 10 more" in short
    assert "TASK-29" not in short
    assert "TASK-29" in full


def test_a_missing_file_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    result = run("--json", tmp_path / "none.json", DATA / "o10_empty.json")

    assert [line["kind"] for line in lines(result)] == ["unknown", "postbox"]
    assert lines(result)[0]["problems"][0]["code"] == "not-found"
    assert exit_code(result) == 3
    assert "none.json" in result.stderr
    assert exit_code(run(tmp_path / "none.json")) == 3
    assert read_file("nul\0byte").problems[0].code == "not-found"


def test_what_is_no_file_is_refused_at_once_and_the_others_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", CARDS_BYTES + 1)
    (tmp_path / "broken").write_text("{", encoding="utf-8")
    (tmp_path / "nothing").write_text("[", encoding="utf-8")
    bad = [tmp_path, tmp_path / "pipe", tmp_path / "loop", tmp_path / "large", Path("/dev/null")]
    result = run("--json", *bad, DATA / "o10_empty.json")

    assert [line["kind"] for line in lines(result)] == ["unknown"] * len(bad) + ["postbox"]
    assert exit_code(result) == 5
    assert [exit_code(run(path)) for path in bad] == [5] * len(bad)


def test_json_of_which_nothing_stands_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_bytes(b"[" * 10 + b"\xff" * (11 << 20))
    result = run("--json", tmp_path / "broken.json")

    assert exit_code(result) == 5
    assert lines(result)[0]["problems"][0]["code"] == "too-large"


def test_a_name_that_is_not_utf8_can_be_printed(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.json")
    Path(path).write_text("[]", encoding="utf-8")

    assert read_file(path).as_json()["file"].endswith("/\ufffd.json")


def test_a_file_without_permission_says_so(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("[]", encoding="utf-8")
    (tmp_path / "secret.json").chmod(0)

    with powerless():
        found = run(tmp_path / "secret.json")

    assert "permission denied" in str(found.exception)


def test_an_error_of_the_disk_or_a_missing_permission_is_unreadable_and_not_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.json").write_text("[]", encoding="utf-8")

    def refuse(*_args: object, **_kwargs: object) -> int:
        raise OSError(13, "Permission denied")

    for name in ("read", "open"):
        monkeypatch.setattr(os, name, refuse)
        found = read_file(str(tmp_path / "a.json"))
        monkeypatch.undo()
        assert found.problems[0].message == "permission denied while reading"
        assert found.error is not None
        assert found.error.exit_code == 5


def test_a_file_that_memory_cannot_hold_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.md").write_text("# x\n", encoding="utf-8")

    def hungry(_data: bytes) -> bool:
        raise MemoryError

    monkeypatch.setattr("bluelabel.runner.operations.read_file.looks_like_cards", hungry)

    assert read_file(str(tmp_path / "a.md")).problems[0].code == "too-large"


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda text: text[:-1] + ",}", "trailing-comma"),
        (lambda text: text[:-1], "truncated"),
        (lambda text: "```json\n" + text + "\n```\n", "stray-text"),
        (lambda text: text.replace('"failed"', '"\\ud800"'), None),
        (lambda text: "\ufeff" + text, None),
    ],
)
@pytest.mark.parametrize("whole", [RUN, {"r": {"dag_id": "d", "status": "success", "file": "run_r.json"}}])
def test_a_damaged_run_or_index_is_read_as_far_as_it_goes(
    tmp_path: Path, whole: dict[str, Any], damage: Callable[[str], str], code: str | None
) -> None:
    sound, broken = json.dumps(whole), damage(json.dumps(whole))
    for name, text in (("sound", sound), ("broken", broken), ("wide", sound)):
        (tmp_path / f"{name}.json").write_text(text, encoding="utf-16" if name == "wide" else "utf-8")
    found = lines(run("--json", *(tmp_path / f"{name}.json" for name in ("sound", "broken", "wide"))))

    assert [line["kind"] for line in found] == [found[0]["kind"]] * 3
    assert found[2] == found[0] | {"file": found[2]["file"], "problems": found[2]["problems"]}
    if code is not None:
        assert {key: found[1].get(key) for key in ("run", "runs")} == {
            key: found[0].get(key) for key in ("run", "runs")
        }
        assert code in [problem["code"] for problem in found[1]["problems"]]


@given(st.binary(max_size=12), st.integers(0, 400), st.integers(0, 400))
def test_no_damage_to_a_run_makes_the_reader_raise(piece: bytes, start: int, length: int) -> None:
    data = json.dumps(RUN).encode()

    assert read_content(data[:start] + piece + data[start + length :], "a.json").as_json()["file"] == "a.json"


def test_what_the_shell_hands_over_is_read_even_from_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps(RUN), encoding="utf-8")
    program = [sys.executable, "-m", "bluelabel.apps.cli.main", "read", "--json"]
    piped = 'cat "$1" | "${@:2}" -; "${@:2}" <(cat "$1"); "${@:2}" - < "$1"; "${@:2}" - <&-'
    done = subprocess.run(
        ["bash", "-c", piped, "bash", str(tmp_path / "run.json"), *program], capture_output=True, text=True, timeout=60
    )

    assert [json.loads(line)["kind"] for line in done.stdout.splitlines()] == ["dag_run"] * 3 + ["unknown"]
    assert (done.returncode, done.stderr.splitlines()[0]) == (3, "error: no such file: -")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a', '{"a": 1, "a": 2}', '{"n": ' + "9" * 5000 + "}"])
def test_json_that_is_neither_whole_nor_of_a_known_kind_leaves_with_5(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    result = run("--json", tmp_path / "a.json")

    assert exit_code(result) == 5
    assert lines(result)[0]["kind"] == "unknown"
    assert lines(result)[0]["problems"]


def test_broken_json_that_holds_nothing_leaves_with_5(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[" * 10 + '"' * 3, encoding="utf-16")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe")
    result = run("--json", tmp_path / "b.json")

    assert exit_code(result) == 5
    assert lines(result)[0]["problems"][0]["code"] == "not-utf-8"
