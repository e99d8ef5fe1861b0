"""Commands run with limits, by real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluelabel.agents.process_group import Cancellation, Ending, Finished, _Capture, run_command

LEASH = Path(sys.modules[run_command.__module__].__file__ or "").with_name("parent_death_signal.py")


def run(
    code: str,
    *,
    stdin: bytes = b"",
    timeout: float = 30.0,
    grace: float = 5.0,
    cap: int = 1_000_000,
    cancellation: Cancellation | None = None,
    cwd: Path | None = None,
) -> Finished:
    switch = cancellation or Cancellation()
    try:
        return run_command(
            [sys.executable, "-I", "-S", "-c", code],
            stdin=stdin,
            cwd=cwd or Path.cwd(),
            env=dict(os.environ),
            timeout=timeout,
            grace=grace,
            cap=cap,
            cancellation=switch,
        )
    finally:
        if cancellation is None:
            switch.close()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone_within(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def test_output_and_exit_code_come_back() -> None:
    finished = run("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")

    assert (finished.ending, finished.exit_code) == (Ending.EXITED, 3)
    assert (finished.stdout, finished.stderr, finished.cut) == (b"out\n", b"err\n", False)


def test_a_large_input_and_a_large_output_pass_each_other() -> None:
    text = b"x" * 3_000_000
    finished = run("import sys; sys.stdout.write(sys.stdin.read())", stdin=text, cap=4_000_000)

    assert finished.stdout == text


def test_a_command_that_does_not_read_is_no_error() -> None:
    assert run("print('done')", stdin=b"x" * 1_000_000).stdout == b"done\n"


def test_of_output_over_the_cap_head_and_tail_are_kept() -> None:
    finished = run("print('a' + 'x' * 1000000 + 'z', end='')", cap=100)

    assert finished.cut
    assert finished.stdout == b"a" + b"x" * 49 + "\n[… 999902 bytes left out …]\n".encode() + b"x" * 49 + b"z"


@given(st.lists(st.text(min_size=1).map(str.encode), max_size=20), st.integers(1, 60))
def test_what_is_kept_is_the_beginning_and_the_end_in_whole_characters(pieces: list[bytes], cap: int) -> None:
    capture, whole = _Capture(cap), b"".join(pieces)
    for piece in pieces:
        capture.add(piece)
    head, mark, tail = capture.text().decode().partition("\n[… ")
    missing, _, end = tail.partition(" bytes left out …]\n")

    assert capture.cut == (len(whole) > cap)
    if not capture.cut:
        assert capture.text() == whole
        return
    assert mark
    assert whole.startswith(head.encode())
    assert whole.endswith(end.encode())
    assert len(head.encode()) + len(end.encode()) + int(missing) == len(whole)
    assert len(head.encode()) + len(end.encode()) > cap - 7


def test_bytes_that_are_no_text_are_kept_as_they_are() -> None:
    capture = _Capture(8)
    capture.add(b"\xff" * 9)

    assert capture.text() == b"\xff" * 4 + "\n[… 1 bytes left out …]\n".encode() + b"\xff" * 4


def test_the_command_is_alone_in_a_session_of_its_own() -> None:
    finished = run("import os; print(os.getsid(0) == os.getpid() == os.getpgrp())")

    assert finished.stdout == b"True\n"


def run_until_up(code: str, folder: Path, *, grace: float) -> Finished:
    """Run `code`, which calls up() when it is ready, and press the switch then."""
    fifo = folder / "up"
    os.mkfifo(fifo)
    switch = Cancellation()

    def press() -> None:
        fifo.read_text()
        switch.press()
        switch.press()

    presser = threading.Thread(target=press)
    presser.start()
    finished = run(f"def up(): open({str(fifo)!r}, 'w').close()\n{code}", grace=grace, cancellation=switch)
    presser.join()
    switch.close()
    switch.close()
    switch.press()
    return finished


def test_at_the_end_of_its_time_the_command_is_ended() -> None:
    finished = run("import time; time.sleep(60)", timeout=0.3)

    assert (finished.ending, finished.exit_code) == (Ending.TIMEOUT, -signal.SIGTERM)
    assert finished.seconds < 30


def test_a_command_that_is_asked_to_end_may_say_goodbye(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time\n"
        "def bye(*_): print('bye', flush=True); sys.exit(9)\n"
        "signal.signal(signal.SIGTERM, bye); print('here', flush=True); up(); time.sleep(60)"
    )
    finished = run_until_up(code, tmp_path, grace=20)

    assert (finished.ending, finished.exit_code, finished.stdout) == (Ending.CANCELLED, 9, b"here\nbye\n")


def test_a_command_that_will_not_end_is_killed(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); up(); time.sleep(60)"
    finished = run_until_up(code, tmp_path, grace=0.1)

    assert (finished.ending, finished.exit_code) == (Ending.CANCELLED, -signal.SIGKILL)
    assert finished.seconds < 30


@pytest.mark.parametrize("stubborn", [False, True])
def test_the_whole_process_group_ends_with_the_command(tmp_path: Path, stubborn: bool) -> None:
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " if stubborn else ""
    child = f"{ignore}import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    code = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, '-I', '-S', '-c', {child!r}], stdout=subprocess.PIPE)\n"
        "print(p.stdout.readline().decode(), flush=True); up(); time.sleep(60)"
    )
    finished = run_until_up(code, tmp_path, grace=0.3)

    assert finished.ending is Ending.CANCELLED
    assert gone_within(int(finished.stdout), 10)


def test_what_a_command_leaves_in_the_background_is_ended() -> None:
    child = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    code = (
        "import subprocess, sys\n"
        f"p = subprocess.Popen([sys.executable, '-I', '-S', '-c', {child!r}], stdout=subprocess.PIPE)\n"
        "print(p.stdout.readline().decode(), flush=True)"
    )
    finished = run(code)

    assert (finished.ending, finished.exit_code) == (Ending.EXITED, 0)
    assert gone_within(int(finished.stdout), 5)
    assert finished.seconds < 20


def test_output_held_open_from_another_session_does_not_hold_the_worker() -> None:
    child = "import os, sys, time; os.setsid(); print(os.getpid(), file=sys.stderr, flush=True); time.sleep(60)"
    code = (
        "import subprocess, sys\n"
        f"p = subprocess.Popen([sys.executable, '-I', '-S', '-c', {child!r}], stderr=subprocess.PIPE)\n"
        "print(p.stderr.readline().decode(), flush=True)"
    )
    finished = run(code, grace=0.1)
    os.kill(int(finished.stdout), signal.SIGKILL)

    assert (finished.ending, finished.exit_code) == (Ending.EXITED, 0)
    assert finished.seconds < 20


def test_a_switch_that_is_pressed_already_ends_it_at_once() -> None:
    switch = Cancellation()
    switch.press()
    finished = run("import time; time.sleep(60)", cancellation=switch)
    switch.close()

    assert finished.ending is Ending.CANCELLED


def test_the_command_runs_where_it_is_told(tmp_path: Path) -> None:
    assert run("import os; print(os.getcwd())", cwd=tmp_path).stdout.decode().strip() == str(tmp_path)


def test_a_command_that_cannot_be_started_exits_with_127(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    with_switch = Cancellation()
    finished = run_command(
        [str(broken)],
        stdin=b"",
        cwd=tmp_path,
        env={},
        timeout=10,
        grace=1,
        cap=1000,
        cancellation=with_switch,
    )
    with_switch.close()

    assert finished.exit_code == 127
    assert b"No such file" in finished.stderr


def test_a_directory_that_is_not_there_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run("", cwd=tmp_path / "nothing")


def test_no_descriptors_are_left_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        run("print('x')")

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_command_ends_when_its_worker_is_killed() -> None:
    """The parent dies by SIGKILL and can end nothing; the kernel ends the command for it."""
    child = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    code = (
        "import os, subprocess, sys\n"
        f"p = subprocess.Popen([sys.executable, '-I', '-S', {str(LEASH)!r}, str(os.getpid()), "
        f"sys.executable, '-I', '-S', '-c', {child!r}], stdout=subprocess.PIPE, start_new_session=True)\n"
        "print(p.stdout.readline().decode(), flush=True)\n"
        "p.wait()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    was_alive = alive(pid)
    parent.kill()
    parent.communicate()

    assert was_alive
    assert gone_within(pid, 5)


def test_a_command_whose_worker_is_gone_already_does_not_start(tmp_path: Path) -> None:
    made = tmp_path / "made"
    done = subprocess.run([sys.executable, "-I", "-S", str(LEASH), "1", "touch", str(made)])

    assert done.returncode == 127
    assert not made.exists()
