"""What `up` does for workflows: it starts those that are due, and goes on with runs whose runner died."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cli_driver import bluelabel

from bluelabel.runner.daemon.scheduler import PAUSE, Timetable
from bluelabel.runner.wiring.workflow import open_runs
from bluelabel.runner.workspace import Workspace
from bluelabel.services.ledger.clock import SystemClock
from bluelabel.services.workflow.runs import load_definition

FLOW = """\
name: tick
version: 1.0.0
schedule: {cron: "* * * * *", catch_up: last}
steps:
  - {id: a, command: ["true"]}
"""


class Ahead(SystemClock):
    """A clock that stands, so much ahead of its beginning as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.began = super().now()
        self.ahead = timedelta()

    def now(self) -> Any:
        return self.began + self.ahead

    def uptime(self) -> Any:
        return super().uptime() + self.ahead.total_seconds()


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Any]:
    assert bluelabel(tmp_path, "init", "--agents", "CC,ARCH").code == 0
    (tmp_path / "tick.yaml").write_text(FLOW)
    (tmp_path / "plain.yaml").write_text("name: plain\nversion: 1.0.0\nsteps:\n  - {id: a, command: ['true']}\n")
    settings = tmp_path / "bluelabel.toml"
    text = settings.read_text() if settings.exists() else ""
    settings.write_text(f'{text}\n[workflow]\nschedules = ["tick.yaml", "plain.yaml", "gone.yaml"]\nkeep = "2d"\n')
    workspace = Workspace.open(tmp_path)
    workspace.clock = Ahead()
    yield workspace
    workspace.close()


def end_all(timetable: Any) -> None:
    for runner in timetable._runners.values():
        assert runner.wait(60) == 0


def a_minute_of(workspace: Any) -> list[str]:
    """Keep the schedules of a workspace for a minute, until all that it started has ended; return what was said."""
    said: list[str] = []
    timetable = Timetable(workspace, said.append)
    timetable.look()
    workspace.clock.ahead = timedelta(minutes=1)
    timetable.look()
    end_all(timetable)
    return said


def test_a_workflow_that_is_due_is_started_once_and_run(workspace: Any) -> None:
    said: list[str] = []
    timetable = Timetable(workspace, said.append)
    timetable.tend()
    timetable.tend()
    assert len([line for line in said if "gone.yaml" in line or "has no schedule" in line]) == 2
    said.clear()
    workspace.clock.ahead = timedelta(minutes=1)
    timetable.look()
    end_all(timetable)
    timetable.look()

    (row,) = workspace.runs.list_runs()
    assert (row.dag_id, row.status.value) == ("tick", "success")
    assert said == [f"{row.run_id} is due", f"going on with run {row.run_id}"]
    (workspace.root / "tick.yaml").unlink()
    workspace.clock.ahead = timedelta(days=3)
    timetable.look()
    assert workspace.runs.list_runs() == []


def test_a_schedule_that_cannot_be_kept_keeps_no_other_back(workspace: Any) -> None:
    needs = FLOW.replace("steps:", "inputs: {who: {type: string, required: true}}\nsteps:")
    (workspace.root / "plain.yaml").write_text(needs)
    (workspace.root / "gone.yaml").write_text(FLOW.replace('"* * * * *"', '"61 * * * *"'))
    said = a_minute_of(workspace)

    assert [line for line in said if "is not kept" in line] == [
        "the schedule of plain.yaml is not kept: workflow tick needs an input: who",
        said[1],
    ]
    assert "'61 * * * *' is no cron line" in said[1]
    assert [row.status.value for row in workspace.runs.list_runs()] == ["success"]


def test_schedules_of_one_name_in_two_folders_are_two(workspace: Any) -> None:
    for folder in ("a", "b"):
        (workspace.root / folder).mkdir()
        (workspace.root / folder / "tick.yaml").write_text(FLOW)
    settings = workspace.root / "bluelabel.toml"
    settings.write_text(settings.read_text().replace('"plain.yaml", "gone.yaml"', '"a/tick.yaml", "b/tick.yaml"'))
    workspace.close()
    again = Workspace.open(workspace.root)
    again.clock = workspace.clock
    a_minute_of(again)
    found = sorted(row.run_id.rpartition("-")[0] for row in again.runs.list_runs())
    again.close()

    assert [name.split("-2")[0] for name in found] == ["a-tick", "b-tick", "tick"]


def test_what_is_due_while_an_earlier_run_waits_is_left_out_and_that_is_told(workspace: Any) -> None:
    gate = FLOW.replace("catch_up: last", "overlap: skip").replace('command: ["true"]', "approval: {by: HUMAN}")
    (workspace.root / "tick.yaml").write_text(gate)
    said: list[str] = []
    timetable = Timetable(workspace, said.append, program=["true"])
    for _ in range(3):
        timetable.look()
        end_all(timetable)
        workspace.clock.ahead += timedelta(minutes=1)
    (row,) = workspace.runs.list_runs()
    told = bluelabel(workspace.root, "run", "dag", "--list")

    assert [line.endswith(f"is left out: {row.run_id} goes on") for line in said].count(True) == 1
    assert "schedule tick: 1 firing left out" in told.err
    assert f"because {row.run_id} had not ended" in told.err


def test_a_run_whose_runner_died_is_gone_on_with_and_others_wait_for_a_person(workspace: Any) -> None:
    runs = open_runs(workspace)
    definition = load_definition(workspace.root / "plain.yaml")
    for name in ("died", "fresh"):
        runs.create(definition, {}, name)
    run = runs.store.require("died")
    run.start()
    runs.store.update(run)
    said: list[str] = []
    timetable = Timetable(workspace, said.append)
    timetable.look()
    end_all(timetable)

    assert said[-1] == "going on with run died"
    assert runs.store.require("died").status.value == "success"
    assert runs.store.require("fresh").status.value == "created"


def test_going_on_with_a_run_whose_file_has_changed_says_so(workspace: Any) -> None:
    runs = open_runs(workspace)
    path = workspace.root / "plain.yaml"
    runs.create(load_definition(path), {}, "died", file=path)
    run = runs.store.require("died")
    run.start()
    runs.store.update(run)
    path.write_text(path.read_text().replace("'true'", "'false'"))
    said: list[str] = []
    timetable = Timetable(workspace, said.append)
    timetable.look()
    end_all(timetable)

    assert said[-2:] == [
        "plain.yaml is changed: run died goes on with the definition it has",
        "going on with run died",
    ]
    assert runs.store.require("died").status.value == "success"


def test_a_run_that_nobody_can_run_is_tried_once_a_minute(workspace: Any) -> None:
    runs = open_runs(workspace)
    runs.create(load_definition(workspace.root / "plain.yaml"), {}, "died")
    run = runs.store.require("died")
    run.start()
    runs.store.update(run)
    said: list[str] = []
    timetable = Timetable(workspace, said.append, program=["false"])
    for _ in range(3):
        timetable.look()
        for runner in timetable._runners.values():
            runner.wait(10)
    assert said.count("going on with run died") == 1
    workspace.clock.ahead = timedelta(seconds=PAUSE + 1)
    timetable.look()
    for runner in timetable._runners.values():
        runner.wait(10)

    assert said.count("going on with run died") == 2
