"""`bluelabel workflow …` as a person or a program calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bluelabel.apps.cli.main import main
from bluelabel.services.workflow.dag_run_store import DAGRunStore
from bluelabel.services.workflow.dag_run_tracker import DAGRun

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


class Caller:
    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self.patch = patch
        self.capture = capture

    def __call__(self, *words: str | Path) -> Answer:
        self.patch.setattr(sys, "argv", ["bluelabel", *map(str, words)])
        self.capture.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        found = self.capture.readouterr()
        return Answer(int(str(left.value.code)), found.out, found.err)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Caller:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    return Caller(monkeypatch, capsys)


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    run = DAGRun("build", "r-1")
    run.add_step("make", max_retries=1)
    run.start()
    run.get_step("make").start()
    run.get_step("make").complete({"x": 1})
    run.complete()
    path = tmp_path / "run_r-1.json"
    path.write_text(json.dumps(run.to_dict()), encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_examples_pass_the_check(call: Caller, path: Path) -> None:
    answer = call("workflow", "check", path)

    assert (answer.code, answer.err) == (0, "")
    assert answer.out.rstrip().endswith("can run")


def test_a_mistake_is_shown_with_line_caret_and_hint(call: Caller, tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    path.write_text("name: n\nsteps:\n  - id: a\n    agnt: x\n", encoding="utf-8")
    answer = call("workflow", "check", "w.yaml")

    assert answer.code == 1
    assert "w.yaml:4:5: step 'a' has no key 'agnt' [unknown-key]\n    4 |     agnt: x\n      |     ^\n" in answer.out
    assert "hint: did you mean 'agent'?" in answer.out
    assert answer.err.splitlines()[0] == "error: 2 problems found: w.yaml:3:5"
    assert answer.err.splitlines()[1].startswith("hint: ")


def test_a_check_as_json_is_one_object_a_file(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("name: n\nsteps: [{id: a, command: [x]}]\n", encoding="utf-8")
    (tmp_path / "bad.yaml").write_text("name: n\nsteps: [{id: a}]\n", encoding="utf-8")
    answer = call("workflow", "check", "good.yaml", "bad.yaml", "--json")
    good, bad = answer.objects

    assert answer.code == 1
    assert good == {
        "schema": "bluelabel.workflow_check/1",
        "file": "good.yaml",
        "ok": True,
        "name": "n",
        "version": None,
        "steps": 1,
        "problems": [],
    }
    assert (bad["ok"], bad["problems"][0]["code"], bad["problems"][0]["line"]) == (False, "no-work", 2)
    assert answer.err.startswith("error: 1 of 2 files cannot run: bad.yaml")


def test_warnings_do_not_keep_a_workflow_from_running(call: Caller, tmp_path: Path) -> None:
    text = "workflow: {name: n}\nsteps: [{id: a, agent: nobody, input_file: x}]\n"
    (tmp_path / "w.yaml").write_text(text, encoding="utf-8")
    answer = call("workflow", "check", "w.yaml")

    assert answer.code == 0
    assert "w.yaml: n, 1 step, 1 warning: can run" in answer.out


@pytest.mark.parametrize(
    ("data", "code"), [(b"a: [", 5), (b"", 5), (b"\xff", 5), (b"a: 1\n" * 60_000, 5), (b"a: &a 1\nb: *a", 1)]
)
def test_what_cannot_be_read_leaves_with_its_code(call: Caller, tmp_path: Path, data: bytes, code: int) -> None:
    (tmp_path / "w.yaml").write_bytes(data)

    assert call("workflow", "check", "w.yaml").code == code


def test_a_missing_file_is_not_found(call: Caller) -> None:
    answer = call("workflow", "check", "none.yaml")

    assert answer.code == 3
    assert answer.err.splitlines()[0] == "error: no such file: none.yaml"


def test_a_directory_is_the_machines_fault(call: Caller, tmp_path: Path) -> None:
    assert call("workflow", "check", tmp_path).code == 6


@pytest.mark.parametrize("template", ["basic", "handoff", "commands"])
def test_what_new_writes_passes_the_check(call: Caller, tmp_path: Path, template: str) -> None:
    made = call("workflow", "new", "mine", "--template", template, "--dir", "flows", "--editor")

    assert (made.code, made.out) == (0, f"wrote {Path('flows/mine.yaml')}\n")
    assert call("workflow", "check", "flows/mine.yaml").code == 0
    first = (tmp_path / "flows" / "mine.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=./workflow.schema.json"
    assert json.loads((tmp_path / "flows" / "workflow.schema.json").read_text(encoding="utf-8"))["title"]


def test_new_touches_no_file_that_is_there(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("my own words", encoding="utf-8")
    answer = call("workflow", "new", "mine")

    assert answer.code == 4
    assert (tmp_path / "mine.yaml").read_text(encoding="utf-8") == "my own words"


def test_new_refuses_names_and_templates_that_are_none(call: Caller, tmp_path: Path) -> None:
    assert call("workflow", "new", "../up").code == 2
    assert "hint: there are basic, handoff, commands" in call("workflow", "new", "x", "--template", "bsic").err
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert call("workflow", "new", "x", "--dir", "file").code in {4, 6}
    assert list(tmp_path.glob("*.yaml")) == []


@pytest.mark.parametrize(
    ("form", "begin"),
    [("unicode", " "), ("svg", "<svg "), ("mermaid", "---\ntitle:"), ("dot", "digraph workflow {")],
)
def test_a_workflow_is_drawn_in_every_format(call: Caller, tmp_path: Path, form: str, begin: str) -> None:
    path = EXAMPLES / "review-by-three.yaml"
    shown = call("workflow", "graph", path, "--format", form)
    written = call("workflow", "graph", path, "--format", form, "--output", "out.txt")

    assert (shown.code, written.code) == (0, 0)
    assert shown.out.startswith(begin)
    assert "Count the votes" in shown.out
    assert (tmp_path / "out.txt").read_text(encoding="utf-8").rstrip("\n") == shown.out.rstrip("\n")


def test_a_png_goes_to_a_file_or_a_pipe_but_not_to_a_terminal(
    call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("PIL")
    path = EXAMPLES / "release.yaml"
    words = [sys.executable, "-m", "bluelabel.apps.cli.main", "workflow", "graph", str(path), "--format", "png"]
    piped = subprocess.run(words, capture_output=True, check=True, timeout=60)

    assert call("workflow", "graph", path, "--format", "png", "-o", "g.png").code == 0
    assert (tmp_path / "g.png").read_bytes() == piped.stdout
    assert piped.stdout.startswith(b"\x89PNG")

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    refused = call("workflow", "graph", path, "--format", "png")
    assert (refused.code, refused.err.splitlines()[1]) == (2, "hint: add --output FILE.png")


def test_a_graph_as_json_has_places_for_every_box(call: Caller) -> None:
    answer = call("workflow", "graph", EXAMPLES / "release.yaml", "--json")
    (made,) = answer.objects

    assert made["schema"] == "bluelabel.graph/1"
    assert [node["layer"] for node in made["nodes"]] == [0, 1, 1, 2, 3, 4]
    assert [(edge["source"], edge["target"]) for edge in made["edges"]][-2:] == [
        ("lint", "approve"),
        ("approve", "tag"),
    ]
    assert all(len(edge["points"]) >= 2 for edge in made["edges"])
    assert made["layers"] == 5


def test_a_graph_of_a_broken_file_names_the_first_mistake(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text("name: n\nsteps: [{id: a}]\n", encoding="utf-8")
    answer = call("workflow", "graph", "w.yaml")

    assert answer.code == 5
    assert answer.err.startswith("error: step 'a' says nothing to do: w.yaml:2:9\nhint: `bluelabel workflow check`")


def test_a_run_file_is_drawn_traced_and_compared(call: Caller, tmp_path: Path, run_file: Path) -> None:
    assert "✓ make" in call("workflow", "graph", run_file).out
    text = call("workflow", "trace", run_file)
    assert [line.split()[1] for line in text.out.splitlines()][-2:] == ["step_complete", "dag_complete"]
    assert json.loads(call("workflow", "trace", run_file, "--format", "json").out)["schema"] == "bluelabel.trace/1"
    assert call("workflow", "trace", run_file, "--json").objects[0]["schema"] == "bluelabel.trace/1"
    assert call("workflow", "trace", run_file, "--format", "html", "-o", "r.html").out == "wrote r.html\n"
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert call("workflow", "compare", run_file, run_file).code == 0

    other = json.loads(run_file.read_text(encoding="utf-8"))
    other["steps"]["make"]["status"] = "failed"
    other["metadata"]["inputs"] = {"x": 1}
    (tmp_path / "run_r-2.json").write_text(json.dumps(other), encoding="utf-8")
    differing = call("workflow", "compare", run_file, "run_r-2.json")
    assert differing.code == 1
    assert "inputs that differ: x" in differing.out
    assert call("workflow", "compare", run_file, "run_r-2.json", "--json").objects[0]["same"] is False


def test_spans_go_where_the_program_sends_them_and_are_refused_where_that_is_nowhere(
    call: Caller, run_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.trace")

    lost = call("workflow", "trace", run_file, "--format", "otel")
    assert (lost.code, lost.out) == (1, "")
    assert "OpenTelemetry is not set up" in lost.err
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", sdk.TracerProvider)
    assert call("workflow", "trace", run_file, "--format", "otel").out == "handed over 2 spans\n"


def test_a_file_that_is_no_run_is_not_traced(call: Caller, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")
    (tmp_path / "y.json").write_text("{", encoding="utf-8")

    assert call("workflow", "trace", "x.json").code == 5
    assert call("workflow", "trace", "y.json").code == 5


def test_what_cannot_be_written_is_the_machines_fault(call: Caller, tmp_path: Path, run_file: Path) -> None:
    assert call("workflow", "trace", run_file, "-o", tmp_path / "no" / "t.txt").code == 6
    assert call("workflow", "graph", run_file, "-o", tmp_path / "no" / "t.txt").code == 6


def test_a_run_of_the_workspace_is_drawn_and_traced_by_its_id(call: Caller, tmp_path: Path) -> None:
    assert call("init").code == 0
    made = call("workflow", "new", "mine", "--template", "commands")
    assert made.code == 0
    from bluelabel.runner.workspace import Workspace

    workspace = Workspace.open(tmp_path)
    store: DAGRunStore = workspace.runs
    run = DAGRun("build", "r-9")
    run.add_step("make", max_retries=1)
    store.create(run)
    store.flush()
    workspace.close()

    assert "○ make" in call("workflow", "graph", "r-9").out
    assert call("workflow", "trace", "r-9").code == 0
    for command in ("graph", "trace"):
        answer = call("workflow", command, "r-8")
        assert answer.code == 3
        assert answer.err.splitlines() == ["error: no file and no run of this name: r-8", "hint: did you mean r-9?"]
    assert call("workflow", "graph", "none.yaml").code == 3


def test_the_schema_is_printed(call: Caller) -> None:
    document = json.loads(call("workflow", "schema").out)

    assert document == call("workflow", "schema", "--json").objects[0]["document"]
    assert document["$id"] == "urn:bluelabel:schema:workflow:1"
