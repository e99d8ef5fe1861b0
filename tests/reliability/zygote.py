"""Starts the interpreter once and forks it for every run: a sweep of a thousand runs then imports nothing anew.

The server reads one JSON request a line on stdin and answers each with one line on stdout:

    {"run": [words], "cwd": …, "out": …, "err": …, "append": …, "stop": …, "env": {…}, "boot": …, "learn": …}
        -> {"pid": …}
    {"wait": pid} -> {"status": …}

The words are those of ``bluelabel``, or ``-m``, a module and its arguments.

A child that is to be traced stops itself before it does anything, so that strace can be there from its first call.

    python -m reliability.zygote [--bug NAME] [--segment-bytes N]
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from runpy import run_module
from typing import Any

from reliability.launch import prepare

from bluelabel.services.ledger.clock import SystemClock


def serve(options: list[str]) -> int:
    """Answer requests until stdin ends; in a child, return the exit code of its command."""
    prepare([*options, "--"])
    gc.freeze()
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            _answer(status=os.waitstatus_to_exitcode(status))
        elif "import" in request:
            for name in request["import"]:
                with suppress(ImportError):
                    import_module(name)
            _answer(imported=len(request["import"]))
        elif pid := os.fork():
            _answer(pid=pid)
        else:
            return _run(request)
    return 0


def _answer(**values: int) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def _run(request: dict[str, Any]) -> int:
    os.setsid()
    os.chdir(request["cwd"])
    empty = os.open(os.devnull, os.O_RDONLY)
    mode = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if request.get("append") else os.O_TRUNC)
    out, err = (os.open(request[key], mode, 0o600) for key in ("out", "err"))
    for fd, standard in ((empty, 0), (out, 1), (err, 2)):
        os.dup2(fd, standard)
        os.close(fd)
    os.environ.update(request.get("env", {}))
    boot = request.get("boot")
    if boot:
        SystemClock.boot = lambda _self: boot  # type: ignore[method-assign, assignment]
    if request.get("stop"):
        os.kill(os.getpid(), signal.SIGSTOP)
    try:
        _main(request["run"])
    except SystemExit as leaving:
        if request.get("learn"):
            Path(request["learn"]).write_text("\n".join(sorted(sys.modules)), encoding="utf-8")
        return leaving.code if isinstance(leaving.code, int) else 0
    return 0


def _main(words: list[str]) -> None:
    if words[:1] == ["-m"]:
        sys.argv[1:] = words[2:]
        run_module(words[1], run_name="__main__", alter_sys=True)
        return
    from bluelabel.apps.cli.main import main

    sys.argv[1:] = words
    main()


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1:]))
