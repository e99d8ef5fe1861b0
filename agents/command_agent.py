"""CommandAgent: hands the work to a program, such as a coding agent's command line, and reads its answer.

The program gets the AgentInput as JSON on stdin (or inside a prompt, for the shipped templates) and these variables:
BLUELABEL_AGENT, BLUELABEL_TASK_ID, BLUELABEL_ATTEMPT, BLUELABEL_MESSAGE_ID and BLUELABEL_IDEMPOTENCY_KEY, as far as
they are known. It answers on stdout: an AgentOutput as JSON, alone or on the last line, or plain text. Exit code 0
means success unless the answer says otherwise; any other is an error.
"""

from __future__ import annotations

import os
import shutil
import signal
import string
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bluelabel.agents.base_agent import BaseAgent
from bluelabel.agents.command_spec import TEMPLATES, Answer, CommandSpec
from bluelabel.agents.inputs import mapping
from bluelabel.agents.plain_text import clean, one_line
from bluelabel.agents.process_group import Cancellation, Ending, Finished, run_command
from bluelabel.interfaces import strict_json
from bluelabel.interfaces.agent_models import AgentCapability, AgentInput, AgentOutput, AgentStatus
from bluelabel.interfaces.errors import BluelabelError, NotFound, UsageError, machine_error

_TAIL_CHARS: Final = 4_000
_VARIABLES: Final = {
    "BLUELABEL_ATTEMPT": "attempt",
    "BLUELABEL_MESSAGE_ID": "message_id",
    "BLUELABEL_IDEMPOTENCY_KEY": "idempotency_key",
}


class CommandAgent(BaseAgent):
    """Runs one command per piece of work.

    What the input says never becomes an argument, a path or part of a command line: it goes to stdin, and ids go to
    the environment. There is no shell.

    Args:
        agent_id: the name it is registered under.
        spec: the command and its limits.
        cwd: where it runs: the worktree of the agent.
        env: the environment to build on; this process's own when None.
    """

    def __init__(
        self, agent_id: str, spec: CommandSpec, *, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        super().__init__("Command", spec.description or f"Runs {Path(spec.command[0]).name}", agent_id)
        self.spec = spec
        self.reads_reports = spec.reports
        self._cwd = cwd or Path.cwd()
        self._env = env
        self._guard = threading.Lock()
        self._running: set[Cancellation] = set()
        parameters = {"stdin": spec.stdin, "timeout_seconds": spec.timeout, "command": list(spec.command)}
        self.add_capability(AgentCapability(name="run_command", description=self.description, parameters=parameters))

    def process(self, agent_input: AgentInput) -> AgentOutput:
        """Run the command to its end.

        Returns:
            What it answered; plain text as ``{"text": …}``. `metadata` has ``exit_code``, ``ending`` (exited, timeout
            or cancelled), ``seconds``, ``output_cut`` and, on an error, the end of ``stderr``.
        """
        return self.attempt(agent_input, self._work)

    def cancel(self) -> None:
        """End the commands that run now, with all their processes."""
        with self._guard:
            for cancellation in self._running:
                cancellation.press()

    def _work(self, agent_input: AgentInput) -> AgentOutput:
        env = self._environment(agent_input)
        self._check_program(env)
        cancellation = Cancellation()
        with self._guard:
            self._running.add(cancellation)
        try:
            finished = run_command(
                self.spec.command,
                stdin=self._stdin(agent_input).encode("utf-8", errors="replace"),
                cwd=self._cwd,
                env=env,
                timeout=self.spec.timeout,
                grace=self.spec.grace,
                cap=self.spec.output_bytes,
                cancellation=cancellation,
            )
        except OSError as error:
            raise machine_error(error, "starting a command", self.spec.command[0]) from None
        finally:
            with self._guard:
                self._running.discard(cancellation)
            cancellation.close()
        return self._output(agent_input, finished)

    def _environment(self, agent_input: AgentInput) -> dict[str, str]:
        env = {**(os.environ if self._env is None else self._env), **self.spec.env}
        env["BLUELABEL_AGENT"] = self.agent_id
        env["BLUELABEL_TASK_ID"] = agent_input.task_id
        for variable, key in _VARIABLES.items():
            if agent_input.metadata.get(key) is not None:
                env[variable] = str(agent_input.metadata[key])
        return {name: one_line(value, 200) if name in _OURS else value for name, value in env.items()}

    def _check_program(self, env: Mapping[str, str]) -> None:
        program = self.spec.command[0]
        found = shutil.which(str(self._cwd / program) if "/" in program else program, path=env.get("PATH"))
        if found is None:
            hint = "install it, or correct the command in bluelabel.toml"
            raise NotFound("no such program", where=ascii(program), hint=hint)

    def _stdin(self, agent_input: AgentInput) -> str:
        handoff = agent_input.model_dump(mode="json")
        if self.spec.stdin == "json":
            return strict_json.dumps(handoff) + "\n"
        # JSON has no line that starts with =, so the text of a handoff cannot end the block that holds it.
        text = strict_json.dumps({**handoff, "attempt": agent_input.metadata.get("attempt", 1)})
        frame = string.Template((TEMPLATES / "handoff.txt").read_text(encoding="utf-8"))
        return frame.substitute(agent=self.agent_id, handoff=text)

    def _output(self, agent_input: AgentInput, finished: Finished) -> AgentOutput:
        printed = finished.stdout.decode("utf-8", errors="replace")
        told = clean(finished.stderr.decode("utf-8", errors="replace")).strip()
        facts: dict[str, Any] = {
            "exit_code": finished.exit_code,
            "ending": finished.ending.value,
            "seconds": round(finished.seconds, 3),
            "output_cut": finished.cut,
        }
        said = read_answer(printed, self.spec.answer)
        facts = {**said.metadata, **facts}
        error = self._error(finished, said, told)
        if error is None:
            return said.model_copy(update={"task_id": agent_input.task_id, "metadata": facts})
        facts.setdefault("retryable", self.spec.retry and finished.exit_code not in self.spec.final_exit_codes)
        facts["stderr"] = told[-_TAIL_CHARS:]
        return AgentOutput(
            task_id=agent_input.task_id, status=AgentStatus.ERROR, result=said.result, error=error, metadata=facts
        )

    def _error(self, finished: Finished, said: AgentOutput, told: str) -> str | None:
        if finished.ending is Ending.TIMEOUT:
            return f"the command ran longer than {self.spec.timeout:g} seconds and was ended"
        if finished.ending is Ending.CANCELLED:
            return "the command was ended on request"
        if finished.exit_code == 0:
            return None if said.status is not AgentStatus.ERROR else said.error or "the command reports an error"
        code = finished.exit_code
        how = f"exit code {code}" if code > 0 else f"signal {_signal_name(-code)}"
        last = said.error or next((line for line in reversed(told.split("\n")) if line.strip()), "")
        return one_line(f"the command ended with {how}" + (f": {last}" if last else ""))


_OURS: Final = frozenset({"BLUELABEL_AGENT", "BLUELABEL_TASK_ID", *_VARIABLES})


def read_answer(printed: str, answer: Answer) -> AgentOutput:
    """Return what a command said on stdout as an output without a task id.

    Args:
        printed: all of stdout.
        answer: where the answer stands in it.
    """
    failed: object = None
    text = printed
    if answer.format == "json":
        whole = _object(printed.strip())
        if whole is not None and isinstance(whole.get(answer.text), str):
            text = whole[answer.text]
            failed = whole.get(answer.failed) if answer.failed else None
        elif whole is not None and answer.failed:
            text, failed = "", whole.get(answer.failed) or "no answer in what it printed"
    said = _handed_back(text)
    if said is None:
        said = AgentOutput(task_id="", status=AgentStatus.SUCCESS, result={"text": clean(text).strip()})
    if failed:
        why = _first_words(failed) or one_line(text) or "the command reports an error"
        said = said.model_copy(update={"status": AgentStatus.ERROR, "error": said.error or why})
    return said


def _handed_back(text: str) -> AgentOutput | None:
    """Return the AgentOutput that `text` is, ends with, or holds in a final fence; None when there is none."""
    stripped = text.strip()
    for candidate in (stripped, stripped.rsplit("\n", 1)[-1], _last_fence(stripped)):
        found = _object(candidate)
        if found is not None and found.get("status") in set(AgentStatus):
            try:
                error = found.get("error")
                return AgentOutput(
                    task_id="",
                    status=AgentStatus(found["status"]),
                    result=mapping(found.get("result"), "result"),
                    error=None if error is None else one_line(str(error)),
                    metadata=mapping(found.get("metadata"), "metadata"),
                )
            except UsageError:
                continue
    return None


def _last_fence(text: str) -> str:
    if not text.endswith("```"):
        return ""
    body = text[:-3]
    return body[body.rfind("```") :].partition("\n")[2].strip() if "```" in body else ""


def _object(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        return mapping(strict_json.loads(text, "stdout"), "stdout")
    except BluelabelError:
        return None


def _first_words(failed: object) -> str:
    if isinstance(failed, str):
        return one_line(failed)
    try:
        return one_line(str(mapping(failed, "error").get("message", "")))
    except UsageError:
        return ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
