"""`run dag`, `approve` and `reject` in this process, and how a run looks in a terminal."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cli_driver import bluelabel
from rich.console import Console

from bluelabel.apps.cli.utils.dag_run_chart import eta, live_view, progress
from bluelabel.apps.cli.utils.dag_run_printer import (
    change_line,
    elapsed,
    format_duration,
    format_moment,
    gantt,
    in_order,
    list_line,
    output_lines,
    print_dag_run,
    waits,
)
from bluelabel.runner.workspace import Workspace
from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.model.states import DAGRunStatus
from bluelabel.services.workflow.steps.pending import Waiting
from bluelabel.services.workflow.store.records import RunRow

START = datetime(2025, 5, 28, 10, 30, tzinfo=UTC)


class Steps:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> Any:
        return self.at

    def on(self, seconds: Any) -> None:
        self.at += timedelta(seconds=seconds)


def the_run_of_the_seed() -> Any:
    clock = Steps()
    run = DAGRun("etl", "my-dag-123", now=clock)
    for name in ("fetch_data", "process", "save"):
        run.add_step(name, 3)
    run.start()
    run.get_step("fetch_data").start()
    clock.on(2.1)
    run.get_step("fetch_data").complete({"rows": 3})
    run.get_step("process").start()
    for _ in range(3):
        clock.on(5)
        run.get_step("process").retry(ValueError("bad [bold]row\x1b[31m"), trace="Traceback\n  line")
        run.get_step("process").start()
    clock.on(0.5)
    run.get_step("process").fail("bad row")
    clock.on(27.6)
    return run, clock


def printed(run: Any, now: Any, **options: Any) -> Any:
    out = io.StringIO()
    print_dag_run(Console(file=out, width=120, no_color=True, force_terminal=False), run, now, **options)
    return out.getvalue()


def test_a_run_is_shown_as_the_seed_shows_it() -> None:
    run, clock = the_run_of_the_seed()
    run.fail("step process failed")
    run.get_step("save")._status = type(run.get_step("save").status)("pending")
    run.get_step("save").end_time = None

    assert printed(run, clock()) == (
        "DAG Run: my-dag-123\nWorkflow: etl\nStatus: FAILED\nStarted: 2025-05-28 10:30:00\n"
        "Completed: 2025-05-28 10:30:45\nDuration: 45.2s\nError: step process failed\n\nSteps:\n"
        "┌────────────┬─────────┬─────────┬──────────┐\n"
        "│ Step ID    │ Status  │ Retries │ Duration │\n"
        "├────────────┼─────────┼─────────┼──────────┤\n"
        "│ fetch_data │ SUCCESS │ 0/3     │ 2.1s     │\n"
        "│ process    │ FAILED  │ 3/3     │ 15.5s    │\n"
        "│ save       │ PENDING │ 0/3     │ -        │\n"
        "└────────────┴─────────┴─────────┴──────────┘\n"
    )


def test_verbose_tells_times_errors_traces_and_moves_and_steers_no_terminal() -> None:
    run, clock = the_run_of_the_seed()
    run.metadata["description"] = "loads rows"
    run.fail("step process failed")
    text = printed(run, clock(), verbose=True)

    assert "Retries: 3" in text
    assert "Description: loads rows" in text
    assert "process, attempt 1, 2025-05-28T10:30:07.100000: ValueError: bad [bold]row\ufffd[31m" in text
    assert "    Traceback\n      line" in text
    assert "save was skipped: the run failed: step process failed" in text
    assert "2025-05-28 10:30:02  process: PENDING -> RUNNING" in text
    assert "\x1b" not in text
    assert "━" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0, "0.0s"), (2.14, "2.1s"), (65, "1m 05s"), (3600, "1h 00m"), (7800, "2h 10m")],
)
def test_durations_are_short(seconds: float | None, text: str) -> None:
    assert format_duration(seconds) == text


def test_moments_are_in_utc() -> None:
    assert format_moment(None) == "-"
    assert format_moment(START.astimezone()) == "2025-05-28 10:30:00"


def test_progress_counts_and_guesses_the_rest() -> None:
    run, clock = the_run_of_the_seed()

    assert progress(run, clock()).endswith("2/3 66%  about 22.6s left")
    assert elapsed(run, clock()) == pytest.approx(45.2)
    run.fail("x")
    assert eta(run, clock()) is None
    assert progress(run, clock()).endswith("3/3 100%")
    empty = DAGRun("d", "r")
    assert progress(empty, clock()).endswith("0/0 100%")
    assert elapsed(empty, clock()) is None
    assert gantt(in_order(empty), clock()) == []


def test_the_chart_places_each_step_in_time() -> None:
    run, clock = the_run_of_the_seed()
    lines = gantt(in_order(run), clock(), width=31)

    assert [line.split()[0] for line in lines] == ["fetch_data", "process"]
    assert lines[0].startswith("fetch_data ━")
    assert lines[1] == "process    " + " " * 2 + "━" * 18


def test_the_live_view_shows_table_progress_and_chart() -> None:
    run, clock = the_run_of_the_seed()
    out = io.StringIO()
    Console(file=out, width=100, no_color=True).print(live_view(run, clock()))

    assert "fetch_data" in out.getvalue()
    assert "2/3 66%" in out.getvalue()


@pytest.mark.parametrize("steps", [1, 5, 40, 200])
@pytest.mark.parametrize(("width", "height"), [(40, 12), (40, 30), (80, 24), (200, 60)])
def test_the_live_view_fits_the_screen_and_shows_where_the_run_is(steps: int, width: int, height: int) -> None:
    clock = Steps()
    run = DAGRun("wide", "run-1", now=clock)
    for number in range(steps):
        run.add_step(f"step-{number}", 3)
    run.start()
    for number in range(steps // 2):
        run.get_step(f"step-{number}").start()
        clock.on(1)
        run.get_step(f"step-{number}").complete(None)
    run.get_step(f"step-{steps // 2}").start()
    console = Console(file=io.StringIO(), width=width, height=height, no_color=True)
    lines = console.render_lines(live_view(run, clock(), width, height), pad=False)
    texts = ["".join(piece.text for piece in line) for line in lines]

    assert len(texts) <= max(height, 13)
    assert max(map(len, texts)) <= width
    assert any(f"│ step-{steps // 2} " in text for text in texts)
    assert any(f" {steps // 2}/{steps} " in text for text in texts)
    rows = sum("│ step-" in text for text in texts)
    assert rows == steps or any(f"{steps - rows}" == str(_hidden(text)) for text in texts)


def _hidden(text: str) -> int | None:
    """Return how many steps a line such as `and 3 before, 5 after` counts."""
    words = text.split()
    return int(words[1]) + int(words[3]) if words[:1] == ["and"] else None


def test_a_narrow_terminal_shows_names_and_statuses_whole() -> None:
    run, clock = the_run_of_the_seed()
    out = io.StringIO()
    print_dag_run(Console(file=out, width=40, no_color=True), run, clock())

    assert "│ fetch_data │ SUCCESS │ 2.1s     │" in out.getvalue()
    assert "│ Step ID    │ Status  │ Duration │" in out.getvalue()


def test_the_items_of_a_map_stand_behind_its_step() -> None:
    run = DAGRun("d", "r")
    for name in ("each", "after", "each@0", "each@1"):
        run.add_step(name)

    assert [step.step_id for step in in_order(run)] == ["each", "each@0", "each@1", "after"]


def test_a_long_output_is_cut_but_for_verbose_and_an_object_is_json() -> None:
    text = "\n".join(f"line {number}" for number in range(30))

    assert output_lines(text, "r", verbose=True)[-1] == "line 29"
    assert output_lines(text, "r", verbose=False)[20:] == [
        "… and 10 more lines: `bluelabel run dag --status r --verbose`"
    ]
    assert output_lines({"a": "é\x1b"}, "r", verbose=False) == ["{", '  "a": "é\\u001b"', "}"]


@pytest.mark.parametrize(
    ("item", "line"),
    [
        (Waiting("ask", "approval", "HUMAN"), "ask waits for HUMAN: `bluelabel approve r ask`, or reject"),
        (
            Waiting("ask", "approval", None, START, "ARCH"),
            "ask waits for somebody: `bluelabel approve r ask`, or reject; after 2025-05-28 10:30:00 ARCH is asked too",
        ),
        (
            Waiting("do", "handoff", "CC", START),
            "do waits for the answer of CC; its message is in `bluelabel thread r`; "
            "after 2025-05-28 10:30:00 the step fails",
        ),
    ],
)
def test_whom_a_step_waits_for_is_told_with_what_they_can_do(item: Waiting, line: str) -> None:
    assert waits(item, "r") == line


def test_a_line_for_a_move_is_one_line() -> None:
    assert change_line("a", {"status": "failed", "reason": "x\ny"}) == "✗ a FAILED  x"
    assert change_line("a", {"status": "success"}) == "✓ a SUCCESS"


@pytest.fixture
def root(tmp_path: Path) -> Any:
    assert bluelabel(tmp_path, "init", "--agents", "CC,ARCH").code == 0
    (tmp_path / "steps.py").write_text(
        "def add(a, b):\n    return {'sum': a + b}\n\n\ndef who(context):\n    return context.key\n"
        "\n\nasync def boom():\n    raise ValueError('boom')\n"
    )
    (tmp_path / "flow.yaml").write_text(
        "name: flow\nversion: 1.0.0\ninputs: {n: {type: integer, default: 2}}\nsteps:\n"
        "  - {id: add, call: 'steps:add', input: {a: '{{ inputs.n }}', b: 1}}\n"
        "  - {id: who, call: 'steps:who', depends_on: [add]}\n"
    )
    (tmp_path / "bad.yaml").write_text(
        "name: bad\nversion: 1.0.0\nsteps:\n  - {id: boom, call: 'steps:boom'}\n"
        "  - {id: gone, call: 'steps:gone', critical: false}\n"
    )
    return tmp_path


def test_a_workflow_of_functions_runs(root: Any) -> None:
    done = bluelabel(root, "run", "dag", str(root / "flow.yaml"), "--input", "n=40", "--run-id", "r1")

    assert (done.code, done.err) == (0, "run r1 of flow\n")
    assert "▶ add RUNNING\n✓ add SUCCESS\n▶ who RUNNING\n✓ who SUCCESS\n" in done.out
    run = bluelabel(root, "run", "dag", "--status", "r1", "--json").object
    assert run["steps"]["add"]["result"] == {"sum": 41}
    assert run["steps"]["who"]["result"] == "r1:who:1"
    assert (run["owned"], run["waiting"], run["output"]) == (False, [], None)
    assert run["metadata"]["base"] == "."
    assert bluelabel(root, "run", "dag", str(root / "flow.yaml"), "--run-id", "r1").code == 4


def test_a_failed_workflow_says_so(root: Any) -> None:
    done = bluelabel(root, "run", "dag", str(root / "bad.yaml"), "--run-id", "r1", "--json")

    assert done.code == 1
    assert done.object["status"] == "failed"
    assert done.err.splitlines()[-2:] == [
        "error: the run ended as FAILED: r1",
        "hint: see why with `bluelabel run dag --status r1 --verbose`",
    ]
    assert "in boom" in done.object["steps"]["boom"]["metadata"]["error_history"][0]["traceback"]


def test_what_a_run_came_to_is_shown_and_verbose_shows_every_result(root: Any) -> None:
    flow = (root / "flow.yaml").read_text()
    (root / "sub").mkdir()
    (root / "sub" / "told.yaml").write_text(flow + 'output: "{{ steps.add.result.sum }} in all"\n')
    done = bluelabel(root, "run", "dag", str(root / "sub" / "told.yaml"), "--run-id", "r1")
    shown = bluelabel(root, "run", "dag", "--status", "r1", "-v")
    run = bluelabel(root, "run", "dag", "--status", "r1", "--json").object

    assert done.out.endswith("\nOutput:\n3 in all\n")
    assert 'Results:\nadd: {"sum": 3}\nwho: "r1:who:1"\n\nOutput:\n3 in all\n' in shown.out
    assert run["output"] == "3 in all"
    assert run["metadata"]["base"] == "sub"


def test_an_output_that_names_what_did_not_succeed_is_none(root: Any) -> None:
    text = (root / "bad.yaml").read_text().replace("call: 'steps:boom'", "call: 'steps:boom', critical: false")
    (root / "half.yaml").write_text(text + '  - {id: ok, command: ["true"]}\noutput: "{{ steps.boom.result.x }}"\n')
    done = bluelabel(root, "run", "dag", str(root / "half.yaml"), "--json")

    assert (done.object["status"], done.object["output"]) == ("partial_success", None)


def test_a_step_that_waits_says_for_whom_while_its_run_is_shown(root: Any) -> None:
    (root / "late.yaml").write_text(
        "name: late\nversion: 1.0.0\ninputs: {who: {type: string, default: CC}}\nsteps:\n"
        "  - {id: named, handoff: {to: CC, deadline: 1ms}, critical: false}\n"
        "  - {id: found, handoff: {to: '{{ inputs.who }}', deadline: 1ms}, critical: false}\n"
    )
    done = bluelabel(root, "run", "dag", str(root / "late.yaml"), "--run-id", "r1")

    assert "named waits for the answer of CC; its message is in `bluelabel thread r1`; after 20" in done.err
    assert "found waits for the answer of somebody; " in done.err


def test_wrong_inputs_and_files_are_told_before_anything_runs(root: Any) -> None:
    flow = str(root / "flow.yaml")
    for given, words in (("n=x", "not of type integer"), ("m=1", "no such input"), ("n", "NAME=VALUE")):
        done = bluelabel(root, "run", "dag", flow, "--input", given)
        assert done.code == 2
        assert words in done.err
    (root / "broken.yaml").write_text("name: x\nsteps: [{id: a}]\n")
    assert bluelabel(root, "run", "dag", str(root / "broken.yaml")).code == 5
    assert bluelabel(root, "run", "dag", str(root / "gone.yaml")).code == 3
    assert bluelabel(root, "run", "dag", "--list", "--json").out == ""
    assert "no runs yet" in bluelabel(root, "run", "dag", "--list").out


def test_runs_are_listed_as_table_and_as_lines(root: Any) -> None:
    for name in ("r1", "r2"):
        bluelabel(root, "run", "dag", str(root / "flow.yaml"), "--run-id", name, "-v")
    rows = bluelabel(root, "run", "dag", "--list", "--json").lines

    assert [(row["run_id"], row["status"]) for row in rows] == [("r2", "success"), ("r1", "success")]
    assert "SUCCESS" in bluelabel(root, "run", "dag", "--list", "--limit", "1").out


def test_a_run_that_was_never_begun_is_told_finished_and_cancelled(root: Any) -> None:
    workspace = Workspace.open(root)
    from bluelabel.runner.wiring.workflow import open_runs
    from bluelabel.services.workflow.runs import load_definition

    runs = open_runs(workspace)
    for name in ("r1", "r2"):
        runs.create(load_definition(root / "flow.yaml"), {}, name)
    assert runs.adrift() == ["r1", "r2"]
    workspace.close()
    shown = bluelabel(root, "run", "dag", "--status", "r1")
    assert "no runner is at work on it; go on with `bluelabel run dag --retry r1`" in shown.err
    assert bluelabel(root, "run", "dag", "--retry", "r1", "--json").object["status"] == "success"
    assert bluelabel(root, "run", "dag", "--cancel", "r2", "--json").object["error"] == "cancelled by HUMAN"
    assert bluelabel(root, "run", "dag", "--cancel", "nobody").code == 3


def test_the_family_s_run_with_its_own_workflow_is_finished(root: Any) -> None:
    folder = root / "data" / "dag_runs"
    folder.mkdir(parents=True, exist_ok=True)
    definition = {
        "name": "older",
        "version": "1.0.0",
        "steps": [{"name": "ingest", "agent": "nobody", "input": {"text": "x"}, "output": "content"}],
    }
    data = {
        "dag_id": "older", "run_id": "f4", "status": "running", "total_retries": 1,
        "steps": {"ingest": {"step_id": "ingest", "status": "retry", "retry_count": 3, "max_retries": 3}},
        "metadata": {"workflow_def": definition},
    }  # fmt: skip
    (folder / "run_f4.json").write_text(json.dumps(data))
    done = bluelabel(root, "run", "dag", "--retry", "f4", "--json")

    assert done.code == 1, done
    assert "nobody" in done.object["steps"]["ingest"]["error"]
    assert done.object["dag_id"] == "older"


def test_approvals_from_the_command_line(root: Any) -> None:
    (root / "ask.yaml").write_text(
        "name: ask\nversion: 1.0.0\nsteps:\n  - {id: ask, approval: {by: HUMAN, prompt: Go?}}\n"
    )
    workspace = Workspace.open(root)
    from bluelabel.runner.wiring.workflow import open_runs
    from bluelabel.services.workflow.runs import load_definition

    store = open_runs(workspace).create(load_definition(root / "ask.yaml"), {}, "r1").store
    run = store.require("r1")
    run.start()
    run.get_step("ask").start()
    store.update(run)
    workspace.close()
    assert "ask waits for HUMAN" in bluelabel(root, "run", "dag", "--status", "r1").err
    told = bluelabel(root, "reject", "r1", "ask", "--reason", "no")

    assert (told.code, told.out) == (0, "rejected ask of r1\n")
    assert "nobody runs it just now" in told.err
    done = bluelabel(root, "run", "dag", "--retry", "r1", "--json")
    assert done.object["error"] == "step ask failed: rejected by HUMAN: no"
    assert bluelabel(root, "inbox", "HUMAN", "--json").lines == []


def test_watch_shows_a_run_live_until_it_has_ended(root: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from bluelabel.apps.cli.app import App
    from bluelabel.apps.cli.utils.dag_run_watch import watch
    from bluelabel.runner.wiring.workflow import open_runs
    from bluelabel.services.workflow.runs import load_definition

    workspace = Workspace.open(root)
    runs = open_runs(workspace)
    runs.create(load_definition(root / "flow.yaml"), {}, "r1")
    out, app = io.StringIO(), App()
    monkeypatch.setattr(app, "console", lambda: Console(file=out, force_terminal=True, width=100, no_color=True))
    wait = runs.store.book.wait

    def finish_and_wait(after: Any, timeout: Any) -> Any:
        run = runs.store.require("r1")
        if not run.is_complete:
            run.cancel("seen enough")
            runs.store.update(run)
        return wait(after, timeout)

    monkeypatch.setattr(runs.store.book, "wait", finish_and_wait)
    run = watch(app, runs, "r1")
    workspace.close()

    assert run.error == "seen enough"
    assert "Status: CREATED" in out.getvalue()


def test_an_agent_of_the_workspace_does_a_step(root: Any) -> None:
    (root / "agent.yaml").write_text(
        "name: digest\nversion: 1.0.0\nsteps:\n"
        "  - {id: short, agent: digest, input: {text: 'One sentence. Another sentence follows here.'}}\n"
        "  - {id: nobody, agent: nobody, critical: false}\n"
    )
    run = bluelabel(root, "run", "dag", str(root / "agent.yaml"), "--json").object

    assert run["steps"]["nobody"]["error"].startswith("no agent")
    assert run["steps"]["short"]["metadata"]["kind"] == "agent"


def test_a_message_that_cannot_be_sent_fails_its_step(root: Any) -> None:
    long_id = "x" * 100
    (root / "hand.yaml").write_text(
        f"name: hand\nversion: 1.0.0\nsteps:\n  - {{id: {long_id}, handoff: {{to: NOBODY}}, critical: false}}\n"
    )
    run = bluelabel(root, "run", "dag", str(root / "hand.yaml"), "--run-id", "y" * 120, "--json").object

    assert "no agent, group or queue" in run["steps"][long_id]["error"]


def test_a_list_of_runs_fits_a_terminal_and_says_how_long_each_took() -> None:
    row = RunRow(
        "r1", "etl", DAGRunStatus.PARTIAL_SUCCESS, "", "", "2026-03-01T10:00:00Z", "2026-03-01T10:00:45Z", None
    )
    now = datetime(2026, 3, 1, 10, 1, tzinfo=UTC)

    assert list_line(row, now) == ["r1", "etl", "PARTIAL", "03-01 10:00", "45.0s"]
    open_row = row._replace(status=DAGRunStatus.RUNNING, end_time=None)
    assert list_line(open_row, now)[4] == "1m 00s"
    assert list_line(row._replace(start_time="2025-03-01T10:00:00Z"), now)[3] == "2025-03-01"
    assert list_line(row._replace(start_time=None), now)[3:] == ["-", "-"]
