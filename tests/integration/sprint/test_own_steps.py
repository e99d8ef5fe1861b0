"""A project's own steps of the closing: they run where they stand, and no program of a closing outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from bluelabel.interfaces.errors import LockTimeout
from bluelabel.services.sprint.checklist import APPROVALS
from bluelabel.services.sprint.closeout.programs import Programs
from bluelabel.services.sprint.closeout.run import close, look
from bluelabel.services.sprint.documents.writers import write_template
from bluelabel.services.sprint.settings import sprint_settings
from bluelabel.services.workflow.engine.ownership import run_lock
from bluelabel.services.workflow.steps.processes import Footprint, started

from .steps import completed, planned


def own(office: Any, *steps: dict[str, Any], **more: Any) -> None:
    office.settings = sprint_settings({**more, "step": list(steps)})


def ready(office: Any) -> Any:
    sprint = planned(office, cards=1, branches=0)
    completed(office, cards=1, branches=0)
    return sprint


def words(outcome: Any) -> dict[str, str]:
    return {finding.step: finding.words for finding in outcome.findings}


def test_a_failing_check_is_one_more_thing_in_the_way_in_dry_run_and_closing_alike(office: Any) -> None:
    own(office, {"id": "lint", "run": ["sh", "-c", "echo two faults; exit 3"], "after": "tests"})
    office.test_command = ("false",)
    sprint = ready(office)
    first, second = look(office.desk, sprint), close(office.desk, sprint, APPROVALS)

    assert [drift.kind for drift in first.drifts] == ["tests", "step"]
    assert first.drifts[1].words.endswith("exit code 3; it ends: two faults")
    assert second.drifts == first.drifts
    assert second.stopped_at == "verdict"


def test_a_check_that_is_not_critical_is_told_and_in_nobodys_way(office: Any) -> None:
    own(office, {"id": "lint", "run": ["false"], "before": "verdict", "critical": False})
    outcome = close(office.desk, ready(office), APPROVALS)

    assert outcome.closed
    assert words(outcome)["lint"] == "false: exit code 1"


def test_a_step_after_the_verdict_is_left_out_of_a_dry_run_and_stops_the_closing_until_it_succeeds(office: Any) -> None:
    script = 'echo "$BLUELABEL_SPRINT $BLUELABEL_PHASE $BLUELABEL_TAG $BLUELABEL_STEP_ID" >> .git/told; test -e .git/ok'
    own(office, {"id": "announce", "run": ["sh", "-c", script], "before": "tag"})
    sprint = ready(office)

    assert "announce" in look(office.desk, sprint).left_out
    outcome = close(office.desk, sprint, APPROVALS)
    assert (outcome.stopped_at, outcome.closed) == ("announce", False)
    assert office.git("tag") == ""
    office.write(".git/ok", "")
    assert close(office.desk, sprint, APPROVALS).closed
    assert (office.root / ".git/told").read_text() == "1 6.13 v0.6.13-alpha1 announce\n" * 2


def test_a_step_that_takes_too_long_or_cannot_start_has_failed(office: Any) -> None:
    slow = {"id": "slow", "run": ["sleep", "60"], "after": "tests", "timeout": "200ms"}
    own(office, slow, {"id": "gone", "run": ["no-such-program"], "after": "tests"})
    found = look(office.desk, ready(office))

    assert words(found)["slow"] == "sleep 60: stopped after 0.2 s"
    assert words(found)["gone"] == "no-such-program: cannot be started (No such file or directory)"
    assert [drift.target for drift in found.drifts] == ["slow", "gone"]


def test_a_routine_may_change_between_two_tries(office: Any) -> None:
    own(office, {"id": "lint", "run": ["false"], "after": "tests"}, {"id": "late", "run": ["true"], "before": "final"})
    sprint = ready(office)
    assert not close(office.desk, sprint, APPROVALS).closed
    own(office, {"id": "types", "run": ["true"], "before": "cards"}, routine=["tests", "reports"])
    outcome = close(office.desk, sprint, APPROVALS)

    assert outcome.closed
    assert "lint" not in words(outcome)
    assert "types" in words(outcome)


def test_the_checklist_for_people_shows_the_projects_own_steps(office: Any) -> None:
    own(office, {"id": "lint", "title": "Style", "run": ["make", "my lint"], "after": "tests"}, routine=["tests"])
    write_template(office.desk)
    text = (office.root / "docs/system/TEMPLATE_SPRINT_CLOSEOUT.md").read_text()
    headings = [line.partition(". ")[2] for line in text.splitlines() if line.startswith("## ")]

    assert headings == [step.title for step in office.settings.checklist]
    assert "- [ ] `make 'my lint'` ends with exit code 0" in text


def test_an_interrupted_closing_ends_the_program_that_it_runs(office: Any, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    programs = Programs(office.root, tmp_path / "note")
    script = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    pids: list[int] = []

    def interrupt() -> None:
        pids.append(int(pipe.read_text()))
        programs.stop()

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        programs.run([sys.executable, "-c", script, str(pipe)], 30)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    assert not (tmp_path / "note").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_what_a_killed_closing_left_running_is_ended_by_the_next(office: Any, tmp_path: Path) -> None:
    left = subprocess.Popen(["sleep", "60"], start_new_session=True)
    Footprint(tmp_path / "note").leave(left.pid)
    done = Programs(office.root, tmp_path / "note").run(["true"], 30)

    assert done.exit_code == 0
    assert left.wait(10) == -signal.SIGKILL


def test_a_closing_that_is_interrupted_ends_its_tests_and_goes_on_when_called_again(
    office: Any, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    once = f"test -e .git/once || {{ touch .git/once; echo $$ > {pipe}; exec sleep 60; }}"
    office.write("bluelabel.toml", f'[evidence]\ntest = ["sh", "-c", "{once}"]\n')
    ready(office)
    office.commit("Say how to test", "bluelabel.toml")
    argv = [sys.executable, "-m", "bluelabel.apps.cli.main", "--root", str(office.root), "sprint", "closeout", "--yes"]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    tests = int(pipe.read_text())
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "interrupted; the same command goes on where it stood\n" in told
    assert started(tests) == ""
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 0


def test_a_second_closing_leaves_everything_to_the_first(office: Any) -> None:
    sprint = ready(office)
    head = office.book.head()
    with (
        run_lock(office.desk.runs.home / "runs", f"{sprint.run_id}-closing"),
        pytest.raises(LockTimeout, match="another process is closing this sprint"),
    ):
        close(office.desk, sprint, APPROVALS)

    assert office.book.head() == head
