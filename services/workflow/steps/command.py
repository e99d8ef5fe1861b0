"""Steps that a program does: an argument list, never a shell."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from bluelabel.interfaces import strict_json
from bluelabel.interfaces.errors import BluelabelError
from bluelabel.services.workflow.dag_runner_interface import StepContext
from bluelabel.services.workflow.definition.definition import StepSpec
from bluelabel.services.workflow.engine.retry import PermanentFailure, StepFailure
from bluelabel.services.workflow.expressions.evaluate import render
from bluelabel.services.workflow.steps.processes import Footprint, end_group
from bluelabel.services.workflow.steps.services import Tools

KEPT: Final = 64 * 1024
"""Bytes kept of each of stdout and stderr: the end of it."""

_CHUNK = 16 * 1024


class CommandFailed(StepFailure):
    """A program ended with another exit code than 0, or by a signal."""


def command_step(spec: StepSpec, tools: Tools) -> Callable[[StepContext], Any]:
    """Return the work of a command step.

    The program finds the step's `input` as JSON on stdin, and in its environment BLUELABEL_RUN_ID, BLUELABEL_STEP_ID,
    BLUELABEL_ATTEMPT, BLUELABEL_INTERRUPTIONS and BLUELABEL_IDEMPOTENCY_KEY (see `StepContext`). The result
    holds `exit_code`, `stdout`, `stderr` and, where stdout is a JSON object or list, `json`. Output is a sign of life.
    """

    async def work(context: StepContext) -> Any:
        arguments = _arguments(spec, context)
        given = json.dumps(render(dict(spec.input), context.names)).encode() if spec.input else b""
        footprint = Footprint(tools.store.home / "runs" / context.run_id / f"{context.step_id}.pid")
        footprint.end_leftover()
        mark, process = footprint.promise(), None
        try:
            process = await _begin(arguments, context, tools, mark)
            footprint.leave(process.pid)
            code, out, err = await _talk(process, given, context)
        finally:
            if process is not None and process.returncode is None:
                await asyncio.shield(end_group(process, tools.grace))
            footprint.wipe()
        if code != 0:
            raise CommandFailed(_failure(code, out, err))
        return _result(code, out, err)

    return work


def _arguments(spec: StepSpec, context: StepContext) -> list[str]:
    if isinstance(spec.target, str):
        raise PermanentFailure("a command is a list of arguments, not a text")
    rendered = [render(argument, context.names) for argument in spec.target]
    arguments = [item if isinstance(item, str) else strict_json.dumps(item) for item in rendered]
    if any("\0" in argument for argument in arguments):
        raise PermanentFailure("an argument holds a NUL character")
    return arguments


async def _begin(
    arguments: list[str], context: StepContext, tools: Tools, mark: Mapping[str, str]
) -> asyncio.subprocess.Process:
    facts = {
        **mark,
        "BLUELABEL_RUN_ID": context.run_id,
        "BLUELABEL_STEP_ID": context.step_id,
        "BLUELABEL_ATTEMPT": str(context.attempt),
        "BLUELABEL_INTERRUPTIONS": str(context.interruptions),
        "BLUELABEL_IDEMPOTENCY_KEY": context.key,
    }
    pipe = asyncio.subprocess.PIPE
    beginning = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *arguments,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            cwd=tools.root,
            env={**(tools.environment or os.environ), **facts},
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        # Cut off in the middle of it, asyncio would wait for ever, and would leave the program's children alone.
        await end_group(await beginning, tools.grace)
        raise
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        raise PermanentFailure(f"cannot run {arguments[0]!r} ({error.strerror})") from error


async def _talk(process: asyncio.subprocess.Process, given: bytes, context: StepContext) -> tuple[int, bytes, bytes]:
    pipes = process.stdin, process.stdout, process.stderr
    if pipes[0] is None or pipes[1] is None or pipes[2] is None:  # pragma: no cover - all three were asked for
        raise PermanentFailure("the program has no pipes")
    async with asyncio.TaskGroup() as group:
        group.create_task(_feed(pipes[0], given))
        out = group.create_task(_drain(pipes[1], context))
        err = group.create_task(_drain(pipes[2], context))
    return await process.wait(), out.result(), err.result()


async def _feed(stdin: asyncio.StreamWriter, given: bytes) -> None:
    try:
        stdin.write(given)
        await stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        pass  # the program does not want its input
    finally:
        stdin.close()


async def _drain(stream: asyncio.StreamReader, context: StepContext) -> bytes:
    kept = bytearray()
    while chunk := await stream.read(_CHUNK):
        context.heartbeat()
        kept += chunk
        del kept[:-KEPT]
    return bytes(kept)


def _result(code: int, out: bytes, err: bytes) -> dict[str, Any]:
    text = out.decode("utf-8", "replace")
    result: dict[str, Any] = {"exit_code": code, "stdout": text, "stderr": err.decode("utf-8", "replace")}
    if text.lstrip()[:1] in ("{", "["):
        try:
            result["json"] = strict_json.loads(text, "stdout")
        except BluelabelError:
            return result
    return result


def _failure(code: int, out: bytes, err: bytes) -> str:
    how = f"exit code {code}" if code > 0 else f"ended by signal {-code}"
    said = (err.strip() or out.strip()).decode("utf-8", "replace")
    return f"{how}: {said[-2000:]}" if said else how
