"""CommandAgent: hands the work to a program, such as a coding agent's command line, and reads its answer.

The program gets the AgentInput as JSON on stdin (or inside a prompt, for the shipped templates) and these variables:
BLUELABEL_AGENT, BLUELABEL_TASK_ID, BLUELABEL_ATTEMPT, BLUELABEL_MESSAGE_ID and BLUELABEL_IDEMPOTENCY_KEY, as far as
they are known.

It answers on stdout: an AgentOutput as JSON, alone or at the end, or plain text, or either of them in the machine
format of a known command line. Exit code 0 means success unless the answer says otherwise, or is none where there must
be one; any other is an error.
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

from bluelabel.agents.answers import read_answer
from bluelabel.agents.base_agent import ANSWERED, BaseAgent
from bluelabel.agents.command_spec import TEMPLATES, CommandSpec
from bluelabel.agents.plain_text import clean, last_lines, one_line
from bluelabel.agents.process_group import Cancellation, Ending, Finished, run_command
from bluelabel.interfaces import strict_json
from bluelabel.interfaces.agent_models import AgentCapability, AgentInput, AgentOutput, AgentStatus
from bluelabel.interfaces.errors import NotFound, machine_error

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
        said = read_answer(printed, self.spec.answer, told)
        facts = {**said.metadata, **facts}
        error = self._error(finished, said, told)
        if error is None:
            return said.model_copy(update={"task_id": agent_input.task_id, "metadata": facts})
        facts.setdefault("retryable", self.spec.retry and finished.exit_code not in self.spec.final_exit_codes)
        facts["stderr"] = told[-_TAIL_CHARS:]
        facts["stdout"] = clean(printed[-_TAIL_CHARS:]).strip()
        if finished.cut and said.metadata.get(ANSWERED) is False:
            facts["hint"] = f"more than {self.spec.output_bytes:,} bytes were printed: raise output_bytes"
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
        is_said = said.status is AgentStatus.ERROR and said.metadata.get(ANSWERED) is not False
        code = finished.exit_code
        how = f"exit code {code}" if code > 0 else f"signal {_signal_name(-code)}"
        last = (said.error if is_said else None) or last_lines(told, 1) or said.error
        return one_line(f"the command ended with {how}" + (f": {last}" if last else ""))


_OURS: Final = frozenset({"BLUELABEL_AGENT", "BLUELABEL_TASK_ID", *_VARIABLES})


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
