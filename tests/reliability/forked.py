"""The client of `zygote`: runs commands in forked interpreters, plain or with strace attached."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

TIMEOUT = -999


class Zygote:
    """One server, used by one thread at a time.

    Args:
        options: what to build in, as `reliability.launch` takes it.
        env: the environment of the server.
    """

    def __init__(self, options: Sequence[str], env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "reliability.zygote", *options],
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def learn(self, names: Sequence[str]) -> None:
        """Import modules, so that no child has to."""
        self._ask({"import": list(names)})

    def run(
        self,
        words: Sequence[str],
        where: Path,
        out: Path,
        err: Path,
        patience: float,
        *,
        strace: Sequence[str] = (),
        boot: str | None = None,
        learn: Path | None = None,
        append: bool = False,
    ) -> int:
        """Run one command to its end; with `strace` (its arguments) under strace. Returns its exit status.

        After `patience` seconds it is killed, with all that it started, and the answer is `TIMEOUT`.
        """
        request = {"run": list(words), "cwd": str(where), "out": str(out), "err": str(err), "stop": bool(strace)}
        request |= {"boot": boot, "learn": str(learn) if learn else None, "append": append}
        pid = int(self._ask(request)["pid"])
        tracer = _attached(pid, strace) if strace else None
        late = not _ended(pid, patience)
        if late:
            _kill(pid)
        status = int(self._ask({"wait": pid})["status"])
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        if tracer is not None:
            _finished(tracer)
        return TIMEOUT if late else status

    def close(self) -> None:
        """End the server."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the server has ended")
        found: dict[str, Any] = json.loads(answer)
        return found


class Zygotes:
    """As many servers as threads ask for at once, kept for the next one."""

    def __init__(self, options: Sequence[str], env: Mapping[str, str]) -> None:
        self._options, self._env = options, env
        self._free: queue.LifoQueue[Zygote] = queue.LifoQueue()
        self._names: list[str] = []

    def run(self, *arguments: Any, **options: Any) -> int:
        """Run a command in one of the servers; see `Zygote.run`."""
        try:
            server = self._free.get_nowait()
        except queue.Empty:
            server = Zygote(self._options, self._env)
            server.learn(self._names)
        status = server.run(*arguments, **options)
        learnt: Path | None = options.get("learn")
        if learnt is not None and learnt.exists():
            found = [name for name in learnt.read_text().split("\n") if not name.startswith("_")]
            self._names += [name for name in found if name not in self._names]
            server.learn(self._names)
        self._free.put(server)
        return status

    def teach(self, commands: Sequence[Sequence[str]], where: Path, files: Path, patience: float) -> None:
        """Run commands in a workspace that nobody needs, so that the servers import what these need once for all."""
        for words in commands:
            out, err, modules = (files / name for name in ("out", "err", "modules"))
            self.run(words, where, out, err, patience, learn=modules)

    def close(self) -> None:
        """End all servers."""
        while True:
            try:
                self._free.get_nowait().close()
            except queue.Empty:
                return


def _kill(pid: int) -> None:
    """Kill a process with its session, or alone where it had no time to start one."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _attached(pid: int, strace: Sequence[str]) -> subprocess.Popen[bytes]:
    """Attach strace to a stopped process, then let it go on."""
    _until(lambda: _state(pid) in ("T", "Z"), 10)
    tracer = subprocess.Popen([*strace, "-p", str(pid)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _until(lambda: _field(pid, "TracerPid") not in ("0", ""), 10)
    os.kill(pid, signal.SIGCONT)
    return tracer


def _finished(tracer: subprocess.Popen[bytes]) -> None:
    try:
        tracer.wait(5)
    except subprocess.TimeoutExpired:
        tracer.kill()
        tracer.wait()


def _ended(pid: int, patience: float) -> bool:
    return _until(lambda: _state(pid) in ("Z", "X", ""), patience)


def _until(condition: Any, patience: float) -> bool:
    limit = time.monotonic() + patience
    pause = 0.001
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)
    return True


def _state(pid: int) -> str:
    return _field(pid, "State")[:1]


def _field(pid: int, name: str) -> str:
    try:
        text = Path(f"/proc/{pid}/status").read_text(errors="replace")
    except OSError:
        return ""
    return next((line.split(None, 1)[1] for line in text.splitlines() if line.startswith(name + ":")), "")
