"""What a trace keeps of paths: enough to find the line, nothing of the machine."""

from __future__ import annotations

import asyncio
import sys
import sysconfig
import traceback
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bluelabel.services.workflow.dag_run_store import DAGRunStore
from bluelabel.services.workflow.dag_runner import StatefulDAGRunner
from bluelabel.services.workflow.trace.paths import portable

ROOT = "/home/somebody/a project"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"{ROOT}/steps/publish.py", "steps/publish.py"),
        (f"{ROOT}/.venv/lib/python3.12/site-packages/httpx/_client.py", "site-packages/httpx/_client.py"),
        ("/usr/lib/python3/dist-packages/yaml/__init__.py", "dist-packages/yaml/__init__.py"),
        ("/opt/python/lib/python3.12/asyncio/base_events.py", "python3.12/asyncio/base_events.py"),
        ("/opt/python/lib/python3.14t/json/decoder.py", "python3.14t/json/decoder.py"),
        ("/home/somebody/bluelabel/src/bluelabel/agents/fetch.py", "bluelabel/agents/fetch.py"),
        ("/home/somebody/elsewhere/deep/tool.py", "…/deep/tool.py"),
        ("/tool.py", "…/tool.py"),
        (f"{ROOT} of mine/steps/publish.py", "…/steps/publish.py"),
        (f"{ROOT}/..hidden/x.py", "..hidden/x.py"),
        ("steps/publish.py", "steps/publish.py"),
        ("<string>", "<string>"),
        ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>"),
    ],
)
def test_a_file_is_named_without_the_machine(path: str, shown: str) -> None:
    assert portable(f'  File "{path}", line 7, in work\n', ROOT) == f'  File "{shown}", line 7, in work\n'


def test_paths_of_the_workspace_are_relative_in_messages_and_source_lines_too() -> None:
    text = f"FileNotFoundError: [Errno 2] No such file or directory: '{ROOT}/data/x.json'\n"

    assert portable(text, ROOT) == "FileNotFoundError: [Errno 2] No such file or directory: 'data/x.json'\n"
    assert portable(text, f"{ROOT}/") == portable(text, ROOT)


@pytest.mark.parametrize("text", [f"/mnt{ROOT}/x", f"{ROOT}", f"{ROOT}/ and more", "…", ""])
def test_what_only_looks_like_the_workspace_is_left(text: str) -> None:
    assert portable(text, ROOT) == text


@pytest.mark.parametrize("root", ["/", ""])
def test_a_workspace_at_the_top_of_the_disk_makes_nothing_relative(root: str) -> None:
    assert portable("cannot read /etc/x\n", root) == "cannot read /etc/x\n"
    assert portable('  File "/etc/x/y.py", line 1, in <module>\n', root) == '  File "…/x/y.py", line 1, in <module>\n'


def test_a_real_trace_of_a_group_with_causes_keeps_its_lines_and_names_no_folder_of_this_machine() -> None:
    def broken() -> None:
        try:
            int("x")
        except ValueError as error:
            raise ExceptionGroup("two", [error, KeyError("k")]) from error

    try:
        broken()
    except ExceptionGroup as group:
        text = "".join(traceback.format_exception(group))
    shown = portable(text, str(Path(__file__).parents[3]))

    assert 'File "tests/unit/workflow_engine/test_trace_paths.py"' in shown
    assert shown.count("\n") == text.count("\n")
    assert '"/' not in shown


def test_a_trace_through_libraries_names_no_folder_of_this_machine(tmp_path: Path) -> None:
    try:
        yaml.safe_load("a: [")
    except yaml.YAMLError as error:
        text = "".join(traceback.format_exception(error))
    shown = portable(text, str(tmp_path))

    assert 'File "site-packages/yaml/' in shown
    assert sysconfig.get_path("purelib") not in shown
    assert sys.prefix not in shown


@given(st.text(alphabet='/ab.-" \nFile,line1', max_size=60), st.sampled_from(["/a", "/a/b", ROOT, "/"]))
def test_any_text_gives_text_with_as_many_lines_and_doing_it_twice_changes_nothing(text: str, root: str) -> None:
    once = portable(text, root)

    assert once.count("\n") == text.count("\n")
    assert portable(once, root) == once


def test_the_snapshot_of_a_failed_run_names_no_folder_of_this_machine(tmp_path: Path) -> None:
    def work() -> None:
        yaml.safe_load("a: [")

    store = DAGRunStore(tmp_path / "data" / "dag_runs")
    runner = StatefulDAGRunner("dag", store, "run-1")
    runner.register_step("one", work, max_retries=0)
    asyncio.run(runner.execute())
    store.close()
    text = (tmp_path / "data" / "dag_runs" / "run_run-1.json").read_text()

    assert "in work" in text
    assert sys.prefix not in text
    assert str(Path(__file__).parent) not in text
