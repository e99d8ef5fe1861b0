"""A run that is given the definition its file has by now: what stays, what is new, what is no more; and attempts."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluelabel.interfaces.errors import Conflict, NotFound, UnreadableInput, UsageError
from bluelabel.services.workflow.dag_run_store import DAGRunStore
from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.definition.definition import Definition
from bluelabel.services.workflow.engine.ownership import run_lock
from bluelabel.services.workflow.engine.recovery import DROPPED, reopen, take_up
from bluelabel.services.workflow.model.states import NOT_TWICE, OPEN_STEP, DAGRunStatus, DAGStepStatus
from bluelabel.services.workflow.runs import Runs, load_definition
from bluelabel.services.workflow.steps.services import Tools
from bluelabel.services.workflow.workflow_files import FileState

RUN = "r1"
S = DAGStepStatus


def flow(*steps: str, head: str = "name: flow") -> str:
    lines = [
        f"  - {{id: {name}, command: [{name}]{more}}}" for name, _, more in (step.partition(" ") for step in steps)
    ]
    return "\n".join([head, "steps:", *lines, ""])


def given_run(root: Path, text: str, **statuses: str) -> Runs:
    """Make a run of `text` whose runner was killed when its steps were in `statuses`."""
    (root / "flow.yaml").write_text(text)
    runs = Runs(Tools(DAGRunStore(root / "runs"), root))
    runs.create(load_definition(root / "flow.yaml"), {}, RUN, base=root, file=root / "flow.yaml")
    run = runs.store.require(RUN)
    run.start()
    for name, status in statuses.items():
        step = run.get_step(name)
        if status != "pending":
            step.start()
        if status == "success":
            step.complete({"of": name})
        elif status == "failed":
            step.fail("no")
    runs.store.update(run)
    return runs


def statuses(run: DAGRun) -> dict[str, str]:
    return {name: step.status.value for name, step in run.steps.items()}


def test_new_steps_have_not_begun_and_those_that_are_no_more_are_skipped_and_say_why(tmp_path: Path) -> None:
    runs = given_run(tmp_path, flow("a", "b , depends_on: [a]", "c , depends_on: [b]"), a="success", b="running")
    text = flow("a", "n , depends_on: [a], retry: {max_retries: 7}", "b , depends_on: [n], critical: false")
    (tmp_path / "flow.yaml").write_text(text)
    assert runs.source(RUN).state is FileState.CHANGED
    runner = runs.retry_anew(RUN, reason="mended")
    run = runs.store.require(RUN)

    assert statuses(run) == {"a": "success", "n": "pending", "b": "pending", "c": "skipped"}
    assert run.get_step("c").metadata["skip_reason"] == DROPPED
    assert (run.get_step("n").max_retries, run.get_step("b").critical) == (7, False)
    assert run.get_step("b").metadata["dependencies"] == ["n"]
    assert (run.get_step("a").result, run.get_step("b").attempt) == ({"of": "a"}, 2)
    assert run.metadata["retry_reason"] == "mended"
    assert [step.step_id for step in runner.steps] == ["a", "n", "b"]
    assert runs.source(RUN).state is FileState.SAME
    assert [event.by for event in runs.store.book.read() if event.kind == "run.redefined"] == ["HUMAN"]


@pytest.mark.parametrize(
    "changed",
    [
        flow("other", "b"),
        flow("a , input: {x: 1}", "b"),
        flow("a , when: 'true'", "b"),
        flow("n", "a , depends_on: [n]", "b"),
        flow("a , retry: {max_retries: 2}", "b"),
        flow("b"),
    ],
)
def test_a_finished_step_that_is_another_now_is_named_and_nothing_changes(tmp_path: Path, changed: str) -> None:
    runs = given_run(tmp_path, flow("a", "b"), a="success", b="running")
    (tmp_path / "flow.yaml").write_text(changed)
    before = (runs.store.book.head(), runs.source(RUN).differing)
    with pytest.raises(Conflict, match="not the same in the new definition: a") as raised:
        runs.retry_anew(RUN)

    assert raised.value.exit_code == 4
    assert (runs.store.book.head(), ("a",)) == before
    assert statuses(runs.store.require(RUN)) == {"a": "success", "b": "running"}


def test_comments_and_words_for_people_change_nothing(tmp_path: Path) -> None:
    runs = given_run(tmp_path, flow("a", "b"), a="success", b="running")
    text = flow("a , description: the first", "b").replace("steps:", "# a word\n\ndescription: more\nsteps:")
    (tmp_path / "flow.yaml").write_text(text)

    assert runs.source(RUN).state is FileState.SAME
    assert statuses(runs.retry_anew(RUN).dag_run) == {"a": "success", "b": "running"}


def test_a_file_that_is_gone_or_broken_or_of_another_workflow_is_told_apart(tmp_path: Path) -> None:
    runs = given_run(tmp_path, flow("a"), a="running")
    path = tmp_path / "flow.yaml"
    for text, state, error in (
        (flow("a", head="name: other"), FileState.CHANGED, Conflict),
        ("steps: [", FileState.UNREADABLE, UnreadableInput),
        (flow("a", head="name: flow\ninputs: {x: {required: true}}"), FileState.CHANGED, UsageError),
        (None, FileState.GONE, NotFound),
    ):
        path.unlink() if text is None else path.write_text(text)
        assert runs.source(RUN).state is state
        with pytest.raises(error):
            runs.retry_anew(RUN)
    assert runs.retry(RUN).steps[0].step_id == "a"
    runs.create(load_definition_of(tmp_path), {}, "unnamed")
    assert runs.source("unnamed").state is FileState.UNKNOWN
    with pytest.raises(Conflict, match="does not say which file"):
        runs.retry_anew("unnamed")


def load_definition_of(root: Path) -> Definition:
    (root / "another.yaml").write_text(flow("a"))
    return load_definition(root / "another.yaml")


def test_an_ended_run_goes_on_when_its_file_has_more_steps_and_only_then(tmp_path: Path) -> None:
    runs = given_run(tmp_path, flow("a"), a="success")
    run = runs.store.require(RUN)
    run.complete()
    runs.store.update(run)
    with pytest.raises(Conflict, match="every step of the run has succeeded"):
        runs.retry_anew(RUN)
    (tmp_path / "flow.yaml").write_text(flow("a", "b"))
    runs.retry_anew(RUN)

    assert runs.store.require(RUN).status is DAGRunStatus.RETRY
    assert statuses(runs.store.require(RUN)) == {"a": "success", "b": "pending"}


def test_a_step_that_was_dropped_is_not_run_again_unless_it_is_back(tmp_path: Path) -> None:
    runs = given_run(tmp_path, flow("a", "b"), a="running", b="pending")
    (tmp_path / "flow.yaml").write_text(flow("a"))
    runs.retry_anew(RUN)
    run = runs.store.require(RUN)
    run.get_step("a").start()
    run.get_step("a").fail("no")
    run.fail("a")
    assert reopen(run) == ["a"]
    with pytest.raises(Conflict, match="this step no more"):
        reopen(run, "b")
    (tmp_path / "flow.yaml").write_text(flow("a", "b"))
    runs.retry_anew(RUN)

    assert statuses(runs.store.require(RUN)) == {"a": "pending", "b": "pending"}


def test_items_of_a_map_stand_and_fall_with_their_step(tmp_path: Path) -> None:
    text = flow("each , map: '{{ inputs.list? }}'", "b")
    runs = given_run(tmp_path, text, each="running")
    run = runs.store.require(RUN)
    for n in range(2):
        run.add_step(f"each@{n}", 0, index=n, item=n, parent="each").start()
    run.get_step("each@0").complete(0)
    runs.store.update(run)
    (tmp_path / "flow.yaml").write_text(flow("each , map: '{{ inputs.other? }}'", "b"))
    with pytest.raises(Conflict, match="each@0"):
        runs.retry_anew(RUN)
    (tmp_path / "flow.yaml").write_text(text + "  - {id: more, command: [x]}\n")
    runs.retry_anew(RUN)

    found = {"each": "pending", "b": "pending", "more": "pending", "each@0": "success", "each@1": "pending"}
    assert statuses(runs.store.require(RUN)) == found


def test_nobody_redefines_a_run_that_another_runs(tmp_path: Path) -> None:
    runs = given_run(tmp_path, flow("a"), a="running")
    with run_lock(runs.store.home / "runs", RUN), pytest.raises(Conflict, match="another runner"):
        runs.retry_anew(RUN)


def test_what_must_not_run_twice_is_not_repeated_because_the_file_says_otherwise(tmp_path: Path) -> None:
    runs = given_run(tmp_path, flow("a , durable_start: true", "b"), a="running")
    (tmp_path / "flow.yaml").write_text(flow("a", "b"))
    runs.retry_anew(RUN)

    step = runs.store.require(RUN).get_step("a")
    assert (step.status, step.error) == (S.FAILED, NOT_TWICE)


states = st.sampled_from(["pending", "running", "success", "failed"])
kinds = st.lists(st.sampled_from(["", ", critical: false", ", priority: 3"]), min_size=5, max_size=5)


@settings(max_examples=40, deadline=None)
@given(st.lists(states, min_size=5, max_size=5), kinds, kinds, st.sets(st.integers(0, 6)))
def test_what_is_read_back_is_what_was_made_of_it_and_finished_steps_stay(
    before: Sequence[str], old: Sequence[str], new: Sequence[str], kept: set[int]
) -> None:
    names = [f"s{n}" for n in range(7)]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        given_states = dict(zip(names, before, strict=False))
        runs = given_run(root, flow(*map(" ".join, zip(names, old, strict=False))), **given_states)
        text = flow(*(f"s{n} {new[n] if n < 5 else ''}" for n in sorted(kept | {6})))
        (root / "flow.yaml").write_text(text)
        lost = [n for n in range(5) if before[n] == "success" and (n not in kept or old[n] != new[n])]
        if lost:
            with pytest.raises(Conflict):
                runs.retry_anew(RUN)
            assert statuses(runs.store.require(RUN)) == given_states
            return
        runs.retry_anew(RUN)
        run = runs.store.require(RUN)
        runs.store.close()
        for index in (root / "runs" / ".bluelabel").glob("index.db*"):
            index.unlink()
        rebuilt = DAGRunStore(root / "runs")
        again = rebuilt.require(RUN)

        assert again.to_dict() == run.to_dict()
        assert [name for name, state in statuses(run).items() if state == "success"] == [
            f"s{n}" for n in range(5) if before[n] == "success"
        ]
        assert {step.step_id for step in run.steps_in(*OPEN_STEP)} == {
            f"s{n}" for n in kept | {6} if n >= 5 or before[n] != "success"
        }
        assert {step.step_id for step in run.steps_in(S.SKIPPED)} == {f"s{n}" for n in range(5) if n not in kept}
        rebuilt.close()


def attempts_told(root: Path, steps: Sequence[str]) -> list[int]:
    """Drive one step through `steps`, reading it back from the ledger each time; return the attempt at each start."""
    told: list[int] = []
    with DAGRunStore(root) as store:
        run = DAGRun("d", RUN)
        run.add_step("a", 5)
        store.create(run)
        for move in steps:
            run = store.require(RUN)
            step = run.get_step("a")
            if move == "start":
                if run.status is not DAGRunStatus.RUNNING:
                    run.start()
                step.start()
                told.append(step.attempt)
            elif move == "killed":
                take_up(run)
            elif move == "retry":
                assert step.retry("no")
            elif move == "fail":
                step.fail("no")
                run.fail("a")
            elif move == "cancel":
                run.cancel()
            elif move == "from":
                reopen(run, "a")
            else:
                reopen(run)
            numbers = run.get_step("a").attempt
            store.update(run)
            assert store.require(RUN).get_step("a").attempt == numbers
    return told


@pytest.mark.parametrize(
    ("moves", "told"),
    [
        (["start", "killed", "start"], [1, 2]),
        (["start", "killed", "start", "killed", "start"], [1, 2, 3]),
        (["start", "retry", "start", "killed", "start"], [1, 2, 3]),
        (["start", "killed", "start", "retry", "start"], [1, 2, 3]),
        (["start", "from", "start"], [1, 2]),
        (["start", "retry", "start", "from", "start"], [1, 2, 3]),
        (["start", "cancel", "again", "start"], [1, 2]),
        (["start", "fail", "again", "start"], [1, 1]),
        (["start", "killed", "start", "fail", "again", "start", "killed", "start"], [1, 2, 1, 2]),
        (["start", "killed", "from", "start"], [1, 2]),
    ],
)
def test_every_beginning_is_an_attempt_until_somebody_retries_what_had_ended(
    tmp_path: Path, moves: list[str], told: list[int]
) -> None:
    assert attempts_told(tmp_path, moves) == told


def test_an_interruption_costs_no_retry_and_errors_say_which_attempt_it_was(tmp_path: Path) -> None:
    with DAGRunStore(tmp_path) as store:
        run = DAGRun("d", RUN)
        step = run.add_step("a", 1)
        run.start()
        step.start()
        take_up(run)
        step.start()
        assert step.retry("first")
        step.start()
        step.fail("second")
        run.fail("a")
        store.create(run)
        entries = store.require(RUN).get_step("a").metadata["error_history"]

    assert [entry["attempt"] for entry in entries] == [2, 3]
    assert run.to_dict()["metadata"]["step_failures"][0]["attempts"] == 3


def test_what_must_not_run_twice_is_told_the_second_attempt_once_somebody_has_looked(tmp_path: Path) -> None:
    runs = given_run(tmp_path, flow("a , durable_start: true"), a="running")
    run = runs.store.require(RUN)
    take_up(run)
    run.fail("a")
    reopen(run)
    runs.store.update(run)

    assert (run.get_step("a").attempt, runs.store.require(RUN).get_step("a").attempt) == (2, 2)
